"""What stands above a screen: a text, a statement to be confirmed, a repair of many."""

from __future__ import annotations

import threading
from asyncio import to_thread
from collections.abc import Sequence
from typing import Any, ClassVar, Final, TypeVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.events import Key
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from tasker_sql.advice import KNOWN, advice
from tasker_sql.errors import UnavailableError
from tasker_sql.failure import error_lines
from tasker_sql.jsonb import dumps
from tasker_sql.rows import AppliedRepair, TaskStep
from tasker_sql.top.backend import Backend
from tasker_sql.top.form import fields_of, value_of
from tasker_sql.top.statements import (
    WHY,
    Verb,
    needs_reason,
    repaired,
    statement,
    with_reason,
)
from tasker_sql.visible import visible, visible_lines

R = TypeVar("R")


class Dialog(ModalScreen[R]):
    """Keys may come faster than it goes away: the second of two finds it gone."""

    def leave(self, result: R | None = None) -> None:
        if self.is_current:
            self.dismiss(result)


class VerbDialog(Dialog[R]):
    """Asks before something is done: Enter does it, Escape does not."""

    AUTO_FOCUS = "Input"
    BINDINGS: ClassVar = [Binding("escape", "leave"), Binding("enter", "run")]

    def __init__(self, verb: Verb) -> None:
        super().__init__()
        self._verb = verb

    def on_input_submitted(self) -> None:
        self.action_run()

    def action_leave(self) -> None:
        self.leave()

    def action_run(self) -> None:
        raise NotImplementedError


NO_REASON: Final = "It is not run without a reason."


def reason_input() -> Input:
    return Input(placeholder="Why? It is kept in the history.", max_length=1000)


class Confirm(VerbDialog[str | None]):
    """Asks for the reason, and first, field by field, for what a form asks; shows the statement as
    it will be run, and returns it."""

    def __init__(self, verb: Verb) -> None:
        super().__init__(verb)
        self._fields = fields_of(verb.form) if verb.form is not None else []
        self._inputs = [Input(placeholder=field.wanted) for field in self._fields]
        self._reason = reason_input()

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="box", can_focus=False):
            yield Static(Text(visible(self._verb.name), style="bold"))
            for field, field_input in zip(self._fields, self._inputs, strict=True):
                yield Static(Text(visible(field.name or "value")))
                yield field_input
            if self._fields or needs_reason(self._verb.statement):
                yield self._reason
            yield Static(id="statement")
            yield Static(Text("Enter: run this     Esc: do not"))

    def on_mount(self) -> None:
        self.on_input_changed()

    def on_input_changed(self) -> None:
        try:
            shown = self._statement()
        except ValueError as error:
            shown = str(error)
        self.query_one("#statement", Static).update(Text(visible(shown)))

    def action_run(self) -> None:
        try:
            asked = self._statement()
            if needs_reason(asked):
                raise ValueError(NO_REASON)
        except ValueError as error:
            self.notify(visible(str(error)), severity="warning")
        else:
            self.app.clear_notifications()
            self.leave(asked)

    def _statement(self) -> str:
        """Raises ValueError, which says what a field of the form needs."""
        reason = self._reason.value if self._reason.value.strip() else ""
        if not self._fields:
            return with_reason(self._verb.statement, reason or WHY)
        value = value_of(self._fields, [one.value for one in self._inputs])
        options = [dumps({"reason": reason})] if reason else []
        return statement("answer_wait", self._verb.statement, dumps(value), *options)


MOVES: Final = {"up", "down", "pageup", "pagedown", "home", "end"}


class Reading(Dialog[None]):
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


def text_of(what: str, context: Any, steps: Sequence[TaskStep]) -> str:
    """The input of a task, or what its steps made, or how they failed."""
    if what == "input":
        return f"input\n\n{dumps(context, indent=2)}"
    if what == "result":
        ended = [one for one in steps if one.result is not None or one.state == "complete"]
        parts = [f"result of {one.name}\n\n{dumps(one.result, indent=2)}" for one in ended]
        return "\n\n".join(parts) or "There is no result yet."
    failed = [one for one in steps if one.last_error is not None]
    parts = ["\n".join([f"{one.name} failed", "", *error_lines(one.last_error)]) for one in failed]
    return "\n\n".join(parts) or "Nothing has failed here."


def answer(rows: Sequence[Any]) -> str:
    """What a statement answered, a line for each row."""
    return "\n".join(
        ", ".join(
            f"{name}: {visible(str(value))}"
            for name, value in row._asdict().items()
            if value is not None
        )
        for row in rows
    )


