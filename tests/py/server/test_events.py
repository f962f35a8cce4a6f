"""Server-sent events of a task, over a real socket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple
from uuid import UUID

import httpx
import psycopg
import pytest
from running import client_of, template
from serving import fault, serving

from tasker_sql.client import Client
from tasker_sql.server import events

pytestmark = pytest.mark.newest


class Event(NamedTuple):
    kind: str
    data: Any
    id: str


@pytest.fixture
def client(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setattr(events, "EVERY", 0.01)
    monkeypatch.setattr(events, "BEAT", 2)
    with client_of(database) as client:
        yield client


@pytest.fixture
def web(database: str, client: Client) -> Iterator[httpx.Client]:
    client.register_template(template({"a": [], "b": ["a"]}))
    with serving(database, {"web.max_requests": 4}) as web:
        yield web


def read(lines: Iterator[str]) -> Iterator[Event]:
    """Events as a browser reads them; a comment is none."""
    given = dict[str, str]()
    for line in lines:
        if not line and "data" in given:
            data = given["data"]
            kind = given.pop("event")
            yield Event(kind, json.loads(data) if kind == "change" else data, given.get("id", ""))
            del given["data"]
        elif not line.startswith(":") and line:
            name, _, value = line.partition(": ")
            given[name] = value


def all_of(web: httpx.Client, task: UUID, last: str | None = None) -> list[Event]:
    headers = {} if last is None else {"Last-Event-ID": last}
    with web.stream("GET", f"/v1/tasks/{task}/events", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        return [*read(answer.iter_lines())]


def changed(found: list[Event]) -> list[tuple[Any, ...]]:
    return [
        (one.data["step"], one.data["from_state"], one.data["to_state"])
        for one in found
        if one.kind == "change"
    ]


def finish(client: Client) -> None:
    (step,) = client.claim_steps("test", "me")
    client.complete_step(step.step_uuid, step.token)


def test_come_as_the_task_changes_until_it_has_ended(web: httpx.Client, client: Client) -> None:
    task = client.create_task("test", "flow").task_uuid
    with web.stream("GET", f"/v1/tasks/{task}/events") as answer:
        lines = answer.iter_lines()
        found = read(lines)
        assert [next(found).data["to_state"] for _ in range(2)] == ["pending", "enqueued"]
        assert ": it lives" in lines, "though nothing happens"
        finish(client)
        seen = [next(found) for _ in range(4)]
        assert (seen[-1].data["step"], seen[-1].data["to_state"]) == ("b", "enqueued")
        finish(client)
        *_, last = rest = [*found]
    assert (last.kind, last.data) == ("end", "complete")
    assert changed(rest)[-1] == (None, "in_progress", "complete")
    assert changed(all_of(web, task)) == [
        (one["step"], one["from_state"], one["to_state"])
        for one in web.get(f"/v1/tasks/{task}/history").json()["items"]
    ]


def test_go_on_after_the_last_one_that_came(web: httpx.Client, client: Client) -> None:
    task = client.create_task("test", "flow").task_uuid
    with web.stream("GET", f"/v1/tasks/{task}/events") as answer:
        first = [next(events) for events in [read(answer.iter_lines())] for _ in range(2)]
    finish(client)
    finish(client)
    rest = all_of(web, task, first[-1].id)
    assert len(changed(all_of(web, task))) == len(changed(first)) + len(changed(rest))
    assert ("a", "enqueued", "in_progress") in changed(rest)
    path, headers = f"/v1/tasks/{task}/events", {"Last-Event-ID": rest[-1].id}
    assert web.get(path, headers=headers).status_code == 204, "so that a browser comes no more"
    for odd in ("0-0", "x", "9" * 30, f"{rest[-1].id}0", ""):
        assert changed(all_of(web, task, odd)) == changed(all_of(web, task))


def test_that_are_committed_late_are_not_lost(
    database: str, web: httpx.Client, client: Client
) -> None:
    """A transaction that began before another may commit after it."""
    client.register_template(template({"a": [], "b": [], "c": ["a"], "d": ["b"]}, name="two"))
    task = client.create_task("test", "two").task_uuid
    (first,), (second,) = (client.claim_steps("test", "me") for _ in range(2))
    with psycopg.connect(database) as late:
        Client(late).complete_step(first.step_uuid, first.token)
        client.complete_step(second.step_uuid, second.token)
        with web.stream("GET", f"/v1/tasks/{task}/events") as answer:
            found = read(answer.iter_lines())
            seen = [next(found)]
            while changed(seen)[-1] != (second.name, "in_progress", "complete"):
                seen.append(next(found))
        late.commit()
    finish(client)
    finish(client)
    rest = all_of(web, task, seen[-1].id)
    assert (first.name, "in_progress", "complete") in changed(rest)


def test_of_no_task_are_not_found(web: httpx.Client) -> None:
    answer = web.get("/v1/tasks/01a20719-c710-7381-8000-000000100000/events")
    assert fault(answer)[:2] == (404, "not_found")


def test_leave_room_for_other_requests(web: httpx.Client, client: Client) -> None:
    path = f"/v1/tasks/{client.create_task('test', 'flow').task_uuid}/events"
    with web.stream("GET", path) as one, web.stream("GET", path) as two:
        lines = [one.iter_lines(), two.iter_lines()]
        assert [*map(next, lines)] == ["retry: 1000"] * 2
        assert fault(web.get(path))[:2] == (429, "too_many_requests")
        assert web.get("/v1/tasks").status_code == 200
