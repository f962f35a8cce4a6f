"""`tasker-sql task list`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, NamedTuple, get_args
from uuid import UUID

from tasker_sql.cli.commands import Commands
from tasker_sql.cli.options import (
    MOMENT,
    Limit,
    OfNamespace,
    OfTemplate,
    of_template,
    option,
    wanted,
)
from tasker_sql.cli.output import Output
from tasker_sql.cli.query import listed, query
from tasker_sql.client import Client, TaskState
from tasker_sql.history import look

FAILED: Final = ("error", "blocked_by_failures")
LONGEST: Final = 80  # letters of a reason
SINCE: Final = "Created since: 90s, 15m, 2h or 3d ago, or ISO 8601 (UTC without a zone)."
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
        option(f"In this state: {', '.join(get_args(TaskState))}.", metavar="STATE"),
    ] = None,
    tag: Annotated[str | None, option("With this tag.")] = None,
    initiator: Annotated[str | None, option("Asked for by this one.")] = None,
    key: Annotated[str | None, option("With this idempotency key.")] = None,
    since: Annotated[datetime | None, option(SINCE, **MOMENT)] = None,
    until: Annotated[datetime | None, option("Created before, likewise.", **MOMENT)] = None,
    limit: Limit = 50,
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
    found = listed(client, given, limit)
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
