"""A worker: claims steps of its namespaces, runs their handlers in slots, reports the outcomes.

    coordinator --queue--> slots --completions--> coordinator

A turn does all that is due: it collects completions, reports finished steps together, and claims
the next ones in the same call. One thread takes a turn at a time: the coordinator, which waits for
notifications and for the clock, or the slot that brings what the next turn waits for; so a step
that follows on another one wakes no thread. No turn waits for a slot, and between two calls the
worker knows everything: losing the database costs it nothing but time.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final
from uuid import UUID, uuid4

from tasker_sql.circuit import CircuitBreakers, backoff
from tasker_sql.client import LEASE, Client, FormerAttempt, channel
from tasker_sql.errors import TaskerError, UnavailableError, UnreadableError
from tasker_sql.pool import Pool
from tasker_sql.rows import ClaimedStep
from tasker_sql.threads import Wakeup
from tasker_sql.verdict import Whose
from tasker_sql.worker import outcomes
from tasker_sql.worker.attempt import Attempt, traced
from tasker_sql.worker.claims import Claims, Poller, WorkerCalls
from tasker_sql.worker.handlers import Registry, default_registry
from tasker_sql.worker.outcomes import Completed, Dropped, GivenBack, Outcome
from tasker_sql.worker.reports import MOST_KEPT, Reports
from tasker_sql.worker.slots import Pace, Slots
from tasker_sql.worker.transaction import Claimer

ALL_SQL: Final = "sql:*"
SOON: Final = 0.1  # seconds between two looks whether a suspect may run
LONGEST_PAUSE: Final = 1.0  # seconds between two turns
MOMENT: Final = 0.002  # seconds that a slot waits for the turn of another thread to end
MANY: Final = 10  # deadlocks, and the like, in a row

log = logging.getLogger(__name__)


class Worker:
    """Serves the namespaces that `serve` is called with. `run` blocks until `stop` was called and
    all is given back.

    `connect` opens a connection: one for its calls and, with `listen`, one for notifications;
    `handlers` are those for handlers in SQL and transactional ones. `two_hop` hands results in for
    others to process, instead of orchestrating in the same call. `died` is called when one of its
    threads ends by an error.
    """

    def __init__(
        self,
        connect: Callable[[], Client],
        name: str,
        *,
        breakers: CircuitBreakers,
        handlers: Pool,
        died: Callable[[str, BaseException], None],
        registry: Registry = default_registry,
        lease: timedelta = LEASE,
        two_hop: bool = False,
        listen: bool = True,
    ) -> None:
        self.name = name
        self._breakers = breakers
        self._handlers = handlers
        self._died = died
        self._registry = registry
        self._listens = listen
        self._listener = Pool(connect, 1, configure=self._on_listening)
        self._hears = False  # whether it does
        self._calls = WorkerCalls(name, lease, self._names, two_hop, Pool(connect, 1), breakers)
        self._claims = Claims(self._calls)
        self._reports = Reports(self._calls, self._claims)
        self._pollers: dict[str, Poller] = {}
        self._suspect: Attempt | None = None  # waits until it may run alone, or does
        self._suspect_since = 0.0

        self._turning = threading.Lock()
        self.turned_at = time.monotonic()
        self._online = True
        self._refusals = 0  # of turns, in a row
        self._again_at = 0.0  # no call before, but heartbeats
        self._completions: deque[tuple[Slots, Attempt, Outcome]] = deque()
        self._enough = 1  # completions that are worth a turn
        self._notifications: deque[str] = deque()  # namespaces
        self._wakeup = Wakeup()
        self._wakes_at = 0.0
        self._stopping = False
        self._was_stopping = False
        self._abandoned = False

    @property
    def facts(self) -> dict[str, str]:
        """What the log says of it, in JSON."""
        return {"worker": self.name}

    def __str__(self) -> str:
        return f"worker {self.name}"

    # What others call

    def serve(self, namespace: str, pace: Pace, size: int) -> Slots:
        """Claim steps of this namespace, too: the slots in which they run, so many at first.
        Returns at once."""
        claimer = Claimer(
            *(namespace, self.name, self._calls.lease, self._names),
            limit=lambda: 0 if self._stopping or self._suspect else 1 + (slots.room > 0),
            stopping=lambda: self._stopping,
            pool=self._handlers,
            breaker=self._breakers.database,
        )
        slots = Slots(
            *(claimer, self._registry, pace, size),
            ended=self._ended,
            died=self._died,
        )
        self._pollers = {**self._pollers, namespace: Poller(slots, self._listens)}
        log.info("%s serves it with %d slots", slots, slots.size)
        self._wakeup.set()
        return slots

    def run(self) -> None:
        """Work until `stop` is called; then finish what runs, and give the rest back."""
        try:
            self._work()
        except BaseException as error:
            self._died(f"the coordinator of {self}", error)
            self.stop()
            self._work()  # report what has finished, give back what has not started
        finally:
            for slots in self.slots:
                slots.close()
            self._listener.close()
            self._calls.pool.close()

    def stop(self) -> None:
        """Claim no more, let handlers finish, give back what has not started. Returns at once."""
        self._stopping = True
        self._wakeup.set()

    def abandon(self) -> None:
        """Report nothing any more: `run` ends though handlers run. Returns at once."""
        self._abandoned = True
        self.stop()

    @property
    def slots(self) -> list[Slots]:
        """Those of each namespace."""
        return [poller.slots for poller in self._pollers.values()]

    @property
    def done(self) -> int:
        """How many attempts were reported, or completed in their own transactions."""
        return sum(slots.done for slots in self.slots)

    @property
    def unfinished(self) -> int:
        """How many claimed steps are in its hands."""
        return sum(len(claim.attempts) for claim in list(self._claims.all.values()))

    @property
    def unreported(self) -> int:
        """How many of these have ended, and the database does not know yet."""
        return sum(len(claim.finished) for claim in list(self._claims.all.values()))

    @property
    def waiting(self) -> int:
        """How many of these no slot has started."""
        return sum(slots.queued for slots in self.slots)

    @property
    def stopping(self) -> bool:
        """Whether it was asked to stop."""
        return self._stopping

    def was_answered(self, namespace: str) -> bool:
        """Whether a claim of that namespace has had an answer."""
        poller = self._pollers.get(namespace)
        return poller is not None and poller.answered

    def _names(self) -> list[str]:
        """What it can run."""
        return [*self._registry.names, ALL_SQL]

    # Who takes a turn, and when

    def _ended(self, slots: Slots, attempt: Attempt, outcome: Outcome) -> Attempt | None:
        """In the thread of a slot, which takes a turn when it is time and nobody else does: what it
        runs next, if it knows."""
        self._completions.append((slots, attempt, traced(attempt, outcome)))
        next_one: list[Attempt] = []
        while len(self._completions) >= self._enough and not next_one:
            if slots.queued or self._abandoned or not self._turning.acquire(timeout=MOMENT):
                self._wakeup.set()
                break
            try:
                if len(self._completions) < self._enough:
                    break  # the thread that took the turn before has done it
                with slots.keeping() as next_one:
                    due = self._take_turn()
            finally:
                self._turning.release()
            if due < self._wakes_at or not self._online:
                self._wakeup.set()
        return next_one[0] if next_one else None

    def _work(self) -> None:
        """The coordinator."""
        while True:
            with self._turning:
                if self._at_rest():
                    return
                self._wakes_at = self._take_turn()
                self._wakeup.waits = True
            try:
                self._sleep()
            finally:
                self._wakeup.clear()

    def _at_rest(self) -> bool:
        working = any(slots.busy for slots in self.slots)
        left = self._claims.all or self._completions or self._reports.unsent
        return self._abandoned or (self._stopping and not working and not left)

    def _sleep(self) -> None:
        """Until there is news of a slot, of the database or of an operator, or it is time."""
        news = self._abandoned or (self._stopping and not self._was_stopping)
        left = self._wakes_at - time.monotonic()
        if len(self._completions) >= self._enough or left <= 0 or news:
            return
        if self._online and self._listens:
            try:
                self._listen(left)
            except UnavailableError as error:
                self._wakeup.wait(min(error.retry_in, LONGEST_PAUSE))
        else:
            self._wakeup.wait(left)

    def _listen(self, seconds: float) -> None:
        began = self._breakers.database.check()
        try:
            with self._listener.connection() as client:
                self._hears = True
                found = client.wait_for_notification(seconds, self._wakeup.fileno())
        except UnavailableError as error:
            self._hears = False
            raise self._breakers.database.failed(error, began) from error
        self._notifications += found

    def _on_listening(self, client: Client) -> None:
        client.listen(channel(self.name))
        self._notifications += self._pollers  # there may have been some that it did not hear

    def _take_turn(self) -> float:
        """Do what is due. When the next turn is."""
        self.turned_at = time.monotonic()
        self._online = True
        try:
            self._collect()
            self._turn()
            due = self._due_at()
        except UnavailableError as error:
            self._online = False
            due = time.monotonic() + min(max(error.retry_in, 0.01), LONGEST_PAUSE)
        except TaskerError as error:
            self._refusals += 1
            self._again_at = self._put_off(str(self), error, self._refusals)
            due = self._due_at()
        gathering = any(claim.finished for claim in self._claims.all.values())
        self._enough = max(1, sum(len(one.busy) for one in self.slots)) if gathering else 1
        return due

    def _put_off(self, who: str, error: TaskerError, count: int) -> float:
        """Whatever was to be done is done again, later and later: none of it is lost. When."""
        verdict = error.verdict
        if isinstance(error, UnreadableError) and error.token:
            self._claims.unreadable.add(error.token)
        if verdict.whose is Whose.MOMENT:
            if count % MANY:
                log.info("%s: %s; trying again", who, error)
            else:
                log.warning("%s: %s, %d times in a row", who, error, count)
            return time.monotonic() + random.uniform(0.005, 0.05)
        self._reports.tell(who, error, "trying again")
        longest = self._reports.longest(verdict)
        return time.monotonic() + backoff(count, random.random(), base=0.1, cap=longest)

    def _due_at(self) -> float:
        """When something is due."""
        now = time.monotonic()
        if self._claims.unreadable:
            return now
        due = [now + (SOON if self._suspect else LONGEST_PAUSE)]
        due += [claim.beat_at for claim in self._claims.all.values()]
        due += [one.gives_up_at for slots in self.slots for one in list(slots.busy)]
        if self._again_at > now:
            return min(self._again_at, *due)
        due.append(self._reports.due_at())
        for poller in self._pollers.values():
            if poller.barren_until > now:
                due.append(poller.barren_until)
            elif self._room(poller) > 0:
                due.append(poller.due_at(now))
        return min(due)

    # A turn: what came back from the slots

    def _collect(self) -> None:
        while self._completions:
            slots, attempt, outcome = self._completions.popleft()
            slots.free(attempt, outcome)
            if attempt is self._suspect:
                self._suspect = None
            if isinstance(outcome, Completed):
                self._take(slots, outcome.claimed, outcome.asked_at)
            self._came_back(slots, attempt, outcome)
        for slots in self.slots:
            for attempt in slots.late(time.monotonic()):
                if attempt is self._suspect:
                    self._suspect = None
                outcome = outcomes.timed_out(attempt.step, slots.stack(attempt))
                self._came_back(slots, attempt, traced(attempt, outcome))

    def _came_back(self, slots: Slots, attempt: Attempt, outcome: Outcome) -> None:
        now = time.monotonic()
        claim, poller = self._claims.of(attempt), self._pollers[slots.namespace]
        if claim is None:
            if attempt.started is not None:
                log.warning("dropped the result of %s: it was taken away meanwhile", attempt)
        elif isinstance(outcome, GivenBack):
            self._reports.say(f"{slots} gives steps back: {outcome.note}")
            claim.back.append(attempt)
            poller.gave_back(now)
        elif isinstance(outcome, Dropped):
            log.warning("%s was %s", attempt, outcome.note)
            self._claims.forget(claim, [attempt])
        elif isinstance(outcome, Completed):
            slots.reported(outcome)
            poller.completed(now, len(outcome.claimed))
            self._claims.forget(claim, [attempt])
        else:
            poller.ran()
            self._reports.add(claim, attempt, outcome, now)

    # A turn: the database

    def _turn(self) -> None:
        """Everything that is due now."""
        now = time.monotonic()
        if self._stopping and not self._was_stopping:
            self._again_at = min(self._again_at, now)
            self._reports.hurry(now)
        self._was_stopping = self._stopping
        while self._notifications:
            self._heard(self._notifications.popleft())
        for slots in self.slots:
            slots.adjust()
            if slots.hung:
                self._breakers.queue.troubles.note("slots_full", slots.lost_to, now)
            if self._stopping:
                self._set_back(slots.take_back())
        self._extend(now)
        self._claims.give_back()
        self._run_suspect(now)
        if now < self._again_at:
            return
        reported = set()
        for report, steps in self._reports.send(now, self._limit):
            slots = report.claim.slots
            reported.add(slots.namespace)
            self._pollers[slots.namespace].found(
                len(steps), report.limit, time.monotonic(), len(report.finished)
            )
            self._take(slots, steps, now)
        self._look_for_work(now, reported)
        self._refusals = 0

    def _heard(self, namespace: str) -> None:
        for poller in [self._pollers.get(namespace)] if namespace else self._pollers.values():
            if poller:
                poller.notified()

    def _extend(self, now: float) -> None:
        try:
            self._claims.beat(now)
        except TaskerError as error:
            self._reports.tell(str(self), error, "the heartbeat is tried again")

    def _look_for_work(self, now: float, reported: set[str]) -> None:
        """Claim where it is time to; register as idle where there was nothing for a moment."""
        idle = []
        for namespace, poller in self._pollers.items():
            limit = self._room(poller)
            if self._stopping or namespace in reported:
                poller.busy()
            elif limit > 0 and now >= poller.ask_at:
                try:
                    steps = self._calls.claim(namespace, limit, poller.request)
                except TaskerError as error:
                    poller.request = uuid4()
                    poller.refusals += 1
                    poller.ask_at = self._put_off(str(poller.slots), error, poller.refusals)
                    continue
                poller.refusals = 0
                poller.found(len(steps), limit, time.monotonic())
                self._take(poller.slots, steps, now)
            if limit > 0 and self._hears and not poller.refusals and poller.is_idle(now):
                idle.append(namespace)
        if idle:
            self._calls.register(idle)
            for namespace in idle:
                self._pollers[namespace].registered(now)

    def _take(self, slots: Slots, steps: Sequence[ClaimedStep], asked_at: float) -> None:
        """Give newly claimed steps to the slots. Their lease may have begun at `asked_at`."""
        now = time.monotonic()
        formers = self._former([step.step_uuid for step in steps if step.attempt > 1])
        runnable = []
        for attempt in self._claims.add(steps, slots, asked_at):
            former = formers.get(attempt.step.step_uuid) if formers else None
            attempt.former = former.error if former else None
            if former is None or former.outcome != "lost":
                runnable.append(attempt)
            elif self._suspect is None:
                self._suspect, self._suspect_since = attempt, now
            else:
                self._set_back([attempt])
        slots.submit(runnable)

    def _former(self, step_uuids: Sequence[UUID]) -> dict[UUID, FormerAttempt]:
        """The attempts before those of these steps, if they are known and do not still run here."""
        running = {one.step.step_uuid for slots in self.slots for one in slots.busy}
        if ended := [one for one in step_uuids if one not in running]:
            with suppress(TaskerError, UnavailableError):
                return {one.step_uuid: one for one in self._calls.former(ended)}
        return {}

    def _run_suspect(self, now: float) -> None:
        """A step whose last attempt was lost may be what ended its process, and would take its
        neighbours along again. So it runs as soon as nothing else does, or after the time of a
        lease; until it has ended nothing is claimed."""
        attempt = self._suspect
        busy = [one for slots in self.slots for one in slots.busy]
        if attempt is None or attempt in busy:
            return
        claim = self._claims.of(attempt)
        if claim is None or self._stopping:
            self._suspect = None
            self._set_back([attempt])
        elif not busy or now - self._suspect_since > self._calls.lease.total_seconds():
            claim.slots.submit([attempt])

    def _set_back(self, attempts: Iterable[Attempt]) -> None:
        for attempt in attempts:
            if claim := self._claims.of(attempt):
                claim.back.append(attempt)

    def _limit(self, slots: Slots, reported: int) -> int:
        """How many steps to ask for with a report of so many."""
        poller = self._pollers[slots.namespace]
        return poller.limit(self._room(poller), reported, time.monotonic())

    def _room(self, poller: Poller) -> int:
        """How many steps to ask for."""
        if self._stopping or self._suspect or time.monotonic() < poller.barren_until:
            return 0
        return 0 if self._reports.kept > MOST_KEPT else poller.slots.room
