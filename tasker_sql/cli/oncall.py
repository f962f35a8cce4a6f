"""`tasker-sql problems` and `tasker-sql dlq`: what is wrong now, and how to mend many at once."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final

import typer

from tasker_sql.cli import completion
from tasker_sql.cli.arguments import Json, Namespace, Reason, Template, Watch, json_argument
from tasker_sql.cli.asking import opened, tell
from tasker_sql.cli.commands import Commands
from tasker_sql.cli.errors import NO, complain
from tasker_sql.cli.output import Part, Picture, answer, line, print_json, put, table
from tasker_sql.client import Client
from tasker_sql.durations import span
from tasker_sql.rows import AppliedRepair, DeadLetters, PlannedRepair, Problem

WITHIN: Final = 5.0  # seconds
Step = Annotated[
    str | None,
    typer.Option("--step", help="Steps of this name.", autocompletion=completion.step_names),
]
Fingerprint = Annotated[
    str | None,
    typer.Option(
        "--fingerprint",
        help="With this error: see `dlq list`.",
        autocompletion=completion.fingerprints,
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Rate = Annotated[int, typer.Option("--rate", min=1, max=1000, help="How many a second, at most.")]

dlq = Commands(help="Dead letters: steps that failed for good.")


class Verb(StrEnum):
    """What is done to all that match."""

    RETRY_STEP = "retry_step"
    REQUEUE_STEP = "requeue_step"
    RESOLVE_STEP = "resolve_step"
    COMPLETE_STEP_MANUALLY = "complete_step_manually"
    CANCEL_TASK = "cancel_task"
    RESOLVE_TASK = "resolve_task"
    PAUSE_TASK = "pause_task"
    RESUME_TASK = "resume_task"
    PAUSE_TEMPLATE = "pause_template"
    RESUME_TEMPLATE = "resume_template"
    PAUSE_NAMESPACE = "pause_namespace"
    RESUME_NAMESPACE = "resume_namespace"


def add_to(app: typer.Typer) -> None:
    app.command()(status)
    app.command()(problems)
    app.command()(acknowledge)
    app.command()(repair)
    app.add_typer(dlq, name="dlq")


@dataclass(frozen=True)
class Status:
    """How the system is, in a few numbers, and the worst problem."""

    well: bool
    open_tasks: int
    blocked_tasks: int
    queued_steps: int
    running_steps: int
    retrying_steps: int
    oldest_message_age: timedelta | None
    live_runners: int
    lost_runners: int
    critical_problems: int
    warnings: int
    acknowledged: int
    worst: Problem | None


def status(as_json: Json = False, watch: Watch = None) -> None:
    """How the system is, in a paragraph, for people and cron.

    Exit code 1 when work stands still: `tasker-sql problems` says more.

    Example: tasker-sql status --watch 10
    """
    if not tell(_status, _status_picture, as_json, watch, WITHIN).well:
        raise typer.Exit(NO)


def _status(client: Client) -> Status:
    found = client.problems()
    counts = client.get_system_health_counts()
    runners = client.known_runners()
    oldest = counts.oldest_message_at
    open_ = [one for one in found if not one.acknowledged_by]
    critical = sum(one.severity == "critical" for one in open_)
    return Status(
        well=not critical,
        open_tasks=counts.open_tasks,
        blocked_tasks=counts.blocked_tasks,
        queued_steps=counts.enqueued_steps,
        running_steps=counts.in_progress_steps,
        retrying_steps=counts.waiting_for_retry_steps,
        oldest_message_age=None if oldest is None else counts.measured_at - oldest,
        live_runners=sum(one.is_live for one in runners),
        lost_runners=sum(one.state == "lost" for one in runners),
        critical_problems=critical,
        warnings=len(open_) - critical,
        acknowledged=len(found) - len(open_),
        worst=open_[0] if open_ else None,
    )


def _status_picture(now: Status) -> Picture:
    style = "bold red" if now.critical_problems else "yellow" if now.warnings else "green"
    word = "work stands still" if now.critical_problems else "attention" if now.warnings else "well"
    oldest = f", the oldest for {span(now.oldest_message_age)}" if now.oldest_message_age else ""
    lost = f", {now.lost_runners} lost" if now.lost_runners else ""
    said = [
        f": {_count(now.open_tasks, 'open task')}, {now.blocked_tasks} blocked by failures; ",
        f"{_count(now.queued_steps, 'step')} queued{oldest}, {now.running_steps} running, ",
        f"{now.retrying_steps} waiting to be retried; {_count(now.live_runners, 'live runner')}",
        f"{lost}; {_count(now.critical_problems, 'critical problem')}, ",
        f"{_count(now.warnings, 'warning')}",
        f", {now.acknowledged} acknowledged" if now.acknowledged else "",
    ]
    worst = now.worst
    if worst:
        said.append(f"; the worst: {worst.code} {worst.subject}: {worst.problem} -> {worst.cure}")
    return line((word, style), "".join(said))


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def problems(as_json: Json = False, watch: Watch = None) -> None:
    """What is wrong now, the worst first, each with its cure. Exit code 1 when work stands still.

    `tasker-sql check` compares everything with the invariants, which takes longer.

    Example: tasker-sql problems --watch 5
    """
    found = tell(lambda client: client.problems(), _problems_picture, as_json, watch, WITHIN)
    if any(one.severity == "critical" and not one.acknowledged_by for one in found):
        raise typer.Exit(NO)


def acknowledge(
    code: Annotated[str, typer.Argument(help="As `problems` prints it.", show_default=False)],
    subject: Annotated[str, typer.Argument(help="Likewise.", show_default=False)],
    reason: Reason,
    until: Annotated[
        datetime | None, typer.Option(help="Until when; else until it changes.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say that you know of a problem.

    It stays listed, marked and last, and comes back when it gets worse. Until then it raises no
    alarm.

    Example: tasker-sql acknowledge dead_letters "$SUBJECT" -r "a known bug"
    """
    with opened() as client:
        known = client.acknowledge_problem(
            code, subject, reason, until.astimezone() if until else None
        )
    answer(known, f"acknowledged: {code} {subject}", as_json)


