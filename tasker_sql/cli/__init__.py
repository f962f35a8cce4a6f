"""The command `tasker-sql`. Each command is one or two calls of the client, and how to show them.

Exit codes: 0 done; 1 the answer is no (refused, not found, invariants violated, a task that did not
complete, work left behind); 2 wrong usage; 3 the database cannot be used; 4 a defect; 130 Ctrl-C.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from tasker_sql import __version__
from tasker_sql.cli import (
    configuration,
    database,
    namespaces,
    oncall,
    orchestrate,
    queues,
    runners,
    steps,
    tasks,
    templates,
    top,
    workers,
)
from tasker_sql.cli.commands import Commands, RootGroup, debug_mode
from tasker_sql.cli.errors import DEFECT, confess

HELP = """Workflow orchestration where PostgreSQL is the orchestrator.

The database is the one that DATABASE_URL names. Without it, a private PostgreSQL of this user is
created, started and given the schema when it is first needed; with TASKER_ENV=production only if
DATABASE_URL is `private`.

Exit codes: 0 done; 1 the answer is no; 2 wrong usage; 3 the database cannot be used; 4 a defect;
130 Ctrl-C.
"""
EPILOG = """tasker-sql db upgrade
tasker-sql template register workflows/
tasker-sql run --handlers my_handlers.py"""

app = Commands(cls=RootGroup, help=HELP, epilog=EPILOG, pretty_exceptions_enable=False)
orchestrate.add_to(app)
top.add_to(app)
oncall.add_to(app)
app.add_typer(database.app, name="db")
app.add_typer(tasks.app, name="task")
app.add_typer(steps.app, name="step")
app.add_typer(templates.app, name="template")
app.add_typer(namespaces.app, name="namespace")
app.add_typer(queues.app, name="queue")
app.add_typer(workers.app, name="worker")
app.add_typer(runners.app, name="runner")
app.add_typer(configuration.app, name="config")


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"tasker-sql {__version__}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
    version: Annotated[  # noqa: ARG001
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    debug_mode.on = debug


def main() -> None:
    """What the console script runs."""
    try:
        sys.exit(app())
    except Exception as defect:
        confess(defect)
        sys.exit(DEFECT)
