"""The runner as a whole: its states, its pools that grow and shrink, and how it ends."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from running import SECONDS, client_of, configured, ended, running, template, wait_for
from servers import rows

from tasker_sql import health
from tasker_sql.client import Client
from tasker_sql.control import Control, PoolHealth
from tasker_sql.handlers import Registry, Step
from tasker_sql.health import State
from tasker_sql.runner import Exit, OrchestrationCore
from tasker_sql.worker import Worker

pytestmark = pytest.mark.newest

ONE = {"a": list[str]()}
POOLS = {
    "task_request_processor",
    "step_result_processor",
    "step_enqueuer",
    "task_finalizer",
    "task_claimer",
}
CLAIMER = "executor_pools.task_claimer"
FUNCTIONS = """
select count(*) from pg_stat_activity
 where application_name like 'tasker-sql/%' and datname = current_database()
"""


@pytest.fixture
def client(database: str) -> Iterator[Client]:
    with client_of(database) as client:
        yield client


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def states(monkeypatch: pytest.MonkeyPatch) -> list[State]:
    """The states that runners go through."""
    seen: list[State] = []
    become = Control.become

    def noted(self: Control, state: State) -> None:
        become(self, state)
        seen.append(state)

    monkeypatch.setattr(Control, "become", noted)
    return seen


def pool(core: OrchestrationCore, name: str) -> PoolHealth:
    return next(pool for pool in core.health().pools if pool.pool == name)


class TestLife:
    def test_an_application_embeds_it(
        self, database: str, client: Client, registry: Registry, states: list[State]
    ) -> None:
        registry.handler("a")(lambda _: "done")
        client.register_template(template(ONE))
        with OrchestrationCore.from_config(configured(database), registry) as core:
            assert ended(client, client.create_task("test", "flow").task_uuid) == "complete"
            wait_for(lambda: core.state is State.NORMAL)
            found = core.health()
            assert {pool.pool for pool in found.pools} == POOLS
            assert (found.status, found.state) == ("healthy", "normal")
            opened = rows(database, FUNCTIONS)[0][0]
            assert opened <= core.most_connections(namespaces=1)
        assert core.wait() is Exit.CLEAN
        assert states == [State.NORMAL, State.GRACEFUL_SHUTDOWN, State.STOPPED]
        wait_for(lambda: rows(database, FUNCTIONS) == [(0,)], "the end of its connections")

    def test_starts_before_its_database(self, states: list[State]) -> None:
        nowhere = configured("host=/nowhere", ["test"])
        with OrchestrationCore(nowhere, name="test") as core:
            wait_for(lambda: core.circuits.database.opened and core.circuits.queue.opened)
            assert (core.state, core.health().status) == (State.STARTUP, "degraded")
        assert core.wait() is Exit.CLEAN
        assert states == [State.GRACEFUL_SHUTDOWN, State.STOPPED]

    def test_what_does_not_end_gracefully_is_an_emergency(
        self, database: str, client: Client, registry: Registry, states: list[State]
    ) -> None:
        started, finish = threading.Event(), threading.Event()

        @registry.handler("a")
        def handle(_: Step) -> None:
            started.set()
            finish.wait(SECONDS)

        client.register_template(template(ONE))
        client.create_task("test", "flow")
        with running(database, registry, ["test"], Exit.WORK_LEFT, stop_within=0.1):
            assert started.wait(SECONDS)
        finish.set()
        assert states[-3:] == [State.GRACEFUL_SHUTDOWN, State.EMERGENCY, State.STOPPED]

    def test_a_worker_that_dies_takes_the_runner_with_it(
        self, database: str, client: Client, registry: Registry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client.create_namespace("test")
        with running(database, registry, ["test"], Exit.BROKEN) as core:
            wait_for(lambda: core.state is State.NORMAL)
            monkeypatch.setattr(Worker, "_turn", lambda _: 1 / 0)
            core.wait()

    def test_an_executor_that_meets_a_defect_goes_on(
        self, database: str, registry: Registry, caplog: pytest.LogCaptureFixture
    ) -> None:
        with running(database, registry) as core:
            wait_for(lambda: core.state is State.NORMAL)
            enqueuer = next(pool for pool in core._pools if pool.name == "step_enqueuer")
            work, enqueuer.work = enqueuer.work, lambda *_: 1 // 0
            wait_for(lambda: "step_enqueuer 1 met a defect, and goes on" in caplog.text)
            wait_for(lambda: enqueuer.counts().failures)
            enqueuer.work = work
            done = enqueuer.counts().calls
            wait_for(lambda: enqueuer.counts().calls > done + 1)


class TestScaling:
    def test_slots_grow_under_load_and_shrink_after_it(
        self, database: str, client: Client, registry: Registry, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        go_on, most_at_once, running_now = threading.Event(), [0], [0]
        lock = threading.Lock()

        @registry.handler("a")
        def handle(_: Step) -> None:
            with lock:
                running_now[0] += 1
                most_at_once[0] = max(most_at_once[0], running_now[0])
            go_on.wait(SECONDS)
            with lock:
                running_now[0] -= 1

        client.register_template(template(ONE))
        tasks = client.create_tasks("test", "flow", [{}] * 30)
        more = {f"{CLAIMER}.min": 2, f"{CLAIMER}.max": 9}
        with running(database, registry, ["test"], more=more) as core:
            wait_for(lambda: most_at_once[0] == 9, "nine handlers at a time")
            assert pool(core, "task_claimer").executors == 9
            assert core.workers[0].unfinished == 9, "it claims no more than it has slots for"
            go_on.set()
            wait_for(lambda: pool(core, "task_claimer").executors == 2, "two slots")
            for task in tasks:
                assert ended(client, task.task_uuid) == "complete"
            wait_for(
                lambda: sum("test test " in one.name for one in threading.enumerate()) == 2,
                "the end of the threads",
            )
        assert "task_claimer test: from 2 to " in caplog.text
        assert client.check_invariants() == []

    def test_executors_grow_under_load_and_shrink_after_it(
        self, database: str, registry: Registry
    ) -> None:
        with running(database, registry) as core:
            wait_for(lambda: core.state is State.NORMAL)
            enqueuer = next(pool for pool in core._pools if pool.name == "step_enqueuer")
            work = enqueuer.work
            go_on = threading.Event()

            def slow(client: Client, limit: int) -> int:
                go_on.wait(SECONDS)
                return work(client, limit)

            enqueuer.work = slow
            wait_for(lambda: enqueuer.size == 3)
            wait_for(lambda: core.connections.used >= 3)
            assert pool(core, "step_enqueuer").utilization > 0.5
            go_on.set()
            wait_for(lambda: enqueuer.size == 1)
            wait_for(lambda: len(enqueuer.states(health.Limits())) == 1)

    def test_executors_hold_back_when_connections_run_short(
        self, database: str, client: Client, registry: Registry
    ) -> None:
        """Handlers with connections take all that are not reserved; orchestration goes on."""
        go_on = threading.Event()

        @registry.handler("a", transactional=True)
        def handle(_: Step, connection: psycopg.Connection[Any]) -> None:
            connection.execute("select 1")
            go_on.wait(SECONDS)

        client.register_template(template(ONE))
        tasks = client.create_tasks("test", "flow", [{}] * 20)
        more = {"database.pool_size": 12, "executor_pools.scaling.most_database_use": 0.5}
        with running(database, registry, ["test"], more=more, slots=12) as core:
            wait_for(lambda: core.health().pressure < 0.75, "pressure")
            assert core.connections.for_handlers._used == 8, "12 but 4 that are reserved"
            assert core.connections.used < 12
            found = pool(core, "step_enqueuer")
            assert (found.poll > 0.06, found.batch < 800) == (True, True)
            calls = core._pools[2].counts().calls
            wait_for(lambda: core._pools[2].counts().calls > calls)
            go_on.set()
            for task in tasks:
                assert ended(client, task.task_uuid) == "complete"
            wait_for(lambda: core.health().pressure == 1.0, "the end of the pressure")
            assert pool(core, "step_enqueuer").batch == 1000
        assert client.check_invariants() == []
