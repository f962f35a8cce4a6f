"""`make client`: write tasker_sql/calls.py, tasker_sql/rows.py and tasker_sql/async_calls.pyi.

The names, arguments, defaults, columns and comments come from the catalog, and what the catalog
does not know comes from client.toml beside this file. A test compares the result with the files.
"""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from keyword import iskeyword
from pathlib import Path
from typing import Any, Final

import servers

from tasker_sql.errors import BY_CODE, BusyError

ROOT: Final = Path(__file__).parents[1]
TABLE: Final = Path(__file__).with_name("client.toml")
WIDTH: Final = 100

# What may be called or looked at, in the order of the view `reference`.
OBJECTS: Final = """
select section.section, named.name, coalesce(function.meaning, shown.meaning),
       function.names, function.types, function.defaults, coalesce(function.columns, shown.columns)
  from tasker._sections as section
 cross join unnest(section.names) with ordinality as named (name, place)
  left join lateral (
       select obj_description(oid, 'pg_proc') as meaning,
              proargnames[1:pronargs] as names,
              array(select format_type(type, null) from unnest(proargtypes) as type) as types,
              array(select pg_get_function_arg_default(oid, n)
                      from generate_series(1, pronargs) as n) as defaults,
              array(select array[proargnames[n], format_type(proallargtypes[n], null)]
                      from generate_series(1, cardinality(proallargtypes)) as n
                     where proargmodes[n] = 't') as columns
         from pg_proc
        where pronamespace = 'tasker'::regnamespace and proname = named.name
          and 't' = any (proargmodes)
       ) as function on true
  left join lateral (
       select obj_description(oid, 'pg_class') as meaning,
              array(select array[attname::text, format_type(atttypid, null)]
                      from pg_attribute
                     where attrelid = oid and attnum > 0 and not attisdropped
                     order by attnum) as columns
         from pg_class
        where relnamespace = 'tasker'::regnamespace and relname = named.name and relkind = 'v'
       ) as shown on true
 where function.meaning is not null or shown.meaning is not null
 order by section.place, named.place
"""

ARGUMENTS: Final = {
    "text": "str",
    "integer": "int",
    "bigint": "int",
    "double precision": "float",
    "boolean": "bool",
    "uuid": "UUID",
    "timestamp with time zone": "datetime",
    "interval": "timedelta",
    "jsonb": "Any",
    "text[]": "Sequence[str]",
    "uuid[]": "Sequence[UUID]",
    "jsonb[]": "Sequence[Any]",
}
COLUMNS: Final = ARGUMENTS | {
    "numeric": "Decimal",
    "real": "float",
    "timestamp without time zone": "datetime",
    "text[]": "list[str]",
    "uuid[]": "list[UUID]",
}
VALUES: Final = {
    "jsonb": "_json({})",
    "jsonb[]": "[encode(value) for value in {}]",
    "text[]": "_array({})",
    "uuid[]": "_array({})",
}
DEFAULTS: Final = {"NULL": "None", "'{}'": "EMPTY", "'00:00:30'": "LEASE", "true": "True"}
DEFAULTS.update({"false": "False", "'UTC'": '"UTC"'})
ERRORS: Final = {code: kind.__name__ for code, kind in BY_CODE.items()} | {
    "55P03": BusyError.__name__
}

ROWS_HEAD: Final = '''"""The rows that functions and views return. Written by `make client`."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID
'''
CALLS_HEAD: Final = '''"""One method for each public SQL function. Written by `make client`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from uuid import UUID

from tasker_sql import rows
from tasker_sql.jsonb import encode

R = TypeVar("R")

EMPTY: Final[Mapping[str, Any]] = {}
LEASE: Final = timedelta(seconds=30)


def _json(value: Any) -> Any:
    return None if value is None else encode(value)


def _array(values: Sequence[Any] | None) -> list[Any] | None:
    return None if values is None else list(values)


def _with_contexts(steps: list[rows.ClaimedStep]) -> list[rows.ClaimedStep]:
    """Steps whose context was sent with another step of their task."""
    contexts = {step.task_uuid: step.context for step in steps if step.context is not None}
    return [
        step if step.context is not None else step._replace(context=contexts.get(step.task_uuid))
        for step in steps
    ]


class Calls(ABC):
    """The public functions of the schema `tasker`, with the arguments and comments that they have
    in the database."""

    @abstractmethod
    def _rows(self, row: type[R], source: str, *arguments: Any) -> list[R]:
        """The columns of a row, selected from a function or view."""

    def _one(self, row: type[R], source: str, *arguments: Any) -> R:
        return self._rows(row, source, *arguments)[0]

    def _maybe(self, row: type[R], source: str, *arguments: Any) -> R | None:
        found = self._rows(row, source, *arguments)
        return found[0] if found else None
'''


