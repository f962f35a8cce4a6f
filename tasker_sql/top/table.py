"""A screen as a table of plain values, and how it is arranged and fitted into a width.

The same table is drawn in the terminal (`app`), printed by `--once`, and written as CSV.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import repeat
from typing import Any, Final

from rich.text import Text

from tasker_sql.templates import drawing
from tasker_sql.top.format import whole, words
from tasker_sql.top.snapshot import Location, Snapshot
from tasker_sql.top.statements import Verb
from tasker_sql.visible import visible

GAP: Final = 2  # blanks between columns
LEAST: Final = 30  # of the stretching column, before others are left out

STYLES: Final[Mapping[str, str]] = {
    **drawing.STYLES,
    "critical": "bold red",
    "warning": "yellow",
    "healthy": "green",
    "degraded": "yellow",
    "unhealthy": "red",
    "lost": "red",
    "paused": "yellow",
    "missing": "bold red",
    "unserved": "yellow",
    "expired": "red",
    "closed": "green",
    "open": "red",
    "half-open": "yellow",
    "dead": "red",
    "retry": "yellow",
}


Details = tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Column:
    """A column. The one that `stretches` takes what the others leave; those with a `rank` are left
    out where they do not fit, the highest first."""

    name: str
    right: bool = False
    stretches: bool = False
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """A line: its values, all that is known of it in words, where it leads, what can be done.
    Where it leads, the first row that contains `seeks` is meant."""

    key: str
    cells: tuple[Any, ...]
    about: Details = ()
    opens: Location | None = None
    verbs: tuple[Verb, ...] = ()
    seeks: str = ""

    @property
    def cure(self) -> str | None:
        return next((value for label, value in self.about if label == "cure"), None)


@dataclass(frozen=True, slots=True)
class Picture:
    """A task's DAG, with the states of its steps."""

    dag: drawing.Dag
    states: Mapping[str, str]

    def drawn(self, width: int) -> Text:
        """As it fits into the width, states in their colours."""
        text = Text(drawing.text(self.dag, self.states, width))
        for state, style in drawing.STYLES.items():
            text.highlight_words([f"{drawing.MARKS.get(state)} {state}", f"({state})"], style)
        return text


@dataclass(frozen=True, slots=True)
class View:
    """A screen: a table, and what to say about it."""

    at: datetime
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    empty: str
    verbs: tuple[Verb, ...] = ()  # of the whole screen
    picture: Picture | None = None


def view_of(
    seen: Snapshot,
    title: str | tuple[str, ...],
    columns: tuple[Column, ...],
    rows: Sequence[Row],
    empty: str,
) -> View:
    """A view whose title has one line, or some."""
    lines = (title,) if isinstance(title, str) else title
    return View(seen.status.at, "\n".join(map(visible, lines)), columns, tuple(rows), empty)


def arranged(shown: View, only: str = "", by: str | None = None, down: bool = False) -> View:
    """The rows that contain `only`, whatever its case, in the order of a column."""
    wanted = only.casefold()
    rows = [row for row in shown.rows if wanted in searched(row, shown.at)]
    place = next((n for n, column in enumerate(shown.columns) if column.name == by), None)
    if place is not None:
        rows.sort(key=lambda row: _rank(row.cells[place]), reverse=down)
        rows.sort(key=lambda row: row.cells[place] is None)  # what is unknown comes last
    return replace(shown, rows=tuple(rows))


def searched(row: Row, at: datetime) -> str:
    """The words in which a filter and a search look."""
    values = [*map(words, row.cells, repeat(at)), *(text for _, text in about(row, at))]
    return " ".join(values).casefold()


def _rank(value: Any) -> tuple[int, Any]:
    """An order over all the values that a column may have."""
    if isinstance(value, timedelta):
        return 0, value.total_seconds()
    if isinstance(value, datetime):
        return 1, value.timestamp()
    if isinstance(value, int | float):
        return 0, value
    return 2, [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", str(value))]


@dataclass(frozen=True, slots=True)
class Fitted:
    """A column as it fits: which one, and how wide."""

    place: int
    column: Column
    width: int


def fitted(shown: View, width: int) -> list[Fitted]:
    """The columns that fit into the width; the stretching one gets what is left."""
    natural = [
        max([len(column.name), *(len(words(row.cells[n], shown.at)) for row in shown.rows)])
        for n, column in enumerate(shown.columns)
    ]
    kept = list(range(len(shown.columns)))

    def left() -> int:
        fixed = [natural[n] + GAP for n in kept if not shown.columns[n].stretches]
        return width - sum(fixed)

    while left() < min(LEAST, max(natural[n] for n in kept if shown.columns[n].stretches)):
        ranked = [n for n in kept if shown.columns[n].rank]
        if ranked:
            kept.remove(max(ranked, key=lambda n: shown.columns[n].rank))
            continue
        widest = max((n for n in kept if not shown.columns[n].stretches), key=natural.__getitem__)
        if natural[widest] <= 8:
            break
        natural[widest] -= 1
    rest = max(left(), 1)
    return [
        Fitted(n, column, rest if column.stretches else natural[n])
        for n, column in ((n, shown.columns[n]) for n in kept)
    ]


def cell(row: Row, fit: Fitted, at: datetime) -> Text:
    """A value in its place."""
    value = row.cells[fit.place]
    text = Text(words(value, at), style=STYLES.get(value, "") if isinstance(value, str) else "")
    text.truncate(fit.width, overflow="ellipsis")
    text.align("right" if fit.column.right else "left", fit.width)
    return text


def about(row: Row, at: datetime) -> list[tuple[str, str]]:
    """Everything about a row, in words; nothing about what is not known."""
    return [(label, text) for label, value in row.about if (text := whole(value, at))]


def details(one: Any, *first: tuple[str, Any], skip: str = "", **names: str) -> Details:
    """What is known of a row of the database: its columns, some by other `names`, after `first`."""
    left_out = {*skip.split(), *(label for label, _ in first)}
    named = ((names.get(name, name.replace("_", " ")), name) for name in one.__match_args__)
    rest = (
        (label, getattr(one, name)) for label, name in named if {label, name}.isdisjoint(left_out)
    )
    return (*first, *rest)
