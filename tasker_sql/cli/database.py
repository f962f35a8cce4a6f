"""`tasker-sql db`: the database and its schema."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from tasker_sql.cli import completion
from tasker_sql.cli.commands import ROOT, Commands
from tasker_sql.cli.errors import NO_DATABASE, complain
from tasker_sql.cli.options import Reason, argument, option
from tasker_sql.cli.output import Output, cell, plain
from tasker_sql.cli.query import query
from tasker_sql.client import Client
from tasker_sql.schema import database
from tasker_sql.schema import migrations as schema
from tasker_sql.schema.embedded import EmbeddedServer
from tasker_sql.top.format import words

app = Commands(help=ROOT["db"][1])


@query(app)
def upgrade(revision: Annotated[str, option("Up to this revision.")] = "head") -> Output:
    """Install tasker-sql in the database, or bring it up to date. Safe to repeat.

    Example: tasker-sql db upgrade
    """
    dsn = database.dsn()
    before = schema.current(dsn)
    schema.upgrade(dsn, revision)
    after = schema.current(dsn)
    was = "" if before == after else f", was {before or 'empty'}"
    return Output({"revision": after, "was": before}, f"at revision {after}{was}")


@query(app)
def check() -> Output:
    """Say whether this version can work with the database.

    Exit code 3 when it cannot.

    Example: tasker-sql db check
    """
    dsn = database.dsn()
    schema.check(dsn)
    found = schema.current(dsn)
    return Output(
        {"revision": found, "newest": schema.head(), "well": True}, f"well: revision {found}"
    )


@query(app)
def url() -> Output:
    """Print the connection string, with its password.

    Starts the private server, with the schema in it, when DATABASE_URL is not set. Give it to a
    program in its environment: every user of the machine sees the arguments of programs.

    Example: export DATABASE_URL="$(tasker-sql db url)"
    """
    found = schema.ready()
    return Output({"url": found}, found)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def psql(context: typer.Context) -> None:
    """Open psql on the database; options are passed on.

    The connection is passed in the environment, because everybody sees the arguments of programs.

    Example: tasker-sql db psql -c 'select * from tasker.sweep()'
    """
    program = EmbeddedServer().psql
    if program is None:
        complain("there is no psql on this machine", hint="tasker-sql db url names the database")
        raise typer.Exit(NO_DATABASE)
    environment, arguments = database.for_libpq(schema.ready())
    os.execve(program, [str(program), *arguments, *context.args], os.environ | environment)


@query(app)
def stop() -> Output:
    """Stop the private server. Its data stays; the next command starts it again.

    Example: tasker-sql db stop
    """
    if database.configured():
        raise ValueError("DATABASE_URL names the database: stop that server where it is run")
    server = EmbeddedServer()
    was_running = server.running
    server.stop()
    return Output({"stopped": was_running}, "stopped" if was_running else "it was not running")


@query(app, watch=True)
def health(client: Client) -> Output:
    """Show how the whole system stands, in numbers.

    Example: tasker-sql db health --watch
    """
    counts = client.get_system_health_counts()
    lines = [
        f"{name.replace('_', ' '):26} {words(getattr(counts, name), counts.measured_at) or '-'}"
        for name in plain(counts)
        if name != "measured_at"
    ]
    return Output(counts, [f"{'measured at':26} {cell(counts.measured_at)}", *lines])


@query(app)
def limits(client: Client) -> Output:
    """Show what the engine takes at most, and the bounds of that.

    Example: tasker-sql db limits
    """
    columns = "limit=name, value, initial, minimum, maximum, unit, meaning"
    return Output.listing(client.list_limits(), columns, "no limits")


@query(app, "set-limit")
def set_limit(
    client: Client,
    name: Annotated[str, argument("The limit.", completion.limits)],
    value: Annotated[int, argument("Its new value.")],
    reason: Reason,
) -> Output:
    """Change a limit, from the next call on.

    What was let in before stays.

    Example: tasker-sql db set-limit result_bytes 4194304 -r "invoices are images"
    """
    done = client.set_limit(name, value, reason)
    was = f", was {done.previous}" if done.changed else ", as before"
    return Output(done, f"{name} is {value}{was}")