def _problems_picture(found: list[Problem]) -> Picture:
    picture: list[Part] = []
    for one in found:
        style = "bold red" if one.severity == "critical" else "yellow"
        picture.append(line((one.severity, style), f"  {one.code}  ", (one.subject, "bold")))
        picture += [f"    {one.problem}", f"    -> {one.cure}"]
        if one.acknowledged_by:
            until = one.acknowledged_until
            how_long = f"until {until:%Y-%m-%d %H:%M}" if until else "until it changes"
            known = f"acknowledged by {one.acknowledged_by} {how_long}: {one.acknowledged_reason}"
            picture.append(f"    {known}")
    return picture or "no problems"


@dlq.command("list")
def list_(as_json: Json = False, watch: Watch = None) -> None:
    """List dead letters, grouped by step and error.

    The fingerprint is what errors have in common: numbers and names apart.

    Example: tasker-sql dlq list
    """
    tell(lambda client: client.dead_letters(), _letters_picture, as_json, watch)


def _letters_picture(found: list[DeadLetters]) -> Picture:
    return table(
        ["step", "fingerprint", "count", "retryable", "first", "last", "such as", "error"],
        [
            (
                *(f"{d.namespace}/{d.task_name}/{d.name}", d.fingerprint, d.count, d.retryable),
                *(d.first_at, d.last_at, d.sample_step_uuid, d.sample_error),
            )
            for d in found
        ],
        "no dead letters",
    )


@dlq.command()
def retry(
    reason: Reason,
    namespace: Namespace = None,
    template: Template = None,
    step: Step = None,
    fingerprint: Fingerprint = None,
    yes: Yes = False,
    rate: Rate = 100,
    as_json: Json = False,
) -> None:
    """Run dead letters again with all their attempts.

    All of them, or those that match. Shows how many and which before it asks. --json does not ask,
    and only plans without --yes.

    Example: tasker-sql dlq retry --step process_payment -r "the bank is back" --rate 20
    """
    wanted = _filter(namespace, template, step, fingerprint)
    _repair(Verb.RETRY_STEP, wanted, reason, yes, rate, as_json)


