"""Which database: the one that is configured, else the private one of this user."""

from __future__ import annotations

import os
import re

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from tasker_sql import __version__, config
from tasker_sql.embedded import default_server

EMBEDDED_DATABASE = "tasker"


def dsn(url: str | None = None) -> str:
    """A libpq connection string: what is configured (`DATABASE_URL` at first), as a URL or as
    keywords, else the private server.

    The private server is created and started when it does not run. A driver named in the URL,
    as in `postgresql+psycopg://`, is left out, because libpq does not know it.
    Raises tasker_sql.embedded.EmbeddedError when there is neither, tasker_sql.config.ConfigError.
    """
    url = configured(url)
    if url:
        return url
    server = default_server()
    server.start()
    server.ensure_database(EMBEDDED_DATABASE)
    return server.url(EMBEDDED_DATABASE)


def running() -> str | None:
    """As `dsn`, and nothing where the private server would have to be started."""
    if url := configured():
        return url
    server = default_server()
    return server.url(EMBEDDED_DATABASE) if server.running else None


def configured(url: str | None = None) -> str | None:
    """What is configured, as libpq takes it. Raises tasker_sql.config.ConfigError."""
    if url is None:  # nothing else of the configuration may stand in the way of DATABASE_URL
        url = os.environ.get("DATABASE_URL", "").strip() or config.load().config.database.url
    if url:
        url = re.sub(r"^(postgres(?:ql)?)\+\w+://", r"\1://", url)
        try:
            conninfo_to_dict(url)
        except ProgrammingError as error:
            said = config.masked(" ".join(str(error).split()))
            raise config.ConfigError(
                f"DATABASE_URL, or database.url: {said}; postgresql://user@host/database is needed"
            ) from error
    return url or None


def application_name(part: str) -> str:
    """What `pg_stat_activity` shows for a connection of ours."""
    return f"tasker-sql/{__version__} {part}"
