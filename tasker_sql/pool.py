"""Calls to the database that come back after a failure: connections, with a circuit around them."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from tasker_sql.circuit import Breaker, State, backoff
from tasker_sql.client import Client
from tasker_sql.errors import TaskerError, UnavailableError
from tasker_sql.verdict import trouble

T = TypeVar("T")

PATIENCE: Final = 1.0  # seconds that a caller waits for a connection of a pool
REMEMBERED: Final = 60.0  # seconds after which a trouble that was not met again is over
IDLE: Final = 60.0  # seconds after which a connection that nobody used is closed

log = logging.getLogger(__name__)


class SaturatedError(UnavailableError):
    """All connections are in use: no fault of the database, and no failure of a call."""


@dataclass(slots=True)
class Trouble:
    """Something that a runner meets and cannot deal with: a code of `problems`."""

    code: str
    message: str
    times: int
    since: float
    last: float


class Troubles:
    """What was met of late. Each is forgotten when it was not met again for a minute."""

    def __init__(self) -> None:
        self._met: dict[str, Trouble] = {}
        self._lock = threading.Lock()

    def note(self, code: str | None, message: str, now: float) -> None:
        if code is None:
            return
        with self._lock:
            one = self._met.setdefault(code, Trouble(code, message, 0, now, now))
            one.message, one.times, one.last = message[:500], one.times + 1, now

    def recent(self, now: float) -> list[Trouble]:
        with self._lock:
            self._met = {
                code: one for code, one in self._met.items() if now - one.last <= REMEMBERED
            }
            return list(self._met.values())


class Circuit:
    """A breaker that the threads of a runner share. It tells its story in the log, once."""

    def __init__(self, name: str, breaker: Breaker) -> None:
        self.name = name
        self.breaker = breaker
        self.opened = 0  # how often
        self.failed_calls = 0
        self.changed_at = time.monotonic()
        self.last_error = ""
        self.troubles = Troubles()
        self._lock = threading.Lock()
        self._lost_at: float | None = None
        self._again_at = 0.0  # no call before, after a failure

    @property
    def facts(self) -> Mapping[str, str]:
        """What the log says of it, in JSON."""
        return {"circuit": self.name, "state": self.breaker.state}

    def __str__(self) -> str:
        return f"{self.name} circuit"

    def admit(self, although_forced: bool = False) -> float:
        """Let a call pass: the time at which it begins. One `although_forced` passes what an
        operator has forced open: it is to learn when that is over.

        Raises UnavailableError when it may not pass, saying when to ask again.
        """
        with self._lock:
            now, before = time.monotonic(), self.breaker.state
            left = self._again_at - now
            if left <= 0 and not (although_forced and self.breaker.forced):
                left = self.breaker.wait(now)
            if self.breaker.state is not before:
                self._changed()
                log.info("%s: half-open, one call is tried", self)
        if left > 0:
            raise UnavailableError("the database could not be reached a moment ago", left)
        return now

    def check(self) -> None:
        """Raises UnavailableError unless calls pass freely."""
        left = self._again_at - time.monotonic()
        if left > 0 or not self.breaker.passes:
            raise UnavailableError(f"the {self.name} circuit is not closed", max(left, 0.05))

    def succeeded(self) -> None:
        with self._lock:
            before = self.breaker.state
            self.breaker.succeeded()
            if self.breaker.state is not before:
                self._changed()
            if self._lost_at is not None and self.breaker.state is State.CLOSED:
                seconds = time.monotonic() - self._lost_at
                log.info("%s: the database answers again, after %.1f s", self, seconds)
                self._lost_at = None

    def failed(self, error: UnavailableError, began: float) -> UnavailableError:
        """Count a failure, and say it in words that a human can follow."""
        with self._lock:
            now, before = time.monotonic(), self.breaker.state
            self.failed_calls += 1
            self.last_error = str(error)
            if not self.breaker.failed(now, began):
                return UnavailableError(str(error), max(self._again_at - now, 0.01))
            self._lost_at = self._lost_at or now
            count, left = self.breaker.failed_in_a_row, self.breaker.open_seconds
            if self.breaker.state is not State.OPEN or self.breaker.forced:
                left = backoff(count, random.random())
                log.warning(
                    "%s: %s; failure %d in a row, next try in %.1f s",
                    *(self, error, count, left),
                )
            else:
                self._changed()
                self.opened += 1
                log.error(
                    "%s: %s; %s, open for %g s",
                    *(self, error, _why_open(before, count), left),
                )
            self._again_at = now + left
        return UnavailableError(str(error), left)

    def met(self, error: TaskerError | UnavailableError) -> None:
        """Remember an error that somebody has to deal with."""
        context = error.context if isinstance(error, TaskerError) else ""
        code = trouble(error.sqlstate, str(error), context)
        self.troubles.note(code, str(error), time.monotonic())

    def abstained(self) -> None:
        with self._lock:
            self.breaker.abstained()

    def force(self, position: State | None, why: str = "") -> None:
        """Obey an operator."""
        with self._lock:
            if position is not self.breaker.forced:
                self.breaker.force(position)
                self._changed()
                self._again_at = 0.0
                told = f"forced {position} by an operator: {why}" if position else "released"
                log.warning("%s: %s", self, told)

    def _changed(self) -> None:
        self.changed_at = time.monotonic()


def _why_open(before: State, count: int) -> str:
    return "the trial failed" if before is State.HALF_OPEN else f"failure {count} in a row"


@dataclass(frozen=True, slots=True)
class Circuits:
    """The circuits of a runner: around calls that take from or put into queues, and all others."""

    database: Circuit
    queue: Circuit

    def __iter__(self) -> Iterator[Circuit]:
        yield self.database
        yield self.queue


class Source(Protocol):
    """What lends connections. One that met UnavailableError is not lent again."""

    def lend(self) -> AbstractContextManager[Client]: ...

    def close(self) -> None: ...


class Connection:
    """One connection for one thread. `opened` is called with each new one: to LISTEN, say."""

    def __init__(
        self, connect: Callable[[], Client], opened: Callable[[Client], None] | None = None
    ) -> None:
        self._connect = connect
        self._opened = opened
        self._client: Client | None = None

    @contextmanager
    def lend(self) -> Iterator[Client]:
        try:
            if self._client is None or not self._client.usable:
                self.close()
                self._client = self._connect()
                if self._opened:
                    self._opened(self._client)
            yield self._client
        except UnavailableError:
            self.close()
            raise

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()


class Connections:
    """At most `size` connections for many threads, opened when needed.

    Handlers borrow from `for_handlers`: what they leave behind in a session, neither a call of ours
    meets nor another handler, and they leave `reserved` connections to others, however many they
    are and however long they take.
    """

    def __init__(self, connect: Callable[[], Client], size: int, reserved: int = 0) -> None:
        self.size = size
        self.used = 0
        self.waiting = 0
        self.saturated = 0  # how often nobody gave one back in time
        self.for_handlers = Share(self, size - reserved, reset=True)
        self._connect = connect
        self._changed = threading.Condition()
        self._ours = Share(self, size)
        self._used_until = 0.0  # the sum of the seconds of use, up to `_counted_at`
        self._counted_at = time.monotonic()

    def lend(self) -> AbstractContextManager[Client]:
        return self._ours.lend()

    def close(self) -> None:
        """Close those that nobody uses."""
        self.trim(0.0)

    def trim(self, idle: float = IDLE) -> None:
        """Close those that nobody has used for so long."""
        with self._changed:
            before = time.monotonic() - idle
            old = [client for share in self._shares for client in share.older(before)]
        for client in old:
            client.close()

    @property
    def open(self) -> int:
        return self.used + sum(len(share.idle) for share in self._shares)

    def seconds_used(self) -> float:
        """The time that connections were lent, in sum: the difference of two is the use between."""
        with self._changed:
            self._count(0)
            return self._used_until

    # For shares, which hold the lock

    @property
    def _shares(self) -> tuple[Share, Share]:
        return self._ours, self.for_handlers

    def _count(self, change: int) -> None:
        now = time.monotonic()
        self._used_until += self.used * (now - self._counted_at)
        self._counted_at = now
        self.used += change


class Share:
    """A part of the connections of a pool."""

    def __init__(self, pool: Connections, limit: int, *, reset: bool = False) -> None:
        self.idle: deque[tuple[Client, float]] = deque()  # with the time since when
        self._pool = pool
        self._limit = limit
        self._reset = reset
        self._used = 0

    @contextmanager
    def lend(self) -> Iterator[Client]:
        """A connection for a while. Raises SaturatedError, UnavailableError."""
        client = self._take()
        try:
            yield client
        except UnavailableError:
            client.close()
            self._put_back(client)
            self._pool.trim(0.0)  # what broke one may have broken all
            raise
        except BaseException:
            self._put_back(client)
            raise
        self._put_back(client)

    def close(self) -> None:
        self._pool.close()

    def older(self, before: float) -> Iterator[Client]:
        while self.idle and self.idle[0][1] <= before:
            yield self.idle.popleft()[0]

    def _take(self) -> Client:
        pool = self._pool
        with pool._changed:
            pool.waiting += 1
            found = pool._changed.wait_for(self._has_room, PATIENCE)
            pool.waiting -= 1
            if not found:
                pool.saturated += 1
                raise SaturatedError(f"all {self._limit} connections are in use", 0.05)
            pool._count(1)
            self._used += 1
            if self.idle:
                return self.idle.pop()[0]
            full = pool.open > pool.size  # with an idle one of the other share
            others = [share.idle.popleft()[0] for share in pool._shares if share.idle and full]
        for other in others:
            other.close()
        try:
            client = pool._connect()
            if self._reset:
                client.reset()
            return client
        except BaseException:
            self._put_back(None)
            raise

    def _has_room(self) -> bool:
        return self._pool.used < self._pool.size and self._used < self._limit

    def _put_back(self, client: Client | None) -> None:
        usable = client is not None and client.usable and self._is_clean(client)
        with self._pool._changed:
            self._pool._count(-1)
            self._used -= 1
            if client and usable:
                self.idle.append((client, time.monotonic()))
            self._pool._changed.notify_all()
        if client and not usable:
            client.close()

    def _is_clean(self, client: Client) -> bool:
        """Whether the next one gets it as a new one would be."""
        if self._reset:
            if client.changed:
                return False
            try:
                client.reset()
            except (TaskerError, UnavailableError):
                return False
        return True


def _tried(work: Callable[[Client], T], client: Client) -> T:
    """A call; after some errors the next one needs another connection."""
    try:
        return work(client)
    except TaskerError as error:
        if error.verdict.reconnect:
            client.close()
        raise


class Session:
    """Calls over connections of a source, each with a circuit around it."""

    def __init__(self, source: Source, circuit: Circuit) -> None:
        self._source = source
        self._circuit = circuit

    def call(
        self,
        work: Callable[[Client], T],
        circuit: Circuit | None = None,
        although_forced: bool = False,
    ) -> T:
        """What `work` makes of a connection.

        Raises UnavailableError when the database cannot answer or the circuit is open: then it is
        not known whether the work was done, and `retry_in` says when to try again.
        """
        circuit = circuit or self._circuit
        began = circuit.admit(although_forced)
        try:
            with self._source.lend() as client:
                result = _tried(work, client)
        except SaturatedError:
            circuit.abstained()
            raise
        except UnavailableError as error:
            circuit.met(error)
            if error.verdict.counts:
                raise circuit.failed(error, began) from error
            circuit.abstained()
            raise
        except TaskerError as error:
            circuit.met(error)
            if error.verdict.answered:
                circuit.succeeded()
            else:
                circuit.abstained()
            raise
        except BaseException:
            circuit.abstained()
            raise
        circuit.succeeded()
        return result

    @contextmanager
    def lend(self) -> Iterator[Client]:
        """A connection for a handler, whose errors say nothing of the database.

        Raises UnavailableError when there is none.
        """
        self._circuit.check()
        began = time.monotonic()
        with ExitStack() as stack:
            try:
                client = stack.enter_context(self._source.lend())
            except SaturatedError:
                raise
            except UnavailableError as error:
                self._circuit.met(error)
                raise self._circuit.failed(error, began) from error
            yield client

    def wait(self, seconds: float, wake: int) -> bool:
        """`Client.wait`, which asks the database nothing. Raises UnavailableError."""
        self._circuit.check()
        began = time.monotonic()
        try:
            with self._source.lend() as client:
                return client.wait_for_notification(seconds, wake)
        except UnavailableError as error:
            raise self._circuit.failed(error, began) from error

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        self._source.close()
