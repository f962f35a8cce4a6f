"""A circuit breaker: after some failures in a row, leave the database alone for a while.

    closed    calls pass; `failures` failures in a row open it
    open      no call passes for `open_seconds`
    half-open one call passes at a time, on trial; `successes` in a row close it, a failure opens it

Calls that run side by side fail together when one thing breaks. So a failure counts only if its
call began after the last one that counted: in a row means one after the other.
"""

from __future__ import annotations

import logging
import math
import random
import threading
import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from tasker_sql.errors import TaskerError, UnavailableError
from tasker_sql.troubles import Troubles
from tasker_sql.verdict import trouble

TRIAL: Final = 0.05  # seconds after which others may ask how a trial has gone

log = logging.getLogger(__name__)


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class CircuitBreaker:
    """A breaker that the threads of a process share. It logs each of its changes, once.

    Call `admit` before a call, and `succeeded`, `failed` or `abstained` after it. `forced` is what
    an operator wants: open stops all calls, closed lets all pass.
    """

    def __init__(
        self,
        name: str,
        failures: int = 5,
        open_seconds: float = 30.0,
        successes: int = 2,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.failures = failures
        self.open_seconds = open_seconds
        self.successes = successes
        self.state = BreakerState.CLOSED
        self.forced: BreakerState | None = None
        self.failed_in_a_row = 0
        self.failed_calls = 0
        self.opened = 0  # how often
        self.recoveries = 0
        self.recovery_seconds = 0.0  # from the first failure on, in sum
        self.changed_at = clock()
        self.last_error = ""
        self.troubles = Troubles()
        self._clock = clock
        self._lock = threading.Lock()
        self._lost_at: float | None = None
        self._failed_at = -math.inf
        self._again_at = -math.inf  # no call before
        self._trial_until = -math.inf  # only one call before
        self._succeeded_on_trial = 0

    @property
    def facts(self) -> Mapping[str, str]:
        """What the log says of it, in JSON."""
        return {"circuit": self.name, "state": self.state}

    def __str__(self) -> str:
        return f"{self.name} circuit"

    @property
    def effective_state(self) -> BreakerState:
        """What calls meet: what an operator wants, or else its own state."""
        return self.forced or self.state

    @property
    def passes(self) -> bool:
        """Whether calls pass, and not on trial only."""
        return self.effective_state is BreakerState.CLOSED

    def admit(self, although_forced: bool = False) -> float:
        """Let a call pass: the time at which it begins. One `although_forced` passes what an
        operator has forced open: it is to learn when that is over.

        Raises UnavailableError when it may not pass, saying when to ask again.
        """
        with self._lock:
            now = self._clock()
            left = self._again_at - now
            if left <= 0 and not (although_forced and self.forced):
                left = self._wait(now)
        if left > 0:
            raise UnavailableError("the database could not be reached a moment ago", left)
        return now

    def _wait(self, now: float) -> float:
        """In how many seconds to ask again; 0: the call may pass now."""
        if self.forced:
            return self.open_seconds if self.forced is BreakerState.OPEN else 0.0
        if self.state is BreakerState.OPEN:
            self._become(BreakerState.HALF_OPEN)
            log.info("%s: half-open, one call is tried", self)
        if self.state is BreakerState.HALF_OPEN:
            if now < self._trial_until:
                return TRIAL
            self._trial_until = now + self.open_seconds
        return 0.0

    def check(self) -> float:
        """The time. Raises UnavailableError unless calls pass freely."""
        now = self._clock()
        if self._again_at > now or not self.passes:
            left = max(self._again_at - now, TRIAL)
            raise UnavailableError(f"the {self.name} circuit is not closed", left)
        return now

    def succeeded(self) -> None:
        """The call was answered."""
        with self._lock:
            self.failed_in_a_row = 0
            self._trial_until = -math.inf
            if self.state is BreakerState.HALF_OPEN:
                self._succeeded_on_trial += 1
                if self._succeeded_on_trial >= self.successes:
                    self._become(BreakerState.CLOSED)
            if self._lost_at is not None and self.state is BreakerState.CLOSED:
                seconds = self._clock() - self._lost_at
                log.info("%s: the database answers again, after %.1f s", self, seconds)
                self._lost_at = None
                self.recoveries += 1
                self.recovery_seconds += seconds

    def failed(self, error: UnavailableError, began: float) -> UnavailableError:
        """The call, begun then, met a broken infrastructure: the error that says when to call
        again."""
        with self._lock:
            now = self._clock()
            self.failed_calls += 1
            self.last_error = str(error)
            if began >= self._failed_at:
                self._again_at = now + self._count_failure(now)
        return UnavailableError(str(error), max(self._again_at - now, 0.01))

    def _count_failure(self, now: float) -> float:
        """For how many seconds no call passes now."""
        self.failed_in_a_row += 1
        self._failed_at = now
        self._trial_until = -math.inf
        if self._lost_at is None:
            self._lost_at = now
        count, tried = self.failed_in_a_row, self.state is BreakerState.HALF_OPEN
        if tried or count >= self.failures:
            self._become(BreakerState.OPEN)
        if self.state is not BreakerState.OPEN or self.forced:
            left = backoff(count, random.random())
            line = "%s: %s; failure %d in a row, next try in %.1f s"
            log.warning(line, self, self.last_error, count, left)
            return left
        self.opened += 1
        why = "the trial failed" if tried else f"failure {count} in a row"
        log.error("%s: %s; %s, open for %g s", self, self.last_error, why, self.open_seconds)
        return self.open_seconds

    def met(self, error: TaskerError | UnavailableError) -> None:
        """Remember an error that somebody may have to deal with."""
        context = error.context if isinstance(error, TaskerError) else ""
        code = trouble(error.sqlstate, str(error), context)
        self.troubles.note(code, str(error), self._clock())

    def abstained(self) -> None:
        """The call that might pass was not made after all, or says nothing of the database."""
        with self._lock:
            self._trial_until = -math.inf

    def force(self, position: BreakerState | None, why: str = "") -> None:
        """Obey an operator. Released, the next call is on trial."""
        with self._lock:
            if position is self.forced:
                return
            self.forced, self._again_at = position, -math.inf
            self._become(self.state if position else BreakerState.HALF_OPEN)
            did = f"forced {position} by an operator: {why}" if position else "released"
            log.warning("%s: %s", self, did)

    def _become(self, state: BreakerState) -> None:
        self.state = state
        self.changed_at = self._clock()
        self._succeeded_on_trial = 0
        self._trial_until = -math.inf


class CircuitBreakers(NamedTuple):
    """Those of a runner: around calls that take from or put into queues, and around all others."""

    database: CircuitBreaker
    queue: CircuitBreaker


def backoff(failed_in_a_row: int, spread: float, base: float = 0.25, cap: float = 10.0) -> float:
    """Seconds to wait after so many failures in a row: doubling, capped, and with jitter.

    `spread` is random, from 0 to 1: clients that lost the same server come back one by one.
    """
    longest = min(cap, base * 2.0 ** min(max(failed_in_a_row - 1, 0), 30))
    return longest * (0.5 + spread / 2)
