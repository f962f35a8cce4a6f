"""`tasker-sql task`: runs of templates."""

from __future__ import annotations

import time
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tasker_sql import drawing
from tasker_sql.cli.shared import (
    NO,
    Json,
    Reason,
    cell,
    console,
    json_argument,
    opened,
    print_json,
    print_reasons,
    print_table,
    template_argument,
)
from tasker_sql.client import Client
from tasker_sql.rows import ClosedTask, ListedTask, Task, TaskStep

app = typer.Typer(help="Tasks: runs of templates.", no_args_is_help=True)

Uuid = Annotated[UUID, typer.Argument(metavar="TASK_UUID", show_default=False)]
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
ENDED = {"complete", "error", "cancelled", "resolved_manually"}
BATCH = 1000


@app.command()
def create(
    template: Annotated[str, typer.Argument(metavar="TEMPLATE", help="NAMESPACE/NAME[@VERSION]")],
    context: Annotated[
        str, typer.Option("--context", "-c", help="A JSON object, @FILE, or - for standard input.")
    ] = "{}",
    contexts: Annotated[
        Path | None,
        typer.Option(help="A file with a JSON object in each line: a task for each.", exists=True),
    ] = None,
    key: Annotated[str | None, typer.Option(help="Idempotency key: one task for it.")] = None,
    priority: Annotated[str | None, typer.Option(help="high, normal or low")] = None,
    run_at: Annotated[str | None, typer.Option(help="Not before: ISO 8601 with a zone.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="A tag; repeat for more.")] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for its end; exit 1 unless complete.")
    ] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait at most.")] = 86400.0,
    as_json: Json = False,
) -> None:
    """Create a task; or many, from a file of contexts. Prints their uuids.

    Examples: tasker-sql task create fulfillment/process_order -c '{"order_id": 7}' --wait
    """
    namespace, name, version = template_argument(template)
    given = {"version": version, "priority": priority, "run_at": run_at, "tags": tag or None}
    options = {option: value for option, value in given.items() if value is not None}
    with opened() as client:
        if contexts is not None:
            _create_many(client, (namespace, name), contexts, options, as_json)
            return
        if key is not None:
            options["idempotency_key"] = key
        value = json_argument(context, "--context")
        made = client.create_task(namespace, name, value, options)
        if not as_json:
            typer.echo(made.task_uuid)
        elif not wait:
            print_json(made)
        if wait:
            _wait(client, made.task_uuid, timeout)
            task = client.get_task(made.task_uuid)
            if as_json:
                print_json(task)
            else:
                _print_task(task, client.get_task_steps(made.task_uuid))
            if task.state != "complete":
                raise typer.Exit(NO)


@app.command()
def show(
    task_uuid: Uuid,
    mermaid: Annotated[bool, typer.Option("--mermaid", help="As a Mermaid flowchart.")] = False,
    as_json: Json = False,
) -> None:
    """Show a task: how it stands, its DAG with the states, its steps with results and errors."""
    with opened() as client:
        task = client.get_task(task_uuid)
        steps = client.get_task_steps(task_uuid)
    if as_json:
        print_json({"task": task, "steps": steps})
    elif mermaid:
        dag = {step.name: step.parents for step in steps}
        typer.echo(drawing.mermaid(dag, {step.name: step.state for step in steps}), nl=False)
    else:
        _print_task(task, steps)


class Drawn(StrEnum):
    """How a DAG is drawn."""

    TEXT = "text"
    MERMAID = "mermaid"
    DOT = "dot"
    SVG = "svg"


@app.command()
def draw(
    task_uuid: Uuid,
    to: Annotated[Drawn, typer.Option("--as", help="Of which kind.")] = Drawn.TEXT,
) -> None:
    """Print the DAG with the states of its steps.

    Example: tasker-sql task draw 0199... --as svg > task.svg
    """
    with opened() as client:
        steps = client.get_task_steps(task_uuid)
    dag = {step.name: step.parents for step in steps}
    draws = {
        Drawn.TEXT: drawing.text,
        Drawn.MERMAID: drawing.mermaid,
        Drawn.DOT: drawing.dot,
        Drawn.SVG: drawing.svg,
    }
    typer.echo(draws[to](dag, {step.name: step.state for step in steps}), nl=False)


@app.command()
def explain(task_uuid: Uuid, as_json: Json = False) -> None:
    """What does it wait for? Each kind of reason once, what blocks first, with its cure."""
    with opened() as client:
        print_reasons(client.explain_task(task_uuid), as_json)


@app.command()
def blame(task_uuid: Uuid, as_json: Json = False) -> None:
    """Where did its time go? The parts of each step add up to the whole."""
    with opened() as client:
        blamed = client.blame_task(task_uuid)
    if as_json:
        print_json(blamed)
        return
    print_table(
        ["step", "state", *(part.replace("_", " ") for part in PARTS), "in all"],
        [
            (b.name, b.state, *(getattr(b, part) or None for part in PARTS), b.wall_time)
            for b in blamed
        ],
        "no steps",
    )


