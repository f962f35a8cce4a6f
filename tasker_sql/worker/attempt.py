"""One attempt at one step: runs its handler. Whatever that does, the attempt has an outcome."""

from __future__ import annotations

import inspect
import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from tasker_sql import otel
from tasker_sql.client import Client
from tasker_sql.errors import PermanentError
from tasker_sql.jsonb import JsonText
from tasker_sql.rows import ClaimedStep
from tasker_sql.threads import Cancellation
from tasker_sql.worker import coroutines, outcomes
from tasker_sql.worker.handlers import Handler, Step
from tasker_sql.worker.outcomes import Dropped, Failure, GivenBack, Outcome
from tasker_sql.worker.progress import Database, Progress, SavedProgress
from tasker_sql.worker.signatures import SQL_PREFIX

if TYPE_CHECKING:
    from opentelemetry.trace import Span

SQL_GRACE: Final = 5.0  # seconds that a server gets to apply a statement_timeout


@dataclass(slots=True, eq=False)
class Attempt:
    """A claimed step on its way through a worker."""

    step: ClaimedStep
    worker: str = ""
    database: Database | None = None
    cancelled: Cancellation = field(default_factory=Cancellation)
    waits: float | None = None  # since when, for a connection
    waited: float = 0.0  # seconds, for connections
    started: float | None = None  # on the monotonic clock
    seconds: float = 0.0  # that the handler took
    former: Any = None  # the error of the attempt before, if it failed
    span: Span | None = None  # of OpenTelemetry, if that is set up
    _open: list[None] = field(default_factory=lambda: [None])

    @property
    def by_sql(self) -> bool:
        return self.step.handler.startswith(SQL_PREFIX)

    @property
    def ends_at(self) -> float:
        """When its time is over; at the earliest, before it starts."""
        if self.step.timeout is None:
            return math.inf
        start = time.monotonic() if self.started is None else self.started
        return start + self.step.timeout.total_seconds()

    @property
    def gives_up_at(self) -> float:
        """When the attempt is given up, if it has not ended."""
        return self.ends_at + (SQL_GRACE if self.by_sql else 0)

    def settle(self) -> bool:
        """Whether the caller is the one that decides how the attempt ended: the first to ask."""
        try:
            self._open.pop()
        except IndexError:
            return False
        return True

    @property
    def facts(self) -> Mapping[str, Any]:
        """What the log says of it, in JSON."""
        step = self.step
        return {
            "task": step.task_uuid,
            "step": step.step_uuid,
            "name": step.name,
            "attempt": step.attempt,
            "worker": self.worker,
        }

    def __str__(self) -> str:
        step = self.step
        return (
            f"step {step.name} {step.step_uuid} of task {step.task_uuid}, "
            f"attempt {step.attempt} of {step.max_attempts} by {self.worker}"
        )


def run(attempt: Attempt, handler: Handler) -> Outcome:
    """Run a plain handler. Never raises: what the handler raises is the outcome."""
    attempt.started = time.monotonic()
    step_uuid = attempt.step.step_uuid
    try:
        return outcomes.result(step_uuid, called(attempt, handler))
    except BaseException as error:  # sys.exit() in a handler harms only its step
        return outcomes.raised(step_uuid, error)


def called(attempt: Attempt, handler: Handler, *connection: Any) -> Any:
    """What the handler answers, or what it awaits in the end. Raises what it raises."""
    ours = os.getpid()
    try:
        answer = handler.call(_handlers_step(attempt), *connection)
    finally:
        if os.getpid() != ours:
            os._exit(0)  # a child of the handler's: the step, and our connections, are not its own
    if not inspect.isawaitable(answer):
        return answer
    if not connection:
        return coroutines.run(answer, attempt.cancelled)
    if inspect.iscoroutine(answer):
        answer.close()
    raise PermanentError("a transactional handler answered an awaitable; its connection is not")


def traced(attempt: Attempt, outcome: Outcome) -> Outcome:
    """The outcome ends its span. A failure says which that is, for the link of the next attempt."""
    if attempt.span is None:
        return outcome
    if isinstance(outcome, Failure):
        parent = otel.ended(attempt.span, outcome.note, outcome.traceback)
        report = outcome.report.replace('"error":{', f'"error":{{"traceparent":"{parent}",', 1)
        return replace(outcome, report=JsonText(report)) if parent else outcome
    note = ""
    if isinstance(outcome, Dropped | GivenBack):
        note = f"{type(outcome).__name__}: {outcome.note}"
    otel.ended(attempt.span, note)
    return outcome


def count_late_write(attempt: Attempt, client: Client) -> str:
    """The step had been taken away when its outcome came: why, in words.

    Raises what every call raises.
    """
    step = attempt.step
    late = client.report_late_writes(step.token, [step.step_uuid], attempt.worker)
    return "; ".join(
        f"{write.cause}{f' {write.late_by} ago' if write.late_by else ''},"
        f" the step is {write.step_state} now"
        for write in late
    )


def _handlers_step(attempt: Attempt) -> Step:
    step = attempt.step
    progress = Progress(step.checkpoint)
    if attempt.database:
        late = partial(count_late_write, attempt)
        progress = SavedProgress(step, attempt.database, attempt.cancelled, late)
    return Step(
        *(step.task_uuid, step.step_uuid, step.name, step.attempt, step.max_attempts),
        *(step.context, step.dependency_results, step.config),
        deadline=None if step.timeout is None else datetime.now(UTC) + step.timeout,
        cancelled=attempt.cancelled,
        progress=progress,
    )
