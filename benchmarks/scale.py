"""Does a step cost the same behind ten million finished and a million queued ones?

    make scale                    # an hour or more; writes docs/evidence/scale.json
    .venv/bin/python benchmarks/scale.py --finished 200000 --queued 20000    # prints only

Everything is made by the public functions. Each stage measures the same work: tasks of ten steps
in a row, 50 steps a call, creation included. WAL, buffers and transaction ids are exact; times are
of this machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from rich.console import Console
from rich.table import Table

from tasker_sql.schema import migrations as schema
from tasker_sql.schema.embedded import EmbeddedServer

EVIDENCE = Path(__file__).parents[1] / "docs/evidence/scale.json"
SETTINGS = {
    "shared_buffers": "4GB",
    "max_wal_size": "16GB",
    "checkpoint_timeout": "30min",
    "shared_preload_libraries": "pg_stat_statements",
}
WIDE = 5000
MEASURED = 20_000  # steps in each stage
CALLS = 50
QUESTIONS = {  # what an operator, a dashboard or a probe asks; %s is a task, or a step of it
    "sweep": "select action, affected from tasker.sweep()",
    "problems": "select * from tasker.problems",
    "health": "select * from tasker.get_system_health_counts()",
    "queues": "select * from tasker.queue_depths",
    "errors": 'select * from tasker.list_tasks(p_filter => \'{"state": "error"}\')',
    "task": "select * from tasker.get_task(%s)",
    "history": "select * from tasker.step_transitions where task_uuid = %s",
    "invariants": "select * from tasker.check_invariants(%s)",
    "explain": "select * from tasker.explain_task(%s)",
}


def template(name: str, parents: dict[str, list[str]]) -> str:
    return json.dumps(
        {
            "namespace_name": name,
            "name": name,
            "version": "1.0.0",
            "steps": [
                {"name": step, "handler": {"callable": "nothing"}, "dependencies": needed}
                for step, needed in parents.items()
            ],
        }
    )


TEMPLATES = {
    "chain": {f"s{n}": [f"s{n - 1}"] if n else [] for n in range(10)},
    "queued": {"only": []},
    "wide": {f"s{n}": [f"s{max(0, n - 3)}"] if n else [] for n in range(WIDE)},
}


def create(connection: psycopg.Connection[Any], name: str, tasks: int) -> None:
    for begin in range(0, tasks, 10_000):
        connection.execute(
            "select count(*) from tasker.create_tasks(p_namespace => %s, p_name => %s,"
            " p_contexts => array_fill('{}'::jsonb, array[%s]))",
            [name, name, min(10_000, tasks - begin)],
        )


def work(connection: psycopg.Connection[Any], name: str, steps: int, limit: int) -> int:
    """Finish about so many steps, with as many tasks as that needs; returns how many."""
    token, outcomes, done, made = None, None, 0, 0
    length = len(TEMPLATES[name])
    while done < steps:
        rows = connection.execute(
            "select token, step_uuid from tasker.finish_and_claim(p_namespace => %s,"
            " p_worker => 'scale', p_token => %s, p_outcomes => %s, p_limit => %s)",
            [name, token, outcomes, limit],
        ).fetchall()
        done += len(json.loads(outcomes)) if outcomes else 0
        token, outcomes = None, None
        if rows:
            token = rows[0][0]
            outcomes = json.dumps([{"step_uuid": str(row[1])} for row in rows])
        elif made * length >= steps:
            break
        else:
            tasks = min(max(1, limit // min(length, limit)) * 20, -(-steps // length) - made)
            create(connection, name, tasks)
            made += tasks
    if token:
        connection.execute("select from tasker.release_claim(p_token => %s)", [token])
    return done


def measure(connection: psycopg.Connection[Any], name: str, limit: int) -> dict[str, float]:
    """What a step costs now."""
    work(connection, name, 500, limit)  # warm: plans, pages
    counts = """
        select sum(wal_bytes), sum(shared_blks_hit + shared_blks_read),
               pg_snapshot_xmax(pg_current_snapshot())::text::bigint
          from pg_stat_statements where dbid = (
            select oid from pg_database where datname = current_database())
    """
    connection.execute("checkpoint")
    connection.execute("select pg_stat_statements_reset()")
    before = connection.execute(counts).fetchone()
    pid = connection.info.backend_pid
    cpu, begin = cpu_seconds(pid), time.monotonic()
    done = work(connection, name, MEASURED, limit)
    seconds, cpu = time.monotonic() - begin, cpu_seconds(pid) - cpu
    after = connection.execute(counts).fetchone()
    assert before is not None and after is not None
    return {
        "steps": done,
        "wal_bytes": round(float(after[0]) / done, 1),
        "buffers": round(float(after[1]) / done, 2),
        "ids": round((after[2] - before[2]) / done, 3),
        "server_cpu_us": round(1e6 * cpu / done, 1),
        "steps_per_second": round(done / seconds),
    }


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ask(connection: psycopg.Connection[Any]) -> dict[str, dict[str, float]]:
    """What each question reads and how long it takes, asked for the third time."""
    row = connection.execute(
        'select task_uuid from tasker.list_tasks(p_filter => \'{"namespace": "queued"}\','
        " p_limit => 1)"
    ).fetchone()
    assert row is not None
    answers = {}
    for name, query in QUESTIONS.items():
        values = [row[0]] if "%s" in query else []
        for _ in range(3):
            cursor = psycopg.ClientCursor(connection)
            explain = "explain (analyze, buffers, format json) " + query
            plan = cursor.execute(explain, values).fetchone()[0][0]  # type: ignore[index]
        top = plan["Plan"]
        answers[name] = {
            "ms": round(plan["Execution Time"], 1),
            "buffers": top["Shared Hit Blocks"] + top["Shared Read Blocks"],
        }
    return answers


def sizes(connection: psycopg.Connection[Any], finished: int) -> dict[str, float]:
    """Bytes on disk for each finished step, by table with its indexes."""
    connection.execute("vacuum")
    rows = connection.execute(
        """
        select nspname || '.' || relname, pg_total_relation_size(pg_class.oid)
          from pg_class join pg_namespace on pg_namespace.oid = relnamespace
         where nspname in ('tasker', 'pgmq') and relkind = 'r'
         order by 2 desc limit 8
        """
    )
    return {name: round(size / finished, 1) for name, size in rows}


def main() -> None:
    parser = argparse.ArgumentParser(description="What a step costs on a large system.")
    parser.add_argument("--finished", type=int, default=10_000_000, help="steps")
    parser.add_argument("--queued", type=int, default=1_000_000, help="steps")
    parser.add_argument("--bin-dir", type=Path, help="of another PostgreSQL than the private one")
    asked = parser.parse_args()
    stages: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="tasker-sql-scale-") as folder:
        Path(folder).chmod(0o755)
        server = EmbeddedServer(Path(folder) / "data", SETTINGS, asked.bin_dir)
        server.start()
        try:
            server.ensure_database("scale")
            schema.upgrade(server.url("scale"))
            with psycopg.connect(server.url("scale"), autocommit=True) as connection:
                stages = run(connection, server.url("scale"), asked.finished, asked.queued)
        finally:
            server.stop()
    show(stages)
    if asked.finished >= 10_000_000:
        about = {
            "date": datetime.now(UTC).date().isoformat(),
            "machine": f"{os.cpu_count()} cores, {platform.system()}",
            "finished": asked.finished,
            "queued": asked.queued,
        }
        EVIDENCE.write_text(json.dumps(about | stages, indent=2) + "\n")


def run(
    connection: psycopg.Connection[Any], url: str, finished: int, queued: int
) -> dict[str, Any]:
    connection.execute("create extension pg_stat_statements")
    for name, parents in TEMPLATES.items():
        connection.execute(
            "select from tasker.register_template(p_definition => %s)", [template(name, parents)]
        )
    stages: dict[str, Any] = {"empty": measure(connection, "chain", CALLS)}
    stages["one step a call"] = measure(connection, "chain", 1)
    stages[f"tasks of {WIDE} steps"] = measure(connection, "wide", CALLS)
    work(connection, "chain", finished, 200)
    connection.execute("vacuum analyze")
    stages[f"behind {finished} finished"] = measure(connection, "chain", CALLS)
    stages["bytes on disk"] = sizes(connection, finished)
    create(connection, "queued", queued)
    stages[f"beside {queued} queued"] = measure(connection, "chain", CALLS)
    stages["in the full queue"] = measure(connection, "queued", CALLS)
    stages["questions"] = ask(connection)
    with psycopg.connect(url) as holder:
        holder.execute(sql.SQL("set transaction isolation level repeatable read"))
        holder.execute("select count(*) from tasker.namespaces")
        stages["with a snapshot held"] = measure(connection, "chain", CALLS)
        stages["with it held longer"] = measure(connection, "chain", CALLS)
    return stages


def show(stages: dict[str, Any]) -> None:
    console = Console()
    costs = Table("", "WAL B", "buffers", "ids", "server us", "steps/s", title="per step")
    for name, stage in stages.items():
        if "wal_bytes" in stage:
            costs.add_row(
                name,
                *(
                    str(stage[key])
                    for key in ("wal_bytes", "buffers", "ids", "server_cpu_us", "steps_per_second")
                ),
            )
    console.print(costs)
    asked = Table("question", "ms", "buffers")
    for name, answer in stages["questions"].items():
        asked.add_row(name, str(answer["ms"]), str(answer["buffers"]))
    console.print(asked)
    console.print(stages["bytes on disk"])


if __name__ == "__main__":
    main()
