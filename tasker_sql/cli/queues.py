"""`tasker-sql queue`: how full the queues are, who serves them, and what is in them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

import typer

from tasker_sql.cli import completion
from tasker_sql.cli.arguments import Json, Watch
from tasker_sql.cli.asking import tell
from tasker_sql.cli.commands import Commands
from tasker_sql.cli.output import Part, Picture, table
from tasker_sql.client import Client
from tasker_sql.rows import QueuedStep

app = Commands(
    help="Queues: how full, who serves them, what is in them. `namespace pause` stops one."
)


@dataclass(frozen=True)
class Queue:
    """A queue, whether it is paused, and the live runners that serve it."""

    queue_name: str
    namespace: str | None
    priority: str | None
    depth: int | None
    depth_is_exact: bool | None
    oldest_at: datetime | None
    oldest_age: timedelta | None
    missing: bool
    paused_at: datetime | None
    paused_by: str | None
    pause_reason: str | None
    live_runners: int | None
    slots: int | None


@app.command("list")
def list_(as_json: Json = False, watch: Watch = None) -> None:
    """List the queues: how full, how old, and who serves them.

    Also which are paused or missing. Three for each namespace, by priority, and two of the
    orchestration. Workers in other languages are not counted as runners: see `worker list`.

    Examples:
      tasker-sql queue list --watch
      tasker-sql queue list --json
    """
    tell(_queues, _queues_picture, as_json, watch)


@app.command()
def show(
    name: Annotated[
        str,
        typer.Argument(
            help="The namespace, or one of its queues.",
            show_default=False,
            autocompletion=completion.namespaces,
        ),
    ],
    limit: Annotated[int, typer.Option(min=1, help="How many.")] = 20,
    as_json: Json = False,
    watch: Watch = None,
) -> None:
    """Show what waits longest in a namespace, and why.

    Reads no payloads. `step explain` tells all the reasons of one step.

    Example: tasker-sql queue show fulfillment --limit 5
    """

    def ask(client: Client) -> list[QueuedStep]:
        queues = {queue.queue_name: queue.namespace for queue in client.queue_depths()}
        namespace = queues.get(name, name)
        if namespace is None:
            raise ValueError(f"{name} holds no steps; a namespace is needed")
        return client.list_queued_steps(namespace, limit)

    tell(ask, _steps_picture, as_json, watch)


def _queues(client: Client) -> list[Queue]:
    spaces = {one.name: one for one in client.list_namespaces()}
    served = {one.namespace: one for one in client.served_namespaces()}
    found = []
    for queue in client.queue_depths():
        space, runners = spaces.get(queue.namespace or ""), served.get(queue.namespace or "")
        found.append(
            Queue(
                **queue._asdict(),
                paused_at=space.paused_at if space else None,
                paused_by=space.paused_by if space else None,
                pause_reason=space.pause_reason if space else None,
                live_runners=runners.live_runners if runners else None,
                slots=runners.slots if runners else None,
            )
        )
    return found


def _queues_picture(found: list[Queue]) -> Picture:
    return table(
        ["queue", "waiting", "oldest", "runners", "slots", "state"],
        [
            (
                *(q.queue_name, f"~{q.depth}" if q.depth_is_exact is False else q.depth),
                q.oldest_age,
                *(q.live_runners, q.slots, _state(q)),
            )
            for q in found
        ],
        "no queues",
    )


def _state(queue: Queue) -> str | None:
    if queue.missing:
        return "missing: the next sweep makes it again"
    if queue.paused_at:
        by = f"{queue.paused_by}: {queue.pause_reason}"
        return f"paused since {queue.paused_at:%F %T} by {by}"
    return None


def _steps_picture(found: list[QueuedStep]) -> Picture:
    picture: list[Part] = [
        table(
            ["waited", "why", "attempt", "step", "uuid"],
            [
                (
                    *(s.waited, s.code or f"{s.state}: a claim drops it"),
                    *(f"{s.attempt}/{s.max_attempts}", f"{s.task_name}/{s.name}", s.step_uuid),
                )
                for s in found
            ],
            "nothing waits",
        )
    ]
    told: dict[str, QueuedStep] = {}
    for step in found:
        if step.code:
            told.setdefault(step.code, step)
    for code, step in told.items():
        picture += ["", f"{code}  such as {step.name}: {step.reason}"]
        picture += [f"    {step.cure}"] if step.cure else []
    return picture
