"""Every key that can be configured: its type, meaning, unit and bounds.

Each component is a file in `config/`, which gives every key its default.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from tasker_sql.config import Key, plain


def key(meaning: str, unit: str = "", low: float | None = None, high: float | None = None) -> Any:
    return Field(description=meaning, ge=low, le=high, json_schema_extra={"unit": unit})


class Component(BaseModel):
    """A table of keys. Values are never converted."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class DatabaseSettings(Component):
    """Which database, and how to connect."""

    url: str = key(
        "A PostgreSQL URL or libpq keywords. DATABASE_URL overrides it. Empty: the private "
        "server of this user, which in production must be asked for as `private`."
    )
    connect_timeout: int = key("Give up connecting after this time.", "seconds", 2, 300)
    pool_size: int = key(
        "Connections that executors and handlers (in SQL, and transactional ones) share. A runner "
        "has three more.",
        *("", 4, 10_000),
    )
    pgbouncer: bool = key(
        "Connections go through a PgBouncer that pools transactions: no LISTEN (idle workers poll) "
        "and no prepared statements."
    )


class EngineSettings(Component):
    """How workers claim and finish steps."""

    lease: float = key(
        "A claimed step without a heartbeat for this time goes to another worker. Workers send "
        "a heartbeat three times as often.",
        *("seconds", 0.1, 86400),
    )
    two_hop: bool = key(
        "Workers submit results for `step_result_processor`, instead of orchestrating themselves."
    )


class PoolSettings(Component):
    """One kind of executor."""

    min: int = key("The smallest number of executors.", "", 1, 1000)
    max: int = key("The largest number of executors, under load.", "", 1, 1000)
    poll: float = key("Time between calls when there was no work.", "milliseconds", 10, 10_000)
    idle_poll: float = key(
        "The same, when there has been no work for long.", "milliseconds", 10, 60_000
    )
    batch: int = key("The most that one call takes.", "", 1, 1000)


class ScalingSettings(Component):
    """When pools grow and shrink."""

    interval: float = key("Time between decisions about the size of pools.", "seconds", 0.1, 3600)
    cooldown: float = key("A pool keeps its size this long after a change.", "seconds", 0, 86400)
    target_utilization: float = key(
        "The share of their time that executors should be busy. A pool above 1.2 times as much "
        "grows in proportion; one below half of it shrinks.",
        *("", 0.05, 1),
    )
    most_waiting: float = key(
        "Callers that may wait for one of the runner's connections, on average. Beyond it, no pool "
        "grows, and all poll less often and take less.",
        *("callers", 0, 1000),
    )
    error_rate: float = key(
        "The share of calls that may fail before a pool grows by one.", "", 0, 1
    )
    queue_depth: int = key(
        "Messages that may wait in a queue before its pool grows, by one for each 50.",
        *("messages", 1, 10_000),
    )
    queue_age: float = key(
        "Age of a queue's oldest message at which its pool grows by one.", "seconds", 0.1, 86400
    )


class ExecutorPoolsSettings(Component):
    """The pools of executors. Each executor calls one SQL function in a loop."""

    scaling: ScalingSettings = key("When pools grow and shrink.")
    task_request_processor: PoolSettings = key("`process_task_requests`: tasks by message.")
    step_result_processor: PoolSettings = key("`process_step_results`: the second of two hops.")
    step_enqueuer: PoolSettings = key("`enqueue_steps`: steps that are due, and lost messages.")
    task_finalizer: PoolSettings = key(
        "`finalize_tasks`: tasks whose last step did not finalize them."
    )
    task_claimer: PoolSettings = key(
        "The workers: `finish_and_claim`. One pool for each namespace, whose executors are the "
        "slots in which handlers run. New work notifies it; it polls too."
    )


class BreakerSettings(Component):
    """A circuit breaker."""

    failures: int = key("Failures in a row that open it.", "", 1, 1000)
    open_for: float = key("No call passes for this time; then one is tried.", "seconds", 0.1, 3600)
    successes: int = key("Successes in a row that close it.", "", 1, 1000)


class CircuitBreakersSettings(Component):
    """How a runner and the HTTP server leave a failing database alone for a while. Only failures
    of the infrastructure count."""

    database: BreakerSettings = key("Around all calls except those of queues.")
    queue: BreakerSettings = key(
        "Around calls that take messages from queues or send them: claims and reports."
    )
    web: BreakerSettings = key("Around all calls of the HTTP server.")


class HealthSettings(Component):
    """When an executor or the runner is unhealthy."""

    error_rate: float = key(
        "An executor with a larger share of failed calls is degraded.", "", 0, 1
    )
    slow: float = key(
        "An executor whose calls take longer on average is degraded.", "seconds", 0.001, 3600
    )
    stuck: float = key("An executor with a longer running call is unhealthy.", "seconds", 1, 86400)
    degraded_below: float = key(
        "A runner with a smaller share of healthy executors is degraded.", "", 0, 1
    )
    unhealthy_below: float = key(
        "A runner with a smaller share of healthy executors is unhealthy.", "", 0, 1
    )


