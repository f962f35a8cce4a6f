"""What the commands share: the database, output for people and for scripts, and errors."""

from __future__ import annotations

import dataclasses
import json
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup

from tasker_sql import database
from tasker_sql.client import Client, connect
from tasker_sql.drawing import STYLES
from tasker_sql.embedded import EmbeddedError
from tasker_sql.errors import TaskerError, UnavailableError
from tasker_sql.rows import StepReason, TaskReason
from tasker_sql.schema import SchemaError
from tasker_sql.templates import TemplateError

ENDLESS: Final = 100_000  # columns
NO, USAGE, NO_DATABASE, DEFECT, INTERRUPTED = 1, 2, 3, 4, 130

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Reason = Annotated[
    str, typer.Option("--reason", "-r", help="Why. It is kept in the history.", show_default=False)
]

MOVING: Final = {"running", "submitted", "due", "uncounted", "ended"}  # reasons that pass


class DebugMode:
    on = False


debug_mode: Final = DebugMode()


def console() -> Console:
    """For answers. NO_COLOR is respected; where there is no terminal, no line is folded."""
    made = Console(highlight=False, soft_wrap=False)
    if not made.is_terminal:
        made.width = ENDLESS
    return made


def complain(message: str, detail: str = "", hint: str = "") -> None:
    """Say on stderr what went wrong, the facts, and what helps."""
    stderr = Console(stderr=True, highlight=False, soft_wrap=True)
    stderr.print(Text.assemble(("error: ", "bold red"), message))
    if detail:
        stderr.print(Text(f"  {detail}"))
    if hint:
        stderr.print(Text.assemble(("  hint: ", "bold"), hint))


class Group(TyperGroup):
    """Turns exceptions of any command into messages and exit codes."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KNOWN_ERRORS as error:
            if debug_mode.on:
                traceback.print_exc()
            raise typer.Exit(explain(error)) from error
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None


KNOWN_ERRORS: Final = (
    TaskerError,
    UnavailableError,
    EmbeddedError,
    SchemaError,
    TemplateError,
    ValueError,
    OSError,
    ImportError,
)


def explain(error: Exception) -> int:
    """Say what an error means; the exit code."""
    if isinstance(error, TaskerError) and error.sqlstate.startswith(("42", "3F")):
        hint = "tasker-sql is not installed there, or not up to date: run `tasker-sql db upgrade`."
        complain(error.message, hint=hint)
        return NO_DATABASE
    if isinstance(error, TaskerError):
        complain(error.message, error.detail, error.hint)
        return NO
    if isinstance(error, UnavailableError):
        complain("the database cannot be reached", str(error), "Is DATABASE_URL right?")
        return NO_DATABASE
    if isinstance(error, EmbeddedError | SchemaError):
        complain(str(error))
        return NO_DATABASE
    complain(str(error) or type(error).__name__)
    return USAGE if isinstance(error, ValueError) else NO


@contextmanager
def opened() -> Iterator[Client]:
    """A client for one command."""
    client = connect(database.dsn(), database.application_name("cli"))
    try:
        yield client
    finally:
        client.close()


# Arguments


def json_argument(text: str, what: str) -> Any:
    """JSON given on the command line, as @file, or as - for standard input."""
    if text == "-":
        text = sys.stdin.read()
    elif text.startswith("@"):
        text = Path(text[1:]).read_text(encoding="utf-8")
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{what} is not JSON: {error}") from error


def template_argument(text: str) -> tuple[str, str, str | None]:
    """NAMESPACE/NAME or NAMESPACE/NAME@VERSION."""
    place, _, version = text.partition("@")
    namespace, slash, name = place.partition("/")
    if not (namespace and slash and name):
        raise ValueError(f"a template is written NAMESPACE/NAME or NAMESPACE/NAME@VERSION: {text}")
    return namespace, name, version or None


# Output


def plain(value: Any) -> Any:
    """What a row looks like in JSON."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return str(value) if isinstance(value, UUID) else value


def print_json(value: Any) -> None:
    typer.echo(json.dumps(plain(value), indent=2, ensure_ascii=False))


def print_table(headers: Sequence[str], lines: Iterable[Sequence[Any]], empty: str) -> None:
    """A table of values; a sentence when there is none."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for header in headers:
        table.add_column(header, overflow="fold")
    for line in lines:
        table.add_row(*(cell(value) for value in line))
    console().print(table if table.row_count else empty)


def print_reasons(reasons: Sequence[StepReason | TaskReason], as_json: bool) -> None:
    """Why something waits: a sentence each, what blocks first, with its cure."""
    if as_json:
        print_json(reasons)
        return
    for reason in reasons:
        style = "red" if reason.blocks and reason.code not in MOVING else "yellow"
        steps = reason.steps if isinstance(reason, TaskReason) else None
        count = f" ({steps} steps, such as this)" if steps and steps > 1 else ""
        out = Text.assemble((reason.code, style), count, "  ", reason.reason)
        if reason.cure:
            out.append(f"\n    {reason.cure}", "bold")
        console().print(out, soft_wrap=True)


def cell(value: Any) -> Text:
    """A value as people read it; states in their colours."""
    if value is None:
        return Text("-", style="dim")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    if isinstance(value, datetime):
        return Text(value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"))
    if isinstance(value, timedelta):
        return Text(duration(value))
    if isinstance(value, dict | list):
        text = json.dumps(value, ensure_ascii=False)
        return Text(text if len(text) <= 60 else f"{text[:56]} ...")
    return Text(str(value), style=STYLES.get(str(value), ""))


def duration(time: timedelta) -> str:
    """1.2 ms, 3.40 s, 5:07 min."""
    seconds = time.total_seconds()
    if seconds < 1:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 60:
        return f"{seconds:.2f} s"
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d} min"
