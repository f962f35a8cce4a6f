"""The same for many: plan, look, say why, and carry it out slowly."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any, ClassVar, Final, Protocol, TypeVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.widgets import Input, Static

from tasker_sql.errors import TaskerError, UnavailableError
from tasker_sql.rows import AppliedRepair, PlannedRepair
from tasker_sql.top.dialogs import Dialog
from tasker_sql.top.statements import WHY, Verb, call, literal
from tasker_sql.top.words import said
from tasker_sql.visible import visible

R = TypeVar("R")

RATE: Final = 100  # a second, at most
SAMPLE: Final = 3  # so that all fits into 24 lines
PLANNING, READY, APPLYING, ENDED = "planning ...", "ready", "applying", "ended"
KEYS: Final = {
    PLANNING: "Esc: do not",
    READY: f"Enter: go on, at most {RATE} a second     Esc: do not",
    APPLYING: "Esc: stop",
    ENDED: "Enter: plan again     Esc: back",
}


class Database(Protocol):
    """Where statements go."""

    def answers(self, statement: str, row: type[R]) -> Sequence[R]: ...


class Repair(Dialog[None]):
    """Plans at once, which changes no step and no task, and shows how many match, with a sample.

    Carries the plan out when a reason was given. What nobody planned is not touched: when more
    match than were planned, that is told, and it can be planned again.
    """

    AUTO_FOCUS = "Input"
    DEFAULT_CSS = """
    Repair #sample { margin: 1 0; text-wrap: nowrap; text-overflow: ellipsis; }
    Repair #statement { margin: 1 0 0 0; }
    """
    BINDINGS: ClassVar = [Binding("escape", "leave"), Binding("enter", "go_on")]

    def __init__(self, database: Database, verb: Verb) -> None:
        super().__init__()
        self._database = database
        self._verb = verb
        self._phase = PLANNING
        self._plan: PlannedRepair | None = None
        self._done = self._refused = 0
        self._stopping = threading.Event()
        self._sample = Static(id="sample")
        self._reason = Input(placeholder="Why? It is kept in the history.", max_length=1000)
        self._statement = Static(id="statement")
        self._progress = Static(id="progress")
        self._keys = Static(id="keys")

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="box", can_focus=False):
            yield Static(Text(visible(self._verb.name), style="bold"))
            yield Static(Text(visible(self._verb.statement)))
            yield self._sample
            yield self._reason
            yield self._statement
            yield self._progress
            yield self._keys

    def on_mount(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._plan, self._done, self._refused = None, 0, 0
        self._stopping.clear()
        self._enter(PLANNING, "")
        self._make_plan()

    def _enter(self, phase: str, said: str) -> None:
        self._phase = phase
        self._reason.display = self._statement.display = phase in (READY, APPLYING)
        self._reason.disabled = phase != READY
        if phase == READY:
            self._reason.focus()
        else:
            self.set_focus(None)
        self._progress.update(Text(said or (phase if phase == PLANNING else "")))
        self._keys.update(Text(KEYS[phase]))
        self._show_statement()

    def _show_statement(self) -> None:
        if self._plan:
            self._statement.update(Text(visible(self._apply(self._reason.value or WHY))))

    def _apply(self, reason: str) -> str:
        assert self._plan is not None
        return call("apply_repair", literal(str(self._plan.plan_uuid)), literal(reason), str(RATE))

    # Planning

    @work(thread=True)
    def _make_plan(self) -> None:
        try:
            plan = self._database.answers(self._verb.statement, PlannedRepair)
        except (TaskerError, UnavailableError) as error:
            self._tell(self._enter, ENDED, said(error))
        else:
            self._tell(self._planned, plan)

    def _planned(self, plan: Sequence[PlannedRepair]) -> None:
        if not plan:
            self._sample.update("")
            self._enter(ENDED, "Nothing matches: somebody may have dealt with it.")
            return
        self._plan = plan[0]
        many = "1 matches" if self._plan.matched == 1 else f"{self._plan.matched:,} match"
        lines = [f"{many}, such as"]
        for one in plan[:SAMPLE]:
            which = one.subject_uuid or one.subject
            lines.append(visible(f"  {which}  {one.error or one.state}"))
        self._sample.update(Text("\n".join(lines)))
        self._enter(READY, "")

    # Carrying out

    @work(thread=True)
    def _carry_out(self, statement: str) -> None:
        refusal: str | None = None
        remaining = 1
        while remaining and not self._stopping.is_set():
            began = time.monotonic()
            try:
                (applied,) = self._database.answers(statement, AppliedRepair)
            except UnavailableError as error:
                lost = f"{said(error)}. Nobody knows whether the last {RATE} were carried out."
                self._tell(self._end, lost, refusal)
                return
            except TaskerError as error:
                self._tell(self._end, said(error), refusal)
                return
            self._done += applied.applied
            self._refused += applied.refused
            refusal, remaining = applied.last_refusal or refusal, applied.remaining
            self._tell(self._show_progress, remaining)
            if remaining:
                self._stopping.wait(max(0.0, began + 1 - time.monotonic()))
        self._tell(self._end, "Stopped." if remaining else "", refusal)

    def _tell(self, what: Any, *arguments: Any) -> None:
        """Call it where the screen is drawn, unless that has gone."""
        if self.is_attached:
            self.app.call_from_thread(what, *arguments)

    def _show_progress(self, remaining: int) -> None:
        self._progress.update(Text(f"{self._so_far()}, {remaining:,} to go"))

    def _so_far(self) -> str:
        refused = f", {self._refused:,} refused" if self._refused else ""
        return f"{self._done:,} done{refused}"

    def _end(self, said: str, refusal: str | None) -> None:
        why = f"\nRefused: {visible(refusal)}" if refusal else ""
        self._enter(ENDED, f"{self._so_far()}. {said}{why}")

    # Keys

    def on_input_changed(self) -> None:
        self._show_statement()

    def on_input_submitted(self) -> None:
        self.action_go_on()

    def action_go_on(self) -> None:
        if self._phase == ENDED:
            self._begin()
        elif self._phase == READY and not self._reason.value.strip():
            self.notify("It is not run without a reason.", severity="warning")
        elif self._phase == READY:
            statement = self._apply(self._reason.value)
            self._enter(APPLYING, "0 done")
            self._carry_out(statement)

    def action_leave(self) -> None:
        if self._phase == APPLYING:
            self._stopping.set()
        else:
            self.leave()