class OrchestrationSettings(Component):
    """The runner as a whole."""

    namespaces: list[str] = key("Namespaces to serve. Empty: all, including those created later.")
    handlers: list[str] = key("Modules or .py files with @handler functions.")
    discover: float = key("Time between looks for new namespaces.", "seconds", 0.1, 3600)
    heartbeat: float = key(
        "How often a runner measures itself, reports to the view `known_runners`, and reads which "
        "circuit breakers operators forced.",
        *("seconds", 0.1, 300),
    )
    graceful_timeout: float = key("Time for handlers to finish after SIGTERM.", "seconds", 0, 3600)
    emergency_timeout: float = key(
        "Time for calls to end after that, or after a second signal.", "seconds", 0, 600
    )
    most_memory: int = key(
        "A runner with more memory stops as after SIGTERM, to be restarted: handlers may leak. "
        "0: no limit.",
        *("MiB", 0, 1_000_000),
    )
    health: HealthSettings = key("When an executor or the runner is unhealthy.")


class TelemetrySettings(Component):
    """The log of a runner."""

    level: Literal["debug", "info", "warning", "error"] = key("The lowest level that is logged.")
    format: Literal["text", "json"] = key("Text for people, or one JSON object a line.")


class WebSettings(Component):
    """The HTTP server, `tasker-sql serve`."""

    host: str = key("The address to listen on. One that others can reach needs tokens, see auth.")
    port: int = key("The port to listen on. 0: a free one.", "", 0, 65535)
    pool_size: int = key("Connections that requests share.", "", 1, 1000)
    timeout: float = key(
        "The longest time for one statement, and for a request's body.", "seconds", 0.05, 600
    )
    keep_alive: int = key("Idle connections of clients are closed after it.", "seconds", 0, 600)
    max_body: int = key("The largest body of a request.", "bytes", 1024, 134_217_728)
    max_requests: int = key(
        "Requests at a time; more are refused. Health and metrics do not count.", "", 1, 10_000
    )


class AuthSettings(Component):
    """Who may do what over HTTP: the SHA-256 sums of bearer tokens, as 64 hexadecimal digits.

    A token may stand in several lists. Without any token there is no authentication, so the server
    listens on the loopback address only."""

    read: list[str] = key("Tokens that may read everything, including metrics.")
    create: list[str] = key("Tokens that may create tasks.")
    operate: list[str] = key("Tokens that may cancel tasks, and retry and resolve steps.")


class Config(Component):
    """All components; each is a file."""

    database: DatabaseSettings
    engine: EngineSettings
    executor_pools: ExecutorPoolsSettings
    circuit_breakers: CircuitBreakersSettings
    orchestration: OrchestrationSettings
    telemetry: TelemetrySettings
    web: WebSettings
    auth: AuthSettings


TYPES: Final = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def declared(table: type[BaseModel] = Config, prefix: str = "", about: str = "") -> Iterator[Key]:
    """Every key of a table, with its path."""
    for name, info in table.model_fields.items():
        kind, path = info.annotation, f"{prefix}{name}"
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from declared(kind, f"{path}.", info.description or "")
            continue
        needed = TYPES.get(kind, "an array of texts")  # type: ignore[arg-type]
        if get_origin(kind) is Literal:
            needed = f"one of {', '.join(get_args(kind))}"
        unit = str(dict[str, Any](info.json_schema_extra or {})["unit"])  # type: ignore[arg-type]
        limits = (getattr(limit, side, None) for limit in info.metadata for side in ("ge", "le"))
        bounds = [plain(limit) for limit in limits if limit is not None]
        if bounds:
            needed += f" from {' to '.join(bounds)}" + (f" {unit}" if unit else "")
        yield Key(path, kind, about, info.description or "", unit, needed)


def parsed(kind: Any, text: str) -> Any:
    """The value that the text of an environment variable stands for; the text if there is none."""
    try:
        return TypeAdapter(kind).validate_python(text)
    except ValidationError:
        return text


def validated(values: Mapping[str, Any]) -> tuple[Config | None, dict[str, str]]:
    """The configuration with these values by path, or what is wrong with which."""
    tree: dict[str, Any] = {}
    for path, value in values.items():
        *tables, name = path.split(".")
        table = tree
        for part in tables:
            table = table.setdefault(part, {})
        table[name] = value
    try:
        return Config.model_validate(tree), {}
    except ValidationError as error:
        return None, {
            ".".join(part for part in fault["loc"] if isinstance(part, str)): _wrong(
                fault["type"], fault.get("ctx", {})
            )
            for fault in error.errors()
        }


def _wrong(kind: str, context: Mapping[str, Any]) -> str:
    match kind:
        case "greater_than_equal":
            return f"is less than {plain(context['ge'])}"
        case "less_than_equal":
            return f"is more than {plain(context['le'])}"
        case "literal_error":
            return "is unknown"
    return "has the wrong type"
