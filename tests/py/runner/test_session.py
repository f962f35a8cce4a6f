"""Connections lent to many threads, and the circuits around calls over them: on a real server."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from running import SECONDS, wait_for
from servers import rows

from tasker_sql.circuit import Breaker, State
from tasker_sql.client import Client, connect
from tasker_sql.errors import NotFoundError, TooSlowError, UnavailableError
from tasker_sql.pool import Circuit, Connections, SaturatedError, Session

pytestmark = pytest.mark.newest

OURS = "select pid from pg_stat_activity where application_name = 'lent'"
CUT = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'lent'"


@pytest.fixture
def lent(database: str) -> Iterator[Callable[..., Connections]]:
    """Makes pools of connections; they must have no connection in use at the end."""
    with ExitStack() as stack:

        def make(size: int, reserved: int = 0) -> Connections:
            made = Connections(lambda: connect(database, "lent"), size, reserved)
            stack.callback(made.close)
            return made

        yield make


def circuit(failures: int = 1, open_seconds: float = 0.1) -> Circuit:
    return Circuit("test", Breaker(failures, open_seconds, successes=2))


class TestConnections:
    def test_are_opened_when_needed_and_used_again(
        self, database: str, lent: Callable[..., Connections]
    ) -> None:
        pool = lent(3)
        assert pool.open == 0
        for _ in range(5):
            with pool.lend() as client:
                client.list_namespaces()
        assert (pool.open, pool.used, len(rows(database, OURS))) == (1, 0, 1)
        with pool.lend(), pool.lend():
            assert (pool.open, pool.used) == (2, 2)

    def test_are_not_more_than_there_may_be(self, lent: Callable[..., Connections]) -> None:
        pool = lent(2)
        with pool.lend(), pool.lend():
            with pytest.raises(SaturatedError, match="all 2 connections are in use"), pool.lend():
                pass
            assert (pool.used, pool.saturated, pool.waiting) == (2, 1, 0)

    def test_one_that_is_given_back_goes_to_who_waits(
        self, lent: Callable[..., Connections]
    ) -> None:
        pool = lent(1)
        got = threading.Event()

        def borrow() -> None:
            with pool.lend():
                got.set()

        with pool.lend():
            thread = threading.Thread(target=borrow)
            thread.start()
            wait_for(lambda: pool.waiting == 1)
            assert not got.is_set()
        assert got.wait(SECONDS)
        thread.join()

    def test_handlers_leave_some_to_others(self, lent: Callable[..., Connections]) -> None:
        pool = lent(3, reserved=2)
        with pool.for_handlers.lend():
            with pytest.raises(SaturatedError), pool.for_handlers.lend():
                pass
            with pool.lend(), pool.lend():
                pass

    def test_what_a_handler_sets_no_call_of_ours_meets(
        self, database: str, lent: Callable[..., Connections]
    ) -> None:
        pool = lent(2)
        with pool.for_handlers.lend() as client, client.transaction() as connection:
            connection.execute("set statement_timeout = 1")
        with pool.lend() as client, client.transaction() as connection:
            assert connection.execute("show statement_timeout").fetchone() == ("0",)
        with pool.lend(), pool.lend():
            assert pool.open == 2, "the handlers' idle one was closed for the second"
        wait_for(lambda: len(rows(database, OURS)) == 2)

    def test_what_a_handler_leaves_behind_no_other_handler_meets(
        self, lent: Callable[..., Connections]
    ) -> None:
        pool = lent(2)
        with pool.for_handlers.lend() as client, client.transaction() as connection:
            pid = connection.info.backend_pid
            connection.execute("set search_path = nowhere")
            connection.execute("set role pg_monitor")
            connection.execute("create temp table mine (n integer)")
            connection.execute("select pg_advisory_lock(1)")
            connection.execute("listen news")
        with pool.for_handlers.lend() as client, client.transaction() as connection:
            assert connection.info.backend_pid == pid, "the same session"
            found = connection.execute(
                "select current_setting('search_path'), current_user = session_user,"
                " to_regclass('pg_temp.mine'), (select count(*) from pg_listening_channels()),"
                " (select count(*) from pg_locks where locktype = 'advisory')"
            ).fetchone()
            assert found == ('"$user", public', True, None, 0, 0)

    def test_one_left_in_a_transaction_is_not_lent_again(
        self, lent: Callable[..., Connections]
    ) -> None:
        pool = lent(1)
        with pool.lend() as client, client._connection() as connection:
            connection.execute("begin")
        assert pool.open == 0

    def test_are_closed_when_nobody_needs_them(
        self, database: str, lent: Callable[..., Connections]
    ) -> None:
        pool = lent(2)
        with pool.lend(), pool.lend():
            pass
        pool.trim(60)
        assert pool.open == 2
        pool.trim(0)
        assert pool.open == 0
        wait_for(lambda: not rows(database, OURS))

    def test_tell_for_how_long_they_were_used(self, lent: Callable[..., Connections]) -> None:
        pool = lent(2)
        with pool.lend(), pool.lend():
            before, began = pool.seconds_used(), time.monotonic()
            time.sleep(0.05)
            used, seconds = pool.seconds_used() - before, time.monotonic() - began
        assert 0.1 <= used <= 2 * seconds
        still = pool.seconds_used()
        assert pool.seconds_used() == still

    def test_one_that_breaks_takes_the_idle_ones_with_it(
        self, database: str, lent: Callable[..., Connections]
    ) -> None:
        pool = lent(3)
        with pool.lend(), pool.lend(), pool.lend():
            pass
        rows(database, CUT)
        with pytest.raises(UnavailableError), pool.lend() as client:
            client.list_namespaces()
        assert pool.open == 0
        with pool.lend() as client:
            client.list_namespaces()


class TestCircuits:
    def test_a_call_that_fails_is_counted_and_the_next_one_waits(
        self, database: str, lent: Callable[..., Connections], caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        around = circuit()
        session = Session(lent(2), around)
        assert session.call(Client.list_namespaces) == []
        rows(database, CUT)
        with pytest.raises(UnavailableError) as raised:
            session.call(Client.list_namespaces)
        assert raised.value.retry_in == 0.1
        states = [around.breaker.state]
        with pytest.raises(UnavailableError, match="a moment ago"):
            session.call(Client.list_namespaces)
        time.sleep(0.11)
        for _ in range(2):
            session.call(Client.list_namespaces)
            states.append(around.breaker.state)
        assert states == [State.OPEN, State.HALF_OPEN, State.CLOSED]
        assert around.opened == 1
        told = [record.getMessage() for record in caplog.records]
        assert [line.partition(": ")[2].partition(",")[0] for line in told] == [
            "terminating connection due to administrator command; failure 1 in a row",
            "half-open",
            "the database answers again",
        ]

    def test_an_answer_that_refuses_is_an_answer(self, lent: Callable[..., Connections]) -> None:
        around = circuit()
        with pytest.raises(NotFoundError):
            Session(lent(1), around).call(lambda client: client.drop_namespace("nowhere"))
        assert around.breaker.failed_in_a_row == 0

    def test_want_of_a_connection_is_no_failure(self, lent: Callable[..., Connections]) -> None:
        pool, around = lent(1), circuit()
        with pool.lend(), pytest.raises(SaturatedError):
            Session(pool, around).call(Client.list_namespaces)
        assert (around.breaker.state, around.failed_calls) == (State.CLOSED, 0)

    def test_connections_cut_together_are_one_failure(
        self, database: str, lent: Callable[..., Connections]
    ) -> None:
        around, many = circuit(failures=2), 5
        session = Session(lent(many), around)
        ready, cut = threading.Barrier(many + 1), threading.Event()

        def work(client: Client) -> None:
            client.list_namespaces()
            ready.wait(SECONDS)
            cut.wait(SECONDS)
            client.list_namespaces()

        def call() -> None:
            with pytest.raises(UnavailableError):
                session.call(work)

        threads = [threading.Thread(target=call) for _ in range(many)]
        for thread in threads:
            thread.start()
        ready.wait(SECONDS)
        assert len(rows(database, CUT)) == many
        cut.set()
        for thread in threads:
            thread.join()
        assert (around.failed_calls, around.breaker.failed_in_a_row) == (many, 1)
        assert around.breaker.state is State.CLOSED

    def test_what_a_handler_meets_says_nothing_of_the_database(
        self, lent: Callable[..., Connections]
    ) -> None:
        around = circuit()
        session = Session(lent(2).for_handlers, around)
        with pytest.raises(TooSlowError), session.lend() as client, client.transaction() as c:
            c.execute("set local statement_timeout = 10")
            c.execute("select pg_sleep(5)")
        assert around.failed_calls == 0

    def test_a_handler_waits_while_the_circuit_is_not_closed(
        self, lent: Callable[..., Connections]
    ) -> None:
        around = circuit()
        session = Session(lent(1).for_handlers, around)
        around.force(State.OPEN, "a test")
        with pytest.raises(UnavailableError), session.lend():
            pass
        around.force(None)
        with pytest.raises(UnavailableError), session.lend():
            pass
        around.succeeded()
        around.succeeded()
        with session.lend() as client:
            assert client.list_namespaces() == []

    def test_a_server_that_cannot_be_reached_opens_it(self) -> None:
        around = circuit(failures=2)
        nowhere = Connections(lambda: connect("host=/nowhere", "lent"), 1)
        session = Session(nowhere, around)
        for _ in range(2):
            wait_for(lambda: around._again_at <= time.monotonic())
            with pytest.raises(UnavailableError, match="No such file"):
                session.call(Client.list_namespaces)
        assert around.breaker.state is State.OPEN
        assert (nowhere.open, nowhere.used) == (0, 0)
