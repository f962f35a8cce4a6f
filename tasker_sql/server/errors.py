"""Errors as answers: one shape, a status that fits, and never a traceback."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from tasker_sql import errors
from tasker_sql.errors import TaskerError, UnavailableError

NOT_INSTALLED: Final = ("42", "3F")  # classes of codes: functions, schemas that are not there
DENIED: Final = "42501"
PROBLEM: Final = "application/problem+json"

ANSWERS: Final[Mapping[type[TaskerError], tuple[int, str]]] = {
    errors.NotFoundError: (404, "not_found"),
    errors.IllegalTransitionError: (409, "illegal_transition"),
    errors.StaleClaimError: (409, "stale_claim"),
    errors.AlreadyCompletedError: (409, "already_completed"),
    errors.ConflictError: (409, "conflict"),
    errors.PausedError: (409, "paused"),
    errors.NotPermittedError: (403, "forbidden"),
    errors.LimitExceededError: (422, "limit_exceeded"),
    errors.CycleError: (422, "cycle"),
    errors.BusyError: (503, "busy"),
    errors.TooSlowError: (503, "too_slow"),
}

log = logging.getLogger(__name__)


class RefusedError(Exception):
    """A request that is refused."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        detail: str = "",
        hint: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers
        self.body = {
            "type": f"urn:tasker-sql:{code}",
            "title": message,
            "status": status,
            "detail": detail,
            "code": code,
            "hint": hint,
        }

    def response(self, path: str) -> JSONResponse:
        """As RFC 9457 has it, with a word for programs and with what helps."""
        return JSONResponse({**self.body, "instance": path}, self.status, self.headers, PROBLEM)


ANSWERED: Final = (
    *(RefusedError, TaskerError, UnavailableError, RequestValidationError, HTTPException),
)


def refusal(error: Exception) -> RefusedError:
    """What an error means over HTTP."""
    if isinstance(error, RefusedError):
        return error
    if isinstance(error, TaskerError):
        return _answer(error)
    if isinstance(error, UnavailableError):
        message, headers = "the database cannot be asked now", _retry(error.retry_in)
        hint = "Try again; what creates a task, with an idempotency_key."
        return RefusedError(503, "unavailable", message, hint=hint, headers=headers)
    if isinstance(error, RequestValidationError):
        hint = "/api-docs/ui describes it."
        return RefusedError(422, "bad_value", "invalid request", _wrong(error), hint)
    if isinstance(error, HTTPException):
        name = HTTPStatus(error.status_code).phrase.lower()
        detail = error.detail if error.detail.lower() != name else ""
        hint = "/api-docs/ui lists all paths and their methods."
        code = name.replace(" ", "_")
        return RefusedError(error.status_code, code, name, detail, hint, error.headers)
    return RefusedError(500, "defect", "a defect of the server", hint="See its log.")


def _answer(error: TaskerError) -> RefusedError:
    if error.sqlstate == DENIED:
        hint = "The server's database role may not."
        return RefusedError(403, "forbidden", error.message, hint=hint)
    if error.sqlstate.startswith(NOT_INSTALLED):
        log.error("%s (%s)", error, error.sqlstate)
        hint = "Run `tasker-sql db upgrade`."
        return RefusedError(503, "not_installed", "the database is not up to date", hint=hint)
    status, code = ANSWERS.get(type(error), (422, "bad_value"))
    headers = _retry(1) if isinstance(error, errors.BusyError) else None
    return RefusedError(status, code, error.message, error.detail, error.hint, headers)


def _retry(seconds: float) -> dict[str, str]:
    return {"Retry-After": str(max(1, math.ceil(seconds)))}


def _wrong(error: RequestValidationError) -> str:
    """Where and what, for each thing that is wrong."""
    found = error.errors()
    lines = [
        f"body: {one['ctx']['error']}"
        if one["type"] == "json_invalid"
        else f"{'.'.join(map(str, one['loc']))}: {one['msg']}"
        for one in found[:10]
    ]
    if any(one["loc"] == ("body",) for one in found):
        lines.append("a body is a JSON object, sent with Content-Type: application/json")
    return "; ".join(lines)


def handle(app: FastAPI) -> None:
    """Answer errors of an application so; the middleware answers its defects."""

    async def answer(request: Request, error: Exception) -> JSONResponse:
        return refusal(error).response(request.url.path)

    for kind in ANSWERED:
        app.add_exception_handler(kind, answer)
