"""What can go wrong, one class per cause.

A `TaskerError` is an answer of the database: it has a message, and often a detail (the facts) and
a hint (what helps). `UnavailableError` means that there was no answer. `RetryableError` and
`PermanentError` are for handlers to raise.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from uuid import UUID

from tasker_sql.verdict import Verdict, Whose, verdict

BY_CODE: Final[dict[str, type[TaskerError]]] = {}  # each class puts itself in


class TaskerError(Exception):
    """The database refused a call. `sqlstate` is its code, `detail` and `hint` may be empty.

    `reason` says why a claim is stale: lease_expired, cancelled, settled, finished or unknown;
    `context` names the functions that the error came through, `table` is that of a constraint,
    `verdict` says whose trouble it is.
    """

    code: ClassVar[str] = ""

    def __init_subclass__(cls, code: str = "") -> None:
        if code:
            cls.code = code
            BY_CODE[code] = cls

    def __init__(
        self,
        message: str,
        detail: str = "",
        hint: str = "",
        sqlstate: str | None = None,
        reason: str = "",
        context: str = "",
        table: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail
        self.hint = hint
        self.sqlstate = sqlstate or self.code
        self.reason = reason
        self.context = context
        self.table = table

    @property
    def verdict(self) -> Verdict:
        return verdict(self.sqlstate, self.context, self.table)

    def __str__(self) -> str:
        return f"{self.message}: {self.detail}" if self.detail else self.message


class StaleClaimError(TaskerError, code="TK001"):
    """The token does not hold the step (any more): roll back, drop the result."""


class NotFoundError(TaskerError, code="TK002"):
    """There is no such task, step, template or namespace."""


class IllegalTransitionError(TaskerError, code="TK003"):
    """The state chart has no such change, now."""


class NotPermittedError(TaskerError, code="TK004"):
    """The caller may not do this."""


class PausedError(TaskerError, code="TK005"):
    """It is paused."""


class LimitExceededError(TaskerError, code="TK006"):
    """Too large or too many."""


class CycleError(TaskerError, code="TK007"):
    """The steps of a definition form a cycle."""


class ConflictError(TaskerError, code="TK008"):
    """The same key or version was used before, with other content."""


class AlreadyCompletedError(TaskerError, code="TK009"):
    """This claim has completed the step, or saved this checkpoint, before: roll back, nothing is
    lost."""


class BadValueError(TaskerError, code="22023"):
    """An argument, a definition or a context is wrong. The detail names what and where."""


class NotInstalledError(TaskerError, code="42883"):
    """The function is not in this database: it was never upgraded, or is older than this code."""


class TooSlowError(TaskerError):
    """The call was ended because it took too long, or by somebody; nothing was done."""


class BusyError(TaskerError):
    """A deadlock, a serialization failure or a lock that was not free. The same call may be
    repeated at once; nothing is broken."""


class UnreadableError(TaskerError):
    """The call was applied, and its answer cannot be read. `token` is that of the claim that it
    made, if it made one: give it back."""

    def __init__(self, message: str, token: UUID | None = None) -> None:
        super().__init__("the answer of the database cannot be read", message)
        self.token = token


class FileError(ValueError):
    """What is wrong with a file: a line for each fault, which begins with file and line."""


class UnavailableError(Exception):
    """No answer: the database cannot be reached, or cannot work. Nobody knows whether the call was
    applied. `retry_in` says in how many seconds it makes sense to try again; `sqlstate` is what
    the server said at last, if it did."""

    def __init__(self, message: str, retry_in: float = 0.0, sqlstate: str | None = None) -> None:
        super().__init__(message)
        self.retry_in = retry_in
        self.sqlstate = sqlstate

    @property
    def verdict(self) -> Verdict:
        return verdict(self.sqlstate)


class TaskFailed(Exception):  # noqa: N818 - it is the task that failed
    """A task ended otherwise than complete, so it has no result.

    `state` says how. When a step failed for good, `step` is its name, and `error` what it said:
    an object with a message, and often a type, a code and a traceback.
    """

    def __init__(self, task_uuid: UUID, state: str, step: str | None, error: Any) -> None:
        said = f": step {step} failed: {error['message']}" if step and error else ""
        super().__init__(f"task {task_uuid} is {state}{said}")
        self.task_uuid = task_uuid
        self.state = state
        self.step = step
        self.error = error

    @property
    def traceback(self) -> str:
        """Of the handler that failed; empty when it is not known."""
        return str((self.error or {}).get("traceback") or "")


class RetryableError(Exception):
    """For handlers: this attempt failed, another may succeed.

    `retry_after` takes the place of the step's backoff: seconds, also as text, a timedelta, or the
    moment when to try again, also as HTTP writes it. Any other exception than `PermanentError` is
    retryable too.
    """

    def __init__(
        self, message: str, retry_after: float | str | timedelta | datetime | None = None
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class PermanentError(Exception):
    """For handlers: this step cannot succeed; do not try again."""


class EndOfAttempt(BaseException):
    """What `step.skip` and `step.sleep` raise: the attempt ends neither by a result nor a failure.

    `outcome` is what is reported to the database. No Exception: handlers catch these.
    """

    def __init__(self, outcome: dict[str, Any]) -> None:
        super().__init__(outcome)
        self.outcome = outcome


class BadInputError(PermanentError):
    """The task's context does not fit what the handler takes. The message names the fields."""


def answer(
    sqlstate: str,
    message: str,
    detail: str,
    hint: str,
    reason: str,
    context: str,
    table: str = "",
) -> TaskerError:
    """The error for a code that the database sent."""
    of_whose = {Whose.MOMENT: BusyError, Whose.TIME: TooSlowError}
    kind = of_whose.get(verdict(sqlstate, context).whose) or BY_CODE.get(sqlstate, TaskerError)
    return kind(message, detail, hint, sqlstate, reason, context, table)
