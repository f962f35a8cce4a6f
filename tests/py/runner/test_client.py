"""The client says what the database says: signatures, rows, errors, JSON."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, get_type_hints
from uuid import UUID

import generate_client
import psycopg
import pytest
from running import client_of, template, wait_for
from servers import rows

from tasker_sql import errors
from tasker_sql.calls import Calls
from tasker_sql.client import LEASE, Client, TaskOptions
from tasker_sql.jsonb import JsonText

EXAMPLES: dict[Any, Any] = {
    str: "test",
    int: 1,
    UUID: UUID(int=1),
    UUID | None: None,
    Any: {},
    datetime: datetime(2031, 2, 3, tzinfo=UTC),
    datetime | None: None,
    timedelta: timedelta(seconds=1),
    Sequence[str]: ["test"],
    Sequence[UUID]: [UUID(int=1)],
    Sequence[Any]: [{}],
}


class TestDrift:
    """A function and its method cannot part company."""

    def test_the_files_are_what_the_catalog_gives(self, database: str) -> None:
        for path, text in generate_client.generated(database).items():
            assert path.read_text() == text, f"{path.name} is out of date: run `make client`"

    def test_another_function_gives_another_text(self, database: str) -> None:
        with psycopg.connect(database) as connection:
            connection.execute(
                """
                alter function tasker.get_task(uuid) rename to get_task_before;
                create function tasker.get_task(p_task_id uuid, p_more boolean default false)
                  returns table (task_uuid uuid) language sql as 'select p_task_id';
                comment on function tasker.get_task(uuid, boolean) is 'Raises TK002 (null).';
                """
            )
        text = "".join(generate_client.generated(database).values())
        assert "def get_task(self, task_id: UUID, more: bool = False) -> rows.Task" in text
        assert '"""Raises NotFoundError (None)."""' in text

    @pytest.mark.newest
    def test_every_method_can_be_called(self, client: Client) -> None:
        """Each statement is one that the server understands, with the columns of its row."""
        for name in sorted(vars(Calls)):
            if name.startswith("_"):
                continue
            method = getattr(super(Client, client), name)  # what is generated
            kinds = get_type_hints(method)
            needed = {
                parameter.name: EXAMPLES[kinds[parameter.name]]
                for parameter in inspect.signature(method).parameters.values()
                if parameter.default is parameter.empty
            }
            try:
                with client.rolled_back():
                    method(**needed)
            except errors.TaskerError as error:
                assert not error.sqlstate.startswith("42"), f"{name}: {error}"

    @pytest.mark.newest
    def test_options_are_those_that_the_database_knows(self, client: Client) -> None:
        client.register_template(template({"a": []}))
        with pytest.raises(errors.BadValueError) as refused:
            client.create_task("test", "flow", {}, {"bogus": 1})
        known = set(re.findall(r"\w+", refused.value.detail.partition("known are ")[2]))
        assert set(TaskOptions.__annotations__) == known - {"idempotency_keys"}
        made = client.create_task("test", "flow", idempotency_key="7", tags=["a"], priority="low")
        task = client.get_task(made.task_uuid)
        assert (task.tags, task.priority) == (["a"], "low")
        assert not client.create_task("test", "flow", idempotency_key="7").created

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

    def test_several_claims_are_extended_in_one_call(self, client: Client) -> None:
        client.register_template(template({"a": []}))
        tasks = [one.task_uuid for one in client.create_tasks("test", "flow", [{}, {}, {}])]
        claimed = [client.claim_steps("test", "w")[0] for _ in tasks]
        client.cancel_task(claimed[1].task_uuid, "no need")
        client.release_claim(claimed[2].token)
        beats = client.heartbeats({one.token: [one.step_uuid] for one in claimed}, LEASE * 2)
        found = {one.token: one[1:] for one in beats}
        assert found == {
            claimed[0].token: ([], []),
            claimed[1].token: ([claimed[1].step_uuid], []),
            claimed[2].token: ([], [claimed[2].step_uuid]),
        }
        (extended,) = [
            one for one in client.live_claims() if claimed[0].step_uuid in one.step_uuids
        ]
        assert extended.lease_until > claimed[0].lease_until + LEASE / 2
        assert client.heartbeats({}, LEASE) == []

    def test_the_attempts_before_are_asked_for_together(self, client: Client) -> None:
        client.register_template(template({"a": []}, retry={"backoff": "none"}))
        for _ in range(3):
            client.create_task("test", "flow")
        (failed,) = client.claim_steps("test", "w")
        client.fail_step(failed.step_uuid, failed.token, {"message": "down"})
        (lost,) = client.claim_steps("test", "w", lease=timedelta(milliseconds=1))
        wait_for(lambda: client.sweep() and not client.live_claims())
        again = [one.step_uuid for one in client.claim_steps("test", "w", limit=3)]
        assert {failed.step_uuid, lost.step_uuid} < set(again)
        former = {one.step_uuid: one for one in client.former_attempts(again)}
        assert former.keys() == {failed.step_uuid, lost.step_uuid}
        assert former[failed.step_uuid][1:] == ("failed", {"message": "down"})
        assert former[lost.step_uuid].outcome == "lost"

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

    def test_each_connection_is_read_in_its_own_encoding(self, database: str) -> None:
        """What an application's connection needs is nobody else's."""
        with client_of(database) as client:
            client.register_template(template({"a": []}))
            task = client.create_task("test", "flow", {"city": "Köln"}).task_uuid
            for encoding in ("utf8", "latin1", "utf8"):
                with psycopg.connect(database, client_encoding=encoding) as connection:
                    assert Client(connection).get_task(task).context == {"city": "Köln"}
                assert client.get_task(task).context == {"city": "Köln"}


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
