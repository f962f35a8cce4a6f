"""The README is true: its examples are run, and do what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import readme

TEXT = readme.README.read_text()
TASKER_SQL = Path(sys.executable).parent / "tasker-sql"


def example(language: str, containing: str) -> str:
    """The one block in a language that contains a text."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    (block,) = [block for block in blocks if containing in block]
    return str(block)


@pytest.mark.newest
def test_the_session_in_psql_prints_what_the_readme_shows(database: str) -> None:
    commands = readme.commands(TEXT)
    shown, printed = readme.outputs(TEXT), readme.run(TEXT, database)
    assert len(commands) == len(shown) == len(printed) > 20
    for command, expected, actual in zip(commands, shown, printed, strict=True):
        assert readme.anonymous(actual) == readme.anonymous(expected), command


@pytest.mark.newest
def test_the_worker_in_python_runs_the_task_of_the_readme(database: str, tmp_path: Path) -> None:
    (tmp_path / "worker.py").write_text(example("python", "@handler"))
    template, table = [
        re.sub(r"^[=-]> ", "", command, flags=re.MULTILINE)
        for command in readme.commands(TEXT)
        if "register_template" in command or "create table" in command
    ]
    with psycopg.connect(database) as connection:
        connection.execute(template.encode())
        connection.execute(table.encode())
        connection.execute("insert into orders values (17, 'new')")
    run, create = [
        line.split("#")[0].replace("tasker-sql", str(TASKER_SQL), 1)
        for line in example("sh", "--handlers worker.py").splitlines()
    ]
    environment = {**os.environ, "DATABASE_URL": database}
    with subprocess.Popen(f"exec {run}", shell=True, cwd=tmp_path, env=environment) as worker:
        try:
            subprocess.run(create, shell=True, env=environment, check=True, timeout=60)
        finally:
            worker.terminate()
        assert worker.wait(60) == 0
    with psycopg.connect(database) as connection:
        assert connection.execute("select status from orders").fetchall() == [("reserved",)]
        attempts = connection.execute(
            "select step.name, step.attempt from tasker.tasks"
            " cross join lateral tasker.get_task_steps(tasks.task_uuid) as step"
        ).fetchall()
    assert dict(attempts) == {
        "validate_order": 1,
        "reserve_inventory": 1,
        "process_payment": 2,
        "ship_order": 1,
    }


@pytest.mark.newest
def test_the_handler_in_sql_is_a_function_that_works(database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("create schema shop; create table shop.stock (item text, reserved int)")
        connection.execute("insert into shop.stock values ('lamp', 0)")
        connection.execute(example("sql", "create function shop.reserve_inventory").encode())
        connection.execute("""select shop.reserve_inventory('{"item": "lamp"}', '{}')""")
        assert connection.execute("select reserved from shop.stock").fetchall() == [(1,)]
