"""Where snapshots come from, and where statements go."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar, cast

from tasker_sql.client import Client
from tasker_sql.errors import UnavailableError
from tasker_sql.top.answers import StepText
from tasker_sql.top.snapshot import Place, Snapshot, read, texts, who_blocks

R = TypeVar("R")

WRITE_TIMEOUT: Final = 10_000  # milliseconds


class Source:
    """Reads and writes over one connection, opened again when it was lost."""

    def __init__(self, connect: Callable[[], Client], timeout: float) -> None:
        self._connect = connect
        self._timeout = timeout
        self._client: Client | None = None
        self._lock = threading.Lock()

    def read(self, place: Place) -> Snapshot:
        """As the function `read`."""
        with self._lock, self._connected() as client:
            try:
                return read(client, place, self._timeout)
            except UnavailableError as error:
                if not client.usable:
                    raise
                raise UnavailableError(f"{error}; {who_blocks(client)}") from error

    def texts(self, place: Place) -> tuple[Any, Sequence[StepText]]:
        """As the function `texts`."""
        with self._lock, self._connected() as client:
            return texts(client, place, self._timeout)

    def answers(self, statement: str, row: type[R]) -> Sequence[R]:
        """Run one statement as `run` does, and give its rows."""
        names = cast("Any", row).__match_args__
        return [row(*(found[name] for name in names)) for found in self.run(statement)]

    def run(self, statement: str) -> list[dict[str, Any]]:
        """Run one statement that an operator has seen; its rows.

        Raises as `read` does; after UnavailableError nobody knows whether it was carried out.
        """
        with self._lock, self._connected() as client, client.transaction() as connection:
            connection.execute(f"set local statement_timeout = {WRITE_TIMEOUT}".encode())
            cursor = connection.execute(statement.encode(), binary=True)  # refuses a second one
            names = [column.name for column in cursor.description or ()]
            return [dict(zip(names, found, strict=True)) for found in cursor.fetchall()]

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    @contextmanager
    def _connected(self) -> Iterator[Client]:
        if self._client is None:
            self._client = self._connect()
        try:
            yield self._client
        finally:
            if not self._client.usable:
                self.close()
