"""Configuration: TOML files, one for each component, and what each key in them means.

A key is declared once, as a field below: its type, unit, bounds and meaning. The files in `config/`
give every one of them its default; `load` puts on top of these, each over the ones before:

    config/<component>.toml                                packaged
    config/environments/<environment>/<component>.toml     packaged; TASKER_ENV or development
    $TASKER_CONFIG/...                                     a folder of your own, laid out alike
    DATABASE_URL, or the file DATABASE_URL_FILE            the key database.url
    what the caller gives                                  the command line, a test

Tables are merged, arrays replaced. `${VAR}` and `${VAR:-default}` in a text are expanded.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, TypeVar, get_args, get_origin, get_type_hints

from tasker_sql import masking

T = TypeVar("T")

PACKAGE: Final = Path(__file__).parents[1]
IN_A_WHEEL: Final = PACKAGE / "_config"
PACKAGED: Final = IN_A_WHEEL if IN_A_WHEEL.is_dir() else PACKAGE.parent / "config"
DEFAULT_ENVIRONMENT: Final = "development"
LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class ConfigError(ValueError):
    """The configuration cannot be used: a sentence for each thing that is wrong with it."""


# What can be configured


@dataclass(frozen=True, slots=True)
class Key:
    """What is said of a key beside its type. Bounds belong to what is allowed."""

    meaning: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Database:
    """Which database, and how to connect."""

    url: Annotated[
        str,
        Key(
            "A PostgreSQL URL or libpq keywords. DATABASE_URL overrides it. Empty: the private "
            "server of this user, which in production must be asked for as `private`."
        ),
    ]
    connect_timeout: Annotated[
        int, Key("After how long an attempt to connect is given up.", "seconds", 2, 300)
    ]
    pool_size: Annotated[
        int,
        Key(
            "Connections that executors and handlers (those in SQL, and transactional ones) share. "
            "Beside them a runner has one for each namespace, and one.",
            "",
            *(4, 10_000),
        ),
    ]
    pgbouncer: Annotated[
        bool,
        Key(
            "Connections go through a PgBouncer that pools transactions: no LISTEN (idle workers "
            "poll) and no prepared statements."
        ),
    ]


@dataclass(frozen=True, slots=True)
class Engine:
    """How steps are worked on."""

    lease: Annotated[
        float,
        Key(
            "After how long without a heartbeat others may take a claimed step over. Workers send "
            "one three times as often.",
            "seconds",
            *(0.1, 86400),
        ),
    ]
    two_hop: Annotated[
        bool,
        Key("Workers hand results in for step_result_processor, instead of orchestrating too."),
    ]


@dataclass(frozen=True, slots=True)
class Pool:
    """One kind of executor."""

    min: Annotated[int, Key("How many there are at least.", "", 1, 1000)]
    max: Annotated[int, Key("How many there are at most, when there is much to do.", "", 1, 1000)]
    poll: Annotated[
        float, Key("How often to look when there was nothing to do.", "milliseconds", 10, 10_000)
    ]
    idle_poll: Annotated[
        float,
        Key("How often, when there has been nothing for long.", "milliseconds", 10, 60_000),
    ]
    batch: Annotated[int, Key("How much one call takes at most.", "", 1, 1000)]


@dataclass(frozen=True, slots=True)
class Scaling:
    """When pools grow and shrink."""

    interval: Annotated[
        float, Key("How often the size of each pool is decided.", "seconds", 0.1, 3600)
    ]
    cooldown: Annotated[
        float, Key("How long a pool keeps its size after a change.", "seconds", 0, 86400)
    ]
    target_utilization: Annotated[
        float,
        Key(
            "The share of their time that executors should be busy. Above 1.2 times as much, a "
            "pool grows in proportion; below half of it, it shrinks.",
            "",
            *(0.05, 1),
        ),
    ]
    most_database_use: Annotated[
        float,
        Key(
            "The share of the runner's connections that may be in use. Beyond it no pool grows, "
            "and all look for work less often and take less of it.",
            "",
            *(0.1, 1),
        ),
    ]
    error_rate: Annotated[
        float, Key("The share of calls that may fail before a pool grows by one.", "", 0, 1)
    ]
    queue_depth: Annotated[
        int,
        Key(
            "What may wait in a queue before its pool grows, by one for each 50 that wait.",
            "messages",
            *(1, 10_000),
        ),
    ]
    queue_age: Annotated[
        float,
        Key(
            "How long the oldest message of a queue may wait before its pool grows by one.",
            "seconds",
            *(0.1, 86400),
        ),
    ]


@dataclass(frozen=True, slots=True)
class ExecutorPools:
    """The pools of executors, each of which repeats one SQL function."""

    scaling: Annotated[Scaling, Key("When pools grow and shrink.")]
    task_request_processor: Annotated[Pool, Key("`process_task_requests`: tasks by message.")]
    step_result_processor: Annotated[Pool, Key("`process_step_results`: the second of two hops.")]
    step_enqueuer: Annotated[
        Pool, Key("`enqueue_steps`: what is due, or was lost on its way into a queue.")
    ]
    task_finalizer: Annotated[Pool, Key("`finalize_tasks`: tasks that no last step has ended.")]
    task_claimer: Annotated[
        Pool,
        Key(
            "The workers: `finish_and_claim`. One pool for each namespace, whose executors are the "
            "slots in which handlers run. Notified of new work, it polls besides."
        ),
    ]


@dataclass(frozen=True, slots=True)
class Breaker:
    """A circuit breaker."""

    failures: Annotated[int, Key("Failures in a row that open it.", "", 1, 1000)]
    open_for: Annotated[
        float, Key("How long no call passes, before one is tried.", "seconds", 0.1, 3600)
    ]
    successes: Annotated[int, Key("Successes in a row that close it again.", "", 1, 1000)]


@dataclass(frozen=True, slots=True)
class CircuitBreakers:
    """What a runner or the HTTP server does when the database fails: leave it alone for a while.
    Only failures of the infrastructure count."""

    database: Annotated[Breaker, Key("Around all calls but those of the queues.")]
    queue: Annotated[
        Breaker,
        Key("Around calls that take from queues or put into them: claims, reports, messages."),
    ]
    web: Annotated[Breaker, Key("Around all calls of the HTTP server.")]


@dataclass(frozen=True, slots=True)
class HealthLimits:
    """When executors, and the runner, are not well."""

    error_rate: Annotated[
        float,
        Key("An executor of whose calls more than this share fails is degraded.", "", 0, 1),
    ]
    slow: Annotated[
        float,
        Key("An executor whose calls take longer on average is degraded.", "seconds", 0.001, 3600),
    ]
    stuck: Annotated[
        float, Key("An executor with a call that runs longer is unhealthy.", "seconds", 1, 86400)
    ]
    degraded_below: Annotated[
        float,
        Key("A runner of whose executors a smaller share is healthy is degraded.", "", 0, 1),
    ]
    unhealthy_below: Annotated[
        float,
        Key("A runner of whose executors a smaller share is healthy is unhealthy.", "", 0, 1),
    ]


@dataclass(frozen=True, slots=True)
class Orchestration:
    """The runner as a whole."""

    namespaces: Annotated[
        list[str], Key("Which namespaces to serve. Empty: all, also those that appear later.")
    ]
    handlers: Annotated[list[str], Key("Modules, or .py files, with @handler functions.")]
    discover: Annotated[float, Key("How often to look for new ones.", "seconds", 0.1, 3600)]
    heartbeat: Annotated[
        float,
        Key(
            "How often a runner measures itself, reports (see the view known_runners) and learns "
            "what operators want of its circuit breakers.",
            "seconds",
            *(0.1, 300),
        ),
    ]
    graceful_timeout: Annotated[
        float, Key("What handlers get to finish after SIGTERM.", "seconds", 0, 3600)
    ]
    emergency_timeout: Annotated[
        float,
        Key("What calls get to end when that is over, or a second signal came.", "seconds", 0, 600),
    ]
    most_memory: Annotated[
        int,
        Key(
            "With more memory than that a runner stops as after SIGTERM, to be started anew: a "
            "handler may leak. 0: never.",
            "MiB",
            *(0, 1_000_000),
        ),
    ]
    health: Annotated[HealthLimits, Key("When an executor, or the runner, is not well.")]


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What a runner says."""

    level: Annotated[str, Key("Log from here on.", choices=("debug", "info", "warning", "error"))]
    format: Annotated[
        str, Key("Text for people, or an object a line for machines.", choices=("text", "json"))
    ]


