"""`tasker-sql config ...`"""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated, Any, Final, get_type_hints

import typer

from tasker_sql import config
from tasker_sql.cli import completion
from tasker_sql.cli.arguments import Json
from tasker_sql.cli.commands import Commands
from tasker_sql.cli.errors import complain
from tasker_sql.cli.output import Part, answer, line, table
from tasker_sql.schema import database

app = Commands(help="What is configured: show, check, explain.")

Keys = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KEY]...",
        help="A key, or the beginning of some. Default: all.",
        autocompletion=completion.config_keys,
    ),
]


@app.command()
def show(keys: Keys = None, as_json: Json = False) -> None:
    """Print what holds, and where each value came from. Passwords are left out.

    Example: tasker-sql config show executor_pools
    """
    loaded = config.load()
    found = [(path, loaded.given[path], config.keys()[path]) for path in _chosen(keys)]
    answer(
        {
            path: {"value": config.shown(path, given.value), "from": given.origin}
            for path, given, _ in found
        },
        table(
            ["key", "value", "unit", "from"],
            [
                (path, config.plain(config.shown(path, given.value)), key.unit, given.origin)
                for path, given, key in found
            ],
            "nothing",
        ),
        as_json,
    )


@app.command()
def check(as_json: Json = False) -> None:
    """Check all of it. Exit code 2 when something is wrong.

    Set TASKER_ENV and TASKER_CONFIG as the runner will see them.

    Example: TASKER_ENV=production tasker-sql config check
    """
    loaded = config.load()
    database.allow_private(loaded.config.database.url)
    files = sorted({given.origin for given in loaded.given.values()})
    answer(
        {"environment": loaded.environment, "keys": len(loaded.given), "from": files},
        f"the configuration of {loaded.environment} is well: {len(loaded.given)} keys, "
        f"from {', '.join(files)}",
        as_json,
    )


@app.command()
def explain(
    keys: Keys = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print docs/configuration.md.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say what keys mean, their bounds, defaults and values.

    Example: tasker-sql config explain engine.lease
    """
    if markdown:
        typer.echo(_markdown(), nl=False)
        return
    defaults = config.packaged()
    try:
        given = config.load().given
    except config.ConfigError as error:  # explaining is what helps then
        complain(*str(error).split("\n"))
        given = {}
    told: dict[str, dict[str, Any]] = {}
    picture: list[Part] = []
    for path in _chosen(keys):
        key, default, now = config.keys()[path], config.plain(defaults[path]), given.get(path)
        meaning = f"{key.about} {key.key.meaning}".strip()
        told[path] = {"meaning": meaning, "wanted": key.wanted, "default": default}
        picture += [line((path, "bold")), f"  {meaning}"]
        picture.append(line((f"  {_sentence(key.wanted)} Default: {default}.", "dim")))
        if now:
            value = config.shown(path, now.value)
            told[path] |= {"value": value, "from": now.origin}
            said = f"  Now: {config.plain(value)}, from {now.origin}."
            picture.append(line((said, "dim")))
    answer(told, picture, as_json)


def _chosen(beginnings: list[str] | None) -> list[str]:
    """The keys that begin so. Raises ValueError when there are none."""
    known = config.keys()
    for beginning in beginnings or []:
        if not any(_begins(path, beginning) for path in known):
            raise ValueError(f"there is no key {beginning}; {config.close_to(beginning)}")
    return [
        path for path in known if not beginnings or any(_begins(path, one) for one in beginnings)
    ]


def _begins(path: str, beginning: str) -> bool:
    return f"{path}.".startswith(f"{beginning.rstrip('.')}.")


def _markdown() -> str:
    """Every key, as docs/configuration.md tells it."""
    changed = {environment: config.packaged(environment) for environment in config.environments()}
    defaults = config.packaged()
    lines = [MARKDOWN]
    for field in fields(config.Config):
        component: Any = get_type_hints(config.Config)[field.name]
        lines += [f"## {field.name}", "", " ".join(component.__doc__.split()), ""]
        tables: dict[str, str] = {}
        for path, declared in config.keys().items():
            if declared.component != field.name:
                continue
            table, _, name = path.rpartition(".")
            if table not in tables:
                tables[table] = declared.about
                if declared.about:
                    lines += ["", f"**`[{table.partition('.')[2]}]`** {declared.about}", ""]
                lines += ["| key | default | what it is |", "|---|---|---|"]
            elsewhere = [
                f"{environment} {config.plain(values[path])}"
                for environment, values in changed.items()
                if path in values
            ]
            default = "; ".join([config.plain(defaults[path]), *elsewhere])
            lines.append(
                f"| `{name}` | {default} | {declared.key.meaning} {_sentence(declared.wanted)} |"
            )
        lines.append("")
    return "\n".join(lines)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


MARKDOWN: Final = """<!-- Made by `tasker-sql config explain --markdown`; a test compares. -->

# Configuration

`tasker-sql run` and `tasker-sql serve` need none. What is configured comes from these places, each
over the ones before:

1. `config/<component>.toml`, packaged: the defaults below;
2. `config/environments/<environment>/<component>.toml`, packaged: what differs in `development`
   (the default), `test` and `production`; `TASKER_ENV` chooses;
3. a folder of your own that `TASKER_CONFIG` names, laid out alike: `executor_pools.toml` for
   instance, and `environments/production/executor_pools.toml`;
4. `DATABASE_URL`, or the text of the file that `DATABASE_URL_FILE` names, over `database.url`;
5. options of the command line.

Tables are merged key by key, arrays are replaced. In texts, `${VAR}` is the environment variable
(an error where it is not set) and `${VAR:-default}` has a default; such a text may also stand where
a number is wanted. What is unknown, out of bounds or contradictory is refused, with file, key,
value and bound: `tasker-sql config check` says so before you deploy, `tasker-sql config show`
prints what holds and where each value came from, `tasker-sql config explain` what it means.
"""
