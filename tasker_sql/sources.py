"""What a client may be made of: a connection of psycopg, of SQLAlchemy or of Django, or a pool.

A connection is used as it is: within its transaction, calls are a part of it, and its owner
commits. Classes of other libraries are known by their names, so that none is imported here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

import psycopg

Connection = psycopg.Connection[Any]
Lend = Callable[[], AbstractContextManager[Connection]]

TAKEN: Final = (
    "a connection of psycopg, a ConnectionPool of psycopg_pool, a Connection or a Session of "
    "SQLAlchemy, or the connection of Django"
)
INSTEAD: Final[Mapping[str, str]] = {
    "builtins.str": "for a URL, set DATABASE_URL and write Client()",
    "sqlalchemy.engine.base.Engine": "write with engine.begin() as connection: Client(connection)",
    "sqlalchemy.orm.session.sessionmaker": "write with Session() as session: Client(session)",
    "psycopg.connection_async.AsyncConnection": "calls are synchronous: use psycopg.Connection",
    "psycopg_pool.pool_async.AsyncConnectionPool": "calls are synchronous: use ConnectionPool",
    "sqlalchemy.ext.asyncio.engine.AsyncConnection": "calls are synchronous: use Connection",
    "sqlalchemy.ext.asyncio.session.AsyncSession": "calls are synchronous: use Session",
}


def lender(source: Any) -> Lend:
    """Lends the connection of a source, for each call. Raises TypeError for what is none."""
    if isinstance(source, psycopg.Connection):
        return lambda: nullcontext(source)
    names = [f"{kind.__module__}.{kind.__qualname__}" for kind in type(source).__mro__]
    for name in names:
        if unwrap := _UNWRAP.get(name):
            return lambda: nullcontext(_psycopg(unwrap(source), source))
    advice = next((INSTEAD[name] for name in names if name in INSTEAD), "")
    if advice or isinstance(source, type) or not callable(getattr(source, "connection", None)):
        said = f"Client takes {TAKEN}, and not {_shown(source)}"
        raise TypeError(f"{said}: {advice}" if advice else said)
    lend: Lend = source.connection  # of a pool
    return lend


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


def _psycopg(found: Any, source: Any) -> Connection:
    """The driver's connection, in its transaction if it has one."""
    if not isinstance(found, psycopg.Connection):
        raise TypeError(
            f"{_shown(source)} uses {_shown(found)}, and Client needs psycopg 3: for SQLAlchemy "
            "the URL postgresql+psycopg://, for Django 4.2 or newer the package psycopg"
        )
    idle = found.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    if idle and not found.autocommit:
        found.execute(b"")  # begins it: else `Client.transaction()` would be all of it
    return found


def _shown(value: Any) -> str:
    kind = value if isinstance(value, type) else type(value)
    name = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
    return f"the class {name}" if isinstance(value, type) else f"{_article(name)} {name}"


def _article(name: str) -> str:
    return "an" if name[0] in "aeiou" else "a"
