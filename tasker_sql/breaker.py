"""A circuit breaker: after some failures in a row, leave the database alone for a while.

Pure logic: the clock is an argument, in seconds. Nothing here knows SQL, threads or logging.

    closed    calls pass; `failures` failures in a row open it
    open      no call passes for `open_seconds`
    half-open calls pass on trial; `successes` in a row close it, one failure opens it again
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass
class Breaker:
    """One breaker. Ask `wait(now)` before a call, tell `succeeded` or `failed` after it."""

    failures: int = 5
    open_seconds: float = 30.0
    successes: int = 2

    state: State = State.CLOSED
    failed_in_a_row: int = 0
    succeeded_in_a_row: int = 0
    opened_at: float = 0.0
    forced: bool = False

    def wait(self, now: float) -> float:
        """In how many seconds a call may pass; 0 for now."""
        if self.forced:
            return self.open_seconds
        if self.state is not State.OPEN:
            return 0.0
        left = self.opened_at + self.open_seconds - now
        if left > 0:
            return left
        self.state = State.HALF_OPEN
        self.succeeded_in_a_row = 0
        return 0.0

    def succeeded(self) -> None:
        """A call was answered."""
        self.failed_in_a_row = 0
        if self.state is State.HALF_OPEN:
            self.succeeded_in_a_row += 1
            if self.succeeded_in_a_row >= self.successes:
                self.state = State.CLOSED

    def failed(self, now: float) -> None:
        """A call met a broken infrastructure."""
        self.failed_in_a_row += 1
        if self.state is State.HALF_OPEN or self.failed_in_a_row >= self.failures:
            self.state = State.OPEN
            self.opened_at = now

    def force_open(self) -> None:
        """An operator stops all calls, until `release`."""
        self.forced = True

    def release(self) -> None:
        """Undo `force_open`; the next call is on trial."""
        self.forced = False
        self.state = State.HALF_OPEN
        self.succeeded_in_a_row = 0


def backoff(failed_in_a_row: int, spread: float, base: float = 0.25, cap: float = 10.0) -> float:
    """Seconds to wait after so many failures in a row: doubling, capped, and with jitter.

    `spread` is random, from 0 to 1: clients that lost the same server come back one by one.
    """
    longest = min(cap, base * 2.0 ** min(max(failed_in_a_row - 1, 0), 30))
    return longest * (0.5 + spread / 2)
