"""The terminal program: asks every few seconds, draws what `screens` makes of the last answer, and
acts on keys."""

from __future__ import annotations

import re
import time
from asyncio import to_thread
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Final
from uuid import UUID

from rich.text import Text
from textual import work
from textual.app import App, ComposeResult, SystemCommand
from textual.binding import Binding
from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.events import Key, Resize
from textual.filter import LineFilter
from textual.screen import Screen
from textual.widgets import DataTable, Input, Static

from tasker_sql.advice import KNOWN, advice
from tasker_sql.top import screens, table
from tasker_sql.top.backend import Backend
from tasker_sql.top.chrome import (
    Hint,
    NoColour,
    head_line,
    hint_line,
    pane,
    problem_counts,
    tab_line,
)
from tasker_sql.top.dialogs import Confirm, Reading, Repair, answer, outcome_of, text_of
from tasker_sql.top.format import UUID_TEXT
from tasker_sql.top.listing import Listing
from tasker_sql.top.screens import TABS
from tasker_sql.top.snapshot import Location, Snapshot, filter_of, place_of
from tasker_sql.top.statements import Verb
from tasker_sql.top.table import Row, View
from tasker_sql.visible import visible

FONTS: Final = re.compile(r"@font-face \{[^}]*\}\s*")  # which a picture would load from elsewhere
ONE_LINE: Final = 120  # characters of an answer that need not be kept on the screen
WIDE: Final = 150  # columns from which on the details stand beside the rows
SHARE: Final = 0.6  # of the width that the rows have then
UNSORTED: Final = (None, False)
READING: Final = "reading ..."
TICK: Final = 0.1  # seconds
LATE: Final = 2.0  # seconds after which a frame that should have been replaced is marked

READS: Final = {"i": "input", "o": "result", "t": "traceback"}
VERBS: Final = {
    "x": "run the cure of a problem, or of a reason to wait",
    "R": "retry a step; in failures: all with the same error",
    "S": "resolve a step without a result; in failures: all",
    "Q": "requeue a step whose worker hangs",
    "P": "pause or resume a task, namespace or schedule",
    "T": "pause or resume a task's template; make a task of a schedule",
    "C": "cancel a task",
    "B": "force a breaker open, release it",
    "W": "answer a step that waits for a signal",
    "A": "acknowledge a problem: it is listed last, and marked",
}
# What keys do, by their names or as they are shown: the bindings, the help, the command palette.
KEYS: Final = (
    *(Binding(str(n), f"go('{name}')", f"the screen {name}") for n, name in enumerate(TABS, 1)),
    Binding("tab", "turn(1)", "another screen: the next; its number, too", priority=True),
    Binding("shift+tab", "turn(-1)", "the screen before", priority=True),
    Binding("enter", "open", "go one deeper, or read all of the row, as two clicks do"),
    Binding("escape", "leave", "back"),
    Binding(
        "slash", "filter", "filter: rows by a text, tasks by state=error since=2h", key_display="/"
    ),
    Binding("s", "sort", "sort by the next column, up and down; a click on a header, too"),
    Binding("d", "draw", "a task's DAG, and back; ◆ decides when it ends"),
    Binding("i", "read('input')", "read the input of a task"),
    Binding("o", "read('result')", "read the result of a step; y copies what is read"),
    Binding("t", "read('traceback')", "read how a step failed"),
    Binding("a", "visit('acts')", "what operators did, and why"),
    Binding("w", "visit('waits')", "what waits for people, or for a time"),
    Binding("c", "visit('schedules')", "what makes tasks by itself, and when"),
    Binding("y", "copy", "copy the cure, or else the uuid"),
    Binding("p", "picture", "save the screen as an SVG picture in this folder"),
    Binding("space", "pause", "freeze"),
    Binding("r,f5", "now", "refresh now"),
    Binding("question_mark,h", "help", "these keys", key_display="?"),
    Binding("q,ctrl+c", "quit", "quit"),
    *(Binding(key, f"verb('{key}')", text) for key, text in VERBS.items()),
)


def help_text() -> str:
    """What the keys do."""
    lines = [f"{one.key_display or one.key:10} {one.description}" for one in KEYS[len(TABS) :]]
    lines[-len(VERBS) : -len(VERBS)] = [
        "j k g G    move, as arrows, a click and the wheel do",
        "\nThese show the SQL that they will run, and ask:\n",
    ]
    return "\n".join([*lines, "", "The last line of the screen names those that work here."])


