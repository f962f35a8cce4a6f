"""`tasker-sql config ...`"""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated, Any, Final, get_type_hints

import typer
from rich.text import Text

from tasker_sql import config
from tasker_sql.cli.shared import Json, complain, console, print_json, print_table

app = typer.Typer(help="What is configured: show, check, explain.", no_args_is_help=True)

Keys = Annotated[
    list[str] | None,
    typer.Argument(metavar="[KEY]...", help="A key, or the beginning of some. Default: all."),
]


@app.command()
def show(keys: Keys = None, as_json: Json = False) -> None:
    """Print what holds, and where each value came from. Passwords are left out.

    Example: tasker-sql config show executor_pools
    """
    loaded = config.load()
    found = [(path, loaded.given[path], config.keys()[path]) for path in _chosen(keys)]
    if as_json:
        print_json(
            {
                path: {"value": config.masked(given.value), "from": given.origin}
                for path, given, _ in found
            }
        )
        return
    print_table(
        ["key", "value", "unit", "from"],
        [(path, config.plain(given.value), key.unit, given.origin) for path, given, key in found],
        "nothing",
    )


@app.command()
def check() -> None:
    """Check all of it. Exit code 2 when something is wrong.

    Set TASKER_ENV and TASKER_CONFIG as the runner will see them.
    """
    loaded = config.load()
    files = {given.origin for given in loaded.given.values()}
    console().print(
        f"the configuration of {loaded.environment} is well: {len(loaded.given)} keys, "
        f"from {', '.join(sorted(files))}"
    )


@app.command()
def explain(
    keys: Keys = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print docs/configuration.md.")
    ] = False,
) -> None:
    """Say what keys mean, their bounds and defaults, and what they are now.

    Example: tasker-sql config explain engine.lease
    """
    if markdown:
        typer.echo(_markdown(), nl=False)
        return
    defaults = config.packaged()
    try:
        given = config.load().given
    except config.ConfigError as error:  # explaining is what helps then
        complain(str(error))
        given = {}
    for path in _chosen(keys):
        key = config.keys()[path]
        console().print(Text(path, style="bold"))
        about = f"{key.about} " if key.about else ""
        console().print(Text(f"  {about}{key.key.meaning}"))
        default = config.plain(defaults[path])
        console().print(Text(f"  {_sentence(key.wanted)} Default: {default}.", style="dim"))
        if path in given:
            now = given[path]
            console().print(
                Text(f"  Now: {config.plain(now.value)}, from {now.origin}.", style="dim")
            )


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
4. `DATABASE_URL`, over `database.url`;
5. options of the command line.

Tables are merged key by key, arrays are replaced. In texts, `${VAR}` is the environment variable
(an error where it is not set) and `${VAR:-default}` has a default; such a text may also stand where
a number is wanted. What is unknown, out of bounds or contradictory is refused, with file, key,
value and bound: `tasker-sql config check` says so before you deploy, `tasker-sql config show`
prints what holds and where each value came from, `tasker-sql config explain` what it means.
"""