@dataclass(frozen=True, slots=True)
class Web:
    """The HTTP server, `tasker-sql serve`."""

    host: Annotated[
        str,
        Key("The address to listen on. One that others can reach needs tokens, see auth."),
    ]
    port: Annotated[int, Key("The port to listen on. 0: any that is free.", "", 0, 65535)]
    pool_size: Annotated[int, Key("Connections of its own, which requests share.", "", 1, 1000)]
    timeout: Annotated[
        float,
        Key(
            "What a statement, and sending a request's body, may take before the request fails.",
            "seconds",
            *(0.05, 600),
        ),
    ]
    keep_alive: Annotated[
        int, Key("How long an idle connection of a client stays open.", "seconds", 0, 600)
    ]
    max_body: Annotated[int, Key("The largest body of a request.", "bytes", 1024, 134_217_728)]
    max_requests: Annotated[
        int,
        Key("Requests at a time; more are refused. Health and metrics do not count.", "", 1, 10000),
    ]


@dataclass(frozen=True, slots=True)
class Auth:
    """Who may do what over HTTP: the SHA-256 sums of bearer tokens, as 64 hexadecimal digits.

    A token may stand in several lists. Without any, everybody who reaches the server may do
    everything, and it listens to its own machine alone."""

    read: Annotated[list[str], Key("May ask everything, also for metrics.")]
    create: Annotated[list[str], Key("May create tasks.")]
    operate: Annotated[list[str], Key("May cancel tasks, and retry and settle steps.")]


