"""`tasker-sql config ...`"""

from __future__ import annotations

from typing import Annotated, Any

from tasker_sql import config
from tasker_sql.cli import completion
from tasker_sql.cli.commands import ROOT, Commands
from tasker_sql.cli.errors import complain
from tasker_sql.cli.options import argument
from tasker_sql.cli.output import Output, Part, line, table
from tasker_sql.cli.query import query
from tasker_sql.schema import database

app = Commands(help=ROOT["config"][1])

Keys = Annotated[
    list[str] | None,
    argument(
        "A key, or the beginning of some. Default: all.", completion.config_keys, metavar="[KEY]..."
    ),
]


@query(app)
def show(keys: Keys = None) -> Output:
    """Print the effective values and their sources, without passwords.

    Example: tasker-sql config show executor_pools
    """
    loaded = config.load()
    values = {path: config.shown(path, loaded.given[path].value) for path in _chosen(keys)}
    origins = {path: loaded.given[path].origin for path in values}
    return Output(
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
    )


@query(app)
def check() -> Output:
    """Check everything. Exit code 2 when something is wrong.

    Set TASKER_ENV and TASKER_CONFIG as the runner will see them.

    Example: TASKER_ENV=production tasker-sql config check
    """
    loaded = config.load()
    database.allow_private(loaded.config.database.url)
    files = sorted({given.origin for given in loaded.given.values()})
    return Output(
        {"environment": loaded.environment, "keys": len(loaded.given), "from": files},
        f"the configuration of {loaded.environment} is valid: {len(loaded.given)} keys, "
        f"from {', '.join(files)}",
    )


@query(app)
def explain(keys: Keys = None) -> Output:
    """Say what keys mean, their bounds, defaults and values.

    Example: tasker-sql config explain engine.lease
    """
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
    return Output(found, picture)


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


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
