"""tasker-sql beside its peers: one server, one shuffle, fsync on. See README.md beside this file.

make bench-peers
.venv/bin/python benchmarks/peers --workload W1 --seconds 10 --repetitions 5 --pg 15
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import programs
import psycopg
from rich.console import Console
from rich.table import Table

from tasker_sql.schema.embedded import EmbeddedServer

HERE = Path(__file__).parent
VENV = HERE.parents[1] / ".cache/peers"
PEERS = [
    "absurd-sdk==0.5.1",
    "absurdctl==0.5.1",
    "dbos==3.4.0",
    "pgqueuer==1.6.0",
    "procrastinate==3.10.0",
    "psycopg[binary]>=3.2",
]
OURS = ("one", "fac1", "fac50", "run")
# Workload -> the programs that can do it. Of ours, each way that a user may choose.
RUNS = {
    "W1": ("absurd", "dbos", *OURS),
    "W2": ("dbos", "one", "fac1", "run"),
    "W3": ("pgqueuer", "absurd", "procrastinate", "dbos", *OURS),
    "W4": ("absurd", "one", "fac1", "run"),
    "W5": ("absurd", "dbos", *OURS),
}
# Tasks of W3: more than a program ends while it is measured.
FILLED = {"fac50": 400_000, "run": 400_000, "pgqueuer": 400_000, "dbos": 3_000, "*": 20_000}
WARM_UP = 3.0  # seconds, after the first step
PATIENCE = 60.0  # seconds, until the first step
SETTINGS = {
    "shared_buffers": "1GB",
    "max_wal_size": "8GB",
    "max_connections": "200",
    "autovacuum_naptime": "10s",
}
TICKS = os.sysconf("SC_CLK_TCK")


class Reading(NamedTuple):
    """What a moment shows: seconds, and counts since the server started."""

    at: float
    server_cpu: float
    client_cpu: float
    wal: int
    ids: int
    commits: int


class Result(NamedTuple):
    """One run of one program. Costs are per step."""

    steps_per_second: float
    server_ms: float
    client_ms: float
    wal: float
    ids: float
    commits: float
    marks: dict[str, list[float]]


def system_of(program: str) -> str:
    return "tasker" if program in OURS else program


def interpreter(program: str) -> str:
    return sys.executable if program in OURS else str(VENV / "bin/python")


def install_peers() -> None:
    """Install the peers into a virtual environment of their own, once."""
    wanted = "\n".join(PEERS)
    installed = VENV / "installed"
    if installed.exists() and installed.read_text() == wanted:
        return
    subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=True)
    pip = [VENV / "bin/pip", "install", "-qq", "--disable-pip-version-check"]
    subprocess.run([*pip, *PEERS], check=True)
    installed.write_text(wanted)


def call(program: str, verb: str, url: str, *more: object) -> None:
    command = [interpreter(program), HERE / "programs.py", verb, program, url, *map(str, more)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{program}: {verb} failed\n{done.stderr[-2000:]}")


def cpu_seconds(root: int) -> float:
    """CPU of a process, its living descendants, and those that it has waited for."""
    parents: dict[int, list[int]] = defaultdict(list)
    seconds: dict[int, float] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = file.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        pid = int(file.parent.name)
        parents[int(fields[1])].append(pid)
        seconds[pid] = sum(map(int, fields[11:15])) / TICKS
    total, todo = 0.0, [root]
    while todo:
        pid = todo.pop()
        total += seconds.get(pid, 0.0)
        todo += parents[pid]
    return total


def read(admin: psycopg.Connection[Any], name: str, postmaster: int, clients: list[int]) -> Reading:
    row = admin.execute(
        "select pg_current_wal_insert_lsn() - '0/0', pg_snapshot_xmax(pg_current_snapshot())::text,"
        "       xact_commit from pg_stat_database where datname = %s",
        [name],
    ).fetchone()
    assert row is not None
    return Reading(
        time.monotonic(),
        cpu_seconds(postmaster),
        sum(map(cpu_seconds, clients)),
        int(row[0]),
        int(row[1]),
        row[2],
    )


def measure(
    server: EmbeddedServer, workload: str, program: str, processes: int, seconds: float
) -> Result:
    """Run a program on a fresh copy of its database; the count starts after a warm-up."""
    name = f"run_{workload.lower()}_{program}"
    template = f"of_{system_of(program)}"
    url = server.url(name)
    counts = getattr(programs, f"{system_of(program)}_count")
    with (
        psycopg.connect(server.url("postgres"), autocommit=True) as admin,
        tempfile.NamedTemporaryFile("r", prefix="marks") as marks,
    ):
        admin.execute(f"create database {name} template {template}".encode())
        try:
            if workload == "W3":
                call(program, "fill", url, workload, FILLED.get(program, FILLED["*"]))
            admin.execute("checkpoint")
            environment = {**os.environ}
            if workload == "W4":
                environment["BENCH_MARKS"] = marks.name
            workers = [
                subprocess.Popen(
                    [interpreter(program), HERE / "programs.py", "work", program, url, workload],
                    env=environment,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    start_new_session=True,
                )
                for _ in range(processes)
            ]
            try:
                with psycopg.connect(url, autocommit=True) as counter:
                    count = counts.get(workload, counts["*"]).encode()
                    postmaster = int((server.data_dir / "postmaster.pid").read_text().split()[0])
                    pids = [worker.pid for worker in workers]
                    begin, end = number_of(counter, count), time.monotonic() + PATIENCE
                    while number_of(counter, count) == begin and time.monotonic() < end:
                        time.sleep(0.1)
                    time.sleep(WARM_UP)
                    steps = -number_of(counter, count)
                    before = read(admin, name, postmaster, pids)
                    time.sleep(seconds)
                    after = read(admin, name, postmaster, pids)
                    ended = number_of(counter, count)
                    steps += ended
                if workload == "W3" and ended >= FILLED.get(program, FILLED["*"]):
                    raise SystemExit(f"{program} ran out of work: fill in more tasks")
                for worker in workers:
                    if worker.poll() is not None:
                        error = worker.stderr.read().decode()[-2000:] if worker.stderr else ""
                        raise SystemExit(f"{program} ended by itself\n{error}")
            finally:
                for worker in workers:
                    os.killpg(worker.pid, signal.SIGKILL)
                    worker.wait()
        finally:
            admin.execute(f"drop database {name} with (force)".encode())
        steps = max(steps, 1)
        cost = [(b - a) / steps for a, b in zip(before, after, strict=True)]
        return Result(
            steps / (after.at - before.at),
            1000 * cost[1],
            1000 * cost[2],
            *cost[3:],
            marks=latencies(marks.read()),
        )


def number_of(connection: psycopg.Connection[Any], count: bytes) -> int:
    row = connection.execute(count).fetchone()
    assert row is not None
    return int(row[0])


def latencies(text: str) -> dict[str, list[float]]:
    """Milliseconds from a task's creation to its first step, and between two steps of a task."""
    events = sorted((float(at), event) for event, at in map(str.split, text.splitlines()))
    found: dict[str, list[float]] = {"first": [], "next": []}
    for (begin, before), (end, event) in pairwise(events):
        if event == "start":
            found["first" if before == "created" else "next"].append(1000 * (end - begin))
    return found


