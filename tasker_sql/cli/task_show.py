"""`tasker-sql task show`, `history`, `draw`, `explain`, `timings` and `critical-path`: how one task
stands, and how it came there."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Final, Literal

from tasker_sql.cli.commands import Commands
from tasker_sql.cli.options import TaskUuid, option
from tasker_sql.cli.output import Output, Part, Picture, cell, console, line, reasons, table
from tasker_sql.cli.query import query, run_query
from tasker_sql.client import Client
from tasker_sql.failure import error_lines
from tasker_sql.history import changes
from tasker_sql.jsonb import dumps
from tasker_sql.rows import Task, TaskStep
from tasker_sql.templates import drawing
from tasker_sql.templates.drawing import STYLES

FAILED: Final = ("error", "waiting_for_retry")
Drawing = Literal["text", "mermaid", "svg"]  # functions of `drawing`
MOST_LINES: Final = 100  # of an input
PARTS: Final = (
    "step=name, state, waiting, queued, backing off, running, lost, failed, afterwards, "
    "finalizing, in all=wall_time"
)


app = Commands()


@query(app, watch=True)
def show(client: Client, task_uuid: TaskUuid) -> Output:
    """Show a task, with its DAG and its steps.

    How it stands, the states, results and errors of its steps, its input, and where the handlers of
    failed steps raised.

    Example: tasker-sql task show $TASK_UUID --watch
    """
    task, steps = client.get_task(task_uuid), client.get_task_steps(task_uuid)
    return Output({"task": task, "steps": steps}, task_picture(task, steps))


@query(app, watch=True)
def history(client: Client, task_uuid: TaskUuid) -> Output:
    """What happened to it, in the order of time?

    Each change of its state and of its steps, who made it, and why; with the error of each attempt
    that failed.

    Example: tasker-sql task history $TASK_UUID
    """
    client.get_task(task_uuid)  # or say that there is none
    found = changes(client, task_uuid)
    failed = {one.step_uuid for one in found if one.step_uuid and one.to_state in FAILED}
    errors: dict[Any, Any] = {
        (step, attempt.ended_at): attempt.error
        for step in failed
        for attempt in client.step_attempts(step)
    }
    rows = [{**one._asdict(), "error": errors.get((one.step_uuid, one.at))} for one in found]
    return Output.listing(
        rows,
        "at, step, was=from_state, is=to_state, by=actor, why",
        "nothing yet",
        why=lambda row: _message(row["error"]) or row["reason"],
    )


def _message(error: Any) -> str | None:
    return error.get("message") if isinstance(error, dict) else None


def task_picture(task: Task, steps: list[TaskStep]) -> Picture:
    paused = f", paused by {task.paused_by}: {task.pause_reason}" if task.paused else ""
    stands = f" {task.completion_percentage:f} %, {task.health_status}{paused}"
    picture: list[Part] = [
        f"{task.namespace}/{task.name}@{task.version}  {task.task_uuid}",
        line((task.state, STYLES.get(task.state, "")), stands),
    ]
    if task.deadline:
        picture.append(f"to be done by {cell(task.deadline)} UTC")
    if task.recommended_action:
        picture.append(f"next: {task.recommended_action}")
    dag = {step.name: step.parents for step in steps}
    out = console()
    width = out.width if out.is_terminal else drawing.WIDTH
    rows = table(
        steps,
        "step=name, state, attempt, took, result or error",
        "no steps",
        attempt=lambda step: f"{step.attempt}/{step.max_attempts}",
        took=_took,
        result_or_error=lambda step: (
            _message(step.last_error) if step.result is None else step.result
        ),
    )
    states = {step.name: step.state for step in steps}
    picture += ["", *drawing.text(dag, states, width).splitlines(), rows]
    picture += ["", line(("input", "bold")), *_input(task.context)]
    for step in steps:
        if step.state in FAILED and step.last_error is not None:
            picture += ["", line((f"{step.name} failed", "bold red"), f", attempt {step.attempt}")]
            picture += [f"  {one}" for one in error_lines(step.last_error)]
    return picture


def _took(step: TaskStep) -> timedelta | None:
    return step.finished_at - step.started_at if step.finished_at and step.started_at else None


def _input(context: Any) -> list[Part]:
    text = dumps(context, indent=2).split("\n")
    over = len(text) - MOST_LINES
    more = [f"  ... {over} more lines: task show --json has all"] if over > 0 else []
    return [*(f"  {one}" for one in text[:MOST_LINES]), *more]


@app.command()
def draw(
    task_uuid: TaskUuid, to: Annotated[Drawing, option("Of which kind.", "--as")] = "text"
) -> None:
    """Print the DAG with the states of its steps.

    Example: tasker-sql task draw $TASK_UUID --as mermaid
    """

    def ask(client: Client) -> Output:
        steps = client.get_task_steps(task_uuid)
        dag, states = ({s.name: s.parents for s in steps}, {s.name: s.state for s in steps})
        return Output(None, [*getattr(drawing, to)(dag, states).splitlines()])

    run_query(ask, as_json=False)


@query(app, watch=True)
def explain(client: Client, task_uuid: TaskUuid) -> Output:
    """What does it wait for?

    Each kind of reason once, what blocks first, with its cure.

    Example: tasker-sql task explain $TASK_UUID
    """
    found = client.explain_task(task_uuid)
    return Output(found, reasons(found))


@query(app, watch=True)
def timings(client: Client, task_uuid: TaskUuid) -> Output:
    """Where did its time go?

    The parts of each step add up to the whole.

    Example: tasker-sql task timings $TASK_UUID
    """
    found = client.task_timings(task_uuid)
    shown = [{name: value or None for name, value in step._asdict().items()} for step in found]
    return Output(found, table(shown, PARTS, "no steps"))


@query(app, watch=True)
def critical_path(client: Client, task_uuid: TaskUuid) -> Output:
    """Which steps decide when it ends?

    How much time the others have, and when that will be.

    Example: tasker-sql task critical-path $TASK_UUID
    """
    path = client.critical_path(task_uuid)
    columns = (
        "step=name, state, critical=is_critical, ready at, ends at, estimated=is_estimated, slack"
    )
    picture: list[Part] = [table(path, columns, "no steps")]
    end, based_on = path[0].task_ends_at, path[0].based_on
    if any(step.is_estimated for step in path):
        tasks = "the last task" if based_on == 1 else f"the last {based_on} tasks"
        picture.append(f"ends {cell(end)} UTC, if it goes as {tasks} of its template")
    elif end is None:
        picture.append("nobody can tell when it ends: see tasker-sql task explain")
    return Output(path, picture)
