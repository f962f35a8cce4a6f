"""A client joins the transaction of what it is made of: psycopg, pools, SQLAlchemy, Django."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
import pytest
import sqlalchemy
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import AsyncConnectionPool, ConnectionPool
from running import client_of, template
from servers import rows
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from tasker_sql import Client
from tasker_sql.errors import ConflictError, NotFoundError

pytestmark = pytest.mark.newest

INSERT = "insert into orders values (7)"
ROWS = "select (select count(*) from orders), (select count(*) from tasker.tasks)"


@pytest.fixture
def database(database: str) -> str:
    with client_of(database) as client:
        client.register_template(template({"a": []}))
    rows(database, "create table orders (n integer)")
    return database


def written(database: str) -> tuple[int, int]:
    """How many orders and tasks others see."""
    ((orders, tasks),) = rows(database, ROWS)
    return orders, tasks


class _RollbackError(Exception):
    pass


Begin = Callable[[str], Any]


@contextmanager
def of_psycopg(dsn: str) -> Iterator[tuple[Any, Callable[[str], Any]]]:
    with psycopg.connect(dsn) as connection:
        yield connection, lambda text: connection.execute(text.encode())


@contextmanager
def in_autocommit(dsn: str) -> Iterator[tuple[Any, Callable[[str], Any]]]:
    with psycopg.connect(dsn, autocommit=True) as connection, connection.transaction():
        yield connection, lambda text: connection.execute(text.encode())


def engine_of(dsn: str) -> sqlalchemy.Engine:
    return sqlalchemy.create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(dsn), poolclass=sqlalchemy.NullPool
    )


@contextmanager
def of_core(dsn: str) -> Iterator[tuple[Any, Callable[[str], Any]]]:
    with engine_of(dsn).begin() as connection:
        yield connection, lambda text: connection.execute(sqlalchemy.text(text))


@contextmanager
def of_core_as_you_go(dsn: str) -> Iterator[tuple[Any, Callable[[str], Any]]]:
    """It begins by itself, at the first statement, and is committed by hand."""
    with engine_of(dsn).connect() as connection:
        yield connection, lambda text: connection.execute(sqlalchemy.text(text))
        connection.commit()


@contextmanager
def of_orm(dsn: str) -> Iterator[tuple[Any, Callable[[str], Any]]]:
    with Session(engine_of(dsn)) as session:
        yield session, lambda text: session.execute(sqlalchemy.text(text))
        session.commit()


@contextmanager
def of_scoped(dsn: str) -> Iterator[tuple[Any, Callable[[str], Any]]]:
    session = scoped_session(sessionmaker(engine_of(dsn)))
    try:
        yield session, lambda text: session.execute(sqlalchemy.text(text))
        session.commit()
    finally:
        session.remove()


@contextmanager
def django_of(dsn: str) -> Iterator[Any]:
    """Django's connection, as settings name it; not opened yet."""
    import django
    from django.conf import settings
    from django.db import connection, connections

    if not settings.configured:
        settings.configure(DATABASES={})
        django.setup()
    given = conninfo_to_dict(dsn)
    place = {"NAME": given["dbname"], "USER": given["user"], "HOST": given["host"]}
    default = {"ENGINE": "django.db.backends.postgresql", "PORT": given.get("port", ""), **place}
    connections.settings.update(connections.configure_settings({"default": default}))
    try:
        yield connection
    finally:
        connection.close()
        del connections["default"]


@contextmanager
def of_django(dsn: str) -> Iterator[tuple[Any, Callable[[str], Any]]]:
    from django.db import transaction

    with django_of(dsn) as connection, transaction.atomic():
        yield connection, lambda text: connection.cursor().execute(text)


