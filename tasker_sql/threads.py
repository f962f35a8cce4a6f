"""Threads: what wakes one that waits, what cancels what one runs, and one that does not end without
a word."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from select import poll


class WatchedThread(threading.Thread):
    """A daemon thread that must not end by an error. When it does, it calls `died` with its name
    and the error."""

    def __init__(
        self, name: str, work: Callable[[], None], died: Callable[[str, BaseException], None]
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._work = work
        self._died = died

    def run(self) -> None:
        try:
            self._work()
        except BaseException as error:
            self._died(self.name, error)


class Wakeup:
    """A pipe: `set` from any thread, wait on `fileno()` in one.

    A thread about to wait sets `waits` and only then looks for news; one with news stores them and
    only then calls `set`. So a wakeup that is not needed costs nothing, and none is missed.
    """

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        self.waits = False

    def __del__(self) -> None:
        os.close(self._read)
        os.close(self._write)

    def fileno(self) -> int:
        return self._read

    def set(self) -> None:
        """Wake the thread that waits, if one does."""
        if self.waits:
            self.waits = False
            with suppress(BlockingIOError):  # full: it is set already
                os.write(self._write, b".")

    def wait(self, seconds: float) -> None:
        """Wait until it is set. The caller sets `waits` before, and calls `clear` after."""
        pipe = poll()
        pipe.register(self._read)
        pipe.poll(max(0.0, seconds * 1000))

    def clear(self) -> None:
        """Awake: forget that it was set."""
        self.waits = False
        with suppress(BlockingIOError):
            while os.read(self._read, 4096):
                pass


class Cancellation:
    """As a threading.Event that is never cleared, and calls back. To make one costs little: each
    attempt has one, and few are waited for."""

    def __init__(self) -> None:
        self._is_set = False
        self._calls: list[Callable[[], object]] = []

    def is_set(self) -> bool:
        return self._is_set

    def set(self) -> None:
        self._is_set = True
        for call in tuple(self._calls):
            call()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set, or for so many seconds at most. Whether it is."""
        if not self._is_set:
            event = threading.Event()
            self.then(event.set)
            event.wait(timeout)
            self._calls.remove(event.set)
        return self._is_set

    def then(self, call: Callable[[], object]) -> None:
        """Call when it is set, from the thread that sets it; now, when it is set already. It may be
        called twice."""
        self._calls.append(call)
        if self._is_set:
            call()
