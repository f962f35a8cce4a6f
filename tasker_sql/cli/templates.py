"""`tasker-sql template`: task templates, from YAML files into the database and back as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tasker_sql import drawing, templates
from tasker_sql.cli.shared import Json, opened, print_json, print_table, template_argument
from tasker_sql.errors import TaskerError
from tasker_sql.rows import RegisteredTemplate

app = typer.Typer(help="Task templates: versioned DAGs.", no_args_is_help=True)


@app.command()
def register(
    files: Annotated[
        list[Path],
        typer.Argument(help="YAML files, or folders of them.", exists=True, show_default=False),
    ],
    environment: Annotated[
        str | None, typer.Option(help="Which overrides to use.", envvar=templates.ENVIRONMENT)
    ] = None,
    as_json: Json = False,
) -> None:
    """Register templates: all of them, or none when one is wrong.

    Example: tasker-sql template register examples/workflows
    """
    loaded = [templates.load(file, environment) for file in templates.find(files)]
    registered: list[RegisteredTemplate] = []
    with opened() as client, client.transaction():
        for template in loaded:
            try:
                registered.append(client.register_template(template.definition))
            except TaskerError as error:
                raise template.explain(error) from error
    if as_json:
        print_json(registered)
    else:
        lines = [
            (r.namespace, r.name, r.version, "new" if r.created else "known") for r in registered
        ]
        print_table(["namespace", "name", "version", ""], lines, "no YAML files there")


@app.command("list")
def list_(
    namespace: Annotated[str | None, typer.Option("--namespace", "-n")] = None,
    every: Annotated[bool, typer.Option("--all", help="Old versions too.")] = False,
    as_json: Json = False,
) -> None:
    """List the registered templates."""
    with opened() as client:
        found = [t for t in client.list_templates(namespace) if every or t.is_latest]
    if as_json:
        print_json(found)
        return
    print_table(
        ["template", "version", "steps", "paused", "registered at", "description"],
        [
            (
                f"{t.namespace}/{t.name}",
                *(t.version, t.step_count, t.pause_reason, t.registered_at, t.description),
            )
            for t in found
        ],
        "no templates; `tasker-sql template register FILE` makes one",
    )


@app.command()
def show(
    template: Annotated[
        str, typer.Argument(metavar="TEMPLATE", help="NAMESPACE/NAME[@VERSION], or a YAML file.")
    ],
    mermaid: Annotated[bool, typer.Option("--mermaid", help="As a Mermaid flowchart.")] = False,
    as_json: Json = False,
) -> None:
    """Draw a template's DAG, in text or as Mermaid; or print its definition as JSON.

    Example: tasker-sql template show fulfillment/process_order
    """
    if template.endswith((".yaml", ".yml")):
        definition = templates.load(Path(template)).definition
    else:
        namespace, name, version = template_argument(template)
        with opened() as client:
            definition = client.get_template(namespace, name, version).definition
    if as_json:
        print_json(definition)
        return
    dag = drawing.dag_of(definition)
    typer.echo(drawing.mermaid(dag) if mermaid else drawing.text(dag), nl=False)