@dlq.command()
def resolve(
    reason: Reason,
    namespace: Namespace = None,
    template: Template = None,
    step: Step = None,
    fingerprint: Fingerprint = None,
    yes: Yes = False,
    rate: Rate = 100,
    as_json: Json = False,
) -> None:
    """Declare dead letters settled, without results.

    The steps after them go on. Shows how many and which before it asks, as `dlq retry` does.

    Example: tasker-sql dlq resolve --step process_payment --reason "paid in cash" --yes
    """
    wanted = _filter(namespace, template, step, fingerprint)
    _repair(Verb.RESOLVE_STEP, wanted, reason, yes, rate, as_json)


def repair(
    verb: Annotated[
        Verb,
        typer.Argument(
            metavar="VERB",
            help=f"One of {', '.join(Verb)}.",
            show_default=False,
            show_choices=False,
        ),
    ],
    reason: Reason,
    namespace: Namespace = None,
    template: Template = None,
    step: Step = None,
    fingerprint: Fingerprint = None,
    worker: Annotated[str | None, typer.Option("--worker", help="Held by this worker.")] = None,
    state: Annotated[str | None, typer.Option("--state", help="In this state.")] = None,
    result: Annotated[
        str | None,
        typer.Option(help="For complete_step_manually: JSON, @FILE, or - for standard input."),
    ] = None,
    yes: Yes = False,
    rate: Rate = 100,
    as_json: Json = False,
) -> None:
    """Do the same to all that match, after a look at them.

    Steps are those that failed for good, or with --state waiting_for_retry such; for requeue_step,
    those that workers hold, or with --state enqueued such. Tasks are open ones; with --step,
    --fingerprint or --state error, those of steps that failed for good. Templates and namespaces
    are those that are not paused, or are.

    Examples:
      tasker-sql repair cancel_task --template process_order -r "ordered twice"
      tasker-sql repair requeue_step --worker $WORKER -r "it hangs"
      tasker-sql repair complete_step_manually --result true -r "paid in cash"
      tasker-sql repair pause_namespace -r "the database moves"
    """
    wanted = _filter(namespace, template, step, fingerprint, worker, state)
    value = None if result is None else json_argument(result, "--result")
    _repair(verb, wanted, reason, yes, rate, as_json, value)


def _filter(
    namespace: str | None,
    template: str | None,
    step: str | None,
    fingerprint: str | None,
    worker: str | None = None,
    state: str | None = None,
) -> dict[str, str]:
    given = {"namespace": namespace, "template": template, "step": step}
    given |= {"fingerprint": fingerprint, "worker": worker, "state": state}
    return {key: value for key, value in given.items() if value is not None}


def _repair(
    verb: Verb,
    wanted: dict[str, str],
    reason: str,
    yes: bool,
    rate: int,
    as_json: bool,
    result: Any = None,
) -> None:
    with opened() as client:
        plan = client.plan_repair(verb, wanted, result=result)
        if not as_json:
            _print_plan(verb, plan)
        if not plan or (as_json and not yes):
            done = None
        elif yes or typer.confirm("Go on?"):
            done = _apply(client, plan[0], reason, rate)
        else:
            raise typer.Exit(NO)
    if as_json:
        told: dict[str, Any] = {"planned": plan, "done": done}
        print_json(told)
    elif done:
        put(f"{verb}: done {done.applied}, refused {done.refused}")
        if done.last_refusal:
            complain(f"refused: {done.last_refusal}")
    if done and done.refused:
        raise typer.Exit(NO)


def _apply(client: Client, plan: PlannedRepair, reason: str, rate: int) -> AppliedRepair:
    """Carry a plan out, no more than `rate` a second."""
    applied = refused = 0
    last_refusal: str | None = None
    while True:
        began = time.monotonic()
        done = client.apply_repair(plan.plan_uuid, reason, rate)
        applied += done.applied
        refused += done.refused
        last_refusal = done.last_refusal or last_refusal
        if not done.remaining:
            return AppliedRepair(applied, refused, 0, last_refusal)
        time.sleep(max(0.0, began + 1 - time.monotonic()))


def _print_plan(verb: Verb, plan: list[PlannedRepair]) -> None:
    sample = table(
        ["such as", "uuid", "state", "error"],
        [(p.subject, p.subject_uuid, p.state, p.error) for p in plan],
        "nothing matches",
    )
    put([sample, "", f"{verb} for {plan[0].matched}"] if plan else sample)
