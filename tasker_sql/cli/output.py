"""Answers: pictures for people, JSON for scripts.

Everything that a command prints goes through `put`, `print_json` or `print_csv`: a picture is made
of lines and tables, and in each line and cell every character can be seen.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tasker_sql.durations import span
from tasker_sql.jsonb import dumps
from tasker_sql.rows import Pause, ScheduleReason, StepReason, TaskReason
from tasker_sql.templates.drawing import STYLES
from tasker_sql.visible import csv_cell, visible, visible_json

Part = str | Text | Table  # a line of plain text, one made by `line`, a table made by `table`
Picture = Part | list[Part]


@dataclass(frozen=True)
class Output:
    """What a command found, for scripts, and its picture; the exit code is 1 unless it is well."""

    value: Any
    picture: Picture
    well: bool = True

    @classmethod
    def listing(
        cls, rows: Sequence[Any], columns: str, empty: str, **made: Callable[[Any], Any]
    ) -> Output:
        """Rows, and the `table` of them."""
        return cls(rows, table(rows, columns, empty, **made))


ENDLESS: Final = 100_000  # columns
# Reasons that pass.
MOVING: Final = {"running", "submitted", "due", "uncounted", "ended", "schedule_due"}


def console(stderr: bool = False) -> Console:
    """For answers. NO_COLOR is respected; where there is no terminal, no line is folded."""
    made = Console(stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=False)
    if not made.is_terminal:
        made.width = ENDLESS
    return made


def plain(value: Any) -> Any:
    """What a row looks like in JSON."""
    if names := getattr(value, "__match_args__", None):
        return {name: plain(getattr(value, name)) for name in names}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return str(value) if isinstance(value, UUID) else value


def print_json(value: Any, indent: int | None = 2) -> None:
    typer.echo(visible_json(dumps(plain(value), indent)))


def print_csv(headers: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(headers)
    writer.writerows([csv_cell(plain(value)) for value in row] for row in rows)


def answer(value: Any, picture: Picture, as_json: bool) -> None:
    """Print an answer, for scripts or for people."""
    if as_json:
        print_json(value)
    else:
        put(picture)


def put(picture: Picture, stderr: bool = False) -> None:
    """Print a picture: lines as they are, tables as wide as the terminal."""
    out = console(stderr)
    for part in parts(picture):
        out.print(part, soft_wrap=not isinstance(part, Table))


def parts(picture: Picture) -> list[Text | Table]:
    given = picture if isinstance(picture, list) else [picture]
    return [line(part) if isinstance(part, str) else part for part in given]


def line(*words: str | tuple[str, str]) -> Text:
    """A line of texts, with or without a style, in which every character can be seen."""
    return Text.assemble(
        *(visible(word) if isinstance(word, str) else (visible(word[0]), word[1]) for word in words)
    )


def table(rows: Iterable[Any], columns: str, empty: str, **made: Callable[[Any], Any]) -> Part:
    """A table of rows; a sentence when there is none.

    `columns` are the headers; behind `=` stands the attribute, or the key, that a column shows,
    unless that has the header's name. What is `made` of a row takes the place of an attribute.
    """
    pairs = [part.strip().partition("=") for part in columns.split(",")]
    readers = [
        _reader(attribute or header.replace(" ", "_"), made) for header, _, attribute in pairs
    ]
    lines = [[read(row) for read in readers] for row in rows]
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for place, (header, _, _) in enumerate(pairs):
        to_copy = any(isinstance(line[place], UUID) for line in lines)
        shown.add_column(header, overflow="fold", no_wrap=to_copy)
    for line in lines:
        shown.add_row(*map(cell, line))
    return shown if lines else empty


def _reader(name: str, made: Mapping[str, Callable[[Any], Any]]) -> Callable[[Any], Any]:
    if name in made:
        return made[name]
    return lambda row: row[name] if isinstance(row, Mapping) else getattr(row, name)


def reasons(found: Sequence[StepReason | TaskReason | ScheduleReason]) -> Picture:
    """Why something waits: a sentence each, what blocks first, with its cure."""
    picture: list[Part] = []
    for reason in found:
        style = "red" if reason.blocks and reason.code not in MOVING else "yellow"
        steps = reason.steps if isinstance(reason, TaskReason) else None
        count = f" ({steps} steps, such as this)" if steps and steps > 1 else ""
        picture.append(line((reason.code, style), count, "  ", reason.reason))
        if reason.cure:
            picture.append(line("    ", (reason.cure, "bold")))
    return picture


def paused(subject: object, pause: Pause) -> Output:
    """After it was paused or resumed."""
    state = "is paused" if pause.paused else "runs"
    return Output(pause, f"{subject} {state}{'' if pause.changed else ', as before'}")


def counted(number: int, what: str) -> str:
    """As a person writes it: 1 step, 2 steps."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def cell(value: Any) -> Text:
    """A value as people read it; states in their colours."""
    if value is None:
        return Text("-", style="dim")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    if isinstance(value, datetime):  # without a zone it is what a clock on a wall shows
        return Text(
            (value.astimezone(UTC) if value.tzinfo else value).strftime("%Y-%m-%d %H:%M:%S")
        )
    if isinstance(value, timedelta):
        return Text(span(max(value, timedelta())))
    if isinstance(value, dict | list):
        text = visible_json(dumps(value))
        return Text(text if len(text) <= 60 else f"{text[:56]} ...")
    return Text(visible(str(value)), style=STYLES.get(str(value), ""))
