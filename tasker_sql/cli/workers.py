"""`tasker-sql worker` and `tasker-sql runner`: everybody who does steps, in any language; and our
own processes, their pools, and their circuit breakers."""

from __future__ import annotations

import socket
from datetime import timedelta
from typing import Annotated, Literal

from tasker_sql.cli import completion
from tasker_sql.cli.commands import ROOT, Commands
from tasker_sql.cli.errors import complain
from tasker_sql.cli.options import Reason, argument, option
from tasker_sql.cli.output import Output, table
from tasker_sql.cli.query import query
from tasker_sql.client import Client
from tasker_sql.durations import span

app = Commands()
workers = Commands(
    help=f"""{ROOT["worker"][1]}

A worker is any program that claims steps. A runner is a worker of ours: a process with pools and
circuit breakers, which `tasker-sql runner` shows."""
)
runners = Commands(
    help=f"""{ROOT["runner"][1]}

Each `tasker-sql run` is one. `tasker-sql worker` lists everybody who does steps, in any
language."""
)
app.add_typer(workers, name="worker")
app.add_typer(runners, name="runner")

Breaker = Annotated[Literal["database", "queue"], argument("Database or queue.", metavar="BREAKER")]
Position = Annotated[Literal["open", "closed"], argument("Open or closed.", metavar="POSITION")]
Runner = Annotated[str | None, option("This one only.", offers=completion.runners)]


@query(workers, "list", watch=True)
def list_(client: Client) -> Output:
    """List everybody who works.

    The runners of the last day, and who else has claims or waits for work.

    Example: tasker-sql worker list --watch
    """
    return Output.listing(
        sorted(client.known_workers(), key=lambda worker: (worker.kind, worker.name)),
        "worker=name, kind, status, namespaces, claims, steps, lease ends in=lease_left",
        "nobody works",
        namespaces=lambda worker: ", ".join(worker.namespaces),
        lease_left=lambda worker: _left(worker.lease_left),
    )


@query(workers, watch=True)
def claims(
    client: Client,
    worker: Annotated[str | None, argument("Of this worker only.", completion.workers)] = None,
) -> Output:
    """List live claims: who has which steps, and how long.

    One line a step, those whose lease ends first at the top.

    Examples:
      tasker-sql worker claims
      tasker-sql worker claims $WORKER --watch 1
    """
    held = [claim for claim in client.live_claims() if worker in (None, claim.worker)]
    held.sort(key=lambda claim: claim.lease_until)
    rows = [
        {**claim._asdict(), "step": step, "uuid": uuid}
        for claim in held
        for step, uuid in zip(claim.steps, claim.step_uuids, strict=True)
    ]
    picture = table(
        rows,
        "worker, namespace, claimed at, lease ends in=lease_left, step, uuid",
        "no claims",
        lease_left=lambda row: _left(row["lease_left"]),
    )
    return Output(held, picture)


def _left(time: timedelta | None) -> str | None:
    if time is None:
        return None
    return span(time) if time > timedelta() else f"ended {span(-time)} ago"


@query(runners, "list", watch=True)
def list_runners(client: Client) -> Output:
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


@query(runners)
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


@query(runners, watch=True)
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


@query(runners, watch=True)
def breakers(client: Client) -> Output:
    """Show the circuit breakers of live runners.

    Example: tasker-sql runner breakers
    """
    columns = "runner, breaker, state=effective_state, since=changed_at, opened, reason, last error"
    return Output.listing(client.circuit_breakers(), columns, "no live runners")


@query(runners)
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


@query(runners)
def release(client: Client, breaker: Breaker, reason: Reason, runner: Runner = None) -> Output:
    """Undo `force`: the next call is tried.

    Example: tasker-sql runner release queue --reason "the bank is back"
    """
    done = client.release_breaker(breaker, reason, runner)
    state = "released" if done.changed else "not forced"
    return Output(done, f"{breaker} of {runner or 'every runner'} is {state}")
