"""Where snapshots come from, and where statements go."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from tasker_sql.advice import naming_schema
from tasker_sql.client import Client, connect
from tasker_sql.connection import records
from tasker_sql.errors import TaskerError, UnavailableError
from tasker_sql.rows import TaskStep
from tasker_sql.schema import database, migrations
from tasker_sql.top.queries import MOST_STEPS
from tasker_sql.top.snapshot import Location, Snapshot, read

WRITE_TIMEOUT: Final = 10_000  # milliseconds
SILENCE: Final = 5.0  # seconds beyond its time that a server may be silent
BLOCKED_WITHIN: Final = 3.0  # seconds; `problems` waits a moment at each locked table


def connected(dsn: str, part: str, **more: Any) -> Client:
    """A client for a schema that no stranger has prepared. Close it. It prepares no statements:
    there may be a pooler before the server.

    `more` are options of `client.connect`. Raises SchemaError, UnavailableError.
    """
    client = connect(dsn, database.application_name(part), prepare_threshold=None, **more)
    try:
        with client.transaction() as connection:
            migrations.refuse_strangers(connection)
    except Exception:
        client.close()
        raise
    return client


class Backend:
    """Reads and writes over one connection, opened again when it was lost."""

    def __init__(self, url: Callable[[], str], timeout: float) -> None:
        self._url = url
        self._timeout = timeout
        self._client: Client | None = None
        self._dsn = ""
        self._lock = threading.Lock()

    def read(self, place: Location) -> Snapshot:
        """As the function `read`."""
        with self._connected() as client:
            try:
                return read(client, place, self._timeout)
            except UnavailableError as error:
                if not client.usable:
                    raise
                raise UnavailableError(f"{error}; {blockers(client)}") from error

    def texts(self, place: Location) -> tuple[Any, Sequence[TaskStep]]:
        """The input of a task, and its steps, or the one step. Raises as `read` does."""
        assert place.task_uuid is not None
        with self._connected() as client, client.limited(self._timeout):
            steps = client.get_task_steps(place.task_uuid)[:MOST_STEPS]
            wanted = [s for s in steps if place.uuid in (s.step_uuid, place.task_uuid)]
            return client.get_task(place.task_uuid).context, wanted

    def run(self, statement: str) -> list[Any]:
        """Run one statement that an operator has seen; its rows.

        Raises as `read` does; after UnavailableError nobody knows whether it was applied.
        """
        with self._connected() as client, client.transaction() as connection:
            connection.execute(f"set local statement_timeout = {WRITE_TIMEOUT}".encode())
            return records(connection, statement.encode())  # refuses a second one

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    @contextmanager
    def _connected(self) -> Iterator[Client]:
        with self._lock:
            if self._client is None:
                self._dsn, read_timeout = self._url(), self._timeout + SILENCE
                self._client = connected(
                    self._dsn, "top", connect_timeout=5, read_timeout=read_timeout
                )
            try:
                with naming_schema(self._dsn):
                    yield self._client
            finally:
                if not self._client.usable:
                    self.close()


def blockers(client: Client) -> str:
    """Who keeps others waiting, as the problem `blocked_by` says it, after a call took too long."""
    try:
        with client.limited(BLOCKED_WITHIN):
            found = [one.problem for one in client.problems() if one.code == "blocked_by"]
    except (TaskerError, UnavailableError) as error:
        return f"and nobody can be asked who blocks it: {error}"
    return "; ".join(found) or "no lock has stood in the way for 2 s: the server may be busy"
