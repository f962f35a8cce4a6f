"""`make reference`: write the pages of docs/reference that the code itself knows best.

Keys of templates come from the checker, SQL and error codes from the catalog, commands from their
help, HTTP from its description. A test compares the result with the files.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import servers
import typer
from running import configured

from tasker_sql.cli import app
from tasker_sql.errors import BY_CODE
from tasker_sql.server.app import application
from tasker_sql.server.errors import ANSWERS
from tasker_sql.server.routes import MEANINGS
from tasker_sql.templates import definition

ROOT: Final = Path(__file__).parents[1]
PAGES: Final = ROOT / "docs/reference"

REFERENCE: Final = """
select known.section, known.name, known.kind, known.arguments, known.returns, known.meaning,
       known.codes,
       array(select array[col.attname, format_type(col.atttypid, null),
                          coalesce(col_description(col.attrelid, col.attnum), '')]
               from pg_attribute as col
              where col.attrelid = to_regclass('tasker.' || known.name)
                and known.kind = 'view' and col.attnum > 0 and not col.attisdropped
              order by col.attnum)
  from tasker.reference as known
"""
CODES: Final = "select code, meaning, remedy from tasker.error_codes order by code"
INCIDENT: Final = re.compile(r"^## (\w+): (.*)$", re.MULTILINE)


def pages(dsn: str) -> dict[Path, str]:
    """The text of each page, for this database."""
    made = {
        "templates.md": templates(),
        "sql.md": functions(dsn),
        "cli.md": commands(),
        "http.md": endpoints(dsn),
        "errors.md": errors(dsn),
    }
    return {PAGES / name: "\n".join(lines).rstrip() + "\n" for name, lines in made.items()}


def table(columns: str, rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """A table, and an empty line."""
    yield f"| {columns} |"
    yield f"|{'---|' * (columns.count('|') + 1)}"
    for row in rows:
        yield f"| {' | '.join(str(cell).replace('|', '&#124;') for cell in row)} |".replace(
            "  ", " "
        )
    yield ""


def plain(text: str) -> str:
    """Text of which Markdown makes nothing else, but for code in backticks."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(
        part if number % 2 else re.sub(r"([*\[\]<>\\]|(?<!\w)_|_(?!\w))", r"\\\1", part)
        for number, part in enumerate(parts)
    )


def prose(text: str) -> Iterator[str]:
    """Paragraphs, and an empty line."""
    yield from (textwrap.dedent(text).strip("\n"), "")


# Templates ---------------------------------------------------------------------------------------

OBJECTS: Final = {
    "A template": (definition.TEMPLATE, ""),
    "A step": (definition.STEP, ""),
    "A handler": (
        definition.HANDLER,
        "`handler: NAME` is short for `handler: {callable: NAME}`. One of `callable` and `sql` is "
        "needed.",
    ),
    "A retry": (definition.RETRY, ""),
    "A wait": (definition.WAIT, "A step has a `handler` or a `wait`."),
}


def templates() -> Iterator[str]:
    """Of the keys of a template in a file."""
    yield from prose(
        """
        # Keys of a template

        `make reference` writes this page from the rules of the checker. [Templates in
        files](../templates.md) shows how to use them; `tasker-sql template schema` prints them as
        a JSON Schema for editors.
        """
    )
    for title, (keys, more) in OBJECTS.items():
        yield from (f"## {title}", "")
        if more:
            yield from (more, "")
        yield from table("key | value | default | meaning", map(_key, keys, keys.values()))
    yield from prose(
        """
        ## Environments

        `environments: {test: {...}}` at the top of a file holds what differs in an environment:
        objects are merged key by key, steps by their name, other lists are replaced, and `null`
        takes a key away. `TASKER_ENV` chooses one.
        """
    )


def _key(name: str, rule: definition.KeyRule) -> tuple[str, ...]:
    default = "needed" if rule.needed else "" if rule.default is None else _json(rule.default)
    return f"`{name}`", plain(_wanted(rule)), default, plain(rule.about)


def _json(value: Any) -> str:
    return f"`{json.dumps(value)}`".replace('"', "")


def _wanted(rule: definition.KeyRule) -> str:
    if rule.choices:
        return f"one of {', '.join(rule.choices)}"
    if rule.kind == "integer":
        return "a whole number from {:,} to {:,}".format(*rule.bounds)
    return rule.wanted or "anything"


