"""What happened in an episode, written outside of the database: a killed process has still said it.

One JSON object a line, each appended by one write. `what` says what kind of line it is, `at` when,
on the monotonic clock, which all processes share and no fault turns.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg

TICK = 0.1  # seconds
STALL = 0.3  # seconds for which a process did not run, and that are worth a line

Line = dict[str, Any]

now = time.monotonic


class Ledger:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        self._read = 0
        self._rest = b""
        self._lines: dict[str, list[Line]] = {}
        self._reading = threading.Lock()

    def write(self, what: str, **facts: Any) -> None:
        line = {"what": what, "at": now(), **facts}
        os.write(self._file, json.dumps(line, default=str).encode() + b"\n")

    def lines(self, what: str, **like: Any) -> list[Line]:
        """The lines of a kind so far, oldest first; only those with these facts."""
        with self._reading:
            self._catch_up()
            found = list(self._lines.get(what, ()))
        if like:
            found = [line for line in found if like.items() <= line.items()]
        return found

    def close(self) -> None:
        os.close(self._file)

    def _catch_up(self) -> None:
        while part := os.pread(self._file, 1 << 20, self._read):
            self._read += len(part)
            *whole, self._rest = (self._rest + part).split(b"\n")
            for text in whole:
                line = json.loads(text)
                self._lines.setdefault(line["what"], []).append(line)


def time_of_day() -> float:
    """What the machine takes for the time of day, less `now()`: it stays as it is, unless somebody
    sets the clock, or the machine slept."""
    return time.clock_gettime(time.CLOCK_REALTIME) - now()


def watch(name: str, ledger: Ledger, ended: threading.Event | None = None) -> None:
    """Say for how long this process did not run though it wanted to: the machine is busy."""
    ended = ended or threading.Event()
    before = since = now()
    lost = 0.0
    while not ended.wait(TICK):
        woke = now()
        late, before = woke - before - TICK, woke
        lost += late
        if late > STALL or lost > STALL:
            ledger.write("stalled", worker=name, since=since, until=woke, lost=lost, once=late)
            since, lost = woke, 0.0


def watch_server(ask: Callable[[], Any], ledger: Ledger, ended: threading.Event) -> None:
    """Say for how long the server did nothing, though it was asked for what no lock keeps waiting:
    the machine is busy, or its disk."""
    while not ended.wait(TICK):
        since = now()
        with suppress(psycopg.Error):  # it is down: that is a fault, and said as one
            ask()
            late = now() - since
            if late > STALL:
                ledger.write(
                    "stalled", worker="server", since=since, until=now(), lost=late, once=late
                )


def watch_clock(ledger: Ledger, ended: threading.Event) -> None:
    """Say when the time of day was set."""
    before, known = now(), time_of_day()
    while not ended.wait(TICK):
        turned = time_of_day() - known
        if abs(turned) > STALL:
            ledger.write("turned", since=before, by=turned, machine=True)
            known += turned
        before = now()


def task_of(step: str) -> str:
    """The uuid of a step's task: all but the low 20 bits."""
    return f"{step[:-5]}00000"
