"""How a database gets the functions and views of `sql/`, and how a release seals them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import psycopg
import pytest
from servers import rows

from tasker_sql.schema import migrations as schema
from tasker_sql.schema import truth

CLOCK = """\
create or replace function tasker.clock () returns int language sql begin atomic select 1; end;
"""
LATE = "create or replace view tasker.late as select tasker.clock() as at;\n"
LATER = "create or replace view tasker.a_later as select at from tasker.late;\n"
TEXTS = {"clock": CLOCK, "late": LATE, "a_later": LATER}


def test_a_definition_comes_after_what_it_reads() -> None:
    assert truth.in_order(TEXTS) == ["clock", "late", "a_later"]


@pytest.mark.parametrize(
    "quoted",
    [
        "$$ select tasker.clock() $$",
        "$body$ '$$' tasker.clock $body$",
        "'of tasker.clock, isn''t it'",
        "-- tasker.clock\n",
        "/* tasker.clock */",
    ],
)
def test_what_is_quoted_is_not_needed(quoted: str) -> None:
    assert truth.needs("x", TEXTS | {"x": quoted}) == set()
    assert truth.needs("x", TEXTS | {"x": f"{quoted} tasker.clock()"}) == {"clock"}


def test_a_script_is_taken_apart_as_it_was_put_together() -> None:
    assert truth.split(truth.join(truth.read())) == truth.read()
    assert truth.split((truth.FROZEN / "0001.sql").read_text()) == {}


def install(dsn: str, texts: truth.Texts) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("set search_path = pg_catalog, pg_temp")
        truth.install(connection, texts)


def difference(dsn: str, texts: truth.Texts) -> list[str]:
    with psycopg.connect(dsn) as connection:
        return truth.difference(connection, texts)


def there(dsn: str) -> list[str]:
    query = """
        select oid::regprocedure::text from pg_proc where pronamespace = 'tasker'::regnamespace
         union all
        select oid::regclass::text
          from pg_class
         where relnamespace = 'tasker'::regnamespace and relkind = 'v' order by 1
    """
    return [name for (name,) in rows(dsn, query)]


@pytest.fixture
def tables(database: str) -> str:
    """A database with the tables only."""
    install(database, {})
    assert there(database) == []
    return database


ALL = ["tasker.a_later", "tasker.clock()", "tasker.late"]


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({}, ALL),
        ({"clock": CLOCK.replace("select 1", "select 2")}, ALL),
        ({"late": LATE.replace(" as at", " as at, 2 as more")}, ALL),
        ({"late": LATE.replace(" as at", " as at, 2 as more"), "a_later": None}, ALL[1:]),
        ({"a_later": None, "late": None}, ["tasker.clock()"]),
        ({"clock": CLOCK.replace("int", "bigint").replace("select 1", "select 1::bigint")}, ALL),
        (
            {"clock": CLOCK.replace(" ()", " (p int default 1)")},
            [ALL[0], "tasker.clock(integer)", ALL[2]],
        ),
    ],
    ids=["nothing", "body", "column", "dropped", "all views", "type", "argument"],
)
def test_whatever_changes_the_database_follows_and_goes_back(
    tables: str, changes: dict[str, str | None], names: list[str]
) -> None:
    now = {name: text for name, text in {**TEXTS, **changes}.items() if text is not None}
    install(tables, TEXTS)
    assert there(tables) == ALL
    assert difference(tables, now) == sorted(changes)
    install(tables, now)
    assert there(tables) == names
    assert difference(tables, now) == []
    install(tables, TEXTS)
    assert there(tables) == ALL
    assert difference(tables, now) == sorted(changes)


def test_functions_keep_their_identity_where_they_can(tables: str) -> None:
    identities = (
        "select oid from pg_class where relname = 'late' union all select 'tasker.clock'::regproc"
    )
    install(tables, TEXTS)
    before = rows(tables, identities)
    install(tables, TEXTS | {"clock": CLOCK.replace("select 1", "select 2")})
    assert rows(tables, identities) == before
    assert rows(tables, "select * from tasker.a_later") == [(2,)]


def test_what_is_missing_is_made_again(tables: str) -> None:
    install(tables, TEXTS)
    rows(tables, "drop view tasker.a_later")
    install(tables, TEXTS)
    assert there(tables) == ALL


def test_what_others_made_is_left_alone_and_stops_what_would_break_it(tables: str) -> None:
    install(tables, TEXTS)
    rows(tables, "create function tasker.theirs () returns int language sql as 'select 1'")
    rows(tables, "create view public.theirs as select at from tasker.late")
    install(tables, {"clock": CLOCK, "late": LATE})
    assert there(tables) == ["tasker.clock()", "tasker.late", "tasker.theirs()"]
    with pytest.raises(psycopg.errors.DependentObjectsStillExist, match=r"tasker\.late"):
        install(tables, {})
    assert there(tables) == ["tasker.clock()", "tasker.late", "tasker.theirs()"]


def test_what_cannot_be_made_changes_nothing(tables: str) -> None:
    install(tables, TEXTS)
    with pytest.raises(psycopg.errors.UndefinedColumn):
        install(tables, TEXTS | {"late": LATE.replace("tasker.clock()", "wrong")})
    assert there(tables) == ALL
    assert difference(tables, TEXTS) == []


def test_a_newer_database_is_well_until_it_goes_back(tables: str) -> None:
    newer = TEXTS | {"clock": CLOCK.replace("select 1", "select 2")}
    install(tables, TEXTS)
    install(tables, newer)
    assert difference(tables, TEXTS) == []
    install(tables, TEXTS)
    assert difference(tables, newer) == ["clock"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what a release is made from."""
    for name in ("alembic", "sql", "tasker_sql"):
        shutil.copytree(truth.SCRIPTS.parent / name, tmp_path / name)
    return tmp_path


