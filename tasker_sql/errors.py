"""What can go wrong, one class per cause.

A `TaskerError` is an answer of the database: it has a message, and often a detail (the facts) and
a hint (what helps). `UnavailableError` means that there was no answer. `RetryableError` and
`PermanentError` are for handlers to raise.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from uuid import UUID


class TaskerError(Exception):
    """The database refused a call. `sqlstate` is its code, `detail` and `hint` may be empty.

    `reason` says why a claim is stale: lease_expired, cancelled, settled, finished or unknown.
    """

    code: ClassVar[str] = ""

    def __init__(
        self,
        message: str,
        detail: str = "",
        hint: str = "",
        sqlstate: str | None = None,
        reason: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail
        self.hint = hint
        self.sqlstate = sqlstate or self.code
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.message}: {self.detail}" if self.detail else self.message


class StaleClaimError(TaskerError):
    """The token does not hold the step (any more): roll back, drop the result."""

    code = "TK001"


class NotFoundError(TaskerError):
    """There is no such task, step, template or namespace."""

    code = "TK002"


class IllegalTransitionError(TaskerError):
    """The state chart has no such change, now."""

    code = "TK003"


class NotPermittedError(TaskerError):
    """The caller may not do this."""

    code = "TK004"


class PausedError(TaskerError):
    """It is paused."""

    code = "TK005"


class LimitExceededError(TaskerError):
    """Too large or too many."""

    code = "TK006"


class CycleError(TaskerError):
    """The steps of a definition form a cycle."""

    code = "TK007"


class ConflictError(TaskerError):
    """The same key or version was used before, with other content."""

    code = "TK008"


class BadValueError(TaskerError):
    """An argument, a definition or a context is wrong. The detail names what and where."""

    code = "22023"


class NotInstalledError(TaskerError):
    """The function is not in this database: it was never upgraded, or is older than this code."""

    code = "42883"


class TooSlowError(TaskerError):
    """The call was ended because it took too long, or by somebody; nothing was done."""


class BusyError(TaskerError):
    """A deadlock, a serialization failure or a lock that was not free. The same call may be
    repeated at once; nothing is broken."""


class UnavailableError(Exception):
    """No answer: the database cannot be reached, or cannot work. Nobody knows whether the call was
    carried out. `retry_in` says in how many seconds it makes sense to try again."""

    def __init__(self, message: str, retry_in: float = 0.0) -> None:
        super().__init__(message)
        self.retry_in = retry_in


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


class BadInputError(PermanentError):
    """The task's context does not fit what the handler takes. The message names the fields."""


BY_CODE: Final[dict[str, type[TaskerError]]] = {
    kind.code: kind for kind in TaskerError.__subclasses__() if kind.code
}

_BUSY: Final = {"40001", "40P01", "55P03"}

# Whole classes: connections, resources (disk, memory, connections), the system, data corruption.
_INFRASTRUCTURE_CLASSES: Final = ("08", "53", "58", "XX")
_INFRASTRUCTURE: Final = {
    "25006",  # the server turned into a standby: connect again
    "25P03",  # idle_in_transaction_session_timeout
    "25P04",  # transaction_timeout
    "57014",  # statement_timeout, or an operator's pg_cancel_backend
    "57P01",  # the server is shut down
    "57P02",  # the server crashed
    "57P03",  # the server is starting
    "57P05",  # idle_session_timeout
}


def is_infrastructure(sqlstate: str | None) -> bool:
    """Whether an error of the driver says that the database cannot work, rather than answers.

    Without a code there was no server to send one: the connection is lost.
    """
    if sqlstate is None:
        return True
    return sqlstate.startswith(_INFRASTRUCTURE_CLASSES) or sqlstate in _INFRASTRUCTURE


def answer(
    sqlstate: str, message: str, detail: str = "", hint: str = "", reason: str = ""
) -> TaskerError:
    """The error for a code that the database sent."""
    kind = BusyError if sqlstate in _BUSY else BY_CODE.get(sqlstate, TaskerError)
    return kind(message, detail, hint, sqlstate, reason)
