"""Answers: pictures for people, JSON for scripts."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tasker_sql.drawing import STYLES
from tasker_sql.jsontext import dumps
from tasker_sql.rows import Pause, StepReason, TaskReason
from tasker_sql.spans import span

Part = str | Text | Table
Picture = Part | list[Part]

ENDLESS: Final = 100_000  # columns
MOVING: Final = {"running", "submitted", "due", "uncounted", "ended"}  # reasons that pass


def console() -> Console:
    """For answers. NO_COLOR is respected; where there is no terminal, no line is folded."""
    made = Console(highlight=False, markup=False, emoji=False, soft_wrap=False)
    if not made.is_terminal:
        made.width = ENDLESS
    return made


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
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return str(value) if isinstance(value, UUID) else value


def print_json(value: Any) -> None:
    typer.echo(dumps(plain(value), indent=2))


def answer(value: Any, picture: Picture, as_json: bool) -> None:
    """Print an answer, for scripts or for people."""
    if as_json:
        print_json(value)
    else:
        put(picture)


def put(picture: Picture) -> None:
    """Print a picture: text as it is, tables as wide as the terminal."""
    out = console()
    for part in parts(picture):
        out.print(part, soft_wrap=not isinstance(part, Table))


def parts(picture: Picture) -> list[Part]:
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
        return Text(span(value))
    if isinstance(value, dict | list):
        text = dumps(value)
        return Text(text if len(text) <= 60 else f"{text[:56]} ...")
    return Text(str(value), style=STYLES.get(str(value), ""))
