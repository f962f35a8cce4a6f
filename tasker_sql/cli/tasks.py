"""`tasker-sql task`: runs of templates, and what an operator does to one."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from tasker_sql.cli import task_create, task_list, task_show, waits
from tasker_sql.cli.commands import ROOT, Commands
from tasker_sql.cli.options import TIME, OpenTaskUuid, Reason, TaskUuid, argument, option
from tasker_sql.cli.output import Output, cell, paused
from tasker_sql.cli.query import query
from tasker_sql.client import Client
from tasker_sql.rows import ClosedTask

app = Commands(help=ROOT["task"][1])
verbs = Commands()
for part in (task_create.app, task_show.app, task_list.app, waits.signals, verbs):
    app.add_typer(part)


@query(verbs)
def cancel(
    client: Client,
    task_uuid: OpenTaskUuid,
    reason: Reason,
    cleanup: Annotated[
        bool, option("Let its steps run that run on failure or at the end.", "--cleanup")
    ] = False,
) -> Output:
    """Cancel a task with all its open steps. Running handlers learn of it within seconds.

    Example: tasker-sql task cancel $TASK_UUID --reason "ordered twice"
    """
    return _closed(client.cancel_task(task_uuid, reason, {"cleanup": cleanup}))


@query(verbs)
def resolve(client: Client, task_uuid: TaskUuid, reason: Reason) -> Output:
    """Resolve a task that was dealt with outside the engine.

    Example: tasker-sql task resolve $TASK_UUID --reason "shipped by hand"
    """
    return _closed(client.resolve_task(task_uuid, reason))


@query(verbs)
def pause(client: Client, task_uuid: OpenTaskUuid, reason: Reason) -> Output:
    """Hand out no more steps of a task; what runs goes on.

    Example: tasker-sql task pause $TASK_UUID --reason "the customer is to call back"
    """
    return paused("the task", client.pause_task(task_uuid, reason))


@query(verbs)
def resume(client: Client, task_uuid: OpenTaskUuid, reason: Reason) -> Output:
    """Hand out steps of a paused task again.

    Example: tasker-sql task resume $TASK_UUID --reason "the customer has called"
    """
    return paused("the task", client.resume_task(task_uuid, reason))


@query(verbs, "set-deadline")
def set_deadline(
    client: Client,
    task_uuid: OpenTaskUuid,
    reason: Reason,
    deadline: Annotated[
        datetime | None, argument("By when it is to be done: ISO 8601, UTC without a zone.", **TIME)
    ] = None,
    none: Annotated[bool, option("It may take for ever.", "--none")] = False,
) -> Output:
    """Move the deadline of a task, or remove it.

    One that has passed takes effect with the next sweep.

    Examples:
      tasker-sql task set-deadline $TASK_UUID 2030-01-31T17:00Z -r "a holiday"
      tasker-sql task set-deadline $TASK_UUID --none --reason "there is no hurry"
    """
    if (deadline is None) is not none:
        raise ValueError("a time is needed, or --none: either, not both")
    moved = client.set_deadline(task_uuid, deadline, reason)
    before = f"; it was {cell(moved.previous)} UTC" if moved.previous else ""
    now = f"is to be done by {cell(moved.deadline)} UTC" if moved.deadline else "has no deadline"
    return Output(moved, f"the task {now}{before}")


def _closed(task: ClosedTask) -> Output:
    return Output(
        task, f"the task is {task.task_state}, {task.cancelled_steps} steps were cancelled"
    )
