"""Servers that crash, fill up, are taken over, copied, upgraded and maintained; others' locks."""

from __future__ import annotations

import time

import psycopg
from servers import Server

from tasker_sql.embedded import EmbeddedError

PATIENCE = 60.0  # seconds that recovery from a crash may take


def revive(server: Server) -> None:
    """What an operator does after a crash: come back when the server takes connections."""
    ends = time.monotonic() + PATIENCE
    while True:
        try:
            server.embedded.start()
            psycopg.connect(server.embedded.url("postgres")).close()
        except (EmbeddedError, psycopg.OperationalError):
            if time.monotonic() > ends:
                raise
            time.sleep(0.02)
        else:
            return
