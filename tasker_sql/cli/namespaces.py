"""`tasker-sql namespace`: business domains, each with its queues."""

from __future__ import annotations

from typing import Annotated

from tasker_sql.cli import completion
from tasker_sql.cli.commands import ROOT, Commands
from tasker_sql.cli.options import Reason, argument
from tasker_sql.cli.output import Output, paused, table
from tasker_sql.cli.query import query
from tasker_sql.client import Client

app = Commands(help=ROOT["namespace"][1])

Name = Annotated[str, argument("The namespace.", completion.namespaces)]


@query(app)
def pause(client: Client, name: Name, reason: Reason) -> Output:
    """Hand out no more steps of a namespace; what runs goes on.

    Example: tasker-sql namespace pause fulfillment --reason "stock is counted"
    """
    return paused(name, client.pause_namespace(name, reason))


@query(app)
def resume(client: Client, name: Name, reason: Reason) -> Output:
    """Hand out steps of a paused namespace again.

    Example: tasker-sql namespace resume fulfillment --reason "stock is counted"
    """
    return paused(name, client.resume_namespace(name, reason))


@query(app, "list", watch=True)
def list_(client: Client) -> Output:
    """List the namespaces, what waits, and who paused them.

    Example: tasker-sql namespace list
    """
    namespaces, queues = client.list_namespaces(), client.queue_depths()
    pauses = {
        one.name: f"since {one.paused_at:%F %T} by {one.paused_by}: {one.pause_reason}"
        for one in namespaces
        if one.paused_at
    }
    picture = table(
        [queue for queue in queues if queue.namespace is not None],
        "namespace, priority, depth, oldest=oldest_age, paused",
        "no namespaces",
        paused=lambda queue: pauses.get(queue.namespace),
    )
    return Output({"namespaces": namespaces, "queues": queues}, picture)
