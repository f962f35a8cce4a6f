"""Runs what `async def` handlers return: on one event loop for all of a process's handlers, so that
they may share clients and pools that belong to a loop.

The loop has a thread of its own, which starts when it is first needed.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable
from concurrent.futures import Future
from typing import Any

from tasker_sql.worker.handlers import Cancellation

_starting = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None
_thread: threading.Thread | None = None


def run(awaitable: Awaitable[Any], cancelled: Cancellation) -> Any:
    """What it answers; waits in the caller's thread.

    When `cancelled` is set, asyncio.CancelledError is raised within it, and here once it has ended.
    """
    loop = _running()
    ended: Future[asyncio.Task[Any]] = Future()
    tasks = []  # asyncio itself keeps no task alive

    def start() -> None:
        task = loop.create_task(_ended(awaitable))
        tasks.append(task)
        task.add_done_callback(ended.set_result)
        cancelled.then(lambda: loop.call_soon_threadsafe(task.cancel))

    loop.call_soon_threadsafe(start)
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


def _running() -> asyncio.AbstractEventLoop:
    """The loop of this process; a child of fork() has none yet."""
    global _loop, _thread
    with _starting:
        if _loop is None or _thread is None or not _thread.is_alive():
            _loop = asyncio.new_event_loop()
            _thread = threading.Thread(
                target=_loop.run_forever, name="coroutines of handlers", daemon=True
            )
            _thread.start()
        return _loop
