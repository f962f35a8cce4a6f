"""What a screen asks of the database: a fixed list of queries, in one transaction."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from uuid import UUID

from tasker_sql.client import Client, ask
from tasker_sql.errors import TooSlowError, UnavailableError
from tasker_sql.top.queries import QUERIES, Query
from tasker_sql.top.rows import Identity, TaskHead

R = TypeVar("R")

STEP_BITS: Final = (1 << 20) - 1  # in which a step's uuid differs from its task's


@dataclass(frozen=True, slots=True)
class Location:
    """A screen, and the task or step that it is about."""

    screen: str
    uuid: UUID | None = None

    @property
    def task_uuid(self) -> UUID | None:
        """The task that it is about; a step's uuid is its task's with a number in the end."""
        return self.uuid and UUID(int=self.uuid.int & ~STEP_BITS)


def place_of(uuid: UUID) -> Location:
    """The screen of the task or step with this uuid."""
    return Location("step" if uuid.int & STEP_BITS else "task", uuid)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The rows for one place, of one moment; `seconds` is how long the database took. What is not
    asked of a task of this size has no rows."""

    place: Location
    answers: Mapping[type[Any], Sequence[Any]]
    seconds: float

    def of(self, row: type[R]) -> Sequence[R]:
        """The rows of one kind."""
        return self.answers.get(row, ())

    @property
    def status(self) -> Identity:
        return self.of(Identity)[0]


def read(client: Client, place: Location, timeout: float) -> Snapshot:
    """Ask what the screen shows, of one snapshot of the database.

    A statement may take `timeout` seconds. Raises UnavailableError when one takes longer or there
    is no database, NotFoundError when there is no such task or step, TaskerError when the role may
    not read, or tasker-sql is not installed there.
    """
    began = time.perf_counter()
    try:
        answers = dict(_asked(client, place, QUERIES[place.screen], timeout))
    except TooSlowError as error:
        raise UnavailableError(str(error)) from error
    return Snapshot(place, answers, time.perf_counter() - began)


def _asked(
    client: Client, place: Location, queries: Sequence[Query], timeout: float
) -> Iterator[tuple[type[Any], Sequence[Any]]]:
    """The answers of one snapshot of the database, by the types of their rows."""
    arguments = {"task": place.task_uuid, "step": place.uuid}
    steps = 0
    with client.transaction() as connection:
        connection.execute("set transaction isolation level repeatable read, read only")
        limit = 0
        for query in queries:
            if query.most_steps is not None and steps > query.most_steps:
                continue
            milliseconds = max(1, round(max(timeout, query.least) * 1000))
            if milliseconds != limit:
                connection.execute(f"set local statement_timeout = {milliseconds}".encode())
                limit = milliseconds
            rows = ask(connection, query.sql.encode(), arguments, query.row)
            steps += sum(row.total_steps for row in rows if isinstance(row, TaskHead))
            yield query.row, rows
