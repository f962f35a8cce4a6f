"""What a client may be made of: a connection of psycopg, of SQLAlchemy or of Django, or a pool.

A connection is used as it is: within its transaction, calls are a part of it, and its owner
commits. Classes of other libraries are known by their names, so that none is imported here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from contextvars import ContextVar
from typing import Any, Final

import psycopg

Connection = psycopg.Connection[Any]
AsyncConnection = psycopg.AsyncConnection[Any]
Lend = Callable[[], AbstractContextManager[Connection]]
LendAsync = Callable[[], AbstractAsyncContextManager[AsyncConnection]]

TAKEN: Final = (
    "a connection of psycopg, a ConnectionPool of psycopg_pool, a Connection or a Session of "
    "SQLAlchemy, or the connection of Django"
)
TAKEN_ASYNC: Final = (
    "an AsyncConnection of psycopg, an AsyncConnectionPool of psycopg_pool, or an AsyncConnection "
    "or an AsyncSession of SQLAlchemy"
)
# The connections that a pool has lent for transactions of this thread or coroutine, by client.
_HELD: Final[ContextVar[Mapping[int, Any]]] = ContextVar("held", default={})  # noqa: B039

# What neither client takes, and what helps.
INSTEAD: Final = {
    "builtins.str": "for a URL, set DATABASE_URL and leave it out",
    "sqlalchemy.engine.base.Engine": "write with engine.begin() as connection: Client(connection)",
    "sqlalchemy.orm.session.sessionmaker": "write with Session() as session: Client(session)",
    "sqlalchemy.ext.asyncio.engine.AsyncEngine": "write async with engine.begin() as connection",
}


def lender(source: Any) -> Lend:
    """Lends the connection of a source, for each call. Raises TypeError for what is none."""
    if isinstance(source, psycopg.Connection):
        return lambda: nullcontext(source)
    for name in _names(source):
        if unwrap := _UNWRAP.get(name):
            return lambda: nullcontext(_psycopg(unwrap(source), source))
    lend: Lend = _of_pool(source, f"Client takes {TAKEN}", _NOT_SYNC)
    return lend


def async_lender(source: Any) -> LendAsync:
    """As `lender`, for asynchronous sources."""
    if isinstance(source, psycopg.AsyncConnection):
        return lambda: nullcontext(source)
    for name in _names(source):
        if unwrap := _ASYNC_UNWRAP.get(name):
            return lambda: _lent(unwrap, source)
    lend: LendAsync = _of_pool(source, f"AsyncClient takes {TAKEN_ASYNC}", _NOT_ASYNC)
    return lend


@contextmanager
def holding(client: object, connection: Any) -> Iterator[None]:
    """Within it, calls of the client in this thread or coroutine share the connection."""
    before = _HELD.get()
    _HELD.set({**before, id(client): connection})
    try:
        yield
    finally:
        _HELD.set(before)


def held(client: object) -> Any:
    """The connection that its calls share just now, if any."""
    return _HELD.get().get(id(client))


def _names(source: Any) -> list[str]:
    return [f"{kind.__module__}.{kind.__qualname__}" for kind in type(source).__mro__]


def _of_pool(source: Any, takes: str, instead: Mapping[str, str]) -> Any:
    advice = next((instead[name] for name in _names(source) if name in instead), "")
    if advice or isinstance(source, type) or not callable(getattr(source, "connection", None)):
        said = f"{takes}, and not {_shown(source)}"
        raise TypeError(f"{said}: {advice}" if advice else said)
    return source.connection


def _of_sqlalchemy(connection: Any) -> Any:
    if not connection.in_transaction():
        connection.begin()  # as its own execute() would
    return connection.connection.driver_connection


def _of_session(session: Any) -> Any:
    return _of_sqlalchemy(session.connection())


def _of_django(connection: Any) -> Any:
    connection.ensure_connection()
    return connection.connection


_UNWRAP: Final[Mapping[str, Callable[[Any], Any]]] = {
    "sqlalchemy.engine.base.Connection": _of_sqlalchemy,
    "sqlalchemy.orm.session.Session": _of_session,
    "sqlalchemy.orm.scoping.scoped_session": _of_session,
    "django.db.backends.base.base.BaseDatabaseWrapper": _of_django,
    "django.utils.connection.ConnectionProxy": _of_django,
}


async def _of_async_sqlalchemy(connection: Any) -> Any:
    if not connection.in_transaction():
        await connection.begin()
    return (await connection.get_raw_connection()).driver_connection


async def _of_async_session(session: Any) -> Any:
    return await _of_async_sqlalchemy(await session.connection())


_ASYNC_UNWRAP: Final[Mapping[str, Callable[[Any], Awaitable[Any]]]] = {
    "sqlalchemy.ext.asyncio.engine.AsyncConnection": _of_async_sqlalchemy,
    "sqlalchemy.ext.asyncio.session.AsyncSession": _of_async_session,
    "sqlalchemy.ext.asyncio.scoping.async_scoped_session": _of_async_session,
}


_SYNC: Final = ("psycopg.Connection", "psycopg_pool.pool.ConnectionPool", *_UNWRAP)
_ASYNC: Final = (
    *("psycopg.AsyncConnection", "psycopg_pool.pool_async.AsyncConnectionPool"),
    *_ASYNC_UNWRAP,
)
_NOT_SYNC: Final = INSTEAD | dict.fromkeys(_ASYNC, "use AsyncClient")
_NOT_ASYNC: Final = INSTEAD | dict.fromkeys(_SYNC, "use Client")


@asynccontextmanager
async def _lent(
    unwrap: Callable[[Any], Awaitable[Any]], source: Any
) -> AsyncIterator[AsyncConnection]:
    """The driver's connection, looked up when it is needed; it stays open."""
    found = await unwrap(source)
    if not isinstance(found, psycopg.AsyncConnection):
        raise TypeError(
            f"{_shown(source)} uses {_shown(found)}, and AsyncClient needs psycopg 3: the URL "
            "postgresql+psycopg://"
        )
    yield found


def _psycopg(found: Any, source: Any) -> Connection:
    """The driver's connection, in its transaction if it has one."""
    if not isinstance(found, psycopg.Connection):
        raise TypeError(
            f"{_shown(source)} uses {_shown(found)}, and Client needs psycopg 3: for SQLAlchemy "
            "the URL postgresql+psycopg://, for Django 4.2 or newer the package psycopg"
        )
    idle = found.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    if idle and not found.autocommit:
        found.execute(b"")  # begins it: else `Client.transaction()` would be everything
    return found


def _shown(value: Any) -> str:
    kind = value if isinstance(value, type) else type(value)
    name = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
    article = "the class" if isinstance(value, type) else "an" if name[0] in "aeiou" else "a"
    return f"{article} {name}"
