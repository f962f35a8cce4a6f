"""`tasker-sql worker`: everybody who does steps, in any language."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from tasker_sql.cli import completion
from tasker_sql.cli.arguments import Json, Watch
from tasker_sql.cli.asking import tell
from tasker_sql.cli.commands import Commands
from tasker_sql.cli.output import Picture, table
from tasker_sql.client import Client
from tasker_sql.durations import span
from tasker_sql.rows import KnownWorker, LiveClaim

app = Commands(
    help="""Workers: who does steps, in any language.

A worker is whoever claims steps. A runner is a worker of ours: a process with pools and circuit
breakers, about which `tasker-sql runner` tells more."""
)


@app.command("list")
def list_(as_json: Json = False, watch: Watch = None) -> None:
    """List everybody who works.

    The runners of the last day, and who else has claims or waits for work.

    Example: tasker-sql worker list --watch
    """
    tell(lambda client: client.known_workers(), _workers_picture, as_json, watch)


@app.command()
def claims(
    worker: Annotated[
        str | None,
        typer.Argument(help="Of this worker only.", autocompletion=completion.workers),
    ] = None,
    as_json: Json = False,
    watch: Watch = None,
) -> None:
    """List live claims: who has which steps, and how long.

    One line a claim, with one of its steps; of one worker, one line a step.

    Examples:
      tasker-sql worker claims
      tasker-sql worker claims $WORKER --watch 1
    """

    def ask(client: Client) -> list[LiveClaim]:
        found = [one for one in client.live_claims() if worker in (None, one.worker)]
        return sorted(found, key=lambda claim: claim.lease_until)

    tell(ask, _claims_picture if worker is None else _steps_picture, as_json, watch)


def _workers_picture(found: list[KnownWorker]) -> Picture:
    return table(
        ["worker", "kind", "status", "namespaces", "claims", "steps", "lease ends in"],
        [
            (
                *(w.name, w.kind, w.status, ", ".join(w.namespaces), w.claims, w.steps),
                _left(w.lease_left),
            )
            for w in sorted(found, key=lambda worker: (worker.kind, worker.name))
        ],
        "nobody works",
    )


def _claims_picture(found: list[LiveClaim]) -> Picture:
    return table(
        ["worker", "namespace", "claimed at", "lease ends in", "steps", "such as", "uuid"],
        [
            (
                *(c.worker, c.namespace, c.claimed_at, _left(c.lease_left), c.step_count),
                *((c.steps[0], c.step_uuids[0]) if c.steps else (None, None)),
            )
            for c in found
        ],
        "no claims",
    )


def _steps_picture(found: list[LiveClaim]) -> Picture:
    return table(
        ["namespace", "claimed at", "lease ends in", "step", "uuid"],
        [
            (c.namespace, c.claimed_at, _left(c.lease_left), step, step_uuid)
            for c in found
            for step, step_uuid in zip(c.steps, c.step_uuids, strict=True)
        ],
        "no claims",
    )


def _left(left: timedelta | None) -> str | None:
    if left is None:
        return None
    return span(left) if left >= timedelta() else f"ended {span(-left)} ago"
