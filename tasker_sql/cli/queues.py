"""`tasker-sql namespace` and `tasker-sql queue`: the queues of each business domain, how full they
are, who serves them and who has paused them, and what is in them."""

from __future__ import annotations

from typing import Annotated, Any

from tasker_sql.cli import completion
from tasker_sql.cli.commands import ROOT, Commands
from tasker_sql.cli.options import Limit, Reason, argument
from tasker_sql.cli.output import Output, Part, paused, table
from tasker_sql.cli.query import query
from tasker_sql.client import Client
from tasker_sql.rows import QueuedStep

app = Commands()
namespaces = Commands(help=ROOT["namespace"][1])
queues = Commands(help=f"{ROOT['queue'][1]} `namespace pause` stops one.")
app.add_typer(namespaces, name="namespace")
app.add_typer(queues, name="queue")

Name = Annotated[str, argument("The namespace.", completion.namespaces)]


@query(namespaces)
def pause(client: Client, name: Name, reason: Reason) -> Output:
    """Hand out no more steps of a namespace; what runs goes on.

    Example: tasker-sql namespace pause fulfillment --reason "stock is counted"
    """
    return paused(name, client.pause_namespace(name, reason))


@query(namespaces)
def resume(client: Client, name: Name, reason: Reason) -> Output:
    """Hand out steps of a paused namespace again.

    Example: tasker-sql namespace resume fulfillment --reason "stock is counted"
    """
    return paused(name, client.resume_namespace(name, reason))


@query(namespaces, "list", watch=True)
def list_namespaces(client: Client) -> Output:
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


@query(queues, "list", watch=True)
def list_(client: Client) -> Output:
    """List the queues: how full, how old, and who serves them.

    Also which are paused or missing. Three for each namespace, by priority, and two of the
    orchestration. Workers in other languages are not counted as runners: see `worker list`.

    Examples:
      tasker-sql queue list --watch
      tasker-sql queue list --json
    """
    spaces: dict[str | None, Any] = {one.name: one for one in client.list_namespaces()}
    served: dict[str | None, Any] = {one.namespace: one for one in client.served_namespaces()}
    found = [
        {
            **queue._asdict(),
            **{name: getattr(spaces.get(queue.namespace), name, None) for name in PAUSE},
            **{name: getattr(served.get(queue.namespace), name, None) for name in SERVICE},
        }
        for queue in client.queue_depths()
    ]
    return Output.listing(
        found,
        "queue=queue_name, depth, oldest=oldest_age, runners=live_runners, slots, state",
        "no queues",
        depth=lambda queue: (
            f"~{queue['depth']}" if queue["depth_is_exact"] is False else queue["depth"]
        ),
        state=_state,
    )


PAUSE = ("paused_at", "paused_by", "pause_reason")
SERVICE = ("live_runners", "slots")


def _state(queue: dict[str, Any]) -> str | None:
    if queue["missing"]:
        return "missing: the next sweep makes it again"
    if queue["paused_at"]:
        return "paused since {paused_at:%F %T} by {paused_by}: {pause_reason}".format(**queue)
    return None


@query(queues, watch=True)
def show(
    client: Client,
    name: Annotated[str, argument("The namespace, or one of its queues.", completion.namespaces)],
    limit: Limit = 20,
) -> Output:
    """Show what waits longest in a namespace, and why.

    Reads no payloads. `step explain` lists all the reasons of one step.

    Example: tasker-sql queue show fulfillment --limit 5
    """
    queues = {queue.queue_name: queue.namespace for queue in client.queue_depths()}
    namespace = queues.get(name, name)
    if namespace is None:
        raise ValueError(f"{name} holds no steps; a namespace is needed")
    found = client.list_queued_steps(namespace, limit)
    picture: list[Part] = [
        table(
            found,
            "waited, why, attempt, step, uuid=step_uuid",
            "nothing waits",
            why=lambda step: step.code or f"{step.state}: a claim drops it",
            attempt=lambda step: f"{step.attempt}/{step.max_attempts}",
            step=lambda step: f"{step.task_name}/{step.name}",
        )
    ]
    examples: dict[str, QueuedStep] = {}
    for step in found:
        if step.code:
            examples.setdefault(step.code, step)
    for code, step in examples.items():
        picture += ["", f"{code}  such as {step.name}: {step.reason}"]
        picture += [f"    {step.cure}"] if step.cure else []
    return Output(found, picture)
