"""How attempts end, in words that the database accepts.

An exception is an object of the handler's, whose every attribute may raise another one.
"""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from numbers import Real
from typing import Any, Final, TypeVar, cast
from uuid import UUID

from tasker_sql.client import SqlHandlerError
from tasker_sql.errors import (
    EndOfAttempt,
    PermanentError,
    RetryableError,
    TaskerError,
    UnavailableError,
)
from tasker_sql.jsonb import JsonText, encode
from tasker_sql.rows import ClaimedStep

T = TypeVar("T")

PERMANENT: Final = "TK100"  # what a handler in SQL raises when it must not be tried again
LARGEST_RESULT: Final = 8 << 20  # characters; no result_bytes can be set above that
LONGEST_MESSAGE: Final = 8_000
LONGEST_NAME: Final = 200
LONGEST_NOTE: Final = 300  # in our own log
LONGEST_RETRY_AFTER: Final = 30 * 86_400.0  # seconds
MOST_PARTS: Final = 20  # of a group of exceptions that are named
READERS: Final[tuple[Callable[[str], Any], ...]] = (
    *(float, parsedate_to_datetime),
    datetime.fromisoformat,
)
FACTS: Final = {"code": "sqlstate", "detail": "detail", "hint": "hint"}  # of errors in SQL


@dataclass(frozen=True, slots=True)
class Result:
    """The handler returned. `report` is what finish_and_claim takes."""

    report: JsonText


@dataclass(frozen=True, slots=True)
class Failure:
    """The attempt failed. `report` is what finish_and_claim takes; `note` and `traceback` are for
    the log."""

    report: JsonText
    note: str
    traceback: str = ""


@dataclass(frozen=True, slots=True)
class Completed:
    """The step is complete in the database already; `claimed` is what the same call claimed, which
    was made at `asked_at`."""

    claimed: tuple[ClaimedStep, ...] = ()
    asked_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Dropped:
    """The step was taken away."""

    note: str


@dataclass(frozen=True, slots=True)
class GivenBack:
    """The step goes back to its queue, as if there had been no attempt."""

    note: str


Outcome = Result | Failure | Completed | Dropped | GivenBack


def result(step_uuid: UUID, value: Any) -> Result | Failure:
    """The handler returned. A result that is not JSON, or is too large, is a permanent failure."""
    return _ended(step_uuid, {"result": value})


def _ended(step_uuid: UUID, said: Mapping[str, Any]) -> Result | Failure:
    """The attempt ended as the handler wanted."""
    try:
        texts = {key: encode(value) for key, value in said.items()}
    except ValueError as error:
        return failure(step_uuid, "BadResult", f"the result is not JSON: {error}", retryable=False)
    if (length := max(map(len, texts.values()))) > LARGEST_RESULT:
        message = f"the result is too large: {length} characters"
        return failure(step_uuid, "BadResult", message, retryable=False)
    report = ",".join(f'"{key}":{text}' for key, text in texts.items())
    return Result(JsonText(f'{{"step_uuid":"{step_uuid}",{report}}}'))


def failure(
    step_uuid: UUID,
    kind: str,
    message: str,
    *,
    retryable: bool = True,
    retry_after: float | None = None,
    facts: Mapping[str, str] | None = None,
) -> Failure:
    """The attempt failed. The texts are made such that the database accepts them."""
    kind = clean(kind, LONGEST_NAME)
    texts = {"message": message, **(facts or {})}
    error = {key: clean(text, LONGEST_MESSAGE) for key, text in texts.items() if text}
    report = {
        "step_uuid": str(step_uuid),
        "error": {"type": kind, "message": "", **error},
        "retryable": retryable,
        **({} if retry_after is None else {"retry_after_seconds": retry_after}),
    }
    note = f"{kind}: {clean(message, LONGEST_NOTE)}"
    return Failure(encode(report), note, error.get("traceback") or error.get("context", ""))


