"""`tasker-sql step`: why a step waits, and what an operator can do about it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

import typer

from tasker_sql.cli import completion
from tasker_sql.cli.arguments import Json, Reason, Watch, json_argument
from tasker_sql.cli.asking import opened, tell
from tasker_sql.cli.commands import Commands
from tasker_sql.cli.output import Part, Picture, answer, cell, line, reasons
from tasker_sql.client import Client
from tasker_sql.failure import error_lines
from tasker_sql.rows import StepAnswer, StepAttempt
from tasker_sql.templates.drawing import STYLES
from tasker_sql.top.snapshot import place_of

app = Commands(help="Why a step waits, and what an operator can do about it.")

StepArgument = Annotated[
    str,
    typer.Argument(
        metavar="STEP",
        help="Its uuid, or TASK_UUID/NAME.",
        show_default=False,
        autocompletion=completion.steps,
    ),
]


@app.command()
def explain(step: StepArgument, as_json: Json = False, watch: Watch = None) -> None:
    """Why is it not running?

    Reasons, what blocks first, each with its cure.

    Example: tasker-sql step explain $TASK_UUID/ship_order
    """
    tell(lambda client: client.explain_step(_uuid(client, step)), reasons, as_json, watch)


@app.command()
def attempts(step: StepArgument, as_json: Json = False, watch: Watch = None) -> None:
    """What became of each attempt?

    Who ran it, for how long, and with what error it failed.

    Example: tasker-sql step attempts $TASK_UUID/process_payment
    """

    tell(lambda client: client.step_attempts(_uuid(client, step)), _attempts, as_json, watch)


def _attempts(found: list[StepAttempt]) -> Picture:
    """A block for each attempt, with the whole of its error."""
    picture: list[Part] = []
    for one in found:
        queued, ran = (
            _between(one.enqueued_at, one.started_at),
            _between(one.started_at, one.ended_at),
        )
        facts = {
            "by": one.worker,
            "queued for": queued,
            "started": one.started_at,
            "took": ran,
            "its handler": None if one.seconds is None else timedelta(seconds=one.seconds),
            "again": one.next_retry_at,
        }
        told = [f"{name} {cell(value)}" for name, value in facts.items() if value is not None]
        style = STYLES.get({"failed": "error", "completed": "complete"}.get(one.outcome, ""), "")
        picture += ["", line((f"attempt {one.attempt}", "bold"), "  ", (one.outcome, style))]
        picture += [f"  {', '.join(told)}"] if told else []
        picture += [f"  {part}" for part in error_lines(one.error, whole=True)] if one.error else []
    return picture[1:] or "no attempt has begun"


def _between(begin: datetime | None, end: datetime | None) -> timedelta | None:
    return end - begin if begin and end else None


@app.command()
def retry(step: StepArgument, reason: Reason, as_json: Json = False) -> None:
    """Run a failed step again, or a waiting one at once.

    A failed one gets all its attempts again.

    Example: tasker-sql step retry $TASK_UUID/process_payment --reason 'the bank is back'
    """
    with opened() as client:
        _print(client.retry_step(_uuid(client, step), reason), as_json)


@app.command()
def requeue(step: StepArgument, reason: Reason, as_json: Json = False) -> None:
    """Take a step back from a worker that hangs.

    The worker is fenced off, and hears of it with its next heartbeat. The attempt does not count.
    Of a step that is enqueued, the message is sent again, if it is lost.

    Example: tasker-sql step requeue $TASK_UUID/validate_order --reason 'host-2 hangs'
    """
    with opened() as client:
        _print(client.requeue_step(_uuid(client, step), reason), as_json)


@app.command()
def resolve(step: StepArgument, reason: Reason, as_json: Json = False) -> None:
    """Declare a step settled, without a result.

    The steps after it go on.

    Example: tasker-sql step resolve $TASK_UUID/process_payment --reason 'paid in cash'
    """
    with opened() as client:
        _print(client.resolve_step(_uuid(client, step), reason), as_json)


@app.command()
def complete(
    step: StepArgument,
    reason: Reason,
    result: Annotated[str, typer.Option(help="JSON, @FILE, or - for standard input.")] = "null",
    as_json: Json = False,
) -> None:
    """Complete a step with a result given by hand.

    The steps after it go on.

    Example:
      tasker-sql step complete $STEP_UUID --result '{"paid": 12.5}' -r 'in cash'
    """
    value = json_argument(result, "--result")
    with opened() as client:
        _print(client.complete_step_manually(_uuid(client, step), value, reason), as_json)


def _uuid(client: Client, step: str) -> UUID:
    task, slash, name = step.partition("/")
    try:
        uuid = UUID(task)
    except ValueError:
        raise ValueError(f"a step is its uuid, or TASK_UUID/NAME: {step}") from None
    if not slash and uuid.version == 7 and place_of(uuid).task_uuid == uuid:
        raise ValueError(f"{step} is a task; a step of it is written {step}/NAME")
    if not slash:
        return uuid
    steps = client.get_task_steps(uuid)
    found = next((one.step_uuid for one in steps if one.name == name), None)
    if found is None:
        known = ", ".join(one.name for one in steps[:20])
        raise ValueError(f"the task has no step {name!r}; it has {known}")
    return found


def _print(done: StepAnswer, as_json: bool) -> None:
    answer(done, f"the step is {done.step_state}, its task {done.task_state}", as_json)