# SQL ---------------------------------------------------------------------------------------------


def functions(dsn: str) -> Iterator[str]:
    """Of the public functions, procedures and views."""
    yield from prose(
        """
        # SQL

        Everything that may be called and looked at, in the order in which a task meets it. `make
        reference` writes this page from the comments in the catalog: the view `tasker.reference`
        says the same, and `select tasker.contract()` says it to programs.

        Name arguments and columns: others may be added at the end. Null arguments mean their
        defaults. A function in `from` that depends on no other row runs once: `select ... from
        generate_series(1, 20), tasker.create_task('a', 'b')` creates one task. `create_tasks`
        creates many.
        """
    )
    section = None
    for place, name, kind, arguments, returns, meaning, codes, columns in servers.rows(
        dsn, REFERENCE
    ):
        if place != section:
            section = place
            yield from (f"## {section}", "")
        yield from (f"### {name}", "")
        if kind != "view":
            yield from ("```sql", *_signature(name, arguments, returns), "```", "")
        yield from (plain(" ".join(meaning.split())), "")
        if columns:
            yield from table(
                "column | type | meaning", ((f"`{c}`", t, plain(m)) for c, t, m in columns)
            )
        if codes:
            yield from (f"SQLSTATEs: {', '.join(f'[{c}](errors.md#sqlstates)' for c in codes)}", "")


def _signature(name: str, arguments: str, returns: str) -> Iterator[str]:
    given = re.split(r", (?=p_)", arguments) if arguments else []
    given = [
        re.sub(r"::[a-z ]+(\[\])?$", "", one.replace(" DEFAULT ", " default ")) for one in given
    ]
    yield f"{name}({', '.join(given)})" if len(given) < 2 else f"{name}("
    if len(given) > 1:
        yield from (f"  {one}{',' if one != given[-1] else ''}" for one in given)
        yield ")"
    if columns := re.fullmatch(r"TABLE\((.*)\)", returns):
        yield f"returns table ({columns[1]})"
    elif returns:
        yield f"returns {returns}"


# Commands ----------------------------------------------------------------------------------------


def commands() -> Iterator[str]:
    """Of the command line."""
    root = typer.main.get_command(app)
    context = typer.Context(root, info_name="tasker-sql")
    yield from prose(
        """
        # Commands

        `make reference` writes this page from the help of the commands. `tasker-sql COMMAND
        --help` prints the same, and `tasker-sql --install-completion` completes commands,
        namespaces, templates, tasks and steps.
        """
    )
    yield from _options(root)
    yield from _group(root, context, [])


def _group(group: Any, context: typer.Context, words: list[str]) -> Iterator[str]:
    for name in group.list_commands(context):
        _, command, _ = group.resolve_command(context, [name])
        path = [*words, name]
        yield from (f"{'##' if not words else '###'} {' '.join(path)}", "")
        inner = typer.Context(command, info_name=name, parent=context)
        if hasattr(command, "commands"):
            yield from (plain(command.help or ""), "")
            yield from _group(command, inner, path)
        else:
            yield from _command(command, inner)


def _command(command: Any, context: typer.Context) -> Iterator[str]:
    usage = " ".join(command.collect_usage_pieces(context))
    yield from ("```text", f"{context.command_path} {usage}", "```", "")
    for paragraph in re.split(r"\n\s*\n", command.help or ""):
        yield from (plain(" ".join(paragraph.split())), "")
    yield from _options(command)
    if examples := getattr(command, "examples", ()):
        yield from ("```sh", *examples, "```", "")


def _options(command: Any) -> Iterator[str]:
    rows = [
        (
            ", ".join(
                f"`{name}`" for name in parameter.opts if parameter.param_type_name == "option"
            )
            or f"`{parameter.metavar or parameter.name.upper()}`",
            plain(parameter.help or ""),
        )
        for parameter in command.params
        if not getattr(parameter, "hidden", False) and parameter.help
    ]
    if rows:
        yield from table("option | meaning", rows)


# HTTP --------------------------------------------------------------------------------------------

USUAL: Final = {"Successful Response", "As If-None-Match has it.", *MEANINGS.values()}
MOST: Final = 120  # characters of a meaning, above which what follows its colon is left out


