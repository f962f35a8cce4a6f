"""Do four runners hold memory and connections flat, under mixed load, while some are killed?

    make soak                                                   # ten minutes
    .venv/bin/python benchmarks/soak.py --minutes 2 --rate 30   # tasks a second

A private server, four `tasker-sql run`, and a steady stream of tasks whose handlers are quick,
slow, transactional, in SQL, fail, hang, leak into their sessions, or are cancelled. Every few
seconds a runner is killed, stopped, or made to reload, and replaced. The first is left alone,
so that its memory shows something; it is killed at the end, with work in its hands.

Exit code 1 when memory or connections grow, an invariant is broken, or a task does not end.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any, Final

import psycopg

from tasker_sql.client import Client, connect
from tasker_sql.schema import migrations as schema
from tasker_sql.schema.embedded import EmbeddedServer

RUNNERS: Final = 4
GROWTH: Final = 1.05, 4.0  # of memory: this share, and MiB
POOL: Final = 12  # connections of a runner that executors and handlers share
HANDLERS: Final = """
import time
from tasker_sql.worker.handlers import PermanentError, RetryableError, handler

@handler("quick")
def quick(step):
    return {"n": step.context["n"], "text": "x" * (step.context["n"] % 2000)}

@handler("slow")
def slow(step):
    step.cancelled.wait(0.5)

@handler("books", transactional=True)
def books(step, connection):
    connection.execute("insert into books values (%s)", [str(step.step_uuid)])
    if step.context["n"] % 10 == 0:
        connection.execute("set search_path = nowhere")

@handler("fails")
def fails(step):
    if step.context["n"] % 50 == 0:
        raise PermanentError("this one never works")
    if step.attempt == 1:
        raise RetryableError("not yet", retry_after=0.1)

@handler("hangs")
def hangs(step):
    if step.context["n"] % 40 == 0 and step.attempt == 1:
        time.sleep(5)
"""
SQL_HANDLER: Final = """
create function counted(context jsonb, results jsonb) returns jsonb language sql
begin atomic
  select to_jsonb(length(results::text));
end
"""
CONNECTIONS: Final = """
select count(*) from pg_stat_activity
 where datname = current_database() and application_name like 'tasker-sql/%'
