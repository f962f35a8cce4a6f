"""The HTTP server as a whole."""

from __future__ import annotations

import asyncio
import logging
import math
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

import uvicorn
from fastapi import FastAPI, Request
from fastapi_offline import FastAPIOffline
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from tasker_sql import __version__
from tasker_sql.config.settings import Config
from tasker_sql.schema import migrations as schema
from tasker_sql.server import errors, health, pages, routes
from tasker_sql.server.auth import Tokens
from tasker_sql.server.deps import Store
from tasker_sql.server.errors import PROBLEM
from tasker_sql.server.events import Streams
from tasker_sql.server.metrics import Metrics
from tasker_sql.server.middleware import Gate

ABOUT: Final = """Workflow orchestration where PostgreSQL is the orchestrator.

Durations are numbers of seconds, times are ISO 8601 with a zone. Every answer that is not a success
is `application/problem+json` with a `code` for programs and a `hint`. A list is
`{"items": [], "next": null}`."""

log = logging.getLogger(__name__)


def application(settings: Config) -> FastAPI:
    """The ASGI application. Opens no connection until it is asked something."""
    app = FastAPIOffline(
        title="tasker-sql",
        version=__version__,
        description=ABOUT,
        docs_url="/api-docs/ui",
        redoc_url=None,
        openapi_url="/api-docs/openapi.json",
        static_url="/api-docs/assets",
        swagger_ui_oauth2_redirect_url="/api-docs/oauth2-redirect",
        lifespan=_lifespan,
    )
    for route in app.routes:  # those of the description
        _without_parameters(route)
    app.state.store = Store(settings)
    app.state.tokens = Tokens(settings.auth)
    app.state.metrics = Metrics(app.state.store)
    app.state.streams = Streams(app.state.store, max(1, settings.web.max_requests // 2))
    app.include_router(health.router)
    app.include_router(routes.router)
    app.include_router(pages.router)
    errors.handle(app)
    app.openapi = partial(_described, app)  # type: ignore[method-assign]
    app.add_middleware(
        Gate,
        settings=settings.web,
        tokens=app.state.tokens,
        report=app.state.metrics.observe,
    )
    return app


def _without_parameters(route: Any) -> None:
    """Let it refuse parameters, as our own routes do."""
    answer = route.app

    async def checked(scope: Scope, receive: Receive, send: Send) -> None:
        routes.no_others(Request(scope))
        await answer(scope, receive, send)

    route.app = checked


def _described(app: FastAPI) -> dict[str, Any]:
    """The description, in which errors have their own type."""
    if app.openapi_schema is None:
        for path in FastAPI.openapi(app)["paths"].values():
            for operation in path.values():
                for answer in operation["responses"].values():
                    content = answer.get("content", {})
                    kind = content.get("application/json", {}).get("schema", {}).get("$ref", "")
                    if kind.endswith("/ProblemDetails"):
                        answer["content"] = {PROBLEM: content["application/json"]}
    assert app.openapi_schema is not None
    return app.openapi_schema


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    app.state.store.close()


class Listening:
    """A server on its socket: `run` serves until SIGTERM, SIGINT or `stop`."""

    def __init__(self, settings: Config) -> None:
        chosen = settings.web
        family = socket.AF_INET6 if ":" in chosen.host else socket.AF_INET
        self._socket = socket.create_server((chosen.host, chosen.port), family=family)
        app = application(settings)
        self.dsn = app.state.store.dsn
        # Anything may be sent here, so nothing that is sent is believed.
        config = uvicorn.Config(
            app,
            http=partial(HeadTimeout, chosen.timeout),  # type: ignore[arg-type]
            timeout_keep_alive=chosen.keep_alive,
            timeout_graceful_shutdown=math.ceil(chosen.timeout),
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws="none",
        )
        self._server = uvicorn.Server(config)
        app.state.streams.stopping = lambda: self._server.should_exit

    @property
    def url(self) -> str:
        host, port, *_ = self._socket.getsockname()
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def run(self) -> None:
        log.info("listening on %s for browsers, the API is at %s/api-docs/ui", self.url, self.url)
        self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        """Let requests end. Returns at once, from any thread."""
        self._server.should_exit = True


class HeadTimeout(H11Protocol):
    """A connection on which the head of each request must come within `seconds`."""

    def __init__(self, seconds: float, **given: Any) -> None:
        super().__init__(**given)
        self._seconds = seconds
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._unwatch()

    def _watch(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:  # it has come
            self._unwatch()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(self._seconds, self.transport.close)

    def _unwatch(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def serve(settings: Config) -> None:
    """Serve until a signal stops it; that is a clean end.

    Raises OSError when the port is not free, SchemaError when the database does not fit.
    """
    listening = Listening(settings)
    schema.check(listening.dsn)

    def ignore(*_: Any) -> None:
        """uvicorn raises the signal that ended it again, once it has restored what was there."""

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ignore)
    listening.run()
