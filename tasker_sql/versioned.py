"""What migrations can do beyond alembic's own operations.

`op.install("0002/functions/claim_steps.sql")` runs a frozen SQL file exactly as it is written,
`op.uninstall("functions/claim_steps.sql")` drops what such a file made, and `op.install_pgmq()`
installs PGMQ unless it is there.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from alembic.autogenerate import renderers
from alembic.operations import MigrateOperation, Operations

from tasker_sql import schema

FROZEN = schema.SCRIPTS / "frozen"

# The folder of a definition, and what SQL calls such an object.
KINDS = {"functions": "function", "views": "view"}


@Operations.register_operation("install")
class Install(MigrateOperation):
    """Run a file of `alembic/frozen`."""

    def __init__(self, path: str) -> None:
        self.path = path

    @classmethod
    def install(cls, operations: Operations, path: str) -> None:
        operations.invoke(cls(path))


@Operations.register_operation("uninstall")
class Uninstall(MigrateOperation):
    """Drop the object that a definition made."""

    def __init__(self, name: str) -> None:
        self.name = name

    @classmethod
    def uninstall(cls, operations: Operations, name: str) -> None:
        operations.invoke(cls(name))


@Operations.register_operation("install_pgmq")
class InstallPgmq(MigrateOperation):
    """Install PGMQ unless it is there."""

    @classmethod
    def install_pgmq(cls, operations: Operations) -> None:
        operations.invoke(cls())


def drop_statement(name: str) -> str:
    """`drop function tasker.x;` for `functions/x.sql`. One name has one signature."""
    path = PurePosixPath(name)
    return f"drop {KINDS[path.parent.name]} tasker.{path.stem};\n"


def run_as_written(operations: Operations, script: str) -> None:
    """Neither `:word` nor `%` means anything here; offline, the script is printed."""
    context = operations.get_context()
    if context.as_sql:
        context.impl.static_output(script)
    else:
        options = {"no_parameters": True}
        operations.get_bind().exec_driver_sql(script, execution_options=options)


@Operations.implementation_for(Install)
def _install(operations: Operations, operation: Install) -> None:
    run_as_written(operations, Path(FROZEN / operation.path).read_text())


@Operations.implementation_for(Uninstall)
def _uninstall(operations: Operations, operation: Uninstall) -> None:
    run_as_written(operations, drop_statement(operation.name))


@Operations.implementation_for(InstallPgmq)
def _install_pgmq(operations: Operations, _: InstallPgmq) -> None:
    if operations.get_context().as_sql:
        run_as_written(operations, PGMQ_MUST_BE_THERE)
    else:
        schema.install_pgmq(operations.get_bind().connection.driver_connection)  # type: ignore[arg-type]


PGMQ_MUST_BE_THERE = """\
do $$
begin
  if pg_catalog.to_regprocedure('pgmq.send(text, jsonb)') is null then
    raise exception 'PGMQ is not installed'
      using hint = 'Run "create extension pgmq", or upgrade without --sql.';
  end if;
end;
$$;
"""


@renderers.dispatch_for(Install)
def _render_install(_: Any, operation: Install) -> str:
    return f'op.install("{operation.path}")'


@renderers.dispatch_for(Uninstall)
def _render_uninstall(_: Any, operation: Uninstall) -> str:
    return f'op.uninstall("{operation.name}")'
