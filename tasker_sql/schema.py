"""The database's schema: upgrade it, look at its revision, install PGMQ.

Works from a checkout and from a wheel.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg

from tasker_sql import database, truth
from tasker_sql.database import application_name
from tasker_sql.errors import UnavailableError

if TYPE_CHECKING:
    from alembic.config import Config

UPGRADE_COMMAND = "tasker-sql db upgrade"
_ALEMBIC = threading.Lock()  # it keeps its context in globals


class SchemaError(Exception):
    """The database's schema is not what this version needs. The message says what to do."""


def ready(url: str | None = None) -> str:
    """As `database.dsn`. The private server, which is ours alone, gets the schema at its first use.

    Raises what `database.dsn` and `upgrade` raise.
    """
    dsn = database.dsn(url)
    if not database.configured(url) and current(dsn) is None:
        upgrade(dsn)
    return dsn


def upgrade(dsn: str, revision: str = "head") -> None:
    """Bring the database up to a revision. Waits while another process does the same.

    Raises SchemaError when the database has a revision that this version does not know or refuses
    a statement, and as `current` does.
    """
    current(dsn)  # alembic would bury its errors
    _alembic("upgrade", dsn, revision)


def downgrade(dsn: str, revision: str) -> None:
    """Take the database down to a revision; `base` leaves nothing of tasker-sql but PGMQ."""
    _alembic("downgrade", dsn, revision)


def current(dsn: str) -> str | None:
    """The revision of the database; nothing when tasker-sql was never installed there.

    Raises UnavailableError when it cannot be reached, SchemaError when the role may not look.
    """
    with _connected(dsn) as connection, _explained():
        table = connection.execute("select pg_catalog.to_regclass('tasker.alembic_version')")
        if table.fetchone() == (None,):
            return None
        row = connection.execute("select version_num from tasker.alembic_version").fetchone()
        return row[0] if row else None


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        raise SchemaError(f"{error.diag.message_primary}: connect as a role that may") from error
    except psycopg.errors.LockNotAvailable as error:
        raise SchemaError(f"{error.diag.message_primary}: run it again") from error


def _connected(dsn: str) -> psycopg.Connection[Any]:
    try:
        return psycopg.connect(dsn, application_name=application_name("schema"))
    except psycopg.OperationalError as error:
        raise UnavailableError(" ".join(str(error).split())) from error


def head() -> str:
    """The newest revision that this version of tasker-sql knows."""
    return max(
        file.stem.partition("_")[0] for file in (truth.SCRIPTS / "versions").glob("[0-9]*.py")
    )


def check(dsn: str) -> None:
    """Make sure that this version can work with the database.

    A database that is newer is well: contracts outlive the release that replaces them, so it may
    be upgraded before the programs are. Raises SchemaError when it is older or not installed, or
    has the functions of another version at the same revision, as between releases.
    """
    found, needed = current(dsn), head()
    if found is None:
        raise SchemaError(f"tasker-sql is not installed in this database: run `{UPGRADE_COMMAND}`")
    if found < needed:
        raise SchemaError(
            f"the database is at revision {found}, this version needs {needed}: "
            f"run `{UPGRADE_COMMAND}`"
        )
    if found == needed:
        with _connected(dsn) as connection, _explained():
            other = truth.difference(connection, truth.read())
        if other:
            named = ", ".join(other[:5]) + (", ..." if len(other) > 5 else "")
            raise SchemaError(
                f"{len(other)} functions and views of the database are not those of this version "
                f"({named}): run `{UPGRADE_COMMAND}`"
            )


def install_pgmq(connection: psycopg.Connection[Any]) -> str:
    """Install PGMQ in the connection's transaction unless it is there; returns its version.

    Prefers the extension where the server offers it and we may create it, else runs the SQL of
    the Python package `pgmq` and leaves the version in the comment of the schema `pgmq`.
    """
    if present := pgmq_version(connection):
        return present
    offered = "select from pg_catalog.pg_available_extensions where name = 'pgmq'"
    if connection.execute(offered).fetchone() is not None:
        try:
            with connection.transaction():
                connection.execute("create extension pgmq")
        except psycopg.errors.InsufficientPrivilege:
            pass  # the database's owner may still run the plain SQL
        else:
            return pgmq_version(connection) or "unknown"

    import pgmq  # 0.5 s, and only an upgrade needs it

    version = pgmq.get_embedded_sql_version()
    connection.execute(pgmq.get_embedded_install_sql().encode())
    connection.execute(f"comment on schema pgmq is 'PGMQ {version}, plain SQL'".encode())
    return version


def pgmq_version(connection: psycopg.Connection[Any]) -> str | None:
    """The version of the PGMQ in this database, `unknown` for plain SQL of others, else nothing."""
    row = connection.execute(
        """
        select coalesce(
                 (select extversion from pg_catalog.pg_extension where extname = 'pgmq'),
                 (select substring(
                           pg_catalog.obj_description(oid, 'pg_namespace')
                           from '^PGMQ (.*), plain SQL$'
                         )
                    from pg_catalog.pg_namespace
                   where nspname = 'pgmq'),
                 'unknown'
               )
         where pg_catalog.to_regprocedure('pgmq.send(text, jsonb)') is not null
        """
    ).fetchone()
    return row[0] if row else None


def alembic_config(dsn: str | None = None) -> Config:
    """Alembic's configuration for the scripts that belong to this version."""
    from alembic.config import Config  # 0.5 s, and only migrations need it

    config = Config()
    config.set_main_option("script_location", str(truth.SCRIPTS).replace("%", "%%"))
    config.attributes["dsn"] = dsn
    return config


def _alembic(command: str, dsn: str, revision: str) -> None:
    import alembic.command
    from alembic.util import CommandError
    from sqlalchemy.exc import DBAPIError

    try:
        with _ALEMBIC, _explained():
            try:
                getattr(alembic.command, command)(alembic_config(dsn), revision)
            except DBAPIError as error:
                raise error.orig or error from error
    except CommandError as error:
        raise SchemaError(f"{error}; a newer tasker-sql may know it") from error
