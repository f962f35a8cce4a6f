"""A circuit breaker: after some failures in a row, leave the database alone for a while.

Pure logic: the clock is an argument, in seconds. Nothing here knows SQL, threads or logging.

    closed    calls pass; `failures` failures in a row open it
    open      no call passes for `open_seconds`
    half-open one call passes at a time, on trial; `successes` in a row close it, a failure opens it

Calls that run side by side fail together when one thing breaks. So a failure counts only if its
call began after the last one that counted: in a row means one after the other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

TRIAL: Final = 0.05  # seconds after which others may ask how a trial has gone


class State(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass
class Breaker:
    """One breaker. Ask `wait(now)` before a call, tell `succeeded` or `failed` after it.

    `forced` is what an operator wants: open stops all calls, closed lets all pass.
    """

    failures: int = 5
    open_seconds: float = 30.0
    successes: int = 2

    state: State = State.CLOSED
    failed_in_a_row: int = 0
    succeeded_in_a_row: int = 0
    failed_at: float = -math.inf
    trial_since: float = -math.inf
    forced: State | None = None

    @property
    def passes(self) -> bool:
        """Whether calls pass, and not on trial only."""
        return (self.forced or self.state) is State.CLOSED

    def wait(self, now: float) -> float:
        """In how many seconds to ask again; 0: the call may pass now."""
        if self.forced:
            return self.open_seconds if self.forced is State.OPEN else 0.0
        if self.state is State.OPEN:
            if (left := self.failed_at + self.open_seconds - now) > 0:
                return left
            self.on_trial()
        if self.state is State.HALF_OPEN:
            if now < self.trial_since + self.open_seconds:
                return TRIAL
            self.trial_since = now
        return 0.0

    def succeeded(self) -> None:
        """A call was answered."""
        self.failed_in_a_row = 0
        self.trial_since = -math.inf
        if self.state is State.HALF_OPEN:
            self.succeeded_in_a_row += 1
            if self.succeeded_in_a_row >= self.successes:
                self.state = State.CLOSED

    def failed(self, now: float, began: float | None = None) -> bool:
        """A call, begun then, met a broken infrastructure. Says whether that counts."""
        if began is not None and began < self.failed_at:
            return False
        self.failed_in_a_row += 1
        self.failed_at = now
        self.trial_since = -math.inf
        if self.state is State.HALF_OPEN or self.failed_in_a_row >= self.failures:
            self.state = State.OPEN
        return True

    def abstained(self) -> None:
        """The call that might pass was not made after all."""
        self.trial_since = -math.inf

    def on_trial(self) -> None:
        """The next call is on trial."""
        self.state = State.HALF_OPEN
        self.succeeded_in_a_row = 0
        self.trial_since = -math.inf

    def force(self, position: State | None) -> None:
        """What an operator wants. Released, the next call is on trial."""
        if self.forced and not position:
            self.on_trial()
        self.forced = position


def backoff(failed_in_a_row: int, spread: float, base: float = 0.25, cap: float = 10.0) -> float:
    """Seconds to wait after so many failures in a row: doubling, capped, and with jitter.

    `spread` is random, from 0 to 1: clients that lost the same server come back one by one.
    """
    longest = min(cap, base * 2.0 ** min(max(failed_in_a_row - 1, 0), 30))
    return longest * (0.5 + spread / 2)
