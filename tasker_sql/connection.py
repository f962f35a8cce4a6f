"""Connections, and how answers are read: the only module that knows how psycopg does it.

What a connection reads depends on no setting of the server, and on nothing that others have made
of its object.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import Enum
from typing import Any, Final, TypeVar
from uuid import UUID

import psycopg
from psycopg.abc import AdaptContext, Buffer
from psycopg.adapt import AdaptersMap, Loader
from psycopg.rows import RowFactory, args_row, namedtuple_row
from psycopg.types.json import set_json_loads
from psycopg.types.string import TextBinaryLoader

from tasker_sql import errors
from tasker_sql.jsonb import decode
from tasker_sql.masking import masked, remember_connection
from tasker_sql.verdict import verdict

R = TypeVar("R")
Connection = psycopg.Connection[Any]

SHAPE: Final = (
    *("cursor_factory", "server_cursor_factory", "row_factory", "prepare_threshold"),
    *("prepared_max", "isolation_level", "read_only", "deferrable", "autocommit"),
)
IDLE: Final = psycopg.pq.TransactionStatus.IDLE

log = logging.getLogger(__name__)


class Settings(Enum):
    """Which settings a connection gets that a runner depends on."""

    KEPT = "none"
    OF_SESSION = "for its session"
    OF_TRANSACTION = "for the transactions of handlers: a pooler shares its session with others"


class _Json(Loader):
    """JSON as the server sends it, in the encoding of the connection."""

    format = psycopg.pq.Format.BINARY

    def __init__(self, oid: int, context: AdaptContext | None = None) -> None:
        super().__init__(oid, context)
        known = self.connection.info.encoding if self.connection else "utf-8"
        self._encoding = "utf-8" if known == "ascii" else known

    def load(self, data: Buffer) -> Any:
        text = bytes(data)[1:]  # behind the number of a version
        return {} if text == b"{}" else decode(text.decode(self._encoding))  # most are empty


# Binary answers depend on no setting; what has no loader, such as an enum, is text.
ADAPTERS: Final = AdaptersMap(psycopg.adapters)
ADAPTERS.register_loader("jsonb", _Json)
ADAPTERS.register_loader(0, TextBinaryLoader)


class _Cursor(psycopg.Cursor[R]):
    """Reads answers in the same way on every connection, whatever others have made of it."""

    @property
    def adapters(self) -> AdaptersMap:
        return ADAPTERS


def ask(
    connection: Connection,
    statement: bytes,
    arguments: Sequence[Any] | Mapping[str, Any] | None = None,
    row: Callable[..., R] = tuple,  # type: ignore[assignment]
) -> list[R]:
    """The rows of a statement. Raises UnreadableError when they were sent and cannot be read."""
    return _fetched(connection, args_row(row), statement, arguments)


def records(
    connection: Connection, statement: bytes, arguments: Mapping[str, Any] | None = None
) -> list[Any]:
    """As `ask`; the attributes of a row are the columns of the statement."""
    return _fetched(connection, namedtuple_row, statement, arguments)


def _fetched(
    connection: Connection,
    row_factory: RowFactory[R],
    statement: bytes,
    arguments: Sequence[Any] | Mapping[str, Any] | None,
) -> list[R]:
    cursor = _Cursor(connection, row_factory=row_factory)
    cursor.execute(statement, arguments, binary=True)
    try:
        return cursor.fetchall()
    except (psycopg.DataError, ValueError, ArithmeticError, RecursionError) as error:
        raise errors.UnreadableError(str(error), _token(cursor)) from error


def _token(cursor: psycopg.Cursor[Any]) -> UUID | None:
    """Of the claim that an answer has, if it has one."""
    names = [column.name for column in cursor.description or ()]
    if "token" not in names or cursor.pgresult is None:
        return None
    found = cursor.pgresult.get_value(0, names.index("token"))
    return UUID(bytes=bytes(found)) if found else None


class TimedConnection(psycopg.Connection[Any]):
    """A connection whose server may be silent for `read_timeout` seconds during a call.

    A network that loses everything, or a proxy before a dead server, does not end a connection.
    """

    read_timeout: float | None = None
    settings = Settings.KEPT
    original: tuple[Any, ...] = ()

    def wait(self, gen: Generator[Any, Any, R], *others: Any, **more: Any) -> R:
        if self.read_timeout is not None:
            gen = self._within(gen, self.read_timeout)
        return super().wait(gen, *others, **more)

    @property
    def marked(self) -> bool:
        """Whether it is in the transaction in which MARK was executed, as the server reports."""
        return self.pgconn.parameter_status(b"default_transaction_read_only") == b"on"

    def shape(self) -> tuple[Any, ...]:
        """What a handler could change of this object, beside its session."""
        adapters = self.adapters
        return (
            *(getattr(self, name) for name in SHAPE),
            *(list(self._notice_handlers), list(self._notify_handlers), set(vars(self))),
            *(
                [dict(one) for one in kept]
                for kept in (adapters._loaders, adapters._dumpers_by_oid)
            ),
            {kind: dict(one) for kind, one in adapters._dumpers.items()},
        )

    def _within(self, gen: Generator[Any, Any, R], seconds: float) -> Generator[Any, Any, R]:
        """What psycopg waits for. It looks here whenever there is news, and ten times a second."""
        ends = time.monotonic() + seconds
        try:
            state = next(gen)
            while True:
                ready = yield state
                now = time.monotonic()
                if ready:
                    ends = now + seconds
                elif now > ends:
                    self.pgconn.finish()
                    raise psycopg.OperationalError(f"the server was silent for {seconds:g} s")
                state = gen.send(ready)
        except StopIteration as end:
            answer: R = end.value
            return answer


# DISCARD ALL would forget prepared statements, too.
RESET: Final = b"""
close all; unlisten *; set session authorization default; reset all;
select pg_catalog.pg_advisory_unlock_all(); discard temp; discard sequences
"""

# Of a runner's sessions. How dates are written, not how they are read; time limits are the steps'
# own (timeout_seconds), and 17 has one more of the server's. Ours wait for no lock for so long that
# heartbeats would stop.
_SETTINGS: Final = """
select pg_catalog.set_config(name, value, {local})
  from (values ('datestyle', 'ISO'),
               ('intervalstyle', 'postgres'),
               ('default_transaction_isolation', 'read committed'),
               ('statement_timeout', '0'),
               ('lock_timeout', '{lock}'),
               ('transaction_timeout', '0'),
               ('idle_in_transaction_session_timeout', '0'),
               ('idle_session_timeout', '0')) as chosen (name, value)
 where pg_catalog.current_setting(name, true) is not null
