"""Each kind of trouble with the database has a sentence of its own, in commands and in `top`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from running import client_of, template
from servers import Server
from typer.testing import CliRunner

from tasker_sql.advice import KINDS, advice
from tasker_sql.cli import app
from tasker_sql.cli.output import cell
from tasker_sql.errors import UnavailableError
from tasker_sql.top.format import words

pytestmark = pytest.mark.newest

AWAY = "the database cannot be reached"
ASKED = ("task list", "top tasks --once")


def asked(dsn: str, line: str, *options: str) -> tuple[int, str, str]:
    """The exit code of a command, and what it printed."""
    done = CliRunner().invoke(app, [*options, *line.split()], env={"DATABASE_URL": dsn})
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture
def newcomer(server: Server) -> Iterator[str]:
    """A role that may read everything."""
    server.admin.execute("drop role if exists newcomer")
    server.admin.execute("create role newcomer login in role pg_read_all_data")
    yield "newcomer"
    server.admin.execute("drop role newcomer")


@pytest.mark.parametrize("line", ASKED)
@pytest.mark.parametrize(
    ("dsn", "message"),
    [
        ("host=/nowhere", f"{AWAY}: no server listens there"),
        ("host=127.0.0.1 port=1", f"{AWAY}: no server listens there"),
        ("host=nowhere.invalid", f"{AWAY}: its host is unknown"),
    ],
)
def test_no_server(dsn: str, message: str, line: str) -> None:
    code, out, err = asked(dsn, line)
    assert (code, out) == (3, "")
    assert err.startswith(f"error: {message}\n  ") and "\n  hint: " in err


@pytest.mark.parametrize("line", ASKED)
def test_no_such_database_or_role(server: Server, database: str, line: str) -> None:
    code, _, err = asked(server.embedded.url("nothing_there"), line)
    assert code == 3
    assert err.startswith(f"error: {AWAY}: the server has no such database\n")
    assert "Create it, and run `tasker-sql db upgrade`" in err
    code, _, err = asked(database.replace("postgres@", "no_such_role@"), line)
    assert code == 3
    assert err.startswith(f"error: {AWAY}: the server does not let this role in\n")


@pytest.mark.parametrize("line", ASKED)
def test_a_wrong_password(server: Server, database: str, newcomer: str, line: str) -> None:
    file = Path(server.embedded.data_dir) / "pg_hba.conf"
    before = file.read_text()
    server.admin.execute(f"alter role {newcomer} password 'right'".encode())
    try:
        file.write_text(f"local all {newcomer} scram-sha-256\n{before}")
        server.admin.execute("select pg_reload_conf()")
        for given in ("", ":n0t_this"):
            dsn = database.replace("postgres@", f"{newcomer}{given}@")
            for _ in range(100):  # until the server has read it
                code, _, err = asked(dsn, line)
                if code == 3:
                    break
                time.sleep(0.05)
            assert err.startswith(f"error: {AWAY}: the server refuses the password\n")
        assert asked(database.replace("postgres@", f"{newcomer}:right@"), line)[0] == 0
    finally:
        file.write_text(before)
        server.admin.execute("select pg_reload_conf()")


@pytest.mark.parametrize("line", ASKED)
def test_no_connection_is_left(server: Server, database: str, newcomer: str, line: str) -> None:
    server.admin.execute(f"alter role {newcomer} connection limit 0".encode())
    code, _, err = asked(database.replace("postgres@", f"{newcomer}@"), line)
    assert code == 3
    assert err.startswith(f"error: {AWAY}: the server takes no more connections\n")


@pytest.mark.parametrize("line", ASKED)
def test_no_connection_is_allowed(server: Server, database: str, line: str) -> None:
    name = database.partition("?")[0].rpartition("/")[2]
    server.admin.execute(f"alter database {name} allow_connections false".encode())
    code, _, err = asked(database, line)
    assert code == 3
    assert err.startswith(f"error: {AWAY}: it takes no connections now\n")


@pytest.mark.parametrize("line", ASKED)
def test_a_schema_that_is_missing_older_newer_or_incomplete(
    empty_database: str, database: str, line: str
) -> None:
    code, _, err = asked(empty_database, line)
    assert code == 3
    assert err.startswith(
        "error: tasker-sql is not installed in this database: run `tasker-sql db upgrade`\n"
    )
    with psycopg.connect(database) as connection:
        connection.execute("alter function tasker.list_tasks rename to list_tasks_before")
    code, _, err = asked(database, line)
    assert code == 3
    assert "functions and views of the database are not those of this version" in err
    with psycopg.connect(database) as connection:
        connection.execute("update tasker.alembic_version set version_num = '0000'")
    code, _, err = asked(database, line)
    assert code == 3
    assert "error: the database is at revision 0000, this version needs " in err
    with psycopg.connect(database) as connection:
        connection.execute("update tasker.alembic_version set version_num = '9999'")
    code, _, err = asked(database, line)
    assert code == 3
    assert "error: the database is at revision 9999, and this version of tasker-sql knows " in err


@pytest.mark.parametrize("line", ["task list", "task show {}", "task create test/flow"])
def test_a_lock_is_not_waited_for_longer_than_the_time_that_was_given(
    database: str, line: str
) -> None:
    """And then nothing was done."""
    with client_of(database) as client:
        client.register_template(template({"a": []}))
        task = client.create_task("test", "flow").task_uuid
        with psycopg.connect(database) as other:
            other.execute("lock table tasker.tasks in access exclusive mode")
            words = line.format(task)
            code, out, err = asked(database, words, "--timeout", "0.1")
        assert (code, out) == (1, "")
        assert err.startswith("error: no answer within 0.1 s\n")
        assert "`--timeout` waits longer" in err
        assert asked(database, words, "--timeout", "60")[0] == 0
        assert len(client.list_tasks()) == 1 + ("create" in line)


@pytest.mark.parametrize(
    ("text", "sqlstate", "message"),
    [
        ("connection timeout expired", None, f"{AWAY}: the server does not answer"),
        ("the server was silent for 6 s", None, f"{AWAY}: the server does not answer"),
        ("the database system is starting up", None, f"{AWAY}: it takes no connections now"),
        ("das System startet", "57P03", f"{AWAY}: it takes no connections now"),
        ("could not extend file", "53100", "the disk of the database is full"),
        ("zu viele", "53300", f"{AWAY}: the server takes no more connections"),
        ("cannot execute INSERT in a read-only transaction", "25006", "the database is read-only"),
        ("terminating connection due to administrator command", "57P01", AWAY),
    ],
)
def test_what_cannot_be_made_here_has_its_sentence_too(
    text: str, sqlstate: str | None, message: str
) -> None:
    found = advice(UnavailableError(text, sqlstate=sqlstate))
    assert (found.message, found.detail) == (message, text)
    assert found.hint or message == AWAY


def test_no_two_kinds_say_the_same() -> None:
    assert len({message for _, _, message, _ in KINDS}) == len(KINDS)


def test_ages_are_never_negative() -> None:
    assert cell(timedelta(seconds=-3)).plain == "0.0 ms"
    assert words(timedelta(seconds=-3), datetime.now(UTC)) == "0.0 ms"
