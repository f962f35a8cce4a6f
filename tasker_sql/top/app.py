"""The terminal program: asks every few seconds, draws what `screens` says, and passes keys on."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Final, Protocol
from uuid import UUID

from rich.text import Text
from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.events import Click, Key, Resize
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import DataTable, Input, Static

from tasker_sql.errors import TaskerError, UnavailableError
from tasker_sql.rows import Problem
from tasker_sql.top import screens
from tasker_sql.top.screens import TABS, Row, Verb, View
from tasker_sql.top.snapshot import Place, Snapshot, place_of

INTERVALS: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)  # seconds
TICK: Final = 0.1  # seconds
LATE: Final = 2.0  # seconds after which a frame that should have been replaced is marked

HELP: Final = """\
1 to 7, Tab     another screen
↑ ↓ j k g G     move            click, wheel   move
Enter, 2 clicks open the row    Esc            back
/               filter the rows
s, i, header    sort by the next column, invert
f               find: the uuid of a task or step opens it, other
                text goes to the next row with it; n: again
d               a task's DAG as a picture, and back
y               copy the cure, or else the uuid
p               save the screen as a picture (SVG) in this folder
space           pause           + - r          faster, slower, now
q               quit

These show the SQL that they will run, and ask:

x   run the cure of a problem, or of what something waits for
R   retry a step          S   settle a step without a result
P   pause or resume       C   cancel a task
B   force a circuit breaker open, or release it

