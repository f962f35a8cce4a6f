"""Every revision goes up, down and up; the newest one is the truth in `sql/`."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pgmq
import psycopg
import pytest
from catalog import differences, snapshot
from psycopg.conninfo import make_conninfo
from servers import Server, psql, rows

from tasker_sql.errors import UnavailableError
from tasker_sql.schema import migrations as schema
from tasker_sql.schema import truth

ROOT = Path(__file__).parents[3]
REVISIONS = sorted(
    file.stem.partition("_")[0] for file in (ROOT / "alembic/versions").glob("[0-9]*.py")
)


def same(before: dict[tuple[str, str], str], after: dict[tuple[str, str], str]) -> None:
    changed = differences(before, after)
    assert not changed, "\n".join(changed)


def pgmq_version(connection: psycopg.Connection[Any]) -> str | None:
    """Of the extension, or of the plain SQL, which leaves it in the comment of the schema."""
    row = connection.execute(
        "select coalesce("
        "(select extversion from pg_extension where extname = 'pgmq'),"
        "(select substring(obj_description(oid, 'pg_namespace') from '^PGMQ (.*), plain SQL$')"
        " from pg_namespace where nspname = 'pgmq'))"
    ).fetchone()
    return row[0] if row else None


def test_every_revision_goes_up_down_and_up(empty_database: str) -> None:
    below = snapshot(empty_database)
    for number, revision in enumerate(REVISIONS):
        schema.upgrade(empty_database, revision)
        made = snapshot(empty_database)
        schema.downgrade(empty_database, REVISIONS[number - 1] if number else "base")
        same(below, snapshot(empty_database))
        schema.upgrade(empty_database, revision)
        same(made, snapshot(empty_database))
        below = made
    assert schema.current(empty_database) == schema.head() == REVISIONS[-1]


def test_base_leaves_no_schema_and_keeps_pgmq(database: str) -> None:
    schema.downgrade(database, "base")
    assert snapshot(database) == {}
    assert schema.current(database) is None
    with psycopg.connect(database) as connection:
        assert pgmq_version(connection) is not None


def test_installing_the_truth_over_head_changes_nothing(database: str) -> None:
    head, texts = snapshot(database), truth.read()
    with psycopg.connect(database) as connection:
        connection.execute("set check_function_bodies = off; set search_path = pg_catalog, pg_temp")
        for name in truth.in_order(texts):
            connection.execute(texts[name].encode())
    same(head, snapshot(database))


def test_an_upgrade_of_what_is_at_head_changes_nothing(database: str) -> None:
    state = "select xmin::text, * from tasker.installations"
    before = rows(database, state)
    schema.upgrade(database)
    assert rows(database, state) == before


def test_the_printed_script_does_the_same(server: Server, empty_database: str) -> None:
    schema.upgrade(empty_database)
    printed = alembic("upgrade", "head", "--sql").stdout
    with server.database() as dsn:
        assert not psql(dsn, script=printed).stderr
        with psycopg.connect(dsn) as connection:
            assert pgmq_version(connection) == "1.13.0"
        same(snapshot(empty_database), snapshot(dsn))
        schema.check(dsn)


def test_the_printed_script_keeps_the_pgmq_that_is_there(server: Server) -> None:
    printed = alembic("upgrade", "head", "--sql").stdout
    with server.database() as dsn:
        with psycopg.connect(dsn) as connection:
            schema.install_pgmq(connection)
            connection.execute("comment on schema pgmq is 'PGMQ 1.12.0, plain SQL'")
        assert not psql(dsn, script=printed).stderr
        with psycopg.connect(dsn) as connection:
            assert pgmq_version(connection) == "1.12.0"


@pytest.mark.newest
def test_alembic_reads_database_url_as_url_and_as_keywords(empty_database: str) -> None:
    alembic("upgrade", "head", database_url=make_conninfo(empty_database))
    shown = alembic("current", database_url=empty_database.replace("sql:", "sql+psycopg:", 1))
    assert f"{schema.head()} (head)" in shown.stdout


@pytest.mark.newest
def test_looking_at_a_database_changes_nothing(empty_database: str) -> None:
    alembic("current", database_url=empty_database)
    assert rows(empty_database, "select to_regnamespace('tasker')::text") == [(None,)]


@pytest.mark.newest
def test_two_upgrades_at_once_both_end_at_head(empty_database: str) -> None:
    command = [
        sys.executable,
        "-c",
        "import sys, tasker_sql.schema.migrations as s; s.upgrade(sys.argv[1])",
    ]
    upgrades = [subprocess.Popen([*command, empty_database]) for _ in range(3)]
    assert [upgrade.wait(60) for upgrade in upgrades] == [0, 0, 0]
    assert schema.current(empty_database) == schema.head()


@pytest.mark.newest
def test_check_says_what_to_do(empty_database: str) -> None:
    with pytest.raises(schema.SchemaError, match=f"not installed.*{schema.UPGRADE_COMMAND}"):
        schema.check(empty_database)
    schema.upgrade(empty_database, REVISIONS[0])
    if len(REVISIONS) > 1:
        with pytest.raises(schema.SchemaError, match=f"{REVISIONS[0]}.*{schema.UPGRADE_COMMAND}"):
            schema.check(empty_database)
    schema.upgrade(empty_database)
    schema.check(empty_database)
    other = 'update tasker.installations set definitions = definitions || \'{"_now": ""}\''
    rows(empty_database, other)
    with pytest.raises(schema.SchemaError, match=rf"\(_now\): run `{schema.UPGRADE_COMMAND}"):
        schema.check(empty_database)
    schema.upgrade(empty_database)
    schema.check(empty_database)
    with psycopg.connect(empty_database) as connection:
        connection.execute("update tasker.alembic_version set version_num = '9999'")
    schema.check(empty_database)  # upgraded already by the next release, which keeps our contracts
    with pytest.raises(schema.SchemaError, match="9999"):
        schema.upgrade(empty_database)


def test_pgmq_is_installed_once_and_says_its_version(empty_database: str) -> None:
    with psycopg.connect(empty_database) as connection:
        assert pgmq_version(connection) is None
        schema.install_pgmq(connection)
        version = pgmq_version(connection)
        schema.install_pgmq(connection)
        assert version and version[0].isdigit() and pgmq_version(connection) == version
        connection.execute("select pgmq.create('jobs')")
        sent = connection.execute("select * from pgmq.send('jobs', '{}'::jsonb)")
        assert sent.fetchall() == [(1,)]


@pytest.mark.newest
def test_sql_that_nobody_reviewed_is_not_run(
    empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = pgmq.get_embedded_install_sql() + "create table public.was_here ();"
    monkeypatch.setattr(pgmq, "get_embedded_install_sql", lambda: script)
    with pytest.raises(schema.SchemaError, match=r"PGMQ 1\.\S+ is not one that was reviewed"):
        schema.upgrade(empty_database)
    assert rows(empty_database, "select to_regclass('was_here')::text") == [(None,)]


@pytest.mark.newest
def test_a_wheel_carries_what_an_upgrade_and_a_runner_need(
    empty_database: str, wheel: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(tmp_path / "site")
    code = (
        "import sys; from tasker_sql import config; from tasker_sql.schema import migrations as s;"
        " config.load(); s.upgrade(sys.argv[1]); print(s.__file__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, empty_database],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(str(tmp_path))
    schema.check(empty_database)
    shipped = (tmp_path / "site/tasker_sql/_sql").glob("**/*.sql")
    assert {file.stem: file.read_text() for file in shipped} == truth.read()
    scripts = (tmp_path / "site/tasker_sql/_alembic").rglob("*")
    assert not {"seal.py", "script.py.mako"} & {file.name for file in scripts}


@pytest.mark.oldest
def test_plpgsql_check_finds_nothing(database: str) -> None:
    rows(database, "create extension plpgsql_check")
    rows(database, "select pgmq.create('orchestration_step_results')")  # named in static SQL
    found = rows(
        database,
        """
        select p.oid::regprocedure, c.level, c.lineno, c.message, c.detail, c.hint
          from pg_proc as p
          join pg_language as l on l.oid = p.prolang and l.lanname = 'plpgsql'
         cross join plpgsql_check_function_tb(
                 p.oid, fatal_errors => false, other_warnings => true, extra_warnings => true,
                 security_warnings => true, compatibility_warnings => true,
                 performance_warnings => false
               ) as c
         where p.pronamespace = 'tasker'::regnamespace
           and c.detail is distinct from 'cannot to determine result of dynamic SQL'
           -- It executes what string_agg makes of format's answers, which the linter cannot follow.
           and (p.proname, c.level) <> ('_queue_metrics', 'security')
         order by 1, 3
        """,
    )
    assert not found, "\n".join(" | ".join(map(str, row)) for row in found)


def alembic(*arguments: str, database_url: str = "") -> subprocess.CompletedProcess[str]:
    """The command, as somebody types it in the root of the repository."""
    done = subprocess.run(
        [sys.executable, "-m", "alembic", *arguments],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": database_url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.newest
@pytest.mark.parametrize("program", ["tasker-sql demo --no-flights", "tasker-sql db upgrade"])
def test_tables_of_a_version_between_releases_are_refused_with_a_cure(
    database: str, program: str
) -> None:
    """At the same revision, with other tables: what an upgrade meets there is no defect."""
    rows(database, "drop table tasker.alarms cascade")
    rows(database, "update tasker.installations set definitions = '{}'")
    with pytest.raises(
        schema.SchemaError, match=r"missing: the table alarms.* lose all tasks, run"
    ):
        schema.check(database)
    name, *arguments = program.split()

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        environ = {**os.environ, "DATABASE_URL": database}
        path = Path(sys.executable).with_name(command[0])
        return subprocess.run([path, *command[1:]], env=environ, capture_output=True, text=True)

    failed = run(name, *arguments)
    said = " ".join(failed.stderr.split())
    assert (failed.returncode, "Traceback" in said) == (3, False), said
    assert said.startswith('error: relation "tasker.alarms" does not exist: ')
    for cure in re.findall(r"`(.*?)`", said):
        done = run(*shlex.split(cure))
        assert done.returncode == 0, done.stderr
    schema.check(database)


@pytest.mark.newest
def test_what_others_built_on_our_functions_is_named(database: str) -> None:
    rows(database, "create function tasker.extra () returns int language sql as 'select 1'")
    rows(database, "create view public.late as select tasker.extra()")
    extra = 'update tasker.installations set definitions = definitions || \'{"extra": ""}\''
    rows(database, extra)
    with pytest.raises(
        schema.SchemaError, match=r"drop function tasker.extra\(\).*: view public.late"
    ):
        schema.upgrade(database)


def test_a_database_from_before_the_first_release_is_refused(database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("update tasker.alembic_version set version_num = '0002'")
        connection.execute("drop table tasker.installations cascade")
    for use in (schema.check, schema.upgrade):
        with pytest.raises(schema.SchemaError, match=r"before the first release \(revision 0002\)"):
            use(database)


@pytest.mark.slow
@pytest.mark.parametrize("use", [schema.current, schema.check, schema.upgrade])
def test_a_server_that_does_not_answer_is_not_waited_for(use: Callable[[str], object]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        dsn = f"host=127.0.0.1 port={silent.getsockname()[1]} user=me connect_timeout=2"
        with pytest.raises(UnavailableError, match="timeout expired"):
            use(dsn)
