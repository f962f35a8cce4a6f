"""What others prepared in our schemas is refused before anything of it is read or called, and
nobody without rights holds an upgrade up.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from running import wait_for
from servers import Server, rows
from typer.testing import CliRunner
from workflows import CLAIM, FAIL, REPORT, create, define

from tasker_sql.cli import app
from tasker_sql.schema import migrations as schema
from tasker_sql.schema import ownership

pytestmark = pytest.mark.newest_first

ROOT = Path(__file__).parents[3]
TRAP = "language plpgsql as $$ begin execute 'alter role stranger superuser';"

# What a stranger prepares; what the refusal names.
PREPARED = {
    "pgmq of functions": (
        f"""
        create schema pgmq;
        create function pgmq.send(text, jsonb) returns setof bigint
          language plpgsql as 'begin return next 1; end';
        create function pgmq.create(q text) returns void {TRAP}
          execute format('create table pgmq.%I (msg_id bigint generated always as identity, '
            'read_ct int default 0, enqueued_at timestamptz, vt timestamptz, message jsonb)',
            'q_' || q);
        end $$""",
        "schema pgmq",
    ),
    "a view for the version": (
        f"""
        create schema tasker;
        create function tasker.f() returns text {TRAP} return '0001'; end $$;
        create view tasker.alembic_version as select tasker.f()::varchar(32) as version_num""",
        "schema tasker",
    ),
    "an empty schema": ("create schema tasker", "schema tasker"),
    "the schema of queues": ("create schema tasker_queues", "schema tasker_queues"),
}

# What a stranger with a right too many adds to a schema of ours.
ADDED = {
    "function": "create function {schema}.f() returns int language sql as 'select 1'",
    "function in place of one of pgmq": "create function {schema}.send(text, json) returns int"
    " language sql as 'select 1'",
    "procedure": "create procedure {schema}.f() language sql as 'select 1'",
    "aggregate": "create aggregate {schema}.f(int) (sfunc = int4pl, stype = int)",
    "operator": "create operator {schema}.=== (function = int4eq, leftarg = int, rightarg = int)",
    "type": "create type {schema}.f as enum ('a')",
    "domain": "create domain {schema}.f as int",
    "view": "create view {schema}.f as select 1",
    "table": "create table {schema}.f (a int)",
    "sequence": "create sequence {schema}.f",
    "materialized view": "create materialized view {schema}.f as select 1",
    "collation": 'create collation {schema}.f from "C"',
    "text search configuration": "create text search configuration {schema}.f (parser = default)",
    "conversion": "create conversion {schema}.f for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8",
    "default privileges": "alter default privileges in schema {schema}"
    " grant all on tables to public",
}

# What the owner was led to do to the version table.
LED = {
    "rule": "create rule r as on update to tasker.alembic_version do also select 1",
    "trigger": "create trigger t before update on tasker.alembic_version for each row"
    " execute function suppress_redundant_updates_trigger()",
    "row policy": "create policy p on tasker.alembic_version",
    "row security": "alter table tasker.alembic_version enable row level security",
    "view": "alter table tasker.alembic_version rename to other;"
    " create view tasker.alembic_version as select * from tasker.other",
}


@pytest.fixture(autouse=True)
def roles(server: Server) -> None:
    """Roles that may nothing, and a group. What those of the test before had is gone."""
    server.admin.execute("drop role if exists owners, stranger, worker, installer")
    server.admin.execute("create role owners")
    for role in ("stranger", "worker", "installer"):
        server.admin.execute(f"create role {role} login".encode())


def as_role(role: str, dsn: str) -> str:
    return dsn.replace("postgres@", f"{role}@")


def as_stranger(dsn: str) -> str:
    return as_role("stranger", dsn)


def name_of(dsn: str) -> str:
    return str(conninfo_to_dict(dsn)["dbname"])


def command(dsn: str, line: str, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    monkeypatch.setenv("DATABASE_URL", dsn)
    done = CliRunner().invoke(app, line.split())
    return done.exit_code, " ".join(done.stderr.split())


COMMANDS = (
    "db upgrade",
    "db check",
    "task list",
    "db health",
    "check",
    "sweep",
    "run",
    "top --once",
)


@pytest.mark.parametrize("prepared", PREPARED)
def test_what_a_stranger_prepared_is_not_adopted(
    server: Server, empty_database: str, prepared: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    script, named = PREPARED[prepared]
    rows(empty_database, f"grant create on database {name_of(empty_database)} to stranger")
    rows(as_stranger(empty_database), script)
    for line in COMMANDS:
        code, said = command(empty_database, line, monkeypatch)
        assert (code, f"{named} belongs to the role stranger" in said) == (3, True), (line, said)
    printed = alembic(empty_database, "upgrade", "head", "--sql")
    with (
        psycopg.connect(empty_database, autocommit=True) as connection,
        pytest.raises(psycopg.errors.RaiseException, match=f"{named} belongs to the role"),
    ):
        connection.execute(printed.stdout.encode())
    assert f"{named} belongs to the role stranger" in alembic(empty_database, "current").stderr
    assert not is_superuser(server)


@pytest.mark.parametrize("schema_name", ["tasker", "pgmq"])
@pytest.mark.parametrize("added", ADDED)
def test_what_a_stranger_added_is_named(database: str, added: str, schema_name: str) -> None:
    rows(database, f"grant usage, create on schema {schema_name} to stranger")
    rows(as_stranger(database), ADDED[added].format(schema=schema_name))
    for call in (schema.check, schema.upgrade):
        with pytest.raises(schema.SchemaError, match="belongs to the role stranger"):
            call(database)


def test_a_trigger_of_a_stranger_is_named(database: str) -> None:
    rows(database, "grant usage on schema tasker to stranger")
    rows(database, "grant trigger on tasker.tasks to stranger")
    rows(database, "create schema authorization stranger")
    rows(
        as_stranger(database),
        f"""
        create function stranger.f() returns trigger {TRAP} return new; end $$;
        create trigger t before insert on tasker.tasks for each row execute function stranger.f()
        """,
    )
    with pytest.raises(schema.SchemaError, match=r"function stranger\.f\(\) belongs to the role"):
        schema.check(database)


@pytest.mark.parametrize("led", LED)
def test_the_version_table_is_an_ordinary_one(database: str, led: str) -> None:
    rows(database, LED[led])
    for call in (schema.check, schema.upgrade, schema.current):
        with pytest.raises(schema.SchemaError, match="ordinary table without rules"):
            call(database)


def test_an_owner_upgrades_and_others_with_rights_work(empty_database: str) -> None:
    """The owner of a database is not a superuser; a worker owns nothing."""
    rows(empty_database, f"alter database {name_of(empty_database)} owner to stranger")
    schema.upgrade(as_stranger(empty_database))
    schema.check(as_stranger(empty_database))
    with pytest.raises(schema.SchemaError, match="connect as stranger"):
        schema.check(empty_database)  # a superuser, for whom it would be a trap

    for one in ("tasker", "pgmq"):
        rows(empty_database, f"grant usage on schema {one} to worker")
        rows(empty_database, f"grant all on all tables in schema {one} to worker")
    worker = as_role("worker", empty_database)
    schema.check(worker)
    with pytest.raises(schema.SchemaError, match=r"schema \w+ belongs to the role stranger"):
        schema.upgrade(worker)
    rows(empty_database, "create function pgmq.f() returns int language sql as 'select 1'")
    schema.check(worker)  # a superuser's
    rows(empty_database, "alter function pgmq.f() owner to worker")
    with pytest.raises(schema.SchemaError, match=r"pgmq\.f\(\) belongs to the role worker"):
        schema.check(as_stranger(empty_database))


def test_a_member_trusts_its_group_and_a_superuser_only_one_that_a_superuser_gave_it(
    empty_database: str,
) -> None:
    name = name_of(empty_database)
    rows(empty_database, f"grant create on database {name} to stranger")
    rows(as_stranger(empty_database), "create schema tasker")
    rows(empty_database, f"grant create on database {name} to installer")
    installer = as_role("installer", empty_database)
    with pytest.raises(schema.SchemaError, match="schema tasker belongs to the role stranger"):
        schema.upgrade(installer)
    rows(empty_database, f"grant create on database {name} to owners")
    rows(empty_database, "grant owners to stranger with admin option")
    rows(as_stranger(empty_database), "alter schema tasker owner to owners")
    rows(as_stranger(empty_database), "grant owners to postgres")
    with pytest.raises(schema.SchemaError, match="schema tasker belongs to the role owners"):
        schema.upgrade(empty_database)
    rows(empty_database, "grant owners to installer")
    schema.upgrade(installer)
    schema.check(installer)


def test_names_are_looked_up_in_pg_catalog_alone(server: Server, database: str) -> None:
    """The owner of a database chooses the search path of those who connect to it."""
    rows(database, "create schema authorization stranger")
    rows(
        as_stranger(database),
        f"""
        create function stranger.format(text, text, name, name) returns text
          {TRAP} return ''; end $$;
        create function stranger.has_database_privilege(name, text) returns bool
          {TRAP} return true; end $$;
        create function stranger.current_database() returns name {TRAP} return 'x'; end $$;
        create function stranger.version() returns text {TRAP} return 'x'; end $$;
        create function stranger.equal(name, name) returns bool {TRAP} return true; end $$;
        create operator stranger.= (function = stranger.equal, leftarg = name, rightarg = name);
        create function stranger.noticed() returns name {TRAP} return 'x'; end $$;
        create view stranger.pg_type as select stranger.noticed() as typname;
        create view stranger.pg_namespace as select stranger.noticed() as nspname, 1 as oid
        """,
    )
    rows(
        database,
        f"alter database {name_of(database)} set search_path = stranger, pg_catalog, public",
    )
    schema.check(database)
    schema.upgrade(database)
    assert not is_superuser(server)


# Every function and operator of PostgreSQL with plain types, again in the schema of a stranger.
SHADOWS = """
do $do$
declare
  v_shadow text;
