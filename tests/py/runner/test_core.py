"""The runner as a whole: its states, its pools that grow and shrink, and how it ends."""

from __future__ import annotations

import logging
import threading
import time
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from running import SECONDS, client_of, configured, ended, running, step_named, template, wait_for
from servers import Server, rows

from tasker_sql.client import Client
from tasker_sql.ops.control import Control, PoolHealth
from tasker_sql.ops.health import OperationalState
from tasker_sql.ops.orchestrator import Exit, OrchestrationCore
from tasker_sql.rows import KnownBreaker
from tasker_sql.worker.handlers import Registry, Step
from tasker_sql.worker.worker import Worker

pytestmark = pytest.mark.newest

ONE = {"a": list[str]()}
POOLS = {
    "task_request_processor",
    "step_result_processor",
    "step_enqueuer",
    "task_finalizer",
    "task_claimer",
}
LEASE = timedelta(seconds=0.6)
CLAIMER = "executor_pools.task_claimer"
FUNCTIONS = """
select count(*) from pg_stat_activity
 where application_name like 'tasker-sql/%' and datname = current_database()
"""


@pytest.fixture
def states(monkeypatch: pytest.MonkeyPatch) -> list[OperationalState]:
    """The states that runners go through."""
    seen: list[OperationalState] = []
    become = Control.become

    def noted(self: Control, state: OperationalState) -> None:
        become(self, state)
        seen.append(state)

    monkeypatch.setattr(Control, "become", noted)
    return seen


def pool(core: OrchestrationCore, name: str) -> PoolHealth:
    return next(pool for pool in core.health().pools if pool.pool == name)


def breaker_of(client: Client, name: str) -> KnownBreaker:
    return next(one for one in client.circuit_breakers() if one.breaker == name)


def done(core: OrchestrationCore) -> int:
    return core.worker.done


