"""What Prometheus reads.

A scrape asks the database six questions, in one transaction: each costs what is open now, or what
happened since the scrape before, and never what there has been. Counters of events begin with the
first scrape. They are the database's and not this server's: where several servers are scraped,
take `max`, not `sum`.
"""

from __future__ import annotations

import logging
import math
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from starlette.types import Scope

from tasker_sql import rows
from tasker_sql.circuit import BreakerState, CircuitBreaker
from tasker_sql.client import Client
from tasker_sql.errors import TaskerError, UnavailableError
from tasker_sql.server.deps import Store

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds

# A gauge of `get_system_health_counts`: its name, what it is, and its column, or a column for each
# value of its label `state`.
COUNTS: Final[Sequence[tuple[str, str, str | dict[str, str]]]] = (
    (
        "open_tasks",
        "Tasks that have not ended.",
        {
            "pending": "pending_tasks",
            "in_progress": "in_progress_tasks",
            "blocked_by_failures": "blocked_tasks",
        },
    ),
    ("paused_tasks", "Open tasks that are paused themselves.", "paused_tasks"),
    (
        "unfinalized_tasks",
        "Tasks whose steps have ended, blocked or to be finalized externally.",
        "unfinalized_tasks",
    ),
    (
        "open_steps",
        "Steps by what they are about; enqueued ones are messages, see tasker_queue_messages.",
        {
            "in_progress": "in_progress_steps",
            "waiting_for_retry": "waiting_for_retry_steps",
            "scheduled": "scheduled_steps",
        },
    ),
    (
        "claims",
        "Batches of steps in the hands of workers; expired ones wait for a sweep.",
        {"live": "live_claims", "expired": "expired_claims"},
    ),
    ("overdue_timers", "Retries and scheduled steps that are due.", "overdue_timers"),
    (
        "workers",
        "Workers: active ones hold a claim, idle ones wait to be notified.",
        {"active": "active_workers", "idle": "idle_workers"},
    ),
    (
        "pending_submissions",
        "Batches of results that were submitted and not applied.",
        "pending_submissions",
    ),
    ("deferred_joins", "Steps with many parents whose count has not been taken.", "deferred_joins"),
    ("missing_queues", "Queues that were dropped.", "missing_queues"),
    ("finalization_claims", "Tasks that a processor is finalizing.", "finalization_claims"),
    ("database_connections", "Connections to the database.", "active_connections"),
    ("database_max_connections", "What its server takes.", "max_connections"),
)

# Counters of claims for finalization: a name, what it counts, and the event.
FINALIZATION: Final = (
    ("success", "Claims for finalization that were granted.", "claimed"),
    ("extend", "Claims for finalization that were extended.", "extended"),
    ("release", "Claims for finalization that were given back.", "released"),
    ("finalized", "Claims under which the task was finalized.", "finalized"),
    ("expired", "Claims for finalization that ran out.", "expired"),
)
REFUSALS: Final = ("already_claimed", "already_complete", "not_ready", "not_found")

log = logging.getLogger(__name__)

disable_created_metrics()  # type: ignore[no-untyped-call]  # a gauge beside each counter, with the moment of its birth


class Metrics:
    """The metrics of a server: of its own requests, and of the database."""

    def __init__(self, store: Store) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "tasker_http_requests_total",
            "Requests that were answered.",
            ["method", "route", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "tasker_http_request_duration_seconds",
            "How long answers took.",
            ["route"],
            buckets=BUCKETS,
            registry=self._registry,
        )
        used = Gauge(
            "tasker_http_connections_used",
            "Connections to the database that requests use now.",
            registry=self._registry,
        )
        used.set_function(lambda: store.connections.used)
        self._registry.register(FromDatabase(store))

    def text(self) -> bytes:
        """All of them, as Prometheus reads them."""
        return generate_latest(self._registry)

    def observe(self, scope: Scope, status: int, seconds: float) -> None:
        """A request has ended. What is not ours makes no label."""
        route = getattr(scope.get("route"), "path", "none")
        method = scope["method"] if route != "none" else "none"
        self._requests.labels(method, route, status).inc()
        self._seconds.labels(route).observe(seconds)


