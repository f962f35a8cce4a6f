"""The runner: one process that orchestrates and works, until it is stopped.

Five pools of executors, each of which repeats one SQL function:

    task_request_processor   process_task_requests   tasks that were asked for by message
    step_result_processor    process_step_results    outcomes submitted over the two-hop path
    step_enqueuer            enqueue_steps           what is due, or was lost on its way
    task_finalizer           finalize_tasks          tasks that no last step has ended
    task_claimer             finish_and_claim        the worker, with slots for each namespace

Any number of runners may do the same at the same time.
"""

from __future__ import annotations

import logging
import os
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import timedelta
from enum import IntEnum
from functools import partial
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from tasker_sql import config, masking
from tasker_sql.circuit import CircuitBreaker, CircuitBreakers
from tasker_sql.client import Client, Settings, connect
from tasker_sql.config.settings import BreakerSettings, Config, PoolSettings
from tasker_sql.errors import UnavailableError
from tasker_sql.ops import preflight, telemetry
from tasker_sql.ops.control import QUEUES, Control, Health
from tasker_sql.ops.executors import WORK, ExecutorGroup
from tasker_sql.ops.health import OperationalState
from tasker_sql.ops.pools import SlotPool
from tasker_sql.pool import Pool
from tasker_sql.schema import migrations as schema
from tasker_sql.schema.database import application_name
from tasker_sql.threads import Wakeup, WatchedThread
from tasker_sql.worker.handlers import Registry, Sources, default_registry
from tasker_sql.worker.worker import ALL_SQL, Worker

log = logging.getLogger(__name__)

SLICE = 1.0  # seconds after which a waiting thread looks again


class Exit(IntEnum):
    """How a runner ended: its exit code."""

    CLEAN = 0
    WORK_LEFT = 1  # handlers still ran when the time to stop was over, or a second signal came
    BROKEN = 4  # a part of the runner died of a defect


def default_name() -> str:
    """A name that no other runner has: the host's, and the process's number."""
    return f"{socket.gethostname()}:{os.getpid()}"


