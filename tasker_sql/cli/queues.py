"""`tasker-sql queue`: how full the queues are, who serves them, and what is in them."""

from __future__ import annotations

from typing import Annotated, Any

from tasker_sql.cli import completion
from tasker_sql.cli.commands import ROOT, Commands
from tasker_sql.cli.options import Limit, argument
from tasker_sql.cli.output import Output, Part, table
from tasker_sql.cli.query import query
from tasker_sql.client import Client
from tasker_sql.rows import QueuedStep

app = Commands(help=f"{ROOT['queue'][1]} `namespace pause` stops one.")


@query(app, "list", watch=True)
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


@query(app, watch=True)
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
