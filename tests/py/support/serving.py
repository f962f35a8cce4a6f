"""HTTP servers for tests: a real socket, a real client."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
from running import SECONDS, configured

from tasker_sql.server.app import Listening


@contextmanager
def serving(dsn: str, more: Mapping[str, Any] = {}) -> Iterator[httpx.Client]:
    """A client of a server over a database, which must end when it is asked to."""
    listening = Listening(configured(dsn, more={"web.port": 0, **more}))
    thread = threading.Thread(target=listening.run, name="http server")
    thread.start()
    try:
        with httpx.Client(base_url=listening.url, timeout=SECONDS, trust_env=False) as client:
            yield client
    finally:
        listening.stop()
        thread.join(SECONDS)
    assert not thread.is_alive()


def fault(answer: httpx.Response) -> tuple[int, str, str]:
    """The status, the code and all words of an answer that is not a success, in its one shape."""
    body = answer.json()
    assert set(body) == {"type", "title", "status", "detail", "instance", "code", "hint"}
    assert answer.headers["content-type"] == "application/problem+json"
    assert (body["status"], body["instance"]) == (answer.status_code, answer.request.url.path)
    assert body["type"] == f"urn:tasker-sql:{body['code']}"
    assert "Traceback" not in answer.text
    words = " ".join(body[name] for name in ("title", "detail", "hint") if body[name])
    return answer.status_code, body["code"], words