ASYNC_HEAD: Final = '''"""The methods of `Calls`, to await, for type checkers. Written by
`make client`."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tasker_sql import rows
from tasker_sql.calls import EMPTY, LEASE

class AsyncCalls:
'''


@dataclass(frozen=True)
class Argument:
    """Of a function."""

    sql_name: str
    sql_type: str
    default: str | None
    may_be_none: bool

    @property
    def name(self) -> str:
        return _python_name(self.sql_name)

    @property
    def declared(self) -> str:
        kind = ARGUMENTS[self.sql_type]
        default = None if self.default is None else _default(self.default)
        if (default == "None" or self.may_be_none) and kind != "Any":
            kind += " | None"
        return f"{self.name}: {kind}" + ("" if default is None else f" = {default}")

    @property
    def value(self) -> str:
        return VALUES.get(self.sql_type, "{}").format(self.name)


@dataclass(frozen=True)
class Object:
    """A function or a view."""

    section: str
    name: str
    meaning: str
    arguments: Sequence[Argument] | None  # none at all: it is a view
    columns: Mapping[str, str]


@dataclass(frozen=True)
class Row:
    """A row class, and what returns it: a name, and how many rows ("", "list" or "maybe")."""

    name: str
    about: str
    of: Mapping[str, str]
    may_be_null: frozenset[str]


def objects(dsn: str, may_be_none: Sequence[str]) -> list[Object]:
    """What the catalog says."""
    found = []
    for section, name, meaning, names, types, defaults, columns in servers.rows(dsn, OBJECTS):
        arguments = types and [
            Argument(one, kind, default, f"{name}.{one.removeprefix('p_')}" in may_be_none)
            for one, kind, default in zip(names, types, defaults, strict=True)
        ]
        found.append(Object(section, name, " ".join(meaning.split()), arguments, dict(columns)))
    return found


def table() -> tuple[list[Row], Sequence[str]]:
    """What client.toml says: the rows, and the arguments that may be None."""
    read = tomllib.loads(TABLE.read_text())
    rows = []
    for name, row in read["rows"].items():
        null = {*read["null"], *row.get("null", ())} - set(row.get("never", ()))
        of = {one.split()[-1]: " ".join(one.split()[:-1]) for one in row["of"]}
        rows.append(Row(name, row["about"], of, frozenset(null)))
    return rows, read["none"]


def generated(dsn: str) -> dict[Path, str]:
    """The text of both files for this database."""
    rows, may_be_none = table()
    known = {one.name: one for one in objects(dsn, may_be_none)}
    listed = {name for row in rows for name in row.of}
    functions = {one.name for one in known.values() if one.arguments is not None}
    if missing := sorted(functions - listed):
        raise SystemExit(f"{TABLE.name} needs a row for {', '.join(missing)}")
    if unknown := sorted(listed - known.keys()):
        raise SystemExit(
            f"{TABLE.name} names {', '.join(unknown)}, which the database does not have"
        )
    package = ROOT / "tasker_sql"
    return {
        package / "rows.py": _formatted("\n\n".join([ROWS_HEAD, *_classes(rows, known)])),
        package / "async_calls.pyi": _formatted(
            "\n".join([ASYNC_HEAD, *_stubs(rows, known)]), "pyi"
        ),
        package / "calls.py": _formatted("\n".join([CALLS_HEAD, *_methods(rows, known)])),
    }


def _classes(rows: Sequence[Row], known: Mapping[str, Object]) -> Iterator[str]:
    for row in rows:
        lines = [f"class {row.name}(NamedTuple):", *_docstring([row.about], 4), ""]
        for name, kind in _columns(row, known).items():
            python = COLUMNS[kind]
            if name in row.may_be_null and python != "Any":
                python += " | None"
            # A tuple has a method of this name.
            ignored = "  # type: ignore[assignment]" if hasattr(tuple, name) else ""
            lines.append(f"    {name}: {python}{ignored}")
        yield "\n".join(lines)


def _columns(row: Row, known: Mapping[str, Object]) -> dict[str, str]:
    """Those of all that returns it; what one of these lacks is null there."""
    return {name: kind for one in row.of for name, kind in known[one].columns.items()}


def _methods(rows: Sequence[Row], known: Mapping[str, Object]) -> Iterator[str]:
    section = ""
    row_of = {name: row for row in rows for name in row.of}
    for one in known.values():
        if one.name not in row_of:
            continue
        if one.section != section:
            section = one.section
            yield f"    # {section}\n"
        yield "\n".join(_method(one, row_of[one.name], _columns(row_of[one.name], known)))


