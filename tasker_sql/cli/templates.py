"""`tasker-sql template`: templates, from YAML files into the database and back as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from tasker_sql.cli import completion
from tasker_sql.cli.commands import ROOT, Commands, Json
from tasker_sql.cli.errors import NO
from tasker_sql.cli.options import OfNamespace, Reason, argument, template_argument
from tasker_sql.cli.output import Output, answer, lines, paused, put, table
from tasker_sql.cli.query import query, run_query
from tasker_sql.client import Client
from tasker_sql.errors import BadValueError, ConflictError, CycleError, LimitExceededError
from tasker_sql.templates import conversion, drawing, yamltext
from tasker_sql.templates import files as templates

app = Commands(help=ROOT["template"][1])

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
    answer(found, table(found, "file, namespace, name, version, steps", NONE), as_json)


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
            notes = [f"{file}:{line}: {what}" for line, what in done.faults or done.changes]
            put([*notes, *([f"{file}: refused"] if done.faults else [])], stderr=True)
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


@query(app)
def register(client: Client, files: Files, environment: Environment = None) -> Output:
    """Register templates: all of them, or none when one is wrong.

    Example: tasker-sql template register examples/workflows
    """
    registered, refused = [], []
    for template in templates.load_all(files, environment):
        try:
            with client.transaction():
                registered.append(client.register_template(template.definition))
        except (BadValueError, ConflictError, CycleError, LimitExceededError) as error:
            refused.append(template.explain(error))
    if refused:
        raise templates.TemplateError.all(refused)
    columns = "namespace, name, version, =created"
    shown = table(registered, columns, NONE, created=lambda r: "new" if r.created else "known")
    return Output(registered, shown)


@query(app, "list", watch=True)
def list_(
    client: Client,
    namespace: OfNamespace = None,
    every: Annotated[bool, typer.Option("--all", help="Old versions too.")] = False,
) -> Output:
    """List the registered templates.

    Example: tasker-sql template list -n fulfillment
    """
    found = [one for one in client.list_templates(namespace) if every or one.is_latest]
    picture = table(
        found,
        "template, version, steps=step_count, paused=pause_reason, registered at, description",
        "no templates; `tasker-sql template register FILE` makes one",
        template=lambda one: f"{one.namespace}/{one.name}",
    )
    return Output(found, picture)


Paused = Annotated[
    str, argument("NAMESPACE/NAME, all versions.", completion.templates, metavar="TEMPLATE")
]


@query(app)
def pause(client: Client, template: Paused, reason: Reason) -> Output:
    """Hand out no more steps of a template's tasks; what runs goes on.

    Example: tasker-sql template pause fulfillment/process_order -r "prices are wrong"
    """
    return paused(template, client.pause_template(*_unversioned(template), reason))


@query(app)
def resume(client: Client, template: Paused, reason: Reason) -> Output:
    """Hand out steps of a paused template's tasks again.

    Example: tasker-sql template resume fulfillment/process_order -r "prices are right"
    """
    return paused(template, client.resume_template(*_unversioned(template), reason))


def _unversioned(template: str) -> tuple[str, str]:
    namespace, name, version = template_argument(template)
    if version:
        raise ValueError(f"all versions are paused together: write {namespace}/{name}")
    return namespace, name


@app.command()
def show(
    template: Annotated[
        str,
        argument(
            "NAMESPACE/NAME[@VERSION], or a YAML file.", completion.templates, metavar="TEMPLATE"
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

    def drawn(definition: Any) -> Output:
        dag = drawing.dag_of(definition)
        text = (drawing.mermaid if mermaid else drawing.text)(dag)
        return Output(definition, lines(text.rstrip("\n")))

    if template.endswith((".yaml", ".yml")):
        found = drawn(templates.load(Path(template)).definition)
        answer(found.value, found.picture, as_json)
        return
    place = template_argument(template)
    run_query(lambda client: drawn(client.get_template(*place).definition), as_json)
