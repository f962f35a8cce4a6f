"""All commands, each imported when it is first needed, and the options before them."""

from __future__ import annotations

from typing import Annotated

import typer

from tasker_sql import __version__
from tasker_sql.cli.commands import Commands, RootGroup
from tasker_sql.cli.commands import options as given

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


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"tasker-sql {__version__}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
    timeout: Annotated[
        float | None,
        typer.Option(
            min=0.01, help="Seconds that a call of the database may take.", show_default=False
        ),
    ] = None,
    version: Annotated[  # noqa: ARG001
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    given.debug, given.timeout = debug, timeout
