"""The public SQL functions as methods, over a connection or a pool.

`Calls`, which is generated, has a method for each function, with its name, its arguments without
their `p_`, and its comment. On a connection in autocommit mode every call is a transaction; inside
a transaction of the caller's, it is a part of it:

    with psycopg.connect(dsn) as connection:
        connection.execute("insert into orders ...")
        Client(connection).create_task("fulfillment", "process_order", {"order_id": 7})
"""

from __future__ import annotations

import functools
import json
import math
import select
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import datetime, timedelta
from hashlib import md5
from typing import Any, Final, Literal, NamedTuple, Self, TypedDict, TypeVar, Unpack
from uuid import UUID

import psycopg
from psycopg import sql

from tasker_sql import errors, otel, rows, sources
from tasker_sql.calls import EMPTY, LEASE, Calls
from tasker_sql.connection import (
    HANDLERS_SETTINGS,
    IDLE,
    LOCAL_SETTINGS,
    MARK,
    RESET,
    SET_TIMEOUT,
    Connection,
    Settings,
    TimedConnection,
    ask,
    facts,
    opened,
    translated,
)
from tasker_sql.verdict import verdict

__all__ = [
    "LEASE",
    "Client",
    "Connection",
    "Settings",
    "SqlHandlerError",
    "TaskState",
    "ask",
    "channel",
    "connect",
    "task_of",
]

R = TypeVar("R")

TaskState = Literal[
    "pending",
    "in_progress",
    "blocked_by_failures",
    "complete",
    "error",
    "cancelled",
    "resolved_manually",
]
QUERY_CANCELED: Final = "57014"
INERROR: Final = psycopg.pq.TransactionStatus.INERROR
LONGEST_LOOK: Final = 5.0  # seconds that one call waits for the end of a task
MOST_REASONS: Final = 3  # why a task has not ended


def channel(worker: str) -> str:
    """The channel that notifies a worker, as `await_work` answers it."""
    return f"tasker_{md5(worker.encode(), usedforsecurity=False).hexdigest()[:12]}"


def task_of(uuid: UUID) -> UUID:
    """The task of a step; a task itself. A step's uuid is its task's with a number in the end."""
    return UUID(int=uuid.int >> 20 << 20)


class SqlHandlerError(Exception):
    """A handler written in SQL failed: its error as the server reported it. Without a context,
    it was never called."""

    def __init__(self, sqlstate: str, message: str, detail: str, hint: str, context: str) -> None:
        super().__init__(message)
        self.verdict = verdict(sqlstate, context)
        self.sqlstate = sqlstate
        self.detail = detail
        self.hint = hint
        self.context = context


def connect(
    dsn: str,
    application_name: str,
    prepare_threshold: int | None = 5,
    connect_timeout: int = 10,
    read_timeout: float | None = None,
    settings: Settings = Settings.KEPT,
) -> Client:
    """A client with a connection of its own, in autocommit mode. Close it.

    `prepare_threshold=None` prepares no statements, for a PgBouncer that does not support them.
    A call fails when the server sends nothing for `read_timeout` seconds. What it reads depends on
    no setting of the server; `settings` are for what a runner does. Raises UnavailableError.
    """
    return Client(
        opened(dsn, application_name, prepare_threshold, connect_timeout, read_timeout, settings)
    )


def _configured() -> TimedConnection:
    """A connection to the configured database. Raises UnavailableError, and as `ready`."""
    from tasker_sql.schema import database, migrations

    dsn, name = migrations.ready(), database.application_name("client")
    return opened(dsn, name, None, 10, None, Settings.KEPT)  # there may be a pooler before it


class _Said(NamedTuple):
    text: str | None


class Beat(NamedTuple):
    """A claim, and those of its steps to stop working on."""

    token: UUID
    cancelled_step_uuids: list[UUID]
    lost_step_uuids: list[UUID]


class FormerAttempt(NamedTuple):
    """The attempt before the present one of a step: `lost`, if it ended without a report."""

    step_uuid: UUID
    outcome: str
    error: Any


class TaskOptions(TypedDict, total=False):
    """The options of `create_task`."""

    version: str | None  # of the template; None: the highest
    idempotency_key: str | None  # the same key and context again: the same task
    priority: Literal["high", "normal", "low"] | None
    run_at: datetime | str | None  # not before
    deadline: datetime | timedelta | str | None  # a time, or how long from when it begins
    tags: Sequence[str] | None
    initiator: str | None
    source_system: str | None
    reason: str | None