def _stubs(rows: Sequence[Row], known: Mapping[str, Object]) -> Iterator[str]:
    row_of = {name: row for row in rows for name in row.of}
    for one in known.values():
        if one.name in row_of:
            yield f"    async {_signature(one, row_of[one.name])} ..."


def _signature(one: Object, row: Row) -> str:
    declared = ", ".join(["self", *(argument.declared for argument in one.arguments or ())])
    returned = {"list": "list[rows.{}]", "maybe": "rows.{} | None"}.get(row.of[one.name], "rows.{}")
    return f"def {one.name}({declared}) -> {returned.format(row.name)}:"


def _method(one: Object, row: Row, columns: Mapping[str, str]) -> Iterator[str]:
    many = row.of[one.name]
    arguments = one.arguments or ()
    yield f"    {_signature(one, row)}"
    yield from _docstring(_paragraphs(one.meaning), 8)
    source = f"tasker.{one.name}"
    if one.arguments is not None:
        passed = [f"{each.sql_name} => %s::{each.sql_type}" for each in arguments]
        source += f"({', '.join(passed)})"
    if absent := [name for name in columns if name not in one.columns]:
        nulls = ", ".join(f"null::{columns[name]}" for name in absent)
        source += f", (values ({nulls})) as absent ({', '.join(absent)})"
    values = "".join(f", {argument.value}" for argument in arguments)
    call = {"list": "_rows", "maybe": "_maybe"}.get(many, "_one")
    answer = f"self.{call}(rows.{row.name}, {{}}{values})"
    if any(argument.name == "context_once" for argument in arguments):
        answer = f"_with_contexts({answer})"
    answer = f"        return {answer}"
    text = f'"{source}"'
    if len(answer.format(text)) > WIDTH:
        yield _sql(source)
        text = "sql"
    yield answer.format(text)
    yield ""


def _sql(source: str) -> str:
    """A variable with the text, in which no line ends between an argument and its value."""
    one = f'        sql = "{source}"'
    if len(one) <= WIDTH:
        return one
    unbroken = re.sub(r"(?<!,) ", "\0", source)
    return _folded(f'sql = """{unbroken}"""', " " * 8, " " * 12).replace("\0", " ")


def _paragraphs(meaning: str) -> list[str]:
    """A comment in the words of Python: what it does, the rest, and what it raises."""
    text = re.sub(r"\bp_(\w+)", lambda found: f"`{_python_name(found[1])}`", meaning)
    text = re.sub(r"\b[Nn]ull\b", "None", text)
    text = re.sub(r"\b[Rr]aises .*", _named_errors, text)
    text, raises, errors = text.partition(" Raises ")
    first, _, rest = re.sub(r"(?<=[.?]) ", "\n", text, count=1).partition("\n")
    return [part for part in (first, rest, f"Raises {errors}" if raises else "") if part]


def _named_errors(raises: re.Match[str]) -> str:
    return re.sub(r"\w+", lambda word: ERRORS.get(word[0], word[0]), raises[0])


def _docstring(paragraphs: Sequence[str], indent: int) -> list[str]:
    margin = " " * indent
    first, *more = [one.replace("\\", "\\\\") for one in paragraphs]
    if not more:
        return [_folded(f'"""{first}"""', margin)]
    return [
        _folded(f'"""{first}', margin),
        "",
        *(_folded(one, margin) for one in more),
        f'{margin}"""',
    ]


def _folded(text: str, margin: str, hanging: str = "") -> str:
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=margin,
        subsequent_indent=hanging or margin,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _python_name(sql_name: str) -> str:
    name = sql_name.removeprefix("p_")
    return f"{name}_" if iskeyword(name) else name


def _default(expression: str) -> str | None:
    """In Python; None for one that the database computes: then a value is needed."""
    value = expression.partition("::")[0]
    if value in DEFAULTS:
        return DEFAULTS[value]
    if found := re.fullmatch(r"'00:00:(\d\d)'", value):
        return f"timedelta(seconds={int(found[1])})"
    if re.fullmatch(r"-?\d+", value):
        return value
    return None


def _formatted(text: str, kind: str = "py") -> str:
    ruff = f"{Path(sys.executable).with_name('ruff')}"
    done = subprocess.run(
        [ruff, "format", "--stdin-filename", f"calls.{kind}", "-"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    if done.returncode:
        raise SystemExit(f"ruff does not take the text:\n{done.stderr}")
    return done.stdout


def main() -> Any:
    server = servers.Server(servers.NEWEST)
    try:
        with server.database(server.migrated) as dsn:
            for path, text in generated(dsn).items():
                path.write_text(text)
                print(f"wrote {path.relative_to(ROOT)}: {text.count(chr(10))} lines")
    finally:
        server.close()


if __name__ == "__main__":
    main()
