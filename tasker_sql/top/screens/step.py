"""One step."""

from __future__ import annotations

from dataclasses import replace

from tasker_sql.rows import BlamedStep, StepReason
from tasker_sql.top.answers import Change, StepLine, TaskHead
from tasker_sql.top.screens.steps import STEP_COLUMNS, step_row, why_row
from tasker_sql.top.snapshot import Snapshot
from tasker_sql.top.statements import step_verbs
from tasker_sql.top.table import Row, View, view_of
from tasker_sql.top.words import clock


def step(seen: Snapshot) -> View:
    """One step: why it is not running, then what happened to it, the newest first."""
    head, one = seen.of(TaskHead)[0], seen.of(StepLine)[0]
    rows = [why_row(reason, seen) for reason in seen.of(StepReason)]
    rows.append(replace(step_row(one, next(iter(seen.of(BlamedStep)), None), seen), opens=None))
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
