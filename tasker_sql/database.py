"""Which database: the one that `DATABASE_URL` names, else the private one of this user."""

from __future__ import annotations

import os
import re

from tasker_sql import __version__
from tasker_sql.embedded import default_server

EMBEDDED_DATABASE = "tasker"


def dsn() -> str:
    """A libpq connection string: `DATABASE_URL` as a URL or as keywords, else the private server.

    The private server is created and started when it does not run. A driver named in the URL,
    as in `postgresql+psycopg://`, is left out, because libpq does not know it.
    Raises tasker_sql.embedded.EmbeddedError when there is neither.
    """
    if given := os.environ.get("DATABASE_URL", "").strip():
        return re.sub(r"^(postgres(?:ql)?)\+\w+://", r"\1://", given)
    server = default_server()
    server.start()
    server.ensure_database(EMBEDDED_DATABASE)
    return server.url(EMBEDDED_DATABASE)


def application_name(part: str) -> str:
    """What `pg_stat_activity` shows for a connection of ours."""
    return f"tasker-sql/{__version__} {part}"
