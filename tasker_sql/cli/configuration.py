"""`tasker-sql config ...`"""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from tasker_sql import config
from tasker_sql.cli import completion
from tasker_sql.cli.commands import ROOT, Commands, Json
from tasker_sql.cli.errors import complain
from tasker_sql.cli.output import Part, answer, line, table
from tasker_sql.schema import database

app = Commands(help=ROOT["config"][1])

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
    """Print the effective values and their sources, without passwords.

    Example: tasker-sql config show executor_pools
    """
    loaded = config.load()
    values = {path: config.shown(path, loaded.given[path].value) for path in _chosen(keys)}
    origins = {path: loaded.given[path].origin for path in values}
    answer(
        {path: {"value": value, "from": origins[path]} for path, value in values.items()},
        table(
            values,
            "key, value, unit, from",
            "nothing",
            key=str,
            value=lambda path: config.plain(values[path]),
            unit=lambda path: config.keys()[path].unit,
            **{"from": origins.__getitem__},
        ),
        as_json,
    )


@app.command()
def check(as_json: Json = False) -> None:
    """Check everything. Exit code 2 when something is wrong.

    Set TASKER_ENV and TASKER_CONFIG as the runner will see them.

    Example: TASKER_ENV=production tasker-sql config check
    """
    loaded = config.load()
    database.allow_private(loaded.config.database.url)
    files = sorted({given.origin for given in loaded.given.values()})
    answer(
        {"environment": loaded.environment, "keys": len(loaded.given), "from": files},
        f"the configuration of {loaded.environment} is valid: {len(loaded.given)} keys, "
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
    found: dict[str, dict[str, Any]] = {}
    picture: list[Part] = []
    for path in _chosen(keys):
        key, default, now = config.keys()[path], config.plain(defaults[path]), given.get(path)
        meaning = f"{key.about} {key.meaning}".strip()
        found[path] = {"meaning": meaning, "wanted": key.needed, "default": default}
        picture += [line((path, "bold")), f"  {meaning}"]
        picture.append(line((f"  {_sentence(key.needed)} Default: {default}.", "dim")))
        if now:
            value = config.shown(path, now.value)
            found[path] |= {"value": value, "from": now.origin}
            picture.append(line((f"  Now: {config.plain(value)}, from {now.origin}.", "dim")))
    answer(found, picture, as_json)


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
    """docs/configuration.md: every key."""
    from tasker_sql.config.settings import Config

    changed = {environment: config.packaged(environment) for environment in config.environments()}
    defaults = config.packaged()
    lines = [MARKDOWN]
    for component, info in Config.model_fields.items():
        about = (getattr(info.annotation, "__doc__", None) or "").split()
        lines += [f"## {component}", "", " ".join(about)]
        table = None
        for path, key in config.keys().items():
            if not path.startswith(f"{component}."):
                continue
            place, _, name = path.rpartition(".")
            if place != table:
                table = place
                if key.about:
                    lines += ["", f"**`[{table.partition('.')[2]}]`** {key.about}"]
                lines += ["", "| key | default | meaning |", "|---|---|---|"]
            elsewhere = [
                f"{environment} {config.plain(values[path])}"
                for environment, values in changed.items()
                if path in values
            ]
            default = "; ".join([config.plain(defaults[path]), *elsewhere])
            lines.append(f"| `{name}` | {default} | {key.meaning} {_sentence(key.needed)} |")
        lines.append("")
    return "\n".join(lines)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


MARKDOWN: Final = """<!-- Made by `tasker-sql config explain --markdown`; a test compares. -->

# Configuration

`tasker-sql run` and `tasker-sql serve` work without any. Values come from these places, each over
the ones before:

1. `config/<component>.toml`, packaged: the defaults below;
2. `config/environments/<environment>/<component>.toml`, packaged: what differs in `development`
   (the default), `test` and `production`; `TASKER_ENV` chooses;
3. a folder of your own that `TASKER_CONFIG` names, with the same layout: for example
   `executor_pools.toml`, and `environments/production/executor_pools.toml`;
4. `DATABASE_URL`, or the text of the file that `DATABASE_URL_FILE` names, over `database.url`;
5. options of the command line.

Tables are merged key by key, arrays are replaced. In texts, `${VAR}` is the environment variable
(an error where it is not set) and `${VAR:-default}` has a default; such a text may also stand where
a number is needed. Unknown keys, values out of bounds and contradictions are refused, with file,
key, value and bound. `tasker-sql config check` finds them before you deploy, `tasker-sql config
show` prints the effective configuration and the source of each value, and `tasker-sql config
explain` prints what each key means.

There is a file only where something can be configured:

- no `pgmq`: PGMQ has no settings, and we make, read and drop its queues ourselves. How often and
  how much to read is in `executor_pools`, when to stop calling it in `circuit_breakers`.
- no `query_cache`: answers are never cached, because an operator needs the current state. Plans
  are cached by PostgreSQL.
- no `system`: `TASKER_ENV` names the environment, the version is the package's, and the limit on
  memory is `orchestration.most_memory`.
"""
