"""The runner: one process that orchestrates and works, until it is told to stop.

Five pools of executors, each of which repeats one SQL function:

    task_request_processor   process_task_requests   tasks that were asked for by message
    step_result_processor    process_step_results    outcomes handed in over the two-hop path
    step_enqueuer            enqueue_steps           what is due, or was lost on its way
    task_finalizer           finalize_tasks          tasks that no last step has ended
    task_claimer             finish_and_claim        the workers, one for each namespace, with slots

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
from datetime import timedelta
from enum import IntEnum
from functools import partial
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from tasker_sql import config
from tasker_sql.circuit import Breaker
from tasker_sql.client import Client, Settings, connect
from tasker_sql.config.settings import BreakerSettings, Config, PoolSettings
from tasker_sql.ops import telemetry
from tasker_sql.ops.control import QUEUES, Control, Health
from tasker_sql.ops.executors import Pool, Work
from tasker_sql.ops.health import State
from tasker_sql.pool import Circuit, Circuits, Connection, Connections, Session
from tasker_sql.rows import SweptAction
from tasker_sql.schema import migrations as schema
from tasker_sql.schema.database import application_name
from tasker_sql.threads import Bell, WatchedThread
from tasker_sql.worker.handlers import Registry, Sources, default_registry
from tasker_sql.worker.worker import ALL_SQL, Solitude, Worker

log = logging.getLogger(__name__)

SLICE = 1.0  # seconds after which whoever waits looks again

ALLOWED = b"""
select pg_catalog.current_setting('max_connections')::integer
         - pg_catalog.current_setting('superuser_reserved_connections')::integer
