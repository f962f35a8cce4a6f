"""One program for each system that `make bench-peers` compares; each runs until it is stopped.

    python programs.py prepare absurd URL        # its schema, once a database
    python programs.py fill absurd URL W3 5000   # tasks of one step, before the clock starts
    python programs.py work absurd URL W1        # work until SIGTERM

What a workload is, and what each system counts as a step, is in README.md beside this file.
The programs use each system as its documentation shows it. Handlers do nothing.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

LONG = {"W1": 10, "W2": 50, "W3": 1, "W4": 10, "W5": 1000}  # steps a task
AT_ONCE = 10  # tasks that a process of the others works on
FILL_AT_ONCE = 1000


def mark(event: str) -> None:
    """Write down when something happened, for W4. The clock is the machine's."""
    if path := os.environ.get("BENCH_MARKS"):
        with Path(path).open("a") as file:
            file.write(f"{event} {time.clock_gettime(time.CLOCK_MONOTONIC):.6f}\n")


# --- absurd: a task is a function, each ctx.step of it writes a checkpoint -----------------------


def absurd_prepare(url: str) -> None:
    folder = Path(sys.executable).parent
    subprocess.run([folder / "absurdctl", "init", "-d", url], check=True, stdout=sys.stderr)
    subprocess.run([folder / "absurdctl", "create-queue", "-d", url, "bench"], check=True)


def absurd_fill(url: str, workload: str, tasks: int) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(
            "select count(*) from generate_series(1, %s) as n,"
            " lateral absurd.spawn_task('bench', %s, to_jsonb(n), '{}')",
            [tasks, workload],
        )


def absurd_work(url: str, workload: str) -> None:
    from absurd_sdk import Absurd

    app = Absurd(url, queue_name="bench")
    steps = LONG[workload]

    @app.register_task(name=workload)
    def task(_params: Any, ctx: Any) -> dict[str, int]:
        if workload == "W3":
            return {"step": 1}
        for number in range(steps):
            ctx.step(f"s{number}", lambda: (mark("start"), {"step": 1})[1])
        return {"steps": steps}

    if workload == "W3":
        app.start_worker(concurrency=1, batch_size=AT_ONCE)
    if workload == "W4":
        creating = Absurd(url, queue_name="bench")
        create_and_wait(url, lambda _: creating.spawn(workload, {}, queue="bench"), absurd_open)
        app.start_worker(concurrency=1, poll_interval=0.02)
    while True:
        for _ in range(AT_ONCE if steps <= 50 else 1):
            app.spawn(workload, {})
        app.work_batch(batch_size=AT_ONCE, worker_id=str(os.getpid()))


absurd_open = "select count(*) from absurd.t_bench where state <> 'completed'"
absurd_count = {
    "W3": "select count(*) from absurd.t_bench where state = 'completed'",
    "*": "select count(*) from absurd.c_bench",
}


# --- DBOS: a workflow is an async function, each @DBOS.step of it writes an output ---------------


def dbos_launch(url: str) -> dict[str, Any]:
    from dbos import DBOS

    logging.disable(logging.WARNING)
    DBOS(
        config={
            "name": "bench",
            "system_database_url": url.replace("postgresql://", "postgresql+psycopg://"),
            "executor_id": str(os.getpid()),
            "application_version": "1",
            "log_level": "ERROR",
        }
    )

    @DBOS.step()
    async def step(number: int) -> int:
        mark("start")
        return number

    @DBOS.workflow(name="chain")
    async def chain(steps: int) -> int:
        for number in range(steps):
            await step(number)
        return steps

    @DBOS.workflow()
    async def fan(steps: int) -> int:
        await step(0)
        await asyncio.gather(*[step(number) for number in range(1, steps - 1)])
        await step(steps - 1)
        return steps

    DBOS.launch()
    return {"W1": chain, "W2": fan, "W3": chain, "W5": fan}


def dbos_prepare(url: str) -> None:
    from dbos import DBOS

    dbos_launch(url)
    DBOS.register_queue("bench", worker_concurrency=AT_ONCE)
    DBOS.destroy()


def dbos_fill(url: str, _workload: str, tasks: int) -> None:
    from dbos import DBOSClient

    client = DBOSClient(system_database_url=url.replace("postgresql://", "postgresql+psycopg://"))
    options = {"queue_name": "bench", "workflow_name": "chain", "app_version": "1"}
    for _ in range(tasks):
        client.enqueue(options, 1)
    client.destroy()


