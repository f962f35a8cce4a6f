"""The judge of SQL tests is strict, and the conventions can fail."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest
import tap
from servers import Server, psql

CONVENTIONS = Path(__file__).parents[2] / "sql" / "conventions.sql"

# Breaks every rule at least once.
BAD_STYLE = """
create table tasker.unsaid (at timestamp);
create view tasker.unsaid_too as select 1 as one;
create function tasker.bad(a int, b int, c int, d int, e int, f int, g int) returns int
language plpgsql strict as $$ begin raise notice '%', now(); return 1; end $$;
create function tasker.bad() returns table (one int)
language plpgsql as $$ begin return query select 1; end $$;
create function tasker._foreign() returns int language internal as 'pg_backend_pid';
do $$
begin
  execute format('create function tasker._long() returns int language sql as %L',
                 'select 1' || repeat(E'\\n-- on and on', 80));
end $$;
"""

GOOD = "1..2\nok 1 - one\nok 2 - two\n"


def test_a_good_file_passes() -> None:
    assert tap.judge("select * from finish();", GOOD) == []


@pytest.mark.parametrize(
    ("output", "wrong"),
    [
        ("", "0 plans"),
        ("ok 1 - one\n", "0 plans"),
        ("1..0\n", "planned 0, ran 0"),
        ("1..1\n", "planned 1, ran 0"),
        ("1..3\nok 1\nok 2\n", "planned 3, ran 2"),
        ("1..1\nok 1\nok 2\n", "planned 1, ran 2"),
        ("1..1\n1..1\nok 1\n", "2 plans"),
        ("1..2\nok 1 - one\nnot ok 2 - two\n", "not ok 2 - two"),
        ("1..2\nok 1\nok 3\n", "out of sequence"),
        ("1..1\nok 1 - one # SKIP no time\n", "skipped"),
        ("1..1\nok 1\nBail out! no disk\n", "no disk"),
    ],
)
def test_bad_output_fails(output: str, wrong: str) -> None:
    assert any(wrong in line for line in tap.judge("select * from finish();", output))


def test_a_known_failure_passes() -> None:
    assert tap.judge("select * from finish();", "1..1\nnot ok 1 - later # TODO later\n") == []


@pytest.mark.parametrize("script", ["", "select no_plan(); select * from finish();"])
def test_a_script_without_finish_or_with_no_plan_fails(script: str) -> None:
    assert tap.judge(script, GOOD) != []


@pytest.mark.newest
def test_an_error_stops_the_file(server: Server) -> None:
    broken = "begin; select plan(1); select 1/0; select pass(); select * from finish();"
    with server.database(server.with_pgtap) as dsn:
        done = psql(dsn, script=broken)
    assert done.returncode != 0
    assert "division by zero" in done.stderr


@pytest.mark.newest
def test_every_convention_can_fail(server: Server) -> None:
    with server.database(server.with_pgtap) as dsn:
        with psycopg.connect(dsn) as connection:
            connection.execute(BAD_STYLE)
        output = psql(dsn, "-f", str(CONVENTIONS)).stdout
    planned = re.search(r"^1\.\.(\d+)", output, re.MULTILINE)
    assert planned
    assert output.count("\nnot ok ") == int(planned[1]), output