def outcome_of(error: Exception) -> str:
    """What an error says of a statement that was to be run."""
    lost = " Nobody knows whether it was applied: look before you repeat it."
    return f"{advice(error)}{lost if isinstance(error, UnavailableError) else ''}"


RATE: Final = 100  # a second, at most
SAMPLE: Final = 3  # so that all fits into 24 lines
PLANNING, READY, APPLYING, ENDED = "planning ...", "ready", "applying", "ended"
KEYS: Final = {
    PLANNING: "Esc: do not",
    READY: f"Enter: go on, at most {RATE} a second     Esc: do not",
    APPLYING: "Esc: stop",
    ENDED: "Enter: plan again     Esc: back",
}


class Repair(VerbDialog[None]):
    """Plans at once, which changes no step and no task, and shows how many match, with a sample.

    Applies the plan when a reason was given. What nobody planned is not touched: when more
    match than were planned, it says so, and can plan again.
    """

    def __init__(self, database: Backend, verb: Verb) -> None:
        super().__init__(verb)
        self._database = database
        self._phase, self._message = PLANNING, ""
        self._plan: Sequence[Any] = ()
        self._done = AppliedRepair(0, 0, 0, None)
        self._stopping = threading.Event()
        self._sample = Static(id="plan")
        self._reason = reason_input()
        self._below = Static()

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="box", can_focus=False):
            yield Static(Text(visible(self._verb.name), style="bold"))
            yield Static(Text(visible(self._verb.statement)))
            yield self._sample
            yield self._reason
            yield self._below

    def on_mount(self) -> None:
        self._make_plan()

    def _enter(self, phase: str, message: str = "") -> None:
        self._phase, self._message = phase, message
        self._reason.display = phase in (READY, APPLYING)
        self._reason.disabled = phase != READY
        self.set_focus(self._reason if phase == READY else None)
        self._show()

    def _show(self) -> None:
        lines = [
            visible(f"  {one.subject_uuid or one.subject}  {one.error or one.state}")
            for one in self._plan[:SAMPLE]
        ]
        if self._plan:
            matched = self._plan[0].matched
            lines.insert(0, f"{matched:,} match{'es' if matched == 1 else ''}, such as")
        self._sample.update(Text("\n".join(lines)))
        call = visible(self._apply(self._reason.value or WHY)) if self._reason.display else ""
        below = [part for part in (call, self._message, KEYS[self._phase]) if part]
        self._below.update(Text("\n".join(below)))

    def _apply(self, reason: str) -> str:
        return statement("apply_repair", self._plan[0].plan_uuid, reason, RATE)

    @work
    async def _make_plan(self) -> None:
        self._plan, self._done = (), AppliedRepair(0, 0, 0, None)
        self._stopping.clear()
        self._enter(PLANNING, PLANNING)
        try:
            self._plan = await to_thread(self._database.run, self._verb.statement)
        except KNOWN as error:
            self._enter(ENDED, visible(str(advice(error))))
        else:
            nothing = "Nothing matches: somebody may have dealt with it."
            self._enter(*((READY,) if self._plan else (ENDED, nothing)))

    @work
    async def _carry_out(self, call: str) -> None:
        message = ""
        calls = repaired(lambda: self._database.run(call)[0], self._pause)
        try:
            while done := await to_thread(next, calls, None):
                self._done = done
                self._enter(APPLYING, f"{self._so_far()}, {done.remaining:,} to go")
            message = "Stopped." if self._done.remaining else ""
        except KNOWN as error:
            message = visible(outcome_of(error))
        refusal = self._done.last_refusal
        why = f"\nRefused: {visible(refusal)}" if refusal else ""
        self._enter(ENDED, f"{self._so_far()}. {message}{why}")

    def _so_far(self) -> str:
        refused = f", {self._done.refused:,} refused" if self._done.refused else ""
        return f"{self._done.applied:,} done{refused}"

    def _pause(self, seconds: float) -> bool:
        return self._stopping.wait(seconds)

    def on_input_changed(self) -> None:
        self._show()

    def action_run(self) -> None:
        if self._phase == ENDED:
            self._make_plan()
        elif self._phase == READY and not self._reason.value.strip():
            self.notify(NO_REASON, severity="warning")
        elif self._phase == READY:
            call = self._apply(self._reason.value)
            self._enter(APPLYING, self._so_far())  # before a second Enter
            self._carry_out(call)

    def action_leave(self) -> None:
        if self._phase == APPLYING:
            self._stopping.set()
        else:
            self.leave()
