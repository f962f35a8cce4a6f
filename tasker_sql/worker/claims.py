"""What a worker holds: claimed steps with their leases, and when to ask for more of them."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from operator import methodcaller
from typing import Final, TypeVar
from uuid import UUID, uuid4

from tasker_sql.circuit import CircuitBreakers, backoff
from tasker_sql.client import Beat, Client, FormerAttempt
from tasker_sql.errors import TaskerError
from tasker_sql.jsonb import JsonText
from tasker_sql.pool import Pool
from tasker_sql.rows import ClaimedStep
from tasker_sql.worker.attempt import Attempt
from tasker_sql.worker.outcomes import Failure, Result
from tasker_sql.worker.slots import Slots

T = TypeVar("T")

LINGER: Final = 0.01  # seconds without work after which a worker registers as idle
FIRST_PAUSE: Final = 0.01  # seconds from a look that found nothing to the next one
IDLE_FOR: Final = timedelta(seconds=30)  # how long such a registration holds
LONGEST_TRUST: Final = 0.02  # seconds for which a queue that was empty counts as empty
LONGEST_BARREN: Final = 5.0  # seconds without claims, after a step that could not be run

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerCalls:
    """The calls of a worker, and over which connection it makes them."""

    worker: str
    lease: timedelta
    handlers: Callable[[], list[str]]
    two_hop: bool
    pool: Pool
    breakers: CircuitBreakers

    def make(self, work: Callable[[Client], T]) -> T:
        return self.pool.call(work, self.breakers.database)

    def claim(
        self, namespace: str, limit: int, request: UUID | None = None
    ) -> Sequence[ClaimedStep]:
        """A call with the same request answers the same claim, if it was made before."""
        return self._of_queue(
            lambda client: client.claim_steps(
                *(namespace, self.worker, limit, self.lease, self.handlers(), request),
                context_once=True,
            )
        )

    def finish(
        self, namespace: str, token: UUID, outcomes: JsonText, limit: int
    ) -> Sequence[ClaimedStep]:
        """Report outcomes, or hand them in for others to process, and claim."""
        if self.two_hop:
            self._of_queue(methodcaller("submit_step_results", token, outcomes))
            return self.claim(namespace, limit) if limit else []
        return self._of_queue(
            lambda client: client.finish_and_claim(
                *(namespace, self.worker, token, outcomes, limit, self.lease, self.handlers()),
                context_once=True,
            )
        )

    def register(self, namespaces: Sequence[str]) -> None:
        """As idle: the next work notifies."""
        self._of_queue(methodcaller("await_work", namespaces, self.worker, IDLE_FOR))

    def give_back(self, token: UUID, step_uuids: list[UUID] | None = None) -> None:
        """Steps that have not ended: all of the claim, or these."""
        self.make(methodcaller("release_claim", token, step_uuids))

    def beat(self, claims: Mapping[UUID, Sequence[UUID]]) -> list[Beat]:
        """Extend claims of these steps."""
        return self.make(methodcaller("heartbeats", claims, self.lease))

    def former(self, step_uuids: Sequence[UUID]) -> list[FormerAttempt]:
        return self.make(methodcaller("former_attempts", step_uuids))

    def _of_queue(self, work: Callable[[Client], T]) -> T:
        return self.pool.call(work, self.breakers.queue)


@dataclass(slots=True, eq=False)
class Finished:
    """How an attempt ended, until the database knows."""

    attempt: Attempt
    outcome: Result | Failure
    alone: bool = False  # a report that it was in was refused
    blamed: int = 0  # how often, alone
    refusals: int = 0
    again_at: float = 0.0


@dataclass(slots=True, eq=False)
class Claim:
    """A batch of claimed steps, until the last of them is reported."""

    token: UUID
    slots: Slots
    beat_at: float
    alone: bool = False  # a heartbeat that it was in was refused
    attempts: dict[UUID, Attempt] = field(default_factory=dict)
    finished: list[Finished] = field(default_factory=list)
    finished_since: float = 0.0
    back: list[Attempt] = field(default_factory=list)  # to be given back


class Claims:
    """All claims of a worker, by their tokens."""

    def __init__(self, calls: WorkerCalls) -> None:
        self.all: dict[UUID, Claim] = {}
        self.unreadable: set[UUID] = set()  # that were made, and are to be given back
        self._calls = calls
        self._third = calls.lease.total_seconds() / 3

    def add(self, steps: Sequence[ClaimedStep], slots: Slots, asked_at: float) -> list[Attempt]:
        """Steps that one call claimed, so all of one token."""
        attempts = [Attempt(step, self._calls.worker) for step in steps]
        if steps:
            token = steps[0].token
            claim = self.all.setdefault(token, Claim(token, slots, asked_at + self._third))
            claim.attempts.update((one.step.step_uuid, one) for one in attempts)
        return attempts

    def of(self, attempt: Attempt) -> Claim | None:
        """The claim that holds it, if it was not taken away."""
        claim = self.all.get(attempt.step.token)
        return claim if claim and attempt.step.step_uuid in claim.attempts else None

    def forget(self, claim: Claim, attempts: Sequence[Attempt]) -> None:
        for attempt in attempts:
            claim.attempts.pop(attempt.step.step_uuid, None)
        gone = set(attempts)
        claim.finished = [one for one in claim.finished if one.attempt not in gone]
        if not claim.attempts:
            self.all.pop(claim.token, None)

    def beat(self, now: float) -> None:
        """When a lease is to be extended, extend those that are soon, too, in the same call; and
        let go of the steps that were taken away.

        Raises as every call does; then they are due again, soon.
        """
        if all(claim.beat_at > now for claim in self.all.values()):
            return
        due = [one for one in self.all.values() if one.beat_at <= now + self._third / 2]
        refused = None
        together = [claim for claim in due if not claim.alone]
        for group in filter(None, [together, *([claim] for claim in due if claim.alone)]):
            try:
                self._extend(group, now)
            except TaskerError as error:  # of one of them, on which others must not depend
                refused = error
                for claim in group:
                    claim.alone = True
        if refused:
            raise refused

    def _extend(self, claims: Sequence[Claim], now: float) -> None:
        for claim in claims:
            claim.beat_at = now + min(1.0, self._third)
        beats = self._calls.beat({claim.token: list(claim.attempts) for claim in claims})
        for claim in claims:
            claim.beat_at, claim.alone = now + self._third, False
        for beat in beats:
            claim = self.all[beat.token]
            for level, what, step_uuids in (
                (logging.INFO, "cancelled", beat.cancelled_step_uuids),
                (logging.WARNING, "lost", beat.lost_step_uuids),
            ):
                taken = [claim.attempts[one] for one in step_uuids if one in claim.attempts]
                for attempt in taken:
                    log.log(level, "%s was %s", attempt, what)
                    attempt.cancelled.set()
                self.forget(claim, taken)

    def give_back(self) -> None:
        """What is to be given back. Raises as every call does; then it is still to be done."""
        for token in list(self.unreadable):
            self._calls.give_back(token)
            self.unreadable.discard(token)
        for claim in [claim for claim in self.all.values() if claim.back]:
            self._calls.give_back(claim.token, [one.step.step_uuid for one in claim.back])
            log.info("worker %s gave %d steps back", self._calls.worker, len(claim.back))
            self.forget(claim, claim.back)
            claim.back.clear()


class Poller:
    """When to ask the queue of a namespace for work: at once while it is not empty, then ever less
    often, and when a notification says that there is some."""

    def __init__(self, slots: Slots, listens: bool) -> None:
        self.slots = slots
        self.ask_at = 0.0
        self.barren_until = 0.0  # no claims before, for the last steps could not be run
        self.answered = False
        self.request = uuid4()  # of the next claim, until it is answered
        self.refusals = 0  # in a row
        self._listens = listens
        self._pause = self._first_pause
        self._idle_since: float | None = None
        self._registered_until = 0.0
        self._barren = 0  # how often in a row
        self._trust = LINGER / 2  # seconds for which a queue that was empty counts as empty
        self._look_at = 0.0

    def limit(self, room: int, reported: int, now: float) -> int:
        """How many to ask for with a report of so many: as many as there is room for; but no more
        than were reported, which is the cheaper call, while the queue was empty a moment ago."""
        return room if now >= self._look_at else min(room, reported)

    def found(self, steps: int, limit: int, now: float, reported: int = 0) -> None:
        """A claim was answered. Fewer than asked for: the queue is empty."""
        self.answered = True
        self.request = uuid4()
        if steps:
            self.busy()
            self._pause = self._first_pause
        elif limit and self._listens:  # new work wakes it
            self._pause = self.slots.pace.idle(self._pause)
        if limit > reported:
            found_more = steps > reported
            self._trust = LINGER / 2 if found_more else min(2 * self._trust, LONGEST_TRUST)
            self._look_at = now + (self._trust if steps < limit else 0.0)
        if steps < limit:
            self.ask_at = now + self._pause
        elif limit:
            self.ask_at = max(now, self._look_at)

    @property
    def _first_pause(self) -> float:
        """Short, for a transaction that looked for idle workers before this one registered wakes
        nobody when it commits."""
        poll = self.slots.pace.poll
        return min(FIRST_PAUSE, poll) if self._listens else poll

    def busy(self) -> None:
        """There was something to do."""
        self._idle_since = None

    def notified(self) -> None:
        """There is work, and the registration is gone; or nobody knows whether it is."""
        self.ask_at = self._look_at = self._registered_until = 0.0

    def is_idle(self, now: float) -> bool:
        """Whether to register as idle."""
        if self._idle_since is None:
            self._idle_since = now
        lingered = now - self._idle_since >= LINGER
        return self._listens and lingered and now >= self._registered_until

    def registered(self, now: float) -> None:
        self._registered_until = now + IDLE_FOR.total_seconds()
        self.ask_at = now  # work may have come in between

    def gave_back(self, now: float) -> None:
        """A step could not be run: a worker that asks at once gets it again."""
        if now >= self.barren_until:
            self._barren += 1
            pause = backoff(self._barren, random.random(), base=0.5, cap=LONGEST_BARREN)
            self.barren_until = now + pause

    def ran(self) -> None:
        """A step could be run."""
        self._barren = 0

    def completed(self, now: float, claimed: int) -> None:
        """One was completed by its slot. When that claimed more than the next one, there may be
        still more; others will end in a moment, too."""
        self.ran()
        self.busy()
        if claimed > 1:
            self.ask_at = min(self.ask_at, now + LINGER / 2)

    def due_at(self, now: float) -> float:
        """When to look again, while there are free slots."""
        registers = self._listens and now >= self._registered_until
        return min(self.ask_at, now + LINGER) if registers else self.ask_at
