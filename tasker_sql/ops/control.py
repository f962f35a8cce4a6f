"""What a runner does every now and then: measure itself and tell of it, scale its pools, obey
operators, look for namespaces.

One thread, with a connection of its own: it goes on when all others are in use.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any, Final, Protocol

from tasker_sql import __version__
from tasker_sql.circuit import BreakerState, CircuitBreaker, CircuitBreakers
from tasker_sql.client import Client
from tasker_sql.config.settings import Config
from tasker_sql.errors import TaskerError, UnavailableError
from tasker_sql.ops import health, scaling
from tasker_sql.ops.executors import Counts
from tasker_sql.ops.health import State
from tasker_sql.pool import Pool as Connections

QUEUES: Final = {
    "task_request_processor": "orchestration_task_requests",
    "step_result_processor": "orchestration_step_results",
}

log = logging.getLogger(__name__)


class Pool(Protocol):
    """What can be measured and scaled: executors of one kind, or the slots of a worker."""

    name: str
    circuit: CircuitBreaker
    least: int
    most: int
    factor: float  # of back-pressure

    @property
    def namespace(self) -> str | None: ...
    @property
    def size(self) -> int: ...
    @property
    def poll(self) -> float: ...
    @property
    def batch(self) -> int: ...
    def resize(self, size: int) -> None: ...
    def states(self, limits: health.Limits) -> list[health.Executor]: ...
    def counts(self) -> Counts: ...


@dataclass(slots=True)
class Meter:
    """What a pool did between two looks."""

    at: float
    counts: Counts = field(default_factory=Counts)
    utilization: float = 0.0
    error_rate: float = 0.0
    throughput: float = 0.0  # per second

    def read(self, pool: Pool, now: float) -> None:
        counts, seconds = pool.counts(), max(now - self.at, 1e-6)
        calls = counts.calls - self.counts.calls
        busy = (counts.busy - self.counts.busy) / seconds / max(pool.size, 1)
        self.utilization = min(max(busy, 0.0), 1.0)
        self.error_rate = (counts.failures - self.counts.failures) / calls if calls else 0.0
        self.throughput = (counts.done - self.counts.done) / seconds
        self.at, self.counts = now, counts


@dataclass(slots=True)
class Watched:
    """A pool, and what is known of it."""

    pool: Pool
    resized_at: float
    shown: Meter  # since the last heartbeat
    decided: Meter  # since the last decision
    queue_depth: int = 0
    queue_age: float = 0.0
    scaled_from: int | None = None  # executors; nothing when their number never changed
    scaled_why: str = ""


@dataclass(frozen=True, slots=True)
class PoolHealth:
    """How a pool is; times in seconds."""

    pool: str
    namespace: str | None
    status: str
    executors: int
    min_executors: int
    max_executors: int
    healthy: int
    unhealthy: int
    utilization: float
    error_rate: float
    throughput: float  # per second
    done: int  # since the runner began
    queue_depth: int
    queue_age: float
    poll: float
    batch: int
    scaled_ago: float | None  # when the number of executors last changed
    scaled_from: int | None
    scaled_why: str


@dataclass(frozen=True, slots=True)
class BreakerHealth:
    """How a circuit is."""

    breaker: str
    state: str
    forced: str | None
    failed_in_a_row: int
    failed_calls: int  # since the runner began
    opened: int  # how often
    changed_ago: float  # seconds
    last_error: str


@dataclass(frozen=True, slots=True)
class Health:
    """How a runner is."""

    status: str
    state: str
    uptime: float  # seconds
    pools: list[PoolHealth]
    breakers: list[BreakerHealth]
    connections: int
    connections_used: int
    connections_waited_for: int
    database_use: float  # the share of the connections that was lent, at the last heartbeat
    pressure: float  # the factor of back-pressure; 1 for none


class Control:
    """Watches over the pools of a runner. `serve` is what to do with a namespace that is new,
    `handlers` names what its workers can run."""

    def __init__(
        self,
        name: str,
        settings: Config,
        circuits: CircuitBreakers,
        connections: Sequence[Connections],
        own: Connections,
        serve: Callable[[str], None],
        handlers: Callable[[], list[str]],
    ) -> None:
        self.state = State.STARTUP
        self._name = name
        self._config = settings
        self._circuits = circuits
        self._connections = connections
        self._own = own
        self._serve = serve
        self._handlers = handlers
        self._watched: list[Watched] = []
        self._began = time.monotonic()
        self._used = (self._began, 0.0)  # seconds of use of the connections, and when they were so
        self._database_use = 0.0
        self._wake = threading.Event()
        scaled, limits = settings.executor_pools.scaling, settings.orchestration.health
        self._rules = scaling.Rules(
            cooldown=scaled.cooldown,
            target_utilization=scaled.target_utilization,
            most_database_use=scaled.most_database_use,
            error_rate=scaled.error_rate,
            queue_depth=scaled.queue_depth,
            queue_age=scaled.queue_age,
        )
        self._limits = health.Limits(
            error_rate=limits.error_rate,
            slow=limits.slow,
            stuck=limits.stuck,
            degraded_below=limits.degraded_below,
            unhealthy_below=limits.unhealthy_below,
        )

    def add(self, pool: Pool) -> None:
        """Watch over this one too."""
        now = time.monotonic()
        self._watched.append(Watched(pool, now, Meter(now), Meter(now)))

    def become(self, state: State) -> None:
        """Go over to another state, and let it be known at once."""
        self.state = health.transition(self.state, state)
        self._wake.set()

    @property
    def is_up(self) -> bool:
        """Whether every executor has had a first answer of the database."""
        lacking = (health.Executor.STARTING, health.Executor.UNHEALTHY)
        return not any(state in lacking for one in self._all for state in self._states(one))

    def run(self) -> None:
        """Do what is due, until the runner has stopped."""
        try:
            self._work()
        finally:
            self._own.close()

    def _work(self) -> None:
        jobs = self._jobs()
        due = [0.0 for _ in jobs]
        while self.state is not State.STOPPED:
            for number, (every, job) in enumerate(jobs):
                now = time.monotonic()
                if now >= due[number]:
                    due[number] = now + every
                    self._try(job)
            if self._wake.wait(max(0.0, min(due) - time.monotonic())):
                self._wake.clear()
                due[0] = 0.0  # the state has changed
        self._try(self._beat)

    def report(self) -> Health:
        """How the runner is. Asks the database nothing."""
        executors = [state for one in self._all for state in self._states(one)]
        return Health(
            status=str(health.status(executors, self.state, self._limits)),
            state=str(self.state),
            uptime=time.monotonic() - self._began,
            pools=[self._pool_health(one) for one in self._all],
            breakers=[_breaker_health(circuit) for circuit in self._circuits],
            connections=self._sum("pool_size"),
            connections_used=self._sum("pool_size") - self._sum("pool_available"),
            connections_waited_for=self._sum("requests_waiting"),
            database_use=self._database_use,
            pressure=self._pressure,
        )

    # What is due now and then

    def _jobs(self) -> list[tuple[float, Callable[[], None]]]:
        """What to do, and every how many seconds."""
        chosen = self._config
        jobs = [
            (chosen.orchestration.heartbeat, self._beat),
            (chosen.executor_pools.scaling.interval, self._scale),
        ]
        if not chosen.orchestration.namespaces:
            jobs.append((chosen.orchestration.discover, self._discover))
        return jobs

    def _try(self, job: Callable[[], None]) -> None:
        try:
            job()
        except UnavailableError:
            pass  # the circuit has told
        except TaskerError as error:
            log.error("control: %s (%s)", error, error.sqlstate)
        except Exception:
            log.exception("control met a defect, and goes on")

    def _beat(self) -> None:
        """Measure, and let executors hold back when connections run short."""
        for connections in self._connections:
            connections.trim()
        (before, used_before), now = self._used, time.monotonic()
        self._used = (now, self._sum("usage_ms") / 1000)
        used = (self._used[1] - used_before) / max(now - before, 1e-6)
        self._database_use = used / self._sum("pool_max")
        for one in self._all:
            one.shown.read(one.pool, now)
            one.pool.factor = self._pressure
        self._tell()

    def _tell(self) -> None:
        """Tell the database how the runner is, and do what operators want of its circuits."""
        wanted = self._own.call(
            lambda client: client.report_runner(
                self._name,
                self._report(),
                timedelta(seconds=self._config.orchestration.heartbeat),
            ),
            self._circuits.database,
            although_forced=True,
        )
        orders = {order.breaker: order for order in wanted}
        for circuit in self._circuits:
            if order := orders.get(circuit.name):
                circuit.force(BreakerState(order.forced), order.reason)
            else:
                circuit.force(None)

    def _report(self) -> dict[str, Any]:
        """What `report_runner` takes."""
        found, now = self.report(), time.monotonic()
        met = [one for circuit in self._circuits for one in circuit.troubles.recent(now)]
        return {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "version": __version__,
            "uptime": found.uptime,
            "state": found.state,
            "status": found.status,
            "namespaces": sorted({pool.namespace for pool in found.pools if pool.namespace}),
            "pools": [asdict(pool) for pool in found.pools],
            "breakers": [asdict(circuit) for circuit in found.breakers],
            "connections": {
                "size": self._sum("pool_max"),
                "open": found.connections,
                "used": found.connections_used,
                "waited_for": found.connections_waited_for,
                "use": found.database_use,
                "pressure": found.pressure,
            },
            "handlers": self._handlers(),
            "troubles": [
                {
                    "code": one.code,
                    "message": one.message,
                    "times": one.times,
                    "since_ago": now - one.since,
                }
                for one in met
            ],
        }

    def _scale(self) -> None:
        """Decide how many executors each pool should have."""
        waiting = self._queues()
        now = time.monotonic()
        for one in self._all:
            pool, meter = one.pool, one.decided
            meter.read(pool, now)
            queue = pool.namespace or QUEUES.get(pool.name, "")
            one.queue_depth, one.queue_age = waiting.get(queue, (0, 0.0))
            if self.state is not State.NORMAL:
                continue
            measured = scaling.Measured(
                executors=pool.size,
                utilization=meter.utilization,
                error_rate=meter.error_rate,
                queue_depth=one.queue_depth,
                queue_age=one.queue_age,
                database_use=self._database_use,
                blocked=not pool.circuit.passes,
            )
            decision = scaling.decide(
                measured, pool.least, pool.most, self._rules, now, one.resized_at
            )
            if decision.executors != pool.size:
                name = f"{pool.name} {pool.namespace}" if pool.namespace else pool.name
                log.info(
                    "%s: from %d to %d executors: %s",
                    *(name, pool.size, decision.executors, decision.reason),
                )
                one.scaled_from, one.scaled_why = pool.size, decision.reason
                pool.resize(decision.executors)
                one.resized_at = now

    def _queues(self) -> dict[str, tuple[int, float]]:
        """How much waits in the queues of each namespace, and for how many seconds at most."""
        found: dict[str, tuple[int, float]] = {}
        for queue in self._own.call(Client.queue_depths, self._circuits.queue):
            age = queue.oldest_age.total_seconds() if queue.oldest_age else 0.0
            name = queue.namespace or queue.queue_name
            depth, oldest = found.get(name, (0, 0.0))
            found[name] = (depth + (queue.depth or 0), max(oldest, age))
        return found

    def _discover(self) -> None:
        """Serve namespaces that are new."""
        served = {one.pool.namespace for one in self._all}
        for namespace in self._own.call(Client.list_namespaces, self._circuits.database):
            if namespace.name not in served:
                self._serve(namespace.name)

    # What is known

    def _sum(self, key: str) -> int:
        return sum(connections.get_stats()[key] for connections in self._connections)

    @property
    def _all(self) -> Iterable[Watched]:
        return list(self._watched)  # a namespace may be added meanwhile

    @property
    def _pressure(self) -> float:
        return scaling.pressure(self._database_use, self._rules.most_database_use)

    def _states(self, one: Watched) -> list[health.Executor]:
        return one.pool.states(self._limits)

    def _pool_health(self, one: Watched) -> PoolHealth:
        pool, states = one.pool, self._states(one)
        return PoolHealth(
            pool=pool.name,
            namespace=pool.namespace,
            status=str(health.status(states, self.state, self._limits)),
            executors=pool.size,
            min_executors=pool.least,
            max_executors=pool.most,
            healthy=states.count(health.Executor.HEALTHY),
            unhealthy=states.count(health.Executor.UNHEALTHY),
            utilization=one.shown.utilization,
            error_rate=one.shown.error_rate,
            throughput=one.shown.throughput,
            done=pool.counts().done,
            queue_depth=one.queue_depth,
            queue_age=one.queue_age,
            poll=pool.poll,
            batch=pool.batch,
            scaled_ago=None if one.scaled_from is None else time.monotonic() - one.resized_at,
            scaled_from=one.scaled_from,
            scaled_why=one.scaled_why,
        )


def _breaker_health(circuit: CircuitBreaker) -> BreakerHealth:
    return BreakerHealth(
        breaker=circuit.name,
        state=str(circuit.state),
        forced=str(circuit.forced) if circuit.forced else None,
        failed_in_a_row=circuit.failed_in_a_row,
        failed_calls=circuit.failed_calls,
        opened=circuit.opened,
        changed_ago=time.monotonic() - circuit.changed_at,
        last_error=circuit.last_error,
    )
