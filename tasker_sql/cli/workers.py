"""`tasker-sql worker`: everybody who does steps, in any language."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from tasker_sql.cli import completion
from tasker_sql.cli.commands import ROOT, Commands
from tasker_sql.cli.options import argument
from tasker_sql.cli.output import Output, table
from tasker_sql.cli.query import query
from tasker_sql.client import Client
from tasker_sql.durations import span

app = Commands(
    help=f"""{ROOT["worker"][1]}

A worker is any program that claims steps. A runner is a worker of ours: a process with pools and
circuit breakers, which `tasker-sql runner` shows."""
)


@query(app, "list", watch=True)
def list_(client: Client) -> Output:
    """List everybody who works.

    The runners of the last day, and who else has claims or waits for work.

    Example: tasker-sql worker list --watch
    """
    found = client.known_workers()
    picture = table(
        sorted(found, key=lambda worker: (worker.kind, worker.name)),
        "worker=name, kind, status, namespaces, claims, steps, lease ends in=lease_left",
        "nobody works",
        namespaces=lambda worker: ", ".join(worker.namespaces),
        lease_left=lambda worker: _left(worker.lease_left),
    )
    return Output(found, picture)


@query(app, watch=True)
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