def memory() -> int:
    """The memory of this process, in MiB; without /proc, what it was at most."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 20  # bytes, on macOS
    return pages * resource.getpagesize() >> 20


class OrchestrationCore:
    """Orchestration and workers over one database, in one process.

    As a process of its own: `run` blocks until `stop`, SIGTERM or SIGINT, and answers the exit
    code; SIGHUP is `reload`. Within an application:

        with OrchestrationCore.from_config() as core:
            ...

    The first `stop` lets handlers finish, for at most `graceful_timeout`; the second ends it at
    once.
    """

    def __init__(
        self, settings: Config, registry: Registry = default_registry, name: str | None = None
    ) -> None:
        self.config = settings
        self.name = name or default_name()
        self.graceful = settings.orchestration.graceful_timeout
        self.emergency = settings.orchestration.emergency_timeout
        self.dsn = schema.ready(settings.database.url)
        self.circuits = CircuitBreakers(
            _circuit("database", settings.circuit_breakers.database),
            _circuit("queue", settings.circuit_breakers.queue),
        )
        bounds = {name: getattr(settings.executor_pools, name) for name in WORK}
        least = sum(chosen.min for chosen in bounds.values())
        size = settings.database.pool_size
        ours = min(max(least, size // 3), size - 1)  # handlers, however slow, leave these to us
        self.connections = Pool(partial(self._connect, "pool"), ours)
        self.handlers = Pool(partial(self._connect, "handlers"), size - ours, reset=True)
        self.control = Control(
            self.name,
            settings,
            self.circuits,
            self.connections,
            self.handlers,
            Pool(partial(self._connect, "control"), 1),
            self._serve,
            lambda: [*self._registry.names, ALL_SQL],
        )
        self._pools = [self._pool(name, chosen) for name, chosen in bounds.items()]
        self.worker = self._worker(registry)
        self._registry = registry
        self._sources = Sources(settings.orchestration.handlers, registry)
        self._reloading = threading.Lock()
        self._wakeup = Wakeup()
        self._stops = 0
        self._broken = False
        self._adding = threading.Lock()
        self._exit = Exit.BROKEN  # until it has ended well
        self._supervisor = WatchedThread("supervisor", self._supervise, self._died)
        self._controller = WatchedThread("control", self.control.run, self._died)
        self._working = WatchedThread("worker", self._work, self._died)

    @classmethod
    def from_config(
        cls,
        settings: Config | None = None,
        registry: Registry = default_registry,
        name: str | None = None,
    ) -> Self:
        """As files and environment configure it, with the handlers that these name.

        Raises ConfigError, and ImportError when modules with handlers cannot be loaded.
        """
        core = cls(settings or config.load().config, registry, name)
        core._sources.load()
        return core

    # What others call

    def check(self) -> None:
        """Make sure that it can work on the database, which must be there.

        Raises ConfigError, and what `schema.check` raises.
        """
        chosen, connect = self.config.database, partial(self._connect, "check")
        with suppress(UnavailableError):  # which `schema.check` reports, too
            preflight.check_pooler(connect, chosen.pgbouncer)
        schema.check(self.dsn)
        with closing(connect()) as client:
            if not chosen.pgbouncer:  # there, what counts is what PgBouncer opens
                preflight.check_limits(client, self.most_connections(), chosen.pool_size)
            if names := self._registry.names:
                preflight.check_handlers(client, self.config.orchestration.namespaces, names)

    def run(self) -> Exit:
        """Run until it is stopped."""
        previous = self._take_signals()
        try:
            self.start()
            return self.wait()
        finally:
            for number, action in previous.items():
                signal.signal(number, action)

    def start(self) -> None:
        """Begin. Returns at once."""
        telemetry.begin_aside()
        self._supervisor.start()

    def stop(self) -> None:
        """Stop gracefully; called again, at once. Returns immediately, from any thread."""
        self._stops += 1
        self._wakeup.set()

    def reload(self) -> None:
        """Load the modules with handlers again, for what starts from now on; attempts that run end
        with their old code. If one cannot be loaded, all stays as it is, and the log says why."""
        with self._reloading:
            try:
                self._sources.load()
            except ImportError as error:
                log.error("handlers are not reloaded, the old ones go on: %s", error)
            else:
                log.info("handlers are reloaded: %s", ", ".join(self._registry.names) or "none")

    def wait(self) -> Exit:
        """Wait for the end."""
        while self._supervisor.is_alive():  # a wait without end might miss a signal before it
            self._supervisor.join(SLICE)
        return self._exit

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.stop()
        self.wait()

    @property
    def stopping(self) -> bool:
        """Whether it was asked to stop."""
        return self._stops > 0

    @property
    def state(self) -> OperationalState:
        return self.control.state

    def health(self) -> Health:
        """How it is now. Asks the database nothing."""
        return self.control.report()

    def most_connections(self) -> int:
        """How many connections this runner opens at most: those of the pools, two of the worker,
        to call and to listen, and one of the control."""
        return self.config.database.pool_size + 3

    # The supervisor: one state after the other

    def _supervise(self) -> None:
        try:
            self._live()
        finally:
            self.worker.abandon()
            telemetry.WRITER.end()

    def _live(self) -> None:
        names = ", ".join(self._registry.names)
        what = f"handlers {names}" if names else "no handlers: it orchestrates, and runs SQL steps"
        served = list(dict.fromkeys(self.config.orchestration.namespaces))
        log.info(
            "runner %s starts on %s: %s, %d slots each, %s",
            *(self.name, masking.connection(self.dsn)),
            *(f"namespaces {', '.join(served)}" if served else "all namespaces",),
            *(self.config.executor_pools.task_claimer.min, what),
        )
        for namespace in served:
            self._serve(namespace)
        self._working.start()
        for pool in self._pools:
            pool.resize(pool.least)
        self._controller.start()
        self._wait_for(lambda: self._ending or self.control.is_up, None)
        if not self._ending:
            self.control.become(OperationalState.NORMAL)
            self._wait_for(lambda: self._ending or self._is_too_big, None)

        with self._adding:
            self.control.become(OperationalState.GRACEFUL_SHUTDOWN)
        log.info("runner %s stops: waiting for %d steps", self.name, self.worker.unfinished)
        self.worker.stop()
        deadline = time.monotonic() + self.graceful
        self._wait_for(lambda: self._stops > 1 or not self._working.is_alive(), deadline)
        for pool in self._pools:
            pool.stop()
        ended = self._stops < 2 and all(pool.join(deadline) for pool in self._pools)
        left = self._working.is_alive()
        if left or not ended:
            self._emergency()
        self._end(left)

    def _emergency(self) -> None:
        self.control.become(OperationalState.EMERGENCY)
        deadline = time.monotonic() + self.emergency
        self.worker.abandon()
        for pool in self._pools:
            pool.join(deadline)

    def _end(self, left: bool) -> None:
        self.control.become(OperationalState.STOPPED)
        self._controller.join(self.emergency)
        self.connections.close()
        self.handlers.close()
        self._exit = Exit.BROKEN if self._broken else Exit.WORK_LEFT if left else Exit.CLEAN
        if left:
            log.error(
                "runner %s ends with %d steps unfinished, %d of them with a result that is lost; "
                "others take them over when their leases run out, within %s",
                *(self.name, self.worker.unfinished, self.worker.unreported, self._lease),
            )
        else:
            log.info("runner %s has stopped", self.name)

    @property
    def _ending(self) -> bool:
        return self._stops > 0 or self._broken

    @property
    def _is_too_big(self) -> bool:
        used, most = memory(), self.config.orchestration.most_memory
        if most == 0 or used <= most:
            return False
        log.warning("runner %s has %d MiB of memory, %d are allowed", self.name, used, most)
        return True

    def _wait_for(self, happened: Callable[[], bool], deadline: float | None) -> None:
        """Wait until it has happened, or until the deadline."""
        while True:
            self._wakeup.waits = True
            now = time.monotonic()
            if happened() or (deadline is not None and now >= deadline):
                break
            slice_ = 0.1 if self.state is OperationalState.STARTUP else SLICE
            self._wakeup.wait(slice_ if deadline is None else min(deadline - now, slice_))
            self._wakeup.clear()
        self._wakeup.clear()

    # Its parts

    def _serve(self, namespace: str) -> None:
        """Claim its steps, too, unless the runner is stopping."""
        with self._adding:
            if self.state in (OperationalState.STARTUP, OperationalState.NORMAL):
                chosen = self.config.executor_pools.task_claimer
                limits = self.config.orchestration.health
                pool = SlotPool(self.worker, namespace, self.circuits.queue, chosen, limits)
                self.control.add(pool)

    def _work(self) -> None:
        try:
            self.worker.run()
        finally:
            self._wakeup.set()

    def _died(self, part: str, error: BaseException) -> None:
        """A thread that dies of a defect takes the runner with it: better than a silent gap."""
        self._broken = True
        self._wakeup.set()
        log.critical("%s died, so the runner stops", part, exc_info=error)

    def _take_signals(self) -> dict[signal.Signals, signal._HANDLER]:
        if threading.current_thread() is not threading.main_thread():
            return {}

        def on_signal(number: int, _: FrameType | None) -> None:
            log.info("got %s", signal.Signals(number).name)
            if number == signal.SIGHUP:  # an import may take long, or never end
                threading.Thread(target=self.reload, name="reload", daemon=True).start()
            else:
                self.stop()

        chosen = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        return {number: signal.signal(number, on_signal) for number in chosen}

    def _connect(self, part: str) -> Client:
        chosen = self.config.database
        return connect(
            self.dsn,
            application_name(f"{self.name} {part}"),
            prepare_threshold=None if chosen.pgbouncer else 5,
            connect_timeout=chosen.connect_timeout,
            read_timeout=self.read_timeout,
            settings=Settings.OF_TRANSACTION if chosen.pgbouncer else Settings.OF_SESSION,
        )

    @property
    def read_timeout(self) -> float:
        """How long the database may be silent: when it answers later, a lease has run out."""
        return max(5.0, 2 * self._lease.total_seconds())

    def _pool(self, name: str, chosen: PoolSettings) -> ExecutorGroup:
        circuit = self.circuits.queue if name in QUEUES else self.circuits.database
        limits = self.config.orchestration.health
        pool = ExecutorGroup(
            *(name, self.connections, circuit, WORK[name], chosen, limits), self._died
        )
        self.control.add(pool)
        return pool

    @property
    def _lease(self) -> timedelta:
        return timedelta(seconds=self.config.engine.lease)

    def _worker(self, registry: Registry) -> Worker:
        return Worker(
            partial(self._connect, "worker"),
            self.name,
            breakers=self.circuits,
            handlers=self.handlers,
            died=self._died,
            registry=registry,
            lease=self._lease,
            two_hop=self.config.engine.two_hop,
            listen=not self.config.database.pgbouncer,
        )


def _circuit(name: str, chosen: BreakerSettings) -> CircuitBreaker:
    return CircuitBreaker(name, chosen.failures, chosen.open_for, chosen.successes)
