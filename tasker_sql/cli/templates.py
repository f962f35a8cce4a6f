"""`tasker-sql template`: templates, from YAML files into the database and back as pictures."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from tasker_sql.cli import completion
from tasker_sql.cli.commands import ROOT, Commands
from tasker_sql.cli.errors import NO
from tasker_sql.cli.options import (
    OfNamespace,
    Place,
    Reason,
    argument,
    json_text,
    option,
    read_as,
    template_argument,
)
from tasker_sql.cli.output import Output, Part, line, paused, print_json, put, table
from tasker_sql.cli.query import Ask, query
from tasker_sql.client import Client
from tasker_sql.errors import (
    BadValueError,
    ConflictError,
    CycleError,
    LimitExceededError,
    TaskerError,
)
from tasker_sql.jsonb import dumps
from tasker_sql.rows import RegisteredTemplate
from tasker_sql.templates import authoring, conversion, drawing, yamltext
from tasker_sql.templates import files as templates

app = Commands(help=ROOT["template"][1])

NONE: Final = "no YAML files there"
REFUSALS: Final = (BadValueError, ConflictError, CycleError, LimitExceededError)
MODULE: Final = re.compile(r"[A-Za-z_]\w*(?:\.\w+)*")


Files = Annotated[list[Path], argument("YAML files, or folders of them.", exists=True)]
Places = Annotated[
    list[str],
    argument(
        "YAML files, folders of them, modules with workflows in Python.",
        metavar="FILE|FOLDER|MODULE[:WORKFLOW]...",
    ),
]
Environment = Annotated[str | None, option("Which overrides to use.", envvar=templates.ENVIRONMENT)]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A template, where it is from, and what a refusal by the database means there."""

    source: str
    definition: Mapping[str, Any]
    explain: Callable[[TaskerError], Exception]

    @property
    def name(self) -> str:
        return f"{self.definition['namespace_name']}/{self.definition['name']}"


def _given(places: Sequence[str], environment: str | None) -> list[Candidate]:
    """The templates in these places. Raises TemplateError for all that are none."""
    found, errors = list[Candidate](), list[templates.TemplateError]()
    for place in places:
        code, _, name = place.partition(":")
        is_code = Path(code).is_file() if code.endswith(".py") else MODULE.fullmatch(code)
        try:
            if Path(place).exists() and not place.endswith(".py"):
                loaded = templates.load_all([Path(place)], environment)
                found += [Candidate(str(one.file), one.definition, one.explain) for one in loaded]
            elif is_code and not place.endswith((".yaml", ".yml")):
                found += _workflows(code, name)
            else:
                raise typer.BadParameter(f"{place} is not a file, a folder or a module")
        except templates.TemplateError as error:
            errors.append(error)
    if errors:
        raise templates.TemplateError.all(errors)
    return found


def _workflows(code: str, name: str) -> Iterator[Candidate]:
    """The workflows of a module, or of a Python file, or that of a name. Raises TemplateError."""
    from tasker_sql.worker.handlers import load
    from tasker_sql.workflows.decorators import Workflow

    try:
        module = load(code)
    except ImportError as error:
        raise templates.TemplateError(str(error)) from error
    known = {key: value for key, value in vars(module).items() if isinstance(value, Workflow)}
    if not known:
        raise templates.TemplateError(f"{code} has no workflow: decorate a function with @workflow")
    if name and name not in known:
        there = f"its workflows are {', '.join(known)}"
        raise templates.TemplateError(f"{code} has no workflow {name!r}; {there}")
    for key, workflow in known.items():
        if name in ("", key):
            yield Candidate(f"{code}:{key}", workflow.template, workflow.refused)


@app.command()
def new(
    name: Annotated[str, argument("The template's name.")],
    namespace: Annotated[str, option("Its namespace.", "--namespace", "-n")],
) -> None:
    """Write NAME.yaml, a template to begin with.

    The keys that may be left out are comments there, with their defaults; beside it comes a JSON
    Schema for editors. A file that is there stays as it is.

    Example: tasker-sql template new signup -n crm
    """
    file, schema = Path(f"{name}.yaml"), Path(authoring.SCHEMA_FILE)
    text = authoring.skeleton(name, namespace)
    definition, _ = yamltext.read(text.encode())
    if faults := templates.check(definition)[1]:
        raise ValueError("\n".join(message for _, message in faults))
    with file.open("x", encoding="utf-8") as opened:
        opened.write(text)
    schema.write_text(f"{dumps(authoring.json_schema(), 2)}\n", encoding="utf-8")
    put([f"wrote {file}: `tasker-sql template lint {file}` checks it", f"wrote {schema}"])


