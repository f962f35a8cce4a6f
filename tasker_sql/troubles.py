"""What a runner meets and cannot deal with, until it was not met again for a while."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Final

REMEMBERED: Final = 60.0  # seconds after which a trouble that was not met again is over
LONGEST_MESSAGE: Final = 500  # characters


@dataclass(slots=True)
class Trouble:
    """A code of `problems`, and when it was met."""

    code: str
    message: str
    times: int
    since: float
    last: float


class Troubles:
    """What was met of late."""

    def __init__(self) -> None:
        self._met: dict[str, Trouble] = {}
        self._lock = threading.Lock()

    def note(self, code: str | None, message: str, now: float) -> None:
        """Remember it, if it has a code."""
        if code is None:
            return
        with self._lock:
            one = self._met.setdefault(code, Trouble(code, message, 0, now, now))
            one.message, one.times, one.last = message[:LONGEST_MESSAGE], one.times + 1, now

    def recent(self, now: float) -> list[Trouble]:
        """What is not over."""
        with self._lock:
            self._met = {
                code: one for code, one in self._met.items() if now - one.last <= REMEMBERED
            }
            return list(self._met.values())
