"""A view's rows on the screen, with a cursor that stays on its row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding
from textual.events import Click
from textual.message import Message
from textual.widgets import DataTable

from tasker_sql.top.table import GAP, Row, View, cell, fitted, searched


class Opened(Message):
    """The row under the cursor is to be opened."""


class Listing(DataTable[Text]):
    """A table whose rows are opened by Enter or two clicks; one click only goes there."""

    BINDINGS: ClassVar = [
        Binding("j", "cursor_down"),
        Binding("k", "cursor_up"),
        Binding("g", "scroll_top"),
        Binding("G", "scroll_bottom"),
    ]
    DEFAULT_CSS = """
    Listing { height: 1fr; overflow-x: hidden; scrollbar-size-vertical: 1; }
    Listing:nocolor > .datatable--cursor { text-style: reverse; }
    """

    def __init__(self) -> None:
        super().__init__(cursor_type="row", cell_padding=0)
        self._view: View | None = None

    @property
    def row(self) -> Row | None:
        """The row under the cursor."""
        rows = self._view.rows if self._view else ()
        return rows[self.cursor_row] if 0 <= self.cursor_row < len(rows) else None

    def show(
        self, view: View | None, width: int, key: str | None, by: str | None, down: bool
    ) -> None:
        """Show these rows, sorted already, in that many columns; the cursor goes to the row with
        the key."""
        self._view = view
        with self.app.batch_update():
            self.clear(columns=True)
            if view is not None:
                self._fill(view, width - GAP - 1, by, down)  # a scroll bar
                place = next((n for n, row in enumerate(view.rows) if row.key == key), 0)
                self.move_cursor(row=place)

    def _fill(self, view: View, width: int, by: str | None, down: bool) -> None:
        fits = fitted(view, width)
        for fit in fits:
            arrow = ("▼" if down else "▲") if fit.column.name == by else ""
            label = Text(fit.column.name, style="bold")
            label.truncate(fit.width, overflow="ellipsis")
            if fit.column.right:
                label.align("right", fit.width)
            label.append(arrow)
            self.add_column(label, width=fit.width + GAP, key=fit.column.name)
        for row in view.rows:
            self.add_row(*(cell(row, fit, view.at) for fit in fits))

    def find(self, text: str, from_top: bool = False) -> bool:
        """Go to the next row that contains the text, whatever its case; whether there is one."""
        if self._view is None:
            return False
        view, here = self._view, -1 if from_top else self.cursor_row
        order: Iterable[int] = [*range(here + 1, len(view.rows)), *range(here + 1)]
        found = (n for n in order if text.casefold() in searched(view.rows[n], view.at))
        place = next(found, None)
        if place is not None:
            self.move_cursor(row=place)
        return place is not None

    def action_select_cursor(self) -> None:
        self.post_message(Opened())

    def on_click(self, event: Click) -> None:
        if event.chain == 2:
            self.action_select_cursor()
