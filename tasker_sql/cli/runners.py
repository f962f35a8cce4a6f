"""`tasker-sql runner`: our own processes, their pools, and their circuit breakers."""

from __future__ import annotations

import socket
from typing import Annotated, Literal

from tasker_sql.cli import completion
from tasker_sql.cli.commands import ROOT, Commands
from tasker_sql.cli.errors import complain
from tasker_sql.cli.options import Reason, argument, option
from tasker_sql.cli.output import Output
from tasker_sql.cli.query import query
from tasker_sql.client import Client

app = Commands(
    help=f"""{ROOT["runner"][1]}

Each `tasker-sql run` is one. `tasker-sql worker` lists everybody who does steps, in any
language."""
)

Breaker = Annotated[Literal["database", "queue"], argument("Database or queue.", metavar="BREAKER")]
Position = Annotated[Literal["open", "closed"], argument("Open or closed.", metavar="POSITION")]
Runner = Annotated[str | None, option("This one only.", offers=completion.runners)]


@query(app, "list", watch=True)
def list_(client: Client) -> Output:
    """List the runners of the last day.

    Example: tasker-sql runner list
    """
    return Output.listing(
        client.known_runners(),
        "runner=name, state, status, silent for, namespaces, connections",
        "no runners",
        status=lambda one: one.status if one.is_live else None,
        namespaces=lambda one: ", ".join(one.namespaces),
        connections=lambda one: f"{one.connections.get('used')} of {one.connections.get('size')}",
    )


@query(app)
def health(client: Client, runner: Runner = None) -> Output:
    """Check the health of the live runners on this host.

    A health check for containers. Exit codes: 0 all well, or degraded; 1 one is unhealthy, or there
    is none; 3 no database.

    Example: tasker-sql runner health
    """
    host = socket.gethostname()
    found = [
        one
        for one in client.known_runners()
        if one.is_live and (one.name == runner if runner else one.host == host)
    ]
    if not found:
        complain(f"no live runner {runner or f'of {host}'} has reported to the database")
    well = bool(found) and all(one.status != "unhealthy" for one in found)
    lines = [f"{one.name} is {one.status}, in state {one.state}" for one in found]
    lines += [
        f"{one.runner}: breaker {one.breaker} is {one.effective_state}: {one.reason}"
        for one in client.circuit_breakers()
        if one.effective_state != "closed" and one.runner in {runner.name for runner in found}
    ]
    return Output(found, [*lines], well)


@query(app, watch=True)
def pools(client: Client) -> Output:
    """Show the executor pools of live runners.

    Example: tasker-sql runner pools --watch
    """
    return Output.listing(
        client.executor_pools(),
        "runner, pool, namespace, status, executors, busy, a second, depth=queue_depth, decision",
        "no live runners",
        executors=lambda p: f"{p.executors} of {p.min_executors} to {p.max_executors}",
        busy=lambda p: None if p.utilization is None else f"{p.utilization:.0%}",
        a_second=lambda p: None if p.throughput is None else f"{p.throughput:.1f}",
    )


@query(app, watch=True)
def breakers(client: Client) -> Output:
    """Show the circuit breakers of live runners.

    Example: tasker-sql runner breakers
    """
    columns = "runner, breaker, state=effective_state, since=changed_at, opened, reason, last error"
    return Output.listing(client.circuit_breakers(), columns, "no live runners")


@query(app)
def force(
    client: Client, breaker: Breaker, position: Position, reason: Reason, runner: Runner = None
) -> Output:
    """Force a circuit breaker open or closed.

    Open: no call passes; closed: all do, until it is released.

    Example: tasker-sql runner force queue open --reason "the bank is down"
    """
    order = client.force_breaker(breaker, position, reason, runner)
    was = "" if order.changed else ", as before"
    return Output(order, f"{breaker} of {runner or 'every runner'} is forced {order.forced}{was}")


@query(app)
def release(client: Client, breaker: Breaker, reason: Reason, runner: Runner = None) -> Output:
    """Undo `force`: the next call is tried.

    Example: tasker-sql runner release queue --reason "the bank is back"
    """
    done = client.release_breaker(breaker, reason, runner)
    state = "released" if done.changed else "not forced"
    return Output(done, f"{breaker} of {runner or 'every runner'} is {state}")
