"""Alembic's environment: one connection, one advisory lock, one transaction per revision.

The database is the one that tasker_sql.schema passes on, else `DATABASE_URL`, else the private
server. `tasker_sql.versioned` adds `op.install` and its kin; `tasker_sql.freeze` fills the
revisions that `alembic revision` makes, from files alone.
"""

import logging

import psycopg
from alembic import command, context
from sqlalchemy import create_engine, pool

from tasker_sql import database
from tasker_sql.freeze import freeze

LOCK = 0x7461736B6572  # "tasker": of two upgrades at once, the second waits here

SESSION = """
set lock_timeout = '5s';
set check_function_bodies = off;
set client_min_messages = warning;
set search_path = pg_catalog, pg_temp;
"""


def upgrade_online() -> None:
    """Run migrations, or show the revision, over a connection of our own."""
    dsn = context.config.attributes.get("dsn") or database.dsn()
    name = database.application_name("alembic")
    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(dsn, application_name=name),
        poolclass=pool.NullPool,
    )
    with engine.connect() as connection:

        def run(script: str) -> None:
            connection.exec_driver_sql(script, execution_options={"no_parameters": True})
            connection.commit()

        context.configure(
            connection=connection,
            transaction_per_migration=True,
            version_table_schema="tasker",
        )
        changes = not context.get_context().opts.get("dont_mutate")  # `alembic current` only looks
        if changes:
            run(f"select pg_catalog.pg_advisory_lock({LOCK})")
            run("create schema if not exists tasker")
            run(SESSION)
        with context.begin_transaction():
            context.run_migrations()
        if changes and not context.get_context().get_current_heads():  # nothing of ours is left
            run("drop table tasker.alembic_version; drop schema tasker")


def print_script() -> None:
    """`alembic upgrade --sql`: print what would run."""
    context.configure(
        dialect_name="postgresql", transaction_per_migration=True, version_table_schema="tasker"
    )
    context.get_context().impl.static_output(f"create schema if not exists tasker;\n{SESSION}")
    with context.begin_transaction():
        context.run_migrations()


def make_revision() -> None:
    """`alembic revision`: look at files only, so pretend to be offline."""
    context.configure(dialect_name="postgresql", process_revision_directives=freeze, as_sql=True)
    context.run_migrations()


asked = getattr(context.config.cmd_opts, "cmd", [None])[0]
if asked is not None:  # typed at a shell, which likes to see what happens
    logging.basicConfig(format="%(message)s")
    logging.getLogger("alembic.runtime.migration").setLevel(logging.INFO)

if asked is command.revision:
    make_revision()
elif context.is_offline_mode():
    print_script()
else:
    upgrade_online()