@dataclass(frozen=True, slots=True)
class Config:
    """All of it; each field is a component, and a file."""

    database: Database
    engine: Engine
    executor_pools: ExecutorPools
    circuit_breakers: CircuitBreakers
    orchestration: Orchestration
    telemetry: Telemetry
    web: Web
    auth: Auth


# Reading it


@dataclass(frozen=True, slots=True)
class Declared:
    """A key with its path, such as `executor_pools.step_enqueuer.poll`."""

    path: str
    type: Any
    key: Key
    about: str  # what the tables say that it stands in

    @property
    def wanted(self) -> str:
        """What would be right."""
        if self.key.choices:
            return f"one of {', '.join(self.key.choices)}"
        noun = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}.get(
            self.type, "an array of texts"
        )
        if self.key.low is None:
            return noun
        return f"{noun} from {plain(self.key.low)} to {plain(self.key.high)}{self.unit}"

    @property
    def unit(self) -> str:
        return f" {self.key.unit}" if self.key.unit else ""

    @property
    def component(self) -> str:
        return self.path.partition(".")[0]

    def checked(self, value: Any) -> Any:
        """The value as the type says. Raises ValueError saying what is wrong with it."""
        if self.type is float and type(value) is int:
            value = float(value)
        if get_origin(self.type) is list:
            if not isinstance(value, list) or any(type(item) is not str for item in value):
                raise ValueError("is of the wrong type")
        elif type(value) is not self.type:
            raise ValueError("is of the wrong type")
        if self.key.choices and value not in self.key.choices:
            raise ValueError("is not known")
        if self.key.low is not None and self.key.high is not None:
            if value < self.key.low:
                raise ValueError(f"is less than {plain(self.key.low)}")
            if not value <= self.key.high:  # nor is it NaN
                raise ValueError(f"is more than {plain(self.key.high)}")
        return value


