"""One step."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from tasker_sql.durations import span
from tasker_sql.rows import StepReason, StepTimings
from tasker_sql.top.answers import Act, AttemptLine, StepLine, TaskHead
from tasker_sql.top.screens.acts import act_row
from tasker_sql.top.screens.steps import STEP_COLUMNS, step_row, why_row
from tasker_sql.top.snapshot import Snapshot
from tasker_sql.top.statements import step_verbs
from tasker_sql.top.table import Row, View, view_of
from tasker_sql.top.words import clock


def step(seen: Snapshot) -> View:
    """Why a step is not running; then its attempts and what operators did, the newest first."""
    head, one = seen.of(TaskHead)[0], seen.of(StepLine)[0]
    rows = [why_row(reason, seen) for reason in seen.of(StepReason)]
    rows.append(replace(step_row(one, next(iter(seen.of(StepTimings)), None), seen), opens=None))
    past = [(act.at, act_row(act)) for act in seen.of(Act)]
    past += [(_moment(tried), _attempt(tried)) for tried in seen.of(AttemptLine)]
    rows += [row for _, row in sorted(past, key=lambda told: told[0], reverse=True)]
    title = (
        f"{one.name} of {head.namespace}/{head.name}  {one.step_uuid}",
        f"{one.state}, attempt {one.attempt} of {one.max_attempts}; its task is {head.state}",
    )
    view = view_of(seen, title, STEP_COLUMNS, rows, "Nothing happened yet.")
    return replace(view, verbs=step_verbs(one.step_uuid, one.state))


def _moment(one: AttemptLine) -> datetime:
    """When an attempt ended, or as much of that as is known."""
    return one.ended_at or one.started_at or one.enqueued_at or NEVER


NEVER: Final = datetime.min.replace(tzinfo=UTC)


def _attempt(one: AttemptLine) -> Row:
    ran = one.ended_at - one.started_at if one.ended_at and one.started_at else None
    queued = one.started_at - one.enqueued_at if one.started_at and one.enqueued_at else None
    final = ", for good" if one.retryable is False else ""
    who = f"at {one.worker}" if one.worker else ""
    for_so_long = f" for {span(ran)}" if ran is not None else ""
    error = f": {one.error}" if one.error else ""
    return Row(
        f"attempt {one.started_at} {one.attempt}",
        ("attempt", one.outcome, one.attempt, _moment(one), f"{who}{for_so_long}{error}".strip()),
        (
            ("error", one.error),
            ("attempt", f"{one.attempt} {one.outcome}{final}"),
            ("worker", one.worker),
            ("waited in the queue", queued),
            ("ran", ran),
            ("began", clock(one.started_at)),
            ("ended", clock(one.ended_at)),
            ("next attempt", clock(one.next_retry_at)),
        ),
    )
