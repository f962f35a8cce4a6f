"""Handlers: plain functions that do the work of steps, registered under a name.

    from tasker_sql.worker.handlers import PermanentError, Step, handler

    @handler("reserve_inventory")
    def reserve(step: Step) -> dict[str, int]:
        order = step.results["validate_order"]
        ...
        return {"reserved": 3}

Without a name, as `@handler`, the function's own name is used. Its parameter gets the step, or, by
its annotation, the task's context as a pydantic model, a dataclass, a TypedDict or a dict, checked
before the function runs; or it has both, as in `def f(step, order: Order)`. An `async def` handler
runs on an event loop that all handlers of the process share.

What a handler returns becomes the step's result: whatever `tasker_sql.jsonb.encode` takes. What
it raises becomes the attempt's error: `PermanentError` ends the step, `RetryableError` may say when
to try again, and anything else is retried with the step's backoff.

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
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NoReturn, Protocol, TypeVar, overload
from uuid import UUID

from tasker_sql.errors import EndOfAttempt, PermanentError, RetryableError
from tasker_sql.threads import Cancellation
from tasker_sql.worker import signatures
from tasker_sql.worker.progress import Progress
from tasker_sql.worker.signatures import HandlerError

__all__ = [
    "Handler",
    "HandlerError",
    "PermanentError",
    "Registry",
    "RetryableError",
    "Sources",
    "Step",
    "default_registry",
    "handler",
    "load",
]

LONGEST_SLEEP: Final = 3660 * 86_400.0  # seconds
SHORTEST_SLEEP: Final = 1e-6

Function = TypeVar("Function", bound=Callable[..., Any])


class Decorator(Protocol):
    """What `@handler("name")` decorates with."""

    def __call__(self, function: Function, /) -> Function: ...


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What a handler gets to know.

    `step_uuid` is the same in every attempt. `attempt` counts from 1 to `max_attempts`. `context`
    is the task's; `results` maps the name of each dependency to its result; `config` is the
    handler's `initialization` in the template. Numbers in them that a float cannot hold are
    Decimals. `cancelled` is set when nobody waits for the result any more: long handlers look at
    it, and asyncio.CancelledError is raised in one that is a coroutine. At `deadline` the attempt
    is given up as failed.
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
    cancelled: Cancellation = field(default_factory=Cancellation)
    progress: Progress = field(default_factory=Progress)

    @property
    def state(self) -> Any:
        """The last checkpoint, of this attempt or of one before it; None before the first."""
        return self.progress.state

    def checkpoint(self, state: Any, connection: Any = None) -> None:
        """Save how far the handler has got: with this `state` the next attempt begins.

        It is committed at once; or, over a connection (of psycopg, SQLAlchemy or Django), with the
        transaction that it is in, and the writes of that. Saving it must come last there.

        Raises StaleClaimError when the step was taken away: the handler ends, the transaction rolls
        back. ValueError for what is not JSON, LimitExceededError.
        """
        self.progress.save(state, connection)

    def connect(self) -> AbstractContextManager[Any]:
        """A connection of the worker's (of psycopg, in autocommit mode), for a `with` block."""
        return self.progress.connect()

    def skip(self, reason: str | None = None) -> NoReturn:
        """End the attempt: there is nothing to do, so the step is skipped. What is written in a
        transactional handler is kept."""
        said = str(reason or "").replace("\0", "").encode(errors="replace").decode()
        raise EndOfAttempt({"skip": True, "reason": said[:1000] or None})

    def sleep(self, after: timedelta | float | datetime) -> NoReturn:
        """End the attempt, and begin it again after a timedelta, so many seconds, or at a moment.
        Nobody waits meanwhile, and it counts as no attempt. What is written in a transactional
        handler is kept.

        Raises ValueError for what is not a time from now on.
        """
        if isinstance(after, datetime):
            after = after - datetime.now(UTC)
        seconds = after.total_seconds() if isinstance(after, timedelta) else float(after)
        if not 0 <= seconds <= LONGEST_SLEEP:
            raise ValueError(f"a step sleeps for up to 3660 days, not for {seconds:g} s")
        raise EndOfAttempt({"again_after_seconds": max(seconds, SHORTEST_SLEEP)})

    @property
    def seconds_left(self) -> float | None:
        """Until the deadline; nothing when there is none."""
        return (
            None if self.deadline is None else (self.deadline - datetime.now(UTC)).total_seconds()
        )