class FromDatabase:
    """Asks the database at each scrape. Without an answer, that is all it reports."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._scrape = threading.Lock()
        self._after: Any = None
        self._events: dict[tuple[str, ...], float] = defaultdict(float)
        self._seconds: dict[tuple[str, str], float] = defaultdict(float)

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering asks nothing."""
        return []

    def collect(self) -> Iterator[Metric]:
        with self._scrape:
            found: list[Metric] = []
            try:
                found, events = self._store.call(_asked(self._after))
                self._add(events)
                found += self._counters()
            except (UnavailableError, TaskerError) as error:
                log.warning("metrics: %s", error)
        yield _gauge("database_up", "Whether the database answers.", (), {(): bool(found)})
        yield from found
        own = self._store.circuit
        yield from _breakers("http_circuit_breaker", ("breaker",), {(own.name,): own})

    def _add(self, events: list[rows.EventCount]) -> None:
        self._after = events[0].next_after
        for one in events:
            self._events[one.subject, one.from_state or "", one.outcome] += one.events
            if one.seconds is not None:
                self._seconds[one.subject, one.outcome] += one.seconds

    def _counters(self) -> Iterator[Metric]:
        def of(subject: str) -> dict[tuple[str, ...], float]:
            return {key[1:]: events for key, events in self._events.items() if key[0] == subject}

        changes = ("from_state", "to_state")
        yield _counter("task_transitions", "Changes of the state of tasks.", changes, of("task"))
        yield _counter("step_transitions", "Changes of the state of steps.", changes, of("step"))
        late = {(cause,): events for (_, cause), events in of("late write").items()}
        about = "Outcomes that came after their claim was lost, and were refused."
        yield _counter("late_writes", about, ("cause",), late)
        yield from self._finalization(of("finalization claim"), of("claiming to finalize"))

    def _finalization(
        self, events: dict[tuple[str, ...], float], claiming: dict[tuple[str, ...], float]
    ) -> Iterator[Metric]:
        """What happened to claims for finalization, and how long asking for one took."""
        took = HistogramMetricFamily(
            "tasker_finalization_claim_duration_seconds",
            "How long asking for a claim took, granted or not.",
        )
        bounds = sorted((float(most), count) for (_, most), count in claiming.items())
        if bounds:
            buckets = [(_bound(most), count) for most, count in bounds]
            took.add_metric([], buckets, self._seconds["claiming to finalize", "Infinity"])
        yield took
        found = {event: count for (_, event), count in events.items()}
        for name, about, event in FINALIZATION:
            yield _counter(f"finalization_claim_{name}", about, (), {(): found.get(event, 0)})
        refused = {(reason,): found.get(reason, 0) for reason in REFUSALS}
        about = "Claims for finalization that were refused."
        total = {(): sum(refused.values())}
        yield _counter("finalization_claim_contention", about, (), total)
        name = "finalization_claim_contention_by_reason"
        yield _counter(name, about, ("reason",), refused)
        held = SummaryMetricFamily(
            "tasker_finalization_claim_held_seconds",
            "How long tasks were claimed for finalization, by how the claims ended.",
            labels=["outcome"],
        )
        for event in ("finalized", "released", "expired"):
            seconds = self._seconds["finalization claim", event]
            held.add_metric([event], int(found.get(event, 0)), seconds)
        yield held


def _asked(after: Any) -> Any:
    def asked(client: Client) -> tuple[list[Metric], list[rows.EventCount]]:
        return [
            *_counts(client.get_system_health_counts()),
            *_queues(client.queue_depths()),
            *_runners([one for one in client.known_runners() if one.is_live]),
            *_pools(client.executor_pools()),
            *_breakers(
                "circuit_breaker",
                ("runner", "breaker"),
                {(one.runner, one.breaker): one for one in client.circuit_breakers()},
            ),
        ], client.count_events(after)

    return asked


def _counts(found: rows.SystemHealthCounts) -> Iterator[Metric]:
    for name, about, columns in COUNTS:
        if isinstance(columns, str):
            yield _gauge(name, about, (), {(): getattr(found, columns)})
        else:
            values = {(state,): getattr(found, column) for state, column in columns.items()}
            yield _gauge(name, about, ("state",), values)


def _queues(found: list[rows.QueueDepth]) -> Iterator[Metric]:
    labels = ("queue", "namespace", "priority")
    known = [
        ((one.queue_name, one.namespace or "", one.priority or ""), one)
        for one in found
        if not one.missing
    ]
    depths = {key: one.depth for key, one in known}
    ages = {key: one.oldest_age.total_seconds() if one.oldest_age else 0.0 for key, one in known}
    about = "Messages in a queue; those of namespaces are steps that can run."
    yield _gauge("queue_messages", about, labels, depths)
    yield _gauge("queue_oldest_message_age_seconds", "How long the first waits.", labels, ages)


