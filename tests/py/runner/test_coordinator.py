"""One coordinator serves all namespaces, over one connection to call and one to listen; and what
follows on a step wakes no thread."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from running import SECONDS, ended, running, template, wait_for
from servers import rows

from tasker_sql.client import Client
from tasker_sql.errors import UnavailableError
from tasker_sql.ops import scaling
from tasker_sql.ops.health import OperationalState
from tasker_sql.threads import Wakeup
from tasker_sql.worker import claims as of_claims
from tasker_sql.worker.claims import WorkerCalls
from tasker_sql.worker.handlers import Registry, Step
from tasker_sql.worker.slots import MOST_LEAKED

pytestmark = pytest.mark.newest

CLAIMER = "executor_pools.task_claimer"
SELDOM = {f"{CLAIMER}.poll": 10_000, f"{CLAIMER}.idle_poll": 60_000}  # milliseconds
CREATE = "select task_uuid from tasker.create_task('test', 'flow')"
WAITING = (
    "select distinct n.name from tasker.waiters join tasker.namespaces as n using (namespace_id)"
)
OURS = """
select application_name from pg_stat_activity
 where datname = current_database() and application_name like 'tasker-sql/% worker'
"""


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    registry.handler("a")(lambda step: step.name)
    return registry


@pytest.fixture
def claims(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The namespaces from which a worker claims, but for what it claims with a report."""
    seen: list[str] = []
    claim = WorkerCalls.claim

    def noted(self: WorkerCalls, namespace: str, *arguments: Any) -> Any:
        seen.append(namespace)
        return claim(self, namespace, *arguments)

    monkeypatch.setattr(WorkerCalls, "claim", noted)
    return seen


def test_many_namespaces_need_two_connections_and_few_threads(
    database: str, client: Client, registry: Registry
) -> None:
    names = [f"n{number}" for number in range(30)]
    for name in names:
        client.register_template(template({"a": []}, namespace=name))
    before = threading.active_count()
    with running(database, registry) as core:
        tasks = [client.create_task(name, "flow").task_uuid for name in names]
        assert [ended(client, task) for task in tasks] == ["complete"] * 30
        assert len(rows(database, OURS)) == 2
        own = threading.active_count() - before
        assert own <= 30 + 12, "a slot for each that had something to do"
        assert core.most_connections() == core.config.database.pool_size + 3


