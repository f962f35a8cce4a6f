"""The screens of one task, and of one step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from tasker_sql.durations import span
from tasker_sql.top.format import words
from tasker_sql.top.queries import MOST_FORESEEN, MOST_STEPS
from tasker_sql.top.snapshot import Location, Snapshot, place_of
from tasker_sql.top.statements import cure_verbs, step_verbs, task_verbs
from tasker_sql.top.table import Picture, Row, View, facts_of
from tasker_sql.visible import visible_lines

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
COLUMNS: Final = (MARK, "step", "state", "attempt", "time", "slack", "what")
# The facts that columns show as they are.
FACTS: Final = {"step": "name", "state": "state", "slack": "slack", "what": "error"}
REASONS: Final = {"state": "code", "what": "why"}


def task(seen: Snapshot) -> View:
    """One task: what it waits for, then its steps."""
    (head,) = seen.of("task")
    steps, reasons = seen.of("steps"), seen.of("reasons")
    timings = {one.step_uuid: one for one in seen.of("timings")}
    path = {one.step_uuid: one for one in seen.of("path")}
    rows = [_reason(one, seen) for one in reasons if one.code != "ended"]  # as the title says
    for one in steps:
        uuid = one.step_uuid
        opens = Location("step", uuid)
        rows.append(_step(one, timings.get(uuid), path.get(uuid), seen, opens))
    paused = f", paused by {head.paused_by}: {head.pause_reason}" if head.paused else ""
    part = f" (the first {MOST_STEPS} are shown)" if len(steps) < head.total_steps else ""
    title = (
        f"{head.namespace}/{head.name}@{head.version}  {head.task_uuid}\n"
        f"{head.state}, {head.completed_steps} of {head.total_steps} steps done{paused}; "
        f"{_end(head, seen)}{part}"
    )
    is_paused = any(one.code == "task_paused" for one in reasons)  # it, not a part
    return _view(
        seen,
        title,
        rows,
        task_verbs(head.task_uuid, head.state, "resume" if is_paused else "pause"),
        _picture(steps, path) if len(steps) == head.total_steps else None,
    )


def step(seen: Snapshot) -> View:
    """Why a step is not running; then its attempts and what operators did, the newest first."""
    (head,), (one,) = seen.of("task"), seen.of("step")
    rows = [_reason(reason, seen) for reason in seen.of("reasons")]
    rows.append(_step(one, next(iter(seen.of("timings")), None), None, seen))
    past = [(action.at, _action(action)) for action in seen.of("acts")]
    past += [(tried.at or NEVER, _attempt(tried)) for tried in seen.of("attempts")]
    rows += [row for _, row in sorted(past, key=lambda event: event[0], reverse=True)]
    title = (
        f"{head.namespace}/{head.name}/{one.name}  {one.step_uuid}\n"
        f"{one.state}, attempt {one.attempt} of {one.max_attempts}; its task is {head.state}"
    )
    return _view(seen, title, rows, step_verbs(one.step_uuid, one.state))


def _view(
    seen: Snapshot, title: str, rows: Sequence[Row], verbs: Any, picture: Picture | None = None
) -> View:
    """Of the columns, those that say something."""
    empty = [name for name in (MARK, "slack") if all(row.cells.get(name) is None for row in rows)]
    return View(
        seen.status.at,
        "\n".join(visible_lines(title)),
        tuple(name for name in COLUMNS if name not in empty),
        tuple(name for name in ("slack", "attempt") if name not in empty),
        tuple(rows),
        "No steps.",
        verbs,
        picture,
    )


def _reason(one: Any, seen: Snapshot) -> Row:
    place = place_of(one.cause_uuid)
    return Row(
        f"why {one.code} {one.cause_uuid}",
        {"step": "why", "state": one.code, "time": one.since, "what": one.why},
        REASONS,
        facts_of(one),
        place if place != seen.place else None,
        cure_verbs(one.cure),
    )


def _step(one: Any, timings: Any, path: Any, seen: Snapshot, opens: Location | None = None) -> Row:
    begun = one.finished_at or one.started_at or one.enqueued_at
    took = one.finished_at - one.started_at if one.finished_at and one.started_at else begun
    waits = f"waits for {one.waiting_parents} of {len(one.after)}: {', '.join(one.after)}"
    what = {
        "in_progress": f"{one.worker} has it" if one.worker else "its outcome waits",
        "pending": waits if one.waiting_parents else None,
        "waiting_for_retry": f"again {words(one.next_retry_at, seen.status.at)}: {one.error}",
        "error": one.error,
    }
    is_critical = bool(path and path.is_critical)
    return Row(
        str(one.step_uuid),
        {
            MARK: MARK if is_critical else None,
            "step": one.name,
            "state": one.state,
            "attempt": f"{one.attempt}/{one.max_attempts}",
            "time": took,
            "slack": path.slack if path and not is_critical else None,
            "what": what.get(one.state),
        },
        FACTS,
        facts_of(
            one,
            error=one.error,
            time_went=timings and _went(timings),
            path=path and _path(path),
            ends_at=path.ends_at if path and path.is_estimated else None,
        ),
        opens,
        step_verbs(one.step_uuid, one.state),
    )


def _went(one: Any) -> str:
    """Where the task's time went, from this step."""
    parts = [(name.replace("_", " "), part) for name, part in one._asdict().items()]
    return ", ".join(
        f"{name} {span(part)}" for name, part in parts if isinstance(part, timedelta) and part
    )


def _path(one: Any) -> str | None:
    """What a step has to do with the end of its task."""
    if one.slack is None:
        return None
    if one.is_critical:
        return f"{MARK} it decides when the task ends"
    if one.slack:
        return f"could end {span(one.slack)} later, and the task would end no later"
    return "no slack: if it ended later, so would the task"


def _attempt(one: Any) -> Row:
    who = f"at {one.worker}" if one.worker else ""
    ran = f" for {span(one.ran_for)}" if one.ran_for is not None else ""
    error = f": {one.error}" if one.error else ""
    what = f"{who}{ran}{error}".strip()
    cells = {"step": "attempt", "state": one.outcome, "attempt": str(one.attempt), "time": one.at}
    key = f"attempt {one.started_at} {one.attempt}"
    return Row(key, cells | {"what": what}, FACTS, facts_of(one, error=one.error))


def _action(one: Any) -> Row:
    what = f"by {one.session_role}: {one.reason}"
    cells = {"step": "operator", "state": one.verb, "time": one.at, "what": what}
    return Row(f"action {one.at} {one.verb}", cells, FACTS, facts_of(one))


def _picture(steps: Sequence[Any], path: Mapping[UUID, Any]) -> Picture:
    decides = {found.name for found in path.values() if found.is_critical}
    names = {one.name: f"{MARK} {one.name}" if one.name in decides else one.name for one in steps}
    return Picture(
        {names[one.name]: [names[parent] for parent in one.after] for one in steps},
        {names[one.name]: one.state for one in steps},
    )


# The end of a task


def _end(head: Any, seen: Snapshot) -> str:
    """When the task ends, in words; or why nobody can foresee it."""
    if head.finished_at is not None:
        return f"took {span(head.finished_at - head.created_at)}"
    if "path" not in seen.answers:
        return f"its end is foreseen up to {MOST_FORESEEN} steps only"
    path, reasons = seen.of("path"), seen.of("reasons")
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


def _unforeseen(path: Sequence[Any]) -> str:
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