"""
OUR_SETTINGS: Final = _SETTINGS.format(local=False, lock="5s").encode()
HANDLERS_SETTINGS: Final = _SETTINGS.format(local=False, lock="0").encode()
LOCAL_SETTINGS: Final = _SETTINGS.format(local=True, lock="0").encode()

# For the transaction that it is executed in, it means nothing; it ends with that, in whatever way
# that ends, and the server reports it.
MARK: Final = b"set local default_transaction_read_only = on"
SET_TIMEOUT: Final = b"select pg_catalog.set_config('statement_timeout', %s, true)"


@contextmanager
def translated() -> Iterator[None]:
    """psycopg's errors as ours."""
    try:
        yield
    except psycopg.Error as error:
        if isinstance(error, psycopg.ProgrammingError) and error.sqlstate is None:
            raise  # the caller's mistake, such as commit() within `transaction()`
        if isinstance(error, psycopg.DataError) and error.sqlstate is None:
            raise ValueError(str(error)) from error  # a NUL in a text, say: nothing was sent
        context = error.diag.context or ""
        if verdict(error.sqlstate, context).unavailable:
            said = error.diag.message_primary or str(error).strip() or type(error).__name__
            said = masked(" ".join(said.split()))
            raise errors.UnavailableError(said, sqlstate=error.sqlstate) from error
        reason = error.diag.constraint_name or ""
        table = f"{error.diag.schema_name}.{error.diag.table_name}" * bool(error.diag.table_name)
        raise errors.answer(*facts(error), reason, context, table) from error


def facts(error: psycopg.Error) -> tuple[str, str, str, str]:
    said = error.diag
    message = said.message_primary or str(error)
    return error.sqlstate or "", message, said.message_detail or "", said.message_hint or ""


def opened(
    dsn: str,
    application_name: str,
    prepare_threshold: int | None,
    connect_timeout: int,
    read_timeout: float | None,
    settings: Settings,
) -> TimedConnection:
    """As `tasker_sql.client.connect`."""
    remember_connection(dsn)
    with translated():
        connection = TimedConnection.connect(
            dsn,
            autocommit=True,
            application_name=application_name,
            client_encoding="utf8",
            prepare_threshold=prepare_threshold,
            connect_timeout=connect_timeout,
            keepalives_idle=30,
            keepalives_interval=10,
            keepalives_count=3,
            tcp_user_timeout=60_000,  # for what was sent and not acknowledged
        )
    connection.add_notice_handler(
        lambda notice: log.info("%s: %s", notice.severity, notice.message_primary)
    )
    connection.read_timeout = read_timeout
    connection.settings = settings
    connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
    set_json_loads(decode, connection)
    if settings is Settings.OF_SESSION:
        with translated():
            connection.execute(OUR_SETTINGS)
    connection.original = ()
    connection.original = connection.shape()
    return connection
