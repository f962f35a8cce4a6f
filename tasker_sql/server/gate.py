"""What a request must pass before anything looks at it: a name, a size, a time, a number."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tasker_sql.config import LOOPBACK, Web
from tasker_sql.server.faults import RefusedError, refusal

ALWAYS: Final = ("/live", "/ready", "/health", "/metrics")

log = logging.getLogger(__name__)

Told = Callable[[Scope, int, float], None]


class Gate:
    """An ASGI middleware. `told` hears of every request that has ended: its status and seconds.

    `by_name` refuses requests to names other than this machine's own: without tokens, a page in a
    browser could otherwise make itself a name for 127.0.0.1, and ask as if it were its user.
    """

    def __init__(self, app: ASGIApp, chosen: Web, by_name: bool, told: Told) -> None:
        self.in_flight = 0
        self._app = app
        self._chosen = chosen
        self._by_name = by_name
        self._told = told

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.monotonic(), 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self.in_flight += 1
        try:
            body = await self._admitted(scope, receive)
            await self._app(scope, _replayed(body, receive), noted)
        except RefusedError as refused:
            await refused.response()(scope, receive, noted)
        except Exception as defect:
            if status:
                raise
            log.exception("%s %s met a defect", scope["method"], scope["path"])
            await refusal(defect).response()(scope, receive, noted)
        finally:
            self.in_flight -= 1
            self._told(scope, status, time.monotonic() - began)

    async def _admitted(self, scope: Scope, receive: Receive) -> bytes:
        """The body of a request that may pass. Raises RefusedError."""
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        if self._by_name and _host(headers.get(b"host", "")) not in LOOPBACK:
            hint = f"Ask {self._chosen.host}, or configure tokens (`config explain auth`)."
            raise RefusedError(
                403, "forbidden", "without tokens, only this machine may ask", hint=hint
            )
        if self.in_flight > self._chosen.max_requests and not scope["path"].startswith(ALWAYS):
            raise RefusedError(
                429,
                "too_many_requests",
                "too many requests at a time",
                f"{self._chosen.max_requests} are taken",
                headers={"Retry-After": "1"},
            )
        try:
            async with asyncio.timeout(self._chosen.timeout):
                return await self._body(headers, receive)
        except TimeoutError:
            told = f"it may take {self._chosen.timeout:g} s"
            raise RefusedError(
                408, "request_timeout", "the body did not come in time", told, headers=CLOSE
            ) from None

    async def _body(self, headers: dict[bytes, str], receive: Receive) -> bytes:
        most, declared = self._chosen.max_body, headers.get(b"content-length", "0")
        body, more = bytearray(), True
        while True:
            if len(body) > most or int(declared) > most:
                told = f"{most} bytes are taken"
                raise RefusedError(413, "too_large", "the body is too large", told, headers=CLOSE)
            if not more:
                return bytes(body)
            message = await receive()
            if message["type"] == "http.disconnect":
                raise RefusedError(400, "bad_request", "the body did not come")
            body += message.get("body", b"")
            more = message.get("more_body", False)


CLOSE: Final = {"Connection": "close"}  # what is still on its way is not read


def _host(header: str) -> str:
    """A Host header without its port."""
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0].lower()


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Gives the body once more."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
