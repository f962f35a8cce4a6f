"""`tasker-sql namespace`: business domains, each with its queues."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from tasker_sql.cli import completion
from tasker_sql.cli.arguments import Json, Reason, Watch
from tasker_sql.cli.asking import tell
from tasker_sql.cli.commands import Commands
from tasker_sql.cli.output import Picture, paused, table
from tasker_sql.rows import ListedNamespace, QueueDepth

app = Commands(help="Business domains, each with its queues: pause and resume them.")

Name = Annotated[
    str,
    typer.Argument(help="The namespace.", show_default=False, autocompletion=completion.namespaces),
]


@app.command()
def pause(name: Name, reason: Reason, as_json: Json = False) -> None:
    """Hand out no more steps of a namespace; what runs goes on.

    Example: tasker-sql namespace pause fulfillment --reason "stock is counted"
    """
    tell(lambda client: client.pause_namespace(name, reason), paused(name), as_json)


@app.command()
def resume(name: Name, reason: Reason, as_json: Json = False) -> None:
    """Hand out steps of a paused namespace again.

    Example: tasker-sql namespace resume fulfillment --reason "stock is counted"
    """
    tell(lambda client: client.resume_namespace(name, reason), paused(name), as_json)


@dataclass(frozen=True)
class Listed:
    """The namespaces, and how full their queues are."""

    namespaces: list[ListedNamespace]
    queues: list[QueueDepth]


@app.command("list")
def list_(as_json: Json = False, watch: Watch = None) -> None:
    """List the namespaces, what waits, and who paused them.

    Example: tasker-sql namespace list
    """
    tell(
        lambda client: Listed(client.list_namespaces(), client.queue_depths()),
        _picture,
        as_json,
        watch,
    )


def _picture(found: Listed) -> Picture:
    paused = {
        n.name: f"since {n.paused_at:%F %T} by {n.paused_by}: {n.pause_reason}"
        for n in found.namespaces
        if n.paused_at
    }
    return table(
        ["namespace", "priority", "waiting steps", "oldest", "paused"],
        [
            (q.namespace, q.priority, q.depth, q.oldest_age, paused.get(q.namespace))
            for q in found.queues
            if q.namespace is not None
        ],
        "no namespaces",
    )
