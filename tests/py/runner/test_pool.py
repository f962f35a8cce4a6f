"""Connections that many threads share, and the breaker around calls over them: on a real server."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from running import SECONDS, wait_for
from servers import rows

from tasker_sql.circuit import BreakerState, CircuitBreaker
from tasker_sql.client import Client, connect
from tasker_sql.errors import NotFoundError, TooSlowError, UnavailableError
from tasker_sql.pool import Pool, PoolTimeoutError

pytestmark = pytest.mark.newest

OURS = "select pid from pg_stat_activity where application_name = 'pooled'"
CUT = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pooled'"

Make = Callable[..., Pool]


@pytest.fixture
def make(database: str) -> Iterator[Make]:
    """Makes pools."""
    with ExitStack() as stack:

        def make(size: int, **options: Any) -> Pool:
            made = Pool(lambda: connect(database, "pooled"), size, **options)
            stack.callback(made.close)
            return made

        yield make


def breaker(failures: int = 1, open_seconds: float = 0.1) -> CircuitBreaker:
    return CircuitBreaker("test", failures, open_seconds, successes=2)


def sizes(pool: Pool) -> tuple[int, int]:
    """How many are open, and how many of them are in use."""
    return pool.open, pool.used


class TestConnections:
    def test_are_opened_when_needed_and_used_again(self, database: str, make: Make) -> None:
        pool = make(3)
        assert sizes(pool) == (0, 0)
        for _ in range(5):
            with pool.connection() as client:
                client.list_namespaces()
        assert (sizes(pool), len(rows(database, OURS))) == ((1, 0), 1)
        with pool.connection(), pool.connection():
            assert sizes(pool) == (2, 2)

    def test_are_not_more_than_there_may_be(self, make: Make) -> None:
        pool = make(2)
        with pool.connection(), pool.connection():
            with (
                pytest.raises(PoolTimeoutError, match="all 2 connections are in use"),
                pool.connection(),
            ):
                pass
            assert sizes(pool) == (2, 2)
        count, waiting, seconds = pool.requests()
        assert (count, waiting) == (3, 0)
        assert seconds >= 0.9

    def test_one_that_is_given_back_goes_to_who_waits(self, make: Make) -> None:
        pool = make(1)
        got = threading.Event()

        def borrow() -> None:
            with pool.connection():
                got.set()

        with pool.connection():
            thread = threading.Thread(target=borrow)
            thread.start()
            wait_for(lambda: pool.requests().waiting == 1)
            waited = pool.requests().seconds
            assert wait_for(lambda: pool.requests().seconds > waited)
            assert not got.is_set()
        assert got.wait(SECONDS)
        thread.join()

    def test_who_came_first_is_served_first(self, make: Make) -> None:
        """Also before somebody who comes when one is given back, again and again."""
        pool, order = make(1), list[int]()

        def borrow(number: int) -> None:
            with pool.connection():
                order.append(number)

        threads = [threading.Thread(target=borrow, args=[number]) for number in range(5)]
        with pool.connection():
            for number, thread in enumerate(threads):
                thread.start()
                wait_for(lambda: pool.requests().waiting == number + 1)  # noqa: B023
        with pool.connection():
            assert order == [0, 1, 2, 3, 4]
        for thread in threads:
            thread.join()

    def test_what_a_handler_leaves_behind_no_other_handler_meets(self, make: Make) -> None:
        pool = make(2, reset=True)
        with pool.connection() as client, client.transaction() as connection:
            pid = connection.info.backend_pid
            connection.execute("set search_path = nowhere")
            connection.execute("set role pg_monitor")
            connection.execute("create temp table mine (n integer)")
            connection.execute("select pg_advisory_lock(1)")
            connection.execute("listen news")
        with pool.connection() as client, client.transaction() as connection:
            assert connection.info.backend_pid == pid, "the same session"
            found = connection.execute(
                "select current_setting('search_path'), current_user = session_user,"
                " to_regclass('pg_temp.mine'), (select count(*) from pg_listening_channels()),"
                " (select count(*) from pg_locks where locktype = 'advisory')"
            ).fetchone()
            assert found == ('"$user", public', True, None, 0, 0)

    def test_one_left_in_a_transaction_is_not_lent_again(self, make: Make) -> None:
        pool = make(1)
        with pool.connection() as client, client.connection() as connection:
            connection.execute("begin")
        assert sizes(pool) == (0, 0)

    def test_are_closed_when_nobody_needs_them(self, database: str, make: Make) -> None:
        pool = make(2)
        with pool.connection(), pool.connection():
            pass
        pool.trim(60)
        assert sizes(pool) == (2, 0)
        pool.trim(0)
        assert sizes(pool) == (0, 0)
        wait_for(lambda: not rows(database, OURS))

    def test_one_that_breaks_takes_the_idle_ones_with_it(self, database: str, make: Make) -> None:
        pool = make(3)
        with pool.connection(), pool.connection(), pool.connection():
            pass
        rows(database, CUT)
        with pytest.raises(UnavailableError), pool.connection() as client:
            client.list_namespaces()
        assert sizes(pool) == (0, 0)
        with pool.connection() as client:
            client.list_namespaces()


class TestCalls:
    def test_a_call_that_fails_is_counted_and_the_next_one_waits(
        self, database: str, make: Make, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        around = breaker()
        pool = make(2)
        assert pool.call(Client.list_namespaces, around) == []
        rows(database, CUT)
        with pytest.raises(UnavailableError) as raised:
            pool.call(Client.list_namespaces, around)
        assert raised.value.retry_in == pytest.approx(0.1)
        states = [around.state]
        with pytest.raises(UnavailableError, match="a moment ago"):
            pool.call(Client.list_namespaces, around)
        time.sleep(0.11)
        for _ in range(2):
            pool.call(Client.list_namespaces, around)
            states.append(around.state)
        assert states == [BreakerState.OPEN, BreakerState.HALF_OPEN, BreakerState.CLOSED]
        assert around.opened == 1
        lines = [record.getMessage() for record in caplog.records]
        assert [line.partition(": ")[2].partition(",")[0] for line in lines] == [
            "terminating connection due to administrator command; failure 1 in a row",
            "half-open",
            "the database answers again",
        ]

    def test_an_answer_that_refuses_is_an_answer(self, make: Make) -> None:
        around = breaker()
        with pytest.raises(NotFoundError):
            make(1).call(lambda client: client.drop_namespace("nowhere"), around)
        assert around.failed_in_a_row == 0

    def test_want_of_a_connection_is_no_failure(self, make: Make) -> None:
        pool, around = make(1), breaker()
        with pool.connection(), pytest.raises(PoolTimeoutError):
            pool.call(Client.list_namespaces, around)
        assert (around.state, around.failed_calls) == (BreakerState.CLOSED, 0)

    def test_connections_cut_together_are_one_failure(self, database: str, make: Make) -> None:
        around, many = breaker(failures=2), 5
        pool = make(many)
        ready, cut = threading.Barrier(many + 1), threading.Event()

        def work(client: Client) -> None:
            client.list_namespaces()
            ready.wait(SECONDS)
            cut.wait(SECONDS)
            client.list_namespaces()

        def call() -> None:
            with pytest.raises(UnavailableError):
                pool.call(work, around)

        threads = [threading.Thread(target=call) for _ in range(many)]
        for thread in threads:
            thread.start()
        ready.wait(SECONDS)
        assert len(rows(database, CUT)) == many
        cut.set()
        for thread in threads:
            thread.join()
        assert (around.failed_calls, around.failed_in_a_row) == (many, 1)
        assert around.state is BreakerState.CLOSED

    def test_what_a_handler_meets_says_nothing_of_the_database(self, make: Make) -> None:
        around = breaker()
        pool = make(2, reset=True)
        with (
            pytest.raises(TooSlowError),
            pool.connection(around) as client,
            client.transaction() as c,
        ):
            c.execute("set local statement_timeout = 10")
            c.execute("select pg_sleep(5)")
        assert around.failed_calls == 0

    def test_a_handler_waits_while_the_circuit_is_not_closed(self, make: Make) -> None:
        around = breaker()
        pool = make(1, reset=True)
        around.force(BreakerState.OPEN, "a test")
        with pytest.raises(UnavailableError), pool.connection(around):
            pass
        around.force(None)
        with pytest.raises(UnavailableError), pool.connection(around):
            pass
        around.succeeded()
        around.succeeded()
        with pool.connection(around) as client:
            assert client.list_namespaces() == []

    def test_a_server_that_cannot_be_reached_opens_it(self) -> None:
        around = breaker(failures=2)
        nowhere = Pool(lambda: connect("host=/nowhere", "pooled"), 1)
        for _ in range(2):
            wait_for(lambda: around._again_at <= time.monotonic())
            with pytest.raises(UnavailableError, match="No such file"):
                nowhere.call(Client.list_namespaces, around)
        assert around.state is BreakerState.OPEN
        assert sizes(nowhere) == (0, 0)

    def test_a_handler_that_finds_no_server_counts(self) -> None:
        around = breaker(failures=2)
        nowhere = Pool(lambda: connect("host=/nowhere", "pooled"), 1, reset=True)
        with pytest.raises(UnavailableError, match="No such file"), nowhere.connection(around):
            pass
        assert (around.failed_calls, sizes(nowhere)) == (1, (0, 0))
