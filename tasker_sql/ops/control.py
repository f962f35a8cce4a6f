"""What a runner does every now and then: measure and report itself, scale its pools, obey
operators, look for namespaces, check a few tasks.

One thread, with a connection of its own: it goes on when all others are in use.
"""

from __future__ import annotations

import logging
import os
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from operator import methodcaller
from typing import Any, Final

from tasker_sql import __version__
from tasker_sql.circuit import BreakerState, CircuitBreaker, CircuitBreakers
from tasker_sql.client import Client
from tasker_sql.config.settings import Config
from tasker_sql.errors import TaskerError, UnavailableError
from tasker_sql.ops import health, scaling
from tasker_sql.ops.health import ExecutorState, OperationalState
from tasker_sql.ops.pools import BUCKETS, Counts, ScalablePool, SlotPool
from tasker_sql.pool import Pool, Requests

QUEUES: Final = {
    "task_request_processor": "orchestration_task_requests",
    "step_result_processor": "orchestration_step_results",
}
CHECK_EVERY: Final = 60.0  # seconds
CHECKED: Final = 3  # tasks at a time, of the newest ones
NEWEST: Final = 100

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Window:
    """What a pool did between two looks."""

    at: float
    counts: Counts = field(default_factory=Counts)
    utilization: float = 0.0  # the share of their time in which its executors ran
    waiting: float = 0.0  # how many of them waited for a connection, on average
    error_rate: float = 0.0
    throughput: float = 0.0  # per second

    def read(self, pool: ScalablePool, now: float) -> None:
        counts, seconds = pool.counts(), max(now - self.at, 1e-6)
        calls = counts.calls - self.counts.calls
        running = (counts.running - self.counts.running) / seconds / max(pool.size, 1)
        self.utilization = min(max(running, 0.0), 1.0)
        self.waiting = max(counts.waiting - self.counts.waiting, 0.0) / seconds
        self.error_rate = (counts.failures - self.counts.failures) / calls if calls else 0.0
        self.throughput = (counts.done - self.counts.done) / seconds
        self.at, self.counts = now, counts


class Waits:
    """Who waited for a connection of a pool that was full, between two looks, and how long."""

    def __init__(self, *pools: Pool) -> None:
        self.callers = 0.0  # on average
        self.seconds = 0.0  # that a caller waited, on average
        self._pools = pools
        self._at, self._seen = time.monotonic(), self._read()

    def read(self, now: float) -> None:
        seen, before, seconds = self._read(), self._seen, max(now - self._at, 1e-6)
        waited = seen.seconds - before.seconds
        self.callers = waited / seconds
        self.seconds = waited / max(seen.made - before.made, seen.waiting, 1)
        self._at, self._seen = now, seen

    def _read(self) -> Requests:
        counts, waiting, seconds = zip(*(pool.requests() for pool in self._pools), strict=True)
        return Requests(sum(counts), sum(waiting), sum(seconds))


@dataclass(slots=True)
class WatchedPool:
    """A pool, and what is known of it."""

    pool: ScalablePool
    shown: Window  # since the last heartbeat
    decided: Window  # since the last decision
    measured: scaling.Measured | None = None  # what the last decision was based on
    decision: str = ""
    resized_at: float | None = None
    scaled_from: int | None = None
    scaled_why: str = ""
    scaled_up: int = 0  # how often
    scaled_down: int = 0
    status: health.HealthStatus = health.HealthStatus.HEALTHY
    status_changes: int = 0


@dataclass(frozen=True, slots=True)
class PoolHealth:
    """How a pool is; times in seconds. See the view executor_pools."""

    pool: str
    namespace: str | None
    status: str
    executors: int
    min_executors: int
    max_executors: int
    healthy: int
    unhealthy: int
    running: int
    waiting: int  # for a connection
    hung: int
    utilization: float
    error_rate: float
    throughput: float  # per second
    done: int  # since the runner began
    queue_depth: int  # at the last decision
    queue_age: float
    poll: float
    batch: int
    decided_ago: float | None
    decision: str
    measured: dict[str, Any] | None
    scaled_ago: float | None  # when the number of executors last changed
    scaled_from: int | None
    scaled_why: str
    scaled_up: int  # how often since the runner began
    scaled_down: int
    status_changes: int


@dataclass(frozen=True, slots=True)
class BreakerHealth:
    """How a circuit breaker is. See the view circuit_breakers."""

    breaker: str
    state: str
    forced: str | None
    effective_state: str
    failed_in_a_row: int
    failed_calls: int  # since the runner began
    opened: int  # how often
    changed_ago: float  # seconds
    last_error: str
    recoveries: int
    recovery_seconds: float  # that these took, in sum


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
    callers_waiting: float  # for a connection, on average between the last two heartbeats
    wait: float  # seconds that a caller waited, on average
    pressure: float  # the factor of back-pressure; 1 for none


