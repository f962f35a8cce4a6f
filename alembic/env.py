"""Alembic's environment: one connection, one transaction.

The database is the one that tasker_sql.schema.migrations passes on, else `DATABASE_URL`, else the
private server. The newest revision is followed by the functions and views of `sql/`, an older one
by those of the release that it belongs to.
"""

import logging
import sys

import psycopg
from alembic import context
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, pool

import tasker_sql.schema.operations  # noqa: F401  (it makes op.install)
from tasker_sql import config
from tasker_sql.schema import database, ownership, truth
from tasker_sql.schema import migrations as schema


def migrate() -> None:
    """Run migrations, or show the revision, over a connection of our own."""
    try:
        dsn = context.config.attributes.get("dsn") or database.dsn()
    except config.ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    driver = database.connect(dsn, "alembic", autocommit=True)
    driver.execute(schema.SESSION)  # before anything looks up a name
    driver.autocommit = False
    driver.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
    engine = create_engine("postgresql+psycopg://", creator=lambda: driver, poolclass=pool.NullPool)
    with engine.connect() as connection:
        context.configure(connection=connection, version_table_schema="tasker")
        if context.get_context().opts.get("dont_mutate"):  # `alembic current` only looks
            schema.refuse_strangers(driver)
            context.run_migrations()
            return
        schema.take_turn(driver)
        with context.begin_transaction():
            context.run_migrations()
            if revision := context.get_context().get_current_revision():
                schema.finish(driver, revision, functions_of(revision))
            else:  # nothing of ours is left
                driver.execute("drop schema tasker cascade")


def print_script() -> None:
    """`alembic upgrade --sql`: print what would run."""
    context.configure(dialect_name="postgresql", version_table_schema="tasker")
    output = context.get_context().impl.static_output
    with context.begin_transaction():
        output(schema.SESSION + ownership.script())
        if not context.get_starting_revision_argument():
            output("create schema tasker;")
        context.run_migrations()
        if revision := context.get_revision_argument():
            texts = functions_of(str(revision))
            output(truth.script(texts))
            for statement in schema.finishing(str(revision), texts):
                output(f"{statement};")
        else:
            output("drop schema tasker cascade;")


def functions_of(revision: str) -> truth.Texts:
    """The functions and views that belong to the tables of a revision."""
    newest = ScriptDirectory.from_config(context.config).get_current_head()
    return truth.read() if revision == newest else truth.sealed(revision)


if getattr(context.config.cmd_opts, "cmd", None):  # typed at a shell, which likes to see it
    logging.basicConfig(format="%(message)s")
    logging.getLogger("alembic.runtime.migration").setLevel(logging.INFO)

if context.is_offline_mode():
    print_script()
else:
    migrate()
