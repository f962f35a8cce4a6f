"""`tasker-sql schedule`: what makes tasks by itself, from YAML files into the database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

from tasker_sql.cli import completion
from tasker_sql.cli.commands import ROOT, Commands, Json
from tasker_sql.cli.options import (
    MOMENT,
    DryRun,
    Limit,
    OfNamespace,
    Place,
    Rate,
    Reason,
    Yes,
    argument,
    option,
    read_as,
    template_argument,
)
from tasker_sql.cli.output import Output, put, reasons
from tasker_sql.cli.query import Ask, agreed, apply_plan, limited, opened, query, show_applied
from tasker_sql.client import Client
from tasker_sql.errors import FileError, TaskerError
from tasker_sql.rows import AppliedRepair
from tasker_sql.templates import yamltext
from tasker_sql.templates.yamltext import Array, Object, YamlError

app = Commands(help=ROOT["schedule"][1])

SHAPE: Final = "a file of schedules is `schedules:` and a list of objects with name, namespace_name"


def _place(schedule: str) -> Place:
    with suppress(ValueError):
        place, version = template_argument(schedule)
        if not version:
            return place
    raise ValueError(f"a schedule is written NAMESPACE/NAME: {schedule}")


Schedule = Annotated[
    Place, argument("NAMESPACE/NAME", completion.schedules, **read_as("SCHEDULE", _place))
]


@query(app)
def apply(files: Annotated[list[Path], argument("YAML files.", exists=True)]) -> Ask:
    """Make or change the schedules of files: all of them, or none.

    Those that a file does not name stay as they are.

    Example: tasker-sql schedule apply nightly.yaml
    """
    given = [(file, *one) for file in files for one in _schedules(file)]
    return lambda client: _applied(client, given)


def _applied(client: Client, given: Sequence[tuple[Path, int, Place, dict[str, Any]]]) -> Output:
    put, faults = [], list[str]()
    for file, line, place, definition in given:
        try:
            with client.transaction():
                put.append(client.put_schedule(*place, definition))
        except TaskerError as error:
            hint = f" ({error.hint})" if error.hint else ""
            faults.append(f"{file}:{line}: {place}: {error}{hint}")
    if faults:
        raise FileError("\n".join(faults))
    return Output.listing(
        put,
        "schedule, was, next tick",
        "no schedules",
        schedule=lambda one: f"{one.namespace}/{one.name}",
        was=lambda one: "made" if one.created else "changed" if one.changed else "known",
    )


def _schedules(file: Path) -> Iterator[tuple[int, Place, dict[str, Any]]]:
    """The line, the place and the definition of each. Raises FileError."""
    try:
        base, faults = yamltext.read(yamltext.data(file))
    except YamlError as error:
        raise FileError(f"{file}:{error.line or 1}: {error}") from error
    listed = base.get("schedules") if isinstance(base, Object) else None
    if not faults and (not isinstance(listed, Array) or len(base) > 1):
        faults = [(1, SHAPE)]
    if faults:
        raise FileError("\n".join(f"{file}:{line}: {what}" for line, what in faults))
    assert isinstance(listed, Array)
    for one, line in zip(listed, listed.lines, strict=True):
        definition = dict(one) if isinstance(one, Object) else {}
        names = definition.pop("namespace_name", None), definition.pop("name", None)
        if not all(isinstance(name, str) for name in names):
            raise FileError(f"{file}:{line}: {SHAPE}")
        yield line, Place(str(names[0]), str(names[1])), definition


@query(app, "list", watch=True)
def list_(client: Client, namespace: OfNamespace = None) -> Output:
    """List the schedules: what each makes, and when next.

    Example: tasker-sql schedule list -n shop
    """
    return Output.listing(
        client.list_schedules(namespace, 1000),
        "schedule, makes=template, when, zone=time_zone, next=next_tick, last=last_tick, "
        "was=last_outcome, open=open_tasks, paused=pause_reason",
        "no schedules; `tasker-sql schedule apply FILE` makes some",
        schedule=lambda one: f"{one.namespace}/{one.name}",
        when=lambda one: " | ".join(one.cron or []) or one.every or "at",
    )


@query(app, watch=True)
def ticks(client: Client, schedule: Schedule, limit: Limit = 20) -> Output:
    """What happened to its ticks, the newest first?

    Example: tasker-sql schedule ticks shop/nightly --limit 5
    """
    found = client.list_ticks(*schedule, None, limit)
    columns = "tick=tick_at, wall, outcome, task=task_uuid, state=task_state, detail"
    return Output.listing(found, columns, "no ticks yet")


@query(app, "next")
def next_(
    client: Client,
    cron: Annotated[str, argument("Five fields, or @daily.")],
    time_zone: Annotated[str, option("Its time zone.", "--time-zone", "-z")] = "UTC",
    count: Limit = 10,
) -> Output:
    """When does a cron line have its next ticks? Nothing is stored.

    Example: tasker-sql schedule next "30 2 * * *" --time-zone Europe/Berlin
    """
    found = client.next_ticks(cron, time_zone, None, count)
    return Output.listing(found, "tick=tick_at, wall, note", "no day within 28 years matches")


@query(app, watch=True)
def explain(client: Client, schedule: Schedule) -> Output:
    """When does it make its next task, and why not now?

    Example: tasker-sql schedule explain shop/nightly
    """
    found = client.explain_schedule(*schedule)
    return Output(found, reasons(found))


@query(app)
def pause(client: Client, schedule: Schedule, reason: Reason) -> Output:
    """Stop it from making tasks; those that it has made go on.

    Example: tasker-sql schedule pause shop/nightly -r "the shop moves"
    """
    return Output(client.pause_schedule(*schedule, reason), f"{schedule} is paused")


@query(app)
def resume(client: Client, schedule: Schedule, reason: Reason) -> Output:
    """Let it make tasks again. What it missed follows its `missed`.

    Example: tasker-sql schedule resume shop/nightly -r "the shop has moved"
    """
    return Output(client.resume_schedule(*schedule, reason), f"{schedule} runs")


@query(app)
def drop(client: Client, schedule: Schedule, reason: Reason) -> Output:
    """Drop it. The tasks that it has made stay.

    Example: tasker-sql schedule drop shop/nightly -r "nobody reads the report"
    """
    return Output(client.drop_schedule(*schedule, reason), f"{schedule} is dropped")


@query(app)
def trigger(client: Client, schedule: Schedule, reason: Reason) -> Output:
    """Make a task of it now, beside its plan. Prints the uuid.

    Example: tasker-sql schedule trigger shop/nightly -r "the report of today was lost"
    """
    made = client.trigger_schedule(*schedule, reason)
    return Output(made, str(made.task_uuid))


@app.command()
def backfill(
    schedule: Schedule,
    since: Annotated[datetime, option("From this time on: 3d ago, or ISO 8601.", **MOMENT)],
    until: Annotated[datetime, option("To this time, likewise.", **MOMENT)],
    reason: Reason,
    yes: Yes = False,
    dry_run: DryRun = False,
    rate: Rate = 100,
    as_json: Json = False,
) -> None:
    """Make the tasks of past ticks that have none. It asks first.

    --json does not ask, and only plans without --yes.

    Example: tasker-sql schedule backfill shop/nightly --since 3d --until 1h -r closed
    """
    done: AppliedRepair | None = None
    with opened() as client:
        with limited(client):
            plan = client.plan_backfill(*schedule, since, until)
        if not as_json:
            put(f"{plan.ticks} ticks have no task, {plan.already} have one")
        if plan.ticks and agreed(yes, dry_run, as_json) and plan.plan_uuid:
            done = apply_plan(client, plan.plan_uuid, reason, rate)
    show_applied(plan, done, as_json, f"{done.applied if done else 0} tasks made")
