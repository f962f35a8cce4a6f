"""`tasker-sql task show`, `draw`, `explain`, `timings` and `critical-path`: how one task stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final
from uuid import UUID

import typer

from tasker_sql.cli.arguments import Json, TaskUuid, Watch
from tasker_sql.cli.asking import tell
from tasker_sql.cli.output import Part, Picture, cell, console, line, lines, reasons, table
from tasker_sql.client import Client
from tasker_sql.failure import error_lines
from tasker_sql.jsonb import dumps
from tasker_sql.rows import PathStep, StepTimings, Task, TaskStep
from tasker_sql.templates import drawing
from tasker_sql.templates.drawing import STYLES

FAILED: Final = ("error", "waiting_for_retry")
MOST_LINES: Final = 100  # of an input
PARTS = [
    "waiting",
    "queued",
    "backing_off",
    "running",
    "lost",
    "failed",
    "afterwards",
    "finalizing",
]


def add_to(app: typer.Typer) -> None:
    app.command()(show)
    app.command()(draw)
    app.command()(explain)
    app.command()(timings)
    app.command("critical-path")(critical_path)


@dataclass(frozen=True)
class Looked:
    """A task with its steps."""

    task: Task
    steps: list[TaskStep]


def _look(client: Client, task_uuid: UUID) -> Looked:
    return Looked(client.get_task(task_uuid), client.get_task_steps(task_uuid))


def show(task_uuid: TaskUuid, as_json: Json = False, watch: Watch = None) -> None:
    """Show a task, with its DAG and its steps.

    How it stands, the states, results and errors of its steps, its input, and where the handlers of
    failed steps raised.

    Example: tasker-sql task show $TASK_UUID --watch
    """
    tell(lambda client: _look(client, task_uuid), task_picture, as_json, watch)


def task_picture(found: Looked) -> Picture:
    task, steps = found.task, found.steps
    paused = f", paused by {task.paused_by}: {task.pause_reason}" if task.paused else ""
    stands = f" {task.completion_percentage:f} %, {task.health_status}{paused}"
    picture: list[Part] = [
        f"{task.namespace}/{task.name}@{task.version}  {task.task_uuid}",
        line((task.state, STYLES.get(task.state, "")), stands),
    ]
    if task.recommended_action:
        picture.append(f"next: {task.recommended_action}")
    dag = {step.name: step.parents for step in steps}
    out = console()
    width = out.width if out.is_terminal else drawing.WIDTH
    rows = table(
        ["step", "state", "attempt", "took", "result or error"],
        [
            (
                step.name,
                step.state,
                f"{step.attempt}/{step.max_attempts}",
                step.finished_at - step.started_at
                if step.finished_at and step.started_at
                else None,
                step.result if step.result is not None else _error(step),
            )
            for step in steps
        ],
        "no steps",
    )
    states = {step.name: step.state for step in steps}
    picture += ["", *lines(drawing.text(dag, states, width)), rows, "", line(("input", "bold"))]
    picture += _input(task.context)
    for step in steps:
        if step.state in FAILED and step.last_error is not None:
            picture += ["", line((f"{step.name} failed", "bold red"), f", attempt {step.attempt}")]
            picture += [f"  {one}" for one in error_lines(step.last_error)]
    return picture


def _input(context: Any) -> list[Part]:
    text = dumps(context, indent=2).split("\n")
    over = len(text) - MOST_LINES
    more = [f"  ... {over} more lines: task show --json has all"] if over > 0 else []
    return [*(f"  {one}" for one in text[:MOST_LINES]), *more]


def _error(step: TaskStep) -> str | None:
    return step.last_error.get("message") if isinstance(step.last_error, dict) else None


class Drawn(StrEnum):
    """How a DAG is drawn."""

    TEXT = "text"
    MERMAID = "mermaid"
    DOT = "dot"
    SVG = "svg"


def draw(
    task_uuid: TaskUuid,
    to: Annotated[Drawn, typer.Option("--as", help="Of which kind.")] = Drawn.TEXT,
) -> None:
    """Print the DAG with the states of its steps. SVG is drawn by Graphviz.

    Example: tasker-sql task draw $TASK_UUID --as mermaid
    """
    tell(
        lambda client: client.get_task_steps(task_uuid),
        lambda steps: _drawn(to, steps),
        as_json=False,
    )


def _drawn(to: Drawn, steps: Sequence[TaskStep]) -> Picture:
    draws = {
        Drawn.TEXT: drawing.text,
        Drawn.MERMAID: drawing.mermaid,
        Drawn.DOT: drawing.dot,
        Drawn.SVG: drawing.svg,
    }
    dag = {step.name: step.parents for step in steps}
    return lines(draws[to](dag, {step.name: step.state for step in steps}).rstrip("\n"))


def explain(task_uuid: TaskUuid, as_json: Json = False, watch: Watch = None) -> None:
    """What does it wait for?

    Each kind of reason once, what blocks first, with its cure.

    Example: tasker-sql task explain $TASK_UUID
    """
    tell(lambda client: client.explain_task(task_uuid), reasons, as_json, watch)


def timings(task_uuid: TaskUuid, as_json: Json = False, watch: Watch = None) -> None:
    """Where did its time go?

    The parts of each step add up to the whole.

    Example: tasker-sql task timings $TASK_UUID
    """

    def draw(found: list[StepTimings]) -> Picture:
        return table(
            ["step", "state", *(part.replace("_", " ") for part in PARTS), "in all"],
            [
                (s.name, s.state, *(getattr(s, part) or None for part in PARTS), s.wall_time)
                for s in found
            ],
            "no steps",
        )

    tell(lambda client: client.task_timings(task_uuid), draw, as_json, watch)


def critical_path(task_uuid: TaskUuid, as_json: Json = False, watch: Watch = None) -> None:
    """Which steps decide when it ends?

    How much time the others have, and when that will be.

    Example: tasker-sql task critical-path $TASK_UUID
    """
    tell(lambda client: client.critical_path(task_uuid), _path_picture, as_json, watch)


def _path_picture(path: list[PathStep]) -> Picture:
    picture: list[Part] = [
        table(
            ["step", "state", "critical", "ready at", "ends at", "estimated", "slack"],
            [
                (
                    *(p.name, p.state, p.is_critical, p.ready_at, p.ends_at),
                    *(p.is_estimated, p.slack),
                )
                for p in path
            ],
            "no steps",
        )
    ]
    end, based_on = path[0].task_ends_at, path[0].based_on
    if any(p.is_estimated for p in path):
        tasks = "the last task" if based_on == 1 else f"the last {based_on} tasks"
        picture.append(f"ends {cell(end)} UTC, if it goes as {tasks} of its template")
    elif end is None:
        picture.append("nobody can tell when it ends: see tasker-sql task explain")
    return picture
