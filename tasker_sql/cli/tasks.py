"""`tasker-sql task`: runs of templates, and what an operator does to one."""

from __future__ import annotations

from tasker_sql.cli import task_creating, task_listing, task_looking
from tasker_sql.cli.arguments import Json, OpenTaskUuid, Reason, TaskUuid
from tasker_sql.cli.asking import tell
from tasker_sql.cli.commands import Commands
from tasker_sql.cli.output import paused
from tasker_sql.rows import ClosedTask

app = Commands(help="Tasks: runs of templates.")
task_creating.add_to(app)
task_looking.add_to(app)
task_listing.add_to(app)


@app.command()
def cancel(task_uuid: OpenTaskUuid, reason: Reason, as_json: Json = False) -> None:
    """Cancel a task with all its open steps. Running handlers learn of it within seconds.

    Example: tasker-sql task cancel $TASK_UUID --reason "ordered twice"
    """
    tell(lambda client: client.cancel_task(task_uuid, reason), _closed, as_json)


@app.command()
def resolve(task_uuid: TaskUuid, reason: Reason, as_json: Json = False) -> None:
    """Settle a task that was dealt with outside the engine.

    Example: tasker-sql task resolve $TASK_UUID --reason "shipped by hand"
    """
    tell(lambda client: client.resolve_task(task_uuid, reason), _closed, as_json)


@app.command()
def pause(task_uuid: OpenTaskUuid, reason: Reason, as_json: Json = False) -> None:
    """Hand out no more steps of a task; what runs goes on.

    Example: tasker-sql task pause $TASK_UUID --reason "the customer is to call back"
    """
    tell(lambda client: client.pause_task(task_uuid, reason), paused("the task"), as_json)


@app.command()
def resume(task_uuid: OpenTaskUuid, reason: Reason, as_json: Json = False) -> None:
    """Hand out steps of a paused task again.

    Example: tasker-sql task resume $TASK_UUID --reason "the customer has called"
    """
    tell(lambda client: client.resume_task(task_uuid, reason), paused("the task"), as_json)


def _closed(answer: ClosedTask) -> str:
    return f"the task is {answer.task_state}, {answer.cancelled_steps} steps were cancelled"