@app.command()
def schema() -> None:
    """Print the JSON Schema of templates in files, for editors.

    A first line in a template lets editors with YAML support check it while you type:
    # yaml-language-server: $schema=tasker-template.schema.json

    Example: tasker-sql template schema > tasker-template.schema.json
    """
    print_json(authoring.json_schema())


@query(app)
def lint(places: Places, environment: Environment = None) -> Output:
    """Check templates without a database.

    Every fault of every file, with its line. Exit code 1 when something is wrong. What only the
    database knows, such as which versions are registered, `diff` and `dry-run` say.

    Examples:
      tasker-sql template lint examples/workflows
      tasker-sql template lint flows.py:process
    """
    found = [
        {
            "file": one.source,
            "namespace": one.definition["namespace_name"],
            "name": one.definition["name"],
            "version": one.definition["version"],
            "steps": len(one.definition["steps"]),
        }
        for one in _given(places, environment)
    ]
    return Output.listing(found, "file, namespace, name, version, steps", NONE)


@app.command()
def convert(
    files: Files,
    out: Annotated[Path | None, option("A folder to write to; default: standard output.")] = None,
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
def register(places: Places, environment: Environment = None) -> Ask:
    """Register templates: all of them, or none when one is wrong.

    Examples:
      tasker-sql template register examples/workflows
      tasker-sql template register flows.py:process
    """
    given = _given(places, environment)

    def ask(client: Client) -> Output:
        columns = "namespace, name, version, =created"
        return Output.listing(_registered(client, given), columns, NONE, created=_is_new)

    return ask


def _registered(client: Client, given: Sequence[Candidate]) -> list[RegisteredTemplate]:
    """Raises TemplateError for all that the database refuses."""
    registered, refused = list[RegisteredTemplate](), list[str]()
    for template in given:
        try:
            with client.transaction():
                registered.append(client.register_template(template.definition))
        except REFUSALS as error:
            refused.append(str(template.explain(error)))
    if refused:
        raise templates.TemplateError("\n".join(refused))
    return registered


def _is_new(registered: RegisteredTemplate) -> str:
    return "new" if registered.created else "known"


@query(app)
def diff(places: Places, environment: Environment = None) -> Ask:
    """Compare templates with what is registered. Exit code 1 when something differs.

    A version that is registered is compared with itself, which cannot change any more; any other
    one with the latest.

    Example: tasker-sql template diff examples/workflows
    """
    given = _given(places, environment)
    return lambda client: _compared(client, given)


def _compared(client: Client, given: Sequence[Candidate]) -> Output:
    listed = client.list_templates()
    versions = {(f"{one.namespace}/{one.name}", one.version) for one in listed}
    latest = {f"{one.namespace}/{one.name}": one.version for one in listed if one.is_latest}
    found, picture = list[dict[str, Any]](), list[Part]()
    for one in given:
        version = one.definition["version"]
        same = (one.name, version) in versions
        against = version if same else latest.get(one.name)
        changes = list[str]()
        if against is not None:
            namespace, name = one.name.split("/")
            known = dumps(client.get_template(namespace, name, against).definition, 2).splitlines()
            wanted = dumps(_written_out(client, one), 2).splitlines()
            title = f"{one.name}@{against}, registered"
            changes = [*difflib.unified_diff(known, wanted, title, one.source, lineterm="", n=2)]
        state = "new" if against is None else "same" if same and not changes else "differs"
        note = ": a version never changes, give it another" if same and changes else ""
        found.append({"file": one.source, "template": one.name, "version": version})
        found[-1] |= {"state": state, "against": against, "changes": changes}
        picture += [line((f"{one.name}@{version}", "bold"), f"  {state}{note}"), *changes]
    return Output(found, picture or NONE, all(one["state"] == "same" for one in found))


def _written_out(client: Client, one: Candidate) -> Any:
    """The definition as the database gives it back, with its defaults. Raises TemplateError."""
    version = "999999999.999999999.999999999"
    spare = Candidate(one.source, {**one.definition, "version": version}, one.explain)
    with client.rolled_back():
        (made,) = _registered(client, [spare])
        found = client.get_template(made.namespace, made.name, version).definition
    return {**found, "version": one.definition["version"]}


@query(app)
def dry_run(
    places: Places,
    environment: Environment = None,
    input: Annotated[  # noqa: A002
        str | None, option("Create a task, too, with this: JSON, @FILE, or -.", callback=json_text)
    ] = None,
) -> Ask:
    """Register templates, show how their steps would run, and undo it.

    Steps of the same level may run at the same time. Nothing is kept.

    Example: tasker-sql template dry-run examples/workflows/order.yaml --input @order.json
    """
    given = _given(places, environment)
    return lambda client: _tried(client, given, input)


def _tried(client: Client, given: Sequence[Candidate], context: str | None) -> Output:
    found, picture = list[dict[str, Any]](), list[Part]()
    with client.rolled_back():
        for one in _registered(client, given):
            steps = client.get_template(one.namespace, one.name, one.version).steps
            if context is not None:
                client.create_task(one.namespace, one.name, context, version=one.version)
            levels: dict[str, int] = {}
            for step in steps:
                levels[step["name"]] = 1 + max(
                    (levels[name] for name in step["parents"]), default=0
                )
            shown = [{**step, "level": levels[step["name"]]} for step in steps]
            found.append({**one._asdict(), "steps": shown})
            title = f"{one.namespace}/{one.name}@{one.version}"
            columns = "level, step=name, handler, after=parents, namespace, attempts=max_attempts"
            listed = {"parents": lambda step: ", ".join(step["parents"]) or None}
            picture += [
                line((title, "bold"), f"  {_is_new(one)}"),
                table(shown, f"{columns}, timeout=timeout_seconds", NONE, **listed),
            ]
    return Output(found, picture or NONE)


@query(app, "list", watch=True)
def list_(
    client: Client,
    namespace: OfNamespace = None,
    every: Annotated[bool, option("Old versions too.", "--all")] = False,
) -> Output:
    """List the registered templates.

    Example: tasker-sql template list -n fulfillment
    """
    return Output.listing(
        [one for one in client.list_templates(namespace) if every or one.is_latest],
        "template, version, steps=step_count, paused=pause_reason, registered at, description",
        "no templates; `tasker-sql template register FILE` makes one",
        template=lambda one: f"{one.namespace}/{one.name}",
    )


def _unversioned(template: str) -> Place:
    place, version = template_argument(template)
    if version:
        raise ValueError(f"all versions are paused together: write {place}")
    return place


Paused = Annotated[
    Place,
    argument(
        "NAMESPACE/NAME, all versions.", completion.templates, **read_as("TEMPLATE", _unversioned)
    ),
]


@query(app)
def pause(client: Client, template: Paused, reason: Reason) -> Output:
    """Hand out no more steps of a template's tasks; what runs goes on.

    Example: tasker-sql template pause fulfillment/process_order -r "prices are wrong"
    """
    return paused(template, client.pause_template(*template, reason))


@query(app)
def resume(client: Client, template: Paused, reason: Reason) -> Output:
    """Hand out steps of a paused template's tasks again.

    Example: tasker-sql template resume fulfillment/process_order -r "prices are right"
    """
    return paused(template, client.resume_template(*template, reason))


@query(app)
def show(
    template: Annotated[
        str,
        argument(
            "NAMESPACE/NAME[@VERSION], or a YAML file.", completion.templates, metavar="TEMPLATE"
        ),
    ],
    mermaid: Annotated[bool, option("As a Mermaid flowchart.", "--mermaid")] = False,
) -> Output | Ask:
    """Draw a template's DAG; or print its definition as JSON.

    Examples:
      tasker-sql template show fulfillment/process_order
      tasker-sql template show examples/workflows/diamond.yaml --mermaid
    """

    def drawn(definition: Any) -> Output:
        dag = drawing.dag_of(definition)
        text = (drawing.mermaid if mermaid else drawing.text)(dag)
        return Output(definition, [*text.splitlines()])

    if template.endswith((".yaml", ".yml")):
        return drawn(templates.load(Path(template)).definition)
    place, version = template_argument(template)
    return lambda client: drawn(client.get_template(*place, version).definition)