def python(checkout: Path, *arguments: str) -> str:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def migrate(checkout: Path, command: str, *arguments: str) -> None:
    call = "import sys; from tasker_sql.schema import migrations as m;"
    call += " getattr(m, sys.argv[1])(*sys.argv[2:])"
    python(checkout, "-c", call, command, *arguments)


def test_releases_are_sealed_and_a_database_goes_up_and_down_between_them(
    checkout: Path, empty_database: str
) -> None:
    first = python(checkout, "alembic/seal.py").split()[-1]
    own = checkout / "sql/functions/base/fortytwo.sql"
    own.write_text(CLOCK.replace("clock", "fortytwo").replace("select 1", "select 42"))
    second = python(checkout, "alembic/seal.py").split()[-1]
    assert [int(first), int(second)] == [int(schema.head()) + 1, int(schema.head()) + 2]
    assert truth.split((checkout / f"alembic/frozen/{first}.sql").read_text()) == truth.read()
    assert broken_seals(checkout / "alembic") == []

    asked = "select tasker.fortytwo()"
    migrate(checkout, "upgrade", empty_database)
    assert rows(empty_database, asked) == [(42,)]
    own.write_text(own.read_text().replace("42", "43"))  # work on the next release
    with pytest.raises(subprocess.CalledProcessError) as refused:
        migrate(checkout, "check", empty_database)
    assert "not those of this version (fortytwo)" in refused.value.stderr
    migrate(checkout, "upgrade", empty_database)
    assert rows(empty_database, asked) == [(43,)]
    migrate(checkout, "check", empty_database)

    migrate(checkout, "downgrade", empty_database, first)
    assert "tasker.fortytwo()" not in there(empty_database)
    assert difference(empty_database, truth.read()) == []
    migrate(checkout, "downgrade", empty_database, schema.head())
    assert there(empty_database) == []
    migrate(checkout, "upgrade", empty_database, first)
    assert difference(empty_database, truth.read()) == []

    for sealed in (checkout / f"alembic/frozen/{first}.sql", checkout / "alembic/frozen/0001.sql"):
        sealed.write_text(sealed.read_text() + "\n")
    assert broken_seals(checkout / "alembic") == ["frozen/0001.sql", f"frozen/{first}.sql"]


def test_sealed_files_never_change() -> None:
    assert broken_seals(truth.SCRIPTS) == []


def broken_seals(scripts: Path) -> list[str]:
    """The sealed files that have changed or are gone."""
    sums = scripts / "frozen/SHA256SUMS"
    lines = sums.read_text().splitlines() if sums.exists() else []
    return [
        path
        for digest, path in (line.split("  ", 1) for line in lines)
        if not (scripts / path).is_file()
        or sha256((scripts / path).read_bytes()).hexdigest() != digest
    ]
