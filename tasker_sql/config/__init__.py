"""Configuration: TOML files, one for each component, whose keys `settings` declares.

Values come from these places, each over the ones before:

    config/<component>.toml                                packaged
    config/environments/<environment>/<component>.toml     packaged; TASKER_ENV or development
    $TASKER_CONFIG/...                                     your own folder, with the same layout
    DATABASE_URL, or the file DATABASE_URL_FILE            the key database.url
    the caller                                             the command line, a test

Tables are merged, arrays replaced. `${VAR}` and `${VAR:-default}` in a text are expanded.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tasker_sql import masking

if TYPE_CHECKING:
    from tasker_sql.config.settings import Config

PACKAGE: Final = Path(__file__).parents[1]
IN_A_WHEEL: Final = PACKAGE / "_config"
PACKAGED: Final = IN_A_WHEEL if IN_A_WHEEL.is_dir() else PACKAGE.parent / "config"
DEFAULT_ENVIRONMENT: Final = "development"
LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
VARIABLE: Final = re.compile(r"\$\{(?:(?P<name>[A-Za-z_]\w*)(?::-(?P<default>[^}]*))?\})?")


class ConfigError(ValueError):
    """The configuration cannot be used. The message has a line for each fault."""


class Key(NamedTuple):
    """A key with its path, such as `executor_pools.step_enqueuer.poll`."""

    path: str
    kind: Any  # its type
    about: str  # the meaning of the table that it stands in
    meaning: str
    unit: str
    needed: str  # the values that are allowed


class Given(NamedTuple):
    """A value and its origin."""

    value: Any
    origin: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """The configuration, and the origin of each value."""

    environment: str
    config: Config
    given: Mapping[str, Given]  # by path, expanded and checked


@cache
def keys() -> Mapping[str, Key]:
    """Every key there is, by its path."""
    from tasker_sql.config import settings  # 0.1 s for pydantic

    return MappingProxyType({key.path: key for key in settings.declared()})


def database_url(environ: Mapping[str, str] = os.environ) -> str:
    """`DATABASE_URL`, else the text of the file that `DATABASE_URL_FILE` names, else nothing.

    A file is how container engines hand out secrets. Raises ConfigError when it cannot be read.
    """
    if url := environ.get("DATABASE_URL", "").strip():
        return url
    path = environ.get("DATABASE_URL_FILE", "").strip()
    try:
        return Path(path).read_text().strip() if path else ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"DATABASE_URL_FILE is {path!r}, which cannot be read: {error}") from None


def load(
    overrides: Mapping[str, Any] = NOTHING,
    *,
    environment: str | None = None,
    environ: Mapping[str, str] = os.environ,
    origin: str = "the caller",
) -> Loaded:
    """The configuration of an environment, by default of `TASKER_ENV`.

    `overrides` are values by path. Raises ConfigError, which names all that is wrong.
    """
    from tasker_sql.config import settings

    environment = environment or environ.get("TASKER_ENV", "").strip() or DEFAULT_ENVIRONMENT
    problems: list[str] = []
    found: dict[str, Given] = {}
    for name, file in _files(environment, environ):
        found |= _read(name, file, problems)
    if url := database_url(environ):
        found["database.url"] = Given(url, "DATABASE_URL")
    found |= {path: Given(value, origin) for path, value in overrides.items()}

    for path in sorted(found.keys() - keys().keys()):
        what = f"there is no key {path} (= {plain(shown(path, found[path].value))})"
        problems.append(f"{found[path].origin}: {what}; {close_to(path)}")
    given = {}
    for path in keys():
        try:
            if path in found:
                given[path] = _expanded(path, found[path], environ)
        except ValueError as error:
            problems.append(_wrong(path, found[path], str(error)))
    config, faults = settings.validated({path: value.value for path, value in given.items()})
    for path, what in faults.items():
        if path in given:
            problems.append(_wrong(path, given[path], what))
        elif path not in found:
            problems.append(f"{path} has no value; give it {keys()[path].needed}")
    if config is None or problems:
        raise ConfigError("\n".join(problems))
    if problems := [*_contradictions(config, given)]:
        raise ConfigError("\n".join(problems))
    return Loaded(environment, config, given)


def _files(environment: str, environ: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    """The files to read, in order, with the names to show."""
    folders = [("config", PACKAGED)]
    if own := environ.get("TASKER_CONFIG", "").strip():
        if not Path(own).is_dir():
            raise ConfigError(f"TASKER_CONFIG: {own!r} is not a directory")
        folders.append((own, Path(own)))
    known = {
        file.name
        for _, folder in folders
        for file in (folder / "environments").glob("*")
        if file.is_dir()
    }
    if environment not in known:
        raise ConfigError(
            f"TASKER_ENV: there is no environment {environment!r}; use one of "
            f"{', '.join(sorted(known))}"
        )
    for shown_as, folder in folders:
        for part in ("", f"environments/{environment}/"):
            for file in sorted((folder / part).glob("*.toml")):
                yield f"{shown_as}/{part}{file.name}", file


def _read(name: str, file: Path, problems: list[str]) -> dict[str, Given]:
    """The values of a file by their paths: to merge tables is then to update a dictionary."""
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        problems.append(f"{name}: {error}")
        return {}
    return {path: Given(value, name) for path, value in _leaves(content, file.stem)}


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}")
    else:
        yield path, value


def _expanded(path: str, given: Given, environ: Mapping[str, str]) -> Given:
    """The value with its variables expanded. Raises ValueError that says what is wrong."""

    def variable(match: re.Match[str]) -> str:
        name, default = match["name"], match["default"]
        if name is None:
            raise ValueError("has ${ without the name of a variable")
        if (value := environ.get(name)) is not None and (value or default is None):
            return value
        if default is None:
            raise ValueError(f"needs the environment variable {name}, which is not set")
        return default

    from tasker_sql.config import settings

    value, origin = given
    if isinstance(value, list):
        texts = [VARIABLE.sub(variable, part) if isinstance(part, str) else part for part in value]
        return Given(texts, origin)
    if not isinstance(value, str) or origin == "DATABASE_URL" or "${" not in value:
        return given
    return Given(settings.parsed(keys()[path].kind, VARIABLE.sub(variable, value)), origin)


def _contradictions(config: Config, given: Mapping[str, Given]) -> Iterator[str]:
    """Values that are allowed one by one, but not together."""
    larger = {path: f"{path[:-4]}.max" for path in given if path.endswith(".min")}
    larger["orchestration.health.unhealthy_below"] = "orchestration.health.degraded_below"
    for least, most in larger.items():
        if given[least].value > given[most].value:
            low, high = _shown(least, given[least]), _shown(most, given[most])
            yield f"{low} is more than {high}; it must not be"
    total = sum(
        given[most].value
        for least, most in larger.items()
        if least.endswith(".min") and "task_claimer" not in least
    )
    if total > config.database.pool_size:
        size = _shown("database.pool_size", given["database.pool_size"])
        yield (
            f"{size} is less than what executors need: without task_claimer, their pools have up "
            f"to {total} executors; set it to {total} or make the pools smaller"
        )
    lists = config.auth.model_dump()
    for name, sums in lists.items():
        if not all(re.fullmatch("[0-9a-f]{64}", text) for text in sums):
            yield (
                f"{given[f'auth.{name}'].origin}: auth.{name} has a text that is not a SHA-256 "
                "sum; write 64 hexadecimal digits, for example of `printf %s TOKEN | sha256sum`"
            )
    if not any(lists.values()) and config.web.host not in LOOPBACK:
        yield (
            f"{_shown('web.host', given['web.host'])} can be reached by others, and auth has no "
            f"tokens; add tokens, or use one of {', '.join(LOOPBACK)}"
        )


# Messages


def _shown(path: str, given: Given) -> str:
    return f"{given.origin}: {path} = {plain(shown(path, given.value))}"


def _wrong(path: str, given: Given, what: str) -> str:
    return f"{_shown(path, given)} {what}; {keys()[path].needed} is needed"


def close_to(path: str) -> str:
    """The key that somebody may have meant who wrote an unknown one."""
    if close := difflib.get_close_matches(path, keys(), 1):
        return f"did you mean {close[0]}?"
    components = dict.fromkeys(path.partition(".")[0] for path in keys())
    return f"the components are {', '.join(components)}"


def plain(value: Any) -> str:
    """A value as one writes it in a file, without passwords."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(masking.masked_value(value), ensure_ascii=False)


def shown(path: str, value: Any) -> Any:
    """A value without a password; texts of unknown keys are hidden."""
    if path == "database.url":
        if value == "private":
            return value
        return masking.connection(value) if isinstance(value, str) else masking.HIDDEN
    return value if path in keys() or isinstance(value, bool | int | float) else masking.HIDDEN


# What comes with the package


def packaged(environment: str | None = None) -> Mapping[str, Any]:
    """The values of the packaged files: the defaults, or what an environment changes."""
    folder = PACKAGED / "environments" / environment if environment else PACKAGED
    problems: list[str] = []
    found: dict[str, Given] = {}
    for file in sorted(folder.glob("*.toml")):
        found |= _read(file.name, file, problems)
    assert not problems, problems
    return {path: given.value for path, given in found.items()}


def environments() -> list[str]:
    """The packaged environments."""
    return sorted(folder.name for folder in (PACKAGED / "environments").iterdir())
