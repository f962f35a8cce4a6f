"""`tasker-sql problems` and `tasker-sql dlq`: what is wrong now, and how to mend many at once."""

from __future__ import annotations

import typer
from rich.text import Text

from tasker_sql.cli.shared import NO, Json, console, opened, print_json, print_table

dlq = typer.Typer(help="Dead letters: steps that failed for good.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    app.command()(problems)
    app.add_typer(dlq, name="dlq")


def problems(as_json: Json = False) -> None:
    """What is wrong now, the worst first, each with its cure. Exit code 1 when work stands still.

    `tasker-sql check` compares everything with the invariants, which takes longer.
    """
    with opened() as client:
        found = client.problems()
    if as_json:
        print_json(found)
    for one in () if as_json else found:
        style = "bold red" if one.severity == "critical" else "yellow"
        head = Text.assemble((one.severity, style), f"  {one.code}  ", (one.subject, "bold"))
        console().print(head.append(f"\n    {one.problem}\n    -> {one.cure}"), soft_wrap=True)
    if not found and not as_json:
        typer.echo("no problems")
    if any(one.severity == "critical" for one in found):
        raise typer.Exit(NO)


@dlq.command("list")
def list_(as_json: Json = False) -> None:
    """List dead letters, grouped by step and by what their errors have in common."""
    with opened() as client:
        found = client.dead_letters()
    if as_json:
        print_json(found)
        return
    print_table(
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