begin
  for v_shadow in
    select format(
             'create function shadows.%I(%s) returns %s%s language plpgsql as %L', p.proname,
             (select string_agg(format_type(arg, null), ', ' order by n)
                from unnest(p.proargtypes::oid[]) with ordinality as a (arg, n)),
             case when p.proretset then 'setof ' end, format_type(p.prorettype, null),
             $$ begin raise exception 'hijacked'; end $$)
      from pg_proc as p
     where p.pronamespace = 'pg_catalog'::regnamespace
       and p.prokind = 'f'
       and p.provariadic = 0
       and p.proallargtypes is null
       and not exists (select
                         from unnest(p.proargtypes::oid[] || p.prorettype) as used (type)
                         join pg_type as t on t.oid = used.type
                        where t.typtype = 'p')
     union all
    values ('create function shadows.concat_ws(text, text, text) returns text language plpgsql'
            ' as $$ begin raise exception ''hijacked''; end $$'),
           ('create function shadows.format(text, text) returns text language plpgsql'
            ' as $$ begin raise exception ''hijacked''; end $$')
  loop
    execute v_shadow;
  end loop;
  for v_shadow in
    select format('create operator shadows.%s (function = shadows.%I, leftarg = %s, rightarg = %s)',
                  o.oprname, p.proname, format_type(o.oprleft, null), format_type(o.oprright, null))
      from pg_operator as o
      join pg_proc as p on p.oid = o.oprcode
     where o.oprleft <> 0
       and to_regprocedure(format('shadows.%I(%s, %s)', p.proname, format_type(o.oprleft, null),
                                  format_type(o.oprright, null))) is not null
  loop
    execute v_shadow;
  end loop;
