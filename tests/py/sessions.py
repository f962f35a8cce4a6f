"""Database sessions driven by hand, so that a race is a script and not a hope.

a, b = sessions("a", "b")
a.run("select ... for update")            # stays in its transaction
waiting = b.blocks("update ...")          # fails unless PostgreSQL says that b waits
a.commit()
assert waiting.result() == [...]
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg

SECONDS = 10  # after which a statement that neither ends nor blocks is a failure

Rows = list[tuple[Any, ...]]


class Waiting:
    """A statement that waits for a lock of another session."""

    def __init__(self, future: Future[Rows]) -> None:
        self._future = future

    def result(self) -> Rows:
        """The statement's rows, now that nothing holds it any more. Raises what it raised."""
        return self._future.result(SECONDS)

    @property
    def done(self) -> bool:
        return self._future.done()


class Session:
    """One connection with one transaction at a time, open until `commit` or `rollback`."""

    def __init__(self, dsn: str, name: str) -> None:
        self.name = name
        self.connection = psycopg.connect(dsn, application_name=name)
        self.connection.execute(f"set statement_timeout = '{SECONDS}s'".encode())
        self.connection.commit()
        self._watcher = psycopg.connect(dsn, application_name=f"{name} watched", autocommit=True)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)

    def run(self, query: str, *arguments: Any) -> Rows:
        """Run a statement to its end; its rows. Raises psycopg.errors.* as the server does."""
        return self.start(query, *arguments).result(SECONDS)

    def start(self, query: str, *arguments: Any) -> Future[Rows]:
        """Send a statement and come back at once."""

        def work() -> Rows:
            cursor = self.connection.execute(query.encode(), arguments or None)
            return cursor.fetchall() if cursor.description else []

        return self._thread.submit(work)

    def blocks(self, query: str, *arguments: Any) -> Waiting:
        """Send a statement and come back when PostgreSQL says that it waits for a lock.

        Raises AssertionError when the statement ended instead: then nothing raced.
        """
        future = self.start(query, *arguments)
        backend = self.connection.info.backend_pid
        asked = "select cardinality(pg_blocking_pids(%s)) > 0"
        while not future.done():
            if self._watcher.execute(asked, [backend]).fetchone() == (True,):
                return Waiting(future)
        raise AssertionError(f"{self.name} did not block: {future.exception() or future.result()}")

    def commit(self) -> None:
        self._thread.submit(self.connection.commit).result(SECONDS)

    def rollback(self) -> None:
        self._thread.submit(self.connection.rollback).result(SECONDS)

    def close(self) -> None:
        """End the session, whatever it waits for."""
        self.connection.cancel_safe(timeout=SECONDS)
        self._thread.shutdown()
        self.connection.close()
        self._watcher.close()


@contextmanager
def opened(dsn: str, *names: str) -> Iterator[list[Session]]:
    """Sessions that are closed at the end."""
    sessions: list[Session] = []
    try:
        for name in names:
            sessions.append(Session(dsn, name))
        yield sessions
    finally:
        for session in sessions:
            session.close()
