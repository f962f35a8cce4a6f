"""`tasker-sql task list`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, NamedTuple, get_args
from uuid import UUID

import typer

from tasker_sql.cli.commands import Commands
from tasker_sql.cli.options import OfNamespace, OfTemplate, moment_option, of_template, wanted
from tasker_sql.cli.output import Output
from tasker_sql.cli.query import query
from tasker_sql.client import Client, TaskState
from tasker_sql.history import look
from tasker_sql.rows import ListedTask

PAGE: Final = 1000  # tasks
FAILED: Final = ("error", "blocked_by_failures")
LONGEST: Final = 80  # letters of a reason
FAILED_STEPS: Final = """(
  select task_uuid, name, coalesce(error ->> 'message', '') as message
    from tasker.failed_steps where task_uuid = any (%s)
   order by failed_at) as failed"""


class DeadStep(NamedTuple):
    """A step that failed for good."""

    task_uuid: UUID
    name: str
    message: str


app = Commands()


@query(app, "list", watch=True)
def list_(
    client: Client,
    namespace: OfNamespace = None,
    template: OfTemplate = None,
    state: Annotated[
        TaskState | None,
        typer.Option(metavar="STATE", help=f"In this state: {', '.join(get_args(TaskState))}."),
    ] = None,
    tag: Annotated[str | None, typer.Option(help="With this tag.")] = None,
    initiator: Annotated[str | None, typer.Option(help="Asked for by this one.")] = None,
    key: Annotated[str | None, typer.Option(help="With this idempotency key.")] = None,
    since: Annotated[
        datetime | None,
        moment_option(
            "--since", "Created since: 90s, 15m, 2h or 3d ago, or ISO 8601 (UTC without a zone)."
        ),
    ] = None,
    until: Annotated[
        datetime | None,
        moment_option("--until", "Created before, likewise."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many.")] = 50,
) -> Output:
    """List tasks, newest first.

    Examples:
      tasker-sql task list -n fulfillment --state error --since 2h
      tasker-sql task list --template fulfillment/process_order --limit 5 --json
    """
    times = {"since": since and since.isoformat(), "until": until and until.isoformat()}
    namespace, template = of_template(namespace, template)
    given = wanted(namespace=namespace, name=template, state=state, tag=tag, **times)
    given |= wanted(initiator=initiator, idempotency_key=key)
    found = _pages(client, given, limit)
    why = _failures(client, [task.task_uuid for task in found if task.state in FAILED])
    return Output.listing(
        found,
        "task=task_uuid, template, state, paused, created at, finished at, why",
        "no such tasks",
        template=lambda task: f"{task.namespace}/{task.name}@{task.version}",
        why=lambda task: why.get(task.task_uuid),
    )


def _failures(client: Client, tasks: list[UUID | None]) -> dict[UUID, str]:
    """The step that failed last in each of these tasks, and its message."""
    failed = look(client, DeadStep, FAILED_STEPS, tasks) if tasks else []
    return {one.task_uuid: f"{one.name}: {one.message}"[:LONGEST] for one in failed}


def _pages(client: Client, given: dict[str, str], limit: int) -> list[ListedTask]:
    found: list[ListedTask] = []
    before: UUID | None = None
    while len(found) < limit:
        page = client.list_tasks(given, min(limit - len(found), PAGE), before)
        found += [task for task in page if task.task_uuid is not None]
        before = page[-1].next_before if page else None
        if before is None:
            break
    return found
