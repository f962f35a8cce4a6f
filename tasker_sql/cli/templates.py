"""`tasker-sql template`: task templates, from YAML files into the database and back as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from tasker_sql.cli import completion
from tasker_sql.cli.arguments import Json, Namespace, Reason, Watch, template_argument
from tasker_sql.cli.asking import tell
from tasker_sql.cli.commands import Commands
from tasker_sql.cli.errors import NO
from tasker_sql.cli.output import Picture, answer, lines, paused, print_json, put, table
from tasker_sql.client import Client
from tasker_sql.errors import BadValueError, ConflictError, CycleError, LimitExceededError
from tasker_sql.rows import ListedTemplate, RegisteredTemplate
from tasker_sql.templates import conversion, drawing, yamltext
from tasker_sql.templates import files as templates

app = Commands(help="Task templates: versioned DAGs.")

NONE: Final = "no YAML files there"


Files = Annotated[
    list[Path],
    typer.Argument(help="YAML files, or folders of them.", exists=True, show_default=False),
]
Environment = Annotated[
    str | None, typer.Option(help="Which overrides to use.", envvar=templates.ENVIRONMENT)
]


@app.command()
def lint(files: Files, environment: Environment = None, as_json: Json = False) -> None:
    """Check templates without a database.

    Every fault of every file, with its line. Exit code 1 when something is wrong. What only the
    database knows, such as which versions are registered, `register` says.

    Example: tasker-sql template lint examples/workflows
    """
    loaded = templates.load_all(files, environment)
    found = [
        {
            "file": str(one.file),
            "namespace": one.definition["namespace_name"],
            "name": one.definition["name"],
            "version": one.definition["version"],
            "steps": len(one.definition["steps"]),
        }
        for one in loaded
    ]
    columns = ["file", "namespace", "name", "version", "steps"]
    answer(found, table(columns, [[*one.values()] for one in found], NONE), as_json)


@app.command()
def convert(
    files: Files,
    out: Annotated[
        Path | None, typer.Option(help="A folder to write to; default: standard output.")
    ] = None,
) -> None:
    """Convert templates of tasker-core and tasker.

    What has no meaning here is left out, what has another name is renamed; standard error names
    each, by line. A file that would behave differently is refused, the others are converted. Exit
    code 1 when one was refused.

    Example: tasker-sql template convert tasks --out workflows 2> changes
    """
    refused, written = False, dict[Path, Path]()
    for place in files:
        for file in templates.find([place]):
            done = conversion.convert(yamltext.data(file))
            told = [f"{file}:{line}: {what}" for line, what in done.faults or done.changes]
            put([*told, *([f"{file}: refused"] if done.faults else [])], stderr=True)
            refused = refused or bool(done.faults)
            if done.faults:
                continue
            if out is None:
                typer.echo(f"---\n# from {file}\n{done.text}", nl=False)
                continue
            target = out / (file.relative_to(place) if place.is_dir() else file.name)
            if target in written:
                raise ValueError(f"{file} and {written[target]} would both become {target}")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(done.text, encoding="utf-8")
            written[target] = file
            put(f"{file} -> {target}")
    if refused:
        raise typer.Exit(NO)


@app.command()
def register(files: Files, environment: Environment = None, as_json: Json = False) -> None:
    """Register templates: all of them, or none when one is wrong.

    Example: tasker-sql template register examples/workflows
    """
    loaded = templates.load_all(files, environment)

    def ask(client: Client) -> list[RegisteredTemplate]:
        registered, refused = [], []
        with client.transaction():
            for template in loaded:
                try:
                    with client.transaction():
                        registered.append(client.register_template(template.definition))
                except (BadValueError, ConflictError, CycleError, LimitExceededError) as error:
                    refused.append(template.explain(error))
            if refused:
                raise templates.TemplateError.all(refused)
        return registered

    tell(ask, _registered_picture, as_json)


def _registered_picture(found: list[RegisteredTemplate]) -> Picture:
    listed = [(r.namespace, r.name, r.version, "new" if r.created else "known") for r in found]
    return table(["namespace", "name", "version", ""], listed, NONE)


@app.command("list")
def list_(
    namespace: Namespace = None,
    every: Annotated[bool, typer.Option("--all", help="Old versions too.")] = False,
    as_json: Json = False,
    watch: Watch = None,
) -> None:
    """List the registered templates.

    Example: tasker-sql template list -n fulfillment
    """

    def ask(client: Client) -> list[ListedTemplate]:
        return [t for t in client.list_templates(namespace) if every or t.is_latest]

    tell(ask, _templates_picture, as_json, watch)


def _templates_picture(found: list[ListedTemplate]) -> Picture:
    return table(
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


Paused = Annotated[
    str,
    typer.Argument(
        metavar="TEMPLATE",
        help="NAMESPACE/NAME, all versions.",
        show_default=False,
        autocompletion=completion.templates,
    ),
]


@app.command()
def pause(template: Paused, reason: Reason, as_json: Json = False) -> None:
    """Hand out no more steps of a template's tasks; what runs goes on.

    Example: tasker-sql template pause fulfillment/process_order -r "prices are wrong"
    """
    place = _unversioned(template)
    tell(lambda client: client.pause_template(*place, reason), paused(template), as_json)


@app.command()
def resume(template: Paused, reason: Reason, as_json: Json = False) -> None:
    """Hand out steps of a paused template's tasks again.

    Example: tasker-sql template resume fulfillment/process_order -r "prices are right"
    """
    place = _unversioned(template)
    tell(lambda client: client.resume_template(*place, reason), paused(template), as_json)


def _unversioned(template: str) -> tuple[str, str]:
    namespace, name, version = template_argument(template)
    if version:
        raise ValueError(f"all versions are paused together: write {namespace}/{name}")
    return namespace, name


@app.command()
def show(
    template: Annotated[
        str,
        typer.Argument(
            metavar="TEMPLATE",
            help="NAMESPACE/NAME[@VERSION], or a YAML file.",
            autocompletion=completion.templates,
        ),
    ],
    mermaid: Annotated[bool, typer.Option("--mermaid", help="As a Mermaid flowchart.")] = False,
    as_json: Json = False,
) -> None:
    """Draw a template's DAG; or print its definition as JSON.

    Examples:
      tasker-sql template show fulfillment/process_order
      tasker-sql template show examples/workflows/diamond.yaml --mermaid
    """

    def draw(definition: Any) -> Picture:
        dag = drawing.dag_of(definition)
        return lines((drawing.mermaid(dag) if mermaid else drawing.text(dag)).rstrip("\n"))

    if template.endswith((".yaml", ".yml")):
        definition = templates.load(Path(template)).definition
        if as_json:
            print_json(definition)
        else:
            put(draw(definition))
        return
    place = template_argument(template)
    tell(lambda client: client.get_template(*place).definition, draw, as_json)