def test_work_is_claimed_where_it_was_announced(
    database: str,
    client: Client,
    registry: Registry,
    claims: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(of_claims, "FIRST_PAUSE", SECONDS)
    names = ["n1", "n2", "n3"]
    for name in names:
        client.register_template(template({"a": []}, namespace=name))
    with running(database, registry, names, more=SELDOM):
        wait_for(lambda: len(rows(database, WAITING)) == 3, "three registrations")
        wait_for(lambda: all(claims.count(name) >= 3 for name in names), "a look after each")
        claims.clear()
        assert ended(client, client.create_task("n2", "flow").task_uuid) == "complete"
        wait_for(lambda: len(rows(database, WAITING)) == 3, "three registrations")
        assert set(claims) == {"n2"}


def test_work_of_a_transaction_that_saw_no_idle_worker_is_found_soon_after_its_commit(
    database: str, client: Client, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def idle(pause: float, *_: float) -> float:
        return 2 * pause if pause < 5 else 2 * SECONDS

    monkeypatch.setattr(scaling, "idle", idle)
    monkeypatch.setattr(of_claims, "IDLE_FOR", timedelta(seconds=2 * SECONDS))
    client.register_template(template({"a": []}))
    with psycopg.connect(database) as connection:
        (task,) = connection.execute(CREATE).fetchone() or ()
        with running(database, registry, more=SELDOM):
            wait_for(lambda: rows(database, WAITING), "a registration")
            connection.commit()
            assert ended(client, task) == "complete"


def test_a_namespace_that_is_missing_holds_up_no_other(
    database: str, client: Client, registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    client.register_template(template({"a": []}))
    with running(database, registry, ["missing", "test"], more=SELDOM):
        wait_for(lambda: "of missing: namespace not found" in caplog.text)
        for _ in range(3):
            assert ended(client, client.create_task("test", "flow").task_uuid) == "complete"
    assert caplog.text.count("namespace not found") == 1


@pytest.mark.parametrize("transactional", [False, True], ids=["plain", "transactional"])
def test_steps_in_a_row_run_in_one_thread_which_reports_and_claims(
    database: str,
    client: Client,
    claims: list[str],
    monkeypatch: pytest.MonkeyPatch,
    transactional: bool,
) -> None:
    """Nobody is woken between them, and one call is made for each."""
    registry, runs, wakes = Registry(), list[str](), list[int]()
    finishes: list[str] = []
    finish, put = WorkerCalls.finish, Wakeup.set

    def finished(self: WorkerCalls, *arguments: Any) -> Any:
        finishes.append(threading.current_thread().name)
        return finish(self, *arguments)

    def woken(self: Wakeup) -> None:
        if self.waits and threading.current_thread().name.startswith("test test "):
            wakes.append(len(runs))
        put(self)

    def handle(step: Step, *_: Any) -> int:
        if not runs:
            wait_for(lambda: core.worker._wakeup.waits, "the sleep of the coordinator")
        runs.append(threading.current_thread().name)
        return step.attempt

    steps = {f"s{n}": [f"s{n - 1}"] if n else list[str]() for n in range(10)}
    for name in steps:
        registry.handler(name, transactional=transactional)(handle)
    client.register_template(template(steps))
    monkeypatch.setattr(of_claims, "FIRST_PAUSE", SECONDS)
    with running(database, registry, ["test"], more=SELDOM) as core:
        wait_for(lambda: core.state is OperationalState.NORMAL)
        wait_for(lambda: rows(database, WAITING))
        claims.clear()
        monkeypatch.setattr(of_claims, "LINGER", SECONDS)  # it does not register meanwhile
        monkeypatch.setattr(WorkerCalls, "finish", finished)
        monkeypatch.setattr(Wakeup, "set", woken)
        assert ended(client, client.create_task("test", "flow").task_uuid) == "complete"
    assert len(runs) == 10
    assert len(set(runs)) == 1
    assert [count for count in wakes if count < 10] == []
    if not transactional:
        assert finishes == runs
    assert claims == ["test"], "the first step; each other one came with a report"


def test_a_claim_whose_reply_is_lost_is_no_attempt(
    database: str, client: Client, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same call again answers the same claim."""
    claim, lost = Client.claim_steps, list[UUID]()

    def swallowed(self: Client, *arguments: Any, **more: Any) -> Any:
        steps = claim(self, *arguments, **more)
        if steps and len(lost) < 3:
            lost.append(steps[0].token)
            raise UnavailableError("the connection was cut")
        return steps

    client.register_template(template({"a": []}, retry={"max_attempts": 1}))
    task = client.create_task("test", "flow").task_uuid
    monkeypatch.setattr(Client, "claim_steps", swallowed)
    with running(database, registry, ["test"], lease=SECONDS):
        assert ended(client, task) == "complete"
    assert len(lost) == 3
    assert rows(database, "select attempt from tasker.steps") == [(1,)]
    assert client.check_invariants() == []


@pytest.mark.slow
def test_threads_that_hang_are_named_and_come_back(
    database: str, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """Each slot is replaced some times; then it is lost, until its handler ends."""
    registry, release = Registry(), threading.Event()
    registry.handler("hangs")(lambda _: release.wait(SECONDS))
    registry.handler("a")(lambda step: step.name)
    hanging = template({"hangs": []}, name="hanging", timeout_seconds=1)
    hanging["steps"][0]["retry"] = {"max_attempts": 1}
    client.register_template(hanging)
    client.register_template(template({"a": []}))
    count = MOST_LEAKED + 1
    tasks = client.create_tasks("test", "hanging", [{}] * count)
    with running(database, registry, ["test"], slots=1) as core, caplog.at_level(logging.ERROR):
        assert [ended(client, task.task_uuid) for task in tasks] == ["error"] * count
        (slots,) = core.worker.slots
        wait_for(lambda: slots.hung == 1)
        assert (slots.leaked, slots.room, slots.running) == ({"hangs": count}, 0, 0)
        leak = f"threads of namespace test hang past their time: {count} in hangs"
        assert f"its slot is lost: {leak}" in caplog.text
        wait_for(lambda: [one for one in client.problems() if leak in one.problem])
        release.set()
        assert ended(client, client.create_task("test", "flow").task_uuid) == "complete"
        wait_for(lambda: (slots.hung, slots.leaked) == (0, {}))
