"""Connections that many threads share, and calls over them with a circuit breaker around each.

Ours and not psycopg_pool's, for the reasons in docs/decisions/0017; arguments have its names.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeVar

from tasker_sql.circuit import CircuitBreaker
from tasker_sql.client import Client
from tasker_sql.errors import TaskerError, UnavailableError

T = TypeVar("T")

TIMEOUT: Final = 1.0  # seconds that a caller waits for a connection
MAX_IDLE: Final = 60.0  # seconds after which a connection that nobody used is closed


class PoolTimeoutError(UnavailableError):
    """All connections are in use: no fault of the database, and no failure of a call."""


class Requests(NamedTuple):
    """How often somebody asked for a connection, who waits for one now, and how many seconds all of
    them have waited so far."""

    made: int
    waiting: int
    seconds: float


@dataclass(slots=True, eq=False)
class _Waiter:
    """Somebody who waits for a connection."""

    since: float = field(default_factory=time.monotonic)
    served: threading.Event = field(default_factory=threading.Event)


class Pool:
    """At most `size` connections, opened when needed.

    `configure` is called with each new one: to LISTEN, say. With `reset`, what one borrower leaves
    behind in a session or on its object, no other one meets: it is for handlers. A connection that
    met UnavailableError is closed, and the idle ones with it: what broke one may have broken all.
    """

    def __init__(
        self,
        connect: Callable[[], Client],
        size: int,
        *,
        configure: Callable[[Client], None] | None = None,
        reset: bool = False,
    ) -> None:
        self.size = size
        self._connect = connect
        self._configure = Client.reset if reset else configure
        self._reset = reset
        self._idle: deque[tuple[Client, float]] = deque()  # and since when
        self._used = 0
        self._waiting: deque[_Waiter] = deque()  # who came first is served first
        self._lock = threading.Lock()
        self._requests = 0
        self._seconds_waited = 0.0  # by those who wait no longer

    def call(
        self, work: Callable[[Client], T], breaker: CircuitBreaker, although_forced: bool = False
    ) -> T:
        """What `work` makes of a connection.

        Raises UnavailableError when the database cannot answer or the breaker is open: then it is
        not known whether the work was done, and `retry_in` says when to try again.
        """
        began = breaker.admit(although_forced)
        try:
            with self.connection() as client:
                result = _reconnecting(work, client)
        except PoolTimeoutError:
            breaker.abstained()
            raise
        except UnavailableError as error:
            breaker.met(error)
            if error.verdict.counts:
                raise breaker.failed(error, began) from error
            breaker.abstained()
            raise
        except TaskerError as error:
            breaker.met(error)
            (breaker.succeeded if error.verdict.answered else breaker.abstained)()
            raise
        except BaseException:
            breaker.abstained()
            raise
        breaker.succeeded()
        return result

    @contextmanager
    def connection(self, breaker: CircuitBreaker | None = None) -> Iterator[Client]:
        """A connection for a while. With a breaker, while calls pass freely: what is met within
        does not count, but a connection that cannot be opened does.

        Raises PoolTimeoutError, UnavailableError.
        """
        began = breaker.check() if breaker else 0.0
        try:
            client = self._get()
        except PoolTimeoutError:
            raise
        except UnavailableError as error:
            if breaker is None:
                raise
            breaker.met(error)
            raise breaker.failed(error, began) from error
        try:
            yield client
        except UnavailableError:
            client.close()
            self.trim(0.0)
            raise
        finally:
            self._put(client)

    def requests(self) -> Requests:
        """Who has asked for connections since the beginning."""
        with self._lock:
            now = time.monotonic()
            waited = self._seconds_waited + sum(now - one.since for one in self._waiting)
            return Requests(self._requests, len(self._waiting), waited)

    @property
    def used(self) -> int:
        """How many are in use now."""
        return self._used

    @property
    def open(self) -> int:
        """How many there are now."""
        return self._used + len(self._idle)

    def trim(self, max_idle: float = MAX_IDLE) -> None:
        """Close the connections that nobody has used for so long."""
        old = []
        with self._lock:
            before = time.monotonic() - max_idle
            while self._idle and self._idle[0][1] <= before:
                old.append(self._idle.popleft()[0])
        for client in old:
            client.close()

    def close(self) -> None:
        """Close the connections that nobody uses. The next call opens another."""
        self.trim(0.0)

    def _get(self) -> Client:
        waiter = None
        with self._lock:
            self._requests += 1
            if self._used < self.size:
                self._used += 1
            else:
                waiter = _Waiter()
                self._waiting.append(waiter)
        if waiter:
            self._wait(waiter)
        with self._lock:
            if self._idle:
                return self._idle.pop()[0]
        client = None
        try:
            client = self._connect()
            if self._configure:
                self._configure(client)
        except BaseException:
            if client:
                client.close()
            self._put(None)
            raise
        return client

    def _wait(self, waiter: _Waiter) -> None:
        """Until somebody who gives one back lets this one have it."""
        waiter.served.wait(TIMEOUT)
        with self._lock:
            self._seconds_waited += time.monotonic() - waiter.since
            if waiter in self._waiting:
                self._waiting.remove(waiter)
                raise PoolTimeoutError(f"all {self.size} connections are in use", 0.05)

    def _put(self, client: Client | None) -> None:
        kept = client is not None and client.usable and (not self._reset or _is_reset(client))
        with self._lock:
            if client and kept:
                self._idle.append((client, time.monotonic()))
            if self._waiting:
                self._waiting.popleft().served.set()
            else:
                self._used -= 1
        if client and not kept:
            client.close()


def _reconnecting(work: Callable[[Client], T], client: Client) -> T:
    """A call; after some errors the next one needs another connection."""
    try:
        return work(client)
    except TaskerError as error:
        if error.verdict.reconnect:
            client.close()
        raise


def _is_reset(client: Client) -> bool:
    """Whether the next handler gets it as a new one would be."""
    if client.changed:
        return False
    try:
        client.reset()
    except (TaskerError, UnavailableError):
        return False
    return True
