"""`tasker-sql wait`, and `task signal`: what waits for people, and what they say."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from tasker_sql.cli import completion
from tasker_sql.cli.commands import ROOT, Commands
from tasker_sql.cli.options import (
    AS_STEP,
    Limit,
    OfNamespace,
    OfTemplate,
    OpenTaskUuid,
    argument,
    json_text,
    of_template,
    option,
    wanted,
)
from tasker_sql.cli.output import Output, Part, table
from tasker_sql.cli.query import query
from tasker_sql.client import Client

app = Commands(help=ROOT["wait"][1])
signals = Commands()  # of `task`

Value = Annotated[
    str, argument("The value: JSON, @FILE, or - for standard input.", callback=json_text)
]
Why = Annotated[str | None, option("Why. It is kept with the signal.", "--reason", "-r")]
Key = Annotated[str | None, option("Makes it repeatable: the same key and value count once.")]


@query(app, "list", watch=True)
def list_(
    client: Client,
    namespace: OfNamespace = None,
    template: OfTemplate = None,
    signal: Annotated[str | None, option("Those that wait for this signal.")] = None,
    limit: Limit = 100,
) -> Output:
    """List what waits, for a signal or for a time.

    Those of the oldest tasks first.

    Example: tasker-sql wait list --signal approved
    """
    namespace, template = of_template(namespace, template)
    found = client.open_waits(namespace, wanted(template=template, signal=signal), limit)
    picture: list[Part] = [
        table(
            found,
            "since=opened_at, until, waits for=for, step, uuid=step_uuid, asks=prompt",
            "nothing waits",
            **{"for": lambda one: " or ".join(one.signals or [one.kind])},
            step=lambda one: f"{one.namespace}/{one.template}/{one.name}",
        )
    ]
    if asked := next((one for one in found if one.signals), None):
        picture += ["", f"tasker-sql wait answer {asked.step_uuid} VALUE"]
    return Output(found, picture)


@query(app)
def answer(
    client: Client,
    step_uuid: Annotated[UUID, argument("The step that waits.", completion.waits, **AS_STEP)],
    value: Value = "null",
    reason: Why = None,
    key: Key = None,
) -> Output:
    """Answer a step that waits for a signal.

    Example: tasker-sql wait answer $STEP_UUID '{"ok": true}' --reason "checked by hand"
    """
    done = client.answer_wait(step_uuid, value, wanted(reason=reason, key=key))
    said = ", as before" if done.repeated else ""
    return Output(done, f"the step is {done.step_state}, the task is {done.task_state}{said}")


@query(signals)
def signal(
    client: Client,
    task_uuid: OpenTaskUuid,
    name: Annotated[str, argument("The signal's name.")],
    value: Value = "null",
    reason: Why = None,
    key: Key = None,
) -> Output:
    """Send a signal to a task. It is kept for a step that does not wait for it yet.

    Example: tasker-sql task signal $TASK_UUID approved '{"ok": true}'
    """
    sent = client.send_signal(task_uuid, name, value, wanted(reason=reason, key=key))
    said = "it is kept for a step that is still to come"
    if sent.state == "delivered":
        said = f"the step {sent.step_uuid} has it"
    return Output(sent, f"{sent.name}: {said}{', as before' if sent.repeated else ''}")
