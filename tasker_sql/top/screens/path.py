"""Which steps decide when a task ends, and when that will be."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from tasker_sql.durations import span
from tasker_sql.rows import PathStep, TaskReason
from tasker_sql.top.answers import TaskHead
from tasker_sql.top.questions import MOST_FORESEEN
from tasker_sql.top.snapshot import Snapshot

MARK: Final = "◆"  # of a step that decides
OVERDUE: Final = timedelta(milliseconds=100)  # of the end from now
# An estimate is made as if none of these stood in the way.
OBSTACLES: Final = {
    "namespace_paused",
    "template_paused",
    "task_paused",
    "no_worker",
    "lease_expired",
    "message_lost",
}


def end(head: TaskHead, seen: Snapshot) -> str:
    """When the task ends, in words; or why nobody can foresee it."""
    if head.finished_at is not None:
        return f"took {span(head.finished_at - head.created_at)}"
    if PathStep not in seen.answers:
        return f"its end is foreseen up to {MOST_FORESEEN} steps only"
    path = seen.of(PathStep)
    if not path or path[0].task_ends_at is None:
        return _unforeseen(path)
    if not seen.of(TaskReason):
        return "its end is unknown, for nothing in it can move"
    left = path[0].task_ends_at - seen.status.at
    obstacle = next((one.code for one in seen.of(TaskReason) if one.code in OBSTACLES), None)
    based_on = path[0].based_on
    others = f"the last {based_on}" if based_on > 1 else "the last one"
    if left < OVERDUE:  # the estimate of what has lasted longer than ever is: now
        return f"held up: {obstacle}" if obstacle else f"overdue: {others} took less time"
    when = f"in about {_roughly(left)}"
    return (
        f"held up: {obstacle}; else it would end {when}"
        if obstacle
        else f"ends {when}, as {others} did"
    )


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


def facts(one: PathStep | None) -> tuple[tuple[str, object], ...]:
    """What a step has to do with the end of its task."""
    if one is None or one.slack is None:
        return ()
    if one.is_critical:
        said = f"{MARK} it decides when the task ends"
    elif one.slack:
        said = f"could end {span(one.slack)} later, and the task would end no later"
    else:
        said = "no slack: if it ended later, so would the task"
    return ("path", said), ("ends", one.ends_at if one.is_estimated else None)
