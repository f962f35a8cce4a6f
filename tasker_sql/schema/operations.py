"""What migrations can do beyond alembic's own operations.

`op.install("0002.sql")` runs a file of `alembic/frozen` exactly as it is written, one that a
release sealed as `truth.install` does; `op.install_pgmq()` installs PGMQ unless it is there.
"""

from __future__ import annotations

from typing import Any

import psycopg
from alembic.operations import MigrateOperation, Operations

from tasker_sql.schema import migrations as schema
from tasker_sql.schema import truth


@Operations.register_operation("install")
class Install(MigrateOperation):
    """Run a file of `alembic/frozen`."""

    @classmethod
    def install(cls, operations: Operations, name: str) -> None:
        text = (truth.FROZEN / name).read_text()
        definitions = truth.split(text)
        if operations.get_context().as_sql:
            _print(operations, truth.script(definitions) if definitions else text)
        elif definitions:
            truth.install(_connection(operations), definitions)
        else:  # neither `:word` nor `%` means anything in it
            _connection(operations).execute(text.encode())


@Operations.register_operation("install_pgmq")
class InstallPgmq(MigrateOperation):
    """Install PGMQ unless it is there."""

    @classmethod
    def install_pgmq(cls, operations: Operations) -> None:
        if operations.get_context().as_sql:
            _print(operations, schema.pgmq_script())
        else:
            schema.install_pgmq(_connection(operations))


def _connection(operations: Operations) -> psycopg.Connection[Any]:
    return operations.get_bind().connection.driver_connection  # type: ignore[return-value]


def _print(operations: Operations, script: str) -> None:
    operations.get_context().impl.static_output(script)
