"""Takes guards out of the SQL, one at a time, and finds the test that fails without each.

A mutant is the engine with one guard less; `guards.toml` lists them. A guard that no test misses
is either not tested or not needed: write the test, or take the guard out for good.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import psycopg

from tasker_sql.schema import truth

ROOT = Path(__file__).parents[4]
TABLE = ROOT / "docs" / "mutants.md"
NEEDED = ("alembic", "config", "docs", "examples", "sql", "tasker_sql", "tests", "pyproject.toml")
MINUTES = 20  # after which a run that has not ended counts as no answer

Fate = Literal["killed", "survived", "broken"]

# These would notice any change of the text, or do not look at the engine at all.
NOT_ASKED = {
    *("test_truth", "test_migrations", "test_mutants", "test_readme", "test_sql_readme"),
    *("test_style", "test_breaker", "test_demo", "test_drawing", "test_embedded", "test_sessions"),
    *("test_tap", "test_evidence", "test_guarantees", "test_limits"),
}
# Asked in this order, after the files of tests/sql and the races, and before all the others.
ASKED_FIRST = ("test_hostile", "test_properties", "test_stress", "test_budgets")

CHECK = """
select p.oid::regprocedure::text, c.lineno, c.message
  from pg_proc as p
  join pg_language as l on l.oid = p.prolang and l.lanname = 'plpgsql'
 cross join plpgsql_check_function_tb(p.oid, fatal_errors => false) as c
 where p.pronamespace = 'tasker'::regnamespace
   and p.proname = any (%s)
   and c.level = 'error'
"""


class MutantError(Exception):
    """A mutant that does not fit the engine any more."""


@dataclass(frozen=True)
class Edit:
    """A change of one definition. The old text occurs in it exactly once."""

    function: str
    old: str
    new: str


@dataclass(frozen=True)
class Mutant:
    """An engine without a guard; several edits where a second line of defence goes, too."""

    removed: str
    edits: tuple[Edit, ...]

    @property
    def function(self) -> str:
        return self.edits[0].function

    @property
    def name(self) -> str:
        return f"{self.function}: {self.removed}"

    def texts(self) -> dict[str, str]:
        """The definitions that differ, by name. Raises MutantError when an edit does not fit."""
        texts: dict[str, str] = {}
        for edit in self.edits:
            name = edit.function
            text = texts.get(name) or _truth().get(name, "")
            if (count := text.count(edit.old)) != 1:
                raise MutantError(f"{self.name}: the old text occurs {count} times in {name}")
            texts[name] = text.replace(edit.old, edit.new)
        return texts


@dataclass(frozen=True)
class Result:
    """What the tests said about a mutant. Only a failed assertion kills."""

    mutant: Mutant
    fate: Fate
    killer: str  # the node id of the test
    seconds: float
    output: str


def load() -> list[Mutant]:
    """The mutants, in the order of `guards.toml`, whose head explains its form."""
    found = tomllib.loads(Path(__file__).with_name("guards.toml").read_text())
    return [
        Mutant(
            one["removed"],
            tuple(
                Edit(edit.get("in", function), edit["old"], edit.get("new", ""))
                for edit in (one, *one.get("also", ()))
            ),
        )
        for function, mutants in found.items()
        for one in mutants
    ]


def compile_all(dsn: str, mutants: Sequence[Mutant]) -> None:
    """Install each mutant in a database, and roll it back: only behaviour may kill.

    Raises MutantError for one that PostgreSQL refuses, and for one that plpgsql_check does, where
    the database has that.
    """
    with psycopg.connect(dsn, autocommit=True) as connection:
        plpgsql_check = "select from pg_extension where extname = 'plpgsql_check'"
        can_check = connection.execute(plpgsql_check).fetchone() is not None
        for mutant in mutants:
            with connection.transaction(force_rollback=True):
                for text in mutant.texts().values():
                    try:
                        connection.execute(text.encode())
                    except psycopg.Error as error:
                        raise MutantError(f"{mutant.name}: {error}") from error
                names = [edit.function for edit in mutant.edits]
                if can_check and (wrong := connection.execute(CHECK, [names]).fetchall()):
                    raise MutantError(f"{mutant.name}: {wrong}")


def run(mutant: Mutant, stages: Sequence[Sequence[str]], *, pg: int = 18) -> Result:
    """Run tests on a mutant, stage after stage, until one fails."""
    started = time.monotonic()
    code, output = 0, ""
    with _copy(mutant) as folder:
        for tests in stages:
            code, output = _pytest(folder, tests, pg)
            if code:
                break
    failed = re.search(r"^(FAILED|ERROR) (.+?)(?: - |$)", output, re.MULTILINE)
    behaves = failed and (failed[1] == "FAILED" or "ERROR at teardown of" in output)
    fate: Fate = "killed" if code == 1 and behaves else "broken" if code else "survived"
    killer = failed[2] if failed else ""
    return Result(mutant, fate, killer, time.monotonic() - started, output)


def passes(tests: Sequence[str], *, pg: int = 18) -> str:
    """What is wrong with tests on the engine as it is; nothing when they pass."""
    with _copy(None) as folder:
        code, output = _pytest(folder, tests, pg)
    return output if code else ""


def stages_for(mutant: Mutant) -> list[list[str]]:
    """All tests, the likeliest killers first: what killed it last, its own, its callers', ..."""
    last = [file for file in [killers().get(mutant.name, "")] if (ROOT / file).is_file()]
    own = [file for name in _callers(mutant.function) for file in _sql(name)]
    files = {path.stem: path for path in (ROOT / "tests" / "py").rglob("test_*.py")}
    races = sorted(name for name in files if name.startswith(("test_races", "test_interleav")))
    order = dict.fromkeys([*races, *ASKED_FIRST, *sorted(files)])
    asked = [name for name in order if name in files and name not in NOT_ASKED]
    stages: list[list[str]] = []
    for stage in (
        last,
        own,
        [str(files[name].relative_to(ROOT)) for name in asked if name in races],
        _sql("*"),
        [str(files[name].relative_to(ROOT)) for name in asked if name not in races],
    ):
        before = set().union(*stages)
        stages.append([file for file in dict.fromkeys(stage) if file not in before])
    return [stage for stage in stages if stage]


