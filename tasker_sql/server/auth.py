"""Bearer tokens. The configuration has their SHA-256 sums, so that reading it lets nobody in."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from typing import Annotated, Final, Literal

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
            if sum([hmac.compare_digest(found, one) for one in sums])
        }
        if permitted:
            remember(token)
        return permitted


def unauthorized(has_token: bool) -> RefusedError:
    said = "the token is not known" if has_token else "a token is needed"
    headers = {"WWW-Authenticate": "Bearer"}
    return RefusedError(401, "unauthorized", said, hint=HINT, headers=headers)


def may(permission: Permission) -> Callable[..., Awaitable[None]]:
    """A dependency that lets pass who has this permission."""

    async def check(request: Request, bearer: Bearer) -> None:
        tokens: Tokens = request.app.state.tokens
        if not tokens.required:
            return
        permitted = tokens.permitted(bearer.credentials) if bearer else set()
        if not permitted:
            raise unauthorized(bearer is not None)
        if permission not in permitted:
            has = f"it may {' and '.join(sorted(permitted))}, and this needs {permission}"
            raise RefusedError(403, "forbidden", "the token does not permit this", has)

    return check
