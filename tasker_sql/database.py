"""Which database: the one that is configured, else the private one of this user."""

from __future__ import annotations

import logging
import os
import re
from functools import cache

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from tasker_sql import __version__, config
from tasker_sql.embedded import default_server

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
    know it. Raises tasker_sql.embedded.EmbeddedError when there is neither,
    tasker_sql.config.ConfigError.
    """
    if found := configured(url):
        return found
    if not _asked_for(url) and os.environ.get("TASKER_ENV", "").strip() == PRODUCTION:
        raise config.ConfigError(
            "DATABASE_URL is not set, and TASKER_ENV is production, where no other database takes "
            "its place: set it to postgresql://user@host/database; DATABASE_URL=private asks for "
            "the private server of this user"
        )
    server = default_server()
    _say_once(f"DATABASE_URL names no database: using the private PostgreSQL in {server.data_dir}")
    server.start()
    server.ensure_database(EMBEDDED_DATABASE)
    return server.url(EMBEDDED_DATABASE)


@cache
def _say_once(message: str) -> None:
    log.warning("tasker-sql: %s", message)  # on standard error, unless the log goes elsewhere


def running() -> str | None:
    """As `dsn`, and nothing where the private server would have to be started."""
    if url := configured():
        return url
    server = default_server()
    return server.url(EMBEDDED_DATABASE) if server.running else None


def configured(url: str | None = None) -> str | None:
    """What is configured, as libpq takes it; nothing for the private server. Raises
    tasker_sql.config.ConfigError."""
    url = _chosen(url)
    if not url or url == PRIVATE:
        return None
    url = re.sub(r"^(postgres(?:ql)?)\+\w+://", r"\1://", url)
    try:
        conninfo_to_dict(url)
    except ProgrammingError as error:
        said = config.masked(" ".join(str(error).split()))
        raise config.ConfigError(
            f"DATABASE_URL, or database.url: {said}; postgresql://user@host/database is needed"
        ) from error
    return url


def _asked_for(url: str | None) -> bool:
    """Whether the private server is used on purpose."""
    return _chosen(url) == PRIVATE


def _chosen(url: str | None) -> str:
    if url is None:  # nothing else of the configuration may stand in the way of DATABASE_URL
        url = os.environ.get("DATABASE_URL", "").strip() or config.load().config.database.url
    return url.strip()


def application_name(part: str) -> str:
    """What `pg_stat_activity` shows for a connection of ours."""
    return f"tasker-sql/{__version__} {part}"
