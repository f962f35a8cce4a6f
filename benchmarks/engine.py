"""What a step costs the database: steps a second; exact counts of WAL, buffers and calls.

    make bench                                   # all workloads on a private server, fsync on
    .venv/bin/python benchmarks/engine.py --workload linear --batch 50 --clients 4 --seconds 10

Closed loop: every client reports what it has, claims the next batch, and creates a new task for
each one that ended, so creation is inside every figure. Handlers do nothing. The clients are
processes of their own and compete with the server for the machine: compare the rows of one run.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg
from rich.console import Console
from rich.table import Table

from tasker_sql.schema import migrations as schema
from tasker_sql.schema.embedded import EmbeddedServer

SETTINGS = {
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "shared_preload_libraries": "pg_stat_statements",
}
WORKLOADS: dict[str, dict[str, list[str]]] = {
    "linear": {f"s{i}": [f"s{i - 1}"] if i else [] for i in range(10)},
    "fan": {
        "start": [],
        **{f"b{i}": ["start"] for i in range(48)},
        "end": [f"b{i}" for i in range(48)],
    },
    "single": {"only": []},
}
COUNTS = """
select sum(wal_bytes), sum(shared_blks_hit + shared_blks_read), sum(calls)
  from pg_stat_statements
  join pg_database on pg_database.oid = dbid
 where datname = current_database() and query like '%tasker.%'
"""


def register(dsn: str, workload: str) -> None:
    steps = [
        {"name": name, "handler": {"callable": "nothing"}, "dependencies": parents}
        for name, parents in WORKLOADS[workload].items()
    ]
    template = {"namespace_name": "bench", "name": workload, "version": "1.0.0", "steps": steps}
    with psycopg.connect(dsn) as connection:
        connection.execute("create extension if not exists pg_stat_statements")
        connection.execute(
            "select created from tasker.register_template(p_definition => %s)",
            [json.dumps(template)],
        )


def work(dsn: str, workload: str, batch: int, seconds: float, done: Any) -> None:
    """One client, for some seconds; puts the number of steps it finished into `done`."""
    last = list(WORKLOADS[workload])[-1]
    finished = 0
    with psycopg.connect(dsn, autocommit=True) as connection:

        def create(tasks: int) -> None:
            connection.execute(
                "select created from tasker.create_tasks(p_namespace => 'bench', p_name => %s,"
                " p_contexts => array_fill('{}'::jsonb, array[%s]))",
                [workload, tasks],
            )

        create(max(batch, 10))
        token, outcomes, ended = None, None, 0
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            steps = connection.execute(
                "select token, step_uuid, name from tasker.finish_and_claim(p_namespace => 'bench',"
                " p_worker => 'bench', p_token => %s, p_outcomes => %s, p_limit => %s)",
                [token, outcomes, batch],
            ).fetchall()
            finished += len(json.loads(outcomes)) if outcomes else 0
            token = steps[0][0] if steps else None
            outcomes = (
                json.dumps([{"step_uuid": str(step[1])} for step in steps]) if steps else None
            )
            ended += sum(step[2] == last for step in steps)
            if ended >= batch or not steps:
                create(max(ended, 1))
                ended = 0
    done.put(finished)


def measure(dsn: str, workload: str, batch: int, clients: int, seconds: float) -> list[str]:
    """One row of the table."""
    register(dsn, workload)
    with psycopg.connect(dsn, autocommit=True) as connection:
        finished = 0
        for part in (seconds / 4, seconds):  # a warm-up first
            connection.execute("vacuum analyze")
            connection.execute("select pg_stat_statements_reset()")
            done: Any = multiprocessing.Queue()
            started = time.monotonic()
            processes = [
                multiprocessing.Process(target=work, args=(dsn, workload, batch, part, done))
                for _ in range(clients)
            ]
            for process in processes:
                process.start()
            finished = sum(done.get() for _ in processes)
            for process in processes:
                process.join()
            elapsed = time.monotonic() - started
        counts = connection.execute(COUNTS).fetchone()
    assert counts is not None
    wal, buffers, calls = (float(count) / finished for count in counts)
    return [
        workload,
        str(batch),
        str(clients),
        f"{finished / elapsed:,.0f}",
        f"{wal:,.0f}",
        f"{buffers:.1f}",
        f"{calls:.3f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description="What a step costs the database.")
    parser.add_argument("--workload", choices=WORKLOADS, action="append")
    parser.add_argument("--batch", type=int, action="append", help="steps a call")
    parser.add_argument("--clients", type=int, action="append")
    parser.add_argument("--seconds", type=float, default=5.0, help="per row")
    asked = parser.parse_args()

    table = Table(
        "workload", "steps a call", "clients", "steps/s", "WAL B/step", "buffers/step", "calls/step"
    )
    with tempfile.TemporaryDirectory(prefix="tasker-sql-bench-") as folder:
        Path(folder).chmod(0o755)
        server = EmbeddedServer(Path(folder) / "data", SETTINGS)
        server.start()
        try:
            for workload in asked.workload or WORKLOADS:
                for batch in asked.batch or (1, 10, 50, 200):
                    for clients in asked.clients or (1, 2):
                        name = f"bench_{workload}_{batch}_{clients}"
                        server.ensure_database(name)
                        schema.upgrade(server.url(name))
                        table.add_row(
                            *measure(server.url(name), workload, batch, clients, asked.seconds)
                        )
        finally:
            server.stop()
    Console().print(table)


if __name__ == "__main__":
    main()
