"""docs/upgrade-postgresql.md is true: a new server takes over from an old one while tasks run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from uuid import UUID

import pytest
from running import client_of, ended, running, wait_for
from servers import MAJORS, NEWEST, Server, rows
from workflows import COMPLETE, RETRY, claim, create, define

from tasker_sql.schema import migrations as schema
from tasker_sql.schema.embedded import find_bin_dir
from tasker_sql.worker.handlers import Registry

pytestmark = [pytest.mark.newest, pytest.mark.slow]

TEXT: Final = (Path(__file__).parents[3] / "docs/upgrade-postgresql.md").read_text()
BLOCKS: Final = re.findall(r"^```sh\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
WORKERS: Final = {
    "max_worker_processes": "24",
    "max_logical_replication_workers": "16",
    "max_sync_workers_per_subscription": "8",
}


@pytest.fixture
def old() -> Iterator[str]:
    """A database of an older version, which may be replicated."""
    server = Server(MAJORS[-2], {"wal_level": "logical"})
    try:
        server.create("shop")
        dsn = server.embedded.url("shop")
        schema.upgrade(dsn)
        yield dsn
    finally:
        server.close()


@pytest.fixture
def new() -> Iterator[str]:
    """An empty database of the newest version."""
    server = Server(NEWEST, WORKERS)
    try:
        server.create("shop")
        yield server.embedded.url("shop")
    finally:
        server.close()


def shell(block: int, old: str, new: str) -> str:
    """Run a block of the page, stopping at the first error."""
    path = f"{Path(sys.executable).parent}:{find_bin_dir()}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", BLOCKS[block]],
        env={**os.environ, "PATH": path, "OLD_URL": old, "NEW_URL": new, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{BLOCKS[block]}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_a_subscriber_takes_over(old: str, new: str) -> None:
    define(old, "flow", {"one": [], "two": ["one"]})
    early = create(old, "flow", 5)
    for step, token in claim(old, 2).values():
        rows(old, COMPLETE, step, token)

    shell(0, old, new)
    wait_for(lambda: shell(1, old, new).strip() == "0", "the copy")
    with client_of(old) as client:  # the old server goes on meanwhile
        late = create(old, "flow", 20)
        claimed, *_ = client.claim_steps("test", "gone", 3)
        client.complete_step(claimed.step_uuid, claimed.token)
        failing, *_ = client.claim_steps("test", "gone", 1)
        client.fail_step(failing.step_uuid, failing.token, "no", retryable=False)
        rows(old, "select from tasker.sweep()")
        rows(old, RETRY, failing.step_uuid)
        held, *_ = client.claim_steps("test", "gone", 1)
        rows(old, "select from tasker.set_limit('tags_per_task', 30, 'we tag a lot')")

    shell(2, old, new)
    wait_for(lambda: int(shell(3, old, new)) <= 0, "the rest")
    with pytest.raises(schema.SchemaError, match="missing: the position of the sequence tasker"):
        rows(new, "alter subscription takeover disable")
        schema.check(new)
    assert "all invariants hold" in shell(4, old, new)

    assert rows(new, "select value from tasker.limits where name = 'tags_per_task'") == [(30,)]
    registry = Registry()
    registry.handler("one")(lambda _: 1)
    registry.handler("two")(lambda _: 2)
    with client_of(new) as client:
        done = client.complete_step(held.step_uuid, held.token)  # a claim from the old server
        assert done.step_state == "complete"
        rows(new, "update tasker.claims set lease_until = clock_timestamp() - interval '1 hour'")
        newest = create(new, "flow", 20)
        rows(new, "select from tasker.create_namespace('later')")
        with running(new, registry, ["test"]):
            tasks = [*early, *late, *newest]
            assert {ended(client, UUID(task)) for task in tasks} == {"complete"}
        assert len({*tasks}) == 45
        assert client.check_invariants() == []
    with pytest.raises(Exception, match="read-only transaction"):
        create(old, "flow")
