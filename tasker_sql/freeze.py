"""Freezes the truth in `sql/` into revisions. Only the authors of migrations need this module.

`alembic revision -m "..."` copies every definition that differs from its newest frozen copy to
`alembic/frozen/<revision>/` and writes the calls that install it. A revision is either made so,
from functions and views, or written by hand, for tables.

A definition is `functions/<name>.sql` or `views/<name>.sql`: one object, one file, one name.
"""

from __future__ import annotations

import ast
import re
import shutil
import sys
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import alembic.config
from alembic.operations import MigrateOperation
from alembic.operations.ops import MigrationScript
from alembic.runtime.migration import MigrationContext

from tasker_sql import schema
from tasker_sql.versioned import FROZEN, KINDS, Install, Uninstall, drop_statement

ROOT = schema.SCRIPTS.parent
TRUTH = ROOT / "sql"
VERSIONS = schema.SCRIPTS / "versions"
SUMS = FROZEN / "SHA256SUMS"  # of the sealed revisions; `sha256sum -c` reads it from the root


class FreezeError(Exception):
    """The truth cannot be frozen. The message names the file."""


class Frozen(NamedTuple):
    """A frozen copy of a definition."""

    path: str  # below `alembic/frozen`
    text: str


class Plan(NamedTuple):
    """What a revision holds: texts by name, and the operations up and down, in order."""

    texts: dict[str, str]
    up: list[MigrateOperation]
    down: list[MigrateOperation]


def truth() -> dict[str, str]:
    """The text of every definition in `sql/`, by name.

    Raises FreezeError for a file that does not define the object that it is named after.
    """
    texts = _read(TRUTH)
    for name, text in texts.items():
        path = PurePosixPath(name)
        begins = f"create or replace {KINDS[path.parent.name]} tasker.{path.stem}"
        if not re.search(rf"^{begins}\b", text, re.MULTILINE):
            raise FreezeError(f"sql/{name} must define its name: {begins} ...")
    return texts


def frozen() -> dict[str, Frozen]:
    """The newest frozen copy of every definition that the newest revision has, by name."""
    newest: dict[str, Frozen] = {}
    for folder in sorted(FROZEN.glob("[0-9]*")):
        for name, text in _read(folder).items():
            newest[name] = Frozen(f"{folder.name}/{name}", text)
    return {name: copy for name, copy in newest.items() if copy.text != drop_statement(name)}


def in_order(texts: Mapping[str, str]) -> list[str]:
    """The names, each after those that its definition needs, else alphabetically.

    A definition needs what it mentions as `tasker.<name>` outside of quoted bodies: a view needs
    the views and functions that it reads; a function needs the type that it returns, and the
    bodies of functions are not looked at until they run (`check_function_bodies = off`).
    Raises FreezeError for a circle.
    """
    graph = {name: needs(name, texts) for name in sorted(texts)}
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise FreezeError("definitions need each other: " + " -> ".join(error.args[1])) from error


def needs(name: str, texts: Mapping[str, str]) -> set[str]:
    """The definitions that must be there before this one is; see `in_order`."""
    quoted = r"--[^\n]*|/\*.*?\*/|(\$\w*\$).*?\1|'(?:[^']|'')*'"
    text = re.sub(quoted, " ", texts[name], flags=re.DOTALL)
    words = set(re.findall(r"\btasker\.(\w+)", text))
    return {other for other in texts if PurePosixPath(other).stem in words} - {name}


def plan(revision: str, before: Mapping[str, Frozen], now: Mapping[str, str]) -> Plan:
    """The revision that leads from the definitions before it to those of now.

    Up replaces in place, in order, and then drops what is gone. Down drops what is new, and
    changed views, because only dropping takes a column away from a view, and whatever needs
    them; then it puts the copies of before back, in order.
    """
    texts_before = {name: copy.text for name, copy in before.items()}
    changed = [name for name in in_order(now) if texts_before.get(name) != now[name]]
    gone = [name for name in reversed(in_order(texts_before)) if name not in now]
    texts = {name: now[name] for name in changed} | {name: drop_statement(name) for name in gone}

    dropped: set[str] = set()
    for name in in_order(now):
        is_new_or_view = name not in before or name.startswith("views/")
        if (name in changed and is_new_or_view) or needs(name, now) & dropped:
            dropped.add(name)
    restored = dropped.union(changed, gone)
    return Plan(
        texts,
        up=[Install(f"{revision}/{name}") for name in [*changed, *gone]],
        down=[
            *[Uninstall(name) for name in reversed(in_order(now)) if name in dropped],
            *[Install(before[name].path) for name in in_order(texts_before) if name in restored],
        ],
    )


