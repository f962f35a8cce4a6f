"""A connection that comes back: opened when needed, with a breaker around every call."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from typing import Final, TypeVar

from tasker_sql.breaker import Breaker, State, backoff
from tasker_sql.client import Client
from tasker_sql.errors import TaskerError, UnavailableError

T = TypeVar("T")

PATIENCE: Final = 60.0  # seconds after which a silent database counts as lost

log = logging.getLogger(__name__)


class Session:
    """The database as one thread of a runner sees it. Not for use by two threads at once.

    `opened` is called with each new connection, to say LISTEN for instance. A call fails when the
    database is silent for `patience` seconds.
    """

    def __init__(
        self,
        name: str,
        connect: Callable[[str], Client],
        breaker: Breaker | None = None,
        opened: Callable[[Client], None] | None = None,
        patience: float = PATIENCE,
    ) -> None:
        self.name = name
        self.breaker = breaker or Breaker()
        self._connect = connect
        self._opened = opened
        self._patience = patience
        self._client: Client | None = None
        self._lost_at: float | None = None
        self._again_at = 0.0  # no call before, after a failure

    def ready(self) -> Client:
        """The connection, opened if need be. Raises UnavailableError, saying when to try again."""
        now = time.monotonic()
        left = max(self.breaker.wait(now), self._again_at - now)
        if left > 0:
            raise UnavailableError("the database could not be reached a moment ago", left)
        if self._client is None:
            try:
                client = self._connect(self.name)
                self._client = client
                if self._opened:
                    with client.patience(self._patience):
                        self._opened(client)
            except UnavailableError as error:
                raise self._failed(error) from error
        return self._client

    def call(self, work: Callable[[Client], T]) -> T:
        """What `work` makes of the connection.

        Raises UnavailableError when the database cannot answer or the circuit is open: then it is
        not known whether the work was done, and `retry_in` says when to try again.
        """
        client = self.ready()
        try:
            with client.patience(self._patience):
                result = work(client)
        except UnavailableError as error:
            raise self._failed(error) from error
        except TaskerError:
            self._succeeded()
            raise
        self._succeeded()
        return result

    def wait(self, seconds: float, wake: int) -> bool:
        """`Client.wait`, which asks the database nothing. Raises UnavailableError."""
        client = self.ready()
        try:
            return client.wait(seconds, wake)
        except UnavailableError as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _succeeded(self) -> None:
        self.breaker.succeeded()
        if self._lost_at is not None:
            seconds = time.monotonic() - self._lost_at
            log.info("%s: the database answers again, after %.1f s", self.name, seconds)
            self._lost_at = None

    def _failed(self, error: UnavailableError) -> UnavailableError:
        """Count the failure, and say it once in words that a human can follow."""
        self.close()
        now = time.monotonic()
        self.breaker.failed(now)
        if self._lost_at is None:
            self._lost_at = now
        count = self.breaker.failed_in_a_row
        if self.breaker.state is State.OPEN:
            left = self.breaker.wait(now)
            log.error(
                "%s: %s; failure %d in a row, the circuit is open for %.0f s",
                *(self.name, error, count, left),
            )
        else:
            left = backoff(count, random.random())
            log.warning(
                "%s: %s; failure %d in a row, next try in %.1f s", self.name, error, count, left
            )
        self._again_at = now + left
        return UnavailableError(str(error), left)
