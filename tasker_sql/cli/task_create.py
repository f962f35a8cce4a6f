"""`tasker-sql task create`: one task, or one for each line of a file; and waiting for its end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated, Final, Literal
from uuid import UUID

import typer

from tasker_sql.cli import completion
from tasker_sql.cli.commands import Commands, Json
from tasker_sql.cli.errors import NO
from tasker_sql.cli.options import argument, json_in, json_text, option, template_argument, wanted
from tasker_sql.cli.output import answer, print_json, put
from tasker_sql.cli.query import WITHIN, limited, opened
from tasker_sql.cli.task_show import task_picture
from tasker_sql.client import Client
from tasker_sql.errors import BadValueError, FileError, LimitExceededError, TaskerError
from tasker_sql.jsonb import JsonText
from tasker_sql.rows import CreatedTask

Line = tuple[int, JsonText]  # its number, and the context that it holds
Make = Callable[[Sequence[JsonText]], list[CreatedTask]]
REFUSALS: Final = (BadValueError, LimitExceededError)
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
            callback=json_text,
        ),
    ] = "{}",
    contexts: Annotated[
        Path | None, option("A file with a JSON object in each line: a task for each.", exists=True)
    ] = None,
    key: Annotated[str | None, option("Idempotency key: one task for it.")] = None,
    priority: Annotated[
        Literal["high", "normal", "low"] | None, option("High, normal or low.", metavar="PRIORITY")
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
    lines = _contexts(contexts) if contexts else []
    with opened() as client:
        if contexts is not None:
            make = partial(client.create_tasks, namespace, name, options=options)
            _create_many(client, contexts, lines, make, as_json)
            return
        options |= wanted(idempotency_key=key)
        with limited(client):
            made = client.create_task(namespace, name, context, options)
        if not as_json:
            put(str(made.task_uuid))
        elif not wait:
            print_json(made)
        if wait:
            with suppress(TimeoutError), client.read_timeout(WITHIN):
                client.wait(made, timeout)
            task = client.get_task(made.task_uuid)
            if as_json:
                print_json(task)
            else:
                put(task_picture(task, client.get_task_steps(made.task_uuid)))
            if task.state != "complete":
                raise typer.Exit(NO)


def _contexts(file: Path) -> list[Line]:
    """The lines that hold something. Raises FileError that names all that are not JSON."""
    found, wrong = list[Line](), list[str]()
    for number, data in enumerate(file.read_bytes().split(b"\n"), 1):
        if data := data.strip():
            try:
                found.append((number, json_in(data, file, number)))
            except FileError as error:
                wrong.append(str(error))
    if wrong:
        raise _faults(wrong)
    return found


def _faults(wrong: Sequence[str]) -> FileError:
    more = [f"and {len(wrong) - SHOWN} more"] if len(wrong) > SHOWN else []
    return FileError("\n".join([*wrong[:SHOWN], *more]))


def _create_many(
    client: Client, file: Path, lines: Sequence[Line], make: Make, as_json: bool
) -> None:
    created: list[UUID] = []
    try:
        for start in range(0, len(lines), BATCH):
            batch = lines[start : start + BATCH]
            try:
                with limited(client):
                    made = make([context for _, context in batch])
            except REFUSALS as error:
                raise _refused(client, file, batch, make, error) from error
            created += [task.task_uuid for task in made]
    finally:  # what was created, whatever came then
        answer(created, [str(task_uuid) for task_uuid in created], as_json)


def _refused(
    client: Client, file: Path, batch: Sequence[Line], make: Make, error: TaskerError
) -> Exception:
    """The database's refusal of a batch, by line: each is tried alone, and nothing is kept."""
    if "context" not in str(error):  # the cause is an option, and no line
        return error
    wrong = list[str]()
    with client.rolled_back():
        for number, context in batch:
            try:
                with client.transaction():
                    make([context])
            except REFUSALS as alone:
                wrong.append(f"{file}:{number}: {alone}")
    return _faults(wrong) if wrong else error
