"""`tasker-sql task create`: one task, or one for each line of a file; and waiting for its end."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import UUID

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tasker_sql.cli import completion
from tasker_sql.cli.commands import Commands, Json
from tasker_sql.cli.errors import NO
from tasker_sql.cli.options import argument, json_of, option, template_argument, wanted
from tasker_sql.cli.output import print_json, put
from tasker_sql.cli.query import limited, opened
from tasker_sql.cli.task_show import task_picture
from tasker_sql.client import Client
from tasker_sql.errors import BadValueError, FileError, LimitExceededError, TaskerError
from tasker_sql.jsonb import JsonError, JsonText, given

ENDED = {"complete", "error", "cancelled", "resolved_manually"}
BATCH: Final = 1000  # tasks
SHOWN: Final = 20  # faults


app = Commands()


@app.command()
def create(
    template: Annotated[
        str, argument("NAMESPACE/NAME[@VERSION]", completion.templates, metavar="TEMPLATE")
    ],
    context: Annotated[
        str,
        option(
            "A JSON object, @FILE, or - for standard input.",
            *("--context", "-c"),
            callback=json_of("--context"),
        ),
    ] = "{}",
    contexts: Annotated[
        Path | None,
        option("A file with a JSON object in each line: a task for each.", exists=True),
    ] = None,
    key: Annotated[str | None, option("Idempotency key: one task for it.")] = None,
    priority: Annotated[
        str | None,
        option("high, normal or low.", offers=completion.words("high", "normal", "low")),
    ] = None,
    run_at: Annotated[str | None, option("Not before: ISO 8601 with a zone.")] = None,
    deadline: Annotated[
        str | None, option("A time, or how long it may take, such as PT2H.")
    ] = None,
    tag: Annotated[list[str] | None, option("A tag; repeat for more.")] = None,
    wait: Annotated[bool, option("Wait for its end; exit 1 unless complete.", "--wait")] = False,
    timeout: Annotated[float, option("Seconds to wait at most.")] = 86400.0,
    as_json: Json = False,
) -> None:
    """Create a task; or many, from a file of contexts. Prints their uuids.

    With --wait it prints how the task ended, and exits with 1 unless it is complete.

    Examples:
      tasker-sql task create fulfillment/process_order -c @order.json --wait
      tasker-sql task create fulfillment/process_order --contexts orders.jsonl
      tasker-sql task create fulfillment/process_order --key 7 -c - < order.json
    """
    (namespace, name), version = template_argument(template)
    options = wanted(version=version, priority=priority, run_at=run_at, deadline=deadline)
    options |= wanted(tags=tag or None)
    total = _check(contexts) if contexts else 0
    with opened() as client:
        if contexts is not None:
            _create_many(client, (namespace, name), (contexts, total), options, as_json)
            return
        if key is not None:
            options["idempotency_key"] = key
        with limited(client):
            made = client.create_task(namespace, name, context, options)
        if not as_json:
            put(str(made.task_uuid))
        elif not wait:
            print_json(made)
        if wait:
            _wait(client, made.task_uuid, timeout)
            task = client.get_task(made.task_uuid)
            if as_json:
                print_json(task)
            else:
                put(task_picture(task, client.get_task_steps(made.task_uuid)))
            if task.state != "complete":
                raise typer.Exit(NO)


def _create_many(
    client: Client,
    template: tuple[str, str],
    given: tuple[Path, int],
    options: dict[str, Any],
    as_json: bool,
) -> None:
    file, total = given
    created: list[UUID] = []
    lines = _lines(file)
    try:
        with _progress() as progress:
            bar = progress.add_task("creating tasks", total=total)
            while batch := list(islice(lines, BATCH)):
                contexts = [JsonText(line) for _, line in batch]
                try:
                    with limited(client):
                        made = client.create_tasks(*template, contexts, options)
                except (BadValueError, LimitExceededError) as error:
                    raise _refused(client, template, file, batch, options, error) from error
                created += [task.task_uuid for task in made]
                progress.advance(bar, len(batch))
    finally:  # what was created, whatever came then
        if as_json:
            print_json(created)
        else:
            put([str(task_uuid) for task_uuid in created])


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    """The lines that hold something, with their numbers. Raises FileError."""
    with file.open("rb") as lines:
        for number, data in enumerate(lines, 1):
            try:
                line = data.decode("utf-8-sig" if number == 1 else "utf-8").strip()
            except UnicodeDecodeError as error:
                raise FileError(f"{file}:{number}: this is not text in UTF-8") from error
            if line:
                yield number, line


def _check(file: Path) -> int:
    """How many contexts a file has. Raises FileError that names all lines that are not JSON."""
    total, wrong = 0, list[str]()
    for number, line in _lines(file):
        total += 1
        try:
            given(line)
        except JsonError as error:
            wrong.append(f"{file}:{number}: this is not JSON: {error.what} (column {error.column})")
        except ValueError as error:
            wrong.append(f"{file}:{number}: {error}")
    if wrong:
        raise _fault(wrong)
    return total


def _fault(wrong: Sequence[str]) -> FileError:
    """What is wrong with a file, said at once."""
    more = [f"and {len(wrong) - SHOWN} more"] if len(wrong) > SHOWN else []
    return FileError("\n".join([*wrong[:SHOWN], *more]))


def _refused(
    client: Client,
    template: tuple[str, str],
    file: Path,
    batch: list[tuple[int, str]],
    options: dict[str, Any],
    error: TaskerError,
) -> Exception:
    """The database's refusal of a batch, by line: each is tried alone, and nothing is kept."""
    if "context" not in str(error):  # the cause is an option, and no line
        return error
    wrong = list[str]()
    with client.rolled_back():
        for number, line in batch:
            try:
                with client.transaction():
                    client.create_tasks(*template, [JsonText(line)], options)
            except (BadValueError, LimitExceededError) as alone:
                wrong.append(f"{file}:{number}: {alone}")
    return _fault(wrong) if wrong else error


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
