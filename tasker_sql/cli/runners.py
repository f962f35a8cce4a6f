"""`tasker-sql runner`: who runs, how its pools are, and its circuit breakers."""

from __future__ import annotations

import socket
from typing import Annotated

import typer

from tasker_sql.cli.shared import NO, Json, Reason, complain, opened, print_json, print_table

app = typer.Typer(help="Who runs, and how: pools and circuit breakers.", no_args_is_help=True)

Breaker = Annotated[str, typer.Argument(help="database or queue.", show_default=False)]
Runner = Annotated[str | None, typer.Option("--runner", help="This one only.")]


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the runners of the last day."""
    with opened() as client:
        runners = client.known_runners()
    if as_json:
        print_json(runners)
        return
    print_table(
        ["runner", "live", "state", "status", "silent for", "namespaces", "connections"],
        [
            (
                *(r.name, r.is_live, r.state, r.status, r.silent_for),
                ", ".join(r.namespaces),
                f"{r.connections.get('used')} of {r.connections.get('size')}",
            )
            for r in runners
        ],
        "no runners",
    )


@app.command()
def health(runner: Runner = None, as_json: Json = False) -> None:
    """Say how the live runners of this machine are: a health check for containers.

    Exit codes: 0 all well, or degraded; 1 one is unhealthy, or there is none; 3 no database.
    """
    host = socket.gethostname()
    with opened() as client:
        found = [
            one
            for one in client.known_runners()
            if one.is_live and (one.name == runner if runner else one.host == host)
        ]
    if as_json:
        print_json(found)
    else:
        for one in found:
            typer.echo(f"{one.name} is {one.status}, in state {one.state}")
    if not found:
        complain(f"no live runner {runner or f'of {host}'} has reported to the database")
    if not found or any(one.status == "unhealthy" for one in found):
        raise typer.Exit(NO)


@app.command()
def pools(as_json: Json = False) -> None:
    """Show the executor pools of live runners."""
    with opened() as client:
        found = client.executor_pools()
    if as_json:
        print_json(found)
        return
    print_table(
        ["runner", "pool", "namespace", "status", "executors", "busy", "a second", "waiting"],
        [
            (
                *(p.runner, p.pool, p.namespace, p.status),
                f"{p.executors} of {p.min_executors} to {p.max_executors}",
                *(f"{p.utilization:.0%}", f"{p.throughput:.1f}", p.queue_depth),
            )
            for p in found
        ],
        "no live runners",
    )


@app.command()
def breakers(as_json: Json = False) -> None:
    """Show the circuit breakers of live runners."""
    with opened() as client:
        found = client.circuit_breakers()
    if as_json:
        print_json(found)
        return
    print_table(
        ["runner", "breaker", "state", "forced", "wanted", "since", "opened", "last error"],
        [
            (
                *(b.runner, b.breaker, b.state, b.forced, b.wanted, b.changed_at),
                *(b.opened, b.last_error),
            )
            for b in found
        ],
        "no live runners",
    )


@app.command()
def force(
    breaker: Breaker,
    position: Annotated[str, typer.Argument(help="open or closed.", show_default=False)],
    reason: Reason,
    runner: Runner = None,
) -> None:
    """Force a circuit breaker open (no call passes) or closed (all do), until it is released.

    Example: tasker-sql runner force queue open --reason "the bank is down"
    """
    with opened() as client:
        changed = client.force_breaker(breaker, position, reason, runner).changed
    whose = runner or "every runner"
    typer.echo(f"{breaker} of {whose} is forced {position}" + ("" if changed else ", and was"))


@app.command()
def release(breaker: Breaker, reason: Reason, runner: Runner = None) -> None:
    """Undo `force`: the next call is tried."""
    with opened() as client:
        changed = client.release_breaker(breaker, reason, runner).changed
    whose = runner or "every runner"
    typer.echo(f"{breaker} of {whose} is " + ("released" if changed else "not forced"))
