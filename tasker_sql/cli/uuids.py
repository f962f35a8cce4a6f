"""Tasks and steps on the command line: by their uuids, or by the ends of these."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Annotated, Any, Final
from uuid import UUID

import typer

from tasker_sql.cli import completion
from tasker_sql.cli.options import argument
from tasker_sql.cli.query import opened
from tasker_sql.top.snapshot import place_of

PAGES, PAGE = 10, 1000  # of tasks, among which the end of a uuid is looked for


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
    found = [uuid for uuid in _newest() if uuid.hex.endswith(task)]
    exact = [uuid for uuid in found if uuid.hex[-12:].lstrip("0") == task] or found
    if len(exact) != 1:
        known = f"these end so: {', '.join(map(str, exact[:5]))}" if exact else "none ends so"
        raise ValueError(f"{text}: of the newest {PAGES * PAGE:,} tasks, {known}")
    return UUID(int=exact[0].int | step)


def _newest() -> list[UUID]:
    found, before = list[UUID](), None
    with opened() as client:
        for _ in range(PAGES):
            page = client.list_tasks({}, PAGE, before)
            found += [one.task_uuid for one in page if one.task_uuid]
            before = page[-1].next_before if page else None
            if before is None:
                break
    return found


def _task(text: str) -> UUID:
    try:
        uuid = uuid_of(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    task_uuid = place_of(uuid).task_uuid
    if uuid.version == 7 and task_uuid != uuid:  # else it is none of ours: not found
        raise typer.BadParameter(f"{uuid} is a step of the task {task_uuid}")
    return uuid


_AS_TASK: Final[dict[str, Any]] = {"parser": _task, "metavar": "TASK_UUID"}
TaskUuid = Annotated[UUID, argument("The task.", completion.tasks, **_AS_TASK)]
OpenTaskUuid = Annotated[UUID, argument("The task.", completion.open_tasks, **_AS_TASK)]
