"""What stands above a screen: a statement to be confirmed, its answer, the keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, TypeVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.events import Key
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from tasker_sql.failure import error_lines
from tasker_sql.jsonb import dumps
from tasker_sql.top.answers import StepText
from tasker_sql.top.statements import WHY, Verb, needs_reason, with_reason
from tasker_sql.visible import visible, visible_lines

R = TypeVar("R")

HELP: Final = """\
1 to 7, Tab     another screen
↑ ↓ j k g G     move            click, wheel   move
Enter, 2 clicks open the row    Esc            back
/               filter the rows
s, I, header    sort by the next column, invert
f               find: the uuid of a task or step opens it, other
                text goes to the next row with it; n: again
d               a task's DAG as a picture, and back; a step with ◆
                is one of those that decide when the task ends
i, o, t         read the input of a task, the result of a step,
                and how it failed; y copies what is read
a               what operators did, and why
y               copy the cure, or else the uuid
p               save the screen as a picture (SVG) in this folder
space           freeze          + - r          faster, slower, now
q               quit

These show the SQL that they will run, and ask:

x   run the cure of a problem, or of what something waits for
R   retry a step          S   settle a step without a result
    (in failures: all with the same error, slowly, after a look)
Q   requeue a step: take it back from a worker that hangs
P   pause or resume       T   pause or resume a task's template
C   cancel a task         B   force a breaker open, release it

The last line of the screen names those that work here."""


class Dialog(ModalScreen[R]):
    """Keys may come faster than it goes away: the second of two finds it gone."""

    def leave(self, result: R | None = None) -> None:
        if self.is_current:
            self.dismiss(result)


class Confirm(Dialog[str | None]):
    """Shows the statement as it will be run, asks for the reason, and answers the statement."""

    AUTO_FOCUS = "Input"
    BINDINGS: ClassVar = [Binding("escape", "leave"), Binding("enter", "run")]

    def __init__(self, verb: Verb) -> None:
        super().__init__()
        self._verb = verb
        self._asks = needs_reason(verb.statement)

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            yield Static(Text(visible(self._verb.name), style="bold"))
            if self._asks:
                yield Input(placeholder="Why? It is kept in the history.", max_length=1000)
            yield Static(Text(visible(self._verb.statement)), id="statement")
            yield Static(Text("Enter: run this     Esc: do not"), id="keys")

    def on_input_changed(self, event: Input.Changed) -> None:
        self.query_one("#statement", Static).update(Text(visible(self._statement(event.value))))

    def on_input_submitted(self) -> None:
        self.action_run()

    def action_leave(self) -> None:
        self.leave()

    def action_run(self) -> None:
        reason = self.query_one(Input).value if self._asks else ""
        if self._asks and not reason.strip():
            self.notify("It is not run without a reason.", severity="warning")
        else:
            self.app.clear_notifications()
            self.leave(self._statement(reason))

    def _statement(self, reason: str) -> str:
        return with_reason(self._verb.statement, reason or WHY)


MOVES: Final = {"up", "down", "pageup", "pagedown", "home", "end"}


class Told(Dialog[None]):
    """A text to be read: keys that move scroll it, y copies it, others and a click end it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="box"):
            yield Static(Text("\n".join(visible_lines(self._text))))

    def on_key(self, event: Key) -> None:
        if event.key == "y":
            event.stop()
            self.app.copy_to_clipboard(self._text)
            self.notify("Copied.")
        elif event.key not in MOVES:
            event.stop()
            self.leave()

    def on_click(self) -> None:
        self.leave()


def text_of(what: str, context: Any, steps: Sequence[StepText]) -> str:
    """The input of a task, or what its steps made, or how they failed."""
    if what == "input":
        return f"input\n\n{_pretty(context)}"
    if what == "result":
        parts = [
            f"result of {one.name}\n\n{_pretty(one.result)}" for one in steps if has_result(one)
        ]
        return "\n\n".join(parts) or "There is no result yet."
    failed = [one for one in steps if one.last_error is not None]
    parts = ["\n".join([f"{one.name} failed", "", *error_lines(one.last_error)]) for one in failed]
    return "\n\n".join(parts) or "Nothing has failed here."


def has_result(one: StepText) -> bool:
    return one.result is not None or one.state == "complete"


def _pretty(value: Any) -> str:
    return dumps(value, indent=2)


def answer(rows: Sequence[Mapping[str, Any]]) -> str:
    """What a statement answered, a line for each row."""
    return "\n".join(
        ", ".join(
            f"{name}: {visible(str(value))}" for name, value in row.items() if value is not None
        )
        for row in rows
    )