class TestLife:
    def test_an_application_embeds_it(
        self, database: str, client: Client, registry: Registry, states: list[OperationalState]
    ) -> None:
        registry.handler("a")(lambda _: "done")
        client.register_template(template(ONE))
        with OrchestrationCore.from_config(configured(database), registry) as core:
            assert ended(client, client.create_task("test", "flow").task_uuid) == "complete"
            wait_for(lambda: core.state is OperationalState.NORMAL)
            found = core.health()
            assert {pool.pool for pool in found.pools} == POOLS
            assert (found.status, found.state) == ("healthy", "normal")
            opened = rows(database, FUNCTIONS)[0][0]
            assert opened <= core.most_connections()
        assert core.wait() is Exit.CLEAN
        assert states == [
            OperationalState.NORMAL,
            OperationalState.GRACEFUL_SHUTDOWN,
            OperationalState.STOPPED,
        ]
        wait_for(lambda: rows(database, FUNCTIONS) == [(0,)], "the end of its connections")

    def test_a_decision_that_comes_too_late_starts_nobody(
        self, database: str, registry: Registry
    ) -> None:
        with running(database, registry) as core:
            wait_for(lambda: core.state is OperationalState.NORMAL)
        for one in core._pools:
            one.resize(1)
            assert (one.size, one.join(time.monotonic())) == (0, True)

    def test_starts_before_its_database(self, states: list[OperationalState]) -> None:
        nowhere = configured("host=/nowhere", ["test"])
        with OrchestrationCore(nowhere, name="test") as core:
            wait_for(lambda: core.circuits.database.opened and core.circuits.queue.opened)
            assert (core.state, core.health().status) == (OperationalState.STARTUP, "degraded")
        assert core.wait() is Exit.CLEAN
        assert states == [OperationalState.GRACEFUL_SHUTDOWN, OperationalState.STOPPED]

    def test_what_does_not_end_gracefully_is_an_emergency(
        self, database: str, client: Client, registry: Registry, states: list[OperationalState]
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
        assert states[-3:] == [
            OperationalState.GRACEFUL_SHUTDOWN,
            OperationalState.EMERGENCY,
            OperationalState.STOPPED,
        ]

    def test_a_worker_that_dies_takes_the_runner_with_it(
        self, database: str, client: Client, registry: Registry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client.create_namespace("test")
        with running(database, registry, ["test"], Exit.BROKEN) as core:
            wait_for(lambda: core.state is OperationalState.NORMAL)
            monkeypatch.setattr(Worker, "_turn", lambda _: 1 / 0)
            core.wait()

    def test_an_executor_that_meets_a_defect_goes_on(
        self, database: str, registry: Registry, caplog: pytest.LogCaptureFixture
    ) -> None:
        with running(database, registry) as core:
            wait_for(lambda: core.state is OperationalState.NORMAL)
            enqueuer = next(pool for pool in core._pools if pool.name == "step_enqueuer")
            work, enqueuer.work = enqueuer.work, lambda *_: 1 // 0
            wait_for(lambda: "step_enqueuer 1 met a defect, and goes on" in caplog.text)
            wait_for(lambda: enqueuer.counts().failures)
            enqueuer.work = work
            done = enqueuer.counts().calls
            wait_for(lambda: enqueuer.counts().calls > done + 1)

    def test_what_control_is_refused_is_said_once(
        self, database: str, registry: Registry, caplog: pytest.LogCaptureFixture
    ) -> None:
        rows(
            database,
            "create sequence public.refused; create function public.audit () returns trigger"
            " language plpgsql as $$ begin"
            " perform nextval('public.refused'); raise 'not now'; end $$",
        )
        with running(database, registry, more={"orchestration.heartbeat": 0.1}) as core:
            wait_for(lambda: core.state is OperationalState.NORMAL)
            rows(
                database,
                "create trigger audit before update on tasker.runners"
                " for each row execute function public.audit()",
            )
            wait_for(lambda: rows(database, "select last_value from public.refused")[0][0] > 3)
            rows(database, "drop trigger audit on tasker.runners")
        assert caplog.text.count("control: not now (P0001); trying again") == 1


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
            assert core.worker.unfinished == 9, "it claims no more than it has slots for"
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
        self, database: str, client: Client, registry: Registry
    ) -> None:
        with running(database, registry) as core:
            wait_for(lambda: core.state is OperationalState.NORMAL)
            enqueuer = next(pool for pool in core._pools if pool.name == "step_enqueuer")
            work = enqueuer.work
            go_on = threading.Event()

            def slow(client: Client, limit: int) -> int:
                go_on.wait(0.05)
                return work(client, limit) if go_on.is_set() else 1

            enqueuer.work = slow
            wait_for(lambda: enqueuer.size == 3)
            wait_for(lambda: pool(core, "step_enqueuer").utilization > 0.5)
            go_on.set()
            wait_for(lambda: enqueuer.size == 1)
            wait_for(lambda: len(enqueuer.states()) == 1)
            shown = wait_for(
                lambda: [p for p in client.executor_pools() if p.scaled_from and p.executors == 1]
            )
            assert (shown[0].pool, shown[0].scaled_from) in [("step_enqueuer", n) for n in (2, 3)]
            assert shown[0].scaled_why.startswith("they are busy for ")

    def test_executors_hold_back_when_connections_run_short(
        self, database: str, client: Client, registry: Registry
    ) -> None:
        """Handlers wait for connections, as many slots go, and orchestration goes on."""
        go_on = threading.Event()

        @registry.handler("a", transactional=True)
        def handle(_: Step, connection: psycopg.Connection[Any]) -> None:
            connection.execute("select 1")
            go_on.wait(SECONDS)

        client.register_template(template(ONE))
        tasks = client.create_tasks("test", "flow", [{}] * 20)
        with running(
            database, registry, ["test"], more={"database.pool_size": 12}, slots=12
        ) as core:
            wait_for(lambda: core.state is OperationalState.NORMAL)
            wait_for(lambda: pool(core, "task_claimer").running == 8, "12 but 4 that are reserved")
            wait_for(lambda: core.health().pressure < 0.8, "pressure")
            assert core.health().callers_waiting < 12
            wait_for(lambda: pool(core, "task_claimer").executors < 12, "fewer slots")
            wait_for(lambda: pool(core, "task_claimer").decision.endswith("wait for a connection"))
            assert pool(core, "task_claimer").executors >= 8
            found = pool(core, "step_enqueuer")
            assert (found.poll > 0.06, found.batch < 1000) == (True, True)
            calls = core._pools[2].counts().calls
            wait_for(lambda: core._pools[2].counts().calls > calls)
            go_on.set()
            for task in tasks:
                assert ended(client, task.task_uuid) == "complete"
            wait_for(lambda: core.health().pressure == 1.0, "the end of the pressure")
            wait_for(lambda: pool(core, "step_enqueuer").batch == 1000)
            wait_for(lambda: pool(core, "task_claimer").executors == 12, "as many as were wanted")
        assert client.check_invariants() == []


class TestRegistry:
    def test_shows_the_runner_until_it_has_stopped(
        self, database: str, client: Client, registry: Registry
    ) -> None:
        client.create_namespace("test")
        with running(database, registry, ["test"]) as core:
            (found,) = wait_for(lambda: [one for one in client.known_runners() if one.is_live])
            assert (found.name, found.namespaces) == ("test", ["test"])
            wait_for(lambda: client.known_runners()[0].state == "normal")
            assert {pool.pool for pool in client.executor_pools()} == POOLS
            breakers = {one.breaker: one.state for one in client.circuit_breakers()}
            assert breakers == {"database": "closed", "queue": "closed"}
            assert client.known_runners()[0].connections["size"] == core.config.database.pool_size
            assert rows(database, "select live_runners, slots from tasker.served_namespaces") == [
                (1, 4)
            ]
        (found,) = client.known_runners()
        assert (found.state, found.is_live) == ("stopped", False)

    def test_an_operator_holds_the_queues_up_and_nothing_is_lost(
        self, database: str, client: Client, registry: Registry
    ) -> None:
        started, finish = threading.Event(), threading.Event()

        @registry.handler("a")
        def handle(step: Step) -> int:
            started.set()
            finish.wait(SECONDS)
            return step.attempt

        client.register_template(template(ONE))
        task = client.create_task("test", "flow").task_uuid
        with running(database, registry, ["test"], lease=LEASE) as core:
            assert started.wait(SECONDS)
            wait_for(lambda: client.circuit_breakers())
            assert client.force_breaker("queue", "open", "a test").changed
            wait_for(lambda: breaker_of(client, "queue").forced == "open")
            later = client.create_task("test", "flow").task_uuid
            finish.set()
            first = step_named(client, task, "a").lease_until
            wait_for(lambda: step_named(client, task, "a").lease_until > first + LEASE)
            assert core.worker.unfinished == 1, "its heartbeats keep what it cannot report"
            assert client.get_task(later).state == "pending"

            assert client.release_breaker("queue", "over").changed
            assert [ended(client, one) for one in (task, later)] == ["complete"] * 2
            wait_for(lambda: breaker_of(client, "queue").state == "closed")
        assert step_named(client, task, "a").result == 1
        assert client.check_invariants() == []

    def test_an_operator_holds_everything_up_and_can_take_it_back(
        self, database: str, client: Client, registry: Registry
    ) -> None:
        registry.handler("a")(lambda _: "done")
        client.register_template(template(ONE))
        with running(database, registry, ["test"]) as core:
            wait_for(lambda: client.circuit_breakers())
            client.force_breaker("database", "open", "a test", "test")
            wait_for(lambda: core.circuits.database.forced)
            calls = core._pools[2].counts().calls
            assert core.health().status != "healthy"
            wait_for(lambda: breaker_of(client, "database").forced == "open")
            assert core._pools[2].counts().calls <= calls + 1, "the one that was under way"
            client.release_breaker("database", "over", "test")
            wait_for(lambda: core._pools[2].counts().calls > calls + 1)
            assert ended(client, client.create_task("test", "flow").task_uuid) == "complete"

    def test_a_database_that_is_away_harms_nothing(
        self, registry: Registry, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Its server crashes under load and comes back after some seconds."""
        registry.handler("a")(lambda step: step.context)
        registry.handler("b")(lambda step: step.results["a"])
        server = Server(18, {"synchronous_commit": "on"})
        caplog.set_level(logging.INFO)
        try:
            server.create("away", server.migrated)
            dsn = server.embedded.url("away")
            with client_of(dsn) as client:
                client.register_template(template({"a": [], "b": ["a"]}))
                tasks = client.create_tasks("test", "flow", [{"n": n} for n in range(1000)])
            with running(dsn, registry, ["test"]) as core:
                wait_for(lambda: done(core) > 100)
                server.embedded.stop("immediate")
                assert done(core) < 2000, "it crashed under load"
                used, failed = time.process_time(), core.circuits.queue.failed_calls
                wait_for(lambda: core.circuits.queue.opened and core.circuits.database.opened)
                opened = core.circuits.queue.opened
                assert core.health().status == "unhealthy"
                wait_for(lambda: core.circuits.queue.opened >= opened + 10, "ten trials")
                probes = core.circuits.queue.failed_calls - failed
                assert probes <= core.circuits.queue.opened + 20, "one call at a time was tried"
                assert time.process_time() - used < 2, "and nobody was busy meanwhile"

                server.embedded.start()
                wait_for(lambda: done(core) >= 2000, "all steps")
                wait_for(lambda: core.health().status == "healthy")
                assert core.state is OperationalState.NORMAL
            with client_of(dsn) as client:
                found = rows(dsn, "select state::text, count(*) from tasker.tasks group by 1")
                assert found == [("complete", 1000)]
                assert step_named(client, tasks[-1].task_uuid, "b").result == {"n": 999}
                assert client.check_invariants() == []
        finally:
            server.close()
        story = iter(record.getMessage() for record in caplog.records)
        for shown in (  # in this order, whatever is between
            "failure 1 in a row, next try in",
            "failure 3 in a row, open for 0.2 s",
            "queue circuit: half-open, one call is tried",
            "the trial failed, open for 0.2 s",
            "queue circuit: half-open, one call is tried",
            "queue circuit: the database answers again, after",
        ):
            assert any(shown in line for line in story), shown