@dataclass(frozen=True, slots=True)
class Given:
    """A value, and where it came from."""

    value: Any
    origin: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """The configuration, and where each value of it came from."""

    environment: str
    config: Config
    given: Mapping[str, Given]  # by path, as it holds: expanded and checked


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
    environment = environment or environ.get("TASKER_ENV", "").strip() or DEFAULT_ENVIRONMENT
    problems: list[str] = []
    found: dict[str, Given] = {}
    for name, file in _files(environment, environ):
        found.update(_read(name, file, problems))
    if url := database_url(environ):
        found["database.url"] = Given(url, "DATABASE_URL")
    found.update({path: Given(value, origin) for path, value in overrides.items()})

    known = keys()
    for path in sorted(found.keys() - known.keys()):
        problems.append(_unknown(path, found[path]))
    given = {}
    for path, declared in known.items():
        if path not in found:
            problems.append(f"{path} is given nowhere; {declared.wanted} is needed")
            continue
        try:
            given[path] = _value(declared, found[path], environ)
        except ValueError as error:
            problems.append(str(error))
    if not problems:
        settings = _built(Config, given)
        problems += _contradictions(settings, given)
    if problems:
        raise ConfigError("\n".join(problems))
    return Loaded(environment, settings, given)


@cache
def keys() -> Mapping[str, Declared]:
    """Every key there is, by its path."""
    return MappingProxyType({declared.path: declared for declared in _declared(Config, "", "")})


def _declared(table: Any, prefix: str, about: str) -> Iterator[Declared]:
    for name, hint in get_type_hints(table, include_extras=True).items():
        kind, *said = get_args(hint) if get_origin(hint) is Annotated else (hint,)
        if is_dataclass(kind):
            yield from _declared(kind, f"{prefix}{name}.", said[0].meaning if said else about)
        else:
            yield Declared(f"{prefix}{name}", kind, said[0], about)


