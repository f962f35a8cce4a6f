"""The connection of a command."""

from __future__ import annotations

from typing import Any

from tasker_sql.client import Client, connect
from tasker_sql.schema import database
from tasker_sql.schema import migrations as schema


def opened(dsn: str, part: str, **options: Any) -> Client:
    """A client for a schema that no stranger has prepared. Close it.

    `options` are those of `client.connect`. Raises SchemaError, UnavailableError.
    """
    client = connect(dsn, database.application_name(part), **options)
    try:
        with client.transaction() as connection:
            schema.refuse_strangers(connection)
    except Exception:
        client.close()
        raise
    return client