"""
OPEN: Final = "select open_tasks from tasker.get_system_health_counts()"
DONE: Final = "select coalesce(sum(done), 0) from tasker.executor_pools where namespace is not null"


def steps(shape: dict[str, list[str]], **more: Any) -> list[dict[str, Any]]:
    """Steps named after their handlers, with a number after a dot where there are several."""
    return [
        {
            "name": name,
            "handler": {"sql": "public.counted"}
            if name == "counted"
            else {"callable": name.partition("_")[0]},
            "dependencies": parents,
            "retry": {"max_attempts": 5, "backoff_base_ms": 100},
            "timeout_seconds": 2,
            **more,
        }
        for name, parents in shape.items()
    ]


FAN: Final = [f"quick_{n}" for n in range(20)]
TEMPLATES: Final = {
    "line": steps({f"quick_{n}": [f"quick_{n - 1}"] if n else [] for n in range(8)}),
    "fan": steps({"quick": [], **{name: ["quick"] for name in FAN}, "counted": FAN}),
    "mixed": steps({"slow": [], "books": ["slow"], "counted": ["books"], "quick": ["counted"]}),
    "trouble": steps({"fails": [], "hangs": [], "quick": ["fails", "hangs"]}),
}


@dataclass
class Process:
    """A runner, and its memory from second to second."""

    program: subprocess.Popen[bytes]
    since: float
    rss: list[float] = field(default_factory=list)  # MiB

    def measure(self) -> None:
        pages = int(Path(f"/proc/{self.program.pid}/statm").read_text().split()[1])
        self.rss.append(pages * os.sysconf("SC_PAGE_SIZE") / 2**20)


class Soak:
    def __init__(self, dsn: str, folder: Path, rate: float) -> None:
        self.dsn = dsn
        self.folder = folder
        self.rate = rate
        self.numbers = count(1)
        self.names = count(1)
        self.created = 0
        self.began = time.monotonic()
        self.connections: list[int] = []
        self.injected: dict[str, int] = {}
        (folder / "soak_handlers.py").write_text(HANDLERS)
        self.runners = [self.start() for _ in range(RUNNERS)]

    def start(self) -> Process:
        number = next(self.names)
        command = [
            *(str(Path(sys.executable).with_name("tasker-sql")), "run", "--quiet"),
            *("--handlers", str(self.folder / "soak_handlers.py"), "--slots", "10"),
            *("--lease", "5"),
            *(["--two-hop"] if number % 4 == 0 else []),
        ]
        environment = {
            **os.environ,
            "DATABASE_URL": self.dsn,
            "TASKER_ENV": "production",
            "TASKER_CONFIG": str(self.folder),
        }
        with (self.folder / f"runner {number}.log").open("wb") as log:
            program = subprocess.Popen(command, env=environment, stderr=log, stdout=log)
        return Process(program, time.monotonic())

    # What happens while it runs

    def feed(self, client: Client, seconds: float) -> None:
        """So many tasks as are due after so many seconds; some are cancelled."""
        while self.created < self.rate * seconds:
            name = random.choice(list(TEMPLATES))
            made = client.create_tasks("soak", name, [{"n": next(self.numbers)} for _ in range(5)])
            self.created += len(made)
            if random.random() < 0.1:
                client.cancel_task(made[0].task_uuid, "a soak")

    def disturb(self) -> None:
        """Kill, stop or reload one of the runners but the first; one that has surely begun."""
        at = random.randrange(1, RUNNERS)
        process = self.runners[at]
        if time.monotonic() - process.since < 10:
            return
        what = random.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
        self.injected[what.name] = self.injected.get(what.name, 0) + 1
        process.program.send_signal(what)
        if what is not signal.SIGHUP:
            process.program.wait(60)
            self.runners[at] = self.start()

    def measure(self, client: Client) -> None:
        for process in self.runners:
            if (code := process.program.poll()) is not None:
                raise SystemExit(f"a runner ended by itself, with {code}: see {self.folder}")
            process.measure()
        self.connections.append(self.one(client, CONNECTIONS))

    def one(self, client: Client, query: str) -> int:
        with client.transaction() as connection:
            row = connection.execute(query.encode()).fetchone()
        assert row
        return int(row[0])

    def line(self, client: Client) -> str:
        memory = "  ".join(f"{one.rss[-1]:5.1f}" for one in self.runners)
        seconds = time.monotonic() - self.began
        return (
            f"{seconds:5.0f} s   {memory} MiB   {self.connections[-1]:3} connections   "
            f"{self.created:6} tasks, {self.one(client, OPEN):5} open"
        )

    def run(self, client: Client, seconds: float, disturb_every: float) -> None:
        """Load and trouble."""
        show = disturb = 10.0
        while (now := time.monotonic() - self.began) < seconds:
            self.feed(client, now)
            self.measure(client)
            if now >= show:
                show += 10.0
                print(self.line(client), flush=True)
            if now >= disturb:
                disturb += disturb_every
                self.disturb()
            time.sleep(max(0.0, 1.0 - (time.monotonic() - self.began - now)))

    def end(self, client: Client) -> Iterator[str]:
        """Kill the first, let the others finish, stop them. What is wrong then."""
        self.runners[0].program.kill()
        deadline = time.monotonic() + 90
        while (left := self.one(client, OPEN)) and time.monotonic() < deadline:
            time.sleep(0.5)
        if left:
            yield f"{left} tasks have not ended"
        for process in self.runners[1:]:
            process.program.terminate()
        codes = [process.program.wait(60) for process in self.runners[1:]]
        if any(codes):
            yield f"exit codes of a clean stop were {codes}"
        if broken := client.check_invariants():
            yield f"{len(broken)} invariants are broken, such as {broken[0]}"
        booked = "select count(*) - count(distinct step_uuid) from books"
        if twice := self.one(client, booked):
            yield f"{twice} effects happened twice"
        if still := self.one(client, CONNECTIONS) - 1:
            yield f"{still} connections are still open"

    def growth(self) -> Iterator[str]:
        """What grew between the second and the last quarter of the time."""
        early, late = quarters(self.runners[0].rss)
        print(f"\nmemory of the first runner, quarter 2 and 4: {early:.1f} and {late:.1f} MiB")
        if late > early * GROWTH[0] + GROWTH[1]:
            yield f"memory grew from {early:.1f} to {late:.1f} MiB"
        early, late = quarters(self.connections)
        found, most = max(self.connections), RUNNERS * (POOL + 3) + 1
        print(f"connections, quarter 2 and 4: {early:g} and {late:g}, at most {found}")
        if late > early + 4:
            yield f"connections grew from {early:g} to {late:g}"
        if found > most:
            yield f"there were {found} connections; {most} may be"


def quarters(measured: Sequence[float]) -> tuple[float, float]:
    """The medians of the second quarter and of the last."""
    size = len(measured) // 4
    return median(measured[size : 2 * size]), median(measured[3 * size :])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=float, default=30, help="tasks a second")
    parser.add_argument("--disturb", type=float, default=15, help="seconds between two troubles")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tasker-sql-soak-") as base:
        Path(base).chmod(0o755)
        (Path(base) / "database.toml").write_text(f"pool_size = {POOL}")
        pools = "".join(
            f"{name}.max = 3\n{name}.min = 1\n"
            for name in ("task_request_processor", "step_result_processor", "step_enqueuer")
        )
        (Path(base) / "executor_pools.toml").write_text(pools)
        with EmbeddedServer(Path(base) / "data") as server:
            server.ensure_database("soak")
            dsn = server.url("soak")
            schema.upgrade(dsn)
            with psycopg.connect(dsn) as connection:
                connection.execute(b"create table books (step_uuid uuid)")
                connection.execute(SQL_HANDLER.encode())
            client = connect(dsn, "tasker-sql/soak")
            for name, made in TEMPLATES.items():
                client.register_template(
                    {"namespace_name": "soak", "name": name, "version": "1.0.0", "steps": made}
                )
            soak = Soak(dsn, Path(base), chosen.rate)
            try:
                soak.run(client, chosen.minutes * 60, chosen.disturb)
                wrong = [*soak.end(client), *soak.growth()]
            finally:
                for process in soak.runners:
                    process.program.kill()
                client.close()
    injected = ", ".join(f"{number} {name}" for name, number in sorted(soak.injected.items()))
    print(f"{soak.created} tasks in {timedelta(minutes=chosen.minutes)}; {injected}")
    print(*wrong or ["memory and connections are flat, nothing is lost or done twice"], sep="\n")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
