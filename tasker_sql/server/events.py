"""What happens to a task, as it happens: server-sent events.

The history is read again when the task stands otherwise than before, and what was not sent is sent.
Transactions commit in another order than they began, so there is no last change after which only
newer ones come: an id says up to which call the history was sent, and how many changes that were.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from functools import partial
from typing import Any, Final, NamedTuple
from uuid import UUID

from fastapi import Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from tasker_sql.client import Client
from tasker_sql.errors import TaskerError, UnavailableError
from tasker_sql.history import Change, changes
from tasker_sql.server.deps import Store
from tasker_sql.server.errors import RefusedError
from tasker_sql.server.schemas import shown

EVERY: Final = 1.0  # seconds between two looks
BEAT: Final = 15  # looks without a change, after which a comment says that the server lives
AGAIN: Final = 1000  # milliseconds after which a browser that lost the connection comes again


class Look(NamedTuple):
    """How a task stands, and its history if it stands otherwise than before."""

    stands: Any
    state: str
    ended: bool
    history: list[Change]


def _looked(task_uuid: UUID, before: Any, client: Client) -> Look:
    end = client.wait_task(task_uuid, timedelta())
    stands = (end, client.get_task_execution_context(task_uuid))
    found = changes(client, task_uuid) if stands != before else []
    return Look(stands, end.state, end.finished_at is not None, found)


class Streams:
    """The streams of a server: how many there are, and may be."""

    def __init__(self, store: Store, most: int) -> None:
        self.store = store
        self.most = most
        self.open = 0
        self.stopping: Callable[[], bool] = lambda: False

    async def look(self, task_uuid: UUID, before: Any = None) -> Look:
        return await run_in_threadpool(self.store.call, partial(_looked, task_uuid, before))

    async def answer(self, task_uuid: UUID, last: str | None) -> Response:
        """The events of a task, after the last one that came. Raises RefusedError."""
        if self.open >= self.most:
            message, detail = "too many streams at a time", f"{self.open} are open"
            headers = {"Retry-After": "5"}
            raise RefusedError(429, "too_many_requests", message, detail, headers=headers)
        now = await self.look(task_uuid)
        sent = _sent(now.history, last)
        if now.ended and len(sent) == len(now.history):
            return Response(status_code=204)  # with which a browser stops to come again
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        events = self._events(task_uuid, now, sent)
        return StreamingResponse(events, media_type="text/event-stream", headers=headers)

    async def _events(
        self, task_uuid: UUID, now: Look, sent: set[tuple[int, int]]
    ) -> AsyncIterator[str]:
        self.open += 1
        try:
            yield f"retry: {AGAIN}\n\n"
            quiet = 0
            while True:
                new = [one for one in now.history if one[:2] not in sent]
                sent.update(one[:2] for one in new)
                for one in new:
                    data = shown(Change).model_validate(one).model_dump_json()
                    yield f"event: change\ndata: {data}\n"
                    yield f"id: {max(sent)[0]}-{len(sent)}\n\n" if one is new[-1] else "\n"
                if now.ended:
                    yield f"event: end\ndata: {now.state}\n\n"
                    return
                quiet = 0 if new else quiet + 1
                if quiet and quiet % BEAT == 0:
                    yield ": it lives\n\n"
                await asyncio.sleep(EVERY)
                if self.stopping():
                    return
                now = await self.look(task_uuid, now.stands)
        except (TaskerError, UnavailableError):
            return  # a browser comes again, and hears why
        finally:
            self.open -= 1


def _sent(history: list[Change], last: str | None) -> set[tuple[int, int]]:
    """What somebody has seen who has this id: nothing, unless it was all up to there."""
    found = re.fullmatch(r"(\d{1,18})-(\d{1,9})", last or "")
    upto, count = map(int, found.groups()) if found else (0, 0)
    seen = {one[:2] for one in history if one.transition_id <= upto}
    return seen if len(seen) == count else set()