def endpoints(dsn: str) -> Iterator[str]:
    """Of the HTTP API."""
    described = application(configured(dsn)).openapi()
    by_tag: dict[str, list[Sequence[str]]] = {}
    for path, operations in described["paths"].items():
        for verb, operation in operations.items():
            call = f"`{verb.upper()} {path}`"
            takes = ", ".join(_taken(operation, described["components"]["schemas"]))
            rows = by_tag.setdefault(operation["tags"][0], [])
            rows.append((call, takes, plain(_answered(operation))))
    yield from prose(
        """
        # HTTP calls

        `make reference` writes this page from the description that `tasker-sql serve` gives at
        `/api-docs/openapi.json`, which also has the types and all that is said here in short.
        [HTTP](../http.md) has what all calls have in common. A GET takes parameters, a POST a JSON
        object with these keys; those with `?` may be left out.
        """
    )
    by_tag["health"] = by_tag.pop("health")
    for tag, rows in by_tag.items():
        yield from (f"## {tag.replace('_', ' ').capitalize()}", "")
        yield from table("call | takes | what it does or answers", rows)


def _taken(operation: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterator[str]:
    """What a call takes beside its path."""
    for one in operation.get("parameters", ()):
        if one["in"] == "query":
            yield f"`{one['name']}{'' if one['required'] else '?'}`"
    if "requestBody" in operation:
        (content,) = operation["requestBody"]["content"].values()
        body = schemas[content["schema"]["$ref"].rpartition("/")[2]]
        needed = body.get("required", ())
        yield from (f"`{name}{'' if name in needed else '?'}`" for name in body["properties"])
    for one in operation.get("parameters", ()):
        if one["in"] == "header":
            yield f"header `{one['name'].title()}?`"


def _answered(operation: Mapping[str, Any]) -> str:
    """The first sentence that is said of a call, and statuses that only it has."""
    meaning = re.split(r"(?<=[.?])\s", operation["description"])[0].replace("\n", " ")
    head = meaning.partition(": ")[0]
    if head != meaning and len(meaning) > MOST and head.count("(") == head.count(")"):
        meaning = f"{head}."
    answers = operation["responses"].items()
    own = (
        f"{status}: {of['description']}" for status, of in answers if of["description"] not in USUAL
    )
    return " ".join((meaning, *own))


# Errors ------------------------------------------------------------------------------------------


def errors(dsn: str) -> Iterator[str]:
    """Of SQLSTATEs, problems and exit codes."""
    answers: Mapping[str, str] = {
        kind.code: f"{status} `{code}`" for kind, (status, code) in ANSWERS.items() if kind.code
    }
    yield from prose(
        """
        # Errors

        `make reference` writes this page from the catalog, the classes of `tasker_sql.errors`,
        the HTTP server and [On call](../on-call.md).

        ## SQLSTATEs

        The message of an error is constant, the facts are in its detail, advice in its hint. The
        field `constraint` of TK001 says why a claim is stale: `lease_expired`, `cancelled`,
        `settled`, `finished` or `unknown`.
        """
    )
    yield from table(
        "code | class | HTTP | meaning | then",
        (
            (f"`{code}`", _class(code), answers.get(code, ""), plain(meaning), plain(remedy))
            for code, meaning, remedy in servers.rows(dsn, CODES)
        ),
    )
    yield from prose(
        """
        Every other code is PostgreSQL's own: nothing was done, and the call may be repeated
        ([table](../any-language.md#which-sqlstate-means-what)). In Python these are
        `UnavailableError` and the classes below it.

        ## Problems

        The codes of `tasker-sql problems` and the view `tasker.problems`, each with its cure:
        """
    )
    yield from table(
        "code | what it means",
        (
            (f"[`{code}`](../on-call.md#{_anchor(f'{code}: {title}')})", plain(title))
            for code, title in INCIDENT.findall((ROOT / "docs/on-call.md").read_text())
        ),
    )
    yield from prose(
        """
        ## Exit codes

        Of every command: [A process](../operate.md#a-process).
        """
    )


def _class(code: str) -> str:
    return f"`{BY_CODE[code].__name__}`" if code in BY_CODE else ""


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def main(write: Callable[[Path, str], object] = Path.write_text) -> None:
    server = servers.Server(servers.NEWEST)
    try:
        with server.database(server.migrated) as dsn:
            PAGES.mkdir(exist_ok=True)
            for path, text in pages(dsn).items():
                write(path, text)
                print(f"wrote {path.relative_to(ROOT)}: {text.count(chr(10))} lines")
    finally:
        server.close()


if __name__ == "__main__":
    main()
