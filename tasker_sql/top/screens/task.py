"""One task, and one step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from tasker_sql.durations import span
from tasker_sql.rows import PathStep, StepAttempt, StepReason, StepTimings, TaskReason
from tasker_sql.top.format import words
from tasker_sql.top.queries import MOST_FORESEEN, MOST_STEPS
from tasker_sql.top.rows import OperatorAction, StepLine, TaskHead
from tasker_sql.top.screens.actions import action_row
from tasker_sql.top.snapshot import Location, Snapshot, place_of
from tasker_sql.top.statements import cure_verbs, step_verbs, task_verbs
from tasker_sql.top.table import Column, Details, Picture, Row, View, details, view_of

MARK: Final = "◆"  # of a step that decides when its task ends
LATE: Final = timedelta(milliseconds=100)  # of the end from now
# An estimate is made as if none of these stood in the way.
OBSTACLES: Final = {
    "namespace_paused",
    "template_paused",
    "task_paused",
    "no_worker",
    "lease_expired",
    "message_lost",
}
NEVER: Final = datetime.min.replace(tzinfo=UTC)
STEP_COLUMNS: Final = (
    Column("step"),
    Column("state"),
    Column("attempt", right=True, rank=1),
    Column("time", right=True),
    Column("what", stretches=True),
)
TASK_COLUMNS: Final = (
    Column(MARK),
    *STEP_COLUMNS[:-1],
    Column("slack", right=True, rank=2),
    STEP_COLUMNS[-1],
)


def task(seen: Snapshot) -> View:
    """One task: what it waits for, then its steps."""
    head = seen.of(TaskHead)[0]
    steps = seen.of(StepLine)
    timings = {one.step_uuid: one for one in seen.of(StepTimings)}
    path = {one.step_uuid: one for one in seen.of(PathStep)}
    is_foreseen = any(one.is_critical for one in path.values())
    reasons = seen.of(TaskReason)
    rows = [_reason(one, seen) for one in reasons if one.code != "ended"]  # as the title says
    rows += [_step(one, timings.get(one.step_uuid), seen) for one in steps]
    if is_foreseen:
        places = [None] * (len(rows) - len(steps)) + [path.get(one.step_uuid) for one in steps]
        rows = [_in_path(row, place) for row, place in zip(rows, places, strict=True)]
    paused = f", paused by {head.paused_by}: {head.pause_reason}" if head.paused else ""
    part = f" (the first {MOST_STEPS} are shown)" if len(steps) < head.total_steps else ""
    title = (
        f"{head.namespace}/{head.name}@{head.version}  {head.task_uuid}",
        f"{head.state}, {head.completed_steps} of {head.total_steps} steps done{paused}; "
        f"{_end(head, seen)}{part}",
    )
    is_paused = any(one.code == "task_paused" for one in reasons)  # it, not a part
    return replace(
        view_of(seen, title, TASK_COLUMNS if is_foreseen else STEP_COLUMNS, rows, "No steps."),
        verbs=task_verbs(head.task_uuid, head.state, "resume" if is_paused else "pause"),
        picture=_picture(steps, path) if len(steps) == head.total_steps else None,
    )


def step(seen: Snapshot) -> View:
    """Why a step is not running; then its attempts and what operators did, the newest first."""
    head, one = seen.of(TaskHead)[0], seen.of(StepLine)[0]
    rows = [_reason(reason, seen) for reason in seen.of(StepReason)]
    rows.append(replace(_step(one, next(iter(seen.of(StepTimings)), None), seen), opens=None))
    past = [(action.at, action_row(action)) for action in seen.of(OperatorAction)]
    past += [(_moment(tried), _attempt(tried)) for tried in seen.of(StepAttempt)]
    rows += [row for _, row in sorted(past, key=lambda event: event[0], reverse=True)]
    title = (
        f"{head.namespace}/{head.name}/{one.name}  {one.step_uuid}",
        f"{one.state}, attempt {one.attempt} of {one.max_attempts}; its task is {head.state}",
    )
    view = view_of(seen, title, STEP_COLUMNS, rows, "Nothing happened yet.")
    return replace(view, verbs=step_verbs(one.step_uuid, one.state))


# Rows


def _reason(one: TaskReason | StepReason, seen: Snapshot) -> Row:
    steps = one.steps if isinstance(one, TaskReason) else None
    why = f"{steps} steps, such as {one.reason}" if steps and steps > 1 else one.reason
    place = place_of(one.cause_uuid)
    return Row(
        f"why {one.rank} {one.code}",
        ("why", one.code, None, one.since, why),
        details(one, ("why", why), ("cure", one.cure), skip="rank code blocks steps reason"),
        place if place != seen.place else None,
        cure_verbs(one.cure),
    )


def _step(one: StepLine, timings: StepTimings | None, seen: Snapshot) -> Row:
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
        details(
            one,
            ("error", one.error),
            ("step", f"{one.name}  {one.step_uuid}"),
            ("handler", f"{one.handler} in {one.namespace}"),
            ("after", ", ".join(one.parents)),
            ("time went", timings and _went(timings)),
            skip="step_uuid name namespace state attempt max_attempts parents waiting_parents",
        ),
        Location("step", one.step_uuid),
        step_verbs(one.step_uuid, one.state),
    )


def _went(one: StepTimings) -> str:
    """Where the task's time went, from this step."""
    parts = [(name, getattr(one, name)) for name in one.__match_args__ if name != "wall_time"]
    spent = [(name, part) for name, part in parts if isinstance(part, timedelta) and part]
    return ", ".join(f"{name.replace('_', ' ')} {span(part)}" for name, part in spent)


