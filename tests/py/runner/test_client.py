"""The client says what the database says: signatures, rows, errors, JSON."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import fields
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, get_args, get_origin, get_type_hints
from uuid import UUID

import psycopg
import pytest
from running import client_of, template
from servers import rows

from tasker_sql import errors
from tasker_sql.client import SQL_TYPES, Client, parameters
from tasker_sql.jsonb import JsonText

VIEWS = {"queue_depths", "known_runners", "executor_pools", "circuit_breakers"}
VIEWS |= {"problems", "dead_letters", "served_namespaces", "live_claims", "known_workers"}
OURS = {"transaction", "patience", "finish_with_function", "listen", "wait_for_notification"}
OURS |= VIEWS | {"reset", "limited", "wait", "result", "close", "usable", "contract"}
OURS |= {"rolled_back", "lent", "lost", "changed"}
METHODS = sorted(name for name in vars(Client) if not name.startswith("_") and name not in OURS)
PYTHON_TYPES = {
    "text": str,
    "integer": int,
    "bigint": int,
    "boolean": bool,
    "uuid": UUID,
    "jsonb": Any,
    "timestamp with time zone": datetime,
    "interval": timedelta,
    "numeric": Decimal,
    "double precision": float,
    "real": float,
    "text[]": list[str],
    "uuid[]": list[UUID],
}
SIGNATURE = """
select array(select format_type(type, null) from unnest(proargtypes) as type),
       proargnames[1:pronargs], pronargs - pronargdefaults,
       array(select format_type(type, null) from unnest(proallargtypes[pronargs + 1:]) as type),
       proargnames[pronargs + 1:]
  from pg_proc
 where pronamespace = 'tasker'::regnamespace and proname = %s
"""
VIEW = """
select attname, format_type(atttypid, null)
  from pg_attribute
 where attrelid = %s::regclass and attnum > 0 and not attisdropped
 order by attnum
"""
PUBLIC = r"""
select proname
  from pg_proc
 where pronamespace = 'tasker'::regnamespace and proname not like '\_%' and proretset
   and proname <> 'rows'
 order by proname collate "C"
