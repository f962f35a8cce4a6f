"""The functions and views: where their text is, and how a database gets them.

The truth is `sql/`: one object a file, which is named after it. A release seals a copy of it in
one file, `alembic/frozen/<revision>.sql`. A database knows which texts it has: the last row of
`tasker.installations`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from graphlib import TopologicalSorter
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

Texts = Mapping[str, str]  # of functions and views, by name

PACKAGE = Path(__file__).parents[1]
# A wheel carries both folders inside of the package.
SCRIPTS, SQL = (
    inside if inside.is_dir() else PACKAGE.parent / name
    for name, inside in (("alembic", PACKAGE / "_alembic"), ("sql", PACKAGE / "_sql"))
)
FROZEN = SCRIPTS / "frozen"

# Comments and quoted texts.
UNREAD = re.compile(r"--[^\n]*|/\*.*?\*/|(\$\w*\$).*?\1|'(?:[^']|'')*'", re.DOTALL)
PARTS = re.compile(
    r"\b(create|drop) (?:unique )?(table|index|sequence|type) (?:tasker\.)?(\w+)"
    r"|\b(drop )?constraint (\w+)|\bprimary key\b"
)


def read() -> dict[str, str]:
    """The texts of `sql/`."""
    return {file.stem: file.read_text() for file in sorted(SQL.glob("**/*.sql"))}


def sealed(revision: str) -> dict[str, str]:
    """The texts of the newest release at a revision or below it; none before the first."""
    for file in sorted(FROZEN.glob("[0-9]*.sql"), reverse=True):
        if file.stem <= revision and (texts := split(file.read_text())):
            return texts
    return {}


def parts() -> list[tuple[str, str]]:
    """Kind and name of what the files written by hand make, and do not drop again."""
    found: dict[tuple[str, str], None] = {}
    table = ""
    for file in sorted(FROZEN.glob("[0-9]*.sql")):
        if split(text := file.read_text()):
            continue
        for verb, kind, name, drop, constraint in PARTS.findall(UNREAD.sub(" ", text)):
            table = name if kind == "table" else table
            part = (kind or "constraint", name or constraint)
            if drop or verb == "drop":
                found.pop(part, None)
                found.pop(("primary key of", constraint.removesuffix("_pkey")), None)
            else:
                found[part if part[1] else ("primary key of", table)] = None
    return list(found)


def missing(connection: psycopg.Connection[Any]) -> list[str]:
    """Those of `parts` that the database does not have."""
    kinds, names = zip(*parts(), strict=True)
    rows = connection.execute(
        STATEMENTS["missing"].encode(), {"kinds": list(kinds), "names": list(names)}
    )
    return [part for (part,) in rows]


def join(texts: Texts) -> str:
    """One script that installs all of them; `split` takes it apart again."""
    return "".join(f"--- {name}\n{texts[name]}" for name in in_order(texts))


def split(script: str) -> dict[str, str]:
    """The texts of a script by `join`; none of any other."""
    _, *parts = re.split(r"^--- (\w+)\n", script, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


STATEMENTS = split(Path(__file__).with_suffix(".sql").read_text())


def in_order(texts: Texts) -> list[str]:
    """The names, each after those that its definition needs, else alphabetically.

    A definition needs what it mentions as `tasker.<name>` outside of quoted bodies, which are
    not looked at until they run (`check_function_bodies = off`).
    Raises graphlib.CycleError.
    """
    return list(
        TopologicalSorter({name: needs(name, texts) for name in sorted(texts)}).static_order()
    )


def needs(name: str, texts: Texts) -> set[str]:
    """The definitions that must be there before this one is; see `in_order`."""
    text = UNREAD.sub(" ", texts[name])
    return (set(re.findall(r"\btasker\.(\w+)", text)) & texts.keys()) - {name}


def digests(texts: Texts) -> dict[str, str]:
    """What a database remembers of texts."""
    return {name: sha256(text.encode()).hexdigest() for name, text in texts.items()}


def difference(connection: psycopg.Connection[Any], texts: Texts) -> list[str]:
    """The names of the texts that the database does not have, and of those it has besides.

    Nothing for a database that had exactly these texts once and has newer ones now.
    """
    wanted = digests(texts)
    there = {name.partition("(")[0] for _, name, _, _ in _objects(connection, wanted)}
    if missing := sorted(name for name in wanted if f"tasker.{name}" not in there):
        return missing
    rows = connection.execute(
        "select definitions from tasker.installations order by number desc"
    ).fetchall()
    if any(definitions == wanted for (definitions,) in rows):
        return []
    return _changed(rows[0][0] if rows else {}, wanted)


def install(connection: psycopg.Connection[Any], texts: Texts) -> None:
    """Give the database these functions and views, in its transaction, and drop those it has
    besides: not those of others in our schema.

    Each is replaced in place where PostgreSQL can. Where it cannot, for one that returns something
    else now or a view that loses a column, all are dropped and made again.
    """
    last = "select definitions from tasker.installations order by number desc limit 1"
    row = connection.execute(last.encode()).fetchone()
    had, wanted = row[0] if row else {}, digests(texts)
    there = {name.partition("(")[0] for _, name, _, _ in _objects(connection, wanted)}
    missing = {name for name in wanted if f"tasker.{name}" not in there}
    changed = missing.union(_changed(had, wanted))
    if not changed:
        return
    before = _objects(connection, changed)
    try:
        with connection.transaction():
            _create(connection, texts, changed)
            after = _objects(connection, changed)
            _drop(connection, before & after)
    except (psycopg.ProgrammingError, psycopg.errors.DependentObjectsStillExist):
        if not before:
            raise
        _drop(connection, _objects(connection, had.keys() | wanted.keys()))
        _create(connection, texts, texts)
    if "_create_pair" in changed & wanted.keys():
        connection.execute(STATEMENTS["renew_pairs"].encode())
    connection.execute(STATEMENTS["remember"].encode(), {"definitions": Jsonb(wanted)})


def script(texts: Texts) -> str:
    """What `install` does in a new database, to be printed."""
    wanted = json.dumps(digests(texts))
    remember = STATEMENTS["remember"].replace("%(definitions)s", f"'{wanted}'::jsonb")
    return f"{join(texts)}{remember};\n"


def _changed(had: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    return sorted(name for name in had.keys() | wanted.keys() if had.get(name) != wanted.get(name))


def _objects(
    connection: psycopg.Connection[Any], names: Iterable[str]
) -> set[tuple[str, str, int, str]]:
    return set(
        connection.execute(STATEMENTS["objects"].encode(), {"names": list(names)}).fetchall()
    )


def _create(connection: psycopg.Connection[Any], texts: Texts, names: Iterable[str]) -> None:
    wanted = set(names)
    for name in in_order(texts):
        if name in wanted:
            connection.execute(texts[name].encode())


def _drop(connection: psycopg.Connection[Any], objects: set[tuple[str, str, int, str]]) -> None:
    """Drop them in any order that works. What others built on them stops it."""
    left = sorted(objects)
    while left:
        in_use = []
        for found in left:
            try:
                with connection.transaction():
                    connection.execute(f"drop {found[0]} {found[1]}".encode())
            except psycopg.errors.DependentObjectsStillExist as error:
                in_use.append(found)
                why = error
        if len(in_use) == len(left):
            raise why
        left = in_use
