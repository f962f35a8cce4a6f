"""`AsyncClient`: the public SQL functions as methods to await, over asynchronous connections.

    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        await connection.execute("insert into orders ...")
        await AsyncClient(connection).create_task("shop", "process", {"order": 7})

Each method is that of `Client`: it says what to ask and what to make of the answer, and here lies
how the database is asked.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, Unpack
from uuid import UUID

import psycopg
from psycopg.adapt import AdaptersMap
from psycopg.rows import args_row

from tasker_sql import errors, rows, sources
from tasker_sql.calls import Calls
from tasker_sql.client import Client, Looks, TaskOptions, result_of, statement, waiting
from tasker_sql.connection import ADAPTERS, translated

if TYPE_CHECKING:
    from tasker_sql.async_calls import AsyncCalls
else:
    AsyncCalls = object

R = TypeVar("R")

METHODS: Final = frozenset(name for name in vars(Calls) if not name.startswith("_"))


class AsyncClient(AsyncCalls):
    """The methods of `Client`, to await.

    `source` is an AsyncConnection of psycopg, an AsyncConnection or an AsyncSession of SQLAlchemy,
    whose transaction calls are a part of, or an AsyncConnectionPool. Without it, the client has a
    connection of its own to the configured database, in autocommit mode, and `async with
    AsyncClient() as client` closes it. Raises what `Client` raises.
    """

    def __init__(self, source: Any = None) -> None:
        self._own: psycopg.AsyncConnection[Any] | None = None
        self._lend = self._lend_own if source is None else sources.async_lender(source)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connection, unless it was given."""
        await self.close()

    async def close(self) -> None:
        """Close the client's own connection."""
        if self._own is not None:
            await self._own.close()

    if TYPE_CHECKING:

        async def create_task(
            self,
            namespace: str,
            name: str,
            context: Any = ...,
            options: Any = ...,
            **more: Unpack[TaskOptions],
        ) -> rows.CreatedTask: ...

    else:

        def __getattr__(self, name):
            if name not in METHODS:
                raise AttributeError(
                    f"AsyncClient has no {name!r}; it has the SQL functions by name"
                )
            method = getattr(Client, name)

            @functools.wraps(method)
            async def call(*positional, **named):
                try:
                    method(_Question(), *positional, **named)
                except _AskedError as asked:
                    found = await self._rows(asked.row, asked.source, asked.arguments)
                return method(_Answer(found), *positional, **named)

            return call

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *METHODS})

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        """As `Client.transaction`: calls of this client, in this coroutine, are part of it."""
        with translated():
            async with self._connection() as connection, connection.transaction():
                with sources.holding(self, connection):
                    yield connection

    async def contract(self) -> Any:
        """As `Client.contract`."""
        with translated():
            async with self._connection() as connection:
                cursor = await connection.execute(b"select tasker.contract()")
                found = await cursor.fetchone()
                return found and found[0]

    async def wait(
        self, task: UUID | rows.CreatedTask, timeout: float | None = None
    ) -> rows.TaskEnd:
        """As `Client.wait`."""
        task_uuid = task if isinstance(task, UUID) else task.task_uuid
        looks = Looks(timeout)
        found: rows.TaskEnd
        try:
            while not looks.saw(found := await self.wait_task(task_uuid, looks.next())):
                pass
        except TimeoutError as error:
            reasons = []
            with suppress(errors.TaskerError, errors.UnavailableError):
                reasons = await self.explain_task(task_uuid)
            raise waiting(error, reasons) from None
        return found

    async def result(self, task: UUID | rows.CreatedTask, timeout: float | None = None) -> Any:
        """As `Client.result`."""
        end = await self.wait(task, timeout)
        return result_of(end, await self.task_results(end.task_uuid))

    async def _rows(self, row: Any, source: str, arguments: tuple[Any, ...]) -> list[Any]:
        with translated():
            async with self._connection() as connection:
                cursor = _Cursor(connection, row_factory=args_row(row))
                await cursor.execute(statement(row, source), arguments, binary=True)
                try:
                    return await cursor.fetchall()
                except (psycopg.DataError, ValueError, ArithmeticError, RecursionError) as error:
                    raise errors.UnreadableError(str(error)) from error

    def _connection(self) -> AbstractAsyncContextManager[psycopg.AsyncConnection[Any]]:
        held = sources.held(self)
        return self._lend() if held is None else nullcontext(held)

    @asynccontextmanager
    async def _lend_own(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        if self._own is None or self._own.closed:
            from tasker_sql.schema import database, migrations

            self._own = await psycopg.AsyncConnection.connect(
                await asyncio.to_thread(migrations.ready),
                autocommit=True,
                application_name=database.application_name("client"),
                client_encoding="utf8",
                prepare_threshold=None,
            )
        yield self._own


class _AskedError(Exception):
    """What a method asks."""

    def __init__(self, row: Any, source: str, arguments: tuple[Any, ...]) -> None:
        super().__init__(source)
        self.row, self.source, self.arguments = row, source, arguments


class _Question(Client):
    """Learns what a method asks."""

    def __init__(self) -> None:
        pass

    def _rows(self, row: type[R], source: str, *arguments: Any) -> list[R]:
        raise _AskedError(row, source, arguments)


class _Answer(Client):
    """Gives a method its answer."""

    def __init__(self, found: list[Any]) -> None:
        self._found = found

    def _rows(self, row: type[R], source: str, *arguments: Any) -> list[R]:  # noqa: ARG002
        return self._found


class _Cursor(psycopg.AsyncCursor[R]):
    """Reads answers as those of `Client` are read."""

    @property
    def adapters(self) -> AdaptersMap:
        return ADAPTERS