class Client(Calls):
    """The public functions of the schema `tasker` over a connection, or over a pool of them.

    `source` is a connection of psycopg, SQLAlchemy or Django, whose transaction calls are a part
    of, or a pool: see `sources`. Without it, the client has a connection of its own to the
    configured database, in autocommit mode, and `with Client() as client` closes it.

    Raises the classes of tasker_sql.errors: TaskerError's kin as the methods tell,
    UnavailableError when the database cannot answer, and ValueError for what is not JSON.
    """

    def __init__(self, source: Any = None) -> None:
        self._source: Any = _configured() if source is None else source
        self._lend = sources.lender(self._source)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection, unless it was given."""
        if isinstance(self._source, TimedConnection):
            self.close()

    def create_task(
        self,
        namespace: str,
        name: str,
        context: Any = EMPTY,
        options: Any = EMPTY,
        **more: Unpack[TaskOptions],
    ) -> rows.CreatedTask:
        """As in the database, with options as keywords, too: `idempotency_key="order 7"`."""
        since = time.time_ns()
        made = super().create_task(
            namespace, name, context, {**options, **more} if more else options
        )
        otel.created(namespace, name, [made], since)
        return made

    def create_tasks(
        self, namespace: str, name: str, contexts: Sequence[Any], options: Any = EMPTY
    ) -> list[rows.CreatedTask]:
        since = time.time_ns()
        made = super().create_tasks(namespace, name, contexts, options)
        otel.created(namespace, name, made, since)
        return made

    def wait(self, task: UUID | rows.CreatedTask, timeout: float | None = None) -> rows.TaskEnd:
        """Wait until a task has ended, for `timeout` seconds at most (None: as long as it takes).

        Not in the transaction that creates the task. Raises TimeoutError, which says what the task
        waits for, NotFoundError.
        """
        task_uuid = task if isinstance(task, UUID) else task.task_uuid
        looks = Looks(timeout)
        try:
            while not looks.saw(found := self.wait_task(task_uuid, looks.next())):
                pass
        except TimeoutError as error:
            reasons = []
            with suppress(errors.TaskerError, errors.UnavailableError):
                reasons = self.explain_task(task_uuid)
            raise waiting(error, reasons) from None
        return found

    def result(self, task: UUID | rows.CreatedTask, timeout: float | None = None) -> Any:
        """Wait for a task as `wait`, and return its result: the result of its last step, or a
        dict by name when there are several that no other depends on.

        Raises TaskFailed when it did not complete, and as `wait`.
        """
        end = self.wait(task, timeout)
        return result_of(end, self.task_results(end.task_uuid))

    def contract(self) -> Any:
        """What the database knows: functions with their arguments and columns, codes, limits."""
        with self.connection() as connection, translated():
            found = connection.execute(b"select tasker.contract()").fetchone()
            return found and found[0]

    # Handlers, and what a worker needs of its connection

    @contextmanager
    def read_timeout(self, seconds: float | None) -> Iterator[None]:
        """Let calls raise UnavailableError when the server says nothing for so long; None: never.

        For a connection that `connect` opened.
        """
        source = self._source
        if not isinstance(source, TimedConnection):
            yield
            return
        before, source.read_timeout = source.read_timeout, seconds
        try:
            yield
        finally:
            source.read_timeout = before

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction for several calls: committed at the end, rolled back by an exception.

        Calls of this client, in this thread, are part of it; over a pool, too.
        """
        with (
            self.connection() as connection,
            translated(),
            connection.transaction(),
            sources.holding(self, connection),
        ):
            yield connection

    def connection(self) -> AbstractContextManager[Connection]:
        """The connection itself, for as long as the block."""
        held = sources.held(self)
        return self._lend() if held is None else nullcontext(held)

    def transaction_number(self) -> str:
        """Of the transaction that its connection is in, for `transaction_status`."""
        return str(self._one(_Said, "(select pg_current_xact_id()::text as text) as own").text)

    def transaction_status(self, number: str) -> str | None:
        """Of a transaction that wrote: in progress, committed or aborted."""
        source = "(select pg_xact_status(%s::text::xid8) as text) as own"
        return self._one(_Said, source, number).text

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Within `transaction()`: calls of a handler, which may take long. Raises PermanentError
        when it ended the transaction, with which its step was to be completed, and RuntimeError
        when it left it aborted. For a connection that `connect` opened."""
        connection: Any = self._source
        if connection.settings is Settings.OF_TRANSACTION:
            connection.execute(LOCAL_SETTINGS)
        connection.execute(MARK)
        reported = connection.marked  # a pooler may pass no reports on
        with self.read_timeout(None):
            yield
        if connection.info.transaction_status == INERROR:
            raise RuntimeError(
                "the handler left its transaction aborted; a handler that catches an error of the "
                "database rolls back to a savepoint: with connection.transaction()"
            )
        if reported and not connection.marked:
            raise errors.PermanentError(
                "the handler ended its transaction itself; it must leave commit and rollback to "
                "the worker, which completes the step in the same transaction"
            )

    @contextmanager
    def rolled_back(self) -> Iterator[None]:
        """A transaction whose calls are undone at its end: to ask what they would answer."""
        with self.transaction():
            yield
            raise psycopg.Rollback

    @contextmanager
    def limited(self, seconds: float) -> Iterator[None]:
        """A transaction for calls that may take so long each.

        Raises TooSlowError for one that takes longer: an answer, for the database works.
        """
        try:
            with self.transaction() as connection:
                connection.execute(SET_TIMEOUT, [str(max(1, round(seconds * 1000)))])
                yield
        except errors.TooSlowError as error:
            raise errors.TooSlowError(
                "the call was ended", f"it may take {seconds:g} s", sqlstate=QUERY_CANCELED
            ) from error

    def finish_with_function(
        self,
        schema: str,
        function: str,
        step: rows.ClaimedStep,
        namespace: str,
        worker: str,
        limit: int,
        lease: timedelta,
        handlers: Sequence[str],
    ) -> list[rows.ClaimedStep]:
        """`finish_and_claim` for one step, whose result is what an SQL function returns.

        One transaction, bounded by the step's timeout. Raises SqlHandlerError when the function
        fails, and as `finish_and_claim`.
        """
        arguments = {
            "namespace": namespace,
            "worker": worker,
            "token": step.token,
            "step_uuid": step.step_uuid,
            "limit": limit,
            "lease": lease,
            "handlers": list(handlers),
        }
        with self.connection() as connection, translated():
            if step.timeout is None:
                return _finish_with(connection, schema, function, arguments)
            with connection.transaction():
                milliseconds = str(round(step.timeout.total_seconds() * 1000))
                connection.execute(SET_TIMEOUT, [milliseconds])
                return _finish_with(connection, schema, function, arguments)

    def heartbeats(self, claims: Mapping[UUID, Sequence[UUID]], lease: timedelta) -> list[Beat]:
        """`heartbeat` for several claims with their steps, in one call."""
        held = [{"token": str(one), "steps": list(map(str, claims[one]))} for one in sorted(claims)]
        source = """jsonb_to_recordset(%s::jsonb) as held (token uuid, steps uuid[])
            cross join lateral tasker.heartbeat(held.token, %s::interval, held.steps)"""
        return self._rows(Beat, source, json.dumps(held), lease)

    def former_attempts(self, step_uuids: Sequence[UUID]) -> list[FormerAttempt]:
        """Of those of these steps that are not at their first attempt, in one call."""
        source = """unnest(%s::uuid[]) as step (step_uuid)
            cross join lateral (
                  select past.outcome, past.error
                    from tasker.step_attempts(step.step_uuid) with ordinality as past
                   order by past.ordinality desc limit 1 offset 1) as former"""
        return self._rows(FormerAttempt, source, list(step_uuids))

    def listen(self, channel: str) -> None:
        """LISTEN on this connection from now on."""
        with self.connection() as connection, translated():
            connection.execute(sql.SQL("listen {}").format(sql.Identifier(channel)))

    def wait_for_notification(self, seconds: float, wake: int) -> list[str]:
        """Wait for a notification, for input on the file `wake`, or for the seconds to pass.

        The payloads of notifications.
        """
        with self.connection() as connection, translated():
            if found := [one.payload for one in connection.notifies(timeout=0)]:
                return found  # came in during another call
            poll = select.poll()  # unlike select(), takes file numbers of any size
            poll.register(connection.fileno(), select.POLLIN)
            poll.register(wake, select.POLLIN)
            ready = {file for file, _ in poll.poll(max(0, math.ceil(seconds * 1000)))}
            if connection.fileno() not in ready:
                return []
            return [one.payload for one in connection.notifies(timeout=0)]

    @property
    def changed(self) -> bool:
        """Whether somebody changed the object of its connection, which `connect` opened."""
        return (
            isinstance(self._source, TimedConnection)
            and self._source.shape() != self._source.original
        )

    @property
    def lost(self) -> bool:
        """Whether its connection is closed, or was lost."""
        with self.connection() as connection:
            return connection.closed

    @property
    def usable(self) -> bool:
        """Whether its connection is open, and in no transaction."""
        with self.connection() as connection:
            return connection.info.transaction_status == IDLE

    def reset(self) -> None:
        """Undo what a session was given beyond its transactions: settings, a role, temporary
        tables, advisory locks, channels. Raises UnavailableError."""
        with self.connection() as connection, translated():
            ours = getattr(connection, "settings", None) is Settings.OF_SESSION
            connection.execute(RESET + b";" + HANDLERS_SETTINGS if ours else RESET)

    def close(self) -> None:
        """Close the connection, or the pool."""
        self._source.close()

    def _rows(self, row: type[R], source: str, *arguments: Any) -> list[R]:
        with self.connection() as connection, translated():
            kind: Any = row
            return ask(connection, statement(kind, source), arguments, row)


def waiting(error: TimeoutError, reasons: Sequence[rows.TaskReason]) -> TimeoutError:
    """The error, with what the task waits for."""
    why = "; ".join(one.reason for one in reasons[:MOST_REASONS])
    return TimeoutError(f"{error}, and waits: {why}" if why else str(error))


class Looks:
    """Looks for the end of a task, none longer than LONGEST_LOOK, for `timeout` seconds in all."""

    def __init__(self, timeout: float | None) -> None:
        self._timeout = timeout
        self._ends = None if timeout is None else time.monotonic() + timeout
        self._began = self._seconds = 0.0  # of the last one

    def next(self) -> timedelta:
        """How long the next one may take."""
        self._began = time.monotonic()
        left = LONGEST_LOOK if self._ends is None else self._ends - self._began
        self._seconds = max(0.0, min(LONGEST_LOOK, left))
        return timedelta(seconds=self._seconds)

    def saw(self, found: rows.TaskEnd) -> bool:
        """Whether the last one saw the end. Raises TimeoutError when the time is over, RuntimeError
        when waiting makes no sense."""
        if found.finished_at is not None:
            return True
        now = time.monotonic()
        if self._ends is not None and now >= self._ends:
            raise TimeoutError(f"task {found.task_uuid} is {found.state} after {self._timeout:g} s")
        if now - self._began < self._seconds / 2:
            raise RuntimeError(
                "a transaction that keeps its snapshot never sees the end: wait outside of it"
            )
        return False


def result_of(end: rows.TaskEnd, found: Sequence[rows.TaskResult]) -> Any:
    """The result of a task. Raises TaskFailed when it did not complete."""
    if end.state != "complete":
        failed = [step for step in found if step.state == "error"]
        name, error = (failed[0].name, failed[0].error) if failed else (None, None)
        raise errors.TaskFailed(end.task_uuid, end.state, name, error)
    last = {step.name: step.result for step in found if step.is_last}
    return last if len(last) > 1 else next(iter(last.values()))


@functools.cache
def statement(row: Any, source: str) -> bytes:
    return f"select {', '.join(row._fields)} from {source}".encode()


# The function gets what the server has, which comes and goes as no JSON. Nothing calls it when the
# claim does not hold the step any more; then finish_and_claim says so.
FINISH_WITH: Final = """
select {} from tasker.finish_and_claim(
  p_namespace => %(namespace)s::text,
  p_worker    => %(worker)s::text,
  p_token     => %(token)s::uuid,
  p_outcomes  => pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_object(
                   'step_uuid', %(step_uuid)s::uuid,
                   'result', (select {}(claimed.context, claimed.dependency_results)
                                from tasker._claim_rows(
                                       %(token)s::uuid, null,
                                       array[tasker._step_id(%(step_uuid)s::uuid)],
                                       null) as claimed))),
  p_limit     => %(limit)s::bigint,
  p_lease     => %(lease)s::interval,
  p_handlers  => %(handlers)s::text[]
)
"""


@functools.cache
def _finish_with_statement(schema: str, function: str) -> bytes:
    columns = sql.SQL(", ").join(map(sql.Identifier, rows.ClaimedStep._fields))
    return sql.SQL(FINISH_WITH).format(columns, sql.Identifier(schema, function)).as_bytes()


def _finish_with(
    connection: Connection, schema: str, function: str, arguments: Mapping[str, Any]
) -> list[rows.ClaimedStep]:
    statement = _finish_with_statement(schema, function)
    try:
        return ask(connection, statement, arguments, rows.ClaimedStep)
    except psycopg.Error as error:
        if _is_ours(error) or verdict(error.sqlstate).unavailable:
            raise
        raise SqlHandlerError(*facts(error), error.diag.context or "") from error


def _is_ours(error: psycopg.Error) -> bool:
    """Whether it was not the function of a handler that failed, but a function of ours around it,
    or that is missing."""
    context = error.diag.context or error.diag.message_primary or ""
    outermost = context.rpartition("\n")[2]
    return "tasker.finish_and_claim(" in outermost or "tasker._claim_rows(" in outermost
