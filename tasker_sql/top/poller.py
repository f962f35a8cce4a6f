"""Asks every few seconds, and keeps the last good answer."""

from __future__ import annotations

import time
from typing import Final

from textual import work
from textual.app import App

from tasker_sql.advice import KNOWN, advice
from tasker_sql.rows import Problem
from tasker_sql.top.backend import Backend
from tasker_sql.top.snapshot import Location, Snapshot
from tasker_sql.visible import visible

INTERVALS: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)  # seconds
TICK: Final = 0.1  # seconds
LATE: Final = 2.0  # seconds after which a frame that should have been replaced is marked


class PollingApp(App[None]):
    """Reads the place that is shown, the last of the trail; `interval` is in seconds."""

    def __init__(
        self, database: Backend, place: Location, interval: float, read_only: bool
    ) -> None:
        super().__init__()
        self._database = database
        self._trail = [place]
        self._interval = interval
        self._read_only = read_only
        self._frames: dict[Location, tuple[Snapshot, float]] = {}  # and when it came
        self._problems = 0  # as of the last screen that asked
        self._trouble = ""
        self._paused = False
        self._reading: Location | None = None
        self._due = 0.0

    def on_mount(self) -> None:
        self.set_interval(TICK, self._tick)

    @property
    def place(self) -> Location:
        return self._trail[-1]

    @property
    def frame(self) -> Snapshot | None:
        """The last good answer for this place."""
        return self._frames[self.place][0] if self.place in self._frames else None

    @property
    def may_write(self) -> bool:
        return not self._read_only and self.frame is not None and self.frame.status.may_write

    @property
    def freshness(self) -> tuple[str, bool]:
        """How old that answer is, in words; and whether it is as new as it should be."""
        age = time.monotonic() - self._frames[self.place][1]
        if self._paused:
            return f"FROZEN {age:.0f} s", False
        if self._trouble or age > self._interval + LATE:
            return f"STALE {age:.0f} s", False
        return f"every {self._interval:g} s", True

    def show_frame(self) -> None:
        """An answer has come, or there is trouble."""

    def show_age(self) -> None:
        """Time has passed."""

    def _tick(self) -> None:
        now = time.monotonic()
        if self._reading is None and now >= self._due and (not self._paused or self._due == 0.0):
            self._reading = self.place
            self._due = now + self._interval
            self._read(self.place)
        self.show_age()

    @work(thread=True)
    def _read(self, place: Location) -> None:
        found: Snapshot | None = None
        why = ""
        try:
            found = self._database.read(place)
        except KNOWN as error:
            why = visible(str(advice(error)))
        self.call_from_thread(self._has_read, place, found, why)

    def _has_read(self, place: Location, found: Snapshot | None, why: str) -> None:
        self._reading = None
        self._trouble = why
        if found is not None:
            self._frames[place] = (found, time.monotonic())
            if Problem in found.answers:
                self._problems = sum(not one.acknowledged_by for one in found.of(Problem))
        if place != self.place:
            self._due = 0.0
        self.show_frame()

    def action_pause(self) -> None:
        self._paused = not self._paused
        self._due = 0.0 if not self._paused else self._due or time.monotonic()
        self.show_frame()

    def action_rate(self, by: int) -> None:
        steps = sorted({*INTERVALS, self._interval})
        place = steps.index(self._interval) + by
        self._interval = steps[min(max(place, 0), len(steps) - 1)]
        self._due = min(self._due, time.monotonic() + self._interval)

    def action_now(self) -> None:
        self._due = 0.0