def dbos_work(url: str, workload: str) -> None:
    from dbos import DBOS

    workflow = dbos_launch(url)[workload]

    async def one_after_another() -> None:
        while True:
            handle = await DBOS.start_workflow_async(workflow, LONG[workload])
            await handle.get_result()

    async def work() -> None:
        if workload == "W3":
            await asyncio.sleep(3600)
        at_once = AT_ONCE if LONG[workload] <= 50 else 1
        await asyncio.gather(*[one_after_another() for _ in range(at_once)])

    asyncio.run(work())


dbos_count = {"*": "select count(*) from dbos.operation_outputs"}


# --- pgqueuer and procrastinate: jobs of one step ------------------------------------------------


def pgqueuer_prepare(url: str) -> None:
    program = Path(sys.executable).parent / "pgq"
    subprocess.run([program, "--pg-dsn", url, "install"], check=True, stdout=sys.stderr)


def pgqueuer_fill(url: str, _workload: str, tasks: int) -> None:
    from pgqueuer.db import PsycopgDriver
    from pgqueuer.queries import Queries

    async def fill() -> None:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            queries = Queries(PsycopgDriver(connection))
            for begin in range(0, tasks, FILL_AT_ONCE):
                number = min(FILL_AT_ONCE, tasks - begin)
                await queries.enqueue(["job"] * number, [None] * number, [0] * number)

    asyncio.run(fill())


def pgqueuer_work(url: str, _workload: str) -> None:
    from pgqueuer import PgQueuer
    from pgqueuer.db import PsycopgDriver

    async def work() -> None:
        connection = await psycopg.AsyncConnection.connect(url, autocommit=True)
        app = PgQueuer(PsycopgDriver(connection))

        @app.entrypoint("job")
        async def job(_job: Any) -> None:
            return None

        await app.run(batch_size=100)

    asyncio.run(work())


pgqueuer_count = {"*": "select count(*) from pgqueuer_log where status = 'successful'"}


def procrastinate_app(url: str) -> Any:
    import procrastinate

    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url))

    @app.task(name="job")
    async def job() -> None:
        return None

    return app


def procrastinate_prepare(url: str) -> None:
    async def prepare() -> None:
        async with procrastinate_app(url).open_async() as app:
            await app.schema_manager.apply_schema_async()

    asyncio.run(prepare())


def procrastinate_fill(url: str, _workload: str, tasks: int) -> None:
    async def fill() -> None:
        async with procrastinate_app(url).open_async() as app:
            for begin in range(0, tasks, FILL_AT_ONCE):
                jobs = [{}] * min(FILL_AT_ONCE, tasks - begin)
                await app.configure_task("job").batch_defer_async(*jobs)

    asyncio.run(fill())


def procrastinate_work(url: str, _workload: str) -> None:
    async def work() -> None:
        async with procrastinate_app(url).open_async() as app:
            await app.run_worker_async(concurrency=AT_ONCE, install_signal_handlers=False)

    asyncio.run(work())


procrastinate_count = {
    "*": "select count(*) from procrastinate_jobs where status = 'succeeded'",
}


# --- tasker-sql: `one` is claim_steps + complete_step, `fac1` and `fac50` are finish_and_claim ----


def dag(workload: str) -> list[dict[str, Any]]:
    steps = LONG[workload]
    names = [f"s{number}" for number in range(steps)]
    if workload in ("W2", "W5"):
        parents = [[], *[["s0"]] * (steps - 2), names[1:-1]]
    else:
        parents = [[], *[[name] for name in names[:-1]]]
    return [
        {"name": name, "handler": {"callable": "nothing"}, "dependencies": needed}
        for name, needed in zip(names, parents, strict=True)
    ]


def tasker_prepare(url: str) -> None:
    from tasker_sql.schema import migrations as schema

    schema.upgrade(url)
    with psycopg.connect(url) as connection:
        for workload in LONG:
            template = {
                "namespace_name": "bench",
                "name": workload.lower(),
                "version": "1.0.0",
                "steps": dag(workload),
            }
            connection.execute(
                "select created from tasker.register_template(p_definition => %s)",
                [json.dumps(template)],
            )


