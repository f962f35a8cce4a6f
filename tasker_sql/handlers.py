"""Handlers: plain functions that do the work of steps, registered under a name.

    from tasker_sql.handlers import PermanentError, Step, handler

    @handler("reserve_inventory")
    def reserve(step: Step) -> dict[str, int]:
        order = step.results["validate_order"]
        ...
        return {"reserved": 3}

What a handler returns becomes the step's result and must be JSON. What it raises becomes the
attempt's error: `PermanentError` ends the step, `RetryableError` may say when to try again, and
anything else is retried with the step's backoff.

Handlers run at least once: where an effect leaves the database, pass `step.step_uuid` along as the
idempotency key. An effect in the same database is exactly-once with `transactional=True`: then the
handler gets the connection, and its writes commit together with the step, or not at all.

    @handler("book", transactional=True)
    def book(step: Step, connection: psycopg.Connection) -> dict[str, int]:
        connection.execute("insert into bookings ...")
        return {"booked": 1}
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar
from uuid import UUID

from tasker_sql.errors import PermanentError, RetryableError

__all__ = [
    "Handler",
    "PermanentError",
    "Registry",
    "RetryableError",
    "Step",
    "default_registry",
    "handler",
    "load",
]

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What a handler gets to know.

    `step_uuid` is the same in every attempt. `attempt` counts from 1 to `max_attempts`. `context`
    is the task's; `results` maps the name of each dependency to its result; `config` is the
    handler's `initialization` in the template. `cancelled` is set when nobody waits for the result
    any more: long handlers look at it. At `deadline` the attempt is given up as failed.
    """

    task_uuid: UUID
    step_uuid: UUID
    name: str
    attempt: int
    max_attempts: int
    context: Any
    results: dict[str, Any]
    config: dict[str, Any]
    deadline: datetime | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def seconds_left(self) -> float | None:
        """Until the deadline; nothing when there is none."""
        return (
            None if self.deadline is None else (self.deadline - datetime.now(UTC)).total_seconds()
        )


@dataclass(frozen=True, slots=True)
class Handler:
    """A registered function."""

    name: str
    function: Callable[..., Any]
    transactional: bool = False


class Registry:
    """Handlers by name."""

    def __init__(self) -> None:
        self._handlers: dict[str, Handler] = {}

    def handler(self, name: str, *, transactional: bool = False) -> Callable[[Function], Function]:
        """Register the decorated function. Raises ValueError when the name is taken by another."""

        def register(function: Function) -> Function:
            known = self._handlers.get(name)
            if known and _place(known.function) != _place(function):
                raise ValueError(f"handler {name!r} is {_place(known.function)} already")
            self._handlers[name] = Handler(name, function, transactional)
            return function

        return register

    def find(self, name: str) -> Handler | None:
        """The handler of that name, if there is one."""
        return self._handlers.get(name)

    @property
    def names(self) -> list[str]:
        """The names of all handlers, sorted."""
        return sorted(self._handlers)


def _place(function: Callable[..., Any]) -> str:
    return f"{function.__module__}.{function.__qualname__}"


default_registry: Final = Registry()
handler: Final = default_registry.handler


def load(module_or_path: str) -> None:
    """Import a module, or run a Python file, whose handlers register themselves.

    Raises ImportError when there is none, and what the module raises.
    """
    path = Path(module_or_path)
    if path.suffix != ".py":
        if "" not in sys.path and str(Path.cwd()) not in sys.path:
            sys.path.insert(0, str(Path.cwd()))
        importlib.import_module(module_or_path)
        return
    if not path.is_file():
        raise ImportError(f"no such file: {path}")
    spec = importlib.util.spec_from_file_location(path.stem, path.resolve())
    if spec is None or spec.loader is None:
        raise ImportError(f"not a Python file: {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)
    spec.loader.exec_module(module)
