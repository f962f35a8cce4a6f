"""The package as a whole: one name for one class, and imports that cost little."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

import tasker_sql

PACKAGE = Path(tasker_sql.__file__).parent

LOADED = """
import sys
before = set(sys.modules)
{}
loaded = {{name.partition(".")[0] for name in set(sys.modules) - before}}
print(*sorted(loaded - set(sys.stdlib_module_names)))
"""


def test_no_two_modules_define_a_class_of_the_same_name() -> None:
    modules = defaultdict[str, list[str]](list)
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                modules[node.name].append(str(path.relative_to(PACKAGE)))
    assert {name: where for name, where in modules.items() if len(where) > 1} == {}


@pytest.mark.parametrize(
    "statement",
    [
        "import tasker_sql",
        "from tasker_sql import handler, Step, RetryableError, PermanentError, TaskFailed",
        "import sys; sys.argv[1:] = ['--version']; from tasker_sql.cli import main; main()",
    ],
)
def test_what_is_imported_often_loads_nothing_but_python(statement: str) -> None:
    """The driver, the models and the tables of the command line take most of a second to load."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED.format(statement)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "tasker_sql"
