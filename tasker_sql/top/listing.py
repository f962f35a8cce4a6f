"""A view's rows on the screen, with a cursor that stays on its row."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.binding import Binding
from textual.events import Click
from textual.message import Message
from textual.widgets import DataTable

from tasker_sql.top.table import GAP, Fitted, Row, View, cell, fitted, searched


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

    def __init__(self) -> None:
        super().__init__(cursor_type="row", cell_padding=0)
        self.fits: list[Fitted] = []
        self._rows: tuple[Row, ...] = ()

    @property
    def row(self) -> Row | None:
        """The row under the cursor."""
        return self._rows[self.cursor_row] if 0 <= self.cursor_row < len(self._rows) else None

    def show(self, view: View, width: int, key: str, by: str | None, down: bool) -> None:
        """Show these rows, sorted already, in that many columns; the cursor goes to the row with
        the key."""
        self._rows = view.rows
        with self.app.batch_update():
            self.clear(columns=True)
            self.fits = fitted(view, width - GAP - 1) if view.columns else []  # a scroll bar
            for fit in self.fits:
                label = Text(fit.name, style="bold")
                label.truncate(fit.width, overflow="ellipsis")
                label.align("right" if fit.right else "left", fit.width)
                label.append(("▼" if down else "▲") if fit.name == by else "")
                self.add_column(label, width=fit.width + GAP, key=fit.name)
            for row in view.rows:
                self.add_row(*(cell(row, fit, view.at) for fit in self.fits))
            self.move_cursor(row=next((n for n, row in enumerate(view.rows) if row.key == key), 0))

    def seek(self, text: str, view: View) -> None:
        """Go to the first row that contains the text, whatever its case."""
        found = (n for n, row in enumerate(view.rows) if text.casefold() in searched(row, view.at))
        self.move_cursor(row=next(found, self.cursor_row))

    def action_select_cursor(self) -> None:
        self.post_message(Opened())

    def on_click(self, event: Click) -> None:
        if event.chain == 2:
            self.action_select_cursor()
