"""docs/checkpoints.md is true: its example outlives workers that are killed, at every moment."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Final
from uuid import UUID

import pytest
from running import client_of, process, wait_for
from servers import rows
from workflows import violations

from tasker_sql.client import Client
from tasker_sql.templates import files as templates

ROOT: Final = Path(__file__).parents[3]
BLOCKS: Final = re.findall(
    r"^```(?:yaml|python)\n(.*?)^```$",
    (ROOT / "docs/checkpoints.md").read_text(),
    re.MULTILINE | re.DOTALL,
)
MOMENTS: Final = ("before it", "after it", "after the commit", "before it", "after it")
ROWS: Final = 200_000

# What dies at a moment: each line of the file is for one worker.
DYING: Final = """
import os, pathlib, signal, psycopg
from tasker_sql.worker.handlers import Step

plan = pathlib.Path({plan!r})
when, *rest = plan.read_text().splitlines() or [""]
plan.write_text("\\n".join(rest))

def die(moment):
    if when == moment:
        os.kill(os.getpid(), signal.SIGKILL)

saved = []
saves, commits = Step.checkpoint, psycopg.Transaction.__exit__

def checkpoint(step, state, connection=None):
    die("before it")
    saves(step, state, connection)
    saved.append(state)
    die("after it")

def leave(transaction, *error):
    commits(transaction, *error)
    if saved and error == (None, None, None):
        die("after the commit")

Step.checkpoint, psycopg.Transaction.__exit__ = checkpoint, leave
"""


def test_the_example_is_short() -> None:
    template, python, *_ = BLOCKS
    assert len((template + python).splitlines()) <= 30


@pytest.mark.newest
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("moments", [MOMENTS, ()], ids=["at each moment", "at any moment"])
def test_a_job_that_is_killed_again_and_again_ends(
    database: str, tmp_path: Path, moments: tuple[str, ...]
) -> None:
    """K1, K2, K4"""
    template, python, *_ = BLOCKS
    (tmp_path / "import.yaml").write_text(template)
    (tmp_path / "plan").write_text("\n".join(moments))
    dying = DYING.format(plan=str(tmp_path / "plan")) if moments else ""
    (tmp_path / "load.py").write_text(dying + python)
    (tmp_path / "engine.toml").write_text("lease = 1")
    rows(database, "create table loaded (n integer)")
    with client_of(database) as client:
        client.register_template(templates.load(tmp_path / "import.yaml").definition)
        context = {"rows": 5000 if moments else ROWS}
        task = client.create_task("shop", "import", context).task_uuid
        environment = {**os.environ, "DATABASE_URL": database, "TASKER_CONFIG": str(tmp_path)}
        run = ("run", "-n", "shop", "-m", str(tmp_path / "load.py"))
        killed, more = 0, 10 * ROWS if moments else ROWS // 4
        while client.get_task(task).state != "complete":
            with process(*run, env=environment, stderr=subprocess.DEVNULL) as runner:
                killed += kills(runner, client, task, database, more)
        assert killed == len(moments) if moments else killed >= 2
        assert client.result(task) == context
        (step,) = client.get_task_steps(task)
        outcomes = [one.outcome for one in client.step_attempts(step.step_uuid)]
        assert outcomes == ["lost"] * killed + ["complete"]
    n = context["rows"]
    assert rows(database, "select count(*), count(distinct n) from loaded") == [(n, n)]
    assert rows(database, "select count(*) from tasker.checkpoints") == [(0,)]
    assert violations(database) == []


def kills(runner: subprocess.Popen[str], client: Client, task: UUID, dsn: str, more: int) -> bool:
    """Kill a worker after so many more rows, if it has not died before, or ended the task."""

    def loaded() -> int:
        return int(rows(dsn, "select count(*) from loaded")[0][0])

    enough = loaded() + more

    def over() -> bool:
        return (
            runner.poll() is not None
            or client.get_task(task).state == "complete"
            or loaded() > enough
        )

    wait_for(over, "work, or the end of the worker")
    if client.get_task(task).state == "complete":
        return False
    runner.kill()
    assert runner.wait() == -signal.SIGKILL
    return True