@cache
def killers() -> dict[str, str]:
    """Which file killed a mutant when the table was last written."""
    text = TABLE.read_text() if TABLE.is_file() else ""
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| \[.*?\]\(\.\./(.*?)\)", text, re.MULTILINE)
    return {f"{function}: {removed}": path for function, removed, path in rows}


def _sql(folder: str) -> list[str]:
    return sorted(str(f.relative_to(ROOT)) for f in ROOT.glob(f"tests/sql/{folder}/*.sql"))


@cache
def _truth() -> dict[str, str]:
    return truth.read()


@cache
def _callers(function: str) -> list[str]:
    """A function and all that call it, the nearest first."""
    found, texts = [function], _truth()
    for name in found:
        calls = re.compile(rf"\btasker\.{name}\b")
        found += [
            caller for caller, text in texts.items() if caller not in found and calls.search(text)
        ]
    return found


@contextmanager
def _copy(mutant: Mutant | None) -> Iterator[Path]:
    """A copy of the repository, mutated."""
    texts = mutant.texts() if mutant else {}
    with tempfile.TemporaryDirectory(prefix="tasker-sql-mutant-") as name:
        for needed in NEEDED:
            if (ROOT / needed).is_dir():
                shutil.copytree(
                    ROOT / needed, Path(name, needed), ignore=shutil.ignore_patterns("__pycache__")
                )
            else:
                shutil.copy(ROOT / needed, name)
        for function, text in texts.items():
            (file,) = Path(name).glob(f"sql/functions/*/{function}.sql")
            file.write_text(text)
        yield Path(name)


def _pytest(folder: Path, tests: Sequence[str], pg: int) -> tuple[int, str]:
    options = ["-x", "-q", "--tb=short", "-rfE", "-p", "no:cacheprovider", "--all", "--pg", str(pg)]
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, *tests],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "500"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=MINUTES * 60,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return -1, f"no answer within {MINUTES} minutes"
    return done.returncode, done.stdout
