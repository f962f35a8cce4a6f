"""`tasker-sql task create`: one task, or one for each line of a file; and waiting for its end."""

from __future__ import annotations

import time
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import UUID

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tasker_sql.cli import completion
from tasker_sql.cli.arguments import Json, json_argument, template_argument
from tasker_sql.cli.asking import opened
from tasker_sql.cli.errors import NO
from tasker_sql.cli.output import print_json, put
from tasker_sql.cli.task_looking import Looked, task_picture
from tasker_sql.client import Client

ENDED = {"complete", "error", "cancelled", "resolved_manually"}
BATCH: Final = 1000  # tasks


def add_to(app: typer.Typer) -> None:
    app.command()(create)


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
                put(task_picture(Looked(task, client.get_task_steps(made.task_uuid))))
            if task.state != "complete":
                raise typer.Exit(NO)


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


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    stderr = Console(stderr=True)
    hidden = not stderr.is_terminal
    return Progress(*columns, TimeElapsedColumn(), console=stderr, transient=True, disable=hidden)
