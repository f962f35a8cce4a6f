"""Database sessions driven by hand, so that a race is a script and not a hope.

a, b = sessions("a", "b")
a.run("select ... for update")            # stays in its transaction
waiting = b.blocks("update ...")          # fails unless PostgreSQL says that b waits
a.commit()
assert waiting.result() == [...]
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import IsolationLevel
from servers import fetched

SECONDS = 60  # after which a statement that neither ends nor blocks is a failure
DEADLOCK_TIMEOUT = "10ms"  # a deadlock shows as soon as it is there

# How long the oldest lock request of a backend has been waiting; the statement's clock decides.
WAITING = """
select cardinality(pg_blocking_pids(%(pid)s)) > 0
   and (select max(clock_timestamp() - waitstart) >= %(age)s * interval '1 millisecond'
          from pg_locks where pid = %(pid)s and not granted) is true
"""
DEADLOCKS = "select deadlocks from pg_stat_database where datname = current_database()"

Rows = list[tuple[Any, ...]]


class Waiting:
    """A statement that waits for a lock of another session."""

    def __init__(self, future: Future[Rows]) -> None:
        self.future = future

    def result(self) -> Rows:
        """The statement's rows, now that nothing holds it any more. Raises what it raised."""
        return self.future.result(SECONDS)

    @property
    def done(self) -> bool:
        return self.future.done()


class Session:
    """One connection with one transaction at a time, open until `commit` or `rollback`."""

    def __init__(self, dsn: str, name: str, watcher: psycopg.Connection) -> None:
        self.name = name
        self.warnings: list[str] = []
        self.connection = psycopg.connect(dsn, application_name=name)
        self.connection.execute(f"set statement_timeout = '{SECONDS}s'".encode())
        self.connection.execute(f"set deadlock_timeout = '{DEADLOCK_TIMEOUT}'".encode())
        self.connection.commit()
        self.connection.add_notice_handler(self._notice)
        self._watcher = watcher
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)

    def _notice(self, notice: psycopg.errors.Diagnostic) -> None:
        if notice.severity_nonlocalized == "WARNING":
            self.warnings.append(notice.message_primary or "")

    def at(self, level: IsolationLevel) -> None:
        """Run the next transactions at an isolation level."""
        self.connection.isolation_level = level

    def run(self, query: str, *arguments: Any, **named: Any) -> Rows:
        """Run a statement to its end; its rows. Raises psycopg.errors.* as the server does."""
        return self.start(query, *arguments, **named).result(SECONDS)

    def start(self, query: str, *arguments: Any, **named: Any) -> Future[Rows]:
        """Send a statement and come back at once."""

        def work() -> Rows:
            cursor = self.connection.execute(query.encode(), named or arguments or None)
            return fetched(cursor)

        return self._thread.submit(work)

    def blocks(self, query: str, *arguments: Any, **named: Any) -> Waiting:
        """Send a statement and come back when PostgreSQL says that it waits for a lock.

        Raises AssertionError when the statement ended instead: then nothing raced.
        """
        future = self.start(query, *arguments, **named)
        if self.waits(future):
            return Waiting(future)
        raise AssertionError(f"{self.name} did not block: {future.exception() or future.result()}")

    def waits(self, future: Future[Rows], age: int = 0) -> bool:
        """Whether the statement begins to wait for a lock, and for so many milliseconds."""
        pid = self.connection.info.backend_pid
        while not future.done():
            if self._watcher.execute(WAITING, {"pid": pid, "age": age}).fetchone() == (True,):
                return True
        return False

    def commit(self) -> None:
        self._thread.submit(self.connection.commit).result(SECONDS)

    def rollback(self) -> None:
        self._thread.submit(self.connection.rollback).result(SECONDS)

    def close(self) -> None:
        """End the session, whatever it waits for."""
        self.connection.cancel_safe(timeout=SECONDS)
        self._thread.shutdown()
        if not self.connection.closed:
            self.connection.rollback()
            self.connection.execute("select pg_stat_force_next_flush()")
            self.connection.rollback()
        self.connection.close()


@contextmanager
def opened(dsn: str, *names: str) -> Iterator[list[Session]]:
    """Sessions that are closed at the end. Raises AssertionError if there was a deadlock."""
    sessions: list[Session] = []
    with psycopg.connect(dsn, application_name="watcher", autocommit=True) as watcher:
        try:
            for name in names:
                sessions.append(Session(dsn, name, watcher))
            yield sessions
        finally:
            for session in sessions:
                session.close()
        assert watcher.execute(DEADLOCKS).fetchone() == (0,), "there was a deadlock"


def queue_up(wanted: Iterable[tuple[Session, str, Sequence[Any]]]) -> dict[Session, Future[Rows]]:
    """Send each session's statement when the one before it waits; what they will answer.

    Raises AssertionError when one of them ended instead.
    """
    return {session: session.blocks(query, *args).future for session, query, args in wanted}


def as_they_end(
    calls: Mapping[Session, Future[Rows]],
) -> Iterator[tuple[Session, Rows, str | None]]:
    """Each session as soon as its call and transaction have ended; its rows, or its SQLSTATE."""
    waiting = {future: session for session, future in calls.items()}
    while waiting:
        ended, _ = wait(waiting, SECONDS, FIRST_COMPLETED)
        assert ended, f"nobody goes on: {[one.name for one in waiting.values()]}"
        for future in ended:
            session = waiting.pop(future)
            error = future.exception()
            if error is None:
                session.commit()
                yield session, future.result(), None
            elif isinstance(error, psycopg.Error):
                session.rollback()
                yield session, [], error.sqlstate
            else:
                raise error
