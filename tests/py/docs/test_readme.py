"""The README and its pages are true: their examples run, and do what the text says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import psql_page
import psycopg
import pytest

pytestmark = pytest.mark.newest

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text()
PSQL = (ROOT / "docs/psql.md").read_text()
TEMPLATES = (ROOT / "docs/templates.md").read_text()
TASKER_SQL = Path(sys.executable).parent / "tasker-sql"
LINK = re.compile(r"\]\(([^)#]*)(?:#([^)]*))?\)")


def example(text: str, language: str, containing: str) -> str:
    """The one block in a language that contains a text."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (block,) = [block for block in blocks if containing in block]
    return str(block)


def test_the_session_in_psql_prints_what_the_page_shows(database: str) -> None:
    commands = psql_page.commands(PSQL)
    shown, printed = psql_page.outputs(PSQL), psql_page.run(PSQL, database)
    assert len(commands) == len(shown) == len(printed) > 20
    for command, expected, actual in zip(commands, shown, printed, strict=True):
        assert psql_page.anonymous(actual) == psql_page.anonymous(expected), command


def test_the_workflow_in_python_runs_as_the_readme_says(database: str, tmp_path: Path) -> None:
    for name in ("flows.py", "start.py"):
        (tmp_path / name).write_text(example(README, "python", f"# {name}"))
    run, start = example(README, "sh", "-m flows").splitlines()
    wanted = start.split("# ")[1]
    environment = {**os.environ, "DATABASE_URL": database, "PYTHONPATH": str(tmp_path)}
    command = [str(TASKER_SQL), *run.split("&")[0].split()[1:]]
    with subprocess.Popen(command, cwd=tmp_path, env=environment) as worker:
        try:
            done = subprocess.run(
                [sys.executable, "start.py"],
                cwd=tmp_path,
                env=environment,
                stdout=subprocess.PIPE,
                text=True,
                check=True,
                timeout=90,
            )
        finally:
            worker.terminate()
        assert worker.wait(60) == 0
    assert done.stdout.strip() == wanted


def test_the_handler_in_sql_is_a_function_that_works(database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("create schema shop; create table shop.stock (item text, reserved int)")
        connection.execute("insert into shop.stock values ('lamp', 0)")
        connection.execute(example(PSQL, "sql", "create function shop.reserve_inventory").encode())
        connection.execute("""select shop.reserve_inventory('{"item": "lamp"}', '{}')""")
        assert connection.execute("select reserved from shop.stock").fetchall() == [(1,)]


@pytest.mark.parametrize("environment", ["development", "test"])
def test_the_template_of_its_page_is_well(tmp_path: Path, environment: str) -> None:
    (tmp_path / "order.yaml").write_text(example(TEMPLATES, "yaml", "environments"))
    subprocess.run(
        [TASKER_SQL, "template", "lint", tmp_path / "order.yaml"],
        env={**os.environ, "TASKER_ENV": environment},
        check=True,
        timeout=60,
    )


def headings(page: Path) -> set[str]:
    """The anchors of a page, as code hosts make them."""
    found = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in found}


@pytest.mark.parametrize(
    "page",
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))],
    ids=lambda page: page.name,
)
def test_links_lead_somewhere(page: Path) -> None:
    dead = []
    for place, heading in LINK.findall(page.read_text()):
        if place.startswith(("http:", "https:")):
            continue
        target = page.parent / place if place else page
        if not target.exists() or (heading and heading not in headings(target)):
            dead.append(f"{place}#{heading}")
    assert dead == []
