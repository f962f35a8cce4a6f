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


RATE: Final = 100  # a second, at most
SAMPLE: Final = 3  # so that all fits into 24 lines


class Confirm(Dialog[str]):
    """Asks for the reason, and first, field by field, for what a form asks; shows the statement as
    it will be run, and returns it. Of a plan for many, it shows how many match, with a sample."""

    AUTO_FOCUS = "Input"
    BINDINGS: ClassVar = [Binding("escape", "leave"), Binding("enter", "run")]

    def __init__(self, verb: Verb, plan: Sequence[Any] = ()) -> None:
        super().__init__()
        self._verb, self._plan = verb, plan
        self._sql = verb.statement
        if plan:
            self._sql = statement("apply_repair", plan[0].plan_uuid, WHY, RATE)
        self._fields = fields_of(verb.form) if verb.form is not None else []
        self._inputs = [Input(placeholder=field.wanted) for field in self._fields]
        self._reason = Input(placeholder="Why? It is kept in the history.", max_length=1000)

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="box", can_focus=False):
            yield Static(Text(visible(self._verb.name), style="bold"))
            if self._plan:
                yield Static(Text(visible(self._verb.statement)))
                yield Static(Text(sample_of(self._plan)), id="plan")
            for field, field_input in zip(self._fields, self._inputs, strict=True):
                yield Static(Text(visible(field.name or "value")))
                yield field_input
            if self._fields or needs_reason(self._sql):
                yield self._reason
            yield Static(id="statement")
            rate = f", at most {RATE} a second" if self._plan else ""
            yield Static(Text(f"Enter: run this{rate}     Esc: do not"))

    def on_mount(self) -> None:
        self.on_input_changed()

    def on_input_submitted(self) -> None:
        self.action_run()

    def action_leave(self) -> None:
        self.leave()

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
                raise ValueError("It is not run without a reason.")
        except ValueError as error:
            self.notify(visible(str(error)), severity="warning")
        else:
            self.app.clear_notifications()
            self.leave(asked)

    def _statement(self) -> str:
        """Raises ValueError, which says what a field of the form needs."""
        reason = self._reason.value if self._reason.value.strip() else ""
        if not self._fields:
            return with_reason(self._sql, reason or WHY)
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


def sample_of(plan: Sequence[Any]) -> str:
    """How many match a plan, and some of them."""
    matched = plan[0].matched
    some = [f"  {one.subject_uuid or one.subject}  {one.error or one.state}" for one in plan]
    head = f"{matched:,} match{'es' if matched == 1 else ''}, such as"
    return "\n".join([head, *map(visible, some[:SAMPLE])])


class Repair(Dialog[None]):
    """Carries a plan out, slowly; Escape stops that, and then goes back.

    What nobody planned is not touched: when more match than were planned, it says so.
    """

    BINDINGS: ClassVar = [Binding("escape", "leave")]

    def __init__(self, database: Backend, call: str) -> None:
        super().__init__()
        self._database, self._call = database, call
        self._text = Static()
        self._stopping = threading.Event()
        self._has_ended = False

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="box", can_focus=False):
            yield Static(Text(visible(self._call)))
            yield self._text

    @work
    async def on_mount(self) -> None:
        done, end = AppliedRepair(0, 0, 0, None), ""
        calls = repaired(lambda: self._database.run(self._call)[0], self._pause)
        try:
            self._show(done, " so far", "stop")
            while found := await to_thread(next, calls, None):
                done = found
                self._show(done, f", {done.remaining:,} to go", "stop")
            end = "Stopped." if done.remaining else ""
        except KNOWN as error:
            end = visible(outcome_of(error))
        why = f"\nRefused: {visible(done.last_refusal)}" if done.last_refusal else ""
        self._has_ended = True
        self._show(done, f". {end}{why}", "back")

    def _show(self, done: AppliedRepair, more: str, leave: str) -> None:
        refused = f", {done.refused:,} refused" if done.refused else ""
        self._text.update(Text(f"\n{done.applied:,} done{refused}{more}\n\nEsc: {leave}"))

    def _pause(self, seconds: float) -> bool:
        return self._stopping.wait(seconds)

    def action_leave(self) -> None:
        if self._has_ended:
            self.leave()
        self._stopping.set()