"""


@pytest.fixture
def client(database: str) -> Iterator[Client]:
    with client_of(database) as client:
        yield client


def returned(function: str) -> Any:
    """The row type of a method."""
    kind = get_type_hints(getattr(Client, function))["return"]
    if get_origin(kind) is list:
        return get_args(kind)[0]
    return next((part for part in get_args(kind) if part is not type(None)), kind)


def without_none(kind: Any) -> Any:
    if type(None) in get_args(kind):
        return next(part for part in get_args(kind) if part is not type(None))
    return kind


@pytest.mark.newest
class TestDrift:
    """A function and its method cannot part company."""

    def test_every_public_function_has_a_method(self, database: str) -> None:
        names = rows(database, PUBLIC)
        assert [name for (name,) in names] == METHODS

    def test_arguments_have_the_names_types_and_order_of_the_function(self, database: str) -> None:
        for function in METHODS:
            types, names, needed, _, _ = rows(database, SIGNATURE, function)[0]
            ours = parameters(function)
            assert [f"p_{name.rstrip('_')}" for name in ours] == (names or []), function
            sql_types = [SQL_TYPES[kind] for kind in ours.values()]
            sql_types = [t.replace("timestamptz", "timestamp with time zone") for t in sql_types]
            assert sql_types == types, function
            signature = inspect.signature(getattr(Client, function)).parameters
            optional = [p.default is not p.empty for p in list(signature.values())[1:]]
            assert not any(optional[:needed]), f"{function} has a default that SQL has not"

    def test_rows_have_the_names_types_and_order_of_the_columns(self, database: str) -> None:
        for function in METHODS:
            _, _, _, types, names = rows(database, SIGNATURE, function)[0]
            row = returned(function)
            hints = get_type_hints(row)
            assert [field.name for field in fields(row)] == names, function
            ours = [without_none(hints[field.name]) for field in fields(row)]
            assert ours == [PYTHON_TYPES[kind] for kind in types], function

    @pytest.mark.parametrize("view", sorted(VIEWS))
    def test_a_view_has_its_row(self, database: str, view: str) -> None:
        row = returned(view)
        columns = rows(database, VIEW, f"tasker.{view}")
        assert [field.name for field in fields(row)] == [name for name, _ in columns]
        hints = get_type_hints(row)
        ours = [without_none(hints[field.name]) for field in fields(row)]
        assert ours == [PYTHON_TYPES[kind] for _, kind in columns]

    def test_every_code_of_ours_has_a_class(self) -> None:
        codes = [f"TK00{number}" for number in range(1, 10)]
        assert set(codes) | {"22023", "42883"} == set(errors.BY_CODE)


class TestCalls:
    def test_takes_part_in_the_callers_transaction(self, database: str, client: Client) -> None:
        client.register_template(template({"a": []}))
        with psycopg.connect(database) as connection:
            Client(connection).create_task("test", "flow")
            connection.rollback()
        assert client.list_tasks() == []
        with psycopg.connect(database) as connection:
            Client(connection).create_task("test", "flow")
        assert len(client.list_tasks()) == 1

    def test_takes_a_pool(self, database: str) -> None:
        class Pool:
            @contextmanager
            def _lend(self) -> Iterator[psycopg.Connection[Any]]:
                with psycopg.connect(database) as connection:
                    yield connection

            def connection(self) -> AbstractContextManager[psycopg.Connection[Any]]:
                return self._lend()

        assert Client(Pool()).create_namespace("test").created
        assert not Client(Pool()).create_namespace("test").created

    def test_rolls_a_transaction_back(self, client: Client) -> None:
        with pytest.raises(errors.BadValueError), client.transaction():
            client.create_namespace("test")
            client.create_namespace("Not a name")
        assert client.create_namespace("test").created

    def test_creates_many_tasks_in_order(self, client: Client) -> None:
        client.register_template(template({"a": []}))
        made = client.create_tasks("test", "flow", [{"n": n} for n in range(5)])
        contexts = [client.get_task(task.task_uuid).context for task in made]
        assert contexts == [{"n": n} for n in range(5)]

    def test_errors_have_a_class_a_detail_and_a_hint(self, client: Client) -> None:
        with pytest.raises(errors.NotFoundError) as caught:
            client.create_task("nowhere", "nothing")
        assert caught.value.sqlstate == "TK002"
        assert "nowhere" in caught.value.detail
        with pytest.raises(errors.StaleClaimError) as stale:
            client.heartbeat(UUID(int=1))
        assert stale.value.reason == "unknown"

    def test_a_lost_connection_is_no_answer(self, server: Any, database: str) -> None:
        with client_of(database) as client:
            server.admin.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where application_name = 'test' and datname = split_part(%s, '/', 4)",
                [database.partition("?")[0]],
            )
            with pytest.raises(errors.UnavailableError):
                client.list_tasks()

    def test_no_database_is_no_answer(self) -> None:
        with pytest.raises(errors.UnavailableError), client_of("host=/nowhere"):
            pass


class TestJson:
    @pytest.mark.parametrize(
        "value", [None, 1, 1.5, "ü", [], {"a": [{"b": None}]}, "\\u0000", "a\\\\u0000b"]
    )
    def test_comes_back_as_it_was(self, client: Client, value: Any) -> None:
        client.register_template(template({"a": []}))
        task = client.create_task("test", "flow", {"value": value}).task_uuid
        assert client.get_task(task).context == {"value": value}

    def test_numbers_are_exact_over_an_applications_connection_too(self, database: str) -> None:
        text = '{"n": 0.1234567890123456789012345, "l": ' + "7" * 5000 + "}"
        with psycopg.connect(database, autocommit=True) as connection:
            client = Client(connection)
            client.register_template(template({"a": []}))
            task = client.create_task("test", "flow", JsonText(text)).task_uuid
            context = client.get_task(task).context
            assert context["n"] == Decimal("0.1234567890123456789012345")
            assert client.create_task("test", "flow", context).created
        assert rows(database, "select count(distinct context) from tasker.tasks") == [(1,)]

    def test_every_argument_type_has_an_sql_type(self) -> None:
        assert Sequence[Any] in SQL_TYPES


@pytest.mark.newest
def test_a_notification_that_came_in_during_another_call_is_not_slept_through(
    database: str,
) -> None:
    with client_of(database) as client, psycopg.connect(database, autocommit=True) as other:
        client.create_namespace("test")
        client.listen("tasker_test")
        other.execute("notify tasker_test")
        client.create_namespace("test")  # reads the notification with its answer
        ours, theirs = os.pipe()
        assert client.wait_for_notification(60, ours)
        os.close(ours)
        os.close(theirs)
