"""What the chaos tests are made of does what it says."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
import servers
from chaos import small_disk
from chaos.faults_server import revive
from chaos.proxy import MissedError, Proxy
from chaos.small_disk import SmallDisk
from chaos.standby import Standby
from running import wait_for
from servers import Server, rows
from workflows import claim, create, define, step_states

pytestmark = pytest.mark.newest

XID_STATUS = "select pg_xact_status(%s::xid8)"
COMPLETE = "select step_state from tasker.complete_step(%s, %s)"


@pytest.fixture
def thread() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as thread:
        yield thread


@pytest.fixture
def proxy(database: str, thread: ThreadPoolExecutor) -> Iterator[Proxy]:  # noqa: ARG001
    """Ends before the thread, which may wait for it."""
    with Proxy(database) as proxy:
        yield proxy


def claimed(dsn: str) -> tuple[str, str, str]:
    """A task of one step, which is claimed: task, step, token."""
    define(dsn, "one", {"step": []})
    (task,) = create(dsn, "one")
    ((step, token),) = claim(dsn).values()
    return task, step, token


def completing(thread: ThreadPoolExecutor, proxy: Proxy, step: str, token: str) -> Future[Any]:
    """Complete the step over the proxy, in one statement that commits by itself."""

    def work() -> Any:
        wait_for(lambda: proxy.traps)
        with psycopg.connect(proxy.dsn, autocommit=True, application_name="victim") as connection:
            return connection.execute(COMPLETE, [step, token]).fetchone()

    return thread.submit(work)


def completing_with_business(
    thread: ThreadPoolExecutor, proxy: Proxy, step: str, token: str
) -> Future[Any]:
    """Complete the step over the proxy, in a transaction with other writes."""

    def work() -> Any:
        wait_for(lambda: proxy.traps)
        with psycopg.connect(proxy.dsn, application_name="victim") as connection:
            connection.execute("create table public.business ()")
            return connection.execute(COMPLETE, [step, token]).fetchone()

    return thread.submit(work)


def backends(dsn: str, name: str = "victim") -> list[int]:
    found = rows(dsn, "select pid from pg_stat_activity where application_name = %s", name)
    return [pid for (pid,) in found]


@pytest.mark.parametrize("complete", [completing, completing_with_business])
def test_a_connection_cut_before_the_commit_leaves_nothing(
    proxy: Proxy, thread: ThreadPoolExecutor, database: str, complete: Any
) -> None:
    task, step, token = claimed(database)
    answer = complete(thread, proxy, step, token)
    held = proxy.catch("complete_step")
    assert held.application == "victim"
    assert rows(database, XID_STATUS, held.xid) == [("in progress",)]
    assert not answer.done()
    held.cut()
    with pytest.raises(psycopg.OperationalError):
        answer.result()
    wait_for(lambda: not backends(database), "the end of the server's process")
    assert rows(database, XID_STATUS, held.xid) == [("aborted",)]
    assert step_states(database, task) == {"step": "in_progress"}


@pytest.mark.parametrize("complete", [completing, completing_with_business])
def test_a_connection_cut_after_the_commit_loses_only_the_answer(
    proxy: Proxy, thread: ThreadPoolExecutor, database: str, complete: Any
) -> None:
    task, step, token = claimed(database)
    answer = complete(thread, proxy, step, token)
    held = proxy.catch("complete_step")
    held.commit()
    assert rows(database, XID_STATUS, held.xid) == [("committed",)]
    assert step_states(database, task) == {"step": "complete"}
    assert not answer.done()
    held.cut()
    with pytest.raises(psycopg.OperationalError):
        answer.result()


@pytest.mark.parametrize("complete", [completing, completing_with_business])
@pytest.mark.parametrize("commit", [False, True])
def test_what_was_held_can_go_on(
    proxy: Proxy, thread: ThreadPoolExecutor, database: str, complete: Any, commit: bool
) -> None:
    _, step, token = claimed(database)
    answer = complete(thread, proxy, step, token)
    held = proxy.catch("complete_step")
    if commit:
        held.commit()
    held.release()
    assert answer.result() == ("complete",)


def test_a_transaction_that_wrote_nothing_is_let_go(
    proxy: Proxy, thread: ThreadPoolExecutor
) -> None:
    def work() -> Any:
        wait_for(lambda: proxy.traps)
        with psycopg.connect(proxy.dsn, autocommit=True) as connection:
            return connection.execute("select %s", [1]).fetchone()

    answer = thread.submit(work)
    with pytest.raises(MissedError):
        proxy.catch("select", seconds=0.5)
    assert answer.result() == (1,)


def test_a_frozen_connection_carries_all_when_it_thaws(
    proxy: Proxy, thread: ThreadPoolExecutor
) -> None:
    with psycopg.connect(proxy.dsn, autocommit=True) as connection:
        assert proxy.freeze([connection.info.backend_pid]) == 1
        answer = thread.submit(lambda: connection.execute("select now()").fetchone())
        with psycopg.connect(proxy.dsn, autocommit=True) as other:
            other.execute("select pg_sleep(0.05)")
        assert not answer.done()
        proxy.thaw()
        assert answer.result() is not None


def test_a_client_can_vanish_alone(proxy: Proxy, database: str) -> None:
    connection = psycopg.connect(proxy.dsn, application_name="victim")
    connection.execute("create table public.business ()")
    (pid,) = backends(database)
    assert proxy.lose_clients([pid]) == 1
    with pytest.raises(psycopg.OperationalError):
        connection.execute("select")
    connection.close()
    states = "select state from pg_stat_activity where application_name = 'victim'"
    assert rows(database, states) == [("idle in transaction",)]
    proxy.cut()
    wait_for(lambda: not backends(database), "the end of the server's process")


def test_a_server_can_vanish_alone(proxy: Proxy, thread: ThreadPoolExecutor, database: str) -> None:
    with psycopg.connect(proxy.dsn, application_name="victim", autocommit=True) as connection:
        assert proxy.lose_servers() == 1
        wait_for(lambda: not backends(database), "the end of the server's process")
        answer = thread.submit(lambda: connection.execute("select"))
        time.sleep(0.05)
        assert not answer.done()
        proxy.cut()
        with pytest.raises(psycopg.OperationalError):
            answer.result()


def test_a_slow_network_adds_to_each_round_trip(proxy: Proxy) -> None:
    with psycopg.connect(proxy.dsn, autocommit=True) as connection:
        proxy.delay = 0.05
        begun = time.monotonic()
        connection.execute("select")
        assert time.monotonic() - begun >= 0.1


def test_a_statement_can_be_cancelled_over_the_proxy(
    proxy: Proxy, thread: ThreadPoolExecutor, database: str
) -> None:
    with psycopg.connect(proxy.dsn, application_name="victim", autocommit=True) as connection:
        answer = thread.submit(lambda: connection.execute("select pg_sleep(60)"))
        active = "select 1 from pg_stat_activity where wait_event = %s"
        wait_for(lambda: rows(database, active, "PgSleep"))
        connection.cancel_safe()
        with pytest.raises(psycopg.errors.QueryCanceled):
            answer.result()


def test_a_standby_that_missed_the_last_transactions_takes_over() -> None:
    primary = Server(servers.MAJORS[0])
    standby = None
    try:
        primary.create("shop")
        rows(primary.embedded.url("shop"), "create table public.orders as select 1 as n")
        standby = Standby(primary.embedded)
        rows(primary.embedded.url("shop"), "insert into public.orders values (2)")
        copied = standby.embedded.url("shop")
        wait_for(lambda: standby.missing() == 0)
        wait_for(lambda: rows(copied, "select n from public.orders") == [(1,), (2,)])
        standby.stop_receiving()
        rows(primary.embedded.url("shop"), "insert into public.orders values (3)")
        assert standby.missing() > 0
        primary.embedded.stop("immediate")
        standby.promote()
        rows(copied, "insert into public.orders values (4)")
        assert rows(copied, "select n from public.orders") == [(1,), (2,), (4,)]
    finally:
        if standby:
            standby.close()
        primary.close()


@pytest.fixture
def disk() -> Iterator[SmallDisk]:
    if reason := small_disk.why_not():
        if os.geteuid() == 0 and Path("/etc/debian_version").exists():
            pytest.fail(reason)
        pytest.skip(reason)
    disk = SmallDisk()
    yield disk
    disk.close()


@pytest.fixture
def own_server() -> Iterator[Server]:
    server = Server(servers.MAJORS[0], small_disk.SETTINGS)
    yield server
    server.close()


INSERT = "insert into public.orders select repeat('x', 1000) from generate_series(1, 1000)"


def test_a_database_on_a_full_disk_works_again_when_there_is_room(
    own_server: Server, disk: SmallDisk
) -> None:
    own_server.create("shop")
    small_disk.put_database(own_server, "shop", disk)
    dsn = own_server.embedded.url("shop")
    rows(dsn, "create table public.orders (text text)")
    disk.fill()
    with pytest.raises(psycopg.errors.DiskFull):
        rows(dsn, INSERT)
    disk.make_room()
    rows(dsn, INSERT)
    assert rows(dsn, "select count(*) from public.orders") == [(1000,)]


def test_a_server_whose_wal_fills_its_disk_crashes_and_recovers(
    own_server: Server, disk: SmallDisk
) -> None:
    small_disk.put_wal(own_server, disk)
    own_server.create("shop")
    dsn = own_server.embedded.url("shop")
    rows(dsn, "create table public.orders (text text)")
    rows(dsn, INSERT)
    disk.fill()
    with pytest.raises(psycopg.OperationalError):
        for _ in range(100):
            rows(dsn, INSERT)
    disk.make_room()
    revive(own_server)
    ((count,),) = rows(dsn, "select count(*) from public.orders")
    assert count % 1000 == 0
    assert count >= 1000
