"""What a handler does to its process or to its connection harms no other step."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.types.string import TextLoader
from running import SECONDS, ended, process, running, template, wait_for
from servers import rows

from tasker_sql.client import Client
from tasker_sql.worker.handlers import Registry, Step

pytestmark = pytest.mark.newest


CRASHING = """
import os, time
from tasker_sql.worker.handlers import handler

@handler("bad")
def bad(step):
    time.sleep(0.3)
    os._exit(9)

@handler("good")
def good(step):
    time.sleep(0.5)
    return step.attempt
"""
OPEN = "select from tasker.tasks where state not in ('complete', 'error')"


def ended_or_idle(runner: subprocess.Popen[str], dsn: str) -> bool:
    return runner.poll() is not None or not rows(dsn, OPEN)


def test_a_step_that_ends_its_process_ends_no_other(
    database: str, client: Client, tmp_path: Path
) -> None:
    """Its neighbours lose one attempt, the first time; then it runs alone."""
    (tmp_path / "crashing.py").write_text(CRASHING)
    client.register_template(template({"bad": []}, name="bad"))
    client.register_template(template({"good": []}, name="good"))
    bad = client.create_task("test", "bad").task_uuid
    good = [task.task_uuid for task in client.create_tasks("test", "good", [{}] * 3)]
    environ = {**os.environ, "DATABASE_URL": database, "TASKER_ENV": "test"}
    options = ("-n", "test", "-m", str(tmp_path / "crashing.py"), "--slots", "4", "--lease", "1")
    starts = 0
    while rows(database, OPEN):
        starts += 1
        assert starts < 10
        with process("run", *options, env=environ) as runner:
            wait_for(partial(ended_or_idle, runner, database))
            runner.send_signal(signal.SIGTERM)
            runner.wait(SECONDS)
    assert [ended(client, task) for task in good] == ["complete"] * 3
    assert ended(client, bad) == "error"
    attempts = dict(rows(database, "select state::text, max(attempt) from tasker.steps group by 1"))
    assert attempts == {"complete": 2, "error": 3}
    assert client.check_invariants() == []


@pytest.mark.parametrize("kind", ["plain", "transactional", "coroutine"])
def test_a_child_that_returns_is_no_worker(
    database: str, client: Client, registry: Registry, kind: str
) -> None:
    """A handler forks, and its child goes on as if it were the handler."""
    children: list[int] = []

    def fork() -> str:
        child = os.fork()
        if child:
            children.append(child)
        return "parent" if child else "child"

    async def coroutine(_: Step) -> str:
        return fork()

    if kind == "transactional":
        registry.handler("a", transactional=True)(lambda _, __: fork())
    elif kind == "plain":
        registry.handler("a")(lambda _: fork())
    else:
        registry.handler("a")(coroutine)
    client.register_template(template({"a": []}))
    tasks = client.create_tasks("test", "flow", [{}] * 3)
    with running(database, registry, ["test"]):
        for task in tasks:
            assert ended(client, task.task_uuid) == "complete"
        assert len(children) == 3
        for child in children:
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert rows(database, "select distinct result from tasker.steps") == [("parent",)]


def factory(connection: Any) -> None:
    connection.cursor_factory = psycopg.RawCursor


def row_factory(connection: Any) -> None:
    connection.row_factory = psycopg.rows.dict_row


def loader(connection: Any) -> None:
    connection.adapters.register_loader("int4", TextLoader)


def method(connection: Any) -> None:
    connection.execute = lambda *_: 1 / 0


def notices(connection: Any) -> None:
    connection.add_notice_handler(lambda _: 1 / 0)


def prepared(connection: Any) -> None:
    connection.prepare_threshold = 0


@pytest.mark.parametrize("change", [factory, row_factory, loader, method, notices, prepared])
def test_a_connection_that_a_handler_changed_is_lent_to_no_other(
    database: str, client: Client, registry: Registry, change: Callable[[Any], None]
) -> None:
    seen = []

    @registry.handler("a", transactional=True)
    def handle(step: Step, connection: psycopg.Connection[Any]) -> Any:
        found = connection.execute("select %s + pg_backend_pid()", [0]).fetchone()
        assert found
        seen.append(found[0])
        if step.context.get("change"):
            change(connection)
        return found[0]

    client.register_template(template({"a": []}, retry={"max_attempts": 1}))
    with running(database, registry, ["test"], slots=1):
        for context in ({}, {}, {"change": True}, {}, {}):
            task = client.create_task("test", "flow", context).task_uuid
            assert ended(client, task) == "complete"
    assert len(seen) == 5
    first, last = set(seen[:3]), set(seen[3:])
    assert len(first) == len(last) == 1, "what nobody changed is lent again"
    assert first != last


def test_suspects_wait_for_their_neighbours(
    database: str, client: Client, registry: Registry
) -> None:
    """A step whose attempt was lost runs when nothing else does, and holds up no stop."""
    go_on, beside = threading.Event(), list[bool]()
    running_now = set[str]()

    def handle(step: Step) -> None:
        running_now.add(step.name)
        if step.name == "slow":
            go_on.wait(SECONDS)
        else:
            beside.append("slow" in running_now)
        running_now.discard(step.name)

    for name in ("slow", "lost"):
        registry.handler(name)(handle)
    client.register_template(template({"lost": []}, name="lost"))
    client.register_template(template({"slow": []}, name="slow"))
    lost = client.create_task("test", "lost").task_uuid
    assert client.claim_steps("test", "a worker that is gone")
    rows(database, "update tasker.claims set lease_until = now() - interval '1 hour'")
    slow = client.create_task("test", "slow").task_uuid
    with running(database, registry, ["test"], slots=2, lease=SECONDS):
        wait_for(lambda: "slow" in running_now)
        held = "select from tasker.steps where attempt = 2 and state = 'in_progress'"
        wait_for(lambda: rows(database, held), "the claim of the lost one")
        go_on.set()
        assert [ended(client, slow), ended(client, lost)] == ["complete", "complete"]
    assert beside == [False]
