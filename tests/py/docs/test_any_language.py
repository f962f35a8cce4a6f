"""docs/any-language.md is true: its worker works, stops, and its transaction happens once."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from running import client_of, template, wait_for
from servers import psql, rows
from workflows import step_states, violations

from tasker_sql.schema.embedded import find_bin_dir

pytestmark = pytest.mark.newest

TEXT: Final = (Path(__file__).parents[3] / "docs/any-language.md").read_text()
STEPS: Final = {"a": [], "b": ["a"], "c": ["b"]}


def block(language: str, containing: str) -> str:
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    (found,) = [one for one in blocks if containing in one]
    return str(found)


@contextmanager
def worker(dsn: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    (folder / "worker.sh").write_text(block("sh", "# worker.sh"))
    path = f"{find_bin_dir()}:{os.environ['PATH']}"
    with subprocess.Popen(
        ["bash", "worker.sh"],
        cwd=folder,
        env={**os.environ, "PATH": path, "DATABASE_URL": dsn},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def flow(handler: str = "greet") -> dict[str, object]:
    made = template(STEPS, namespace="shop")
    for step in made["steps"]:
        step["handler"] = {"callable": handler}
    return made


def test_the_worker_of_the_page_works_and_stops(database: str, tmp_path: Path) -> None:
    with client_of(database) as client:
        client.register_template(flow())
        tasks = [client.create_task("shop", "flow", {"to": f"x | '{n}' é"}) for n in range(2)]
        with worker(database, tmp_path) as process:
            for task in tasks:
                assert client.result(task, timeout=60) == {
                    "said": "hello",
                    "of": client.get_task(task.task_uuid).context,
                }
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
            assert process.stderr and process.stderr.read() == ""
    assert rows(database, "select count(*) from tasker.live_claims") == [(0,)]
    assert violations(database) == []


@pytest.mark.slow
def test_it_drops_what_it_has_lost_and_goes_on(database: str, tmp_path: Path) -> None:
    """A step that was cancelled under it, and one whose handler it does not have."""
    with client_of(database) as client:
        client.register_template(flow())
        client.register_template({**flow("other"), "name": "other"})
        client.create_task("shop", "other")
        task = client.create_task("shop", "flow").task_uuid
        with worker(database, tmp_path) as process:
            wait_for(lambda: client.get_task(task).state == "complete", "the task")
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        (other,) = client.list_tasks({"name": "other"})
        assert other.task_uuid
        assert step_states(database, str(other.task_uuid))["a"] == "enqueued"


def test_the_transaction_happens_once(database: str) -> None:
    """Also when it is run again, as after a lost reply to its commit."""
    with client_of(database) as client:
        client.register_template(flow())
        client.create_task("shop", "flow")
    once = block("psql", "begin;")
    script = f"""
create table greetings (step text);
select step_uuid, token from tasker.claim_steps('shop', 'me') \\gset
{once}
\\set ON_ERROR_STOP off
{once}
"""
    done = psql(database, script=script)
    assert done.stdout == "complete\n"
    assert "already complete by this claim" in done.stderr
    assert rows(database, "select count(*) from greetings") == [(1,)]
