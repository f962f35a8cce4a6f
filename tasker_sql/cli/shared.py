"""What the commands share: asking the database, answers for people and for scripts, and errors."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

import typer
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.live import Live
from rich.segment import Segment
from rich.table import Table
from rich.text import Text
from typer.core import TyperCommand, TyperGroup

from tasker_sql import database
from tasker_sql.cli import completion
from tasker_sql.client import Client, connect
from tasker_sql.drawing import STYLES
from tasker_sql.embedded import EmbeddedError
from tasker_sql.errors import TaskerError, UnavailableError
from tasker_sql.rows import Pause, StepReason, TaskReason
from tasker_sql.schema import SchemaError
from tasker_sql.templates import TemplateError

A = TypeVar("A")
F = TypeVar("F", bound=Callable[..., Any])
Part = str | Text | Table
Picture = Part | list[Part]

ENDLESS: Final = 100_000  # columns
NO, USAGE, NO_DATABASE, DEFECT, INTERRUPTED = 1, 2, 3, 4, 130
AWAY: Final = "the database cannot be reached"
WATCH_EVERY: Final = 2  # seconds
WATCH_PATIENCE: Final = 10.0  # seconds that a watched database may be silent

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Watch = Annotated[
    float | None,
    typer.Option(
        *("--watch", "-w"),
        min=0.1,
        metavar="[SECONDS]",
        help=f"Ask again every so many seconds ({WATCH_EVERY}), until Ctrl-C.",
        show_default=False,
    ),
]
Reason = Annotated[
    str, typer.Option("--reason", "-r", help="Why. It is kept in the history.", show_default=False)
]
Namespace = Annotated[
    str | None,
    typer.Option(
        *("--namespace", "-n"),
        help="Of this namespace.",
        autocompletion=completion.namespaces,
    ),
]

MOVING: Final = {"running", "submitted", "due", "uncounted", "ended"}  # reasons that pass


class DebugMode:
    on = False


debug_mode: Final = DebugMode()


def console() -> Console:
    """For answers. NO_COLOR is respected; where there is no terminal, no line is folded."""
    made = Console(highlight=False, markup=False, emoji=False, soft_wrap=False)
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


class Commands(typer.Typer):
    """A group of commands, each of which has examples."""

    def __init__(self, **options: Any) -> None:
        super().__init__(no_args_is_help=True, rich_markup_mode=None, **options)

    def command(self, *arguments: Any, **options: Any) -> Callable[[F], F]:
        return super().command(*arguments, **{"cls": Command, **options})


class Command(TyperCommand):
    """Ends its help with its examples, as they are typed: what the docstring has after `Example:`.

    `--watch` takes a value, or none.
    """

    def __init__(self, name: str | None, *, help: str | None = None, **more: Any) -> None:  # noqa: A002
        told, *examples = re.split(r"\n\nExamples?:\s*", help or "", maxsplit=1)
        super().__init__(name, help=told, **more)
        lines = "\n".join(examples).splitlines()
        self.examples: Final = [line.strip() for line in lines if line.strip()]

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        _write(formatter, "Examples" if len(self.examples) > 1 else "Example", self.examples)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        names = next((param.opts for param in self.params if param.name == "watch"), [])
        found = []
        for place, given in enumerate(args):
            found.append(given)
            value = args[place + 1] if place + 1 < len(args) else ""
            if given in names and not re.fullmatch(r"[\d.]+", value):
                found.append(str(WATCH_EVERY))
        return super().parse_args(ctx, found)


def _write(formatter: Any, title: str, lines: Iterable[str]) -> None:
    """A section of a help with lines that are not folded."""
    with formatter.section(title):
        for line in lines:
            formatter.write(f"{'':{formatter.current_indent}}{line}\n")


class RootGroup(TyperGroup):
    """Turns exceptions of any command into messages and exit codes."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        _write(formatter, "First steps", (self.epilog or "").splitlines())

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # nobody reads on: typer ends quietly
            raise
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


NOT_ALLOWED: Final = {"42501", "25006"}  # no privilege; a standby, or a role that only reads


def explain(error: Exception) -> int:
    """Say what an error means; the exit code."""
    if isinstance(error, TaskerError) and error.sqlstate in NOT_ALLOWED:
        complain(error.message, error.detail, "Connect as a role that may: see DATABASE_URL.")
        return NO_DATABASE
    if isinstance(error, TaskerError) and error.sqlstate.startswith(("42", "3F")):
        hint = "tasker-sql is not installed there, or not up to date: run `tasker-sql db upgrade`."
        complain(error.message, hint=hint)
        return NO_DATABASE
    if isinstance(error, TaskerError):
        complain(error.message, error.detail, error.hint)
        return NO
    if isinstance(error, UnavailableError):
        complain(AWAY, str(error), "Is DATABASE_URL right?")
        return NO_DATABASE
    if isinstance(error, EmbeddedError | SchemaError):
        complain(str(error))
        return NO_DATABASE
    complain(str(error) or type(error).__name__)
    return USAGE if isinstance(error, ValueError) else NO


