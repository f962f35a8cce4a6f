"""`tasker-sql db`: the database and its schema."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from tasker_sql import database, schema
from tasker_sql.cli.shared import (
    NO_DATABASE,
    Json,
    Reason,
    complain,
    opened,
    print_json,
    print_table,
)
from tasker_sql.embedded import default_server

app = typer.Typer(help="The database and its schema.", no_args_is_help=True)


@app.command()
def upgrade(
    revision: Annotated[str, typer.Option(help="Up to this revision.")] = "head",
) -> None:
    """Install tasker-sql in the database, or bring it up to date. Safe to repeat."""
    dsn = database.dsn()
    before = schema.current(dsn)
    schema.upgrade(dsn, revision)
    after = schema.current(dsn)
    typer.echo(f"at revision {after}" + ("" if before == after else f", was {before or 'empty'}"))


@app.command()
def check(as_json: Json = False) -> None:
    """Say whether this version can work with the database; exit code 3 when it cannot."""
    dsn = database.dsn()
    found = {"revision": schema.current(dsn), "newest": schema.head(), "well": True, "problem": ""}
    try:
        schema.check(dsn)
    except schema.SchemaError as error:
        found.update(well=False, problem=str(error))
    if as_json:
        print_json(found)
    elif found["well"]:
        typer.echo(f"well: revision {found['revision']}")
    else:
        complain(str(found["problem"]))
    if not found["well"]:
        raise typer.Exit(NO_DATABASE)


@app.command()
def url() -> None:
    """Print the connection string; starts the private server when DATABASE_URL is not set.

    Example: psql "$(tasker-sql db url)"
    """
    typer.echo(database.dsn())


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def psql(context: typer.Context) -> None:
    """Open psql on the database; options are passed on.

    Example: tasker-sql db psql -c 'select * from tasker.sweep()'
    """
    program = default_server().psql
    if program is None:
        complain("there is no psql on this machine", hint="tasker-sql db url names the database")
        raise typer.Exit(NO_DATABASE)
    dsn = database.dsn()
    os.execv(program, [str(program), "-d", dsn, *context.args])


@app.command()
def stop() -> None:
    """Stop the private server. Its data stays; the next command starts it again."""
    if os.environ.get("DATABASE_URL"):
        raise ValueError("DATABASE_URL names the database: stop that server where it is run")
    server = default_server()
    was_running = server.running
    server.stop()
    typer.echo("stopped" if was_running else "it was not running")


@app.command()
def health(as_json: Json = False) -> None:
    """Show how the whole system stands: open tasks, queues, claims, workers."""
    with opened() as client:
        counts = client.get_system_health_counts()
    if as_json:
        print_json(counts)
        return
    for name in counts.__dataclass_fields__:
        typer.echo(f"{name.replace('_', ' '):26} {getattr(counts, name)}")


@app.command()
def limits(as_json: Json = False) -> None:
    """Show what the engine takes at most, and within which bounds that can be set."""
    with opened() as client:
        found = client.list_limits()
    if as_json:
        print_json(found)
        return
    print_table(
        ["limit", "value", "initial", "minimum", "maximum", "unit", "meaning"],
        [(x.name, x.value, x.initial, x.minimum, x.maximum, x.unit, x.meaning) for x in found],
        "no limits",
    )


@app.command("set-limit")
def set_limit(
    name: Annotated[str, typer.Argument(help="The limit.", show_default=False)],
    value: Annotated[int, typer.Argument(help="What it shall be.", show_default=False)],
    reason: Reason,
) -> None:
    """Change a limit, from the next call on; what was let in before stays.

    Example: tasker-sql db set-limit result_bytes 4194304 -r "invoices are images"
    """
    with opened() as client:
        done = client.set_limit(name, value, reason)
    typer.echo(f"{name} is {value}" + (f", was {done.previous}" if done.changed else ", as before"))
