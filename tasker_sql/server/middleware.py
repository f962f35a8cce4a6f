"""Limits on requests, before anything looks at them: names, senders, sizes, times, numbers.

No stock middleware does this with our answers: they send plain text, close while the client still
writes, and know no time in which a body must come.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tasker_sql.config import LOOPBACK
from tasker_sql.config.settings import WebSettings
from tasker_sql.server.auth import Tokens, sender, unauthorized
from tasker_sql.server.errors import RefusedError, refusal

FREE: Final = ("/live", "/ready", "/health")  # without a token
ALWAYS: Final = (*FREE, "/metrics")
API: Final = "/v1/"
JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"  # of our own pages
READING: Final = ("GET", "HEAD")
SITES: Final = ("same-origin", "none")  # of Sec-Fetch-Site: our own page, or a person
# After a refusal, what the client still sends is read and dropped: seconds in all, and between two
# pieces. If the connection were closed at once, its machine would drop the answer unread.
LINGER: Final = 30.0
PAUSE: Final = 5.0
# No page of others shows ours in a frame, or takes an answer for a script.
GUARDS: Final = [
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
]

log = logging.getLogger(__name__)

Report = Callable[[Scope, int, float], None]


class Gate:
    """An ASGI middleware. `report` gets every request that has ended, its status and seconds.

    Without tokens, it refuses requests to names other than this machine's own: a page in a browser
    could otherwise make itself a name for 127.0.0.1, and ask as if it were its user.
    """

    def __init__(self, app: ASGIApp, settings: WebSettings, tokens: Tokens, report: Report) -> None:
        self._app = app
        self._settings = settings
        self._tokens = tokens
        self._report = report
        self._arriving = 0  # requests whose bodies are being read
        self._working = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.monotonic(), 0
        request = _Incoming(scope, receive)

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                given = list(message.get("headers", ()))
                names = {name.lower() for name, _ in given}
                message["headers"] = [*given, *(one for one in GUARDS if one[0] not in names)]
            await send(message)

        try:
            self._check_sender(request)
            body = await self._body(request)
            _check_kind(request)
            await self._answer(request, body, noted)
        except RefusedError as refused:
            await _refuse(refused, request, noted)
        except Exception as defect:
            if status:
                raise
            log.exception("%s %s met a defect", request.method, request.path)
            await _refuse(refusal(defect), request, noted)
        finally:
            self._report(request.scope, status, time.monotonic() - began)

    def _check_sender(self, request: _Incoming) -> None:
        """By the head alone: who sends it, and from where. Raises RefusedError.

        What changes something must not come from a page of another site, which could send it with
        the rights of the person who looks at that page.
        """
        hosts = request.values("host")
        if not self._tokens.required and any(_host(one) not in LOOPBACK for one in hosts or [""]):
            message = "without tokens, only this machine may ask"
            hint = f"Ask {self._settings.host}, or configure tokens (`config explain auth`)."
            raise RefusedError(403, "forbidden", message, hint=hint)
        if request.method not in READING:
            own = [one.lower() for one in hosts if one]
            origins = [one.lower().rpartition("//")[2] for one in request.values("origin")]
            sites = request.values("sec-fetch-site")
            if not set(origins) <= set(own) or not set(sites) <= set(SITES):
                message = "a page of another site may not ask for this"
                raise RefusedError(403, "forbidden", message)
        if self._tokens.required and request.has_body and request.path not in FREE:
            _, token = sender(request.values("authorization"))
            if not self._tokens.permitted(token):
                raise unauthorized(bool(token))

    async def _body(self, request: _Incoming) -> bytes:
        """What it carries, in time. Raises RefusedError."""
        if not request.has_body:
            return b""
        self._check_room(request, self._arriving)
        self._arriving += 1
        try:
            async with asyncio.timeout(self._settings.timeout):
                return await request.body(self._settings.max_body)
        except TimeoutError:
            detail = f"it may take {self._settings.timeout:g} s"
            message = "the body did not come in time"
            raise RefusedError(408, "request_timeout", message, detail) from None
        finally:
            self._arriving -= 1

    async def _answer(self, request: _Incoming, body: bytes, send: Send) -> None:
        """What the application answers, when there is a place for it."""
        self._check_room(request, self._working)
        self._working += 1
        try:
            await self._app(request.scope, request.again(body), send)
        finally:
            self._working -= 1

    def _check_room(self, request: _Incoming, taken: int) -> None:
        if taken >= self._settings.max_requests and not request.path.startswith(ALWAYS):
            message, detail = "too many requests at a time", f"{taken} are taken"
            headers = {"Retry-After": "1"}
            raise RefusedError(429, "too_many_requests", message, detail, headers=headers)


class _Incoming:
    """A request while it comes in; knows when its body has ended."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.method: str = scope["method"]
        # Who asks for the head alone is answered as who asks for all; uvicorn leaves the body out.
        self.scope = scope if self.method != "HEAD" else {**scope, "method": "GET"}
        self.path: str = scope["path"]
        self.values = Headers(scope=scope).getlist  # of all headers of a name
        self.ended = False
        self._receive = receive

    @property
    def has_body(self) -> bool:
        lengths = self.values("content-length")
        return bool(self.values("transfer-encoding")) or any(one != "0" for one in lengths)

    async def receive(self) -> Message:
        message = await self._receive()
        self.ended = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    async def body(self, most: int) -> bytes:
        """The whole body, which may have so many bytes. Raises RefusedError."""
        body, declared = bytearray(), self.values("content-length")
        while True:
            if len(body) > most or any(int(one) > most for one in declared):
                detail = f"{most} bytes are taken"
                raise RefusedError(413, "too_large", "the body is too large", detail)
            if self.ended:
                return bytes(body)
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise RefusedError(400, "bad_request", "the body did not come")
            body += message.get("body", b"")

    def again(self, body: bytes) -> Receive:
        """Gives the body once more."""
        left = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Message:
            return left.pop() if left else await self._receive()

        return receive


def _check_kind(request: _Incoming) -> None:
    """What changes something is JSON, which no page of another site can send without being asked,
    or a form of ours, which says so itself. Raises RefusedError."""
    kinds = [one.partition(";")[0].strip().lower() for one in request.values("content-type")]
    taken = [JSON] if request.path.startswith(API) else [JSON, FORM]
    if request.method not in READING and request.has_body and kinds not in ([one] for one in taken):
        detail = f"it is {', '.join(kinds)}" if kinds else "it has no Content-Type"
        hint = "Send a JSON object, with Content-Type: application/json."
        raise RefusedError(415, "unsupported_media_type", "the body is not JSON", detail, hint)


async def _refuse(refused: RefusedError, request: _Incoming, send: Send) -> None:
    """Answer, and then let the client finish, so that it gets the answer."""
    response = refused.response(request.path)
    if request.ended or not request.has_body:
        await response(request.scope, request.receive, send)
        return
    headers = [*response.raw_headers, (b"connection", b"close")]
    start = {"type": "http.response.start", "status": response.status_code, "headers": headers}
    await send(start)
    body = {"type": "http.response.body", "body": bytes(response.body), "more_body": True}
    await send(body)
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER):
            while not request.ended:
                async with asyncio.timeout(PAUSE):
                    await request.receive()
    await send({"type": "http.response.body"})


def _host(header: str) -> str:
    """A Host header without its port."""
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0].lower()