class Top(App[None]):
    """The dashboard. `interval` is in seconds; `read_only` withholds every verb."""

    TITLE = "tasker-sql top"
    CSS_PATH = "top.tcss"
    BINDINGS: ClassVar = [*KEYS]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]  # noqa: RUF012

    def __init__(
        self,
        database: Backend,
        place: Location = Location(TABS[0]),  # noqa: B008
        interval: float = 2.0,
        read_only: bool = False,
    ) -> None:
        super().__init__()
        self._database = database
        self._trail = [place]
        self._interval = interval
        self._read_only = read_only
        self._frames: dict[Location, tuple[Snapshot | None, float]] = {}  # and when it came
        self._problems = Content()  # as of the last screen that asked
        self._trouble = ""
        self._paused = False
        self._reading: Location | None = None
        self._due = 0.0

        self._shown = View()
        self._shown_of = place
        self._only = self._seeks = ""
        self._sorted: dict[str, tuple[str | None, bool]] = {}  # by screen
        self._cursors: dict[Location, str] = {}
        self._drawn = False

        self._head = Static(id="head")
        self._tabs = Static(id="tabs")
        self._title = Static(id="title")
        self._list = Listing()
        self._empty = Static(id="empty")
        self._picture = Static(id="picture")
        self._drawing = VerticalScroll(self._picture)
        self._about = Static(id="about")
        self._field = Input(id="filter")
        self._hints = Static(id="hints")

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:  # noqa: ARG002
        """What the command palette (Ctrl-P) offers: all that keys do."""
        for one in KEYS:
            run = partial(self.run_action, one.action)
            yield SystemCommand(one.description, f"key {one.key_display or one.key}", run)
        yield SystemCommand("choose other colours", "light and dark", self.action_change_theme)

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [NoColour()] if self.no_color else super().get_line_filters()

    def compose(self) -> ComposeResult:
        yield self._head
        yield self._tabs
        yield self._title
        with Container(id="body"):
            yield Container(self._list, self._empty, self._drawing, id="main")
            yield self._about
        yield self._field
        yield self._hints

    def on_mount(self) -> None:
        self.set_interval(TICK, self._tick)
        self._draw()
        self._list.focus()

    # Asking

    @property
    def place(self) -> Location:
        return self._trail[-1]

    @property
    def frame(self) -> Snapshot | None:
        """The last good answer for this place."""
        return self._frames.get(self.place, (None, 0.0))[0]

    @property
    def may_write(self) -> bool:
        return not self._read_only and self.frame is not None and self.frame.status.may_write

    def _tick(self) -> None:
        now = time.monotonic()
        if self._reading is None and now >= self._due and (not self._paused or self._due == 0.0):
            self._reading = self.place
            self._due = now + self._interval
            self._read(self.place)
        self._show_age()

    @work
    async def _read(self, place: Location) -> None:
        found, why = None, ""
        try:
            found = await to_thread(self._database.read, place)
        except KNOWN as error:
            why = visible(str(advice(error)))
        self._reading = None
        self._trouble = why
        if found is not None:
            self._frames[place] = (found, time.monotonic())
            if "problems" in found.answers:
                self._problems = problem_counts(found)
        if place != self.place:
            self._due = 0.0
        self._draw()
        if self._seeks and self.frame:
            self._list.seek(self._seeks, self._shown)
            self._seeks = ""

    def action_pause(self) -> None:
        self._paused = not self._paused
        self._due = 0.0 if not self._paused else self._due or time.monotonic()
        self._draw()

    def action_now(self) -> None:
        self._due = 0.0

    # Drawing

    def _show_age(self) -> None:
        if self.frame is None:
            self._head.update(Content.styled(f"tasker-sql  {self._trouble or READING}", "bold"))
            return
        age = time.monotonic() - self._frames[self.place][1]
        if self._paused:
            freshness = f"FROZEN {age:.0f} s"
        elif self._trouble or age > self._interval + LATE:
            freshness = f"STALE {age:.0f} s"
        else:
            freshness = f"every {self._interval:g} s"
        is_fresh = freshness.startswith("every")
        self._head.update(
            head_line(self.frame, self.may_write, freshness, is_fresh, self._problems)
        )

    def _draw(self) -> None:
        """Draw the last good frame of this place."""
        row = self._list.row
        if row and self._shown_of == self.place:
            self._cursors[self.place] = row.key
        self._tabs.update(tab_line(self._trail[0].screen))
        self._shown_of = self.place
        by, down = self._sorted.get(self.place.screen, UNSORTED)
        view = screens.view(self.frame) if self.frame else View(empty=self._trouble or READING)
        self._shown = shown = table.arranged(view, self._only, by, down)
        title = shown.title if shown.title != self.place.screen else ""
        if self._only:
            title = f"{title}\nonly rows with '{self._only}'".strip()
        if self.frame and self._trouble:
            title = self._trouble
        self._title.display = bool(title)
        self._title.update(Text(title))
        self._drawing.display = pictured = self._pictured
        width = self.size.width
        width = round(width * SHARE) if width >= WIDE else width
        if shown.picture and pictured:
            self._picture.update(shown.picture.drawn(self.size.width - 1))
        self._list.show(shown, width, self._cursors.get(self.place, ""), by, down)
        self._list.display = bool(shown.rows) and not pictured
        self._empty.display = not shown.rows and not pictured
        nothing = f"No row contains '{self._only}'. Esc shows all." if self._only else ""
        self._empty.update(Text(nothing or shown.empty))
        if self.screen_stack[0].focused is None:  # what is hidden loses it
            self._list.focus()
        self._show_details()
        self._show_age()

    @property
    def _row(self) -> Row | None:
        """The row under the cursor, where rows are shown."""
        return None if self._pictured else self._list.row

    @property
    def _pictured(self) -> bool:
        return self._drawn and self._shown.picture is not None

    def _show_details(self) -> None:
        """The pane: what the table does not show of the row under the cursor; and the keys."""
        row = self._row
        facts = table.about(row, self._shown.at, self._list.fits) if row else []
        self._about.display = bool(facts)
        self._about.update(pane(facts))
        self._hints.update(hint_line(self._keys()))

    def _verbs(self) -> dict[str, Verb]:
        """What there is to do, by its key: with the row first, then with the screen's subject."""
        verbs = [*self._shown.verbs, *(self._row.verbs if self._row else ())]
        return {verb.key: verb for verb in verbs}

    def _keys(self) -> list[Hint]:
        row = self._row
        keys = [("⏎", "open" if row.opens else "read", "open")] if row else []
        if len(self._trail) > 1 or self._only:
            keys.append(("Esc", "all" if self._only else "back", "leave"))
        verbs = self._verbs().values() if self.may_write else ()
        keys += [(verb.key, verb.name, f"verb('{verb.key}')") for verb in verbs]
        if self._shown.picture:
            keys.append(("d", "list" if self._drawn else "draw", "draw"))
        keys += [("?", "help", "help"), ("q", "quit", "quit")]
        keys += [("/", self._only or "filter", "filter"), ("s", "sort", "sort")]
        keys += [("space", "go on" if self._paused else "freeze", "pause")]
        if self._to_read:
            keys += [(key, what, f"read('{what}')") for key, what in READS.items()]
        return keys

    def on_data_table_row_highlighted(self) -> None:
        self._show_details()

    def on_resize(self, _: Resize) -> None:
        self._draw()

    # Moving

    def action_go(self, screen: str) -> None:
        self._go([Location(screen)])

    def action_turn(self, by: int) -> None:
        place = TABS.index(self._trail[0].screen) if self._trail[0].screen in TABS else 0
        self.action_go(TABS[(place + by) % len(TABS)])

    def _go(self, trail: list[Location]) -> None:
        self._stop_typing()
        self._trail = trail
        self._only, self._seeks, self._drawn, self._due = "", "", False, 0.0
        self._frames = {place: frame for place, frame in self._frames.items() if place in trail}
        self._draw()

    def action_open(self) -> None:
        """Go one deeper; what is deepest is read."""
        row = self._row
        if row and row.opens:
            self._go([*self._trail, row.opens])
            self._seeks = row.seeks
        elif row:
            facts = table.about(row, self._shown.at)
            self.push_screen(Reading("\n".join(f"{label}: {text}" for label, text in facts)))

    def action_visit(self, screen: str) -> None:
        if self.place.screen != screen:
            self._go([*self._trail, Location(screen)])

    def on_opened(self) -> None:
        self.action_open()

    def action_leave(self) -> None:
        if self._only:
            self._only = ""
            self._draw()
        elif len(self._trail) > 1:
            self._go(self._trail[:-1])

    def action_draw(self) -> None:
        self._drawn = not self._drawn
        self._draw()
        (self._drawing if self._pictured else self._list).focus()

    def action_copy(self) -> None:
        row = self._row
        text = row and (row.cure or (row.opens and row.opens.uuid and str(row.opens.uuid)))
        if text:
            self.copy_to_clipboard(text)
            self.notify(f"Copied: {visible(text)}", markup=False)
        else:
            self.notify("Nothing here to copy.", severity="warning")

    def action_picture(self) -> None:
        file = Path(self.save_screenshot())
        file.write_text(FONTS.sub("", file.read_text()))
        self.notify(f"Saved: {file}", markup=False)

    # Arranging

    def action_sort(self) -> None:
        columns = self._shown.columns
        orders = [UNSORTED, *((name, down) for name in columns for down in (False, True))]
        now = self._sorted.get(self.place.screen, UNSORTED)
        now = now if now in orders else UNSORTED  # its column may have nothing to say any more
        self._sort(*orders[(orders.index(now) + 1) % len(orders)])

    def on_data_table_header_selected(self, event: DataTable.HeaderSelected) -> None:
        name = str(event.column_key.value)
        self._sort(name, self._sorted.get(self.place.screen) == (name, False))

    def _sort(self, by: str | None, down: bool) -> None:
        self._sorted[self.place.screen] = (by, down)
        self._draw()

    def action_filter(self) -> None:
        """Let a filter be typed: a text, of tasks what the server is asked for, or a uuid."""
        is_tasks = self.place.screen == "tasks"
        text = "state=error since=2h" if is_tasks else "rows that contain"
        self._field.placeholder = f"filter: {text}; or the uuid of a task or step"
        self._field.value = self.place.subject if is_tasks else self._only
        self._field.display = True
        self._field.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        if event.input is self._field and self._field.display and self.place.screen != "tasks":
            self._only = event.value
            self._draw()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        text = event.value.strip()
        is_tasks = self.place.screen == "tasks"
        self._stop_typing()
        if UUID_TEXT.fullmatch(text):
            self._go([*self._trail[:1], place_of(UUID(text))])
        elif is_tasks and text != self.place.subject:
            try:
                filter_of(text)
            except ValueError as error:
                self.notify(visible(str(error)), severity="warning", markup=False)
            else:
                self._go([*self._trail[:-1], Location("tasks", subject=text)])

    def _stop_typing(self) -> None:
        self._field.display = False
        self._list.focus()

    def on_key(self, event: Key) -> None:
        if self._field.display and event.key == "escape":
            event.stop()
            event.prevent_default()
            self._only = ""
            self._stop_typing()
            self._draw()

    # Reading

    def action_help(self) -> None:
        self.push_screen(Reading(help_text()))

    def action_read(self, what: str) -> None:
        """Read the input, the results or the errors of the task or step under the cursor."""
        place = self._to_read
        if place is None:
            self.notify("Nothing here that has one: go to a task or step.", severity="warning")
        else:
            self._fetch(what, place)

    @property
    def _to_read(self) -> Location | None:
        """The task or step under the cursor, or else that of the screen."""
        row = self._row
        places = (row.opens if row else None, self.place)
        return next((place for place in places if place and place.uuid), None)

    @work
    async def _fetch(self, what: str, place: Location) -> None:
        try:
            found = await to_thread(self._database.texts, place)
        except KNOWN as error:
            self.notify(visible(str(advice(error))), severity="error", markup=False)
        else:
            self.push_screen(Reading(text_of(what, *found)))

    # Writing

    def action_verb(self, key: str) -> None:
        row = self._row
        verb = self._verbs().get(key)
        if verb is None:
            self.notify(
                "This cure is for a shell, or for psql: y copies it."
                if key == "x" and row and row.cure
                else "Nothing here that this key could change.",
                severity="warning",
            )
        elif not self.may_write:
            who = "top was started read-only" if self._read_only else "this role may not write here"
            self.notify(f"{verb.name}: {who}.", severity="warning")
        elif verb.many:
            self._plan(verb)
        else:
            self.push_screen(Confirm(verb), self._confirmed)

    def _confirmed(self, statement: str | None) -> None:
        if statement is not None:
            self._run(statement)

    @work(exclusive=True, group="plan")
    async def _plan(self, verb: Verb) -> None:
        """Plan it for many, which changes no step and no task; then ask."""
        self.notify("planning ...", timeout=1)
        try:
            plan = await to_thread(self._database.run, verb.statement)
        except KNOWN as error:
            self.notify(visible(str(advice(error))), severity="error", markup=False)
            return
        if not plan:
            self.notify("Nothing matches: somebody may have dealt with it.", severity="warning")
        elif len(self.screen_stack) == 1:  # unless something else was begun meanwhile
            self.push_screen(Confirm(verb, plan), self._carry_out)

    def _carry_out(self, call: str | None) -> None:
        if call is not None:
            self.push_screen(Repair(self._database, call), lambda _: self.action_now())

    @work
    async def _run(self, statement: str) -> None:
        self._due = 0.0
        try:
            rows = await to_thread(self._database.run, statement)
        except KNOWN as error:
            self.notify(visible(outcome_of(error)), severity="error", markup=False)
            return
        text = answer(rows) or "nothing to do"
        if len(rows) > 1 or len(text) > ONE_LINE:
            self.push_screen(Reading(f"{visible(statement)}\n\n{text}\n\nEsc: back"))
        else:
            self.notify(text, markup=False)
