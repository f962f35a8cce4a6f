"""The private server: never used in silence, nor by accident; ready at its first use."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from servers import rows, temporary_folder

from tasker_sql.schema.embedded import EmbeddedServer

ROOT = Path(__file__).parents[3]
PROGRAMS = Path(sys.executable).parent

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def home() -> Iterator[Path]:
    """An empty folder; a server with its data below it is stopped at the end."""
    made = temporary_folder()
    yield made
    for file in made.glob("**/postmaster.pid"):
        EmbeddedServer(file.parent).stop("immediate")
    shutil.rmtree(made)


@pytest.fixture
def run(home: Path) -> Run:
    """Runs a program with an environment of its own."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TASKER_", "DATABASE_URL", "PG"))
    }

    def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PROGRAMS / command[0], *command[1:]],
            env={**inherited, "TASKER_HOME": str(home), **environment},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


COMMANDS = [
    *(
        ["tasker-sql", *words.split()]
        for words in ("task list", "db upgrade", "db check", "db url")
    ),
    *(["tasker-sql", *words.split()] for words in ("db psql -c x", "run", "serve --port 0")),
    *(["tasker-sql", *words.split()] for words in ("top problems --once", "demo --no-flights")),
    ["tasker-sql", "config", "check"],
    ["alembic", "upgrade", "head"],
    ["alembic", "current"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_in_production_a_missing_url_is_an_error(home: Path, run: Run, command: list[str]) -> None:
    """No server is made, and the message says how to ask for one."""
    for given in ({}, {"DATABASE_URL": ""}, {"DATABASE_URL": " \t"})[
        : 3 if "list" in command else 1
    ]:
        done = run(*command, TASKER_ENV="production", **given)
        assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
        assert "DATABASE_URL is not set, and TASKER_ENV is production" in done.stderr
        assert "DATABASE_URL=private asks for the private server of this user" in done.stderr
        assert list(home.iterdir()) == []


def test_a_url_in_the_configuration_is_one(home: Path, run: Run) -> None:
    (home / "config").mkdir()
    (home / "config/database.toml").write_text("url = 'host=/nowhere'")
    done = run("tasker-sql", "task", "list", TASKER_CONFIG=str(home / "config"))
    assert (done.returncode, "/nowhere" in done.stderr) == (3, True)


def test_is_named_once_and_ready_at_its_first_use(home: Path, run: Run) -> None:
    """Also in production, when it is asked for; the schema is installed by whatever comes first."""
    said = f"DATABASE_URL names no database: using the private PostgreSQL in {home}/postgres"
    first = run("tasker-sql", "task", "list", TASKER_ENV="production", DATABASE_URL="private")
    assert (first.returncode, first.stdout.strip()) == (0, "no such tasks")
    assert first.stderr.count("private PostgreSQL in") == 1
    for command in (["tasker-sql", "db", "url"], ["alembic", "current"]):
        done = run(*command)
        assert done.returncode == 0
        assert done.stderr.count(said) == 1 and said not in done.stdout
    server = EmbeddedServer(home / "postgres")
    url = server.url("tasker")
    assert run("tasker-sql", "db", "url").stdout.strip() == url
    assert rows(url, "select count(*) from tasker.tasks") == [(0,)]

    server.ensure_database("another")
    other = run("tasker-sql", "task", "list", DATABASE_URL=server.url("another"))
    assert other.returncode == 3 and "private PostgreSQL" not in other.stderr
    assert "tasker-sql db upgrade" in other.stderr, "another's database is left alone"
    assert rows(server.url("another"), "select to_regnamespace('tasker')") == [(None,)]
    assert run("tasker-sql", "db", "stop", DATABASE_URL="private").stdout.strip() == "stopped"
