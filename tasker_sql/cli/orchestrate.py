"""`tasker-sql run`, `sweep`, `check` and `demo`."""

from __future__ import annotations

import logging
import os
import sys
from datetime import timedelta
from importlib import import_module
from typing import Annotated, Any

import typer

from tasker_sql import database, handlers, schema
from tasker_sql.cli.shared import NO, Json, opened, print_json, print_table
from tasker_sql.runner import Exit, Runner, Settings


def add_to(app: typer.Typer) -> None:
    app.command()(run)
    app.command()(sweep)
    app.command()(check)
    app.command(
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
        add_help_option=False,
    )(demo)


def run(
    namespace: Annotated[
        list[str] | None,
        typer.Option("--namespace", "-n", help="Serve this one; repeat for more. Default: all."),
    ] = None,
    handler: Annotated[
        list[str] | None,
        typer.Option("--handlers", "-m", help="A module, or a .py file, with @handler functions."),
    ] = None,
    slots: Annotated[
        int, typer.Option(min=1, max=1000, help="Handlers that run at a time, in each namespace.")
    ] = 10,
    two_hop: Annotated[
        bool, typer.Option("--two-hop", help="Hand results in instead of orchestrating oneself.")
    ] = False,
    lease: Annotated[
        float, typer.Option(min=0.1, max=86400, help="Seconds until others take a lost step over.")
    ] = 30.0,
    poll: Annotated[
        float, typer.Option(min=0.01, help="Seconds between looks for work when idle.")
    ] = 1.0,
    stop_within: Annotated[
        float, typer.Option(min=0, help="Seconds that handlers get to finish after SIGTERM.")
    ] = 30.0,
    pgbouncer: Annotated[
        bool, typer.Option("--pgbouncer", help="Neither LISTEN nor prepare statements.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Log only warnings.")] = False,
) -> None:
    """Orchestrate, and run steps, until SIGTERM or Ctrl-C (twice: at once).

    Run it on as many machines as you like. Exit codes: 0 all finished and given back;
    1 work was left to others, who take it over when its lease runs out; 4 a defect.

    Example: tasker-sql run -n fulfillment -n inventory --handlers shop.handlers --slots 20
    """
    logging.basicConfig(
        format="%(asctime)s %(levelname)-7s %(message)s",
        level=logging.WARNING if quiet else logging.INFO,
    )
    for place in handler or []:
        handlers.load(place)
    dsn = database.dsn()
    schema.check(dsn)
    settings = Settings(
        slots=slots,
        lease=timedelta(seconds=lease),
        poll=poll,
        two_hop=two_hop,
        listen=not pgbouncer,
        prepare_threshold=None if pgbouncer else 5,
        stop_within=stop_within,
    )
    code = Runner(dsn, namespace, settings=settings).run()
    if code is Exit.WORK_LEFT:
        logging.shutdown()
        sys.stdout.flush()
        os._exit(code)  # handlers that hang would hold up an orderly exit
    raise typer.Exit(code)


def sweep(as_json: Json = False) -> None:
    """Do one pass of what must happen because time has passed or something was lost.

    `tasker-sql run` does it every second. From cron, it keeps a system of foreign workers alive.
    """
    with opened() as client:
        actions = client.sweep()
    if as_json:
        print_json(actions)
    else:
        print_table(["action", "affected"], [(a.action, a.affected) for a in actions], "nothing")


def check(
    task: Annotated[str | None, typer.Option("--task", help="Look at this task only.")] = None,
    as_json: Json = False,
) -> None:
    """Check the invariants. Exit code 1 when one does not hold."""
    from uuid import UUID

    with opened() as client:
        violations = client.check_invariants(UUID(task) if task else None)
    if as_json:
        print_json(violations)
    else:
        print_table(
            ["invariant", "severity", "task", "step", "detail"],
            [(v.invariant, v.severity, v.task_uuid, v.step_uuid, v.detail) for v in violations],
            "all invariants hold",
        )
    if violations:
        raise typer.Exit(NO)


def demo(context: typer.Context) -> None:
    """Run workflows over a year of New York flights. `tasker-sql demo --help` tells more."""
    command: Any = import_module("tasker_sql.demo.command")
    app = getattr(command, "app", None)
    if app is None:
        app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        app.command()(command.demo)
    code = app(args=context.args, prog_name="tasker-sql demo", standalone_mode=False)
    raise typer.Exit(code if isinstance(code, int) else 0)
