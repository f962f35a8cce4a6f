"""Runs a handler in SQL, or a transactional one, in the transaction that completes its step.

It claims the next step, too: so every slot comes to have a claim of its own, and slots do not wait
for each other to commit. A transaction that was rolled back by no fault of the handler or of its
result has not happened: it is run again, and in the end given back, as no attempt.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import timedelta
from operator import methodcaller
from typing import Final

from tasker_sql.circuit import CircuitBreaker, backoff
from tasker_sql.client import Client, SqlHandlerError
from tasker_sql.errors import (
    EndOfAttempt,
    PermanentError,
    RetryableError,
    TaskerError,
    UnavailableError,
    UnreadableError,
)
from tasker_sql.jsonb import JsonText
from tasker_sql.pool import Pool
from tasker_sql.rows import ClaimedStep
from tasker_sql.verdict import Whose
from tasker_sql.worker import outcomes
from tasker_sql.worker.attempt import Attempt, called, count_late_write
from tasker_sql.worker.handlers import Handler
from tasker_sql.worker.outcomes import Completed, Dropped, Failure, GivenBack, Outcome, Result
from tasker_sql.worker.signatures import SQL_PREFIX

MISSING: Final = {"42883", "3F000"}  # no such function, no such schema
PASSING: Final = {Whose.MOMENT, Whose.TIME, Whose.CONNECTION, Whose.STANDBY, Whose.SERVER}
LONGEST_WAIT: Final = 1.0  # seconds between looks whether there is a database
MOST_RUNS: Final = 8  # of a transaction that is rolled back, in one attempt

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Claimer:
    """For whom a transaction that completes a step claims the next one, over which connections."""

    namespace: str
    worker: str
    lease: timedelta
    handlers: Callable[[], list[str]]
    limit: Callable[[], int]  # how many steps to claim: one, and one more for a free slot
    stopping: Callable[[], bool]
    pool: Pool
    breaker: CircuitBreaker


def run(attempt: Attempt, handler: Handler | None, claimer: Claimer) -> Outcome:
    """Run a transactional handler; without one, that in SQL. Never raises."""
    try:
        return _Transaction(attempt, handler, claimer).run()
    except BaseException as error:
        return outcomes.raised(attempt.step.step_uuid, error)


class _Transaction:
    """The transactions of one attempt: one, unless something passes that makes it roll back."""

    def __init__(self, attempt: Attempt, handler: Handler | None, claimer: Claimer) -> None:
        self._attempt = attempt
        self._step = attempt.step
        self._handler = handler
        self._claimer = claimer
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
                if outcome := self._meaning(error):
                    return outcome
                if tries == MOST_RUNS and not self._completing:
                    raise
                why = str(error)
                log.info("%s was rolled back, and runs again: %s", self._attempt, why)
            pause = backoff(tries, random.random(), base=0.2, cap=5.0)
            if self._attempt.cancelled.wait(pause) or self._claimer.stopping():
                break
        return GivenBack(f"it could not be completed: {why}")

    def _run(self) -> Outcome:
        with ExitStack() as stack:
            client = self._connection(stack)
            if client is None:
                return Dropped("taken away before it started")
            self._completing = self._handler is None or self._unsure
            if self._unsure and self._was_committed(client):
                again = JsonText(f'{{"step_uuid":"{self._step.step_uuid}"}}')
                return self._finish(client, again) if self._reads else Completed()
            self._unsure = False
            if self._handler is None:
                return self._finish_by_sql(client)
            self._completing = False
            return self._finish_with(client, self._handler)

    def _connection(self, stack: ExitStack) -> Client | None:
        """Wait until there is a connection: an attempt that has not begun cannot fail."""
        attempt, claimer = self._attempt, self._claimer
        attempt.started, attempt.waits = None, time.monotonic()
        while not attempt.cancelled.is_set():
            try:
                client = stack.enter_context(claimer.pool.connection(claimer.breaker))
            except UnavailableError as error:
                attempt.cancelled.wait(min(error.retry_in, LONGEST_WAIT))
            else:
                attempt.started = time.monotonic()
                attempt.waited += attempt.started - attempt.waits
                attempt.waits = None
                return client
        return None

    def _finish_with(self, client: Client, handler: Handler) -> Completed:
        with client.transaction() as connection:
            try:
                with client.lent():
                    result = self._outcome(handler, connection)
            except (PermanentError, RetryableError):
                raise
            except Exception as error:
                if client.lost:
                    raise UnavailableError(outcomes.text(error)) from error
                raise
            if isinstance(result, Failure):
                raise PermanentError(result.note)
            self._completing = True
            return self._finish(client, result.report)

    def _outcome(self, handler: Handler, connection: object) -> Result | Failure:
        try:
            answer = called(self._attempt, handler, connection)
        except EndOfAttempt as end:
            return outcomes.raised(self._step.step_uuid, end)
        return outcomes.result(self._step.step_uuid, answer)

    def _limit(self) -> int:
        return self._claimer.limit() if self._reads else 0

    def _finish(self, client: Client, report: JsonText) -> Completed:
        claimer, asked_at = self._claimer, time.monotonic()
        claimed = client.finish_and_claim(
            *(claimer.namespace, claimer.worker, self._step.token, JsonText(f"[{report}]")),
            *(self._limit(), claimer.lease, claimer.handlers()),
        )
        return Completed(tuple(claimed), asked_at)

    def _finish_by_sql(self, client: Client) -> Completed:
        claimer, asked_at = self._claimer, time.monotonic()
        schema, _, function = self._step.handler.removeprefix(SQL_PREFIX).partition(".")
        with client.read_timeout(None):
            claimed: Sequence[ClaimedStep] = client.finish_with_function(
                *(schema, function, self._step, claimer.namespace, claimer.worker),
                *(self._limit(), claimer.lease, claimer.handlers()),
            )
        return Completed(tuple(claimed), asked_at)

    def _was_committed(self, client: Client) -> bool:
        """Whether a transaction whose commit was not answered has completed the step."""
        try:
            with client.rolled_back():
                return client.complete_step(self._step.step_uuid, self._step.token).repeated
        except TaskerError as error:
            if error.verdict.whose is not Whose.NOBODY:
                raise
            return True

    def _meaning(self, error: TaskerError | UnavailableError | SqlHandlerError) -> Outcome | None:
        """What the error means for the attempt; nothing when the transaction may be run again."""
        whose, step = error.verdict.whose, self._step
        if isinstance(error, SqlHandlerError):
            self._completing = False
            if error.sqlstate in MISSING and not error.context:
                return GivenBack(f"no SQL function {step.handler[len(SQL_PREFIX) :]}(jsonb, jsonb)")
            if whose is Whose.RIGHT and not error.context:
                return GivenBack(str(error))
            if whose is Whose.TIME and time.monotonic() >= self._attempt.ends_at:
                return outcomes.timed_out(step)
        if not self._completing:
            return None if whose in PASSING else outcomes.raised(step.step_uuid, error)
        if isinstance(error, UnreadableError):
            self._reads = False
            self._unsure = True
            with suppress(TaskerError, UnavailableError):
                self._call(methodcaller("release_claim", error.token))
        elif isinstance(error, UnavailableError):
            self._unsure = True
        elif whose is Whose.CLAIM:
            why = ""
            with suppress(TaskerError, UnavailableError):  # it is lost, counted or not
                why = self._call(lambda client: count_late_write(self._attempt, client))
            return Dropped(f"rolled back: {why or error}")
        elif whose is Whose.NOBODY:
            return Completed()
        elif whose is Whose.RESULT and isinstance(error, TaskerError):
            return outcomes.refused(step.step_uuid, error)
        elif whose is Whose.WRITES:
            return outcomes.raised(step.step_uuid, error)
        return None

    def _call(self, work: Callable[[Client], str]) -> str:
        return self._claimer.pool.call(work, self._claimer.breaker)
