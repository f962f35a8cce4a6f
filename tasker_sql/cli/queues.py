"""`tasker-sql queue`: how full the queues are, who serves them, and what is in them."""

from __future__ import annotations

from typing import Annotated, Any

from tasker_sql.cli import completion
from tasker_sql.cli.commands import ROOT, Commands
from tasker_sql.cli.options import Limit, argument
from tasker_sql.cli.output import Output, Part, plain, table
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
    spaces = {one.name: one for one in client.list_namespaces()}
    served = {one.namespace: one for one in client.served_namespaces()}
    queues: list[dict[str, Any]] = []
    for queue in client.queue_depths():
        space, runners = spaces.get(queue.namespace or ""), served.get(queue.namespace or "")
        pause = {name: getattr(space, name, None) for name in PAUSE}
        service = {name: getattr(runners, name, None) for name in SERVICE}
        shown = {"queue": queue, "state": _state(queue.missing, pause)}
        queues.append({**plain(queue), **plain(pause), **service, **shown})
    picture = table(
        queues,
        "queue=queue_name, depth, oldest, runners=live_runners, slots, state",
        "no queues",
        depth=lambda q: f"~{q['depth']}" if q["depth_is_exact"] is False else q["depth"],
        oldest=lambda q: q["queue"].oldest_age,
    )
    return Output(
        [{k: v for k, v in q.items() if k not in ("queue", "state")} for q in queues], picture
    )


PAUSE = ("paused_at", "paused_by", "pause_reason")
SERVICE = ("live_runners", "slots")


def _state(missing: bool, pause: dict[str, Any]) -> str | None:
    if missing:
        return "missing: the next sweep makes it again"
    if pause["paused_at"]:
        return "paused since {paused_at:%F %T} by {paused_by}: {pause_reason}".format(**pause)
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