end;
$do$
"""
VIEWS = """
select relname from pg_catalog.pg_class
 where relnamespace = 'tasker'::regnamespace and relkind = 'v' order by 1
"""
# Functions that a planner puts into the text of who calls them.
PURE = """
select p.oid::regprocedure::text, p.proargtypes::regtype[]::text[]
  from pg_catalog.pg_proc as p
  join pg_catalog.pg_language as l on l.oid = p.prolang and l.lanname = 'sql'
 where p.pronamespace = 'tasker'::regnamespace order by 1
"""


@pytest.fixture
def busy(database: str) -> str:
    """A database in which every kind of view has something to show."""
    define(database, "flow", {"fails": [], "waits": ["fails"]})
    define(
        database, "again", {"retried": []}, retry={"backoff": "linear", "backoff_base_ms": 600_000}
    )
    create(database, "flow", 3)
    create(database, "again", 1)
    for task in range(3):
        (held,) = rows(database, CLAIM, f"w{task}", 1)
        if task < 2:
            rows(database, FAIL, held[0], held[1])
    rows(
        database,
        "select from tasker.report_runner(%s, %s)",
        "runner",
        json.dumps(REPORT),
    )
    return database


def test_who_only_looks_is_no_tool_of_a_stranger(server: Server, busy: str) -> None:
    """What a DBA of a database with an open schema `public` may fall into."""
    rows(busy, "grant create on schema public to stranger")
    rows(
        as_stranger(busy),
        f"""create function public.concat_ws(text, text, text) returns text
          {TRAP} return 'x'; end $$""",
    )
    for (view,) in rows(busy, VIEWS):
        rows(busy, f"select * from tasker.{view}")
    assert rows(busy, "select tasker._fingerprint('{}') from tasker.dead_letters") != []
    assert not is_superuser(server)


def test_no_path_hijacks_what_we_call(busy: str) -> None:
    rows(busy, "create schema shadows")
    rows(busy, SHADOWS)
    views, functions = rows(busy, VIEWS), rows(busy, PURE)
    with psycopg.connect(busy, autocommit=True) as connection:
        connection.execute("set search_path = shadows, pg_catalog")
        with pytest.raises(psycopg.errors.RaiseException, match="hijacked"):
            connection.execute("select 1 + 1")
        for (view,) in views:
            connection.execute(f"select * from tasker.{view}".encode())
        for function, types in functions:
            given = ", ".join(f"{1 if one == 'integer' else 'null'}::{one}" for one in types)
            name = function.partition("(")[0]
            connection.execute(f"select {name}({given})".encode())


def test_a_strangers_advisory_locks_stop_no_upgrade(empty_database: str) -> None:
    with psycopg.connect(as_stranger(empty_database), autocommit=True) as held:
        held.execute("select pg_advisory_lock(127961897067890)")
        schema.upgrade(empty_database)
        schema.check(empty_database)


def test_the_lock_of_an_upgrade_needs_a_right(database: str) -> None:
    rows(database, "grant usage on schema tasker to stranger")
    rows(database, "grant select on tasker.alembic_version to stranger")
    with (
        psycopg.connect(as_stranger(database)) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("lock table tasker.alembic_version in exclusive mode")


def test_who_holds_an_upgrade_up_is_named(database: str) -> None:
    """A reader does not; one that holds our table does, but not for ever."""
    rows(database, "update tasker.installations set definitions = definitions - 'stuck_tasks'")
    with psycopg.connect(database, application_name="a report") as reader:
        reader.execute("select from tasker.alembic_version")
        schema.upgrade(database)
        reader.execute("lock table tasker.alembic_version in share mode")
        with pytest.raises(schema.SchemaError) as refused:
            schema.upgrade(database)
        pid = reader.info.backend_pid
    assert f"pid {pid} (a report, role postgres, since " in str(refused.value)
    assert "holds the lock; run it again" in str(refused.value)


def test_a_half_made_schema_of_another_is_waited_for_and_named(empty_database: str) -> None:
    with psycopg.connect(empty_database, application_name="slow") as other:
        other.execute("create schema tasker")
        with pytest.raises(schema.SchemaError, match=f"pid {other.info.backend_pid} .slow"):
            schema.upgrade(empty_database)
        second = threading.Thread(target=schema.upgrade, args=[empty_database])
        second.start()
        waits = "select from pg_stat_activity where wait_event_type = 'Lock'"
        wait_for(lambda: rows(empty_database, waits), "the second upgrade waits")
        other.commit()
        second.join()
    schema.check(empty_database)


@pytest.mark.newest
def test_the_question_is_cheap(database: str) -> None:
    with psycopg.connect(database) as connection:
        plan = "explain (analyze, buffers, format json) " + ownership.FAULT.format(installs=True)
        connection.execute(ownership.SESSION)
        ((found,),) = connection.execute(plan.encode()).fetchall()
        assert found[0]["Plan"]["Shared Hit Blocks"] < 5000


def is_superuser(server: Server) -> bool:
    asked = "select from pg_roles where rolname = 'stranger' and rolsuper"
    return server.admin.execute(asked).fetchone() is not None


def alembic(dsn: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "alembic", *arguments],
        cwd=ROOT,
        env={"DATABASE_URL": dsn, "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
