"""`tasker-sql run`, `serve`, `sweep`, `check` and `demo`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Annotated, Any
from uuid import UUID

import typer

from tasker_sql import config
from tasker_sql.cli import completion
from tasker_sql.cli.commands import Commands
from tasker_sql.cli.options import Quiet, option
from tasker_sql.cli.output import Output, table
from tasker_sql.cli.query import query
from tasker_sql.client import Client
from tasker_sql.config.settings import Config
from tasker_sql.ops import telemetry
from tasker_sql.ops.orchestrator import Exit, OrchestrationCore

app = Commands()


@app.command()
def run(
    namespace: Annotated[
        list[str] | None,
        option(
            "Serve this one; repeat for more. Default: all.",
            *("--namespace", "-n"),
            offers=completion.namespaces,
        ),
    ] = None,
    handler: Annotated[
        list[str] | None,
        option("A module, or a .py file, with @handler functions.", "--handlers", "-m"),
    ] = None,
    slots: Annotated[int | None, option("Handlers that run at a time, in each namespace.")] = None,
    two_hop: Annotated[
        bool | None, option("Submit results for another process to apply.", "--two-hop")
    ] = None,
    lease: Annotated[float | None, option("Seconds until others take a lost step over.")] = None,
    pgbouncer: Annotated[
        bool | None, option("Neither LISTEN nor prepare statements.", "--pgbouncer")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Orchestrate, and run steps, until SIGTERM or Ctrl-C.

    A second signal ends it at once. Run it on as many machines as you like. Options override the
    configuration (`tasker-sql config show`). SIGHUP loads the handlers again. Exit codes: 0 all
    finished and given back; 1 work was left to others, who take it over when its lease runs out; 4
    a defect.

    Example: tasker-sql run -n fulfillment -n inventory --handlers shop.handlers --slots 20
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is something to load again
    chosen = {
        "orchestration.namespaces": namespace,
        "orchestration.handlers": handler,
        "executor_pools.task_claimer.min": slots,
        "executor_pools.task_claimer.max": slots,
        "engine.two_hop": two_hop,
        "engine.lease": lease,
        "database.pgbouncer": pgbouncer,
        "telemetry.level": "warning" if quiet else None,
    }
    runner = OrchestrationCore.from_config(_configured(chosen))
    runner.check()
    code = runner.run()
    if not telemetry.WRITER.flush() or code is not Exit.CLEAN:
        sys.stdout.flush()
        os._exit(code)  # handlers that hang, or a full pipe, would hold up an orderly exit
    raise typer.Exit(code)


@app.command()
def serve(
    host: Annotated[str | None, option("The address to listen on.")] = None,
    port: Annotated[int | None, option("The port to listen on; 0: any free.")] = None,
    quiet: Quiet = False,
) -> None:
    """Serve HTTP until SIGTERM or Ctrl-C.

    Tasks, steps, analytics, health, metrics. It listens to this machine alone, unless tokens are
    configured (`tasker-sql config explain web auth`). The page /api-docs/ui describes the API and
    tries it, /metrics is for Prometheus. Options override the configuration. Needs the extra: pip
    install 'tasker-sql[server]'

    Examples:
      tasker-sql serve --port 9000
      curl -s 127.0.0.1:9000/health/orchestration
    """
    from tasker_sql.server.app import serve as serve_http

    level = "warning" if quiet else None
    serve_http(_configured({"web.host": host, "web.port": port, "telemetry.level": level}))


def _configured(chosen: Mapping[str, Any]) -> Config:
    """The configuration with what the command line says, which is not None; and its log."""
    given = {path: value for path, value in chosen.items() if value is not None}
    settings = config.load(given, origin="the command line").config
    telemetry.log_as(settings.telemetry)
    return settings


@query(app, within=60)
def sweep(client: Client) -> Output:
    """Run one sweep: fire due timers, recover lost steps.

    `tasker-sql run` does it every second. From cron, it keeps a system of foreign workers alive.

    Example: tasker-sql sweep
    """
    return Output.listing(client.sweep(), "action, affected", "nothing")


@query(app, within=600)
def check(
    client: Client,
    task: Annotated[UUID | None, option("Look at this task only.", offers=completion.tasks)] = None,
) -> Output:
    """Check the invariants. Exit code 1 when one does not hold.

    Example: tasker-sql check --task $TASK_UUID
    """
    found = client.check_invariants(task)
    columns = "invariant, severity, task=task_uuid, step=step_uuid, detail"
    return Output(found, table(found, columns, "all invariants hold"), well=not found)


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def demo(context: typer.Context) -> None:
    """Run workflows over a year of New York flights. See `tasker-sql demo --help`."""
    program: Any = import_module("tasker_demo.command").app  # examples/demo; a wheel has it, too
    code = program(args=context.args, prog_name="tasker-sql demo", standalone_mode=False)
    raise typer.Exit(code if isinstance(code, int) else 0)
