"""One task, and one step."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tasker_sql import drawing
from tasker_sql.rows import (
    BlamedStep,
    StepReason,
    TaskReason,
)
from tasker_sql.top.answers import (
    Change,
    StepLine,
    TaskHead,
)
from tasker_sql.top.questions import MOST_STEPS
from tasker_sql.top.snapshot import Place, Snapshot, place_of
from tasker_sql.top.statements import (
    cure_verbs,
    step_verbs,
    task_verbs,
)
from tasker_sql.top.table import Column, Row, View, view_of
from tasker_sql.top.words import clock, span, words


def task(seen: Snapshot) -> View:
    """One task: what it waits for, then its steps."""
    head = seen.of(TaskHead)[0]
    steps = seen.of(StepLine)
    rows = [_why(one, seen) for one in seen.of(TaskReason)]
    rows += [_step(one, seen) for one in steps]
    paused = f", paused by {head.paused_by}: {head.pause_reason}" if head.paused else ""
    title = (
        f"{head.namespace}/{head.name}@{head.version}  {head.task_uuid}\n"
        f"{head.state}, {head.completed_steps} of {head.total_steps} steps done{paused}"
    )
    if len(steps) < head.total_steps:
        title += f" (the first {MOST_STEPS} are shown)"
    view = view_of(seen, title, STEP_COLUMNS, rows, "No steps.")
    dag = {one.name: one.parents for one in steps}
    complete = len(steps) == head.total_steps
    is_paused = any(one.code == "task_paused" for one in seen.of(TaskReason))  # it, not a part
    return replace(
        view,
        verbs=task_verbs(head.task_uuid, head.state, "resume" if is_paused else "pause"),
        picture=drawing.text(dag, {one.name: one.state for one in steps}) if complete else "",
    )


STEP_COLUMNS: Final = (
    Column("step"),
    Column("state"),
    Column("attempt", right=True, rank=1),
    Column("time", right=True),
    Column("what", stretches=True),
)


def _why(one: TaskReason | StepReason, seen: Snapshot) -> Row:
    steps = one.steps if isinstance(one, TaskReason) else None
    many = f"{steps} steps, such as " if steps and steps > 1 else ""
    place = place_of(one.cause_uuid)
    return Row(
        f"why {one.rank} {one.code}",
        ("why", one.code, None, one.since, many + one.reason),
        (
            ("blocks" if one.blocks else "waits", many + one.reason),
            ("cure", one.cure),
            ("who", one.who),
            ("since", clock(one.since)),
            ("until", clock(one.until)),
        ),
        place if place != seen.place else None,
        cure_verbs(one.cure),
    )


def _step(one: StepLine, seen: Snapshot) -> Row:
    moment = one.finished_at or one.started_at or one.enqueued_at
    blamed = seen.of(BlamedStep)
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
            ("time went", next((_went(b) for b in blamed if b.step_uuid == one.step_uuid), None)),
        ),
        Place("step", one.step_uuid),
        step_verbs(one.step_uuid, one.state),
    )


def _went(one: BlamedStep) -> str:
    """Where the task's time went, from this step."""
    parts = ("waiting", "queued", "backing_off", "running", "lost", "failed", "afterwards")
    told = [(part, getattr(one, part)) for part in (*parts, "finalizing")]
    return ", ".join(f"{part.replace('_', ' ')} {span(time)}" for part, time in told if time)


def step(seen: Snapshot) -> View:
    """One step: why it is not running, then what happened to it, the newest first."""
    head, one = seen.of(TaskHead)[0], seen.of(StepLine)[0]
    rows = [_why(reason, seen) for reason in seen.of(StepReason)]
    rows.append(replace(_step(one, seen), opens=None))
    rows += [_change(number, change) for number, change in enumerate(seen.of(Change))]
    title = (
        f"{one.name} of {head.namespace}/{head.name}  {one.step_uuid}\n"
        f"{one.state}, attempt {one.attempt} of {one.max_attempts}; its task is {head.state}"
    )
    view = view_of(seen, title, STEP_COLUMNS, rows, "Nothing happened yet.")
    return replace(view, verbs=step_verbs(one.step_uuid, one.state))


def _change(number: int, one: Change) -> Row:
    reason = f": {one.reason}" if one.reason else ""
    return Row(
        f"change {number} {one.at}",
        ("history", one.to_state, None, one.at, f"by {one.actor}{reason}"),
        (
            ("change", f"{one.from_state or 'nothing'} -> {one.to_state}"),
            ("at", clock(one.at)),
            ("by", f"{one.actor} ({one.application})"),
            ("reason", one.reason),
        ),
    )
