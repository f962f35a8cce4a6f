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
import sysconfig
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any, Final, TypeVar
from uuid import UUID

from tasker_sql.errors import PermanentError, RetryableError

__all__ = [
    "Handler",
    "PermanentError",
    "Registry",
    "RetryableError",
    "Sources",
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
        self._coming: dict[str, Handler] | None = None

    def handler(self, name: str, *, transactional: bool = False) -> Callable[[Function], Function]:
        """Register the decorated function. Raises ValueError when the name is taken by another."""

        def register(function: Function) -> Function:
            handlers = self._handlers if self._coming is None else self._coming
            known = handlers.get(name)
            if known and _place(known.function) != _place(function):
                raise ValueError(f"handler {name!r} is {_place(known.function)} already")
            handlers[name] = Handler(name, function, transactional)
            return function

        return register

    @contextmanager
    def replacing(self, names: Iterable[str]) -> Iterator[set[str]]:
        """Handlers registered in this block take the place of those with these names: together,
        at its end, or not at all when it raises. The set has their names then."""
        self._coming = {name: kept for name, kept in self._handlers.items() if name not in names}
        before, added = dict(self._coming), set[str]()
        try:
            yield added
            added.update(name for name, one in self._coming.items() if before.get(name) is not one)
            self._handlers = self._coming
        finally:
            self._coming = None

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


class Sources:
    """Modules, or Python files, whose handlers register themselves: loaded once, or again.

    Loaded again, they and the modules that they brought along are imported anew, installed packages
    apart. Nothing changes in the old ones, so what runs ends with the code with which it began.
    """

    def __init__(self, places: Sequence[str], registry: Registry = default_registry) -> None:
        self.places = places
        self._registry = registry
        self._modules: dict[str, ModuleType] = {}  # that were imported, by name
        self._names: set[str] = set()  # of handlers that were registered

    def load(self) -> None:
        """Raises ImportError that says what is wrong with which; then all is as it was before."""
        old = self._modules
        for name in old:
            sys.modules.pop(name, None)
        before = set(sys.modules)
        try:
            with self._registry.replacing(self._names) as names:
                for place in self.places:
                    load(place)
        except BaseException:
            for name in self._brought(before).keys() - before:
                del sys.modules[name]
            sys.modules.update(old)
            raise
        self._modules, self._names = self._brought(before), names

    def _brought(self, before: set[str]) -> dict[str, ModuleType]:
        """What was imported since: the modules named, their packages, and what is not installed."""
        packages = {_package(place) for place in self.places}
        return {
            name: module
            for name, module in list(sys.modules.items())
            if name in self.places
            or (
                name not in before
                and _package(name) != __package__
                and (_package(name) in packages or not _is_installed(module))
            )
        }


def load(module_or_path: str) -> None:
    """Import a module, or run a Python file, whose handlers register themselves.

    Raises ImportError that says what is wrong with it.
    """
    try:
        _import(module_or_path)
    except ModuleNotFoundError as error:
        if f"{module_or_path}.".startswith(f"{error.name}."):
            raise  # it is itself what is missing
        raise _not_loaded(module_or_path, str(error), error) from error
    except SystemExit as error:
        raise _not_loaded(module_or_path, f"it calls sys.exit({error.code})", error) from error
    except Exception as error:
        raise _not_loaded(module_or_path, f"{type(error).__name__}: {error}", error) from error


def _import(place: str) -> None:
    importlib.invalidate_caches()
    path = Path(place)
    if path.suffix != ".py":
        if "" not in sys.path and str(Path.cwd()) not in sys.path:
            sys.path.insert(0, str(Path.cwd()))
        importlib.import_module(place)
        return
    spec = importlib.util.spec_from_file_location(path.stem, path.resolve())
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)
    spec.loader.exec_module(module)


def _not_loaded(place: str, what: str, error: BaseException) -> ImportError:
    """What is wrong, and with which line."""
    at = traceback.extract_tb(error.__traceback__)[-1]
    named = isinstance(error, SyntaxError | FileNotFoundError)  # by the message itself
    where = "" if named else f" ({at.filename}, line {at.lineno})"
    return ImportError(f"{place} cannot be loaded: {what}{where}")


def _package(name: str) -> str:
    return name.partition(".")[0]


def _is_installed(module: ModuleType) -> bool:
    path = Path(getattr(module, "__file__", None) or sysconfig.get_path("stdlib"))
    places = {"site-packages", "dist-packages"}
    return bool(places & set(path.parts)) or path.is_relative_to(sysconfig.get_path("stdlib"))
