"""`tasker-sql runner`: our own processes, their pools, and their circuit breakers."""

from __future__ import annotations

import socket
from typing import Annotated

import typer

from tasker_sql.cli import completion
from tasker_sql.cli.arguments import Json, Reason, Watch
from tasker_sql.cli.asking import tell
from tasker_sql.cli.commands import Commands
from tasker_sql.cli.errors import NO, complain
from tasker_sql.cli.output import Picture, table
from tasker_sql.client import Client
from tasker_sql.rows import (
    BreakerOrder,
    BreakerRelease,
    CircuitBreaker,
    ExecutorPool,
    KnownRunner,
)

app = Commands(
    help="""Runners: our own processes, with pools and breakers.

Each `tasker-sql run` is one. `tasker-sql worker` tells of everybody who does steps, in any
language."""
)

Breaker = Annotated[
    str,
    typer.Argument(
        help="database or queue.",
        show_default=False,
        autocompletion=completion.words("database", "queue"),
    ),
]
Runner = Annotated[
    str | None,
    typer.Option("--runner", help="This one only.", autocompletion=completion.runners),
]


@app.command("list")
def list_(as_json: Json = False, watch: Watch = None) -> None:
    """List the runners of the last day.

    Example: tasker-sql runner list
    """
    tell(lambda client: client.known_runners(), _runners_picture, as_json, watch)


@app.command()
def health(runner: Runner = None, as_json: Json = False) -> None:
    """Say how the live runners of this machine are.

    A health check for containers. Exit codes: 0 all well, or degraded; 1 one is unhealthy, or there
    is none; 3 no database.

    Example: tasker-sql runner health
    """
    host = socket.gethostname()

    def ask(client: Client) -> list[KnownRunner]:
        return [
            one
            for one in client.known_runners()
            if one.is_live and (one.name == runner if runner else one.host == host)
        ]

    found = tell(
        ask,
        lambda them: [f"{one.name} is {one.status}, in state {one.state}" for one in them],
        as_json,
    )
    if not found:
        complain(f"no live runner {runner or f'of {host}'} has reported to the database")
    if not found or any(one.status == "unhealthy" for one in found):
        raise typer.Exit(NO)


@app.command()
def pools(as_json: Json = False, watch: Watch = None) -> None:
    """Show the executor pools of live runners.

    Example: tasker-sql runner pools --watch
    """
    tell(lambda client: client.executor_pools(), _pools_picture, as_json, watch)


@app.command()
def breakers(as_json: Json = False, watch: Watch = None) -> None:
    """Show the circuit breakers of live runners.

    Example: tasker-sql runner breakers
    """
    tell(lambda client: client.circuit_breakers(), _breakers_picture, as_json, watch)


@app.command()
def force(
    breaker: Breaker,
    position: Annotated[
        str,
        typer.Argument(
            help="open or closed.",
            show_default=False,
            autocompletion=completion.words("open", "closed"),
        ),
    ],
    reason: Reason,
    runner: Runner = None,
    as_json: Json = False,
) -> None:
    """Force a circuit breaker open or closed.

    Open: no call passes; closed: all do, until it is released.

    Example: tasker-sql runner force queue open --reason "the bank is down"
    """

    def draw(order: BreakerOrder) -> str:
        was = "" if order.changed else ", as before"
        return f"{breaker} of {runner or 'every runner'} is forced {order.forced}{was}"

    tell(lambda client: client.force_breaker(breaker, position, reason, runner), draw, as_json)


@app.command()
def release(breaker: Breaker, reason: Reason, runner: Runner = None, as_json: Json = False) -> None:
    """Undo `force`: the next call is tried.

    Example: tasker-sql runner release queue --reason "the bank is back"
    """

    def draw(done: BreakerRelease) -> str:
        return (
            f"{breaker} of {runner or 'every runner'} is "
            f"{'released' if done.changed else 'not forced'}"
        )

    tell(lambda client: client.release_breaker(breaker, reason, runner), draw, as_json)


def _runners_picture(runners: list[KnownRunner]) -> Picture:
    return table(
        ["runner", "state", "status", "silent for", "namespaces", "connections"],
        [
            (
                *(r.name, r.state, r.status if r.is_live else None, r.silent_for),
                ", ".join(r.namespaces),
                f"{r.connections.get('used')} of {r.connections.get('size')}",
            )
            for r in runners
        ],
        "no runners",
    )


def _pools_picture(found: list[ExecutorPool]) -> Picture:
    return table(
        ["runner", "pool", "namespace", "status", "executors", "busy", "a second", "waiting"],
        [
            (
                *(p.runner, p.pool, p.namespace, p.status),
                f"{p.executors} of {p.min_executors} to {p.max_executors}",
                None if p.utilization is None else f"{p.utilization:.0%}",
                None if p.throughput is None else f"{p.throughput:.1f}",
                p.queue_depth,
            )
            for p in found
        ],
        "no live runners",
    )


def _breakers_picture(found: list[CircuitBreaker]) -> Picture:
    return table(
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
