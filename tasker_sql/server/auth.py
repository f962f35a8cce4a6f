"""Bearer tokens. The configuration has their SHA-256 sums, so that reading it lets nobody in."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Annotated, Final, Literal, get_args

from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from tasker_sql.config.settings import AuthSettings
from tasker_sql.masking import remember
from tasker_sql.server.errors import RefusedError

Permission = Literal["read", "create", "operate"]
Bearer = Annotated[
    HTTPAuthorizationCredentials | None,
    Security(HTTPBearer(auto_error=False, description="Where tokens are configured.")),
]

HINT: Final = "Send the header `Authorization: Bearer <token>`."


class Tokens:
    """The tokens that are let in, by what they permit."""

    def __init__(self, chosen: AuthSettings) -> None:
        self._sums: dict[str, list[str]] = chosen.model_dump()

    @property
    def required(self) -> bool:
        return any(self._sums.values())

    def permitted(self, token: str) -> set[str]:
        """What a token permits. Takes the same time for every token, known or not."""
        found = hashlib.sha256(token.encode()).hexdigest()
        permitted = {
            permission
            for permission, sums in self._sums.items()
            if token and sum([hmac.compare_digest(found, one) for one in sums])
        }
        if permitted:
            remember(token)
        return permitted


def sender(headers: Sequence[str]) -> tuple[str, str]:
    """The name and the token that a request has: a bearer's, which has no name, or what a browser
    asked for, where the password is the token."""
    kind, _, sent = headers[0].partition(" ") if len(headers) == 1 else ("", "", "")
    if kind.lower() == "bearer":
        return "", sent.strip()
    if kind.lower() == "basic":
        with suppress(ValueError):
            name, _, token = b64decode(sent, validate=True).decode().partition(":")
            return name, token
    return "", ""


def permitted(request: Request) -> set[str]:
    """What a request may do."""
    tokens: Tokens = request.app.state.tokens
    if not tokens.required:
        return set(get_args(Permission))
    return tokens.permitted(sender(request.headers.getlist("authorization"))[1])


def unauthorized(has_token: bool) -> RefusedError:
    said = "the token is not known" if has_token else "a token is needed"
    headers = {"WWW-Authenticate": "Bearer"}
    return RefusedError(401, "unauthorized", said, hint=HINT, headers=headers)


def may(permission: Permission) -> Callable[..., Awaitable[None]]:
    """A dependency that lets pass who has this permission."""

    async def check(request: Request, _: Bearer) -> None:
        found = permitted(request)
        if not found:
            raise unauthorized("authorization" in request.headers)
        if permission not in found:
            has = f"it may {' and '.join(sorted(found))}, and this needs {permission}"
            raise RefusedError(403, "forbidden", "the token does not permit this", has)

    return check