@dataclass(frozen=True, slots=True)
class Handler:
    """A registered function, and what each of its parameters gets; a transactional one gets the
    connection after these."""

    name: str
    function: Callable[..., Any]
    transactional: bool = False
    inputs: tuple[signatures.Input, ...] = (signatures.whole_step,)
    origin: signatures.Origin | None = None

    def call(self, step: Step, *connection: Any) -> Any:
        """What the function returns. Raises BadInputError, and what the function raises."""
        return self.function(*(made(step) for made in self.inputs), *connection)


class Registry:
    """Handlers by name."""

    def __init__(self) -> None:
        self._handlers: dict[str, Handler] = {}
        self._coming: dict[str, Handler] | None = None

    @overload
    def handler(self, name: str, *, transactional: bool = ...) -> Decorator: ...

    @overload
    def handler(self, name: Function) -> Function: ...

    def handler(self, name: Any = None, *, transactional: bool = False) -> Any:
        """Register the decorated function: `@handler("name")` under that name, `@handler` under its
        own.

        Raises HandlerError, which names file and line, for what cannot work as a handler, and where
        the name is taken by another.
        """
        if callable(name):
            own = signatures.name_of(name)
            return self._register(own, name, transactional, sys._getframe(1).f_locals)
        signatures.check_name(name)

        def register(function: Function) -> Function:
            return self._register(name, function, transactional, sys._getframe(1).f_locals)

        return register

    def _register(
        self, name: str, function: Function, transactional: bool, names: Mapping[str, Any]
    ) -> Function:
        if not callable(function):
            raise signatures.refusal(function, f"{function!r} is not a function")
        inputs = signatures.inputs_of(function, Step, transactional, names)
        origin = signatures.Origin.of(function)
        handlers = self._handlers if self._coming is None else self._coming
        known = handlers.get(name)
        if known and known.function is not function and not origin.made_again(known.origin):
            taken = f"the name {name!r} is taken by the handler at {known.origin}"
            raise signatures.refusal(function, taken)
        handlers[name] = Handler(name, function, transactional, inputs, origin)
        return function

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

    def forget(self, name: str) -> None:
        """Take the handler of that name away, if there is one."""
        (self._handlers if self._coming is None else self._coming).pop(name, None)

    def find(self, name: str) -> Handler | None:
        """The handler of that name, if there is one."""
        return self._handlers.get(name)

    @property
    def names(self) -> list[str]:
        """The names of all handlers, sorted."""
        return sorted(self._handlers)


default_registry: Final = Registry()
handler: Final = default_registry.handler


class Sources:
    """Modules, or Python files, whose handlers register themselves: loaded once, or again.

    Loaded again, they and the modules that they brought along are imported again, but not installed
    packages. Nothing changes in the old ones, so what runs ends with the code with which it began.
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
                and _package(name) != "tasker_sql"
                and (_package(name) in packages or not _is_installed(module))
            )
        }


def load(module_or_path: str) -> ModuleType:
    """Import a module, or run a Python file, whose handlers register themselves; returns it.

    Raises ImportError that says what is wrong with it.
    """
    try:
        return _import(module_or_path)
    except ModuleNotFoundError as error:
        if f"{module_or_path}.".startswith(f"{error.name}."):
            raise  # it is itself what is missing
        raise _not_loaded(module_or_path, str(error), error) from error
    except SystemExit as error:
        raise _not_loaded(module_or_path, f"it calls sys.exit({error.code})", error) from error
    except Exception as error:
        kind = "" if isinstance(error, HandlerError) else f"{type(error).__name__}: "
        raise _not_loaded(module_or_path, f"{kind}{error}", error) from error


def _import(place: str) -> ModuleType:
    importlib.invalidate_caches()
    path = Path(place)
    if path.suffix != ".py":
        if "" not in sys.path and str(Path.cwd()) not in sys.path:
            sys.path.append(str(Path.cwd()))  # what is installed comes first
        return importlib.import_module(place)
    spec = importlib.util.spec_from_file_location(path.stem, path.resolve())
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)
    spec.loader.exec_module(module)
    return module


def _not_loaded(place: str, what: str, error: BaseException) -> ImportError:
    """What is wrong, and with which line."""
    at = traceback.extract_tb(error.__traceback__)[-1]
    named = isinstance(error, SyntaxError | FileNotFoundError | HandlerError)  # by the message
    where = "" if named else f" ({at.filename}, line {at.lineno})"
    return ImportError(f"{place} cannot be loaded: {what}{where}")


def _package(name: str) -> str:
    return name.partition(".")[0]


def _is_installed(module: ModuleType) -> bool:
    path = Path(getattr(module, "__file__", None) or sysconfig.get_path("stdlib"))
    places = {"site-packages", "dist-packages"}
    return bool(places & set(path.parts)) or path.is_relative_to(sysconfig.get_path("stdlib"))
