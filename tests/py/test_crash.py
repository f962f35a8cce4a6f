"""Processes are killed and the server crashes, again and again; nothing is lost or done twice.

`crash_worker.py` is such a worker. A sweep runs all the time, as it should.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import servers
from servers import Server, rows
from workflows import DIAMOND, define, violations

pytestmark = pytest.mark.newest

SECONDS = 10.0  # of trouble
PATIENCE = 25.0  # seconds for the rest, without trouble
WORKERS = 4
WIDE: dict[str, list[str]] = {f"part_{number}": [] for number in range(18)}
TEMPLATES = {
    "diamond": DIAMOND,
    "chain": {"one": [], "two": ["one"], "three": ["two"]},
    "join": {**WIDE, "join": list(WIDE)},
}
SAFE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "autovacuum": "on"}


@pytest.fixture
def crashing(server: Server) -> Iterator[Server]:  # noqa: ARG001
    """A server of its own that does all for safety."""
    crashing = Server(servers.MAJORS[0], SAFE)
    yield crashing
    crashing.close()


class Crowd:
    """Worker processes that live until they are killed, and threads that create and sweep."""

    def __init__(self, dsn: str, folder: Path) -> None:
        self.dsn, self.folder = dsn, folder
        self.workers: list[subprocess.Popen[bytes]] = []
        self.started = self.made = self.swept = 0
        self.ended = threading.Event()
        self.creating = threading.Event()
        self.creating.set()
        self.threads = [threading.Thread(target=loop) for loop in (self.create, self.sweep)]
        for thread in self.threads:
            thread.start()
        for _ in range(WORKERS):
            self.start()

    def start(self) -> None:
        self.started += 1
        mode = ("batch", "single")[self.started % 2]
        given = [self.dsn, f"{mode} {self.started}", mode, str(self.folder / "confirmed")]
        script = Path(__file__).with_name("crash_worker.py")
        self.workers.append(subprocess.Popen([sys.executable, str(script), *given]))

    def kill(self, worker: subprocess.Popen[bytes]) -> None:
        assert worker.poll() is None, "a worker ended by itself"
        worker.kill()
        worker.wait()
        self.workers.remove(worker)

    def create(self) -> None:
        """Make tasks, each once, whatever becomes of the answers."""
        while not self.ended.wait(0.05):
            name = list(TEMPLATES)[self.made % 3]
            key = f'{{"idempotency_key": "{self.made}"}}'
            query = "select from tasker.create_task('test', %s, '{}', %s)"
            if self.creating.is_set() and self.does(query, name, key):
                self.made += 1

    def sweep(self) -> None:
        while not self.ended.wait(0.2):
            self.swept += self.does("select from tasker.sweep()")

    def does(self, query: str, *arguments: str) -> bool:
        try:
            rows(self.dsn, query, *arguments)
        except psycopg.OperationalError:
            return False
        return True

    def end(self) -> None:
        self.ended.set()
        for thread in self.threads:
            thread.join()
        while self.workers:
            self.kill(self.workers[0])


def crash(server: Server, number: int) -> None:
    """A crash, in one way or the other, and what an operator does then."""
    if number % 2 == 0:
        server.embedded.stop("immediate")
    else:
        pid = (server.embedded.data_dir / "postmaster.pid").read_text().split()[0]
        os.kill(int(pid), signal.SIGKILL)
        limit = time.monotonic() + 10
        while server.embedded.running:  # the kernel needs a moment
            assert time.monotonic() < limit
            time.sleep(0.01)
    server.embedded.start()


def make_trouble(server: Server, crowd: Crowd) -> int:
    """Kill workers all the time, and the server four times; how many workers."""
    begun = time.monotonic()
    crashes = kills = 0
    while (passed := time.monotonic() - begun) < SECONDS:
        time.sleep(random.uniform(0.2, 0.6))
        crowd.kill(random.choice(crowd.workers))
        kills += 1
        crowd.start()
        if passed > (crashes + 1) * SECONDS / 5:
            crash(server, crashes)
            crashes += 1
    assert crashes >= 3
    return kills


def test_nothing_is_lost_or_done_twice(crashing: Server, tmp_path: Path) -> None:
    crashing.create("crash", crashing.migrated)
    dsn = crashing.embedded.url("crash")
    rows(dsn, "create table public.effects (step_uuid uuid)")
    for name, steps in TEMPLATES.items():
        define(dsn, name, steps, retry={"max_attempts": 50, "backoff": "none"})

    crowd = Crowd(dsn, tmp_path)
    try:
        kills = make_trouble(crashing, crowd)
        crowd.creating.clear()
        limit = time.monotonic() + PATIENCE
        while rows(dsn, "select 1 from tasker.open_tasks limit 1") and time.monotonic() < limit:
            time.sleep(0.1)
    finally:
        crowd.end()

    confirmed = {tuple(line.split()) for line in (tmp_path / "confirmed").read_text().splitlines()}
    check(dsn, crowd, confirmed)
    ((lost,),) = rows(
        dsn, "select count(*) from tasker.step_failures where error ->> 'type' = 'LeaseExpired'"
    )
    print(f"{crowd.made} tasks, {len(confirmed)} confirmed steps, {kills} kills, {lost} lost")
    assert kills >= 10
    assert lost >= 3
    assert crowd.swept > 10


def check(dsn: str, crowd: Crowd, confirmed: set[tuple[str, ...]]) -> None:
    """What must be true afterwards."""
    assert rows(dsn, "select state::text, count(*) from tasker.tasks group by 1") == [
        ("complete", crowd.made)
    ]
    assert rows(dsn, "select state::text from tasker.steps where state <> 'complete'") == []
    twice = """
        select id from tasker._changes
         where change::text in ('step in_progress -> complete', 'task in_progress -> complete')
         group by id having count(*) > 1
    """
    assert rows(dsn, twice) == []
    spent = "select from tasker.steps where attempt not between 1 and 50 or waiting_parents <> 0"
    assert rows(dsn, spent) == []
    effects = """
        select count(*), count(distinct step_uuid)
          from public.effects
    """
    ((all_of_them, different),) = rows(dsn, effects)
    assert all_of_them == different
    assert rows(
        dsn,
        "select count(*) from tasker.steps where result ->> 'by' = 'single'",
    ) == [(different,)], "every effect goes with its completion"
    kept = {
        (str(step), str(token))
        for step, token in rows(
            dsn,
            "select tasker._step_uuid(task_uuid, step_id), claim_token from tasker.steps"
            "  join tasker.tasks on task_id = step_id >> 20",
        )
    }
    assert confirmed <= kept, "what was confirmed is kept"
    assert violations(dsn) == []
    assert rows(dsn, "select token from tasker.claims, lateral unnest(step_ids)") == []
