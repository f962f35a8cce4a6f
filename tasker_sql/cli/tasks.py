"""`tasker-sql task`: runs of templates."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import UUID

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tasker_sql import drawing
from tasker_sql.cli import completion
from tasker_sql.cli.arguments import (
    Json,
    Namespace,
    Reason,
    Watch,
    json_argument,
    template_argument,
)
from tasker_sql.cli.asking import opened, tell
from tasker_sql.cli.commands import Commands
from tasker_sql.cli.errors import NO
from tasker_sql.cli.output import (
    Part,
    Picture,
    cell,
    console,
    paused,
    print_json,
    put,
    reasons,
    table,
)
from tasker_sql.client import Client
from tasker_sql.rows import BlamedStep, ClosedTask, ListedTask, PathStep, Task, TaskStep
from tasker_sql.top.snapshot import place_of

app = Commands(help="Tasks: runs of templates.")


def _of_a_task(uuid: UUID) -> UUID:
    task_uuid = place_of(uuid).task_uuid
    if uuid.version == 7 and task_uuid != uuid:  # else it is none of ours: not found
        raise typer.BadParameter(f"{uuid} is a step of the task {task_uuid}")
    return uuid


Uuid = Annotated[
    UUID,
    typer.Argument(
        callback=_of_a_task,
        metavar="TASK_UUID",
        help="The task.",
        show_default=False,
        autocompletion=completion.tasks,
    ),
]
OpenUuid = Annotated[
    UUID,
    typer.Argument(
        callback=_of_a_task,
        metavar="TASK_UUID",
        help="The task.",
        show_default=False,
        autocompletion=completion.open_tasks,
    ),
]
AGO: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
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
    template: Annotated[
        str,
        typer.Argument(
            metavar="TEMPLATE",
            help="NAMESPACE/NAME[@VERSION]",
            autocompletion=completion.templates,
        ),
    ],
    context: Annotated[
        str, typer.Option("--context", "-c", help="A JSON object, @FILE, or - for standard input.")
    ] = "{}",
    contexts: Annotated[
        Path | None,
        typer.Option(help="A file with a JSON object in each line: a task for each.", exists=True),
    ] = None,
    key: Annotated[str | None, typer.Option(help="Idempotency key: one task for it.")] = None,
    priority: Annotated[
        str | None,
        typer.Option(
            help="high, normal or low.",
            autocompletion=completion.words("high", "normal", "low"),
        ),
    ] = None,
    run_at: Annotated[str | None, typer.Option(help="Not before: ISO 8601 with a zone.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="A tag; repeat for more.")] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for its end; exit 1 unless complete.")
    ] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait at most.")] = 86400.0,
    as_json: Json = False,
) -> None:
    """Create a task; or many, from a file of contexts. Prints their uuids.

    With --wait it prints how the task ended, and exits with 1 unless it is complete.

    Examples:
      tasker-sql task create fulfillment/process_order -c @order.json --wait
      tasker-sql task create fulfillment/process_order --contexts orders.jsonl
      tasker-sql task create fulfillment/process_order --key 7 -c - < order.json
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
                put(_picture(Looked(task, client.get_task_steps(made.task_uuid))))
            if task.state != "complete":
                raise typer.Exit(NO)


@dataclass(frozen=True)
class Looked:
    """A task with its steps."""

    task: Task
    steps: list[TaskStep]


def _look(client: Client, task_uuid: UUID) -> Looked:
    return Looked(client.get_task(task_uuid), client.get_task_steps(task_uuid))


@app.command()
def show(
    task_uuid: Uuid,
    mermaid: Annotated[bool, typer.Option("--mermaid", help="As a Mermaid flowchart.")] = False,
    as_json: Json = False,
    watch: Watch = None,
) -> None:
    """Show a task, with its DAG and its steps.

    How it stands, the states, results and errors of its steps.

    Example: tasker-sql task show $TASK_UUID --watch
    """

    def draw(found: Looked) -> Picture:
        return _drawn(Drawn.MERMAID, found.steps) if mermaid else _picture(found)

    tell(lambda client: _look(client, task_uuid), draw, as_json, watch)


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

    Example: tasker-sql task draw $TASK_UUID --as svg > task.svg
    """
    tell(
        lambda client: client.get_task_steps(task_uuid),
        lambda steps: _drawn(to, steps),
        as_json=False,
    )


def _drawn(to: Drawn, steps: Sequence[TaskStep]) -> str:
    draws = {
        Drawn.TEXT: drawing.text,
        Drawn.MERMAID: drawing.mermaid,
        Drawn.DOT: drawing.dot,
        Drawn.SVG: drawing.svg,
    }
    dag = {step.name: step.parents for step in steps}
    return draws[to](dag, {step.name: step.state for step in steps}).rstrip("\n")


@app.command()
def explain(task_uuid: Uuid, as_json: Json = False, watch: Watch = None) -> None:
    """What does it wait for?

    Each kind of reason once, what blocks first, with its cure.

    Example: tasker-sql task explain $TASK_UUID
    """
    tell(lambda client: client.explain_task(task_uuid), reasons, as_json, watch)


@app.command()
def blame(task_uuid: Uuid, as_json: Json = False, watch: Watch = None) -> None:
    """Where did its time go?

    The parts of each step add up to the whole.

    Example: tasker-sql task blame $TASK_UUID
    """

    def draw(blamed: list[BlamedStep]) -> Picture:
        return table(
            ["step", "state", *(part.replace("_", " ") for part in PARTS), "in all"],
            [
                (b.name, b.state, *(getattr(b, part) or None for part in PARTS), b.wall_time)
                for b in blamed
            ],
            "no steps",
        )

    tell(lambda client: client.blame_task(task_uuid), draw, as_json, watch)


@app.command("critical-path")
def critical_path(task_uuid: Uuid, as_json: Json = False, watch: Watch = None) -> None:
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


def _moment(text: str) -> datetime:
    """A time, or how long ago."""
    try:
        if ago := re.fullmatch(r"(\d+)([smhd])", text):
            return datetime.now(UTC) - timedelta(**{AGO[ago[2]]: int(ago[1])})
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        said = f"{text}: 90s, 15m, 2h or 3d is needed (ago), or ISO 8601: 2026-01-31T17:00Z"
        raise typer.BadParameter(said) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


class State(StrEnum):
    """Of a task."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    BLOCKED_BY_FAILURES = "blocked_by_failures"
    COMPLETE = "complete"
    ERROR = "error"
    CANCELLED = "cancelled"
    RESOLVED_MANUALLY = "resolved_manually"