The last line of the screen names those that work here."""


class Database(Protocol):
    """Where snapshots come from and statements go."""

    def read(self, place: Place) -> Snapshot: ...

    def run(self, statement: str) -> str: ...


class Confirm(ModalScreen[str | None]):
    """Shows the statement as it will be run, asks for the reason, and answers the statement."""

    AUTO_FOCUS = "Input"
    BINDINGS: ClassVar = [Binding("escape", "dismiss(None)"), Binding("enter", "run")]

    def __init__(self, verb: Verb) -> None:
        super().__init__()
        self._verb = verb
        self._asks = screens.needs_reason(verb.statement)

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            yield Static(Text(self._verb.name, style="bold"))
            if self._asks:
                yield Input(placeholder="Why? It is kept in the history.", max_length=1000)
            yield Static(Text(self._verb.statement), id="statement")
            yield Static(Text("Enter: run this     Esc: do not"), id="keys")

    def on_input_changed(self, event: Input.Changed) -> None:
        self.query_one("#statement", Static).update(Text(self._statement(event.value)))

    def on_input_submitted(self) -> None:
        self.action_run()

    def action_run(self) -> None:
        reason = self.query_one(Input).value if self._asks else ""
        if self._asks and not reason.strip():
            self.notify("It is not run without a reason.", severity="warning")
        else:
            self.dismiss(self._statement(reason))

    def _statement(self, reason: str) -> str:
        return screens.with_reason(self._verb.statement, reason or screens.WHY)


class Help(ModalScreen[None]):
    """The keys."""

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="box"):
            yield Static(Text(HELP))

    def on_key(self, event: Key) -> None:
        event.stop()
        self.dismiss()

    def on_click(self) -> None:
        self.dismiss()


class Rows(DataTable[Text]):
    """A table whose rows are opened by Enter or two clicks; one click only goes there."""

    def action_select_cursor(self) -> None:
        self.app.post_message(Opened())

    def on_click(self, event: Click) -> None:
        if event.chain == 2:
            self.action_select_cursor()


class Opened(Message):
    """The row under the cursor is to be opened."""


class Top(App[None]):
    """The dashboard. `interval` is in seconds; `read_only` withholds every verb."""

    TITLE = "tasker-sql top"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    Screen { layers: base above; }
    #head, #tabs, #hints { height: 1; }
    #head { background: $primary-darken-2; color: $text; }
    #title { height: auto; max-height: 3; text-style: bold; }
    #table { height: 1fr; overflow-x: hidden; scrollbar-size-vertical: 1; }
    #empty { height: 1fr; padding: 1 2; }
    #drawing { height: 1fr; }
    #picture { width: auto; }
    #about { height: auto; max-height: 40%; border-top: solid $primary; scrollbar-size: 1 1; }
    #filter { height: 1; border: none; padding: 0; display: none; }
    #hints { background: $surface; }
    Confirm, Help { align: center middle; }
    #box { width: 90%; max-width: 100; height: auto; max-height: 90%; padding: 0 1;
           border: round $warning; background: $surface; }
    #statement { margin: 1 0; color: $text-warning; }
    DataTable:nocolor > .datatable--cursor { text-style: reverse; }
    """
    BINDINGS: ClassVar = [
        *(Binding(str(n), f"go('{name}')") for n, name in enumerate(TABS, 1)),
        Binding("tab", "turn(1)", priority=True),
        Binding("shift+tab", "turn(-1)", priority=True),
        Binding("enter", "open"),
        Binding("escape", "leave"),
        Binding("j", "move('cursor_down')"),
        Binding("k", "move('cursor_up')"),
        Binding("g", "move('scroll_top')"),
        Binding("G", "move('scroll_bottom')"),
        Binding("slash", "type('filter')"),
        Binding("f", "type('find')"),
        Binding("n", "find_next"),
        Binding("s", "sort"),
        Binding("i", "invert"),
        Binding("d", "draw"),
        Binding("y", "copy"),
        Binding("p", "picture"),
        Binding("space", "pause"),
        Binding("plus,equals_sign", "rate(-1)"),
        Binding("minus", "rate(1)"),
        Binding("r,f5", "now"),
        Binding("question_mark,h", "help"),
        Binding("q,ctrl+c", "quit", priority=False),
        *(Binding(key, f"verb('{key}')") for key in "xRSPCB"),
    ]

    def __init__(
        self,
        database: Database,
        place: Place = Place(TABS[0]),  # noqa: B008
        interval: float = 2.0,
        read_only: bool = False,
    ) -> None:
        super().__init__()
        self._database = database
        self._trail = [place]
        self._interval = interval
        self._read_only = read_only
        self._frames: dict[Place, tuple[Snapshot, float]] = {}  # and when it came
        self._shown: View | None = None
        self._shown_of = place
        self._problems = 0  # as of the last screen that asked
        self._trouble = ""
        self._paused = False
        self._reading: Place | None = None
        self._due = 0.0
        self._only = self._sought = ""
        self._sorted: dict[str, tuple[str | None, bool]] = {}  # by screen
        self._cursors: dict[Place, str] = {}
        self._typing = ""
        self._drawn = False

        self._head = Static(id="head")
        self._tabs = Static(id="tabs")
        self._title = Static(id="title")
        self._table = Rows(id="table", cursor_type="row", cell_padding=0)
        self._empty = Static(id="empty")
        self._picture = Static(id="picture")
        self._drawing = VerticalScroll(self._picture, id="drawing")
        self._about = Static(id="about")
        self._field = Input(id="filter")
        self._hints = Static(id="hints")

    def compose(self) -> ComposeResult:
        yield self._head
        yield self._tabs
        yield self._title
        yield self._table
        yield self._empty
        yield self._drawing
        yield self._about
        yield self._field
        yield self._hints

    def on_mount(self) -> None:
        self._draw()
        self._table.focus()
        self.set_interval(TICK, self._tick)

    # Reading

    @property
    def place(self) -> Place:
        return self._trail[-1]

    @property
    def may_write(self) -> bool:
        frame = self._frames.get(self.place)
        return not self._read_only and frame is not None and frame[0].status.may_write

    def _tick(self) -> None:
        now = time.monotonic()
        if self._reading is None and now >= self._due and (not self._paused or self._due == 0.0):
            self._reading = self.place
            self._due = now + self._interval
            self._read(self.place)
        self._head.update(self._status())

    @work(thread=True)
    def _read(self, place: Place) -> None:
        found: Snapshot | None = None
        trouble = ""
        try:
            found = self._database.read(place)
        except UnavailableError as error:
            trouble = str(error)
        except TaskerError as error:
            trouble = " ".join(part for part in (str(error), error.hint) if part)
        self.call_from_thread(self._has_read, place, found, trouble)

    def _has_read(self, place: Place, found: Snapshot | None, trouble: str) -> None:
        self._reading = None
        self._trouble = trouble
        if found is not None:
            self._frames[place] = (found, time.monotonic())
            if Problem in found.answers:
                self._problems = len(found.of(Problem))
        if place != self.place:
            self._due = 0.0
        self._draw()

    # Drawing

    def _draw(self) -> None:
        """Draw the last good frame of this place."""
        self._remember()
        frame = self._frames.get(self.place)
        self._tabs.update(self._tab_line())
        self._shown, self._shown_of = None, self.place
        if frame is not None:
            by, down = self._sorted.get(self.place.screen, (None, False))
            self._shown = screens.arranged(screens.view(frame[0]), self._only, by, down)
        shown = self._shown
        told = shown.title if shown and shown.title != self.place.screen else ""
        self._title.display = bool(told or (shown and self._trouble))
        self._title.update(Text(self._trouble if shown and self._trouble else told))
        pictured = bool(shown and shown.picture and self._drawn)
        self._drawing.display = pictured
        if shown and pictured:
            self._picture.update(Text(shown.picture))
        with self.batch_update():
            self._fill(shown)
        has_rows = bool(shown and shown.rows)
        self._table.display = has_rows and not pictured
        self._empty.display = not has_rows and not pictured
        nothing = f"No row contains '{self._only}'. Esc shows all." if self._only else ""
        self._empty.update(
            Text(nothing or (shown.empty if shown else self._trouble or "reading ..."))
        )
        self._tell_about()
        self._head.update(self._status())

    def _fill(self, shown: View | None) -> None:
        table = self._table
        table.clear(columns=True)
        if shown is None:
            return
        fits = screens.fitted(shown, self.size.width - screens.GAP - 1)  # a scroll bar
        by, down = self._sorted.get(self.place.screen, (None, False))
        for fit in fits:
            arrow = ("▼" if down else "▲") if fit.column.name == by else ""
            label = Text(fit.column.name, style="bold")
            label.truncate(fit.width, overflow="ellipsis")
            if fit.column.right:
                label.align("right", fit.width)
            label.append(arrow)
            table.add_column(label, width=fit.width + screens.GAP, key=fit.column.name)
        for row in shown.rows:
            table.add_row(*(screens.cell(row, fit, shown.at) for fit in fits))
        key = self._cursors.get(self.place)
        place = next((n for n, row in enumerate(shown.rows) if row.key == key), 0)
        table.move_cursor(row=place)

    def _row(self) -> Row | None:
        """The row under the cursor."""
        rows = self._shown.rows if self._shown else ()
        place = self._table.cursor_row
        return rows[place] if 0 <= place < len(rows) else None

    def _status(self) -> Content:
        frame = self._frames.get(self.place)
        parts: list[tuple[str, str]] = [("tasker-sql top", "bold")]
        if frame is None:
            parts += [(f"  {self._trouble or 'connecting'}", "bold")]
        else:
            seen, came = frame
            status, age = seen.status, time.monotonic() - came
            parts.append((f"  {status.database} as {status.role}", ""))
            if not self.may_write:
                parts.append(("  read-only", "bold"))
            parts.append((f"  {status.at:%H:%M:%S}  {seen.seconds * 1000:.0f} ms", ""))
            if self._paused:
                parts.append((f"  PAUSED {age:.0f} s", "bold reverse"))
            elif self._trouble or age > self._interval + LATE:
                parts.append((f"  STALE {age:.0f} s", "bold reverse"))
            else:
                parts.append((f"  every {self._interval:g} s", ""))
        return Content.assemble(*parts)

    def _tab_line(self) -> Content:
        count = self._problems
        top = self._trail[0].screen
        parts: list[Content] = []
        for number, name in enumerate(TABS, 1):
            style = " reverse bold" if name == top else ""
            label = f"{number} {name}" + (f" {count}" if name == "problems" and count else "")
            parts.append(
                Content.from_markup(f"[{style} @click=app.go('{name}')]$label[/]", label=label)
            )
        return Content("  ").join(parts)

    def _tell_about(self) -> None:
        """The pane: everything about the row under the cursor; and the keys that work."""
        row, shown = self._row(), self._shown
        self._about.display = row is not None and bool(row.about)
        if row and shown:
            lines = Text()
            for label, said in screens.about(row, shown.at):
                style = screens.STYLES.get(label, "bold")
                lines.append(f"{label}: ", style or "bold").append(f"{said}\n")
            lines.rstrip()
            self._about.update(lines)
        self._hints.update(self._hint_line())

    def _verbs(self) -> dict[str, Verb]:
        """What can be done here: with the row first, then with the whole screen's subject."""
        row, shown = self._row(), self._shown
        verbs = [*(shown.verbs if shown else ()), *(row.verbs if row else ())]
        return {verb.key: verb for verb in verbs} if self.may_write else {}

    def _hint_line(self) -> Content:
        row = self._row()
        keys = [(verb.key, verb.name, f"verb('{verb.key}')") for verb in self._verbs().values()]
        if row and row.opens:
            keys.append(("⏎", "open", "open"))
        if len(self._trail) > 1 or self._only:
            keys.append(("Esc", "back", "leave"))
        if self._shown and self._shown.picture:
            keys.append(("d", "list" if self._drawn else "draw", "draw"))
        keys += [("?", "help", "help"), ("q", "quit", "quit")]
        keys += [("/", self._only or "filter", "type('filter')"), ("s", "sort", "sort")]
        keys += [("space", "go on" if self._paused else "pause", "pause")]
        return Content("  ").join(
            Content.from_markup(f"[@click=app.{action}][b]$key[/b] $name[/]", key=key, name=name)
            for key, name, action in keys
        )

    def _remember(self) -> None:
        """Keep the cursor on its row, wherever that will be."""
        row = self._row()
        if row and self._shown_of == self.place:
            self._cursors[self.place] = row.key

    def on_data_table_row_highlighted(self) -> None:
        self._tell_about()

    def on_resize(self, _: Resize) -> None:
        self._draw()

    # Moving

    def action_go(self, screen: str) -> None:
        self._go([Place(screen)])

    def action_turn(self, by: int) -> None:
        place = TABS.index(self._trail[0].screen) if self._trail[0].screen in TABS else 0
        self.action_go(TABS[(place + by) % len(TABS)])

    def _go(self, trail: list[Place]) -> None:
        if self._typing:
            self._stop_typing()
        self._trail = trail
        self._only, self._drawn, self._due = "", False, 0.0
        self._frames = {place: frame for place, frame in self._frames.items() if place in trail}
        self._draw()

    def action_open(self) -> None:
        row = self._row()
        if row and row.opens:
            self._go([*self._trail, row.opens])

    def on_opened(self) -> None:
        self.action_open()

    def on_data_table_header_selected(self, event: DataTable.HeaderSelected) -> None:
        by, down = self._sorted.get(self.place.screen, (None, False))
        name = str(event.column_key.value)
        self._sort(name, not down if name == by else False)

    def action_leave(self) -> None:
        if self._only:
            self._only = ""
            self._draw()
        elif len(self._trail) > 1:
            self._go(self._trail[:-1])

    def action_move(self, how: str) -> None:
        getattr(self._table, f"action_{how}")()

    def action_draw(self) -> None:
        self._drawn = not self._drawn
        self._draw()

    def action_copy(self) -> None:
        row = self._row()
        cure = (
            next((said for label, said in row.about if label == "cure" and said), None)
            if row
            else None
        )
        text = cure or (row and row.opens and row.opens.uuid and str(row.opens.uuid))
        if text:
            self.copy_to_clipboard(text)
            self.notify(f"Copied: {text}", markup=False)
        else:
            self.notify("Nothing here to copy.", severity="warning")

    def action_picture(self) -> None:
        self.notify(f"Saved: {self.save_screenshot()}", markup=False)

    # Arranging

    def action_sort(self) -> None:
        if self._shown:
            names = [None, *(column.name for column in self._shown.columns)]
            by, _ = self._sorted.get(self.place.screen, (None, False))
            self._sort(names[(names.index(by) + 1) % len(names)], False)

    def action_invert(self) -> None:
        by, down = self._sorted.get(self.place.screen, (None, False))
        self._sort(by, not down)

    def _sort(self, by: str | None, down: bool) -> None:
        self._sorted[self.place.screen] = (by, down)
        self._draw()

    def action_type(self, what: str) -> None:
        """Let a filter, or what to find, be typed."""
        self._typing = what
        field = self._field
        field.placeholder = (
            "filter: rows that contain" if what == "filter" else "find: uuid or text"
        )
        field.value = self._only if what == "filter" else ""
        field.display = True
        field.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        if self._typing == "filter" and event.input.id == "filter":
            self._only = event.value
            self._draw()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        typing = self._typing
        self._stop_typing()
        if typing == "find":
            self._sought = event.value.strip()
            self.action_find_next()

    def _stop_typing(self) -> None:
        self._typing = ""
        self._field.display = False
        self._table.focus()

    def on_key(self, event: Key) -> None:
        if self._typing and event.key == "escape":
            event.stop()
            event.prevent_default()
            if self._typing == "filter":
                self._only = ""
            self._stop_typing()
            self._draw()

    def action_find_next(self) -> None:
        sought, shown = self._sought, self._shown
        if re.fullmatch(r"[0-9a-fA-F-]{32,36}", sought):
            try:
                self._go([*self._trail[:1], place_of(UUID(sought))])
            except ValueError:
                self.notify(f"{sought} is no uuid.", severity="warning")
            return
        if not sought or shown is None:
            return
        here = self._table.cursor_row
        order: Iterable[int] = [*range(here + 1, len(shown.rows)), *range(here + 1)]
        found = (n for n in order if sought.casefold() in screens.searched(shown.rows[n], shown.at))
        place = next(found, None)
        if place is None:
            self.notify(f"No row contains '{sought}'.", severity="warning")
        else:
            self._table.move_cursor(row=place)

    # Time

    def action_pause(self) -> None:
        self._paused = not self._paused
        self._due = 0.0 if not self._paused else self._due or time.monotonic()
        self._tell_about()

    def action_rate(self, by: int) -> None:
        steps = sorted({*INTERVALS, self._interval})
        place = steps.index(self._interval) + by
        self._interval = steps[min(max(place, 0), len(steps) - 1)]
        self._due = min(self._due, time.monotonic() + self._interval)

    def action_now(self) -> None:
        self._due = 0.0

    def action_help(self) -> None:
        self.push_screen(Help())

    # Writing

    def action_verb(self, key: str) -> None:
        row, shown = self._row(), self._shown
        known = [*(shown.verbs if shown else ()), *(row.verbs if row else ())]
        if not any(verb.key == key for verb in known):
            self.notify("Nothing here that this key could change.", severity="warning")
        elif verb := self._verbs().get(key):
            self.push_screen(Confirm(verb), self._confirmed)
        else:
            who = "top was started read-only" if self._read_only else "this role may not write here"
            self.notify(f"{verb_name(known, key)}: {who}.", severity="warning")

    def _confirmed(self, statement: str | None) -> None:
        if statement is not None:
            self._run(statement)

    @work(thread=True)
    def _run(self, statement: str) -> None:
        tell: Callable[..., Any] = self.notify
        try:
            said, severity = self._database.run(statement) or "nothing to do", "information"
        except UnavailableError as error:
            said = f"{error}. Nobody knows whether it was carried out: look before you repeat it."
            severity = "error"
        except TaskerError as error:
            said, severity = " ".join(part for part in (str(error), error.hint) if part), "error"
        self.call_from_thread(tell, said, severity=severity, markup=False)
        self._due = 0.0


def verb_name(verbs: Iterable[Verb], key: str) -> str:
    """What the key would do."""
    return next(verb.name for verb in verbs if verb.key == key)
