"""`tasker-sql step`: why a step waits, and what an operator can do about it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from tasker_sql.cli.commands import ROOT, Commands
from tasker_sql.cli.options import Reason, StepUuid, json_text, option
from tasker_sql.cli.output import Output, Part, cell, line, reasons
from tasker_sql.cli.query import query
from tasker_sql.client import Client
from tasker_sql.failure import error_lines
from tasker_sql.rows import StepAnswer
from tasker_sql.templates.drawing import STYLES

app = Commands(help=ROOT["step"][1])


@query(app, watch=True)
def explain(client: Client, step: StepUuid) -> Output:
    """Why is it not running?

    Reasons, what blocks first, each with its cure.

    Example: tasker-sql step explain $TASK_UUID/ship_order
    """
    found = client.explain_step(step)
    return Output(found, reasons(found))


@query(app, watch=True)
def attempts(client: Client, step: StepUuid) -> Output:
    """What happened in each attempt?

    Who ran it, for how long, and with what error it failed.

    Example: tasker-sql step attempts $TASK_UUID/process_payment
    """
    found = client.step_attempts(step)
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
    return Output(found, picture[1:] or "no attempt has begun")


def _between(begin: datetime | None, end: datetime | None) -> timedelta | None:
    return end - begin if begin and end else None


@query(app)
def retry(
    client: Client,
    step: StepUuid,
    reason: Reason,
    *,
    fresh: Annotated[bool, option("Forget its checkpoint, and start over.")] = False,
) -> Output:
    """Run a failed step again, or a waiting one at once.

    A failed one gets all its attempts again, and goes on from its checkpoint.

    Example: tasker-sql step retry $TASK_UUID/process_payment --reason 'the bank is back'
    """
    options = {"fresh": True} if fresh else {}
    return _changed(client.retry_step(step, reason, options))


@query(app)
def requeue(client: Client, step: StepUuid, reason: Reason) -> Output:
    """Requeue a step whose worker hangs, or whose message is lost.

    The worker loses its claim, and learns of it with its next heartbeat. The attempt does not
    count.

    Example: tasker-sql step requeue $TASK_UUID/validate_order --reason 'host-2 hangs'
    """
    return _changed(client.requeue_step(step, reason))


@query(app)
def resolve(client: Client, step: StepUuid, reason: Reason) -> Output:
    """Resolve a failed step by hand, without a result.

    The steps after it go on.

    Example: tasker-sql step resolve $TASK_UUID/process_payment --reason 'paid in cash'
    """
    return _changed(client.resolve_step(step, reason))


@query(app)
def complete(
    client: Client,
    step: StepUuid,
    reason: Reason,
    result: Annotated[
        str, option("JSON, @FILE, or - for standard input.", callback=json_text)
    ] = "null",
) -> Output:
    """Complete a step with a result given by hand.

    The steps after it go on.

    Example:
      tasker-sql step complete $STEP_UUID --result '{"paid": 12.5}' -r 'in cash'
    """
    return _changed(client.complete_step_manually(step, result, reason))


def _changed(done: StepAnswer) -> Output:
    return Output(done, f"the step is {done.step_state}, its task {done.task_state}")