def _runners(live: list[rows.KnownRunner]) -> Iterator[Metric]:
    statuses = {
        (status,): sum(one.status == status for one in live)
        for status in ("healthy", "degraded", "unhealthy")
    }
    yield _gauge("runners", "Live runners.", ("status",), statuses)
    for name, about, key in (
        ("runner_connections", "Connections that a runner may open.", "size"),
        ("runner_connections_used", "Connections that it uses.", "used"),
        ("runner_connections_waiting", "Callers that wait for one, on average.", "waiting"),
        ("runner_connection_wait_seconds", "How long a caller waits for one.", "wait"),
        ("runner_backpressure_ratio", "How much it holds back: 1 for not at all.", "pressure"),
    ):
        values = {(one.name,): one.connections.get(key) for one in live}
        yield _gauge(name, about, ("runner",), values)
    took = HistogramMetricFamily(
        "tasker_handler_duration_seconds",
        "How long attempts took, by how they ended.",
        labels=["runner", "namespace", "handler", "outcome"],
    )
    for one in live:
        bounds = [*map(_bound, one.counters.get("buckets", [])), "+Inf"]
        for found in one.counters.get("handlers", []):
            names = [one.name, *(found[name] for name in ("namespace", "handler", "outcome"))]
            buckets = list(zip(bounds, accumulate(found["counts"]), strict=True))
            took.add_metric(names, buckets, found["seconds"])
    yield took
    checks = {(one.name,): one.counters.get("checks") for one in live}
    about = "Tasks that a runner compared with the invariants."
    yield _counter("invariant_checks", about, ("runner",), checks)
    violations = {
        (one.name, found["invariant"], found["severity"]): found["count"]
        for one in live
        for found in one.counters.get("violations", [])
    }
    about = "Invariants that these did not hold."
    labels = ("runner", "invariant", "severity")
    yield _counter("invariant_violations", about, labels, violations)


def _pools(found: list[rows.ExecutorPool]) -> Iterator[Metric]:
    labels = ("runner", "pool", "namespace")
    known = {(one.runner, one.pool, one.namespace or ""): one for one in found}
    for name, about, column in (
        ("executors", "Executors of a pool: slots for handlers, of a task_claimer.", "executors"),
        ("executors_min", "The least of them.", "min_executors"),
        ("executors_max", "The most of them.", "max_executors"),
        ("executors_healthy", "Those that are healthy.", "healthy"),
        ("executors_unhealthy", "Those that get nothing done.", "unhealthy"),
        ("executor_utilization_ratio", "The share of their time that they work.", "utilization"),
        ("executor_error_ratio", "The share of their calls that fail.", "error_rate"),
    ):
        yield _gauge(name, about, labels, {key: getattr(one, column) for key, one in known.items()})
    activities = {
        (*key, activity): getattr(one, activity)
        for key, one in known.items()
        for activity in ("running", "waiting", "hung")
    }
    about = "What they do: run, wait for a connection, or hang; the others are idle."
    yield _gauge("executor_activity", about, (*labels, "activity"), activities)
    done = {key: one.done for key, one in known.items()}
    about = "Messages, steps or tasks that a pool is done with, since its runner began."
    yield _counter("executor_done", about, labels, done)
    scaled = {(*key, "up"): one.scaled_up for key, one in known.items()}
    scaled |= {(*key, "down"): one.scaled_down for key, one in known.items()}
    about = "How often the number of executors changed."
    yield _counter("executor_scaling_events", about, (*labels, "direction"), scaled)
    changes = {key: one.status_changes for key, one in known.items()}
    about = "How often a pool became healthy, degraded or unhealthy."
    yield _counter("executor_health_changes", about, labels, changes)


def _breakers(
    name: str,
    labels: Sequence[str],
    found: Mapping[tuple[str, ...], rows.KnownBreaker | CircuitBreaker],
) -> Iterator[Metric]:
    states = {
        (*key, state): one.effective_state == state
        for key, one in found.items()
        for state in BreakerState
    }
    yield _gauge(f"{name}_state", "1 for its state.", (*labels, "state"), states)
    failures = {key: one.failed_calls for key, one in found.items()}
    yield _counter(f"{name}_failures", "Calls that the database failed.", labels, failures)
    opened = {key: one.opened for key, one in found.items()}
    yield _counter(f"{name}_opened", "How often it opened.", labels, opened)
    recovery = SummaryMetricFamily(
        f"tasker_{name}_recovery_seconds",
        "How long it took from the first failure until the database answered again.",
        labels=labels,
    )
    for key, one in found.items():
        recovery.add_metric(key, one.recoveries, one.recovery_seconds)
    yield recovery


def _bound(most: float) -> str:
    return "+Inf" if math.isinf(most) else repr(float(most))


def _gauge(name: str, about: str, labels: Sequence[str], values: dict[Any, Any]) -> Metric:
    return _filled(GaugeMetricFamily(f"tasker_{name}", about, labels=labels), values)


def _counter(name: str, about: str, labels: Sequence[str], values: dict[Any, Any]) -> Metric:
    return _filled(CounterMetricFamily(f"tasker_{name}_total", about, labels=labels), values)


def _filled(family: Any, values: dict[Any, Any]) -> Metric:
    for key, value in values.items():
        if value is not None:  # a runner need not report everything
            family.add_metric(key, value)
    metric: Metric = family
    return metric
