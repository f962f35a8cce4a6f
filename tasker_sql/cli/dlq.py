"""`tasker-sql dlq` and `tasker-sql repair`: the same for many steps, after a preview."""

from __future__ import annotations

from typing import Annotated, Final, Literal, get_args

from tasker_sql.cli import completion
from tasker_sql.cli.commands import ROOT, Commands, Json
from tasker_sql.cli.options import (
    DryRun,
    OfNamespace,
    OfTemplate,
    Rate,
    Reason,
    Yes,
    argument,
    json_text,
    of_template,
    option,
    wanted,
)
from tasker_sql.cli.output import Output, Picture, counted, put, table
from tasker_sql.cli.query import agreed, apply_plan, limited, opened, query, show_applied
from tasker_sql.client import Client
from tasker_sql.rows import AppliedRepair, PlannedRepair
from tasker_sql.top.format import short

OfStep = Annotated[str | None, option("Steps of this name.", offers=completion.step_names)]
OfError = Annotated[
    str | None, option("With this error: see `dlq list`.", offers=completion.fingerprints)
]

MOST_NAMES: Final = 3
LONGEST_ERROR: Final = 60
DID: Final = {"retry": "restarted", "cancel": "cancelled"}  # the others take a d

app = Commands()
dlq = Commands(help=ROOT["dlq"][1])
app.add_typer(dlq, name="dlq")

Verb = Literal[  # noqa: RUF041 - a line for each kind
    Literal["retry_step", "requeue_step", "resolve_step", "complete_step_manually"],
    Literal["cancel_task", "resolve_task", "pause_task", "resume_task"],
    Literal["pause_template", "resume_template", "pause_namespace", "resume_namespace"],
]


@query(dlq, "list", watch=True)
def list_(client: Client) -> Output:
    """List dead letters, grouped by step and error.

    The fingerprint is what errors have in common: numbers and names apart.

    Example: tasker-sql dlq list
    """
    return Output.listing(
        client.dead_letters(),
        "step, fingerprint, count, retryable, first=first_at, last=last_at, "
        "such as=sample_step_uuid, error=sample_error",
        "no dead letters",
        step=lambda one: f"{one.namespace}/{one.task_name}/{one.name}",
    )


def _of_dead_letters(verb: Verb, doc: str) -> None:
    def command(
        reason: Reason,
        namespace: OfNamespace = None,
        template: OfTemplate = None,
        step: OfStep = None,
        fingerprint: OfError = None,
        yes: Yes = False,
        dry_run: DryRun = False,
        rate: Rate = 100,
        as_json: Json = False,
    ) -> None:
        where = (namespace, template, step, fingerprint)
        repair(verb, reason, *where, yes=yes, dry_run=dry_run, rate=rate, as_json=as_json)

    dlq.command(verb.removesuffix("_step"), help=doc)(command)


_of_dead_letters(
    "retry_step",
    """Run dead letters again with all their attempts.

    All of them, or those that match. Shows how many and which before it asks. --json does not ask,
    and only plans without --yes.

    Example: tasker-sql dlq retry --step process_payment -r "the bank is back" --rate 20
    """,
)
_of_dead_letters(
    "resolve_step",
    """Resolve dead letters by hand, without results.

    The steps after them go on. Shows how many and which before it asks, as `dlq retry` does.

    Example: tasker-sql dlq resolve --step process_payment --reason "paid in cash" --yes
    """,
)


@app.command()
def repair(
    verb: Annotated[
        Verb, argument(f"One of {', '.join(get_args(Verb))}.", metavar="VERB", show_choices=False)
    ],
    reason: Reason,
    namespace: OfNamespace = None,
    template: OfTemplate = None,
    step: OfStep = None,
    fingerprint: OfError = None,
    worker: Annotated[str | None, option("Held by this worker.")] = None,
    state: Annotated[str | None, option("In this state.")] = None,
    result: Annotated[
        str | None,
        option(
            "For complete_step_manually: JSON, @FILE, or - for standard input.", callback=json_text
        ),
    ] = None,
    yes: Yes = False,
    dry_run: DryRun = False,
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
    namespace, template = of_template(namespace, template)
    given = wanted(namespace=namespace, template=template, step=step)
    given |= wanted(fingerprint=fingerprint, worker=worker, state=state)
    act, kind, *_ = verb.split("_")
    did = DID.get(act, f"{act}d")
    done: AppliedRepair | None = None
    with opened() as client:
        with limited(client):
            plan = client.plan_repair(verb, given, result=result)
        if not as_json:
            put(_plan_picture(plan, kind, did))
        if plan and agreed(yes, dry_run, as_json):
            done = apply_plan(client, plan[0].plan_uuid, reason, rate)
    names = list(dict.fromkeys(one.subject for one in plan))
    listed = ", ".join(names[:MOST_NAMES]) + (", ..." if len(names) > MOST_NAMES else "")
    what = f"{counted(done.applied if done else 0, kind)} {did}: {listed}"
    show_applied(plan, done, as_json, what)


def _plan_picture(plan: list[PlannedRepair], kind: str, did: str) -> Picture:
    sample = table(
        plan,
        "such as=subject, uuid, state, error",
        "nothing matches",
        uuid=lambda one: short(one.subject_uuid) if one.subject_uuid else None,
        error=lambda one: one.error and one.error[:LONGEST_ERROR],
    )
    if not plan:
        return sample
    return [sample, "", f"{counted(plan[0].matched, kind)} to be {did}"]
