"""`tasker-sql step`: why a step waits, and what an operator can do about it."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from tasker_sql.cli.shared import Json, Reason, json_argument, opened, print_json, print_reasons
from tasker_sql.client import Client
from tasker_sql.rows import StepAnswer

app = typer.Typer(
    help="Why a step waits, and what an operator can do about it.", no_args_is_help=True
)

StepArgument = Annotated[
    str, typer.Argument(metavar="STEP", help="Its uuid, or TASK_UUID/NAME.", show_default=False)
]


@app.command()
def explain(step: StepArgument, as_json: Json = False) -> None:
    """Why is it not running? Reasons, what blocks first, each with its cure.

    Example: tasker-sql step explain 0199.../charge_card
    """
    with opened() as client:
        print_reasons(client.explain_step(_uuid(client, step)), as_json)


@app.command()
def retry(step: StepArgument, reason: Reason, as_json: Json = False) -> None:
    """Run a failed step again with all its attempts, or a waiting one at once.

    Example: tasker-sql step retry 0199.../charge_card --reason 'the bank is back'
    """
    with opened() as client:
        _print(client.retry_step(_uuid(client, step), reason), as_json)


@app.command()
def requeue(step: StepArgument, reason: Reason, as_json: Json = False) -> None:
    """Take a step back from a worker that hangs, or send its lost message again.

    The worker is fenced off, and hears of it with its next heartbeat. The attempt does not count.

    Example: tasker-sql step requeue 0199.../charge_card --reason 'host-2 hangs'
    """
    with opened() as client:
        _print(client.requeue_step(_uuid(client, step), reason), as_json)


@app.command()
def resolve(step: StepArgument, reason: Reason, as_json: Json = False) -> None:
    """Declare a step settled, without a result; the steps after it go on."""
    with opened() as client:
        _print(client.resolve_step(_uuid(client, step), reason), as_json)


@app.command()
def complete(
    step: StepArgument,
    reason: Reason,
    result: Annotated[str, typer.Option(help="JSON, @FILE, or - for standard input.")] = "null",
    as_json: Json = False,
) -> None:
    """Complete a step with a result given by hand; the steps after it go on.

    Example: tasker-sql step complete 0199... --result '{"charged": 12.5}' --reason 'by phone'
    """
    value = json_argument(result, "--result")
    with opened() as client:
        _print(client.complete_step_manually(_uuid(client, step), value, reason), as_json)


def _uuid(client: Client, step: str) -> UUID:
    task, slash, name = step.partition("/")
    if not slash:
        return UUID(step)
    steps = client.get_task_steps(UUID(task))
    found = next((one.step_uuid for one in steps if one.name == name), None)
    if found is None:
        known = ", ".join(one.name for one in steps[:20])
        raise ValueError(f"the task has no step {name!r}; it has {known}")
    return found


def _print(answer: StepAnswer, as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        typer.echo(f"the step is {answer.step_state}, its task {answer.task_state}")