@app.command("critical-path")
def critical_path(task_uuid: Uuid, as_json: Json = False) -> None:
    """Which steps decide when it ends, how much time the others have, and when that will be."""
    with opened() as client:
        path = client.critical_path(task_uuid)
    if as_json:
        print_json(path)
        return
    print_table(
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
    end, based_on = path[0].task_ends_at, path[0].based_on
    if any(p.is_estimated for p in path):
        tasks = "the last task" if based_on == 1 else f"the last {based_on} tasks"
        typer.echo(f"ends {cell(end)} UTC, if it goes as {tasks} of its template")
    elif end is None:
        typer.echo("nobody can tell when it ends: see tasker-sql task explain")


@app.command("list")
def list_(
    namespace: Annotated[str | None, typer.Option("--namespace", "-n")] = None,
    name: Annotated[str | None, typer.Option(help="Of this template.")] = None,
    state: Annotated[str | None, typer.Option(help="In this state.")] = None,
    tag: Annotated[str | None, typer.Option(help="With this tag.")] = None,
    since: Annotated[str | None, typer.Option(help="Created since: ISO 8601 with a zone.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many.")] = 50,
    as_json: Json = False,
) -> None:
    """List tasks, newest first.

    Example: tasker-sql task list -n fulfillment --state error
    """
    given = {"namespace": namespace, "name": name, "state": state, "tag": tag, "since": since}
    wanted = {key: value for key, value in given.items() if value is not None}
    with opened() as client:
        found = _pages(client, wanted, limit)
    if as_json:
        print_json(found)
        return
    print_table(
        ["task", "template", "state", "paused", "created at", "finished at"],
        [
            (
                *(t.task_uuid, f"{t.namespace}/{t.name}@{t.version}", t.state, t.paused),
                *(t.created_at, t.finished_at),
            )
            for t in found
        ],
        "no such tasks",
    )


@app.command()
def cancel(task_uuid: Uuid, reason: Reason, as_json: Json = False) -> None:
    """Cancel a task with all its open steps. Running handlers learn of it within seconds."""
    with opened() as client:
        _closed(client.cancel_task(task_uuid, reason), as_json)


@app.command()
def resolve(task_uuid: Uuid, reason: Reason, as_json: Json = False) -> None:
    """Settle a task that was dealt with outside the engine."""
    with opened() as client:
        _closed(client.resolve_task(task_uuid, reason), as_json)


@app.command()
def pause(task_uuid: Uuid, reason: Reason) -> None:
    """Hand out no more steps of a task; what runs goes on."""
    with opened() as client:
        client.pause_task(task_uuid, reason)
    typer.echo("the task is paused")


@app.command()
def resume(task_uuid: Uuid, reason: Reason) -> None:
    """Hand out steps of a paused task again."""
    with opened() as client:
        client.resume_task(task_uuid, reason)
    typer.echo("the task runs")


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True)


def _create_many(
    client: Client, template: tuple[str, str], file: Path, options: dict[str, Any], as_json: bool
) -> None:
    created: list[UUID] = []
    with file.open(encoding="utf-8") as lines:
        total = sum(1 for line in lines if line.strip())
    with file.open(encoding="utf-8") as lines, _progress() as progress:
        bar = progress.add_task("creating tasks", total=total)
        contexts = (
            json_argument(line, f"{file}:{number}")
            for number, line in enumerate(lines, 1)
            if line.strip()
        )
        while batch := list(islice(contexts, BATCH)):
            made = client.create_tasks(*template, batch, options)
            created += [task.task_uuid for task in made]
            progress.advance(bar, len(batch))
    if as_json:
        print_json(created)
    else:
        for task_uuid in created:
            typer.echo(task_uuid)


def _wait(client: Client, task_uuid: UUID, timeout: float) -> None:
    """Wait until the task has ended, or the time is over."""
    deadline = time.monotonic() + timeout
    with _progress() as progress:
        bar = progress.add_task("steps", total=None)
        while True:
            stands = client.get_task_execution_context(task_uuid)
            progress.update(bar, total=stands.total_steps, completed=stands.completed_steps)
            if stands.status in ENDED or time.monotonic() >= deadline:
                return
            time.sleep(0.1)


def _pages(client: Client, wanted: dict[str, str], limit: int) -> list[ListedTask]:
    found: list[ListedTask] = []
    before: UUID | None = None
    while len(found) < limit:
        page = client.list_tasks(wanted, min(limit - len(found), BATCH), before)
        found += [task for task in page if task.task_uuid is not None]
        before = page[-1].next_before if page else None
        if before is None:
            break
    return found


def _closed(answer: ClosedTask, as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        typer.echo(
            f"the task is {answer.task_state}, {answer.cancelled_steps} steps were cancelled"
        )


def _print_task(task: Task, steps: list[TaskStep]) -> None:
    out = console()
    paused = f", paused by {task.paused_by}: {task.pause_reason}" if task.paused else ""
    out.print(cell(f"{task.namespace}/{task.name}@{task.version}  {task.task_uuid}"))
    out.print(cell(task.state), f"{task.completion_percentage:f} %, {task.health_status}{paused}")
    if task.recommended_action:
        out.print(f"next: {task.recommended_action}")
    dag = {step.name: step.parents for step in steps}
    width = out.width if out.is_terminal else drawing.WIDTH
    picture = drawing.text(dag, {step.name: step.state for step in steps}, width)
    out.print(f"\n{picture}", markup=False, no_wrap=True, crop=False)
    print_table(
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


def _error(step: TaskStep) -> str | None:
    return step.last_error.get("message") if isinstance(step.last_error, dict) else None