KINDS = [
    of_psycopg,
    in_autocommit,
    of_core,
    of_core_as_you_go,
    of_orm,
    of_scoped,
    of_django,
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
class TestTransactions:
    @pytest.mark.parametrize(("before", "after"), [(1, 0), (0, 1), (0, 0)])
    def test_a_task_commits_with_the_writes(
        self, database: str, kind: Begin, before: int, after: int
    ) -> None:
        with kind(database) as (source, execute):
            if before:
                execute(INSERT)
            assert Client(source).create_task("test", "flow").created
            if after:
                execute(INSERT)
            assert written(database) == (0, 0)
        assert written(database) == (before + after, 1)

    @pytest.mark.parametrize("inner", [False, True])
    def test_or_not_at_all(self, database: str, kind: Begin, inner: bool) -> None:
        with pytest.raises(_RollbackError), kind(database) as (source, execute):
            client = Client(source)
            if inner:
                with client.transaction():
                    client.create_task("test", "flow")
            else:
                client.create_task("test", "flow")
            if kind is not of_psycopg or not inner:  # where transaction() is the whole one
                assert written(database) == (0, 0)
            execute(INSERT)
            raise _RollbackError
        assert written(database) == (0, int(kind is of_psycopg and inner))

    def test_a_refusal_can_be_caught_at_a_savepoint(self, database: str, kind: Begin) -> None:
        with kind(database) as (source, execute):
            execute(INSERT)
            client = Client(source)
            with pytest.raises(NotFoundError), client.transaction():
                client.create_task("test", "unknown")
            client.create_task("test", "flow", {"n": 1}, {"idempotency_key": "a"})
            with pytest.raises(ConflictError), client.transaction():
                client.create_task("test", "flow", {"n": 2}, {"idempotency_key": "a"})
        assert written(database) == (1, 1)


@pytest.mark.parametrize("fails", [False, True])
def test_calls_in_a_transaction_over_a_pool_are_part_of_it(database: str, fails: bool) -> None:
    with ConnectionPool(database, min_size=1, max_size=1, timeout=10) as pool:
        client = Client(pool)
        with suppress(ZeroDivisionError), client.transaction() as connection:
            connection.execute(INSERT.encode())
            client.create_task("test", "flow")
            if fails:
                raise ZeroDivisionError
        client.create_task("test", "flow")  # over a connection of the pool again
    assert written(database) == ((0, 1) if fails else (1, 2))


def test_a_pool_lends_a_connection_to_each_call(database: str) -> None:
    with ConnectionPool(database, min_size=1, max_size=1) as pool:
        client = Client(pool)
        assert client.create_task("test", "flow").created
        assert written(database) == (0, 1)
        assert len(client.list_tasks()) == 1


def test_django_outside_of_a_transaction_commits_each_call(database: str) -> None:
    with django_of(database) as connection:
        assert Client(connection).create_task("test", "flow").created
        assert written(database) == (0, 1)


def test_no_source_is_the_configured_database(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database)
    with Client() as client:
        assert client.create_task("test", "flow").created
    assert client.lost
    assert written(database) == (0, 1)


def test_a_connection_that_was_given_stays_open(database: str) -> None:
    with psycopg.connect(database) as connection:
        with Client(connection) as client:
            client.create_task("test", "flow")
        assert not connection.closed
        connection.rollback()
    assert written(database) == (0, 0)


ENGINE = sqlalchemy.create_engine("postgresql+psycopg://x/y")


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ("postgresql://x/y", "a str: for a URL, set DATABASE_URL and leave it out"),
        (7, "an int"),
        (psycopg.Connection, "the class psycopg.Connection"),
        (sqlite3.connect(":memory:"), "a sqlite3.Connection"),
        (ENGINE, r"Engine: write with engine\.begin\(\) as connection: Client\(connection\)"),
        (sessionmaker(ENGINE), r"sessionmaker: write with Session\(\) as session"),
        (
            AsyncConnectionPool(open=False),
            "a psycopg_pool.pool_async.AsyncConnectionPool: use AsyncClient",
        ),
        (object.__new__(psycopg.AsyncConnection), "a psycopg.AsyncConnection: use AsyncClient"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_it_does_not_know_is_refused_with_what_it_takes(wrong: Any, what: str) -> None:
    takes = "Client takes a connection of psycopg, a ConnectionPool of psycopg_pool, a Connection "
    with pytest.raises(TypeError, match=f"{takes}.*, and not .*{what}"):
        Client(wrong)


def test_another_driver_is_refused_when_it_is_used() -> None:
    with sqlalchemy.create_engine("sqlite://").connect() as connection:
        client = Client(connection)
        with pytest.raises(
            TypeError, match=r"uses a sqlite3\.Connection, and Client needs psycopg 3"
        ):
            client.create_task("test", "flow")
