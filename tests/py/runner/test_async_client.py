"""AsyncClient: the calls of Client, awaited, in the transaction of asynchronous connections."""

from __future__ import annotations

import ast
import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import anyio
import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool, ConnectionPool
from running import SECONDS, client_of, running, template
from servers import rows
from sqlalchemy import NullPool, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

import tasker_sql
from tasker_sql import AsyncClient, Client, PermanentError, TaskFailed, step, workflow
from tasker_sql.async_client import METHODS
from tasker_sql.errors import ConflictError, NotFoundError
from tasker_sql.worker.handlers import Registry

pytestmark = pytest.mark.newest

INSERT = "insert into orders values (7)"
ROWS = "select (select count(*) from orders), (select count(*) from tasker.tasks)"

Source = Callable[[str], Any]


@pytest.fixture
def database(database: str) -> str:
    with client_of(database) as client:
        client.register_template(template({"a": []}))
    rows(database, "create table orders (n integer)")
    return database


def written(database: str) -> tuple[int, int]:
    ((orders, tasks),) = rows(database, ROWS)
    return orders, tasks


def engine_of(dsn: str) -> AsyncEngine:
    async def connected() -> psycopg.AsyncConnection[Any]:
        return await psycopg.AsyncConnection.connect(dsn)

    return create_async_engine("postgresql+psycopg://", async_creator=connected, poolclass=NullPool)


@asynccontextmanager
async def of_psycopg(dsn: str) -> AsyncIterator[tuple[Any, Any]]:
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        yield connection, lambda: connection.execute(INSERT.encode())


@asynccontextmanager
async def of_core(dsn: str) -> AsyncIterator[tuple[Any, Any]]:
    async with engine_of(dsn).connect() as connection:
        yield connection, lambda: connection.execute(text(INSERT))
        await connection.commit()


@asynccontextmanager
async def of_orm(dsn: str) -> AsyncIterator[tuple[Any, Any]]:
    async with AsyncSession(engine_of(dsn)) as session:
        yield session, lambda: session.execute(text(INSERT))
        await session.commit()


class _RollbackError(Exception):
    pass


@pytest.mark.parametrize("kind", [of_psycopg, of_core, of_orm], ids=lambda kind: kind.__name__)
class TestTransactions:
    @pytest.mark.parametrize(("before", "after"), [(1, 0), (0, 1), (0, 0)])
    def test_a_task_commits_with_the_writes(
        self, database: str, kind: Source, before: int, after: int
    ) -> None:
        async def run() -> None:
            async with kind(database) as (source, execute):
                if before:
                    await execute()
                assert (await AsyncClient(source).create_task("test", "flow")).created
                if after:
                    await execute()
                assert written(database) == (0, 0)

        anyio.run(run)
        assert written(database) == (before + after, 1)

    def test_or_not_at_all(self, database: str, kind: Source) -> None:
        async def run() -> None:
            async with kind(database) as (source, execute):
                await AsyncClient(source).create_task("test", "flow")
                await execute()
                raise _RollbackError

        with pytest.raises(_RollbackError):
            anyio.run(run)
        assert written(database) == (0, 0)


@asynccontextmanager
async def of_pool(dsn: str) -> AsyncIterator[Any]:
    async with AsyncConnectionPool(dsn, min_size=1, max_size=1, timeout=10, open=False) as pool:
        yield pool


@asynccontextmanager
async def of_autocommit(dsn: str) -> AsyncIterator[Any]:
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("kind", [of_pool, of_autocommit], ids=lambda kind: kind.__name__)
def test_calls_in_a_transaction_are_part_of_it(database: str, kind: Source, fails: bool) -> None:
    async def run() -> None:
        async with kind(database) as source:
            client = AsyncClient(source)
            async with client.transaction() as connection:
                await connection.execute(INSERT.encode())
                await client.create_task("test", "flow")
                assert written(database) == (0, 0)
                if fails:
                    raise _RollbackError

    with pytest.raises(_RollbackError) if fails else nullcontext():
        anyio.run(run)
    assert written(database) == ((0, 0) if fails else (1, 1))


def test_it_says_what_the_database_knows(database: str) -> None:
    async def run() -> Any:
        async with of_autocommit(database) as connection:
            return await AsyncClient(connection).contract()

    with client_of(database) as client:
        assert anyio.run(run) == client.contract()


