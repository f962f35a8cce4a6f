"""What happened to a task and its steps: every change of a state, in order."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, NamedTuple, TypeVar
from uuid import UUID

from tasker_sql.client import Client, statement
from tasker_sql.connection import ask

R = TypeVar("R")

COLUMNS: Final = "transition_id, position, at, {}, from_state, to_state, actor, reason"
CHANGES: Final = f"""(
  select {COLUMNS.format("null::uuid as step_uuid, null::text as step")}
    from tasker.task_transitions where task_uuid = %s
   union all
  select {COLUMNS.format("step_uuid, name")}
    from tasker.step_transitions where task_uuid = %s) as change
 order by transition_id, position"""


class Change(NamedTuple):
    """A change of the state of a task, or of one of its steps."""

    transition_id: int
    position: int
    at: datetime
    step_uuid: UUID | None
    step: str | None
    from_state: str | None
    to_state: str
    actor: str | None
    reason: str | None


def look(client: Client, row: type[R], source: str, *arguments: Any) -> list[R]:
    """The rows of a view, of which no call reads a part."""
    columns: Any = row
    with client.transaction() as connection:
        return ask(connection, statement(columns, source), arguments, row)


def changes(client: Client, task_uuid: UUID) -> list[Change]:
    """All changes of a task and its steps, in order."""
    return look(client, Change, CHANGES, task_uuid, task_uuid)
