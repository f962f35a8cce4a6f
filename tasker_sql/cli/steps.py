"""`tasker-sql step`: why a step waits, and what an operator can do about it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

import typer

from tasker_sql.cli import completion
from tasker_sql.cli.commands import ROOT, Commands
from tasker_sql.cli.options import Reason, argument, first, json_of
from tasker_sql.cli.output import Output, Part, Picture, cell, line, reasons
from tasker_sql.cli.query import query
from tasker_sql.cli.uuids import uuid_of
from tasker_sql.client import Client
from tasker_sql.failure import error_lines
from tasker_sql.rows import StepAnswer, StepAttempt
from tasker_sql.templates.drawing import STYLES
from tasker_sql.top.snapshot import place_of

app = Commands(help=ROOT["step"][1])


def _parts(step: str) -> tuple[UUID, str]:
    """The uuid of a step, and nothing; or that of its task, and its name."""
    task, slash, name = step.partition("/")
    try:
        uuid = uuid_of(task)
    except ValueError as error:
        raise ValueError(f"a step is its uuid, or TASK_UUID/NAME: {step}: {error}") from None
    if not slash and uuid.version == 7 and place_of(uuid).task_uuid == uuid:
        raise ValueError(f"{step} is a task; a step of it is written {step}/NAME")
    return uuid, name


def _whole(step: str) -> str:
    """With the whole uuid."""
    uuid, name = _parts(step)
    return f"{uuid}/{name}" if "/" in step else str(uuid)


Step = Annotated[
    str,
    argument(
        "Its uuid, or TASK_UUID/NAME.", completion.steps, metavar="STEP", callback=first(_whole)
    ),
]


@query(app, watch=True)
def explain(client: Client, step: Step) -> Output:
    """Why is it not running?

    Reasons, what blocks first, each with its cure.

    Example: tasker-sql step explain $TASK_UUID/ship_order
    """
    found = client.explain_step(_uuid(client, step))
    return Output(found, reasons(found))


@query(app, watch=True)
def attempts(client: Client, step: Step) -> Output:
    """What happened in each attempt?

    Who ran it, for how long, and with what error it failed.

    Example: tasker-sql step attempts $TASK_UUID/process_payment
    """
    found = client.step_attempts(_uuid(client, step))
    return Output(found, _attempts(found))


def _attempts(found: list[StepAttempt]) -> Picture:
    """A block for each attempt, with the whole of its error."""
    picture: list[Part] = []
    for one in found:
        facts = {
            "by": one.worker,
            "queued for": _between(one.enqueued_at, one.started_at),
            "started": one.started_at,
            "took": _between(one.started_at, one.ended_at),
            "its handler": None if one.seconds is None else timedelta(seconds=one.seconds),
            "again": one.next_retry_at,
        }
        known = [f"{name} {cell(value)}" for name, value in facts.items() if value is not None]
        style = STYLES.get({"failed": "error", "completed": "complete"}.get(one.outcome, ""), "")
        picture += ["", line((f"attempt {one.attempt}", "bold"), "  ", (one.outcome, style))]
        picture += [f"  {', '.join(known)}"] if known else []
        picture += [f"  {part}" for part in error_lines(one.error, whole=True)] if one.error else []
    return picture[1:] or "no attempt has begun"


def _between(begin: datetime | None, end: datetime | None) -> timedelta | None:
    return end - begin if begin and end else None


@query(app)
def retry(
    client: Client,
    step: Step,
    reason: Reason,
    *,
    fresh: Annotated[bool, typer.Option(help="Forget its checkpoint, and start over.")] = False,
) -> Output:
    """Run a failed step again, or a waiting one at once.

    A failed one gets all its attempts again, and goes on from its checkpoint.

    Example: tasker-sql step retry $TASK_UUID/process_payment --reason 'the bank is back'
    """
    options = {"fresh": True} if fresh else {}
    return _changed(client.retry_step(_uuid(client, step), reason, options))


@query(app)
def requeue(client: Client, step: Step, reason: Reason) -> Output:
    """Requeue a step whose worker hangs, or whose message is lost.

    The worker loses its claim, and learns of it with its next heartbeat. The attempt does not
    count.

    Example: tasker-sql step requeue $TASK_UUID/validate_order --reason 'host-2 hangs'
    """
    return _changed(client.requeue_step(_uuid(client, step), reason))


@query(app)
def resolve(client: Client, step: Step, reason: Reason) -> Output:
    """Resolve a failed step by hand, without a result.

    The steps after it go on.

    Example: tasker-sql step resolve $TASK_UUID/process_payment --reason 'paid in cash'
    """
    return _changed(client.resolve_step(_uuid(client, step), reason))


@query(app)
def complete(
    client: Client,
    step: Step,
    reason: Reason,
    result: Annotated[
        str,
        typer.Option(help="JSON, @FILE, or - for standard input.", callback=json_of("--result")),
    ] = "null",
) -> Output:
    """Complete a step with a result given by hand.

    The steps after it go on.

    Example:
      tasker-sql step complete $STEP_UUID --result '{"paid": 12.5}' -r 'in cash'
    """
    return _changed(client.complete_step_manually(_uuid(client, step), result, reason))


def _uuid(client: Client, step: str) -> UUID:
    uuid, name = _parts(step)
    if "/" not in step:
        return uuid
    steps = client.get_task_steps(uuid)
    found = next((one.step_uuid for one in steps if one.name == name), None)
    if found is None:
        known = ", ".join(one.name for one in steps[:20])
        raise ValueError(f"the task has no step {name!r}; it has {known}")
    return found


def _changed(done: StepAnswer) -> Output:
    return Output(done, f"the step is {done.step_state}, its task {done.task_state}")
