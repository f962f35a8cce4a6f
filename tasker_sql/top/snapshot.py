"""What a screen asks of the database: a fixed list of queries, in one transaction."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from tasker_sql.client import Client, task_of
from tasker_sql.connection import records
from tasker_sql.durations import moment
from tasker_sql.errors import TooSlowError, UnavailableError
from tasker_sql.jsonb import dumps
from tasker_sql.top.queries import LEAST, MOST_OF, QUERIES

# What a filter of tasks may name, as `tasker-sql task list` does, and as `list_tasks` does.
FILTERS: Final = {
    **{name: name for name in ("namespace", "state", "tag", "initiator", "since", "until")},
    "template": "name",
    "key": "idempotency_key",
}


@dataclass(frozen=True, slots=True)
class Location:
    """A screen; the task or step that it is about; the filter of the tasks, or the namespace, that
    it asks the server for."""

    screen: str
    uuid: UUID | None = None
    subject: str = ""

    @property
    def task_uuid(self) -> UUID | None:
        """The task that it is about, or whose step."""
        return self.uuid and task_of(self.uuid)


def place_of(uuid: UUID) -> Location:
    """The screen of the task or step with this uuid."""
    return Location("task" if uuid == task_of(uuid) else "step", uuid)


def filter_of(text: str) -> dict[str, str]:
    """The filter of `list_tasks` that is written like this: state=error template=pay since=2h.

    Raises ValueError.
    """
    found = dict[str, str]()
    for name, sign, value in re.findall(r"""([^\s=]+)(=?)("[^"]*"|\S*)""", text):
        if not sign or name not in FILTERS:
            known = ", ".join(f"{one}=" for one in FILTERS)
            raise ValueError(f"{name}: tasks are filtered by {known} such as state=error since=2h")
        is_time = name in ("since", "until")
        found[FILTERS[name]] = moment(value).isoformat() if is_time else value.strip('"')
    return found


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The rows for one place, of one moment; `seconds` is how long the database took. What is not
    asked of a task of this size has no rows."""

    place: Location
    answers: Mapping[str, Sequence[Any]]
    seconds: float

    def of(self, query: str) -> Sequence[Any]:
        """The rows of one query."""
        return self.answers.get(query, ())

    @property
    def status(self) -> Any:
        return self.answers["status"][0]


def read(client: Client, place: Location, timeout: float) -> Snapshot:
    """Ask what the screen shows, of one snapshot of the database.

    A statement may take `timeout` seconds. Raises UnavailableError when one takes longer or there
    is no database, NotFoundError when there is no such task or step, TaskerError when the role may
    not read, or tasker-sql is not installed there, ValueError for a filter that is none.
    """
    began = time.perf_counter()
    arguments = {
        "task": place.task_uuid,
        "step": place.uuid,
        "subject": place.subject,
        "filter": dumps(filter_of(place.subject) if place.screen == "tasks" else {}),
    }
    try:
        answers = dict(_asked(client, place.screen, arguments, timeout))
    except TooSlowError as error:
        raise UnavailableError(str(error)) from error
    return Snapshot(place, answers, time.perf_counter() - began)


def _asked(
    client: Client, screen: str, arguments: Mapping[str, Any], timeout: float
) -> Iterator[tuple[str, Sequence[Any]]]:
    """The answers of one snapshot of the database, by the names of their queries."""
    steps = 0
    with client.transaction() as connection:
        connection.execute("set transaction isolation level repeatable read, read only")
        limit = 0
        for name, query in QUERIES[screen].items():
            if steps > MOST_OF.get(name, steps):
                continue
            milliseconds = max(1, round(max(timeout, LEAST.get(name, 0.0)) * 1000))
            if milliseconds != limit:
                connection.execute(f"set local statement_timeout = {milliseconds}".encode())
                limit = milliseconds
            rows = records(connection, query.encode(), arguments)
            if name == "task":
                steps = rows[0].total_steps
            yield name, rows