def _files(environment: str, environ: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    """The files to read, in order, with the names that people know them by."""
    folders = [("config", PACKAGED)]
    if own := environ.get("TASKER_CONFIG", "").strip():
        if not Path(own).is_dir():
            raise ConfigError(f"TASKER_CONFIG is {own!r}, which is no folder")
        folders.append((own, Path(own)))
    environments = {
        file.name
        for _, folder in folders
        for file in (folder / "environments").glob("*")
        if file.is_dir()
    }
    if environment not in environments:
        known = ", ".join(sorted(environments))
        raise ConfigError(f"TASKER_ENV is {environment!r}: no such environment; known are {known}")
    for shown, folder in folders:
        for part in ("", f"environments/{environment}/"):
            for file in sorted((folder / part).glob("*.toml")):
                yield f"{shown}/{part}{file.name}", file


def _read(name: str, file: Path, problems: list[str]) -> dict[str, Given]:
    """The values of a file by their paths: merging tables is then to update a dictionary."""
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


def _unknown(path: str, given: Given) -> str:
    value = plain(shown(path, given.value))
    return f"{given.origin}: there is no key {path} (= {value}); {close_to(path)}"


def close_to(path: str) -> str:
    """What somebody may have meant who wrote a key that there is not."""
    close = difflib.get_close_matches(path, keys(), 1)
    if close:
        return f"did you mean {close[0]}?"
    return f"the components are {', '.join(field.name for field in fields(Config))}"


VARIABLE: Final = re.compile(r"\$\{(?:(?P<name>[A-Za-z_]\w*)(?::-(?P<default>[^}]*))?\})?")
PARSED: Final = {"true": True, "false": False}


def _value(declared: Declared, given: Given, environ: Mapping[str, str]) -> Given:
    """What was given, expanded and checked. Raises ValueError, naming file, key and value."""

    def wrong(what: str, value: Any) -> ValueError:
        told = f"{given.origin}: {declared.path} = {plain(shown(declared.path, value))} {what}"
        return ValueError(f"{told}; {declared.wanted} is needed")

    def expanded(text: Any) -> Any:
        if not isinstance(text, str) or given.origin == "DATABASE_URL":
            return text
        return VARIABLE.sub(variable, text)

    def variable(match: re.Match[str]) -> str:
        name, default = match["name"], match["default"]
        if name is None:
            raise wrong("has a ${ that begins no variable", given.value)
        if (found := environ.get(name)) is not None and (found or default is None):
            return found
        if default is None:
            raise wrong(f"needs the environment variable {name}, which is not set", given.value)
        return default

    value = given.value
    if isinstance(value, list):
        value = [expanded(item) for item in value]
    elif (text := expanded(value)) != value:
        value = _parsed(text, declared.type)
    try:
        return Given(declared.checked(value), given.origin)
    except ValueError as error:
        raise wrong(str(error), value) from error


def _parsed(text: str, kind: Any) -> Any:
    """What a variable's text means where no text is wanted; the text where it means nothing."""
    try:
        return PARSED[text.lower()] if kind is bool else text if kind is list else kind(text)
    except (KeyError, TypeError, ValueError):
        return text


def _built(table: type[T], given: Mapping[str, Given], prefix: str = "") -> T:
    values = {}
    for field in fields(table):  # type: ignore[arg-type]
        path = f"{prefix}{field.name}"
        if path in given:
            values[field.name] = given[path].value
        else:
            hint = get_type_hints(table)[field.name]
            values[field.name] = _built(hint, given, f"{path}.")
    return table(**values)


def _contradictions(settings: Config, given: Mapping[str, Given]) -> Iterator[str]:
    """What is wrong with values that are right one by one."""

    def told(path: str) -> str:
        return f"{given[path].origin}: {path} = {plain(given[path].value)}"

    pools = {
        f"executor_pools.{field.name}": getattr(settings.executor_pools, field.name)
        for field in fields(ExecutorPools)
        if field.name != "scaling"
    }
    for path, pool in pools.items():
        if pool.min > pool.max:
            least, most = told(f"{path}.min"), told(f"{path}.max")
            yield f"{least} is more than {most}; at most that is needed"
    total = sum(pool.max for path, pool in pools.items() if not path.endswith("task_claimer"))
    if total > settings.database.pool_size:
        yield (
            f"{told('database.pool_size')} is less than what executors need: their pools have up "
            f"to {total}, task_claimer apart; a pool_size of {total} or smaller pools are needed"
        )
    limits = settings.orchestration.health
    if limits.unhealthy_below > limits.degraded_below:
        path = "orchestration.health"
        yield (
            f"{told(f'{path}.unhealthy_below')} is more than {told(f'{path}.degraded_below')}; at "
            "most that is needed"
        )
    lists = {field.name: getattr(settings.auth, field.name) for field in fields(Auth)}
    for name, sums in lists.items():
        if not all(re.fullmatch("[0-9a-f]{64}", one) for one in sums):
            yield (
                f"{given[f'auth.{name}'].origin}: auth.{name} has what is no SHA-256 sum; 64 "
                "hexadecimal digits are needed, such as from `printf %s TOKEN | sha256sum`"
            )
    if not any(lists.values()) and settings.web.host not in LOOPBACK:
        yield (
            f"{told('web.host')} lets others in, and auth names no tokens; "
            f"tokens, or one of {', '.join(LOOPBACK)} are needed"
        )


# Showing it


def plain(value: Any) -> str:
    """A value as one writes it in a file; without what looks like a password."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(masking.masked_value(value), ensure_ascii=False)


def shown(path: str, value: Any) -> Any:
    """A value without a password; of a key that is not known, only what can be none."""
    if path == "database.url":
        if value == "private":
            return value
        return masking.connection(value) if isinstance(value, str) else masking.HIDDEN
    return value if path in keys() or isinstance(value, bool | int | float) else masking.HIDDEN


def packaged(environment: str | None = None) -> Mapping[str, Any]:
    """The values that the packaged files give: the defaults, or what an environment changes."""
    folder = PACKAGED / "environments" / environment if environment else PACKAGED
    problems: list[str] = []
    found: dict[str, Given] = {}
    for file in sorted(folder.glob("*.toml")):
        found.update(_read(file.name, file, problems))
    assert not problems, problems
    return {path: given.value for path, given in found.items()}


def environments() -> list[str]:
    """The environments that are packaged."""
    return sorted(folder.name for folder in (PACKAGED / "environments").iterdir())
