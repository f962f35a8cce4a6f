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
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import IntEnum
from functools import partial
from types import FrameType
from typing import Final

from tasker_sql.bell import Bell
from tasker_sql.breaker import Breaker
from tasker_sql.client import LEASE, Client, connect
from tasker_sql.database import application_name
from tasker_sql.errors import BusyError, TaskerError, UnavailableError
from tasker_sql.handlers import Registry, default_registry
from tasker_sql.session import Session
from tasker_sql.worker import Worker

DISCOVER: Final = 2.0  # seconds between looks for new namespaces
SOON: Final = 0.004  # seconds
BATCH: Final = 50  # messages that one call of a loop carries out

log = logging.getLogger(__name__)


class Exit(IntEnum):
    """How a runner ended: its exit code."""

    CLEAN = 0
    WORK_LEFT = 1  # handlers still ran when the time to stop was over, or a second signal came
    BROKEN = 4  # a part of the runner died of a defect


@dataclass(frozen=True, slots=True)
class Settings:
    """What can be chosen about a runner; times in seconds."""

    name: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}")
    slots: int = 10  # handlers that run at a time, in each namespace
    lease: timedelta = LEASE
    poll: float = 1.0  # how often an idle worker looks for work without being notified
    two_hop: bool = False
    listen: bool = True  # LISTEN for work; not through a PgBouncer that pools transactions
    prepare_threshold: int | None = 5
    sweep_interval: float = 1.0
    results_interval: float = 0.1
    requests_interval: float = 0.2
    stop_within: float = 30.0
    breaker: Callable[[], Breaker] = Breaker

    @property
    def patience(self) -> float:
        """How long the database may be silent: when it answers later, a lease has run out."""
        return max(5.0, 2 * self.lease.total_seconds())


class Loop(threading.Thread):
    """Repeats a call: at once while there is more to do, soon after there was something to do,
    and every `interval` seconds when there is nothing. The call says how much it did."""

    def __init__(
        self,
        name: str,
        session: Session,
        call: Callable[[Client], int],
        interval: float,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._session = session
        self._call = call
        self._interval = interval
        self._stopped = threading.Event()

    def run(self) -> None:
        pause = SOON
        while not self._stopped.wait(pause):
            try:
                done = self._session.call(self._call)
                longer = min(self._interval, 2 * max(pause, SOON))
                pause = 0.0 if done == BATCH else SOON if done else longer
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

    `namespaces` are those to serve; None means all, also those that appear later. `run` blocks
    until `stop`, SIGTERM or SIGINT, and answers the exit code. The first signal lets handlers
    finish, for at most `stop_within` seconds; the second ends it at once.
    """

    def __init__(
        self,
        dsn: str,
        namespaces: Sequence[str] | None = None,
        registry: Registry = default_registry,
        settings: Settings | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self._dsn = dsn
        self._registry = registry
        self._bell = Bell()
        self._stops = 0
        self._broken = False
        self._stopping = False
        self._adding = threading.Lock()
        self.loops = [
            self._loop("sweep", _sweep, self.settings.sweep_interval),
            self._loop("results", _process_step_results, self.settings.results_interval),
            self._loop("requests", _process_task_requests, self.settings.requests_interval),
        ]
        self.workers: list[Worker] = []
        self._serving = 0  # workers that have not ended
        self._namespaces = None if namespaces is None else list(dict.fromkeys(namespaces))
        if namespaces is None:
            known = KnownNamespaces()
            self.loops.append(self._loop("namespaces", partial(self._serve_all, known), DISCOVER))

    def connections(self, namespaces: int = 1) -> int:
        """How many connections this runner opens at most when it serves so many namespaces.

        Handlers in SQL take one for each slot.
        """
        return len(self.loops) + namespaces * (1 + self.settings.slots)

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
        name = self.settings.name
        log.info("runner %s starts", name)
        for namespace in self._namespaces or []:
            self._serve(namespace)
        for loop in self.loops:
            loop.start()
        self._wait_for(lambda: self._stops > 0 or self._broken, None)

        log.info("runner %s stops: waiting for %d steps", name, self._unfinished)
        with self._adding:
            self._stopping = True
        for worker in self.workers:
            worker.stop()
        deadline = time.monotonic() + self.settings.stop_within
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
        name = self.settings.name
        if left:
            log.error(
                "runner %s ends with %d steps unfinished; others take them over when their leases "
                "run out, within %s",
                *(name, self._unfinished, self.settings.lease),
            )
            return Exit.WORK_LEFT
        log.info("runner %s has stopped", name)
        return Exit.BROKEN if self._broken else Exit.CLEAN

    @property
    def _unfinished(self) -> int:
        return sum(worker.unfinished for worker in self.workers)

    def _serve_all(self, known: KnownNamespaces, client: Client) -> int:
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
        return connect(
            self._dsn, application_name(part), prepare_threshold=self.settings.prepare_threshold
        )

    def _loop(self, part: str, call: Callable[[Client], int], interval: float) -> Loop:
        session = Session(
            *(f"{self.settings.name} {part}", self._connect, self.settings.breaker()),
            patience=self.settings.patience,
        )
        return Loop(part, session, call, interval)

    def _worker(self, namespace: str) -> Worker:
        chosen = self.settings
        return Worker(
            self._connect,
            namespace,
            chosen.name,
            registry=self._registry,
            slots=chosen.slots,
            lease=chosen.lease,
            poll=chosen.poll,
            two_hop=chosen.two_hop,
            listen=chosen.listen,
            breaker=chosen.breaker,
            patience=chosen.patience,
        )


def _sweep(client: Client) -> int:
    for swept in client.sweep():
        if swept.affected:
            log.info("sweep: %s %d", swept.action, swept.affected)
    return 0


def _process_step_results(client: Client) -> int:
    processed = client.process_step_results(limit=BATCH)
    for result in processed:
        if result.error:
            log.warning("results: message %d was rejected: %s", result.msg_id, result.error)
    return len(processed)


def _process_task_requests(client: Client) -> int:
    processed = client.process_task_requests(limit=BATCH)
    for request in processed:
        if request.error:
            log.warning("requests: message %d was rejected: %s", request.msg_id, request.error)
    return len(processed)
