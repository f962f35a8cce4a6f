"""The database goes away under load and comes back: two runners outlive it, and nothing is lost.

TASKER_TEST_OUTAGE is for how many seconds; `make outage` takes 30. Leases and circuits are made
as short as it is in proportion: about eight trials, and leases that run out meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Literal

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from running import SECONDS, client_of, process, running, template, wait_for
from servers import Server, rows

from tasker_sql.worker.handlers import Registry, Step

pytestmark = [
    pytest.mark.newest,
    pytest.mark.timeout(300),
    pytest.mark.skipif(sys.platform != "linux", reason="measures processes in /proc"),
]

AWAY: Final = float(os.environ.get("TASKER_TEST_OUTAGE", "4"))
OPEN_FOR: Final = AWAY / 8
TASKS: Final = int(200 * AWAY)

CONFIG: Final = {
    "circuit_breakers.toml": f"[database]\nfailures = 3\nopen_for = {OPEN_FOR}\n"
    f"[queue]\nopen_for = {OPEN_FOR}",
    "engine.toml": f"lease = {AWAY}",
    "telemetry.toml": 'format = "json"',
}
HANDLERS: Final = """
import os, time
from tasker_sql.worker.handlers import handler

starts = os.open({starts!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

def started(step):
    line = f"{{step.name}} {{step.task_uuid}} {{step.step_uuid}} {{step.attempt}}\\n"
    os.write(starts, line.encode())
    time.sleep(0.02)

@handler("a")
def a(step):
    started(step)
    return step.context["n"]

@handler("b", transactional=True)
def b(step, connection):
    started(step)
    connection.execute("insert into effects values (%s)", [step.results["a"]])

@handler("c")
def c(step):
    started(step)
"""
LOST: Final = """
select count(*) from tasker.step_transitions
 where task_uuid = %s and step_uuid = %s and from_state = 'in_progress' and to_state <> 'complete'
"""

WORKS: Final = """
create function public.works (context jsonb, results jsonb) returns jsonb language plpgsql as $$
begin
  perform pg_advisory_xact_lock_shared(7);
  insert into public.effects values (1);
  return '"sql"';
end $$
"""
WAITING: Final = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
ENDED: Final = "select count(*) from tasker.tasks where state = 'complete'"


def story(open_for: float) -> list[str]:
    """What the log says of a circuit, from its loss to its return."""
    return [
        r"failure 1 in a row, next try in \d\.\d s",
        rf"failure \d in a row, open for {open_for:g} s",
        r"half-open, one call is tried",
        rf"the trial failed, open for {open_for:g} s",
        r"half-open, one call is tried",
        r"the database answers again, after \d+\.\d s",
    ]


class Doorkeeper:
    """Stands where the server was, counts who knocks, and shuts the door."""

    def __init__(self, dsn: str) -> None:
        known = conninfo_to_dict(dsn)
        self._path = Path(str(known["host"])) / f".s.PGSQL.{known['port']}"
        self._path.unlink(missing_ok=True)
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(str(self._path))
        self._path.chmod(0o777)
        self._door.listen(100)
        self.knocks: list[float] = []
        threading.Thread(target=self._stand, daemon=True).start()

    def _stand(self) -> None:
        while True:
            try:
                guest, _ = self._door.accept()
            except OSError:
                return
            self.knocks.append(time.monotonic())
            guest.close()

    def leave(self) -> None:
        self._path.unlink()
        self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()


@contextmanager
def configured(folder: Path, dsn: str) -> Iterator[dict[str, str]]:
    """The environment of a runner."""
    folder.mkdir()
    for name, text in CONFIG.items():
        (folder / name).write_text(text)
    yield {
        **os.environ,
        "DATABASE_URL": dsn,
        "TASKER_ENV": "production",
        "TASKER_CONFIG": str(folder),
    }


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_runners_outlive_it_and_lose_nothing(tmp_path: Path) -> None:
    starts, logs = tmp_path / "starts", [tmp_path / "log 1", tmp_path / "log 2"]
    (tmp_path / "handlers.py").write_text(HANDLERS.format(starts=str(starts)))
    with ExitStack() as stack:
        server = Server(18, {"synchronous_commit": "on"})
        stack.callback(server.close)
        server.create("away", server.migrated)
        dsn = server.embedded.url("away")
        rows(dsn, "create table effects (n integer)")
        with client_of(dsn) as client:
            client.register_template(template({"a": [], "b": ["a"], "c": ["b"]}))
            client.create_tasks("test", "flow", [{"n": n} for n in range(TASKS)])
        environment = stack.enter_context(configured(tmp_path / "config", dsn))
        runners = [
            stack.enter_context(
                process(
                    *("run", "-n", "test", "-m", str(tmp_path / "handlers.py")),
                    env=environment,
                    stderr=stack.enter_context(log.open("w")),
                )
            )
            for log in logs
        ]
        wait_for(lambda: rows(dsn, "select count(*) from effects")[0][0] > 200, "the load")

        server.embedded.stop("immediate")
        door = Doorkeeper(dsn)
        began, used = time.monotonic(), [cpu_seconds(runner.pid) for runner in runners]
        time.sleep(AWAY)
        used = [cpu_seconds(one.pid) - before for one, before in zip(runners, used, strict=True)]
        door.leave()
        server.embedded.start()
        back = time.monotonic()
        assert [runner.poll() for runner in runners] == [None, None], "no crash"
        done = rows(dsn, "select count(*) from effects")[0][0]
        assert done < TASKS, "it went away under load"
        wait_for(lambda: rows(dsn, "select count(*) from effects")[0][0] > done, "new work")
        recovered = time.monotonic() - back
        finished = "select count(*) from tasker.tasks where state = 'complete'"
        for _ in range(4):  # there is much to do, and leases may have to run out first
            if rows(dsn, finished) != [(TASKS,)]:
                time.sleep(AWAY / 4)
        wait_for(lambda: rows(dsn, finished) == [(TASKS,)], "all tasks")
        for runner in runners:
            runner.terminate()
        assert [runner.wait(30) for runner in runners] == [0, 0]

        with client_of(dsn) as client:
            assert client.check_invariants() == []
        assert rows(dsn, "select count(*), count(distinct n) from effects") == [(TASKS, TASKS)]
        again = explained(dsn, starts)

    soon = sum(knock < began + 1.5 for knock in door.knocks)  # until the circuits are open
    trials = len(door.knocks) - soon
    print(
        f"\naway for {AWAY:g} s: two runners tried to connect {soon} times at first, and "
        f"{trials} times later, and used {max(used):.2f} s of CPU at most; work went on "
        f"{recovered:.1f} s after it was back; {again} attempts that had begun lost their leases"
    )
    assert soon <= 2 * 3 * 40, "each thread at most once for each failure"
    assert 4 <= trials <= 2 * 2 * (AWAY / OPEN_FOR + 1), "one at a time, on trial"
    assert max(used) < 0.1 * AWAY + 0.4, "nobody was busy"
    assert recovered < 2 * OPEN_FOR + 5
    for log in logs:
        check_log(log)


def explained(dsn: str, starts: Path) -> int:
    """How many attempts followed on another that had begun: the history must say of each why."""
    lines = Counter(starts.read_text().splitlines())
    twice = {line for line, count in lines.items() if count > 1}
    assert all(line.startswith("b ") for line in twice), "only what was rolled back begins again"
    began = [line.split()[1:] for line in lines]
    attempts = Counter((task, step) for task, step, _ in began)
    assert len(attempts) == 3 * TASKS
    for (task, step), count in attempts.items():
        if count > 1:
            (lost,) = rows(dsn, LOST, task, step)[0]
            assert lost >= count - 1, step
    return len(began) - len(attempts)


def check_log(log: Path) -> None:
    """Somebody who reads it learns what happened, and is not flooded."""
    lines: list[dict[str, Any]] = [json.loads(line) for line in log.read_text().splitlines()]
    away = [line for line in lines if "circuit" in line]
    longest = AWAY
    for circuit in ("queue", "database"):
        mine = [line for line in away if line["circuit"] == circuit]
        messages = iter(line["message"] for line in mine)
        for part in story(OPEN_FOR):
            assert any(re.search(part, message) for message in messages), (circuit, part)
        returns = [line["message"] for line in mine if "answers again" in line["message"]]
        seconds = max(float(line.split()[-2]) for line in returns)  # a busy machine has blips
        assert 0.6 * AWAY < seconds < AWAY + 2 * OPEN_FOR + 5
        longest = max(longest, seconds)
        states = [line["state"] for line in mine]
        assert {one for one in pairwise(states) if one[0] != one[1]} == {
            ("closed", "open"),
            ("open", "half-open"),
            ("half-open", "open"),
            ("half-open", "closed"),
        }
    assert len(away) <= 2 * (6 + 2 * (longest / OPEN_FOR + 2)), "two lines a trial"
    assert not [line for line in lines if "traceback" in line]
    attempts = [line["message"] for line in lines if "attempt" in line]
    failed = [message for message in attempts if re.search(r"attempt \d .* failed: ", message)]
    assert not [message for message in failed if "was rolled back, and runs again" not in message]


@pytest.mark.slow
@pytest.mark.parametrize("how", ["fast", "immediate"])
def test_ten_seconds_cost_no_attempt(how: Literal["fast", "immediate"]) -> None:
    """Handlers of each kind are at work when it goes, and end while it is away."""
    registry, runs = Registry(), Counter[str]()
    started, go_on = threading.Semaphore(0), threading.Event()

    def work(step: Step) -> str:
        runs[step.name] += 1
        started.release()
        go_on.wait(SECONDS)
        return step.name

    async def coroutine(step: Step) -> str:
        return await asyncio.to_thread(work, step)

    def transactional(step: Step, connection: psycopg.Connection[Any]) -> str:
        work(step)
        connection.execute("insert into effects values (1)")
        return step.name

    registry.handler("plain")(work)
    registry.handler("coroutine")(coroutine)
    registry.handler("transactional", transactional=True)(transactional)
    definition = template(
        {"plain": [], "coroutine": [], "transactional": [], "sql": []}, retry={"max_attempts": 1}
    )
    definition["steps"][3]["handler"] = {"sql": "public.works"}
    server = Server(18, {"synchronous_commit": "on"})
    try:
        server.create("away", server.migrated)
        dsn = server.embedded.url("away")
        rows(dsn, "create table effects (n integer)")
        rows(dsn, WORKS)
        with client_of(dsn) as client:
            client.register_template(definition)
            client.create_tasks("test", "flow", [{}] * 3)
        with psycopg.connect(dsn) as gate:
            gate.execute("select pg_advisory_lock(7)")
            gate.commit()
            with running(dsn, registry, ["test"], slots=12):
                for _ in range(9):
                    assert started.acquire(timeout=SECONDS)
                wait_for(lambda: rows(dsn, WAITING) == [(3,)], "handlers in SQL")
                server.embedded.stop(how)
                go_on.set()
                time.sleep(10)
                server.embedded.start()
                wait_for(lambda: rows(dsn, ENDED) == [(3,)], "all tasks")
        found = rows(dsn, "select state::text, max(attempt), count(*) from tasker.steps group by 1")
        assert found == [("complete", 1, 12)]
        assert rows(dsn, "select count(*) from effects") == [(6,)]
        assert (runs["plain"], runs["coroutine"]) == (3, 3), "what they returned was kept"
        assert rows(dsn, "select from tasker.step_failures") == []
        with client_of(dsn) as client:
            assert client.check_invariants() == []
    finally:
        server.close()


def test_the_page_for_operators_shows_such_a_log() -> None:
    page = (Path(__file__).parents[3] / "docs/operate.md").read_text()
    (block,) = re.findall(r"^```text\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    for part, line in zip(story(15), block.splitlines(), strict=True):
        assert re.search(f"queue circuit: .*{part}$|queue circuit: {part}$", line), line