def recomputation(server: EmbeddedServer) -> list[tuple[int, float, float]]:
    """The seed's claim: a counter against asking the parents; (steps, ms and ms a finished step).

    Both run on tables of two columns and an index each, for a layer of steps that wait for two
    parents, so that nothing but the difference is measured.
    """
    rows = []
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute("set synchronous_commit = off")
        for steps in (10, 50, 1000, 5000):
            connection.execute(
                """
                drop table if exists bench_step, bench_edge;
                create table bench_step (no int primary key, done bool, waiting int)
                  with (fillfactor = 50);
                create table bench_edge (parent int, child int, primary key (child, parent));
                create index on bench_edge (parent);
                """
            )
            connection.execute(
                b"insert into bench_step select n, false, case when n > %d then 2 else 0 end"
                b" from generate_series(1, %d) as n" % (steps // 2, steps)
            )
            connection.execute(
                b"insert into bench_edge select 1 + (n + k) %% %d, n"
                b" from generate_series(%d, %d) as n, generate_series(0, 1) as k"
                % (steps // 2, steps // 2 + 1, steps)
            )
            connection.execute("vacuum analyze bench_step, bench_edge")
            figures = []
            for query in (
                "update bench_step set waiting = waiting - 1 where no in"
                " (select child from bench_edge where parent = 1) returning no, waiting = 0",
                "select no from bench_step as step where not done and not exists ("
                " select from bench_edge join bench_step as parent on parent.no = parent"
                " where child = step.no and not parent.done)",
            ):
                times = []
                for _ in range(60):
                    begin = time.perf_counter()
                    connection.execute(query.encode())
                    times.append(1000 * (time.perf_counter() - begin))
                figures.append(statistics.median(times[10:]))
            rows.append((steps, *figures))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description="tasker-sql beside its peers.")
    parser.add_argument("--workload", choices=RUNS, action="append")
    parser.add_argument(
        "--program", choices=sorted({p for ps in RUNS.values() for p in ps}), action="append"
    )
    parser.add_argument("--processes", type=int, action="append", help="default: 1 and 4")
    parser.add_argument("--seconds", type=float, default=8.0, help="per run, after a warm-up")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--bin-dir", type=Path, help="of another PostgreSQL than the private one")
    parser.add_argument("--seed", type=int, default=1, help="of the shuffle")
    parser.add_argument("--json", type=Path, help="write all figures there")
    asked = parser.parse_args()

    runs = [
        (workload, program, processes)
        for workload in asked.workload or RUNS
        for program in RUNS[workload]
        if program in (asked.program or RUNS[workload])
        for processes in ((1,) if workload in ("W4", "W5") else asked.processes or (1, 4))
    ] * asked.repetitions
    random.Random(asked.seed).shuffle(runs)
    install_peers()
    results: dict[tuple[str, str, int], list[Result]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="tasker-sql-peers-") as folder:
        Path(folder).chmod(0o755)
        server = EmbeddedServer(Path(folder) / "data", SETTINGS, asked.bin_dir)
        server.start()
        try:
            systems = {system_of(program): program for _, program, _ in runs}
            for system, program in systems.items():
                server.ensure_database(f"of_{system}")
                call(program, "prepare", server.url(f"of_{system}"))
            for number, (workload, program, processes) in enumerate(runs, 1):
                print(f"{number}/{len(runs)} {workload} {program} {processes}", file=sys.stderr)
                result = measure(server, workload, program, processes, asked.seconds)
                results[workload, program, processes].append(result)
            counters = recomputation(server)
        finally:
            server.stop()
    show(results, counters)
    if asked.json:
        rows = [
            {"workload": w, "program": p, "processes": n, **result._asdict()}
            for (w, p, n), found in sorted(results.items())
            for result in found
        ]
        asked.json.write_text(json.dumps({"runs": rows, "counters": counters}, indent=1) + "\n")


def percentile(values: list[float], percent: int) -> str:
    return f"{statistics.quantiles(values, n=100)[percent - 1]:.1f}" if len(values) > 1 else ""


def show(
    results: dict[tuple[str, str, int], list[Result]], counters: list[tuple[int, float, float]]
) -> None:
    """Medians, their noise (range / median), and the ratio to the peer of the workload."""
    console = Console(width=None if sys.stdout.isatty() else 140)
    table = Table(
        "workload",
        "processes",
        "program",
        "steps/s",
        "noise",
        "of the first",
        "server ms",
        "client ms",
        "WAL B",
        "ids",
        "commits",
        "first ms",
        "next ms p50",
        "p99",
        title="per step; medians",
    )
    for workload, programs_of in RUNS.items():
        for processes in (1, 4):
            base = None
            for program in programs_of:
                found = results.get((workload, program, processes))
                if not found:
                    continue
                speed = statistics.median(one.steps_per_second for one in found)
                spread = [one.steps_per_second for one in found]
                base = base or speed
                marks = {
                    kind: [ms for one in found for ms in one.marks.get(kind, [])]
                    for kind in ("first", "next")
                }
                table.add_row(
                    workload,
                    str(processes),
                    program,
                    f"{speed:,.0f}",
                    f"{(max(spread) - min(spread)) / speed:.0%}",
                    f"{speed / base:.2f}",
                    *[
                        f"{statistics.median(getattr(one, field) for one in found):{form}}"
                        for field, form in (
                            ("server_ms", ".2f"),
                            ("client_ms", ".2f"),
                            ("wal", ",.0f"),
                            ("ids", ".2f"),
                            ("commits", ".2f"),
                        )
                    ],
                    *[
                        percentile(values, percent)
                        for values, percent in (
                            (marks["first"], 50),
                            (marks["next"], 50),
                            (marks["next"], 99),
                        )
                    ],
                )
    console.print(table)
    seed = Table(
        "steps of a task",
        "counter ms",
        "recomputation ms",
        "ratio",
        title="what becomes ready when one step has ended",
    )
    for steps, counter, recomputed in counters:
        ratio = f"{recomputed / counter:.0f}"
        seed.add_row(str(steps), f"{counter:.2f}", f"{recomputed:.2f}", ratio)
    console.print(seed)


if __name__ == "__main__":
    main()
