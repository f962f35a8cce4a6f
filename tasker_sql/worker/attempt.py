"""One attempt at one step: runs its handler, and says what to report.

Whatever a handler does, an attempt ends with an outcome that the database accepts. An exception is
an object of the handler's, whose every attribute may raise another one.
"""

from __future__ import annotations

import inspect
import logging
import math
import os
import random
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from numbers import Real
from operator import methodcaller
from typing import Any, Final, TypeVar, cast

from tasker_sql.circuit import backoff
from tasker_sql.client import Client, SqlHandlerError
from tasker_sql.errors import (
    PermanentError,
    RetryableError,
    TaskerError,
    UnavailableError,
    UnreadableError,
)
from tasker_sql.jsonb import JsonText, encode
from tasker_sql.pool import Session
from tasker_sql.rows import ClaimedStep
from tasker_sql.verdict import Whose
from tasker_sql.worker import coroutines
from tasker_sql.worker.handlers import Cancellation, Handler, Registry, Step
from tasker_sql.worker.signatures import SQL_PREFIX

PERMANENT: Final = "TK100"  # what a handler in SQL raises when it must not be tried again
MISSING: Final = {"42883", "3F000"}  # no such function, no such schema
PASSING: Final = {Whose.MOMENT, Whose.TIME, Whose.CONNECTION, Whose.STANDBY, Whose.SERVER}

NOTHING: Final[Mapping[str, str]] = {}
T = TypeVar("T")

