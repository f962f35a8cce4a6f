"""Which database: the one that is configured, else the private one of this user."""

from __future__ import annotations

import logging
import os
import re
import tempfile
from functools import cache
from typing import Any

import psycopg
from psycopg import Connection, ProgrammingError, pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tasker_sql import __version__, config, masking
from tasker_sql.schema.embedded import EmbeddedServer

EMBEDDED_DATABASE = "tasker"
PRIVATE = "private"  # in place of a URL
PRODUCTION = "production"

log = logging.getLogger(__name__)


def dsn(url: str | None = None) -> str:
    """A libpq connection string: what is configured (`DATABASE_URL` at first), as a URL or as
    keywords, else the private server.

    The private server is created and started when it does not run, and standard error says once
    that it is used. In production it must be asked for, with `private` as the URL.
    A driver named in the URL, as in `postgresql+psycopg://`, is left out, because libpq does not
    know it. Raises tasker_sql.schema.embedded.EmbeddedError when there is neither,
    tasker_sql.config.ConfigError.
    """
    if found := configured(url):
        return found
    allow_private(url)
    server = EmbeddedServer()
    _say_once(f"DATABASE_URL names no database: using the private PostgreSQL in {server.data_dir}")
    server.start()
    server.ensure_database(EMBEDDED_DATABASE)
    return server.url(EMBEDDED_DATABASE)


def allow_private(url: str | None = None) -> None:
    """Raises tasker_sql.config.ConfigError when the private server must be asked for."""
    if not _chosen(url) and os.environ.get("TASKER_ENV", "").strip() == PRODUCTION:
        raise config.ConfigError(
            "DATABASE_URL is not set, and TASKER_ENV is production, where no other database takes "
            "its place: set it to postgresql://user@host/database; DATABASE_URL=private asks for "
            "the private server of this user"
        )


@cache
def _say_once(message: str) -> None:
    log.warning("tasker-sql: %s", message)  # on standard error, unless the log goes elsewhere


def running() -> str | None:
    """As `dsn`, and nothing where the private server would have to be started."""
    if url := configured():
        return url
    server = EmbeddedServer()
    return server.url(EMBEDDED_DATABASE) if server.running else None


def configured(url: str | None = None) -> str | None:
    """What is configured, as libpq takes it; nothing for the private server. Raises
    tasker_sql.config.ConfigError."""
    url = _chosen(url)
    if not url or url == PRIVATE:
        return None
    url = re.sub(r"^(postgres(?:ql)?)\+\w+://", r"\1://", url)
    masking.remember_connection(url)
    try:
        conninfo_to_dict(url)
    except ProgrammingError as error:
        own, quote, _ = str(error).strip().partition('"')  # what it quotes may be a password
        reason = own.strip(" :") if quote else "cannot be read"
        raise config.ConfigError(
            f"DATABASE_URL, or database.url: {reason}; postgresql://user@host/database is needed "
            "(with %40 for @, %2F for / and %25 for % in a password)"
        ) from None
    return url


def _chosen(url: str | None) -> str:
    if url is None:  # nothing else of the configuration may stand in the way of DATABASE_URL
        url = config.database_url() or config.load().config.database.url
    return url.strip()


def for_libpq(dsn: str) -> tuple[dict[str, str], list[str]]:
    """How a program of PostgreSQL's gets a connection: what goes into its environment, and the
    arguments for what has no variable. No secret is among the arguments.

    A secret without a variable (`sslpassword`) goes into a service file that has no name, which
    the program inherits.
    """
    variables = {
        option.keyword.decode(): option.envvar.decode()
        for option in pq.Conninfo.get_defaults()
        if option.envvar
    }
    given = {name: str(value) for name, value in conninfo_to_dict(dsn).items()}
    environment = {variables[name]: value for name, value in given.items() if name in variables}
    rest = {name: value for name, value in given.items() if name not in variables}
    secret = {name: rest.pop(name) for name in masking.SECRET if name in rest}
    if secret and "service" in given:
        raise config.ConfigError(f"put {', '.join(secret)} into the service {given['service']}")
    if secret:
        lines = ["[tasker-sql]", *(f"{name}={value}" for name, value in secret.items()), ""]
        with tempfile.TemporaryFile() as unnamed:
            file = os.dup(unnamed.fileno())
        os.pwrite(file, "\n".join(lines).encode(), 0)
        os.set_inheritable(file, True)
        environment |= {"PGSERVICEFILE": f"/dev/fd/{file}", "PGSERVICE": "tasker-sql"}
    return environment, ["-d", make_conninfo(**rest)] if rest else []


def connect(dsn: str, part: str, *, autocommit: bool = False) -> Connection[Any]:
    """A connection to look at the schema with, or to upgrade it. Raises psycopg.OperationalError,
    when the server does not answer after `connect_timeout`, else after ten seconds."""
    return psycopg.connect(
        dsn,
        autocommit=autocommit,
        application_name=application_name(part),
        connect_timeout=int(conninfo_to_dict(dsn).get("connect_timeout") or 10),
    )


def application_name(part: str) -> str:
    """What `pg_stat_activity` shows for a connection of ours."""
    return f"tasker-sql/{__version__} {part}"