def pending() -> list[str]:
    """The definitions whose truth is not frozen."""
    return sorted(plan("next", frozen(), truth()).texts)


def freeze(_context: MigrationContext, _revision: object, scripts: list[MigrationScript]) -> None:
    """Alembic's hook of `alembic revision`: number it, copy what changed, list the operations."""
    script = scripts[0]
    assert script.upgrade_ops is not None and script.downgrade_ops is not None
    script.rev_id = f"{int(schema.head()) + 1:04d}"
    made = plan(script.rev_id, frozen(), truth())
    for name, text in made.texts.items():
        copy = FROZEN / script.rev_id / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(text)
    script.upgrade_ops.ops.extend(made.up)
    script.downgrade_ops.ops.extend(made.down)


def refreeze() -> str:
    """Make the last revision again from the truth of today; returns its number.

    Raises FreezeError when it is sealed, or when it holds anything written by hand.
    """
    revision = schema.head()
    script = next(VERSIONS.glob(f"{revision}_*.py"))
    if str(script.relative_to(ROOT)) in sealed():
        raise FreezeError(f"revision {revision} is released; `alembic revision` makes the next")
    module = ast.parse(script.read_text())
    for function in module.body:
        for statement in function.body if isinstance(function, ast.FunctionDef) else []:
            if not re.fullmatch(r"pass|op\.(un)?install\(.*\)", ast.unparse(statement)):
                raise FreezeError(f"{script.name}, line {statement.lineno}, was written by hand")
    in_order(truth())  # nothing is removed for a truth that cannot be frozen
    message = ast.get_docstring(module) or "definitions"
    script.unlink()
    shutil.rmtree(FROZEN / revision, ignore_errors=True)
    alembic.config.main(["-c", str(ROOT / "pyproject.toml"), "revision", "-m", message])
    return revision


def sealed() -> dict[str, str]:
    """The SHA-256 of every file of a released revision, by path from the root."""
    lines = SUMS.read_text().splitlines() if SUMS.exists() else []
    return {path: digest for digest, path in (line.split("  ", 1) for line in lines)}


def broken_seals() -> list[str]:
    """The paths of released files that have changed or are gone."""
    return [
        path
        for path, digest in sealed().items()
        if not (ROOT / path).is_file() or _digest(ROOT / path) != digest
    ]


def seal() -> list[str]:
    """Promise that the revisions made so far never change; returns the paths that are new."""
    sums = sealed()
    files = [*VERSIONS.glob("[0-9]*.py"), *FROZEN.glob("[0-9]*/**/*.sql")]
    new = sorted({str(file.relative_to(ROOT)) for file in files} - sums.keys())
    sums |= {path: _digest(ROOT / path) for path in new}
    SUMS.write_text("".join(f"{sums[path]}  {path}\n" for path in sorted(sums)))
    return new


def _digest(file: Path) -> str:
    return sha256(file.read_bytes()).hexdigest()


def _read(folder: Path) -> dict[str, str]:
    files = [file for kind in KINDS for file in folder.glob(f"{kind}/*.sql")]
    return {f"{file.parent.name}/{file.name}": file.read_text() for file in sorted(files)}


if __name__ == "__main__":
    try:
        match sys.argv[1:]:
            case ["refreeze"]:
                refreeze()
            case ["seal"]:
                print("\n".join(seal()) or "nothing new to seal")
            case _:
                sys.exit("usage: python -m tasker_sql.freeze refreeze | seal")
    except FreezeError as error:
        sys.exit(f"error: {error}")