def test_type_checkers_know_the_methods_that_there_are() -> None:
    """The stub has those of Client, and awaits what they return."""
    stub = ast.parse((Path(tasker_sql.__file__).parent / "async_calls.pyi").read_text())
    (made,) = [node for node in stub.body if isinstance(node, ast.ClassDef)]
    found = [node for node in made.body if isinstance(node, ast.AsyncFunctionDef)]
    assert {node.name for node in found} == METHODS
    assert all(node.returns for node in found)


def test_it_has_the_methods_of_client_and_their_answers(database: str) -> None:
    calls: list[tuple[str, Any]] = [
        ("list_templates", ()),
        ("list_tasks", ({"namespace": "test"}, 10)),
        ("get_template", ("test", "flow")),
        ("claim_steps", ("test", "nobody")),
        ("create_task", ("test", "flow", {"n": 1.10}, {"idempotency_key": "a"})),
    ]

    async def run() -> None:
        async with await psycopg.AsyncConnection.connect(database, autocommit=True) as connection:
            client = AsyncClient(connection)
            for name, arguments in calls:
                answers.append(await getattr(client, name)(*arguments))
            with pytest.raises(NotFoundError, match="template"):
                await client.create_task("test", "unknown")
            with pytest.raises(ConflictError):
                await client.create_task("test", "flow", {"n": 2}, idempotency_key="a")
            with pytest.raises(ValueError, match=r"value\.n is nan"):
                await client.create_task("test", "flow", {"n": float("nan")})
            with pytest.raises(TypeError, match="missing 2 required positional arguments"):
                await client.create_task()  # type: ignore[call-arg]

    answers: list[Any] = []
    with client_of(database) as client:
        before = [getattr(client, name)(*arguments) for name, arguments in calls[:4]]
        anyio.run(run)
        assert answers[:4] == before
        assert answers[4].created
        assert not client.create_task("test", "flow", {"n": 1.1}, idempotency_key="a").created
    assert set(dir(AsyncClient())) >= METHODS
    assert {name for name in METHODS if inspect.isfunction(getattr(Client, name))} == METHODS


def test_it_waits_for_results(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database)
    registry = Registry()

    @registry.handler("a")
    def a(at: Any) -> int:
        if at.context:
            raise PermanentError("no paper")
        return 7

    async def run() -> None:
        async with AsyncClient() as client:
            task = await client.create_task("test", "flow")
            with pytest.raises(TimeoutError, match="is pending after 0 s, and waits: a: "):
                await client.wait(task, 0)
            with running(database, registry):
                assert await client.result(task, SECONDS) == 7
                failed = await client.create_task("test", "flow", {"n": 1})
                with pytest.raises(TaskFailed, match="step a failed: no paper"):
                    await client.result(failed.task_uuid, SECONDS)
        assert client._own
        assert client._own.closed

    anyio.run(run)


def test_a_workflow_starts_and_a_pool_lends(database: str) -> None:
    @step
    def work(given: dict[str, Any]) -> None: ...

    @workflow(namespace="test", version="1.0.0")
    def asked(given: dict[str, Any]) -> None:
        work(given)

    async def run() -> None:
        async with await psycopg.AsyncConnection.connect(database, autocommit=True) as connection:
            with pytest.raises(NotFoundError, match=r"register it first: asked\.register"):
                await asked.start(AsyncClient(connection))
        async with AsyncConnectionPool(database, min_size=1, max_size=1, open=False) as pool:
            client = AsyncClient(pool)
            assert (await asked.register(client)).created
            assert (await asked.start(client, {"n": 1}, idempotency_key="a")).created

    anyio.run(run)
    assert written(database) == (0, 1)


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ("postgresql://x/y", "a str: for a URL, set DATABASE_URL and leave it out"),
        (7, "an int"),
        (ConnectionPool(open=False), "a psycopg_pool.pool.ConnectionPool: use Client"),
        (create_async_engine("postgresql+psycopg://x/y"), ".*AsyncEngine: write async with engine"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_it_does_not_know_is_refused_with_what_it_takes(wrong: Any, what: str) -> None:
    with pytest.raises(TypeError, match=f"AsyncClient takes an AsyncConnection of psy.*not {what}"):
        AsyncClient(wrong)
    with pytest.raises(AttributeError, match="AsyncClient has no 'creat_task'; it has the SQL"):
        AsyncClient().creat_task  # type: ignore[attr-defined]  # noqa: B018
