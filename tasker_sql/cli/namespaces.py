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
    """List the namespaces: what waits in their queues, and which are paused."""
    with opened() as client:
        namespaces = client.list_namespaces()
        queues = client.queue_depths()
    if as_json:
        print_json({"namespaces": namespaces, "queues": queues})
        return
    paused = {
        n.name: f"since {n.paused_at:%F %T}: {n.pause_reason}" for n in namespaces if n.paused_at
    }
    print_table(
        ["namespace", "priority", "waiting steps", "oldest", "paused"],
        [
            (q.namespace, q.priority, q.depth, q.oldest_age, paused.get(q.namespace))
            for q in queues
            if q.namespace is not None
        ],
        "no namespaces",
    )