@contextmanager
def opened(patience: float | None = None) -> Iterator[Client]:
    """A client for one command."""
    client = connect(database.dsn(), database.application_name("cli"), patience=patience)
    try:
        yield client
    finally:
        client.close()


# Asking


def tell(
    ask: Callable[[Client], A],
    draw: Callable[[A], Picture],
    as_json: bool,
    watch: float | None = None,
) -> A:
    """Ask the database, and print the answer; again and again, with `watch` seconds between.

    On a terminal, what is watched is drawn in place, and the last good picture stays, marked, while
    the database is away. Elsewhere one answer follows the other: in JSON, one a line.
    """
    if watch is None:
        with opened() as client:
            found = ask(client)
        answer(found, draw(found), as_json)
        return found
    if as_json or not console().is_terminal:
        _follow(_asked(ask, watch), draw, as_json)
    else:
        _redraw(_asked(ask, watch), draw, watch)
    raise AssertionError("Ctrl-C ends it")


def _asked(ask: Callable[[Client], A], seconds: float) -> Iterator[A | UnavailableError]:
    """Answers for ever, over one connection; an error when the database is away meanwhile.

    Raises UnavailableError when it was never there.
    """
    seen = False
    while True:
        answered = False
        try:
            with opened(WATCH_PATIENCE) as client:
                while True:
                    found = ask(client)
                    seen = answered = True
                    yield found
                    time.sleep(seconds)
        except UnavailableError as error:
            if not seen:
                raise
            if answered:  # this connection was lost; another may do
                continue
            yield error
        time.sleep(seconds)


def _follow(
    answers: Iterable[A | UnavailableError], draw: Callable[[A], Picture], as_json: bool
) -> None:
    was_away = False
    for found in answers:
        if isinstance(found, UnavailableError):
            if not was_away:
                explain(found)
        elif as_json:
            typer.echo(json.dumps(plain(found), ensure_ascii=False))
        else:
            put([f"{datetime.now(UTC):%F %T} UTC", *_parts(draw(found)), ""])
        was_away = isinstance(found, UnavailableError)


def _redraw(
    answers: Iterable[A | UnavailableError], draw: Callable[[A], Picture], seconds: float
) -> None:
    shown: Picture = []
    at = datetime.now(UTC)
    try:
        with Live(console=console(), screen=True, auto_refresh=False) as live:
            for found in answers:
                if isinstance(found, UnavailableError):
                    head = Text(f"as of {at:%T} UTC, {AWAY}: {found}", "bold red")
                else:
                    shown, at = draw(found), datetime.now(UTC)
                    head = Text(f"as of {at:%T} UTC, every {seconds:g} s; Ctrl-C ends it", "dim")
                live.update(_Screenful([head, "", *_parts(shown)]), refresh=True)
    finally:
        put(shown)  # stays when the screen is left


@dataclasses.dataclass
class _Screenful:
    """As much as fits; the last line tells how much does not."""

    parts: list[Part]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = console.render_lines(Group(*self.parts), options.reset_height(), pad=False)
        if (over := len(lines) - options.max_height) > 0:
            said = Text(f"{over + 1} more lines do not fit", "dim")
            lines = lines[: options.max_height - 1] + console.render_lines(said, pad=False)
        yield from (part for line in lines for part in (*line, Segment.line()))


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
    if isinstance(value, Mapping):
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


def answer(value: Any, picture: Picture, as_json: bool) -> None:
    """Print an answer, for scripts or for people."""
    if as_json:
        print_json(value)
    else:
        put(picture)


def put(picture: Picture) -> None:
    """Print a picture: text as it is, tables as wide as the terminal."""
    out = console()
    for part in _parts(picture):
        out.print(part, soft_wrap=not isinstance(part, Table))


def _parts(picture: Picture) -> list[Part]:
    return picture if isinstance(picture, list) else [picture]


def table(headers: Sequence[str], lines: Iterable[Sequence[Any]], empty: str) -> Part:
    """A table of values; a sentence when there is none."""
    rows = list(lines)
    made = Table(box=None, pad_edge=False, header_style="bold")
    for place, header in enumerate(headers):
        to_copy = any(isinstance(row[place], UUID) for row in rows)
        made.add_column(header, overflow="fold", no_wrap=to_copy)
    for row in rows:
        made.add_row(*(cell(value) for value in row))
    return made if rows else empty


def reasons(found: Sequence[StepReason | TaskReason]) -> Picture:
    """Why something waits: a sentence each, what blocks first, with its cure."""
    picture: list[Part] = []
    for reason in found:
        style = "red" if reason.blocks and reason.code not in MOVING else "yellow"
        steps = reason.steps if isinstance(reason, TaskReason) else None
        count = f" ({steps} steps, such as this)" if steps and steps > 1 else ""
        out = Text.assemble((reason.code, style), count, "  ", reason.reason)
        if reason.cure:
            out.append(f"\n    {reason.cure}", "bold")
        picture.append(out)
    return picture


def paused(subject: str) -> Callable[[Pause], str]:
    """What is said after it was paused or resumed."""

    def draw(pause: Pause) -> str:
        return (
            f"{subject} {'is paused' if pause.paused else 'runs'}"
            f"{'' if pause.changed else ', as before'}"
        )

    return draw


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
