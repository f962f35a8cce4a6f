"""`tasker-sql namespace`: business domains, each with its queue."""

from __future__ import annotations

from typing import Annotated

import typer

from tasker_sql.cli.shared import Json, Reason, opened, print_json, print_table

app = typer.Typer(help="Business domains, each with its queue.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The namespace.", show_default=False)]


@app.command()
def pause(name: Name, reason: Reason) -> None:
    """Hand out no more steps of a namespace; what runs goes on."""
    with opened() as client:
        changed = client.pause_namespace(name, reason).changed
    typer.echo(f"{name} is paused" + ("" if changed else ", and was before"))


@app.command()
def resume(name: Name, reason: Reason) -> None:
    """Hand out steps of a paused namespace again."""
    with opened() as client:
        changed = client.resume_namespace(name, reason).changed
    typer.echo(f"{name} runs" + ("" if changed else ", and did before"))


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the namespaces and how full their queues are."""
    with opened() as client:
        queues = [queue for queue in client.queue_depths() if queue.namespace is not None]
    if as_json:
        print_json(queues)
    else:
        print_table(
            ["namespace", "priority", "waiting steps", "oldest"],
            [(q.namespace, q.priority, q.depth, q.oldest_age) for q in queues],
            "no namespaces",
        )
