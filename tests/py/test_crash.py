"""Workers are killed and the server crashes in the midst of work: every task completes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import servers
from running import SECONDS, client_of, template, wait_for

from tasker_sql import schema
from tasker_sql.embedded import EmbeddedServer

TASKS = 150
DAG = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"], "e": ["d"]}
STEPS = TASKS * len(DAG)
DONE = "select count(*) from tasker.steps where state = 'complete'"
HANDLERS = """
import time
from tasker_sql.handlers import handler

for name in "abcde":
    @handler(name)
    def work(step):
        time.sleep(0.01)  # as if it did something
        return {"attempt": step.attempt, **{name: 1 for name in step.results}}
"""


@pytest.fixture
def crashing() -> Iterator[EmbeddedServer]:
    """A server of its own that a crash costs nothing it has confirmed."""
    folder = servers.temporary_folder()
    settings = {**servers.SETTINGS, "synchronous_commit": "on"}
    server = EmbeddedServer(folder / "data", settings)
    server.start()
    yield server
    server.stop("immediate")
    shutil.rmtree(folder)


class Workers:
    """Processes of `tasker-sql run`, killed at the end."""

    def __init__(self, stack: ExitStack, dsn: str, handlers: Path) -> None:
        self._stack = stack
        self._environment = {**os.environ, "DATABASE_URL": dsn}
        self._handlers = handlers

    def start(self) -> subprocess.Popen[bytes]:
        program = Path(sys.executable).with_name("tasker-sql")
        options = ["-m", str(self._handlers), "--lease", "1", "--poll", "0.1", "--quiet"]
        process = subprocess.Popen([program, "run", *options], env=self._environment)
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        return process


def test_kill_9_and_crashes_of_the_server_cost_only_time(
    crashing: EmbeddedServer, tmp_path: Path
) -> None:
    crashing.ensure_database("tasker")
    dsn = crashing.url("tasker")
    schema.upgrade(dsn)
    handlers = tmp_path / "crash_handlers.py"
    handlers.write_text(HANDLERS)
    with client_of(dsn) as client:
        retry = {"max_attempts": 20, "backoff_base_ms": 1}
        client.register_template(template(DAG, retry=retry))
        client.create_tasks("test", "flow", [{}] * TASKS)

    def done(share: float) -> None:
        wait_for(lambda: servers.rows(dsn, DONE)[0][0] >= share * STEPS, f"{share:.0%} of the work")

    with ExitStack() as stack:
        workers = Workers(stack, dsn, handlers)
        first, second = workers.start(), workers.start()
        done(0.2)
        first.kill()
        third = workers.start()
        done(0.4)
        crashing.stop("immediate")
        crashing.start()
        done(0.6)
        second.kill()
        crashing.stop("immediate")
        crashing.start()
        done(1.0)
        third.terminate()
        assert third.wait(SECONDS) == 0

    with client_of(dsn) as client:
        assert client.get_system_health_counts().open_tasks == 0
        assert len(client.list_tasks({"state": "complete"}, 1000)) == TASKS
        assert client.check_invariants() == []
    completed = """
        select count(*), count(distinct step_uuid)
          from tasker.step_transitions where to_state = 'complete'
    """
    assert servers.rows(dsn, completed) == [(STEPS, STEPS)]
