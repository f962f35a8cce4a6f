"""One task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final
from uuid import UUID

from tasker_sql.rows import PathStep, StepTimings, TaskReason
from tasker_sql.top.answers import StepLine, TaskHead
from tasker_sql.top.questions import MOST_STEPS
from tasker_sql.top.screens import path
from tasker_sql.top.screens.steps import STEP_COLUMNS, step_row, why_row
from tasker_sql.top.snapshot import Snapshot
from tasker_sql.top.statements import task_verbs
from tasker_sql.top.table import Column, Picture, Row, View, view_of

TASK_COLUMNS: Final = (
    Column(path.MARK),
    *STEP_COLUMNS[:-1],
    Column("slack", right=True, rank=2),
    STEP_COLUMNS[-1],
)


def task(seen: Snapshot) -> View:
    """One task: what it waits for, then its steps."""
    head = seen.of(TaskHead)[0]
    steps = seen.of(StepLine)
    timings = {one.step_uuid: one for one in seen.of(StepTimings)}
    paths = {one.step_uuid: one for one in seen.of(PathStep)}
    is_foreseen = any(one.is_critical for one in paths.values())
    reasons = seen.of(TaskReason)
    rows = [why_row(one, seen) for one in reasons if one.code != "ended"]  # as the title says
    rows += [step_row(one, timings.get(one.step_uuid), seen) for one in steps]
    if is_foreseen:
        places = [None] * (len(rows) - len(steps)) + [paths.get(one.step_uuid) for one in steps]
        rows = [_in_path(row, place) for row, place in zip(rows, places, strict=True)]
    paused = f", paused by {head.paused_by}: {head.pause_reason}" if head.paused else ""
    part = f" (the first {MOST_STEPS} are shown)" if len(steps) < head.total_steps else ""
    title = (
        f"{head.namespace}/{head.name}@{head.version}  {head.task_uuid}",
        f"{head.state}, {head.completed_steps} of {head.total_steps} steps done{paused}; "
        f"{path.end(head, seen)}{part}",
    )
    is_paused = any(one.code == "task_paused" for one in reasons)  # it, not a part
    return replace(
        view_of(seen, title, TASK_COLUMNS if is_foreseen else STEP_COLUMNS, rows, "No steps."),
        verbs=task_verbs(head.task_uuid, head.state, "resume" if is_paused else "pause"),
        picture=_picture(steps, paths) if len(steps) == head.total_steps else None,
    )


def _in_path(row: Row, found: PathStep | None) -> Row:
    mark = path.MARK if found and found.is_critical else None
    slack = found.slack if found and not found.is_critical else None
    return replace(
        row,
        cells=(mark, *row.cells[:-1], slack, row.cells[-1]),
        about=(*row.about, *path.facts(found)),
    )


def _picture(steps: Sequence[StepLine], paths: Mapping[UUID, PathStep]) -> Picture:
    decides = {found.name for found in paths.values() if found.is_critical}
    names = {s.name: f"{path.MARK} {s.name}" if s.name in decides else s.name for s in steps}
    return Picture(
        {names[one.name]: [names[parent] for parent in one.parents] for one in steps},
        {names[one.name]: one.state for one in steps},
    )
