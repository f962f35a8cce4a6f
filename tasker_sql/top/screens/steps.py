"""Rows about steps: why one waits, and what is known of it."""

from __future__ import annotations

from typing import Final

from tasker_sql.durations import span
from tasker_sql.rows import StepReason, StepTimings, TaskReason
from tasker_sql.top.answers import StepLine
from tasker_sql.top.snapshot import Place, Snapshot, place_of
from tasker_sql.top.statements import cure_verbs, step_verbs
from tasker_sql.top.table import Column, Row
from tasker_sql.top.words import clock, words

STEP_COLUMNS: Final = (
    Column("step"),
    Column("state"),
    Column("attempt", right=True, rank=1),
    Column("time", right=True),
    Column("what", stretches=True),
)


def why_row(one: TaskReason | StepReason, seen: Snapshot) -> Row:
    steps = one.steps if isinstance(one, TaskReason) else None
    many = f"{steps} steps, such as " if steps and steps > 1 else ""
    place = place_of(one.cause_uuid)
    return Row(
        f"why {one.rank} {one.code}",
        ("why", one.code, None, one.since, many + one.reason),
        (
            ("why", many + one.reason),
            ("cure", one.cure),
            ("who", one.who),
            ("since", clock(one.since)),
            ("until", clock(one.until)),
        ),
        place if place != seen.place else None,
        cure_verbs(one.cure),
    )


def step_row(one: StepLine, timings: StepTimings | None, seen: Snapshot) -> Row:
    moment = one.finished_at or one.started_at or one.enqueued_at
    took = one.finished_at - one.started_at if one.finished_at and one.started_at else moment
    what = {
        "in_progress": f"{one.worker} has it" if one.worker else "its outcome waits",
        "pending": f"waits for {one.waiting_parents} of {len(one.parents)}: "
        + ", ".join(one.parents)
        if one.waiting_parents
        else None,
        "waiting_for_retry": f"again {words(one.next_retry_at, seen.status.at)}: {one.error}",
        "error": one.error,
    }.get(one.state)
    return Row(
        str(one.step_uuid),
        (one.name, one.state, f"{one.attempt}/{one.max_attempts}", took, what),
        (
            ("step", f"{one.name}  {one.step_uuid}"),
            ("handler", f"{one.handler} in {one.namespace}"),
            ("after", ", ".join(one.parents)),
            ("worker", one.worker),
            ("lease ends", one.lease_until),
            ("error", one.error),
            ("failed", clock(one.last_failure_at)),
            ("again", one.next_retry_at),
            ("time went", timings and _went(timings)),
        ),
        Place("step", one.step_uuid),
        step_verbs(one.step_uuid, one.state),
    )


def _went(one: StepTimings) -> str:
    """Where the task's time went, from this step."""
    parts = ("waiting", "queued", "backing_off", "running", "lost", "failed", "afterwards")
    told = [(part, getattr(one, part)) for part in (*parts, "finalizing")]
    return ", ".join(f"{part.replace('_', ' ')} {span(time)}" for part, time in told if time)
