"""The slots of one namespace: threads that run handlers, and what is measured of them."""

from __future__ import annotations

import logging
import math
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import Final, Protocol

from tasker_sql import otel
from tasker_sql.threads import WatchedThread
from tasker_sql.worker import attempt as plain
from tasker_sql.worker import outcomes, transaction
from tasker_sql.worker.attempt import Attempt
from tasker_sql.worker.handlers import Registry
from tasker_sql.worker.outcomes import Completed, Dropped, Failure, GivenBack, Outcome
from tasker_sql.worker.transaction import Claimer

PREFETCH: Final = 0.02  # seconds of work that a slot may hold in advance
MOST_LEAKED: Final = 4  # threads for each slot, that hang and are replaced: each costs memory

log = logging.getLogger(__name__)


class Pace(Protocol):
    """Decides how fast slots should work, from how long attempts took."""

    @property
    def poll(self) -> float: ...  # seconds between looks for work

    @property
    def batch(self) -> int: ...  # what one claim takes at most

    def idle(self, pause: float) -> float:
        """How long to pause when there was nothing again."""

    def ended(self, handler: str, failed: bool, seconds: float) -> None:
        """An attempt has ended."""


class Slots:
    """`size` slots, in each of which one handler runs at a time.

    Threads are started when they are needed. `ended` is called in a slot's thread with each
    outcome, and may answer what to run next. `died` is called when a thread ends by an error.
    """

    def __init__(
        self,
        claimer: Claimer,
        registry: Registry,
        pace: Pace,
        size: int,
        *,
        ended: Callable[[Slots, Attempt, Outcome], Attempt | None],
        died: Callable[[str, BaseException], None],
    ) -> None:
        self.namespace = claimer.namespace
        self.pace = pace
        self.size = size
        self.done = 0  # attempts that were reported, or completed in their own transaction
        self.failed = 0  # of these, how many failed
        self.busy: set[Attempt] = set()  # in a slot, or on the way to one
        self._claimer = claimer
        self._registry = registry
        self._ended = ended
        self._died = died
        self._queue: SimpleQueue[Attempt | None] = SimpleQueue()
        self._kept: list[Attempt] | None = None
        self._started = 0  # threads, ever
        self._threads = 0  # that were started and not asked to end
        self._runs: dict[Attempt, threading.Thread] = {}  # in which thread
        self._leaked: dict[Attempt, threading.Thread] = {}
        self._seconds = 0.0  # that handlers took, in sum
        self._waited = 0.0  # seconds, for connections
        self._slowest = math.inf  # seconds that the slowest of the last handlers took, about
        self._completing = False  # whether slots complete steps themselves, it seems

    @property
    def facts(self) -> Mapping[str, str]:
        """What the log says of it, in JSON."""
        return {"worker": self._claimer.worker, "namespace": self.namespace}

    def __str__(self) -> str:
        return f"worker {self._claimer.worker} of {self.namespace}"

    # What control asks

    def resize(self, size: int) -> None:
        """Run so many handlers at a time, as soon as those that run have ended. Returns at once."""
        self.size = size

    def seconds_running(self) -> float:
        """How long handlers have run, in sum."""
        now = time.monotonic()
        starts = [one.started for one in list(self.busy)]
        return self._seconds + sum(now - started for started in starts if started is not None)

    def seconds_waiting(self) -> float:
        """How long slots have waited for connections, in sum."""
        now, busy = time.monotonic(), list(self.busy)
        since = [waits for one in busy if (waits := one.waits) is not None]
        return self._waited + sum(one.waited for one in busy) + sum(now - one for one in since)

    @property
    def running(self) -> int:
        """How many handlers run, those apart that were given up."""
        return sum(one.started is not None for one in list(self.busy))

    @property
    def waiting(self) -> int:
        """How many slots wait for a connection."""
        return sum(one.waits is not None for one in list(self.busy))

    @property
    def hung(self) -> int:
        """How many slots are of no use: too many threads hang in handlers that were given up."""
        return min(self.size, max(0, len(self._alive()) - MOST_LEAKED * self.size))

    @property
    def leaked(self) -> dict[str, int]:
        """In which handlers threads hang that were given up, and how many in each."""
        return dict(Counter(one.step.handler for one in self._alive()))

    @property
    def lost_to(self) -> str:
        """Why slots are lost."""
        leaks = ", ".join(f"{count} in {name}" for name, count in self.leaked.items())
        return f"threads of namespace {self.namespace} hang past their time: {leaks}"

    def _alive(self) -> list[Attempt]:
        return [one for one, thread in list(self._leaked.items()) if thread.is_alive()]

    # What the coordinator does

    @property
    def room(self) -> int:
        """How many steps to ask for: what free slots can take, and more while all are short."""
        ahead = 0.0 if self._completing else PREFETCH / max(self._slowest, 1e-6)
        room = (self.size - self.hung) * max(1.0, ahead)
        return max(0, min(self.pace.batch, int(room)) - len(self.busy))

    def submit(self, attempts: Sequence[Attempt]) -> None:
        """Run them in slots."""
        self.busy.update(attempts)
        for attempt in attempts:
            if self._kept == [] and self._queue.empty():
                self._kept.append(attempt)
            else:
                self._queue.put(attempt)
        self.adjust()

    @contextmanager
    def keeping(self) -> Iterator[list[Attempt]]:
        """Within, a thread of a slot submits what comes next: the first of it, in the list, is for
        itself, so that it wakes nobody."""
        kept: list[Attempt] = []
        self._kept = kept
        try:
            yield kept
        finally:
            self._kept = None

    def adjust(self) -> None:
        """Start threads that are needed, and let those end that are too many."""
        while self._threads < min(self.size - self.hung, len(self.busy)):
            self._threads += 1
            self._started += 1
            name = f"{self._claimer.worker} {self.namespace} {self._started}"
            WatchedThread(name, self._work, self._died).start()
        while self._threads > self.size:
            self._threads -= 1
            self._queue.put(None)  # behind what waits

    def free(self, attempt: Attempt, outcome: Outcome) -> None:
        """Its slot is free."""
        self.busy.discard(attempt)
        self._runs.pop(attempt, None)
        if attempt.started is not None:
            faded = 0.98 * self._slowest if math.isfinite(self._slowest) else 0.0
            self._slowest = max(attempt.seconds, faded)
            self._seconds += attempt.seconds
        self._waited += attempt.waited
        if not isinstance(outcome, Dropped | GivenBack):
            self._completing = isinstance(outcome, Completed)
            self.pace.ended(attempt.step.handler, isinstance(outcome, Failure), attempt.seconds)

    def reported(self, outcome: Outcome) -> None:
        self.done += 1
        self.failed += isinstance(outcome, Failure)

    def late(self, now: float) -> list[Attempt]:
        """Attempts past their time that have not ended. Other threads take the places of theirs,
        unless too many hang."""
        late = [one for one in self.busy if one.started is not None and one.gives_up_at <= now]
        late = [one for one in late if one.settle()]  # others have just ended
        if late:
            self._leaked = {one: self._leaked[one] for one in self._alive()}
        for attempt in late:
            attempt.cancelled.set()
            self.busy.discard(attempt)
            self._threads -= 1
            self._leaked[attempt] = self._runs.pop(attempt)
            if self.hung:
                log.error("%s hangs and its slot is lost: %s", attempt, self.lost_to)
        self.adjust()
        return late

    def stack(self, attempt: Attempt) -> str:
        """Where its thread hangs, as far as that can be found."""
        thread = self._leaked.get(attempt)
        frame = sys._current_frames().get(thread.ident or 0) if thread else None
        return "".join(traceback.format_stack(frame, limit=-30)) if frame else ""

    def take_back(self) -> list[Attempt]:
        """Those that no slot has started."""
        found: list[Attempt | None] = []
        with suppress(Empty):
            while True:
                found.append(self._queue.get_nowait())
        taken = [one for one in found if one]
        for _ in range(len(found) - len(taken)):
            self._queue.put(None)
        self.busy.difference_update(taken)
        return taken

    def close(self) -> None:
        """Let all threads end."""
        self.size = 0
        self.adjust()

    # What the threads do

    @property
    def queued(self) -> int:
        """How many wait for a slot."""
        return self._queue.qsize()

    def _work(self) -> None:
        attempt = None
        try:
            while attempt := attempt or self._queue.get():
                self._runs[attempt] = threading.current_thread()
                outcome = self._outcome(attempt)
                if attempt.settle():
                    attempt = self._ended(self, attempt, outcome)
                else:
                    log.warning(
                        "%s ended after it had been given up; its result is dropped", attempt
                    )
                    return
        except BaseException:
            if attempt is not None and attempt.settle():
                self._ended(self, attempt, outcomes.indescribable(attempt.step.step_uuid))
            raise

    def _outcome(self, attempt: Attempt) -> Outcome:
        return outcome_of(attempt, self._registry, self._claimer)


def outcome_of(attempt: Attempt, registry: Registry, claimer: Claimer) -> Outcome:
    """Run an attempt, whatever kind of handler it has. Never raises."""
    if attempt.cancelled.is_set():
        return Dropped("taken away before it started")
    attempt.database = claimer
    handler = registry.find(attempt.step.handler)
    if handler is None and not attempt.by_sql:
        return GivenBack(f"no handler {attempt.step.handler!r}")
    attempt.span = otel.begun(attempt.step, claimer.namespace, claimer.worker, attempt.former)
    with otel.current(attempt.span):
        if attempt.by_sql or handler is None or handler.transactional:
            outcome = transaction.run(attempt, handler, claimer)
        else:
            outcome = plain.run(attempt, handler)
    if attempt.started is not None:
        attempt.seconds = time.monotonic() - attempt.started
    return outcome
