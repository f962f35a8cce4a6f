"""docs/operate.md is true: its commands are run, and each alert fires in its trouble only."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from running import SECONDS, client_of, configured, ended, running, template, wait_for
from servers import Server, rows

from tasker_sql import config
from tasker_sql.client import Client
from tasker_sql.config.settings import Config
from tasker_sql.errors import PermanentError, StaleClaimError
from tasker_sql.ops.orchestrator import OrchestrationCore
from tasker_sql.schema.embedded import find_bin_dir
from tasker_sql.worker.handlers import Registry, Step

pytestmark = pytest.mark.newest

ROOT: Final = Path(__file__).parents[3]
TEXT: Final = (ROOT / "docs/operate.md").read_text()
CLOCK: Final = """
create or replace function tasker._now() returns timestamptz language sql volatile
as $$ select clock_timestamp() + interval '{}' $$
"""
OVER: Final = "update tasker.claims set lease_until = clock_timestamp() - interval '1 hour'"


def section(title: str) -> str:
    """What stands below a heading, up to the next one."""
    return re.split(r"^##+ ", TEXT.split(f"# {title}\n")[1], maxsplit=1, flags=re.MULTILINE)[0]


def blocks(title: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", section(title), re.MULTILINE | re.DOTALL)


ALERTS: Final = re.findall(r"^### (.*)$", TEXT, re.MULTILINE)


def shell(script: str, dsn: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a script of the page, stopping at the first error."""
    path = f"{Path(sys.executable).parent}:{find_bin_dir()}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-euc", script],
        env={**os.environ, "PATH": path, "DATABASE_URL": dsn, "NO_COLOR": "1", **more},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@dataclass
class Scene:
    """A database, whose runner can be started and stopped, with a handler that works if it may."""

    dsn: str
    client: Client
    stack: ExitStack
    works: bool = True
    core: OrchestrationCore | None = None

    def run(self, **more: Any) -> OrchestrationCore:
        registry = Registry()

        @registry.handler("a")
        def a(_: Step) -> None:
            if not self.works:
                raise PermanentError("no paper")

        self.core = self.stack.enter_context(running(self.dsn, registry, ["test"], **more))
        return self.core

    def stop(self) -> None:
        self.stack.close()

    def task(self, namespace: str = "test") -> Any:
        self.client.register_template(template({"a": []}, namespace=namespace))
        return self.client.create_task(namespace, "flow").task_uuid

    def later(self, interval: str) -> None:
        """Let time pass."""
        rows(self.dsn, CLOCK.format(interval))

    def step(self) -> str:
        (found,) = rows(self.dsn, "select step_uuid::text from tasker.failed_steps")
        return str(found[0])


@pytest.fixture
def scene(database: str) -> Iterator[Scene]:
    with client_of(database) as client, ExitStack() as stack:
        client.create_namespace("test")
        yield Scene(database, client, stack)


# For each alert: a trouble, which answers what its cure needs to know; nothing where waiting helps.

Trouble = Callable[[Scene], dict[str, str] | Callable[[], object] | None]
TROUBLES: dict[str, Trouble] = {}


def trouble(title: str) -> Callable[[Trouble], Trouble]:
    def add(function: Trouble) -> Trouble:
        TROUBLES[title] = function
        return function

    return add


@trouble("Nobody runs")
def nobody(scene: Scene) -> Callable[[], object]:
    scene.stop()
    return scene.run


@trouble("A runner is lost")
def silent(scene: Scene) -> Callable[[], object]:
    core = scene.core
    assert core
    core.control._tell = lambda: None  # type: ignore[method-assign]
    core.control._beat = lambda: None  # type: ignore[method-assign]
    rows(scene.dsn, "update tasker.runners set gone_at = now(), state = 'normal'")
    return lambda: scene.later("2 hours")


@trouble("A runner is unhealthy")
@trouble("A circuit is not closed")
def forced(scene: Scene) -> dict[str, str]:
    scene.client.force_breaker("queue", "open", "the bank is down")
    return {}


@trouble("Work that nobody serves")
def unserved(scene: Scene) -> Callable[[], object]:
    scene.task("other")
    registry = Registry()
    registry.handler("a")(lambda _: None)
    return lambda: scene.stack.enter_context(running(scene.dsn, registry, ["other"]))


@trouble("Work waits")
def waits(scene: Scene) -> dict[str, str]:
    scene.client.pause_namespace("test", "closed")
    scene.task()
    scene.later("10 minutes")
    return {}


@trouble("Steps that failed for good")
def failed(scene: Scene) -> dict[str, str]:
    scene.works = False
    assert ended(scene.client, scene.task()) == "error"
    scene.works = True
    return {"STEP_UUID": scene.step()}