LARGEST_RESULT: Final = 8 << 20  # characters; no result_bytes can be set above that
LONGEST_MESSAGE: Final = 8_000
LONGEST_TRACEBACK: Final = 8_000
LONGEST_NAME: Final = 200
LONGEST_NOTE: Final = 300  # in our own log
LONGEST_RETRY_AFTER: Final = 30 * 86_400.0  # seconds
MOST_PARTS: Final = 20  # of a group of exceptions that are named
LONGEST_WAIT: Final = 1.0  # seconds between looks whether there is a database
MOST_RUNS: Final = 8  # of a transaction that is rolled back, in one attempt
SQL_GRACE: Final = 5.0  # seconds that a server gets to carry out a statement_timeout

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Job:
    """A claimed step on its way through a worker."""

    claimed: ClaimedStep
    worker: str = ""
    cancelled: Cancellation = field(default_factory=Cancellation)
    started: float | None = None  # on the monotonic clock
    seconds: float = 0.0  # that the handler took
    replaced: bool = False  # another thread took over the slot of the one that runs it
    _open: list[None] = field(default_factory=lambda: [None])

    @property
    def by_sql(self) -> bool:
        return self.claimed.handler.startswith(SQL_PREFIX)

    @property
    def ends_at(self) -> float:
        """When its time is over; at the earliest, before it starts."""
        if self.claimed.timeout is None:
            return math.inf
        start = time.monotonic() if self.started is None else self.started
        return start + self.claimed.timeout.total_seconds()

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
        step = self.claimed
        return {
            "task": step.task_uuid,
            "step": step.step_uuid,
            "name": step.name,
            "attempt": step.attempt,
            "worker": self.worker,
        }

    def __str__(self) -> str:
        step = self.claimed
        return (
            f"step {step.name} {step.step_uuid} of task {step.task_uuid}, "
            f"attempt {step.attempt} of {step.max_attempts} by {self.worker}"
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended. `report` is what finish_and_claim takes; without it there is nothing to
    report: the step was completed in a transaction of its own, taken away, or is to be given back,
    as if there had been no attempt."""

    report: JsonText | None
    note: str = ""
    failed: bool = False
    given_back: bool = False
    claimed: tuple[ClaimedStep, ...] = ()  # with the same call


@dataclass(frozen=True, slots=True)
class Claimer:
    """For whom a transaction that completes a step claims the next one."""

    namespace: str
    worker: str
    lease: timedelta
    handlers: Callable[[], list[str]]
    stopping: Callable[[], bool]
    refrains: Callable[[], bool]


def run(job: Job, registry: Registry, session: Session, claimer: Claimer) -> Outcome:
    """Run a step's handler. Never raises: what the handler raises is the outcome."""
    job.started = time.monotonic()
    step = job.claimed
    handler = registry.find(step.handler)
    try:
        if job.by_sql:
            outcome = _Transaction(job, session, claimer, None).run()
        elif handler is None:
            outcome = Outcome(None, f"no handler {step.handler!r}", given_back=True)
        elif handler.transactional:
            outcome = _Transaction(job, session, claimer, handler).run()
        else:
            outcome = completed(job, _called(job, handler))
    except BaseException as error:  # sys.exit() in a handler harms only its step
        outcome = raised(job, error)
    job.seconds = 0.0 if job.started is None else time.monotonic() - job.started
    return outcome


def completed(job: Job, result: Any) -> Outcome:
    """The handler returned. A result that is not JSON, or is too large, is a permanent failure."""
    try:
        text = encode(result)
    except ValueError as error:
        return failed(job, "BadResult", f"the result is not JSON: {error}", retryable=False)
    if len(text) > LARGEST_RESULT:
        message = f"the result is too large: {len(text)} characters"
        return failed(job, "BadResult", message, retryable=False)
    step_uuid = job.claimed.step_uuid
    return Outcome(JsonText(f'{{"step_uuid":"{step_uuid}","result":{text}}}'))


def failed(
    job: Job,
    kind: str,
    message: str,
    *,
    retryable: bool = True,
    retry_after: float | None = None,
    facts: Mapping[str, str] = NOTHING,
) -> Outcome:
    """The attempt failed. The texts are made such that the database accepts them."""
    kind = clean(kind, LONGEST_NAME)
    error = {"type": kind, "message": clean(message, LONGEST_MESSAGE)}
    error.update({key: clean(text, LONGEST_MESSAGE) for key, text in facts.items() if text})
    report: dict[str, Any] = {
        "step_uuid": str(job.claimed.step_uuid),
        "error": error,
        "retryable": retryable,
    }
    if retry_after is not None:
        report["retry_after_seconds"] = retry_after
    return Outcome(encode(report), f"{kind}: {clean(message, LONGEST_NOTE)}", failed=True)


def raised(job: Job, error: BaseException) -> Outcome:
    """The handler raised. Never raises itself, whatever the error is made of."""
    try:
        return _raised(job, error)
    except BaseException:
        return indescribable(job)


def indescribable(job: Job) -> Outcome:
    """The attempt failed, and that is all that can be said."""
    text = "the error could not be described"
    return Outcome(
        JsonText(
            f'{{"step_uuid":"{job.claimed.step_uuid}","retryable":true,'
            f'"error":{{"type":"Error","message":"{text}"}}}}'
        ),
        text,
        failed=True,
    )


def _raised(job: Job, error: BaseException) -> Outcome:
    kind = type(error)  # isinstance() would ask the error itself, too
    name = _or("Error", lambda: str(kind.__name__))
    message = _text(error, LONGEST_MESSAGE)
    if issubclass(kind, SqlHandlerError):
        return _sql_failed(job, cast(SqlHandlerError, error))
    if issubclass(kind, TaskerError):
        facts = {"code": "sqlstate", "detail": "detail", "hint": "hint"}
        facts = {fact: str(_or("", getattr, error, part)) for fact, part in facts.items()}
        message = str(_or(message, getattr, error, "message"))
        return failed(job, "SqlError" if kind is TaskerError else name, message, facts=facts)
    if issubclass(kind, UnavailableError):
        return failed(job, "Unavailable", f"the database could not answer: {message}")
    parts = _or([error], _parts, error) or [error]
    if parts[0] is not error:
        message = f"{message}: {'; '.join(map(_line, parts[:MOST_PARTS]))}"
    retry_after, hint = _retry_after(parts)
    return failed(
        job,
        name,
        message or name,
        retryable=not all(issubclass(type(part), PermanentError) for part in parts),
        retry_after=retry_after,
        facts={"hint": hint, "traceback": _or("", _traceback, error)},
    )


def _or(otherwise: T, describe: Callable[..., T], *arguments: object) -> T:
    """What a part of an error is; something else when that raises."""
    try:
        return describe(*arguments)
    except BaseException:
        return otherwise


def _text(error: BaseException, longest: int) -> str:
    return _or("the error could not be printed", lambda: clean(str(error), longest))


def _line(error: BaseException) -> str:
    name, message = type(error).__name__, _text(error, LONGEST_NOTE)
    return f"{name}: {message}" if message else name


def _parts(error: BaseException) -> list[BaseException]:
    """The errors of a group, or of groups in it; else the error itself."""
    if not issubclass(type(error), BaseExceptionGroup):
        return [error]
    group = cast("BaseExceptionGroup[BaseException]", error)
    return [part for one in group.exceptions for part in _parts(one)]


def _retry_after(parts: list[BaseException]) -> tuple[float | None, str]:
    """The longest wait that the errors ask for, in seconds, and a word on what is none."""
    longest, hint = None, ""
    for part in parts:
        if not issubclass(type(part), RetryableError):
            continue
        wish = _or("an error", getattr, part, "retry_after")
        if wish is None:
            continue
        wait = _or(None, seconds, wish)
        if wait is not None:
            longest = max(wait, longest or 0.0)
        else:
            said = clean(_or("an error", repr, wish), LONGEST_NAME)
            hint = f"retry_after is no length of time: {said}; the backoff of the step is used"
    return longest, hint


def seconds(value: Any) -> float | None:
    """A length of time, or the time until a moment, in seconds from 0 to 30 days: of a number, a
    timedelta, a datetime, or a text with a number or a date as HTTP has them. Nothing for what is
    none of these."""
    if isinstance(value, str):
        text = value.strip()
        with suppress(ValueError):
            return seconds(float(text))
        with suppress(ValueError, TypeError):
            return seconds(parsedate_to_datetime(text))
        with suppress(ValueError):
            return seconds(datetime.fromisoformat(text))
        return None
    if isinstance(value, timedelta):
        value = value.total_seconds()
    elif isinstance(value, datetime):
        value = value.timestamp() - time.time()
    if isinstance(value, bool) or not isinstance(value, Real | Decimal):
        return None
    if value != value or value in (math.inf, -math.inf):
        return None
    return float(min(max(value, 0), LONGEST_RETRY_AFTER))


def refused(job: Job, error: TaskerError) -> Outcome:
    """The database takes everything but this result."""
    facts = {"code": error.sqlstate, "detail": error.detail, "hint": error.hint}
    return failed(job, "BadResult", error.message, retryable=False, facts=facts)


def timed_out(job: Job) -> Outcome:
    """The attempt did not end in time."""
    assert job.claimed.timeout is not None
    seconds = job.claimed.timeout.total_seconds()
    return failed(job, "Timeout", f"the handler did not end within {seconds:g} s")


def count_late_write(job: Job, client: Client, worker: str) -> str:
    """The step had been taken away when its outcome came: why, in words.

    Raises what every call raises.
    """
    late = client.report_late_writes(job.claimed.token, [job.claimed.step_uuid], worker)
    return "; ".join(
        f"{write.cause}{f' {write.late_by} ago' if write.late_by else ''},"
        f" the step is {write.step_state} now"
        for write in late
    )


def clean(text: str, longest: int) -> str:
    """Text that PostgreSQL can store: no NUL, no lone surrogates, not too long."""
    text = str.replace(text, "\0", "").encode(errors="replace").decode()
    return text if len(text) <= longest else f"{text[: longest - 4]} ..."


def _step(job: Job) -> Step:
    step = job.claimed
    return Step(
        *(step.task_uuid, step.step_uuid, step.name, step.attempt, step.max_attempts),
        *(step.context, step.dependency_results, step.config),
        deadline=None if step.timeout is None else datetime.now(UTC) + step.timeout,
        cancelled=job.cancelled,
    )


def _called(job: Job, handler: Handler, *connection: Any) -> Any:
    """What the handler answers, or what it awaits in the end. Raises what it raises."""
    ours = os.getpid()
    try:
        answer = handler.call(_step(job), *connection)
    finally:
        if os.getpid() != ours:
            os._exit(0)  # a child of the handler's: the step, and our connections, are not its own
    if not inspect.isawaitable(answer):
        return answer
    if not connection:
        return coroutines.run(answer, job.cancelled)
    if inspect.iscoroutine(answer):
        answer.close()
    raise PermanentError("a transactional handler answered an awaitable; its connection is not")


class _Transaction:
    """Runs a handler in SQL, or a transactional one, in the transaction that completes its step.

    It claims the next step, too: so every slot comes to have a claim of its own, and slots do not
    wait for each other to commit. A transaction that was rolled back by no fault of the handler or
    of its result has not happened: it is run again, and in the end given back, as no attempt.
    """

    def __init__(
        self, job: Job, session: Session, claimer: Claimer, handler: Handler | None
    ) -> None:
        self._job = job
        self._session = session
        self._claimer = claimer
        self._handler = handler
        self._completing = False  # whether the handler has ended
        self._unsure = False  # whether a commit was not answered
        self._reads = True  # whether the answers of claims can be read

    def run(self) -> Outcome:
        """Raises what the handler raises."""
        why = ""
        for tries in range(1, MOST_RUNS + 1):
            try:
                return self._run()
            except (TaskerError, UnavailableError, SqlHandlerError) as error:
                if outcome := self._outcome(error):
                    return outcome
                if tries == MOST_RUNS and not self._completing:
                    raise
                why = str(error)
                log.info("%s was rolled back, and runs again: %s", self._job, why)
            if self._job.cancelled.wait(backoff(tries, random.random(), base=0.2, cap=5.0)):
                break
            if self._claimer.stopping():
                break
        return Outcome(None, f"it could not be completed: {why}", given_back=True)

    def _run(self) -> Outcome:
        job = self._job
        with ExitStack() as stack:
            client = _lent(job, self._session, stack)
            if client is None:
                return Outcome(None, "taken away before it started")
            job.started = time.monotonic()
            self._completing = self._handler is None or self._unsure
            if self._unsure and _was_committed(job, client):
                again = JsonText(f'{{"step_uuid":"{job.claimed.step_uuid}"}}')
                claimed = self._finish(client, again) if self._reads else []
                return Outcome(None, claimed=tuple(claimed))
            self._unsure = False
            if self._handler is None:
                return Outcome(None, claimed=tuple(self._finish_by_sql(client)))
            self._completing = False
            return self._finish_with(client, self._handler)

    def _outcome(self, error: TaskerError | UnavailableError | SqlHandlerError) -> Outcome | None:
        """What the error means for the attempt; nothing when the transaction may be run again."""
        whose = error.verdict.whose
        if isinstance(error, SqlHandlerError):
            self._completing = False
            if error.sqlstate in MISSING and not error.context:
                name = self._job.claimed.handler.removeprefix(SQL_PREFIX)
                return Outcome(None, f"no SQL function {name}(jsonb, jsonb)", given_back=True)
            if whose is Whose.RIGHT and not error.context:
                return Outcome(None, str(error), given_back=True)
            if whose is Whose.TIME and time.monotonic() >= self._job.ends_at:
                return timed_out(self._job)
        if not self._completing:
            return None if whose in PASSING else raised(self._job, error)
        if isinstance(error, UnreadableError):
            self._reads = False
            self._unsure = True
            with suppress(TaskerError, UnavailableError):
                self._session.call(methodcaller("release_claim", error.token))
        elif isinstance(error, UnavailableError):
            self._unsure = True
        elif whose is Whose.CLAIM:
            return Outcome(None, f"rolled back: {self._count_late_write() or error}")
        elif whose is Whose.NOBODY:
            return Outcome(None)
        elif whose is Whose.RESULT and isinstance(error, TaskerError):
            return refused(self._job, error)
        return None

    def _finish_with(self, client: Client, handler: Handler) -> Outcome:
        with client.transaction() as connection:
            try:
                with client.lent():
                    outcome = completed(self._job, _called(self._job, handler, connection))
            except (PermanentError, RetryableError):
                raise
            except Exception as error:
                if client.lost:
                    raise UnavailableError(_text(error, LONGEST_NOTE)) from error
                raise
            if outcome.report is None or outcome.failed:
                raise PermanentError(outcome.note)
            self._completing = True
            claimed = self._finish(client, outcome.report)
        return Outcome(None, claimed=tuple(claimed))

    @property
    def _limit(self) -> int:
        claimer = self._claimer
        return int(self._reads and not claimer.stopping() and not claimer.refrains())

    def _finish(self, client: Client, report: JsonText) -> Sequence[ClaimedStep]:
        claimer = self._claimer
        return client.finish_and_claim(
            claimer.namespace,
            claimer.worker,
            self._job.claimed.token,
            JsonText(f"[{report}]"),
            self._limit,
            claimer.lease,
            claimer.handlers(),
        )

    def _finish_by_sql(self, client: Client) -> list[ClaimedStep]:
        claimer = self._claimer
        schema, _, function = self._job.claimed.handler.removeprefix(SQL_PREFIX).partition(".")
        with client.patience(None):
            return client.finish_with_function(
                schema,
                function,
                self._job.claimed,
                claimer.namespace,
                claimer.worker,
                self._limit,
                claimer.lease,
                claimer.handlers(),
            )

    def _count_late_write(self) -> str:
        with suppress(TaskerError, UnavailableError):  # it is lost, counted or not
            return self._session.call(
                lambda client: count_late_write(self._job, client, self._claimer.worker)
            )
        return ""


def _was_committed(job: Job, client: Client) -> bool:
    """Whether a transaction whose commit was not answered has completed the step."""
    try:
        with client.rolled_back():
            return client.complete_step(job.claimed.step_uuid, job.claimed.token).repeated
    except TaskerError as error:
        if error.verdict.whose is not Whose.NOBODY:
            raise
        return True


def _lent(job: Job, session: Session, stack: ExitStack) -> Client | None:
    """Wait until there is a connection: an attempt that has not begun cannot fail."""
    job.started = None
    while not job.cancelled.is_set():
        try:
            return stack.enter_context(session.lend())
        except UnavailableError as error:
            job.cancelled.wait(min(error.retry_in, LONGEST_WAIT))
    return None


def _sql_failed(job: Job, error: SqlHandlerError) -> Outcome:
    return failed(
        job,
        "SqlError",
        str(error),
        retryable=error.sqlstate != PERMANENT,
        facts={
            "code": error.sqlstate,
            "detail": error.detail,
            "hint": error.hint,
            "context": error.context,
        },
    )


def _traceback(error: BaseException) -> str:
    """The handler's own frames, the last ones when there are many."""
    frames = error.__traceback__.tb_next if error.__traceback__ else None
    lines = "".join(traceback.format_exception(type(error), error, frames, limit=-30)).splitlines()
    return "\n".join(line[:300] for line in lines)[-LONGEST_TRACEBACK:]