@app.command("list")
def list_(
    namespace: Namespace = None,
    template: Annotated[
        str | None,
        typer.Option(
            "--template", help="Of this template.", autocompletion=completion.template_names
        ),
    ] = None,
    state: Annotated[
        State | None,
        typer.Option(metavar="STATE", help=f"In this state: {', '.join(State)}."),
    ] = None,
    tag: Annotated[str | None, typer.Option(help="With this tag.")] = None,
    initiator: Annotated[str | None, typer.Option(help="Asked for by this one.")] = None,
    key: Annotated[str | None, typer.Option(help="With this idempotency key.")] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            parser=_moment,
            metavar="TIME",
            help="Created since: 90s, 15m, 2h or 3d ago, or ISO 8601 (UTC without a zone).",
        ),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(parser=_moment, metavar="TIME", help="Created before, likewise."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many.")] = 50,
    as_json: Json = False,
    watch: Watch = None,
) -> None:
    """List tasks, newest first.

    Examples:
      tasker-sql task list -n fulfillment --state error --since 2h
      tasker-sql task list --template process_order --limit 5 --json
    """
    given: dict[str, Any] = {"namespace": namespace, "name": template, "state": state, "tag": tag}
    given |= {"initiator": initiator, "idempotency_key": key}
    given |= {"since": since and since.isoformat(), "until": until and until.isoformat()}
    wanted = {name: value for name, value in given.items() if value is not None}

    def draw(found: list[ListedTask]) -> Picture:
        return table(
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

    tell(lambda client: _pages(client, wanted, limit), draw, as_json, watch)


@app.command()
def cancel(task_uuid: OpenUuid, reason: Reason, as_json: Json = False) -> None:
    """Cancel a task with all its open steps. Running handlers learn of it within seconds.

    Example: tasker-sql task cancel $TASK_UUID --reason "ordered twice"
    """
    tell(lambda client: client.cancel_task(task_uuid, reason), _closed, as_json)


@app.command()
def resolve(task_uuid: Uuid, reason: Reason, as_json: Json = False) -> None:
    """Settle a task that was dealt with outside the engine.

    Example: tasker-sql task resolve $TASK_UUID --reason "shipped by hand"
    """
    tell(lambda client: client.resolve_task(task_uuid, reason), _closed, as_json)


@app.command()
def pause(task_uuid: OpenUuid, reason: Reason, as_json: Json = False) -> None:
    """Hand out no more steps of a task; what runs goes on.

    Example: tasker-sql task pause $TASK_UUID --reason "the customer is to call back"
    """
    tell(lambda client: client.pause_task(task_uuid, reason), paused("the task"), as_json)


@app.command()
def resume(task_uuid: OpenUuid, reason: Reason, as_json: Json = False) -> None:
    """Hand out steps of a paused task again.

    Example: tasker-sql task resume $TASK_UUID --reason "the customer has called"
    """
    tell(lambda client: client.resume_task(task_uuid, reason), paused("the task"), as_json)


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    stderr = Console(stderr=True)
    hidden = not stderr.is_terminal
    return Progress(*columns, TimeElapsedColumn(), console=stderr, transient=True, disable=hidden)


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


def _closed(answer: ClosedTask) -> str:
    return f"the task is {answer.task_state}, {answer.cancelled_steps} steps were cancelled"


def _picture(found: Looked) -> Picture:
    task, steps = found.task, found.steps
    paused = f", paused by {task.paused_by}: {task.pause_reason}" if task.paused else ""
    stands = f" {task.completion_percentage:f} %, {task.health_status}{paused}"
    picture: list[Part] = [
        f"{task.namespace}/{task.name}@{task.version}  {task.task_uuid}",
        cell(task.state).append(stands, "default"),
    ]
    if task.recommended_action:
        picture.append(f"next: {task.recommended_action}")
    dag = {step.name: step.parents for step in steps}
    out = console()
    width = out.width if out.is_terminal else drawing.WIDTH
    lines = table(
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
    return [*picture, "", drawing.text(dag, states, width), lines]


def _error(step: TaskStep) -> str | None:
    return step.last_error.get("message") if isinstance(step.last_error, dict) else None
