"""A runner: one process that orchestrates and works, until it is told to stop.

Three loops, each a thread that repeats one SQL function:

    sweep                  what must happen because time has passed or something was lost
    process_step_results   outcomes that workers handed in over the two-hop path
    process_task_requests  tasks that were asked for by message

and one worker for each namespace. Any number of runners may do the same at the same time.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from enum import IntEnum
from functools import partial
from types import FrameType
from typing import Final

from tasker_sql import database
from tasker_sql.bell import Bell
from tasker_sql.breaker import Breaker
from tasker_sql.client import Client, connect
from tasker_sql.config import Config, Pool
from tasker_sql.database import application_name
from tasker_sql.errors import BusyError, TaskerError, UnavailableError
from tasker_sql.handlers import Registry, default_registry
from tasker_sql.session import Session
from tasker_sql.worker import Worker

DISCOVER: Final = 2.0  # seconds between looks for new namespaces
SOON: Final = 0.004  # seconds

log = logging.getLogger(__name__)


class Exit(IntEnum):
    """How a runner ended: its exit code."""

    CLEAN = 0
    WORK_LEFT = 1  # handlers still ran when the time to stop was over, or a second signal came
    BROKEN = 4  # a part of the runner died of a defect


def default_name() -> str:
    """A name that no other runner has: the host's, and the process's number."""
    return f"{socket.gethostname()}:{os.getpid()}"


class Loop(threading.Thread):
    """Repeats a call: at once while there is more to do, soon after there was something to do,
    and every `interval` seconds when there is nothing. The call gets a limit, and says how much it
    did."""

    def __init__(
        self,
        name: str,
        session: Session,
        call: Callable[[Client, int], int],
        interval: float,
        batch: int = 1,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._session = session
        self._call = call
        self._interval = interval
        self._batch = batch
        self._stopped = threading.Event()

    def run(self) -> None:
        pause = SOON
        while not self._stopped.wait(pause):
            try:
                done = self._session.call(lambda client: self._call(client, self._batch))
                longer = min(self._interval, 2 * max(pause, SOON))
                pause = 0.0 if done >= self._batch else SOON if done else longer
            except UnavailableError as error:
                pause = max(error.retry_in, 0.01)
            except BusyError as error:
                pause = self._interval
                log.info("%s: %s; trying again", self.name, error)
            except TaskerError as error:
                pause = max(self._interval, 1.0)
                log.error("%s: %s (%s)", self.name, error, error.sqlstate)
            except Exception:
                pause = max(self._interval, 1.0)
                log.exception("%s met a defect, and goes on", self.name)
        self._session.close()

    def stop(self) -> None:
        self._stopped.set()


class KnownNamespaces:
    """All namespaces, and which of them are new."""

    def __init__(self) -> None:
        self._names: set[str] = set()

    def new(self, client: Client) -> list[str]:
        """Those that were not there at the last call."""
        found = {namespace.name for namespace in client.list_namespaces()} - self._names
        self._names |= found
        return sorted(found)


class Runner:
    """Orchestration and workers over one database, in one process.

    `run` blocks until `stop`, SIGTERM or SIGINT, and answers the exit code. The first signal lets
    handlers finish, for at most `graceful_timeout` seconds; the second ends it at once.
    """

    def __init__(
        self, config: Config, registry: Registry = default_registry, name: str | None = None
    ) -> None:
        self.config = config
        self.name = name or default_name()
        self.patience = config.orchestration.graceful_timeout
        self._dsn = database.dsn(config.database.url)
        self._registry = registry
        self._bell = Bell()
        self._stops = 0
        self._broken = False
        self._stopping = False
        self._adding = threading.Lock()
        pools = config.executor_pools
        self.loops = [
            self._loop("step_enqueuer", _sweep, pools.step_enqueuer),
            self._loop("step_result_processor", _process_results, pools.step_result_processor),
            self._loop("task_request_processor", _process_requests, pools.task_request_processor),
        ]
        self.workers: list[Worker] = []
        self._serving = 0  # workers that have not ended
        self._namespaces = list(dict.fromkeys(config.orchestration.namespaces))
        if not self._namespaces:
            discover = partial(self._serve_all, KnownNamespaces())
            session = self._session("namespaces")
            self.loops.append(Loop("namespaces", session, discover, DISCOVER))

    def connections(self, namespaces: int = 1) -> int:
        """How many connections this runner opens at most when it serves so many namespaces.

        Handlers in SQL take one for each slot.
        """
        return len(self.loops) + namespaces * (1 + self.config.executor_pools.task_claimer.slots)

    def run(self) -> Exit:
        """Run until told to stop."""
        previous = self._take_signals()
        try:
            return self._run()
        finally:
            for number, action in previous.items():
                signal.signal(number, action)

    def stop(self) -> None:
        """Stop gracefully; called again, at once. Returns immediately, from any thread."""
        self._stops += 1
        self._bell.ring()

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._stops > 0

    # How it is done

    def _run(self) -> Exit:
        log.info("runner %s starts", self.name)
        for namespace in self._namespaces:
            self._serve(namespace)
        for loop in self.loops:
            loop.start()
        self._wait_for(lambda: self._stops > 0 or self._broken, None)

        log.info("runner %s stops: waiting for %d steps", self.name, self._unfinished)
        with self._adding:
            self._stopping = True
        for worker in self.workers:
            worker.stop()
        deadline = time.monotonic() + self.patience
        self._wait_for(lambda: self._stops > 1 or self._serving == 0, deadline)
        for loop in self.loops:
            loop.stop()
        if self._stops <= 1:
            for loop in self.loops:
                loop.join(max(0.0, deadline - time.monotonic()))
        left = self._serving > 0
        for worker in self.workers:
            worker.abandon()
        return self._exit(left)

    def _exit(self, left: bool) -> Exit:
        if left:
            log.error(
                "runner %s ends with %d steps unfinished; others take them over when their leases "
                "run out, within %s",
                *(self.name, self._unfinished, self._lease),
            )
            return Exit.WORK_LEFT
        log.info("runner %s has stopped", self.name)
        return Exit.BROKEN if self._broken else Exit.CLEAN

    @property
    def _unfinished(self) -> int:
        return sum(worker.unfinished for worker in self.workers)

    def _serve_all(self, known: KnownNamespaces, client: Client, _: int) -> int:
        for namespace in known.new(client):
            self._serve(namespace)
        return 0

    def _serve(self, namespace: str) -> None:
        """Start a worker, unless the runner is stopping."""
        with self._adding:
            if self._stopping:
                return
            worker = self._worker(namespace)
            thread = threading.Thread(
                target=self._guard, args=(worker,), name=f"worker {namespace}", daemon=True
            )
            self.workers.append(worker)
            self._serving += 1
            thread.start()

    def _wait_for(self, happened: Callable[[], bool], deadline: float | None) -> None:
        """Wait until it has happened, or until the deadline."""
        while True:
            self._bell.sleeping = True
            now = time.monotonic()
            if happened() or (deadline is not None and now >= deadline):
                break
            self._bell.wait(1.0 if deadline is None else min(deadline - now, 1.0))
            self._bell.hush()
        self._bell.hush()

    def _guard(self, worker: Worker) -> None:
        """A worker that dies of a defect takes the runner with it: better than a silent gap."""
        try:
            worker.run()
        except Exception:
            log.exception("worker %s died", worker.namespace)
            self._broken = True
        with self._adding:
            self._serving -= 1
        self._bell.ring()

    def _take_signals(self) -> dict[signal.Signals, signal._HANDLER]:
        if threading.current_thread() is not threading.main_thread():
            return {}

        def on_signal(number: int, _: FrameType | None) -> None:
            log.info("got %s", signal.Signals(number).name)
            self.stop()

        return {
            number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)
        }

    def _connect(self, part: str) -> Client:
        chosen = self.config.database
        return connect(
            self._dsn,
            application_name(part),
            prepare_threshold=None if chosen.pgbouncer else 5,
            connect_timeout=chosen.connect_timeout,
        )

    def _breaker(self) -> Breaker:
        chosen = self.config.circuit_breakers.database
        return Breaker(chosen.failures, chosen.open_for, chosen.successes)

    def _session(self, part: str) -> Session:
        return Session(f"{self.name} {part}", self._connect, self._breaker())

    def _loop(self, part: str, call: Callable[[Client, int], int], pool: Pool) -> Loop:
        return Loop(part, self._session(part), call, pool.poll / 1000, pool.batch)

    @property
    def _lease(self) -> timedelta:
        return timedelta(seconds=self.config.engine.lease)

    def _worker(self, namespace: str) -> Worker:
        pool = self.config.executor_pools.task_claimer
        return Worker(
            self._connect,
            namespace,
            self.name,
            registry=self._registry,
            slots=pool.slots,
            lease=self._lease,
            poll=pool.poll / 1000,
            batch=pool.batch,
            two_hop=self.config.engine.two_hop,
            listen=not self.config.database.pgbouncer,
            breaker=self._breaker,
        )


def _sweep(client: Client, limit: int) -> int:
    """How much was done of the kind of which most was done: at the limit, there is more."""
    swept = client.sweep(limit)
    for action in swept:
        if action.affected:
            log.info("sweep: %s %d", action.action, action.affected)
    return max(action.affected for action in swept)


def _process_results(client: Client, limit: int) -> int:
    processed = client.process_step_results(limit)
    for result in processed:
        if result.error:
            log.warning("results: message %d was rejected: %s", result.msg_id, result.error)
    return len(processed)


def _process_requests(client: Client, limit: int) -> int:
    processed = client.process_task_requests(limit)
    for request in processed:
        if request.error:
            log.warning("requests: message %d was rejected: %s", request.msg_id, request.error)
    return len(processed)
