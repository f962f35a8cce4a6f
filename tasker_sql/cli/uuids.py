"""Tasks and steps on the command line: by their uuids, or by the ends of these."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Annotated, Final
from uuid import UUID

from tasker_sql.cli import completion
from tasker_sql.cli.options import argument, read_as
from tasker_sql.cli.query import listed, opened
from tasker_sql.top.snapshot import place_of

NEWEST: Final = 10_000  # tasks, among which the end of a uuid is looked for


def uuid_of(text: str) -> UUID:
    """A uuid; or its end, as `top` shows it, of one of the newest tasks, or of a step of one.

    Raises ValueError.
    """
    with suppress(ValueError):
        return UUID(text)
    end = text.removeprefix("…").replace("-", "").lower()
    if not re.fullmatch("[0-9a-f]{6,31}", end):
        raise ValueError(f"a uuid is needed, or the last six of its digits, or more: {text}")
    task, step = f"{end[:-5]}00000", int(end[-5:], 16)
    with opened() as client:
        newest = [one.task_uuid for one in listed(client, {}, NEWEST) if one.task_uuid]
    found = [uuid for uuid in newest if uuid.hex.endswith(task)]
    exact = [uuid for uuid in found if uuid.hex[-12:].lstrip("0") == task] or found
    if len(exact) != 1:
        known = f"these end so: {', '.join(map(str, exact[:5]))}" if exact else "none ends so"
        raise ValueError(f"{text}: of the newest {NEWEST:,} tasks, {known}")
    return UUID(int=exact[0].int | step)


def _is_task(uuid: UUID) -> bool:
    return place_of(uuid).task_uuid == uuid


def _task(text: str) -> UUID:
    uuid = uuid_of(text)
    if uuid.version == 7 and not _is_task(uuid):  # else it is none of ours: not found
        raise ValueError(f"{uuid} is a step of the task {place_of(uuid).task_uuid}")
    return uuid


def _step(text: str) -> UUID:
    task, slash, name = text.partition("/")
    try:
        uuid = uuid_of(task)
    except ValueError as error:
        raise ValueError(f"a step is its uuid, or TASK_UUID/NAME: {text}: {error}") from None
    if not slash:
        if uuid.version == 7 and _is_task(uuid):
            raise ValueError(f"{text} is a task; a step of it is written {text}/NAME")
        return uuid
    with opened() as client:
        steps = {one.name: one.step_uuid for one in client.get_task_steps(uuid)}
    if name not in steps:
        known = ", ".join([*steps][:20])
        raise ValueError(f"the task has no step {name!r}; it has {known}")
    return steps[name]


_AS_TASK: Final = read_as("TASK_UUID", _task)
AS_STEP: Final = read_as("STEP", _step)
TaskUuid = Annotated[UUID, argument("The task.", completion.tasks, **_AS_TASK)]
OpenTaskUuid = Annotated[UUID, argument("The task.", completion.open_tasks, **_AS_TASK)]
StepUuid = Annotated[UUID, argument("Its uuid, or TASK_UUID/NAME.", completion.steps, **AS_STEP)]