def _moment(one: StepAttempt) -> datetime:
    """When an attempt ended, or as much of that as is known."""
    return one.ended_at or one.started_at or one.enqueued_at or NEVER


def _attempt(one: StepAttempt) -> Row:
    ran = one.ended_at - one.started_at if one.ended_at and one.started_at else None
    queued = one.started_at - one.enqueued_at if one.started_at and one.enqueued_at else None
    final = ", for good" if one.retryable is False else ""
    who = f"at {one.worker}" if one.worker else ""
    how_long = f" for {span(ran)}" if ran is not None else ""
    error = f": {one.error}" if one.error else ""
    return Row(
        f"attempt {one.started_at} {one.attempt}",
        ("attempt", one.outcome, one.attempt, _moment(one), f"{who}{how_long}{error}".strip()),
        details(
            one,
            ("error", one.error),
            ("attempt", f"{one.attempt} {one.outcome}{final}"),
            ("queued for", queued),
            ("ran for", ran),
            skip="outcome retryable seconds",
        ),
    )


def _in_path(row: Row, found: PathStep | None) -> Row:
    mark = MARK if found and found.is_critical else None
    slack = found.slack if found and not found.is_critical else None
    return replace(
        row,
        cells=(mark, *row.cells[:-1], slack, row.cells[-1]),
        about=(*row.about, *_path_facts(found)),
    )


def _path_facts(one: PathStep | None) -> Details:
    """What a step has to do with the end of its task."""
    if one is None or one.slack is None:
        return ()
    if one.is_critical:
        text = f"{MARK} it decides when the task ends"
    elif one.slack:
        text = f"could end {span(one.slack)} later, and the task would end no later"
    else:
        text = "no slack: if it ended later, so would the task"
    return ("path", text), ("ends at", one.ends_at if one.is_estimated else None)


def _picture(steps: Sequence[StepLine], path: Mapping[UUID, PathStep]) -> Picture:
    decides = {found.name for found in path.values() if found.is_critical}
    names = {s.name: f"{MARK} {s.name}" if s.name in decides else s.name for s in steps}
    return Picture(
        {names[one.name]: [names[parent] for parent in one.parents] for one in steps},
        {names[one.name]: one.state for one in steps},
    )


# The end of a task


def _end(head: TaskHead, seen: Snapshot) -> str:
    """When the task ends, in words; or why nobody can foresee it."""
    if head.finished_at is not None:
        return f"took {span(head.finished_at - head.created_at)}"
    if PathStep not in seen.answers:
        return f"its end is foreseen up to {MOST_FORESEEN} steps only"
    path, reasons = seen.of(PathStep), seen.of(TaskReason)
    if not path or path[0].task_ends_at is None:
        return _unforeseen(path)
    if not reasons:
        return "its end is unknown, for nothing in it can move"
    left = path[0].task_ends_at - seen.status.at
    held = next((f"held up: {one.code}" for one in reasons if one.code in OBSTACLES), None)
    based_on = path[0].based_on
    others = f"the last {based_on}" if based_on > 1 else "the last one"
    if left < LATE:  # the estimate of what has lasted longer than ever is: now
        return held or f"overdue: {others} took less time"
    when = f"in about {_roughly(left)}"
    return f"{held}; else it would end {when}" if held else f"ends {when}, as {others} did"


def _unforeseen(path: Sequence[PathStep]) -> str:
    failed = [one.name for one in path if one.state == "error"]
    if failed:
        more = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
        return f"cannot end before {failed[0]}{more} is dealt with"
    return "its end is unknown: no task of this template has completed lately"


def _roughly(time: timedelta) -> str:
    seconds = round(time.total_seconds())
    if seconds < 120:
        return f"{seconds} s"
    return f"{round(seconds / 60)} min" if seconds < 3600 else span(time)
