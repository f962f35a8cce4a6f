"""What a request must pass before anything looks at it: name, sender, size, time, number."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tasker_sql.config import LOOPBACK
from tasker_sql.config.settings import WebSettings
from tasker_sql.server.auth import Tokens, unauthorized
from tasker_sql.server.faults import RefusedError, refusal

FREE: Final = ("/live", "/ready", "/health")  # without a token
ALWAYS: Final = ("/live", "/ready", "/health", "/metrics")
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

Told = Callable[[Scope, int, float], None]


class Gate:
    """An ASGI middleware. `told` hears of every request that has ended: its status and seconds.

    Without tokens, it refuses requests to names other than this machine's own: a page in a browser
    could otherwise make itself a name for 127.0.0.1, and ask as if it were its user.
    """

    def __init__(self, app: ASGIApp, chosen: WebSettings, tokens: Tokens, told: Told) -> None:
        self._app = app
        self._chosen = chosen
        self._tokens = tokens
        self._told = told
        self._arriving = 0  # requests whose bodies are being read
        self._working = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.monotonic(), 0
        incoming = _Incoming(receive)

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *GUARDS]
            await send(message)

        try:
            self._judge(scope)
            body = await self._arrived(scope, incoming)
            _judge_kind(scope)
            await self._worked(scope, _replayed(body, receive), noted)
        except RefusedError as refused:
            await _refuse(refused, scope, incoming, noted)
        except Exception as defect:
            if status:
                raise
            log.exception("%s %s met a defect", scope["method"], scope["path"])
            await _refuse(refusal(defect), scope, incoming, noted)
        finally:
            self._told(scope, status, time.monotonic() - began)

    def _judge(self, scope: Scope) -> None:
        """By its head: who sends it, and from where. Raises RefusedError."""
        hosts = _values(scope, b"host")
        if not self._tokens.required and any(_host(one) not in LOOPBACK for one in hosts or [""]):
            hint = f"Ask {self._chosen.host}, or configure tokens (`config explain auth`)."
            raise RefusedError(
                403, "forbidden", "without tokens, only this machine may ask", hint=hint
            )
        if scope["method"] not in READING:
            _judge_sender(scope, hosts)
        if self._tokens.required and _has_body(scope) and scope["path"] not in FREE:
            given = [one.split(" ", 1)[-1].strip() for one in _values(scope, b"authorization")]
            if not any(self._tokens.permitted(one) for one in given):
                raise unauthorized(bool(given))

    async def _arrived(self, scope: Scope, receive: Receive) -> bytes:
        """Its body, in time. Raises RefusedError."""
        if not _has_body(scope):
            return b""
        self._check_room(scope, self._arriving)
        self._arriving += 1
        try:
            async with asyncio.timeout(self._chosen.timeout):
                return await self._body(scope, receive)
        except TimeoutError:
            told = f"it may take {self._chosen.timeout:g} s"
            raise RefusedError(
                408, "request_timeout", "the body did not come in time", told
            ) from None
        finally:
            self._arriving -= 1

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        most, declared = self._chosen.max_body, _values(scope, b"content-length")
        body, more = bytearray(), True
        while True:
            if len(body) > most or any(int(one) > most for one in declared):
                raise RefusedError(
                    413, "too_large", "the body is too large", f"{most} bytes are taken"
                )
            if not more:
                return bytes(body)
            message = await receive()
            if message["type"] == "http.disconnect":
                raise RefusedError(400, "bad_request", "the body did not come")
            body += message.get("body", b"")
            more = message.get("more_body", False)

    async def _worked(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What the application answers, when there is a place for it."""
        self._check_room(scope, self._working)
        self._working += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._working -= 1

    def _check_room(self, scope: Scope, taken: int) -> None:
        if taken >= self._chosen.max_requests and not scope["path"].startswith(ALWAYS):
            raise RefusedError(
                429,
                "too_many_requests",
                "too many requests at a time",
                f"{self._chosen.max_requests} are taken",
                headers={"Retry-After": "1"},
            )


def _judge_sender(scope: Scope, hosts: Sequence[str]) -> None:
    """What changes something must not come from a page of another site, which could send it with
    the rights of whoever looks at that page. Raises RefusedError."""
    origins = [one.lower().rpartition("//")[2] for one in _values(scope, b"origin")]
    own = [one.lower() for one in hosts if one]
    sites = _values(scope, b"sec-fetch-site")
    if any(one not in own for one in origins) or any(one not in SITES for one in sites):
        raise RefusedError(403, "forbidden", "a page of another site may not ask for this")


def _judge_kind(scope: Scope) -> None:
    """What changes something is JSON, which no page of another site can send without being asked.
    Raises RefusedError."""
    kinds = [one.partition(";")[0].strip().lower() for one in _values(scope, b"content-type")]
    if scope["method"] not in READING and _has_body(scope) and kinds != ["application/json"]:
        said = f"it is {', '.join(kinds)}" if kinds else "it has no Content-Type"
        hint = "Send a JSON object, with Content-Type: application/json."
        raise RefusedError(415, "unsupported_media_type", "the body is not JSON", said, hint)


async def _refuse(refused: RefusedError, scope: Scope, incoming: _Incoming, send: Send) -> None:
    """Answer, and then let the client finish, so that it hears the answer."""
    response = refused.response(scope["path"])
    if incoming.ended or not _has_body(scope):
        await response(scope, incoming, send)
        return
    headers = [*response.raw_headers, (b"connection", b"close")]
    start = {"type": "http.response.start", "status": response.status_code, "headers": headers}
    await send(start)
    body = {"type": "http.response.body", "body": bytes(response.body), "more_body": True}
    await send(body)
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER):
            while not incoming.ended:
                async with asyncio.timeout(PAUSE):
                    await incoming()
    await send({"type": "http.response.body"})


class _Incoming:
    """The messages of a request; knows when its body has ended."""

    def __init__(self, receive: Receive) -> None:
        self.ended = False
        self._receive = receive

    async def __call__(self) -> Message:
        message = await self._receive()
        self.ended = message["type"] != "http.request" or not message.get("more_body", False)
        return message


def _values(scope: Scope, name: bytes) -> list[str]:
    """All that a request says in headers of this name."""
    return [value.decode("latin-1") for header, value in scope["headers"] if header == name]


def _has_body(scope: Scope) -> bool:
    return bool(_values(scope, b"transfer-encoding")) or any(
        one != "0" for one in _values(scope, b"content-length")
    )


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
