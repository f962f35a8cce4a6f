"""Pools and their health, as each environment ships them: under a burst, with too few connections,
behind a locked table, and before a server that does not answer."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest
from running import SECONDS, client_of, ended, running, template, wait_for
from servers import Server

from tasker_sql.client import Client
from tasker_sql.ops.control import Control, PoolHealth
from tasker_sql.ops.health import OperationalState
from tasker_sql.ops.orchestrator import OrchestrationCore
from tasker_sql.worker.handlers import Registry, Step

pytestmark = pytest.mark.newest

SCALED = pytest.mark.parametrize(
    "environment", ["development", pytest.param("production", marks=pytest.mark.slow)]
)
MANY = {"development": 2000, "production": 6000}  # tasks, for the largest growth at once


@pytest.fixture
def client(database: str) -> Iterator[Client]:
    with client_of(database) as client:
        client.register_template(template({"a": []}))
        yield client


@pytest.fixture
def decides(monkeypatch: pytest.MonkeyPatch) -> None:
    """All is as shipped, but for the time between two heartbeats and two decisions."""
    jobs = Control._jobs

    def hurried(self: Control) -> list[tuple[float, Callable[[], None]]]:
        return [(0.5 if job in looks(self) else every, job) for every, job in jobs(self)]

    def looks(self: Control) -> tuple[Callable[[], None], ...]:
        return self._beat, self._scale

    monkeypatch.setattr(Control, "_jobs", hurried)


@contextmanager
def held(*, transactional: bool) -> Iterator[tuple[Registry, threading.Event]]:
    """A handler that holds its slot, and its connection if it has one, until an event."""
    registry, go_on = Registry(), threading.Event()

    def plain(_: Step) -> None:
        go_on.wait(SECONDS)

    def with_connection(_: Step, connection: psycopg.Connection[Any]) -> None:
        connection.execute("select 1")
        go_on.wait(SECONDS)

    handler = with_connection if transactional else plain
    registry.handler("a", transactional=transactional)(handler)
    try:
        yield registry, go_on
    finally:
        go_on.set()


def pool(core: OrchestrationCore, name: str = "task_claimer") -> PoolHealth:
    (found,) = wait_for(lambda: [one for one in core.health().pools if one.pool == name], name)
    return cast("PoolHealth", found)


@pytest.mark.usefixtures("decides")
@SCALED
def test_a_burst_grows_slots_with_the_first_decision(
    database: str, client: Client, environment: str
) -> None:
    """No cooldown begins with the runner; one begins with the first change."""
    client.create_tasks("test", "flow", [{}] * MANY[environment])
    with (
        held(transactional=False) as (registry, go_on),
        running(database, registry, ["test"], environment=environment) as core,
    ):
        grown = wait_for(lambda: (one := pool(core)).scaled_up and one, "growth")
        assert grown.executors == grown.max_executors
        assert (grown.scaled_from, grown.scaled_up) == (grown.min_executors, 1)
        assert grown.scaled_why.endswith(" wait")
        wait_for(lambda: pool(core).running == grown.executors, "all slots running")
        wait_for(lambda: pool(core).decision == "it changed less than 60 s ago")
        (row,) = wait_for(
            lambda: [
                one
                for one in client.executor_pools()
                if one.pool == "task_claimer" and (one.measured or {}).get("utilization", 0) > 0.9
            ],
            "a decision while all of them ran all the time",
        )
        assert row.measured["queue_depth"] > 100
        assert (row.measured["waiting"], row.measured["hung"]) == (0, 0)
        assert core.health().pressure == 1.0
        go_on.set()


@pytest.mark.usefixtures("decides")
@SCALED
def test_slots_grow_to_the_connections_that_there_are(
    database: str, client: Client, environment: str
) -> None:
    tasks = client.create_tasks("test", "flow", [{}] * MANY[environment])
    with (
        held(transactional=True) as (registry, go_on),
        running(database, registry, ["test"], environment=environment) as core,
    ):
        grown = wait_for(lambda: (one := pool(core)).scaled_up and one, "growth")
        assert grown.executors == core.handlers.size < grown.max_executors
        assert grown.scaled_why.endswith(f"and there are connections for {core.handlers.size}")
        wait_for(lambda: pool(core).running == core.handlers.size, "all connections in use")
        found = pool(core)
        assert (found.waiting, found.hung, core.health().pressure) == (0, 0, 1.0)
        assert pool(core, "step_enqueuer").status == "healthy"
        go_on.set()
        assert ended(client, tasks[0].task_uuid) == "complete"


@pytest.mark.usefixtures("decides")
@SCALED
def test_slots_without_connections_go_and_their_wait_is_pressure(
    database: str, client: Client, environment: str
) -> None:
    """100 slots at least, as an operator wants them, though handlers have fewer connections."""
    tasks = client.create_tasks("test", "flow", [{}] * 600)
    with (
        held(transactional=True) as (registry, go_on),
        running(database, registry, ["test"], environment=environment, slots=100) as core,
    ):
        waiting = 100 - core.handlers.size
        wait_for(lambda: pool(core).waiting, "waiting slots")
        assert pool(core).running <= core.handlers.size
        assert pool(core).utilization < 1, "a slot that waits is not busy"
        shrunk = wait_for(lambda: (one := pool(core)).scaled_down and one, "fewer slots")
        assert shrunk.scaled_why.endswith(" of 100 wait for a connection")
        assert core.handlers.size <= shrunk.executors < 100
        health = wait_for(lambda: (one := core.health()).pressure < 1 and one, "pressure")
        assert 1 < health.callers_waiting <= 1.5 * waiting
        enqueuer = pool(core, "step_enqueuer")
        assert (enqueuer.poll > 1.0, enqueuer.batch < 1000) == (True, True)
        (runner,) = client.known_runners()
        wait_for(lambda: client.known_runners()[0].connections["waiting"] > 1)
        assert runner.connections["size"] == core.config.database.pool_size
        go_on.set()
        for task in tasks:
            assert ended(client, task.task_uuid) == "complete"
        wait_for(lambda: core.health().pressure == 1.0, "the end of the pressure")
    assert client.check_invariants() == []


@pytest.mark.slow
@pytest.mark.usefixtures("client")
@SCALED
def test_who_waits_for_a_lock_is_not_busy(database: str, environment: str) -> None:
    with running(database, Registry(), ["test"], environment=environment) as core:
        wait_for(lambda: core.state is OperationalState.NORMAL)
        names = ("step_enqueuer", "task_finalizer")
        with psycopg.connect(database) as other:
            other.execute("lock tasker.tasks, tasker.timers in access exclusive mode")
            wait_for(lambda: all(pool(core, one).measured for one in names), "decisions")
            for found in (pool(core, one) for one in names):
                assert found.measured and found.measured["utilization"] < 0.5
                assert found.executors == found.min_executors
            assert pool(core, "task_finalizer").status != "healthy"
            assert core.circuits.database.failed_calls == 0
        wait_for(lambda: core.health().status == "healthy")
        assert [pool(core, one).scaled_up for one in names] == [0, 0]


def processes(server: Server) -> list[int]:
    """The server's processes: the first one, and its children."""
    first = int((server.embedded.data_dir / "postmaster.pid").read_text().split()[0])
    children = Path(f"/proc/{first}/task/{first}/children").read_text()
    return [first, *map(int, children.split())]


@pytest.mark.slow
@pytest.mark.parametrize("environment", ["development", "test", "production"])
def test_a_server_that_does_not_answer_is_told(environment: str) -> None:
    server = Server(18)
    try:
        server.create("frozen", server.migrated)
        dsn = server.embedded.url("frozen")
        with client_of(dsn) as client:
            client.register_template(template({"a": []}))
        with running(dsn, Registry(), ["test"], environment=environment) as core:
            wait_for(lambda: core.health().status == "healthy" and core.state == "normal")
            frozen = processes(server)
            try:
                for pid in frozen:
                    os.kill(pid, signal.SIGSTOP)
                wait_for(lambda: core.health().status == "unhealthy", "an unhealthy runner")
                found = core.health()
                assert all(one.hung for one in found.pools)
                assert found.pressure == 1.0, "nobody waits for a connection"
            finally:
                for pid in frozen:
                    os.kill(pid, signal.SIGCONT)
            wait_for(lambda: core.health().status == "healthy", "a healthy runner")
            assert not any(one.scaled_up for one in core.health().pools)
    finally:
        server.close()
