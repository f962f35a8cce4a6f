"""A screen as a table of plain values, and how it is arranged and fitted into a width.

The same table is drawn in the terminal (`app`), printed by `--once`, and written as CSV.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from rich.text import Text

from tasker_sql.templates import drawing
from tasker_sql.top.format import whole, words
from tasker_sql.top.snapshot import Location
from tasker_sql.top.statements import Verb

GAP: Final = 2  # blanks between columns
LEAST: Final = 30  # of the last column, before others are left out

STYLES: Final[Mapping[str, str]] = {
    **drawing.STYLES,
    **dict.fromkeys(("‼", "critical", "missing"), "bold red"),
    **dict.fromkeys(("unhealthy", "lost", "expired", "open", "dead", "unserved"), "red"),
    **dict.fromkeys(("!", "degraded", "paused", "half-open", "retry"), "yellow"),
    **dict.fromkeys(("full", "failing"), "yellow"),
    **dict.fromkeys(("healthy", "closed"), "green"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """A line: its cells by column, all that is known of it, where it leads, what can be done with
    it. `fields` are the facts that cells show. Where it leads, the first row with `seeks` is
    meant."""

    key: str
    cells: Mapping[str, Any]
    fields: Mapping[str, str]
    facts: tuple[tuple[str, Any], ...] = ()
    opens: Location | None = None
    verbs: tuple[Verb, ...] = ()
    seeks: str = ""

    @property
    def cure(self) -> str | None:
        return next((value for label, value in self.facts if label == "cure"), None)


def facts_of(record: Any, **more: Any) -> tuple[tuple[str, Any], ...]:
    """The columns of a record, after `more`."""
    return (*more.items(), *record._asdict().items())


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
    """A screen: a table whose last column takes what the others leave, and what to say about it.
    Where they do not fit, columns are left out, in the order of `narrow`."""

    at: datetime = datetime.min
    title: str = ""
    columns: tuple[str, ...] = ()
    narrow: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    empty: str = ""
    verbs: tuple[Verb, ...] = ()  # of the whole screen
    picture: Picture | None = None


def arranged(shown: View, only: str = "", by: str | None = None, down: bool = False) -> View:
    """The rows that contain `only`, whatever its case, in the order of a column."""
    rows = [row for row in shown.rows if only.casefold() in searched(row, shown.at)]
    if by in shown.columns:
        rows.sort(key=lambda row: _rank(row.cells.get(by)), reverse=down)
        rows.sort(key=lambda row: row.cells.get(by) is None)  # what is unknown comes last
    return replace(shown, rows=tuple(rows))


def searched(row: Row, at: datetime) -> str:
    """The words in which a filter and a search look."""
    values = [
        *(words(value, at) for value in row.cells.values()),
        *(text for _, text in about(row, at)),
    ]
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


@dataclass(slots=True)
class Fitted:
    """A column as it fits: how wide, and whether it holds numbers."""

    name: str
    width: int
    right: bool


def fitted(shown: View, width: int) -> list[Fitted]:
    """The columns that fit into the width; the last one gets what is left."""
    fits = list[Fitted]()
    for name in shown.columns:
        texts = [words(row.cells.get(name), shown.at) for row in shown.rows]
        fits.append(Fitted(name, max(map(len, [name, *texts])), _is_number(texts)))

    def left() -> int:
        return width - sum(fit.width + GAP for fit in fits[:-1])

    def is_tight() -> bool:
        return left() < min(LEAST, fits[-1].width)

    for name in shown.narrow:
        if is_tight():
            fits = [fit for fit in fits if fit.name != name]
    while is_tight() and (widest := max(fits[:-1], key=lambda fit: fit.width)).width > 8:
        widest.width -= 1
    fits[-1].width, fits[-1].right = max(left(), 1), False
    return fits


def _is_number(texts: Iterable[str]) -> bool:
    return all(text[0].isdigit() or text.startswith("in ") for text in texts if text)


def cell(row: Row, fit: Fitted, at: datetime) -> Text:
    """A value in its place."""
    value = row.cells.get(fit.name)
    text = Text(words(value, at), style=STYLES.get(value, "") if isinstance(value, str) else "")
    text.truncate(fit.width, overflow="ellipsis")
    text.align("right" if fit.right else "left", fit.width)
    return text


def about(row: Row, at: datetime, fits: Sequence[Fitted] = ()) -> list[tuple[str, str]]:
    """Everything about a row, in words: nothing about what is not known, and nothing that the
    table shows already, as wide as it is."""
    shown = {
        (row.fields.get(fit.name), text)
        for fit in fits
        if len(text := words(row.cells.get(fit.name), at)) <= fit.width
    }
    found = ((name, whole(value, at)) for name, value in row.facts)
    return [
        (name.replace("_", " "), text) for name, text in found if text and (name, text) not in shown
    ]