def refused(step_uuid: UUID, error: TaskerError) -> Failure:
    """The database takes everything but this result."""
    facts = {fact: getattr(error, name) or "" for fact, name in FACTS.items()}
    return failure(step_uuid, "BadResult", error.message, retryable=False, facts=facts)


def timed_out(step: ClaimedStep, stack: str = "") -> Failure:
    """The attempt did not end in time; `stack` is where it hangs."""
    seconds = step.timeout.total_seconds() if step.timeout else 0
    message, facts = f"the handler did not end within {seconds:g} s", {"traceback": stack}
    return failure(step.step_uuid, "Timeout", message, facts=facts)


def raised(step_uuid: UUID, error: BaseException) -> Result | Failure:
    """The handler raised. Never raises itself, whatever the error is made of."""
    try:
        if type(error) is EndOfAttempt:
            return _ended(step_uuid, error.outcome)
        return _raised(step_uuid, error)
    except BaseException:
        return indescribable(step_uuid)


def indescribable(step_uuid: UUID) -> Failure:
    """The attempt failed, and that is all that can be said."""
    message = "the error could not be described"
    error = f'{{"type":"Error","message":"{message}"}}'
    outcome = f'{{"step_uuid":"{step_uuid}","retryable":true,"error":{error}}}'
    return Failure(JsonText(outcome), message)


def _raised(step_uuid: UUID, error: BaseException) -> Failure:
    kind = type(error)  # isinstance() would ask the error itself, too
    name = _or("Error", lambda: str(kind.__name__))
    message = text(error)
    if issubclass(kind, TaskerError | SqlHandlerError):
        facts = {fact: str(_or("", getattr, error, part)) for fact, part in FACTS.items()}
        by_handler = issubclass(kind, SqlHandlerError)
        if by_handler:
            facts["context"] = cast(SqlHandlerError, error).context
        else:
            facts["traceback"] = _or("", _traceback, error)
        return failure(
            step_uuid,
            "SqlError" if by_handler or kind is TaskerError else name,
            str(_or(message, getattr, error, "message")),
            retryable=not by_handler or facts["code"] != PERMANENT,
            facts=facts,
        )
    if issubclass(kind, UnavailableError):
        message = f"the database could not answer: {message}"
        facts = {"traceback": _or("", _traceback, error)}
        return failure(step_uuid, "Unavailable", message, facts=facts)
    parts = _or([error], _parts, error) or [error]
    if parts[0] is not error:
        message = f"{message}: {'; '.join(map(_line, parts[:MOST_PARTS]))}"
    retry_after, hint = _retry_after(parts)
    return failure(
        step_uuid,
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


def text(error: BaseException, longest: int = LONGEST_MESSAGE) -> str:
    """What an error says. Never raises."""
    return _or("the error could not be printed", lambda: clean(str(error), longest))


def _line(error: BaseException) -> str:
    name, message = type(error).__name__, text(error, LONGEST_NOTE)
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
            hint = f"retry_after is not a length of time: {said}; the backoff of the step is used"
    return longest, hint


def seconds(value: Any) -> float | None:
    """A length of time, or the time until a moment, in seconds from 0 to 30 days: of a number, a
    timedelta, a datetime, or a text with a number or a date as HTTP has them. Nothing for what is
    none of these."""
    if isinstance(value, str):
        for read in READERS:
            with suppress(ValueError, TypeError):
                return seconds(read(value.strip()))
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


def clean(text: str, longest: int) -> str:
    """Text that PostgreSQL can store: no NUL, no lone surrogates, not too long."""
    text = str.replace(text, "\0", "").encode(errors="replace").decode()
    return text if len(text) <= longest else f"{text[: longest - 4]} ..."


def _traceback(error: BaseException) -> str:
    """The handler's own frames, the last ones when there are many."""
    frames = error.__traceback__.tb_next if error.__traceback__ else None
    lines = "".join(traceback.format_exception(type(error), error, frames, limit=-30)).splitlines()
    return "\n".join(line[:300] for line in lines)[-LONGEST_MESSAGE:]