def tasker_fill(url: str, workload: str, tasks: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for begin in range(0, tasks, FILL_AT_ONCE):
            tasker_create(connection, workload, min(FILL_AT_ONCE, tasks - begin))


def tasker_create(connection: psycopg.Connection[Any], workload: str, tasks: int = 1) -> None:
    connection.execute(
        "select created from tasker.create_tasks(p_namespace => 'bench', p_name => %s,"
        " p_contexts => array_fill('{}'::jsonb, array[%s]))",
        [workload.lower(), tasks],
    )


def one_work(url: str, workload: str) -> None:
    loop(url, workload, one_at_a_time)


def fac1_work(url: str, workload: str) -> None:
    loop(url, workload, lambda connection: finish_and_claim(connection, 1))


def fac50_work(url: str, workload: str) -> None:
    loop(url, workload, lambda connection: finish_and_claim(connection, 50))


def loop(url: str, workload: str, work: Callable[[psycopg.Connection[Any]], Any]) -> None:
    """Work; one that finds nothing creates the next tasks (not where the queue was filled)."""
    with psycopg.connect(url, autocommit=True) as connection:
        if workload == "W4":
            create_and_wait(url, lambda own: tasker_create(own, workload), tasker_open)
        many = 1 if work is one_at_a_time or LONG[workload] > 50 else AT_ONCE
        for found in work(connection):
            if not found and workload != "W3" and workload != "W4":
                tasker_create(connection, workload, many)


def one_at_a_time(connection: psycopg.Connection[Any]) -> Any:
    while True:
        row = connection.execute(
            "select step_uuid, token, context, dependency_results from tasker.claim_steps("
            "p_namespace => 'bench', p_worker => 'bench')"
        ).fetchone()
        if row:
            mark("start")
            connection.execute(
                "select step_state from tasker.complete_step(p_step_uuid => %s, p_token => %s,"
                " p_result => '{\"step\": 1}')",
                row[:2],
            )
        yield row is not None


def finish_and_claim(connection: psycopg.Connection[Any], limit: int) -> Any:
    token, outcomes = None, None
    while True:
        rows = connection.execute(
            "select token, step_uuid, context, dependency_results from tasker.finish_and_claim("
            "p_namespace => 'bench', p_worker => 'bench', p_token => %s, p_outcomes => %s,"
            " p_limit => %s)",
            [token, outcomes, limit],
        ).fetchall()
        token, outcomes = None, None
        if rows:
            mark("start")
            token = rows[0][0]
            outcomes = json.dumps(
                [{"step_uuid": str(row[1]), "result": {"step": 1}} for row in rows]
            )
        yield bool(rows)


def run_work(url: str, workload: str) -> None:
    """The runner as shipped, and a program that keeps it supplied with tasks."""
    runner = Path(sys.executable).parent / "tasker-sql"
    module = Path(__file__).with_name("handlers.py")
    arguments = [str(runner), "run", "--namespace", "bench", "--handlers", str(module)]
    if os.fork() == 0:
        os.environ |= {"DATABASE_URL": url, "PYTHONPATH": str(module.parent)}
        os.execv(runner, arguments)
    with psycopg.connect(url, autocommit=True) as connection:
        if workload == "W4":
            create_and_wait(url, lambda own: tasker_create(own, workload), tasker_open)
        ahead = max(1, 2000 // LONG[workload])
        while workload not in ("W3", "W4"):
            missing = ahead - connection.execute(tasker_open).fetchone()[0]
            if missing > 0:
                tasker_create(connection, workload, min(missing, 100))
            else:
                time.sleep(0.02)
    while True:
        time.sleep(1)


tasker_open = "select count(*) from tasker.open_tasks"
tasker_count = {"*": "select count(*) from tasker.steps where state = 'complete'"}


def create_and_wait(
    url: str, create: Callable[[psycopg.Connection[Any]], Any], unfinished: str
) -> None:
    """In a child process: create a task, wait until it has ended and all is quiet, and again."""
    if os.fork():
        return
    with psycopg.connect(url, autocommit=True) as connection:
        time.sleep(3)
        while True:
            create(connection)
            mark("created")
            while connection.execute(unfinished).fetchone()[0]:
                time.sleep(0.05)
            time.sleep(0.3)


def main() -> None:
    verb, program, url, *more = sys.argv[1:]
    names = globals()
    system = "tasker" if program in ("one", "fac1", "fac50", "run") else program
    if verb == "prepare":
        names[f"{system}_prepare"](url)
    elif verb == "fill":
        names[f"{system}_fill"](url, more[0], int(more[1]))
    else:
        names[f"{program}_work"](url, more[0])


if __name__ == "__main__":
    main()