"""


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
        self.circuits = Circuits(
            _circuit("database", settings.circuit_breakers.database),
            _circuit("queue", settings.circuit_breakers.queue),
        )
        pools = settings.executor_pools
        orchestrating = [
            ("task_request_processor", _process_requests, pools.task_request_processor),
            ("step_result_processor", _process_results, pools.step_result_processor),
            ("step_enqueuer", _enqueue_steps, pools.step_enqueuer),
            ("task_finalizer", _finalize_tasks, pools.task_finalizer),
        ]
        self.connections = Connections(
            partial(self._connect, "pool"),
            settings.database.pool_size,
            reserved=sum(chosen.min for _, _, chosen in orchestrating),
        )
        self.control = Control(
            self.name,
            settings,
            self.circuits,
            self.connections,
            Session(Connection(partial(self._connect, "control")), self.circuits.database),
            self._serve,
            lambda: [*self._registry.names, ALL_SQL],
        )
        self._pools = [self._pool(name, work, chosen) for name, work, chosen in orchestrating]
        self.workers: list[Worker] = []
        self._solitude = Solitude()
        self._registry = registry
        self._sources = Sources(settings.orchestration.handlers, registry)
        self._reloading = threading.Lock()
        self._bell = Bell()
        self._stops = 0
        self._broken = False
        self._adding = threading.Lock()
        self._serving = 0  # workers that have not ended
        self._exit = Exit.BROKEN  # until it has ended well
        self._supervisor = WatchedThread("supervisor", self._supervise, self._died)
        self._controller = WatchedThread("control", self.control.run, self._died)

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
        schema.check(self.dsn)
        if self.config.database.pgbouncer:
            return  # what counts is what PgBouncer opens
        needed = self.most_connections(max(1, len(self.config.orchestration.namespaces)))
        client = self._connect("check")
        with client.transaction() as connection:
            found = connection.execute(ALLOWED).fetchone()
        client.close()
        if found and needed > found[0]:
            size = self.config.database.pool_size - (needed - found[0])
            raise config.ConfigError(
                f"this runner may open {needed} connections, and the server allows {found[0]}: a "
                f"database.pool_size of {size} or less is needed"
            )

    def run(self) -> Exit:
        """Run until told to stop."""
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
        self._bell.ring()

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
        """Whether it was told to stop."""
        return self._stops > 0

    @property
    def state(self) -> State:
        return self.control.state

    def health(self) -> Health:
        """How it is now. Asks the database nothing."""
        return self.control.report()

    def most_connections(self, namespaces: int = 1) -> int:
        """How many connections this runner opens at most when it serves so many namespaces."""
        return self.connections.size + namespaces + 1

    # The supervisor: one state after the other

    def _supervise(self) -> None:
        try:
            self._live()
        finally:
            for worker in self.workers:
                worker.abandon()
            telemetry.WRITER.end()

    def _live(self) -> None:
        names = ", ".join(self._registry.names)
        what = f"handlers {names}" if names else "no handlers: it orchestrates, and runs SQL steps"
        log.info("runner %s starts with %s", self.name, what)
        for namespace in dict.fromkeys(self.config.orchestration.namespaces):
            self._serve(namespace)
        for pool in self._pools:
            pool.resize(pool.least)
        self._controller.start()
        self._wait_for(lambda: self._ending or self.control.is_up, None)
        if not self._ending:
            self._become(State.NORMAL)
            self._wait_for(lambda: self._ending or self._is_too_big, None)

        with self._adding:
            self._become(State.GRACEFUL_SHUTDOWN)
        log.info("runner %s stops: waiting for %d steps", self.name, self._unfinished)
        for worker in self.workers:
            worker.stop()
        deadline = time.monotonic() + self.graceful
        self._wait_for(lambda: self._stops > 1 or self._serving == 0, deadline)
        for pool in self._pools:
            pool.stop()
        ended = self._stops < 2 and all(pool.join(deadline) for pool in self._pools)
        left = self._serving > 0
        if left or not ended:
            self._emergency()
        self._end(left)

    def _emergency(self) -> None:
        self._become(State.EMERGENCY)
        deadline = time.monotonic() + self.emergency
        for worker in self.workers:
            worker.abandon()
        for pool in self._pools:
            pool.join(deadline)

    def _end(self, left: bool) -> None:
        self._become(State.STOPPED)
        self._controller.join(self.emergency)
        self.connections.close()
        self._exit = Exit.BROKEN if self._broken else Exit.WORK_LEFT if left else Exit.CLEAN
        if left:
            unreported = sum(worker.unreported for worker in self.workers)
            log.error(
                "runner %s ends with %d steps unfinished, %d of them with a result that is lost; "
                "others take them over when their leases run out, within %s",
                *(self.name, self._unfinished, unreported, self._lease),
            )
        else:
            log.info("runner %s has stopped", self.name)

    def _become(self, state: State) -> None:
        self.control.become(state)

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

    @property
    def _unfinished(self) -> int:
        return sum(worker.unfinished for worker in self.workers)

    def _wait_for(self, happened: Callable[[], bool], deadline: float | None) -> None:
        """Wait until it has happened, or until the deadline."""
        while True:
            self._bell.sleeping = True
            now = time.monotonic()
            if happened() or (deadline is not None and now >= deadline):
                break
            slice_ = 0.1 if self.state is State.STARTUP else SLICE
            self._bell.wait(slice_ if deadline is None else min(deadline - now, slice_))
            self._bell.hush()
        self._bell.hush()

    # Its parts

    def _serve(self, namespace: str) -> None:
        """Start a worker, unless the runner is stopping."""
        with self._adding:
            if self.state not in (State.STARTUP, State.NORMAL):
                return
            worker = self._worker(namespace)
            thread = WatchedThread(f"worker {namespace}", partial(self._run, worker), self._died)
            self.workers.append(worker)
            self.control.add(worker)
            self._serving += 1
            thread.start()

    def _run(self, worker: Worker) -> None:
        try:
            worker.run()
        finally:
            with self._adding:
                self._serving -= 1
            self._bell.ring()

    def _died(self, part: str, error: BaseException) -> None:
        """A thread that dies of a defect takes the runner with it: better than a silent gap."""
        self._broken = True
        self._bell.ring()
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
            patience=self.patience,
            settings=Settings.OF_TRANSACTION if chosen.pgbouncer else Settings.OF_SESSION,
        )

    @property
    def patience(self) -> float:
        """How long the database may be silent: when it answers later, a lease has run out."""
        return max(5.0, 2 * self._lease.total_seconds())

    def _pool(self, name: str, work: Work, chosen: PoolSettings) -> Pool:
        circuit = self.circuits.queue if name in QUEUES else self.circuits.database
        pool = Pool(name, Session(self.connections, circuit), circuit, work, chosen, self._died)
        self.control.add(pool)
        return pool

    @property
    def _lease(self) -> timedelta:
        return timedelta(seconds=self.config.engine.lease)

    def _worker(self, namespace: str) -> Worker:
        chosen = self.config.executor_pools.task_claimer
        return Worker(
            partial(self._connect, namespace),
            namespace,
            self.name,
            circuits=self.circuits,
            handlers=Session(self.connections.for_handlers, self.circuits.database),
            died=self._died,
            solitude=self._solitude,
            registry=self._registry,
            bounds=chosen,
            lease=self._lease,
            two_hop=self.config.engine.two_hop,
            listen=not self.config.database.pgbouncer,
        )


def _circuit(name: str, chosen: BreakerSettings) -> Circuit:
    return Circuit(name, Breaker(chosen.failures, chosen.open_for, chosen.successes))


# What the pools repeat: of a client and a limit, how much was done


def _process_requests(client: Client, limit: int) -> int:
    processed = client.process_task_requests(limit)
    for request in processed:
        if request.error:
            log.warning("requests: message %d was rejected: %s", request.msg_id, request.error)
    return len(processed)


def _process_results(client: Client, limit: int) -> int:
    processed = client.process_step_results(limit)
    for result in processed:
        if result.error:
            log.warning("results: message %d was rejected: %s", result.msg_id, result.error)
    return len(processed)


def _enqueue_steps(client: Client, limit: int) -> int:
    return _told(client.enqueue_steps(limit))


def _finalize_tasks(client: Client, limit: int) -> int:
    return _told(client.finalize_tasks(limit))


def _told(swept: list[SweptAction]) -> int:
    """How much was done of the kind of which most was done: at the limit, there is more."""
    for action in swept:
        if action.affected:
            log.info("sweep: %s %d", action.action, action.affected)
    return max(action.affected for action in swept)
