"""Runs what `async def` handlers return: on one event loop for all of a process's handlers, so that
they may share clients and pools that belong to a loop.

The loop has a thread of its own, which starts when it is first needed. A handler that blocks it
past its own time is given up, and the loop with it: all others would wait for ever. What has begun
there ends there, if it can; what comes next runs on a new one.
"""

from __future__ import annotations

import asyncio
import math
import os
import threading
import time
from collections.abc import Awaitable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Final

from tasker_sql.threads import Cancellation

PATIENCE: Final = 1.0  # seconds in which a loop cancels a task, unless something blocks it

_starting = threading.Lock()
_loop: _Loop | None = None


class _Loop:
    """An event loop, in its thread."""

    def __init__(self) -> None:
        self.events = asyncio.new_event_loop()
        self._asked_at = math.inf  # when it was to cancel a task and has not yet
        name = "coroutines of handlers"
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        while not self.events.is_closed():
            with suppress(BaseException):  # a handler stops it, or exits in a callback
                self.events.run_forever()

    @property
    def works(self) -> bool:
        """A child of fork() has no thread."""
        return self._thread.is_alive() and time.monotonic() - self._asked_at <= PATIENCE

    def cancel(self, task: asyncio.Task[Any]) -> None:
        """Returns at once."""
        self._asked_at = min(self._asked_at, time.monotonic())
        self.events.call_soon_threadsafe(self._cancel, task)

    def _cancel(self, task: asyncio.Task[Any]) -> None:
        self._asked_at = math.inf
        task.cancel()


def run(awaitable: Awaitable[Any], cancelled: Cancellation) -> Any:
    """What it answers; waits in the caller's thread.

    When `cancelled` is set, asyncio.CancelledError is raised within it, and here once it has ended.
    """
    waiting = [awaitable]  # until a loop begins it
    ended: Future[asyncio.Task[Any]] = Future()
    tasks = []  # asyncio itself keeps no task alive

    def start(loop: _Loop) -> None:
        with suppress(IndexError):  # another loop has begun it
            task = loop.events.create_task(_ended(waiting.pop()))
            tasks.append(task)
            task.add_done_callback(ended.set_result)
            cancelled.then(lambda: loop.cancel(task))

    asked = None
    while not ended.done():
        if waiting and asked is not (loop := _running()):
            asked = loop
            loop.events.call_soon_threadsafe(start, loop)
        with suppress(TimeoutError):
            ended.exception(PATIENCE)
    value, error = ended.result().result()
    if error is not None:
        raise error
    return value


async def _ended(awaitable: Awaitable[Any]) -> tuple[Any, BaseException | None]:
    """An exit must end the handler, and not the loop; a child of the handler's ends here."""
    ours = os.getpid()
    try:
        return await awaitable, None
    except (SystemExit, KeyboardInterrupt) as error:
        return None, error
    finally:
        if os.getpid() != ours:
            os._exit(0)


def _running() -> _Loop:
    """The loop of this process."""
    global _loop
    with _starting:
        if _loop is None or not _loop.works:
            _loop = _Loop()
        return _loop
