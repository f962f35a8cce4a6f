"""The pages on Python are true: their files are written, and run."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import servers
from servers import Server, rows

DOCS = Path(__file__).parents[3] / "docs"
PAGES = [
    DOCS / f"{name}.md"
    for name in ("first-workflow", "testing", "retries-and-errors", "app-transaction", "templates")
]
FILE = re.compile(r"^```\w+\n# (\S+\.(?:py|yaml))\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS = re.compile(r"^```sh\n(?:pip [^\n]*\n)?(.*?)^```$", re.MULTILINE | re.DOTALL)
LONGEST = 30  # lines of an example
TEMPLATE = re.compile(
    r'''@workflow\(namespace="(\w+)",\ version="([\d.]+)"\)\ndef\ (\w+)
    |^name:\ (\w+)\nnamespace_name:\ (\w+)\nversion:\ ([\d.]+)
    |"namespace_name":\ "(\w+)",\ "name":\ "(\w+)",\ "version":\ "([\d.]+)"''',
    re.MULTILINE | re.VERBOSE,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files of the pages."""
    for page in PAGES:
        for name, text in FILE.findall(page.read_text()):
            (tmp_path / name).write_text(text)
    return tmp_path


def run_commands(
    page: str, folder: Path, database: str, port: str = "8000", **environment: str
) -> str:
    """What the commands of a page print, those apart that install packages, with another port than
    8000. The one in the background ends with them."""
    (script,) = COMMANDS.findall((DOCS / page).read_text())
    script = script.replace("localhost:8000", f"localhost:{port}")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euc", f"trap 'kill %1' EXIT\n{script}trap - EXIT; kill %1; wait"],
        cwd=folder,
        env={**os.environ, "PATH": path, "DATABASE_URL": database, **environment},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.newest
def test_the_first_workflow_runs(folder: Path, database: str) -> None:
    said = run_commands("first-workflow.md", folder, database)
    assert re.fullmatch(r"order 8, mail [0-9a-f-]{36}\n", said)


def test_pages_can_be_followed_one_after_the_other_in_one_database() -> None:
    """No page registers what another one has registered with other content."""
    pages = [DOCS.parent / "README.md", *sorted(DOCS.glob("*.md"))]
    found = [
        tuple(sorted(filter(None, one.groups())))
        for page in pages
        for one in TEMPLATE.finditer(page.read_text())
    ]
    assert len(found) > 8
    assert sorted(set(found)) == sorted(found)


@pytest.mark.newest
def test_a_template_in_a_file_runs(folder: Path, database: str) -> None:
    said = run_commands("templates.md", folder, database)
    assert re.search(r'^ship +complete +1/5 +\S+ m?s +{"paid": 59.9, "order": 7}$', said, re.M)


@pytest.mark.newest
@pytest.mark.skipif(not shutil.which("curl"), reason="this machine has no curl")
def test_an_application_is_tried_as_its_page_says(folder: Path, database: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    said = run_commands("app-transaction.md", folder, database, port, UVICORN_PORT=port)
    assert re.search(r'^{"task":"[0-9a-f-]{36}"}$', said, re.MULTILINE)
    assert rows(database, "select id from orders") == [(1,)]


def run_tests(
    folder: Path, file: str = "test_flows.py", **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", file],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.mark.newest
def test_the_tests_of_it_pass(folder: Path, server: Server) -> None:
    done = run_tests(folder, TASKER_TEST_URL=server.embedded.url("postgres"))
    assert re.search(r"^3 passed", done.stdout, re.MULTILINE), done.stdout + done.stderr
    left = server.admin.execute("select datname from pg_database where datname like 'tasker_test%'")
    assert left.fetchall() == []


@pytest.mark.newest
def test_retries_and_errors_are_as_their_page_says(folder: Path, server: Server) -> None:
    done = run_tests(folder, "test_payments.py", TASKER_TEST_URL=server.embedded.url("postgres"))
    assert re.search(r"^2 passed", done.stdout, re.MULTILINE), done.stdout + done.stderr


APPLICATIONS = """
from fastapi.testclient import TestClient
import site_app, tasker_sql, web

with TestClient(web.app) as browser:
    made = browser.post("/orders", json={"id": 7, "amount": 59.9})
    with tasker_sql.Client() as client:
        print(client.result(UUID(made.json()["task"]), timeout=60))
site = site_app.app.test_client()
print(site.post("/orders", json={"id": 8, "amount": 1.0}).status_code)
print(site.post("/orders", json={"id": 8, "amount": 1.0}).status_code)
"""


@pytest.mark.newest
@pytest.mark.slow
def test_applications_start_tasks_with_their_writes(folder: Path, database: str) -> None:
    rows(database, "create table orders (id integer primary key)")
    (folder / "use.py").write_text(f"from uuid import UUID\n{APPLICATIONS}")
    done = subprocess.run(
        [sys.executable, "use.py"],
        cwd=folder,
        env={**os.environ, "DATABASE_URL": database, "TASKER_ENV": "test"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"order 7, mail [0-9a-f-]{36}\n200\n500\n", done.stdout)
    assert rows(database, "select id from orders order by id") == [(7,), (8,)]
    assert rows(database, "select count(*) from tasker.tasks") == [(2,)]


@pytest.mark.slow
def test_they_start_a_server_and_leave_nothing(folder: Path) -> None:
    temporary = servers.temporary_folder()  # which the account that runs it for root can enter
    try:
        done = run_tests(folder, TMPDIR=str(temporary), TASKER_TEST_URL="")
        assert re.search(r"^3 passed", done.stdout, re.MULTILINE), done.stdout + done.stderr
        assert list(temporary.iterdir()) == []
    finally:
        shutil.rmtree(temporary)


def test_examples_are_short() -> None:
    found = [(name, text) for page in PAGES for name, text in FILE.findall(page.read_text())]
    assert [name for name, text in found if text.count("\n") > LONGEST] == []
    assert {name for name, _ in found} == {
        *("flows.py", "start.py", "test_flows.py", "signup.yaml", "web.py", "site_app.py"),
        *("payments.py", "test_payments.py", "orders.yaml", "order_handlers.py"),
    }
