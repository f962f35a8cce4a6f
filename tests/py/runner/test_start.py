"""What a command imports before it does something, and what Ctrl-C does meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
import typer
from running import SECONDS

from tasker_sql import __version__
from tasker_sql.cli import app
from tasker_sql.cli.commands import ROOT

HEAVY = ("psycopg", "rich", "yaml", "alembic", "sqlalchemy", "textual", "tasker_sql.rows")
INTERRUPTS = """
import sys
class Interrupt:
    def find_spec(self, name, path, target=None):
        if name == {module!r}:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupt())
from tasker_sql.cli import main
sys.argv = ["tasker-sql", "queue", "list"]
main()
"""


def run(program: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def imported(tmp_path: Any, *arguments: str, **environment: str) -> tuple[str, list[str]]:
    """What a command printed, and the modules that it imported."""
    file = tmp_path / "modules"
    program = f"""
import atexit, sys
from pathlib import Path
before = set(sys.modules)
names = lambda: "\\n".join(sorted(set(sys.modules) - before))
atexit.register(lambda: Path({str(file)!r}).write_text(names()))
from tasker_sql.cli import main
main()
"""
    done = run(program, *arguments, **environment)
    assert done.stderr == ""
    return done.stdout, file.read_text().split("\n")


def test_the_version_needs_next_to_nothing(tmp_path: Any) -> None:
    said, modules = imported(tmp_path, "--version")
    assert said == f"tasker-sql {__version__}\n"
    assert len(modules) < 30, modules


@pytest.mark.parametrize(
    ("words", "offered"), [("", set(ROOT)), ("qu", {"queue"}), ("--deb", {"--debug"})]
)
def test_names_of_commands_are_completed_without_them(
    tmp_path: Any, words: str, offered: set[str]
) -> None:
    environment = {"COMP_WORDS": f"tasker-sql {words}", "COMP_CWORD": "1"}
    said, modules = imported(tmp_path, _TASKER_SQL_COMPLETE="complete_bash", **environment)
    assert set(said.split()) == offered
    assert not [name for name in modules if name.startswith(HEAVY)]


def test_the_help_of_all_commands_needs_none_of_them(tmp_path: Any) -> None:
    said, modules = imported(tmp_path, "--help")
    assert "What is configured: show, check, explain." in said
    assert not [name for name in modules if name.startswith(HEAVY)]


@pytest.mark.parametrize("name", ROOT)
def test_the_help_says_of_a_command_what_it_says_itself(name: str) -> None:
    root: Any = typer.main.get_command(app)
    _, command, _ = root.resolve_command(typer.Context(root), [name])
    assert ROOT[name][1] == command.get_short_help_str(200).partition(". ")[0].rstrip(".") + "."


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["db", "--help"]])
def test_it_runs_as_a_module(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tasker_sql", *arguments],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(("tasker-sql ", "Usage: tasker-sql "))


@pytest.mark.parametrize(
    "module", ["tasker_sql.cli.commands", "typer", "tasker_sql.cli.queues", "psycopg", "rich.table"]
)
def test_ctrl_c_while_something_is_imported_shows_no_traceback(module: str) -> None:
    done = run(INTERRUPTS.format(module=module))
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
