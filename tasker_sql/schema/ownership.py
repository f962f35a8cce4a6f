"""Who owns what is in our schemas: nothing there is read, called or replaced before this is clear.

A role that may create in a database can prepare a schema `tasker` or `pgmq` for a role that
installs tasker-sql later, or only looks: what is called there runs with the caller's rights.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg

# The first fault, or no row.
FAULT = Path(__file__).with_suffix(".sql").read_text()

# Names are looked up in pg_catalog alone, whatever the path of the session is.
SESSION = "set local search_path = pg_catalog, pg_temp"


def fault(connection: psycopg.Connection[Any], *, installs: bool = False) -> str:
    """What makes our schemas unsafe to use, in a sentence; nothing when all is well."""
    with connection.transaction():
        connection.execute(SESSION)
        row = connection.execute(FAULT.format(installs=installs).encode()).fetchone()
    return row[0] if row else ""


def script() -> str:
    """SQL that refuses to go on where `fault` would find something, to be printed."""
    return f"""\
do $$
declare
  v_fault text := ({FAULT.format(installs=True)});
begin
  if v_fault is not null then
    raise exception '%', v_fault;
  end if;
end;
$$;
"""