@trouble("Tasks that do not move")
def stuck(scene: Scene) -> dict[str, str]:
    scene.client.pause_namespace("test", "so that it cannot be claimed")
    task = scene.task()
    scene.client.pause_task(task, "wait")
    scene.client.resume_namespace("test", "done")
    scene.later("15 minutes")
    return {"TASK_UUID": str(task)}


@trouble("Requests that were refused")
def refused(scene: Scene) -> None:
    rows(
        scene.dsn,
        "select pgmq.send('orchestration_task_requests', '{\"name\": \"nothing\"}'::jsonb)",
    )


@trouble("Writes that came too late")
def late(scene: Scene) -> None:
    scene.stop()
    scene.task()
    (step,) = scene.client.claim_steps("test", "slow")
    rows(scene.dsn, OVER)
    scene.client.sweep()
    with suppress(StaleClaimError):
        scene.client.complete_step(step.step_uuid, step.token)
    scene.client.report_late_writes(step.token, [step.step_uuid], "slow")


@trouble("Leases that nobody takes back")
def leases(scene: Scene) -> dict[str, str]:
    scene.stop()
    scene.task()
    scene.client.claim_steps("test", "gone")
    rows(scene.dsn, OVER)
    return {}


@trouble("An invariant does not hold")
def violated(scene: Scene) -> Callable[[], object]:
    scene.stop()
    scene.task()
    rows(scene.dsn, "select pgmq.purge_queue(queue_name) from pgmq.list_queues()")
    scene.later("10 minutes")
    return scene.client.sweep


@trouble("Connections run short")
def connections(scene: Scene) -> Callable[[], object]:
    many = ExitStack()
    for _ in range(80):
        many.enter_context(psycopg.connect(scene.dsn))
    return many.close


@trouble("A transaction that is too old")
def old(scene: Scene) -> Callable[[], object]:
    idle = psycopg.connect(scene.dsn)
    idle.execute("select 1")
    return idle.close


def test_each_alert_has_a_trouble() -> None:
    assert list(TROUBLES) and set(TROUBLES) == set(ALERTS)


@pytest.mark.parametrize("title", ALERTS)
def test_an_alert_fires_in_its_trouble_and_is_silenced_by_its_cure(
    scene: Scene, tmp_path: Path, title: str
) -> None:
    (query,) = blocks(title, "sql")
    scene.run()
    wait_for(lambda: scene.core and scene.core.state == "normal")
    wait_for(lambda: [one for one in scene.client.known_runners() if one.status == "healthy"])
    wait_for(lambda: not any(rows(scene.dsn, blocks(one, "sql")[0]) for one in ALERTS), "silence")

    cure = TROUBLES[title](scene)
    if title == "A transaction that is too old":
        query = query.replace("10 minutes", "1 second")
    wait_for(lambda: rows(scene.dsn, query), title)
    if cure is None:
        return
    if callable(cure):
        cure()
    else:
        script = (blocks(title, "sh") or blocks("A circuit is not closed", "sh"))[0]
        done = shell(script, scene.dsn, tmp_path, **cure)
        assert done.returncode == 0, done.stderr
    wait_for(lambda: not rows(scene.dsn, query), f"the end of: {title}")


def test_the_size_is_what_runners_may_open(scene: Scene) -> None:
    core = scene.run()
    (query,) = blocks("Size", "sql")
    wait_for(lambda: scene.client.known_runners() and scene.client.known_runners()[0].namespaces)
    ((most, allowed),) = rows(scene.dsn, query)
    assert (most, allowed) == (core.most_connections(), 97)
    assert "20; 60 in production" in section("Size")
    assert [configured(scene.dsn).database.pool_size, production().database.pool_size] == [20, 60]


def production() -> Config:
    return config.load(environment="production", environ={}).config


def test_what_is_restored_goes_on(server: Server, scene: Scene, tmp_path: Path) -> None:
    """With a step that was claimed at the time of the backup, and one that ran afterwards."""
    (script,) = blocks("Backup and restore", "sh")
    tasks = [scene.task() for _ in range(3)]
    claimed, _ = scene.client.claim_steps("test", "gone", 2, timedelta(seconds=0.5))
    assert not isinstance(scene.client.complete_step(claimed.step_uuid, claimed.token), Exception)
    restored = make_conninfo(scene.dsn, dbname="restored")
    try:
        done = shell(script, scene.dsn, tmp_path, RESTORED_URL=restored)
        assert done.returncode == 0, done.stderr
        assert "all invariants hold" in done.stdout
        registry, ran = Registry(), threading.Event()
        registry.handler("a")(lambda _: ran.set())
        with client_of(restored) as client:
            with running(restored, registry, ["test"]):
                assert [ended(client, task) for task in tasks] == ["complete"] * 3
            assert ran.wait(SECONDS)
            assert client.check_invariants() == []
    finally:
        server.admin.execute("drop database if exists restored with (force)")