class Control:
    """Watches over the pools of a runner, and over the connections that they share. `serve` is what
    to do with a namespace that is new, `can_run` names what its worker can run."""

    def __init__(
        self,
        name: str,
        settings: Config,
        circuits: CircuitBreakers,
        connections: Pool,
        handlers: Pool,
        own: Pool,
        serve: Callable[[str], None],
        can_run: Callable[[], list[str]],
    ) -> None:
        self.state = OperationalState.STARTUP
        self.limits = settings.orchestration.health
        self._name = name
        self._config = settings
        self._circuits = circuits
        self._connections = connections
        self._handlers = handlers
        self._own = own
        self._serve = serve
        self._can_run = can_run
        self._watched: list[WatchedPool] = []
        self._began = time.monotonic()
        self._waits = Waits(connections, handlers)  # since the last heartbeat
        self._waits_for = {ours: Waits(ours) for ours in (connections, handlers)}  # a decision
        self._pressure = 1.0
        self._checks = 0
        self._violations: Counter[tuple[str, str]] = Counter()
        self._wake = threading.Event()
        self._rules = settings.executor_pools.scaling
        self._refusals: dict[Callable[[], None], str] = {}  # the last one of each job, in the log

    def add(self, pool: ScalablePool) -> None:
        """Watch over this one too."""
        now = time.monotonic()
        self._watched.append(WatchedPool(pool, Window(now), Window(now)))

    def become(self, state: OperationalState) -> None:
        """Change the state, and report it at once."""
        self.state = health.transition(self.state, state)
        self._wake.set()

    @property
    def is_up(self) -> bool:
        """Whether every executor has had a first answer of the database."""
        lacking = (ExecutorState.STARTING, ExecutorState.UNHEALTHY)
        return not any(state in lacking for one in self._all for state in one.pool.states())

    def run(self) -> None:
        """Do what is due, until the runner has stopped."""
        try:
            self._work()
        finally:
            self._own.close()

    def _work(self) -> None:
        jobs = self._jobs()
        due = [0.0 for _ in jobs]
        while self.state is not OperationalState.STOPPED:
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
        executors = [state for one in self._all for state in one.pool.states()]
        return Health(
            status=str(health.status(executors, self.state, self.limits)),
            state=str(self.state),
            uptime=time.monotonic() - self._began,
            pools=[self._pool_health(one) for one in self._all],
            breakers=[_breaker_health(circuit) for circuit in self._circuits],
            connections=sum(pool.open for pool in self._waits_for),
            connections_used=self._connections.used + self._handlers.used,
            callers_waiting=self._waits.callers,
            wait=self._waits.seconds,
            pressure=self._pressure,
        )

    # What is due now and then

    def _jobs(self) -> list[tuple[float, Callable[[], None]]]:
        """What to do, and every how many seconds."""
        chosen = self._config.orchestration
        jobs = [
            (chosen.heartbeat, self._beat),
            (self._rules.interval, self._scale),
            (CHECK_EVERY, self._check),
        ]
        if not chosen.namespaces:
            jobs.append((chosen.discover, self._discover))
        return jobs

    def _try(self, job: Callable[[], None]) -> None:
        refusal = ""
        try:
            job()
        except UnavailableError:
            pass  # the circuit has logged it
        except TaskerError as error:
            refusal = str(error)
            if refusal != self._refusals.get(job):
                log.error("control: %s (%s); trying again", error, error.sqlstate)
        except Exception:
            log.exception("control met a defect, and goes on")
        self._refusals[job] = refusal

    def _beat(self) -> None:
        """Measure, let executors hold back when connections run short, and report."""
        self._connections.trim()
        self._handlers.trim()
        now = time.monotonic()
        self._waits.read(now)
        self._pressure = scaling.pressure(self._size, self._waits.callers, self._rules.most_waiting)
        for one in self._all:
            one.shown.read(one.pool, now)
            one.pool.factor = self._pressure
            status = health.status(one.pool.states(), self.state, self.limits)
            one.status_changes += status is not one.status
            one.status = status
        self._tell()

    def _tell(self) -> None:
        """Report to the database, and do what operators want of the circuits."""
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
            order = orders.get(circuit.name)
            circuit.force(
                BreakerState(order.forced) if order else None, order.reason if order else ""
            )

    def _report(self) -> dict[str, Any]:
        """What `report_runner` takes."""
        found, now = self.report(), time.monotonic()
        troubles = [one for circuit in self._circuits for one in circuit.troubles.recent(now)]
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
                "size": self._size,
                "open": found.connections,
                "used": found.connections_used,
                "waiting": found.callers_waiting,
                "wait": found.wait,
                "pressure": found.pressure,
            },
            "handlers": self._can_run(),
            "troubles": [
                {
                    "code": one.code,
                    "message": one.message,
                    "times": one.times,
                    "since_ago": now - one.since,
                }
                for one in troubles
            ],
            "counters": {
                "buckets": list(BUCKETS),
                "handlers": [
                    handler
                    for one in self._all
                    if isinstance(one.pool, SlotPool)
                    for handler in one.pool.durations()
                ],
                "checks": self._checks,
                "violations": [
                    {"invariant": invariant, "severity": severity, "count": count}
                    for (invariant, severity), count in self._violations.items()
                ],
            },
        }

    def _scale(self) -> None:
        """Decide how many executors each pool should have."""
        queued = self._queues()
        now = time.monotonic()
        for waits in self._waits_for.values():
            waits.read(now)
        for one in self._all:
            one.decided.read(one.pool, now)
            queue = one.pool.namespace or QUEUES.get(one.pool.name, "")
            if self.state is OperationalState.NORMAL:
                self._decide(one, *queued.get(queue, (0, 0.0)))

    def _decide(self, one: WatchedPool, queue_depth: int, queue_age: float) -> None:
        pool, now = one.pool, one.decided.at
        shared = self._handlers if isinstance(pool, SlotPool) else self._connections
        one.measured = scaling.Measured(
            executors=pool.size,
            utilization=one.decided.utilization,
            error_rate=one.decided.error_rate,
            waiting=min(one.decided.waiting, self._waits_for[shared].callers),
            hung=pool.activity().hung,
            queue_depth=queue_depth,
            queue_age=queue_age,
            callers_waiting=sum(waits.callers for waits in self._waits_for.values()),
            room=self._room(pool),
            blocked=not pool.circuit.passes,
        )
        changed_at = -1e9 if one.resized_at is None else one.resized_at
        decision = scaling.decide(one.measured, pool.least, pool.most, self._rules, now, changed_at)
        one.decision = decision.reason
        if decision.executors == pool.size:
            return
        log.info(
            "%s: from %d to %d executors: %s",
            *(pool, pool.size, decision.executors, decision.reason),
        )
        one.scaled_up += decision.executors > pool.size
        one.scaled_down += decision.executors < pool.size
        one.scaled_from, one.scaled_why, one.resized_at = pool.size, decision.reason, now
        pool.resize(decision.executors)

    def _room(self, pool: ScalablePool) -> int | None:
        """How many more executors of a pool could have a connection. Each of our own needs one;
        slots need as many as those that run have now, of all workers together."""
        if not isinstance(pool, SlotPool):
            return self._connections.size - self._connections.used
        workers = [one.pool for one in self._all if isinstance(one.pool, SlotPool)]
        used, running = self._handlers.used, sum(one.activity().running for one in workers)
        if not used:
            return None
        slots = sum(one.size for one in workers)  # those that are idle would need some, too
        return max(0, self._handlers.size * max(running, used) // used - slots)

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

    def _check(self) -> None:
        """Check the invariants of a few of the newest tasks."""
        newest = self._own.call(lambda c: c.list_tasks(limit=NEWEST), self._circuits.database)
        for task in random.sample(newest, min(CHECKED, len(newest))):
            ask = methodcaller("check_invariants", task.task_uuid)
            for found in self._own.call(ask, self._circuits.database):
                self._violations[found.invariant, found.severity] += 1
                log.error(
                    "task %s breaks the invariant %s (%s): %s",
                    *(found.task_uuid, found.invariant, found.severity, found.detail),
                )
            self._checks += 1

    # What is known

    @property
    def _all(self) -> Sequence[WatchedPool]:
        return list(self._watched)  # a namespace may be added meanwhile

    @property
    def _size(self) -> int:
        """How many connections executors and handlers may open."""
        return self._connections.size + self._handlers.size

    def _pool_health(self, one: WatchedPool) -> PoolHealth:
        pool, measured, now = one.pool, one.measured, time.monotonic()
        states, activity = pool.states(), pool.activity()
        return PoolHealth(
            pool=pool.name,
            namespace=pool.namespace,
            status=str(health.status(states, self.state, self.limits)),
            executors=pool.size,
            min_executors=pool.least,
            max_executors=pool.most,
            healthy=states.count(ExecutorState.HEALTHY),
            unhealthy=states.count(ExecutorState.UNHEALTHY),
            running=activity.running,
            waiting=activity.waiting,
            hung=activity.hung,
            utilization=one.shown.utilization,
            error_rate=one.shown.error_rate,
            throughput=one.shown.throughput,
            done=pool.counts().done,
            queue_depth=measured.queue_depth if measured else 0,
            queue_age=measured.queue_age if measured else 0.0,
            poll=pool.poll,
            batch=pool.batch,
            decided_ago=now - one.decided.at if measured else None,
            decision=one.decision,
            measured=asdict(measured) if measured else None,
            scaled_ago=None if one.resized_at is None else now - one.resized_at,
            scaled_from=one.scaled_from,
            scaled_why=one.scaled_why,
            scaled_up=one.scaled_up,
            scaled_down=one.scaled_down,
            status_changes=one.status_changes,
        )


def _breaker_health(circuit: CircuitBreaker) -> BreakerHealth:
    return BreakerHealth(
        breaker=circuit.name,
        state=str(circuit.state),
        forced=str(circuit.forced) if circuit.forced else None,
        effective_state=str(circuit.effective_state),
        failed_in_a_row=circuit.failed_in_a_row,
        failed_calls=circuit.failed_calls,
        opened=circuit.opened,
        changed_ago=time.monotonic() - circuit.changed_at,
        last_error=circuit.last_error,
        recoveries=circuit.recoveries,
        recovery_seconds=circuit.recovery_seconds,
    )
