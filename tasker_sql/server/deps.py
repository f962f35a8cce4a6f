"""The database as requests see it: its own connections, circuit breaker and time-outs."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from tasker_sql.circuit import CircuitBreaker
from tasker_sql.client import Client, connect
from tasker_sql.config.settings import Config
from tasker_sql.errors import BadValueError
from tasker_sql.pool import Pool
from tasker_sql.schema import migrations as schema
from tasker_sql.schema.database import application_name

T = TypeVar("T")

SILENCE = 5.0  # seconds beyond its timeout after which a statement's server is held for gone


class Store:
    """Runs calls of the client for requests."""

    def __init__(self, settings: Config) -> None:
        self.dsn = schema.ready(settings.database.url)
        self.timeout = settings.web.timeout
        chosen = settings.circuit_breakers.web
        self.circuit = CircuitBreaker("web", chosen.failures, chosen.open_for, chosen.successes)
        self.connections = Pool(partial(self._connect, settings), settings.web.pool_size)

    def call(self, work: Callable[[Client], T]) -> T:
        """What `work` makes of a client, in one transaction.

        Raises TaskerError for an answer, and UnavailableError when there is none.
        """
        return self.connections.call(partial(self._limited, work), self.circuit)

    def close(self) -> None:
        self.connections.close()

    def _limited(self, work: Callable[[Client], T], client: Client) -> T:
        try:
            with client.limited(self.timeout):
                return work(client)
        except ValueError as error:  # as psql would see it, could it be sent
            raise BadValueError("no value for the database", str(error)) from error

    def _connect(self, settings: Config) -> Client:
        chosen = settings.database
        return connect(
            self.dsn,
            application_name(f"{socket.gethostname()}:{os.getpid()} web"),
            prepare_threshold=None,  # there may be a pooler before the server
            connect_timeout=chosen.connect_timeout,
            read_timeout=self.timeout + SILENCE,
        )
