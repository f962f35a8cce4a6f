"""The database's schema: upgrade it, look at its revision, install PGMQ.

Works from a checkout and from a wheel.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from tasker_sql.errors import UnavailableError
from tasker_sql.schema import database, ownership, truth
from tasker_sql.schema.database import connect

if TYPE_CHECKING:
    from alembic.config import Config

UPGRADE_COMMAND = "tasker-sql db upgrade"
VERSIONS = "tasker.alembic_version"

# The SHA-256 of the SQL that `install_pgmq` runs: it runs as the installer, and somebody read it.
REVIEWED = {
    "bf7e66c75ed771df0c5f7cb2b9f0123ca77992daacd56e3911d1894a3efa99de",  # 1.13.0, in pgmq 1.1.4
}
STATEMENTS = truth.split(Path(__file__).with_suffix(".sql").read_text())

SESSION = """
set lock_timeout = '5s';
set check_function_bodies = off;
set client_min_messages = warning;
set search_path = pg_catalog, pg_temp;
"""

# What helps where the tables are not those of a release. It loses all tasks, and says so.
RENEW = (
    "restore a whole dump; or, to make empty tables and lose all tasks, run "
    "`tasker-sql db psql -c 'drop schema if exists tasker, tasker_queues, pgmq cascade'` and "
    f"`{UPGRADE_COMMAND}`; this drops the queues of others in PGMQ, too"
)

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
    """Bring the database up to a revision, with the functions and views that belong to it.

    Raises SchemaError when the database has a revision that this version does not know, refuses a
    statement, or somebody else's lock does not end within 5 seconds; and as `current` does.
    """
    current(dsn)  # alembic would bury its errors
    _alembic("upgrade", dsn, revision)


def downgrade(dsn: str, revision: str) -> None:
    """Take the database down to a revision; `base` leaves nothing of tasker-sql but PGMQ."""
    _alembic("downgrade", dsn, revision)


def current(dsn: str) -> str | None:
    """The revision of the database; nothing when tasker-sql was never installed there.

    Raises UnavailableError when it cannot be reached, SchemaError when the role may not look, or
    what there is may be a trap: see `ownership`.
    """
    with _opened(dsn) as connection:
        return _revision(connection)


def refuse_strangers(connection: psycopg.Connection[Any], *, installs: bool = False) -> None:
    """Raises SchemaError when something in our schemas belongs to a role that is not trusted."""
    if fault := ownership.fault(connection, installs=installs):
        raise SchemaError(fault)


def take_turn(connection: psycopg.Connection[Any]) -> None:
    """Hold the schema for an upgrade, until the transaction ends; make it if it is not there.

    The lock is one that only the owner can take. Raises SchemaError as `refuse_strangers` does,
    and psycopg.errors.LockNotAvailable.
    """
    refuse_strangers(connection, installs=True)
    try:
        with connection.transaction():
            if connection.execute("select to_regnamespace('tasker')").fetchone() == (None,):
                connection.execute("create schema tasker")
            if connection.execute(f"select to_regclass('{VERSIONS}')").fetchone() == (None,):
                connection.execute(
                    f"create table {VERSIONS} (version_num varchar(32) not null"
                    " constraint alembic_version_pkc primary key)"
                )
    except (psycopg.errors.DuplicateSchema, psycopg.errors.UniqueViolation):
        connection.rollback()  # another one was faster, and is done by now
        take_turn(connection)
    else:
        connection.execute(f"lock table {VERSIONS} in exclusive mode")  # may still be read
        _recall_revision(connection)


def _recall_revision(connection: psycopg.Connection[Any]) -> None:
    """A dump without data forgets the revision of the tables; the comment of the schema has it."""
    tables = connection.execute("select to_regclass('tasker.tasks')").fetchone()
    if tables == (None,) or _revision(connection) is not None:
        return
    row = connection.execute(
        "select substring(obj_description('tasker'::regnamespace, 'pg_namespace')"
        " from '^tasker-sql, revision (.*)$')"
    ).fetchone()
    if row is None or row[0] is None:
        raise SchemaError(
            f"there are tables, and neither {VERSIONS} nor the comment of the schema says of which "
            f"revision: insert that into {VERSIONS} (version_num)"
        )
    connection.execute(f"insert into {VERSIONS} values (%s)", row)


def finish(connection: psycopg.Connection[Any], revision: str, texts: truth.Texts) -> None:
    """Give the tables of a revision the functions and views that belong to them, and make good
    what is missing."""
    install_pgmq(connection)
    if connection.execute("select to_regnamespace('tasker_queues')").fetchone() == (None,):
        connection.execute("create schema tasker_queues")
    truth.install(connection, texts)
    for statement in finishing(revision, texts):
        connection.execute(statement.encode())


def finishing(revision: str, texts: truth.Texts) -> list[str]:
    """What ends an upgrade, once the functions are there."""
    comment = f"comment on schema tasker is 'tasker-sql, revision {revision}'"
    return [comment, *(["select tasker._restore_parts()"] if "_restore_parts" in texts else [])]


def _revision(connection: psycopg.Connection[Any]) -> str | None:
    if connection.execute(f"select to_regclass('{VERSIONS}')").fetchone() == (None,):
        return None
    row = connection.execute(
        f"select version_num, to_regclass('tasker.installations') from {VERSIONS}"
    ).fetchone()
    if row and row[0] > head() and row[1] is None:
        raise SchemaError(
            f"this database was made before the first release (revision {row[0]}), whose tables "
            "cannot be upgraded: create a new database, or drop the schemas tasker and pgmq"
        )
    return row[0] if row else None


@contextmanager
def _opened(dsn: str) -> Iterator[psycopg.Connection[Any]]:
    try:
        connection = connect(dsn, "schema")
    except psycopg.OperationalError as error:
        raise UnavailableError(" ".join(str(error).split())) from error
    with connection, _explained(dsn):
        connection.execute("set local lock_timeout = '5s'")
        refuse_strangers(connection)
        connection.execute("set local search_path = pg_catalog, pg_temp")
        yield connection


@contextmanager
def _explained(dsn: str) -> Iterator[None]:
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        raise SchemaError(f"{error.diag.message_primary}: connect as a role that may") from error
    except psycopg.errors.LockNotAvailable as error:
        with connect(dsn, "schema") as connection:
            holder = connection.execute(STATEMENTS["holder"].encode()).fetchone()
        who = (
            f"{holder[0]} holds the lock" if holder else "the session that held the lock has ended"
        )
        raise SchemaError(f"{error.diag.message_primary}: {who}; run it again") from error


def head() -> str:
    """The newest revision that this version of tasker-sql knows."""
    return max(
        file.stem.partition("_")[0] for file in (truth.SCRIPTS / "versions").glob("[0-9]*.py")
    )


def check(dsn: str) -> None:
    """Make sure that this version can work with the database.

    A database that is newer is well: contracts outlive the release that replaces them, so it may
    be upgraded before the programs are. Raises SchemaError when it is older or not installed, has
    the functions of another version at the same revision, as between releases, or lacks a part.
    """
    with _opened(dsn) as connection:
        if problem := _problem(connection, head()):
            raise SchemaError(problem)


def _problem(connection: psycopg.Connection[Any], needed: str) -> str:
    """What keeps this version from working with the database; nothing when all is well."""
    cure = f"run `{UPGRADE_COMMAND}`"
    found = _revision(connection)
    missing = truth.missing(connection)
    if found is None and len(missing) == len(truth.parts()):
        return f"tasker-sql is not installed in this database: {cure}"
    if found is None:
        return f"{VERSIONS} is empty or missing, as after a dump without data: {cure}"
    if found > needed:
        return ""
    if found < needed:
        return f"the database is at revision {found}, this version needs {needed}: {cure}"
    if missing:
        return f"missing: {_few(missing)}: {RENEW}"
    if other := truth.difference(connection, truth.read()):
        return (
            f"{len(other)} functions and views of the database are not those of this version "
            f"({_few(other)}): {cure}"
        )
    parts = connection.execute("select part from tasker._missing_parts()").fetchall()
    missing = [part for (part,) in parts] + _missing_of_pgmq(connection)
    return f"missing: {_few(missing)}: {cure}" if missing else ""


def _missing_of_pgmq(connection: psycopg.Connection[Any]) -> list[str]:
    rows = connection.execute(STATEMENTS["missing_of_pgmq"].encode()).fetchall()
    return sorted({part for (part,) in rows})


def _few(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f", and {len(names) - 5} more" if len(names) > 5 else "")


def install_pgmq(connection: psycopg.Connection[Any]) -> None:
    """Install PGMQ in the connection's transaction unless it is there.

    Prefers the extension where the server offers it and we may create it, else runs the SQL of
    the Python package `pgmq` and leaves the version in the comment of the schema `pgmq`. Where a
    part of it is there, as after a partial restore, it is made whole, and messages stay.
    """
    if _missing_of_pgmq(connection):
        connection.execute(STATEMENTS["pgmq_extension"].encode())
    if _missing_of_pgmq(connection):
        connection.execute(_pgmq_script().encode())


def pgmq_script() -> str:
    """What `install_pgmq` does, to be printed."""
    return STATEMENTS["pgmq_extension"] + _pgmq_script()


def _pgmq_script() -> str:
    """Runs the SQL of PGMQ in the Python package. Raises SchemaError when it is not one that was
    reviewed."""
    import pgmq  # 0.5 s, and only an upgrade needs it

    version, script = pgmq.get_embedded_sql_version(), pgmq.get_embedded_install_sql()
    if sha256(script.encode()).hexdigest() not in REVIEWED:
        raise SchemaError(
            f"the SQL of PGMQ {version} is not one that was reviewed for this version, and was not "
            "run: install the Python package pgmq 1.1.4, or `create extension pgmq`"
        )
    made = STATEMENTS["pgmq"].replace("{missing}", STATEMENTS["missing_of_pgmq"])
    return made.replace("{version}", version).replace("{script}", script)


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
        with _ALEMBIC, _explained(dsn):
            try:
                getattr(alembic.command, command)(alembic_config(dsn), revision)
            except DBAPIError as error:
                raise error.orig or error from error
    except psycopg.OperationalError as error:
        raise UnavailableError(" ".join(str(error).split()), sqlstate=error.sqlstate) from error
    except psycopg.Error as error:
        why = error.diag.message_detail
        if isinstance(error, psycopg.ProgrammingError):
            why = f"the tables are not those of this version: {RENEW}"
        raise SchemaError(": ".join(filter(None, (error.diag.message_primary, why)))) from error
    except CommandError as error:
        raise SchemaError(f"{error}; a newer tasker-sql may know it") from error
