"""The HTTP API, over a real socket."""

from __future__ import annotations

import hashlib
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from running import SECONDS, client_of, ended, running, template, wait_for
from servers import Server, rows
from serving import fault, serving

from tasker_sql.client import Client
from tasker_sql.errors import TooSlowError
from tasker_sql.server import middleware
from tasker_sql.worker.handlers import Registry

pytestmark = pytest.mark.newest

ROOT = Path(__file__).parents[3]
BECAUSE = {"reason": "a test"}
NO_TASK = "01a20719-c710-7381-8000-000000100000"
DESCRIPTION = ("/api-docs/ui", "/api-docs/openapi.json", "/api-docs/assets/swagger-ui.css")
PROBES = (
    "/live",
    "/ready",
    "/health",
    "/health/orchestration",
    "/health/detailed",
    "/metrics",
)
WAITING = """
select count(*) from pg_stat_activity
 where wait_event_type = 'Lock' and application_name like '% web'
   and datname = current_database()
"""
TOKENS = {name: f"token that may {name}" for name in ("read", "create", "operate")}
BOTH = "token that may read and create"


@pytest.fixture
def web(database: str, client: Client) -> Iterator[httpx.Client]:
    client.register_template(template({"a": [], "b": ["a"]}))
    with serving(database) as web:
        yield web


@pytest.fixture(scope="module")
def unchanged(server: Server) -> Iterator[httpx.Client]:
    """The same server for all tests that change nothing."""
    with server.database(server.migrated) as dsn, client_of(dsn) as client:
        client.register_template(template({"a": [], "b": ["a"]}))
        with serving(dsn) as web:
            yield web


def created(web: httpx.Client, **more: Any) -> str:
    answer = web.post("/v1/tasks", json={"namespace": "test", "name": "flow", **more})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["task_uuid"])


def steps(web: httpx.Client, task: str) -> dict[str, Any]:
    found = web.get(f"/v1/tasks/{task}/workflow_steps").json()["items"]
    return {step["name"]: step for step in found}


class TestTasks:
    def test_are_created_once_for_a_key(self, web: httpx.Client) -> None:
        body = {"namespace": "test", "name": "flow", "context": {"n": 1}, "idempotency_key": "k"}
        first = web.post("/v1/tasks", json=body)
        again = web.post("/v1/tasks", json=body)
        assert (first.status_code, first.json()["created"]) == (201, True)
        assert (again.status_code, again.json()["created"]) == (200, False)
        assert first.headers["location"] == again.headers["location"]
        assert web.get(first.headers["location"]).json()["context"] == {"n": 1}
        other = web.post("/v1/tasks", json={**body, "context": {"n": 2}})
        assert fault(other)[:2] == (409, "conflict")

    def test_are_created_once_for_a_key_in_the_header(self, web: httpx.Client) -> None:
        body = {"namespace": "test", "name": "flow", "context": {"n": 1}}
        key = {"Idempotency-Key": "k"}
        first, again = (web.post("/v1/tasks", json=body, headers=key) for _ in range(2))
        assert (first.status_code, again.status_code) == (201, 200)
        assert first.json()["task_uuid"] == again.json()["task_uuid"]
        in_body = web.post("/v1/tasks", json={**body, "idempotency_key": "k"}, headers=key)
        assert (in_body.status_code, in_body.json()["created"]) == (200, False)
        other = web.post("/v1/tasks", json={**body, "context": {"n": 2}}, headers=key)
        assert fault(other)[:2] == (409, "conflict")
        both = web.post("/v1/tasks", json={**body, "idempotency_key": "l"}, headers=key)
        assert fault(both)[:2] == (422, "bad_value")
        empty = web.post("/v1/tasks", json=body, headers={"Idempotency-Key": ""})
        assert fault(empty)[:2] == (422, "bad_value")
        assert len(web.get("/v1/tasks").json()["items"]) == 1

    def test_are_listed_along_their_links(self, web: httpx.Client) -> None:
        made = [created(web, tags=["x"]) for _ in range(3)]
        found, url = list[str](), "/v1/tasks?limit=2&tag=x"
        while url:
            answer = web.get(url)
            assert answer.json().keys() == {"items", "next"}
            assert "next_before" not in answer.json()["items"][0]
            found += [task["task_uuid"] for task in answer.json()["items"]]
            url = answer.links.get("next", {}).get("url", "")
        assert found == made[::-1]

    def test_take_every_option(self, web: httpx.Client) -> None:
        at = datetime.now(UTC) + timedelta(hours=1)
        given = {
            "version": "1.0.0",
            "priority": "high",
            "run_at": at.isoformat(),
            "tags": ["x"],
            "initiator": "me",
            "source_system": "shop",
            "reason": "why not",
        }
        found = web.get(f"/v1/tasks/{created(web, **given)}").json()
        assert datetime.fromisoformat(found.pop("run_at")) == at
        assert {name: found[name] for name in given if name != "run_at"} == {
            name: value for name, value in given.items() if name != "run_at"
        }
        assert found["completion_percentage"] == 0.0

    def test_are_listed_page_by_page(self, web: httpx.Client) -> None:
        made = [created(web, tags=[f"n{n % 2}"]) for n in range(5)]
        found, before = list[str](), dict[str, str]()
        while True:
            page = web.get("/v1/tasks", params={"limit": "2", "namespace": "test", **before}).json()
            found += [task["task_uuid"] for task in page["items"]]
            if page["next"] is None:
                break
            before = {"before": page["next"]}
        assert found == made[::-1]
        tagged = web.get("/v1/tasks", params={"tag": "n1", "state": "pending"}).json()["items"]
        assert [task["task_uuid"] for task in tagged] == [made[3], made[1]]
        now = datetime.now(UTC).isoformat()
        assert web.get("/v1/tasks", params={"since": now}).json()["items"] == []

    def test_numbers_come_and_go_as_they_are(self, web: httpx.Client, database: str) -> None:
        text = '{"l":' + "7" * 5000 + ',"n":0.1234567890123456789012345}'
        body = f'{{"namespace":"test","name":"flow","context":{text}}}'
        as_json = {"Content-Type": "application/json"}
        made = web.post("/v1/tasks", content=body, headers=as_json)
        task = made.json()["task_uuid"]
        assert text in web.get(f"/v1/tasks/{task}").text
        step = f"/v1/tasks/{task}/workflow_steps/{steps(web, task)['a']['step_uuid']}"
        by_hand = f'{{"reason":"why","result":{text}}}'
        assert web.post(f"{step}/complete", content=by_hand, headers=as_json).status_code == 200
        assert text in web.get(step).text
        same = "select t.context = %s::jsonb, s.result = t.context from tasker.tasks as t, "
        assert rows(database, f"{same} tasker.steps as s", text) == [(True, True), (True, None)]

    @pytest.mark.parametrize(
        ("context", "message"),
        [
            (b'{"n": 1, "n": 2}', 'body: the key "n" is there twice'),
            (b'{"n": NaN}', "body: NaN is not JSON"),
            (b'{"n": "\xff"}', "body: not text in UTF-8"),
            (b'{"n":', "body: expecting "),
        ],
    )
    def test_a_context_that_would_change_is_refused(
        self, unchanged: httpx.Client, context: bytes, message: str
    ) -> None:
        body = b'{"namespace":"test","name":"flow","context":' + context + b"}"
        answer = unchanged.post(
            "/v1/tasks", content=body, headers={"Content-Type": "application/json"}
        )
        status, code, words = fault(answer)
        assert (status, code) == (422, "bad_value")
        assert message in str(words)

    def test_are_cancelled_once(self, web: httpx.Client, client: Client) -> None:
        task = created(web)
        odd = web.post(f"/v1/tasks/{task}/cancel", json={**BECAUSE, "options": {"x": 1}})
        assert fault(odd)[:2] == (422, "bad_value")
        answer = web.post(f"/v1/tasks/{task}/cancel", json=BECAUSE)
        assert answer.json() == {
            "task_uuid": task,
            "task_state": "cancelled",
            "cancelled_steps": 2,
        }
        assert web.get(f"/v1/tasks/{task}").json()["state"] == "cancelled"
        done = created(web)
        for step in ("a", "b"):
            path = f"/v1/tasks/{done}/workflow_steps/{steps(web, done)[step]['step_uuid']}"
            assert web.post(f"{path}/resolve", json=BECAUSE).status_code == 200
        again = web.post(f"/v1/tasks/{done}/cancel", json=BECAUSE)
        assert fault(again)[:2] == (409, "illegal_transition")
        assert client.check_invariants() == []

    def test_are_cancelled_with_cleanup(self, web: httpx.Client, client: Client) -> None:
        flow = template({"pay": [], "unlock": ["pay"]}, name="locked")
        flow["steps"][1] |= {"run_on": "end"}
        client.register_template(flow)
        task = str(client.create_task("test", "locked").task_uuid)
        path, body = f"/v1/tasks/{task}/cancel", {**BECAUSE, "options": {"cleanup": True}}
        assert web.post(path, json=body).json()["task_state"] == "blocked_by_failures"
        assert steps(web, task)["unlock"]["state"] == "enqueued"
        assert web.post(path, json=body).json()["task_state"] == "cancelled"

    def test_are_explained(self, web: httpx.Client) -> None:
        (reason,) = web.get(f"/v1/tasks/{created(web)}/explain").json()["items"]
        assert reason["code"] == "unserved" or "a:" in reason["reason"]
        assert reason["steps"] == 1


class TestSteps:
    def test_run_by_workers_show_results(
        self, database: str, web: httpx.Client, client: Client
    ) -> None:
        registry = Registry()
        registry.handler("a")(lambda step: step.context["n"])
        registry.handler("b")(lambda step: step.results["a"] + 1)
        task = created(web, context={"n": 6})
        with running(database, registry, ["test"]):
            assert ended(client, UUID(task)) == "complete"
        found = steps(web, task)
        assert {name: step["result"] for name, step in found.items()} == {"a": 6, "b": 7}
        one = web.get(f"/v1/tasks/{task}/workflow_steps/{found['b']['step_uuid']}").json()
        assert one == found["b"]

    def test_are_settled_by_hand(self, web: httpx.Client, client: Client) -> None:
        task = created(web)
        place = f"/v1/tasks/{task}/workflow_steps"
        a, b = (steps(web, task)[name]["step_uuid"] for name in ("a", "b"))
        (reason,) = web.get(f"{place}/{b}/explain").json()["items"]
        assert reason["cause_uuid"] == a
        early = web.post(f"{place}/{b}/retry", json=BECAUSE)
        assert fault(early)[:2] == (409, "illegal_transition")

        client.claim_steps("test", "hung")
        assert web.post(f"{place}/{a}/requeue", json=BECAUSE).json()["step_state"] == "enqueued"
        claimed = client.claim_steps("test", "me")[0]
        client.fail_step(claimed.step_uuid, claimed.token, {"message": "no"}, retryable=False)
        assert steps(web, task)["a"]["last_error"] == {"message": "no"}
        assert web.post(f"{place}/{a}/retry", json=BECAUSE).json()["step_state"] == "enqueued"
        done = web.post(f"{place}/{a}/complete", json={**BECAUSE, "result": {"x": [1, None]}})
        assert done.json()["step_state"] == "complete"
        assert steps(web, task)["a"]["result"] == {"x": [1, None]}
        last = web.post(f"{place}/{b}/resolve", json=BECAUSE).json()
        assert last["task_state"] == "complete"
        assert client.check_invariants() == []

    @pytest.mark.parametrize(
        "verb", ["", "/explain", "/retry", "/requeue", "/resolve", "/complete"]
    )
    def test_of_another_task_are_not_found(self, web: httpx.Client, verb: str) -> None:
        task, other = created(web), created(web)
        step = steps(web, other)["a"]["step_uuid"]
        path = f"/v1/tasks/{task}/workflow_steps/{step}{verb}"
        reads = verb in ("", "/explain")
        answer = web.get(path) if reads else web.post(path, json=BECAUSE)
        assert fault(answer)[:2] == (404, "not_found")
        assert steps(web, other)["a"]["state"] == "enqueued"


class TestQuestions:
    def test_problems_are_acknowledged(self, web: httpx.Client, client: Client) -> None:
        client.create_namespace("other")
        with client.transaction() as connection:
            connection.execute("select from pgmq.drop_queue('other_queue')")
        (one,) = web.get("/v1/problems").json()["items"]
        assert (one["code"], one["acknowledged_by"]) == ("queue_missing", None)
        body = {"code": one["code"], "subject": one["subject"], "reason": "a test"}
        until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        answer = web.post("/v1/problems/acknowledge", json={**body, "until": until})
        assert (answer.status_code, answer.json()["severity"]) == (200, "critical")
        (one,) = web.get("/v1/problems").json()["items"]
        assert one["acknowledged_by"] and one["acknowledged_reason"] == "a test"
        other = web.post("/v1/problems/acknowledge", json={**body, "subject": "queue nowhere"})
        assert fault(other)[:2] == (404, "not_found")

    def test_the_first_look_needs_no_other_tool(self, web: httpx.Client, client: Client) -> None:
        created(web)
        (step,) = client.claim_steps("test", "somebody")
        found = {
            name: web.get(f"/v1/{name}").json()["items"]
            for name in ("queues", "workers", "dead_letters")
        }
        assert "test_queue" in [queue["queue_name"] for queue in found["queues"]]
        assert [(one["name"], one["claims"]) for one in found["workers"]] == [("somebody", 1)]
        assert found["dead_letters"] == []
        client.fail_step(step.step_uuid, step.token, {"message": "no"}, retryable=False)
        (letters,) = web.get("/v1/dead_letters").json()["items"]
        assert (letters["count"], letters["sample_error"]) == (1, "no")

    def test_handlers_are_templates(self, web: httpx.Client) -> None:
        assert [one["name"] for one in web.get("/v1/namespaces").json()["items"]] == ["test"]
        (listed,) = web.get("/v1/handlers", params={"namespace": "test"}).json()["items"]
        assert (listed["name"], listed["step_count"]) == ("flow", 2)
        found = web.get("/v1/handlers/test/flow").json()
        assert [step["name"] for step in found["definition"]["steps"]] == ["a", "b"]
        assert fault(web.get("/v1/handlers/test/none"))[:2] == (404, "not_found")
        older = web.get("/v1/handlers/test/flow", params={"version": "9.0.0"})
        assert fault(older)[:2] == (404, "not_found")

    def test_analytics_count_what_happened(self, web: httpx.Client, client: Client) -> None:
        task = created(web)
        for name in ("a", "b"):
            claimed = client.claim_steps("test", "me")[0]
            assert claimed.name == name
            client.complete_step(claimed.step_uuid, claimed.token)
        found = web.get("/v1/analytics/performance").json()
        assert (found["tasks_completed"], found["steps_completed"]) == (1, 2)
        assert found["average_step_duration"] > 0
        slow = web.get("/v1/analytics/bottlenecks", params={"limit": "1"}).json()
        assert [len(slow["slowest_steps"]), len(slow["slowest_tasks"])] == [1, 1]
        assert slow["slowest_tasks"][0]["task_uuid"] == task
        soon = (datetime.now(UTC) + timedelta(days=1)).isoformat()
        future = web.get("/v1/analytics/performance", params={"since": soon})
        assert fault(future)[:2] == (422, "bad_value")

    def test_health_follows_the_runners(self, database: str, web: httpx.Client) -> None:
        def health() -> tuple[int, Any]:
            answer = web.get("/health/orchestration")
            return answer.status_code, answer.json()

        nobody = {"running": False, "uptime_seconds": 0.0}
        assert health() == (
            503,
            {
                "status": "unhealthy",
                "coordinator": nobody,
                "executor_pools": {},
                "circuit_breakers": [],
            },
        )
        with running(database, Registry(), ["test"]):
            wait_for(lambda: health()[1]["status"] == "healthy")
            code, found = wait_for(
                lambda: (now := health())[1]["executor_pools"]["step_enqueuer"]["healthy"] and now
            )
            assert code == 200
            assert found["coordinator"]["running"] and found["coordinator"]["uptime_seconds"] > 0
            assert found["executor_pools"].keys() == {
                "step_enqueuer",
                "step_result_processor",
                "task_claimer",
                "task_finalizer",
                "task_request_processor",
            }
            assert found["executor_pools"]["task_finalizer"].keys() == {
                "healthy",
                "unhealthy",
                "throughput",
            }
            detailed = web.get("/health/detailed").json()
            assert detailed["counts"]["open_tasks"] == 0
            assert {one["breaker"] for one in detailed["circuit_breakers"]} == {"database", "queue"}
        assert health()[0] == 503
        assert [web.get(path).status_code for path in ("/live", "/ready", "/health")] == [200] * 3


class TestConventions:
    def test_an_answer_that_somebody_has_is_not_sent_again(
        self, web: httpx.Client, client: Client
    ) -> None:
        task = created(web)
        first = web.get(f"/v1/tasks/{task}")
        tag = {"If-None-Match": f'"x", W/{first.headers["etag"]}'}
        again = web.get(f"/v1/tasks/{task}", headers=tag)
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
        client.pause_task(UUID(task), "why not")
        later = web.get(f"/v1/tasks/{task}", headers=tag)
        assert (later.status_code, later.json()["paused"]) == (200, True)
        created(web)
        one = web.get("/v1/tasks?limit=1")
        same = web.get("/v1/tasks?limit=1", headers={"If-None-Match": one.headers["etag"]})
        assert (same.status_code, same.links) == (304, one.links)
        made = web.post("/v1/tasks", json={"namespace": "test", "name": "flow"})
        assert "etag" not in made.headers

    @pytest.mark.parametrize(
        "path", ["/v1/tasks", f"/v1/tasks/{NO_TASK}", "/live", "/metrics", "/", "/v1/none"]
    )
    def test_the_head_of_an_answer_comes_alone(self, unchanged: httpx.Client, path: str) -> None:
        whole, head = unchanged.get(path), unchanged.head(path)
        assert (head.status_code, head.content) == (whole.status_code, b"")
        assert head.headers["content-type"] == whole.headers["content-type"]
        assert unchanged.head("/v1/tasks/x/cancel").status_code == 405

    def test_operators_can_do_what_they_do_from_a_shell(
        self, web: httpx.Client, client: Client
    ) -> None:
        task = created(web)
        for verb, paused in (("pause", True), ("resume", False)):
            for place in (f"tasks/{task}", "namespaces/test", "handlers/test/flow"):
                answer = web.post(f"/v1/{place}/{verb}", json=BECAUSE)
                assert answer.json() == {"paused": paused, "changed": True}
        (step,) = client.claim_steps("test", "me")
        client.fail_step(step.step_uuid, step.token, {"message": "no"}, retryable=False)
        plan = {"verb": "retry_step", "filter": {"step": "a"}}
        (planned,) = web.post("/v1/repairs", json=plan).json()["items"]
        assert planned["matched"] == 1
        done = web.post(f"/v1/repairs/{planned['plan_uuid']}/apply", json=BECAUSE).json()
        assert (done["applied"], done["remaining"]) == (1, 0)
        until = "2030-01-31T17:00:00Z"
        for now, before in ((until, None), (None, until)):
            moved = web.post(f"/v1/tasks/{task}/deadline", json={**BECAUSE, "deadline": now})
            assert (moved.json()["deadline"], moved.json()["previous"]) == (now, before)
        assert web.post(f"/v1/tasks/{task}/resolve", json=BECAUSE).json()["task_state"] == (
            "resolved_manually"
        )
        given = {**BECAUSE, "value": 500}
        assert web.post("/v1/limits/steps_per_call", json=given).json()["value"] == 500
        odd = web.post("/v1/breakers/none/force", json={**BECAUSE, "position": "open"})
        assert fault(odd)[:2] == (404, "not_found")
        assert web.post("/v1/breakers/queue/release", json=BECAUSE).json()["changed"] is False
        assert isinstance(web.post("/v1/sweep", json={}).json()["items"], list)
        definition = template({"a": []}, name="other")
        made = web.post("/v1/handlers", json={"definition": definition}).json()
        assert (made["name"], made["created"]) == ("other", True)
        verbs = [one["verb"] for one in web.get("/v1/audit").json()["items"]]
        assert {"pause_task", "resume_namespace", "retry_step", "set_limit"} <= {*verbs}
        some = web.get("/v1/audit", params={"verb": "pause_task", "subject": task}).json()["items"]
        assert [one["reason"] for one in some] == ["a test"]
        assert client.check_invariants() == []

    def test_waits_are_listed_and_answered(self, web: httpx.Client, client: Client) -> None:
        wait = {"signal": "paid", "schema": {"type": "number"}, "timeout": "P1D"}
        steps = [{"name": "payment", "wait": wait}]
        definition = {**template({}, name="order"), "steps": steps}
        client.register_template(definition)
        first, second = (created(web, name="order", tags=[tag]) for tag in ("x", "y"))
        (one,) = web.get("/v1/waits?signal=paid&tag=x").json()["items"]
        assert (one["task_uuid"], one["schema"], one["received"]) == (first, {"type": "number"}, 0)
        assert web.get("/v1/waits", params={"task_uuid": NO_TASK}).json()["items"] == []
        answer = web.post(f"/v1/waits/{one['step_uuid']}", json={"value": "much"})
        assert fault(answer)[:2] == (422, "bad_value")
        given = {"value": 5, "options": {"initiator": "Ada"}}
        done = web.post(f"/v1/waits/{one['step_uuid']}", json=given).json()
        assert (done["task_state"], done["repeated"]) == ("complete", False)
        sent = web.post(f"/v1/tasks/{second}/signals", json={"name": "paid", "value": 7})
        assert sent.status_code == 200, sent.text
        (signal,) = web.get(f"/v1/tasks/{second}/signals").json()["items"]
        assert (signal["name"], signal["value"], signal["state"]) == ("paid", 7, "taken")
        assert client.check_invariants() == []

    def test_schedules_are_made_and_changed(self, web: httpx.Client, client: Client) -> None:
        place, plan = "/v1/schedules/test/nightly", {"template": "flow", "every": "PT1H"}
        made = web.post(place, json={"definition": plan}).json()
        assert (made["created"], made["changed"]) == (True, True)
        assert web.post(f"{place}/pause", json=BECAUSE).json()["name"] == "nightly"
        (one,) = web.get("/v1/schedules?namespace=test").json()["items"]
        assert (one["every"], one["cron"], one["pause_reason"]) == ("PT1H", None, "a test")
        assert web.get(f"{place}/explain").json()["items"][0]["code"] == "schedule_paused"
        task = web.post(f"{place}/trigger", json=BECAUSE).json()["task_uuid"]
        now = datetime.now(UTC).isoformat()
        (tick,) = web.get(f"{place}/ticks", params={"before": now}).json()["items"]
        assert (tick["outcome"], tick["task_uuid"]) == ("triggered", task)
        given = {"from": (datetime.now(UTC) - timedelta(hours=3)).isoformat(), "to": now}
        planned = web.post(f"{place}/backfill", json=given).json()
        assert planned["ticks"] + planned["already"] in (0, 3)
        naive = web.post(f"{place}/backfill", json={**given, "to": "2026-01-01T00:00"})
        assert fault(naive)[:2] == (422, "bad_value")
        ticks = web.get("/v1/next_ticks", params={"cron": "30 2 * * *", "count": 2}).json()["items"]
        assert [one["note"] for one in ticks] == [None, None]
        assert web.post(f"{place}/drop", json=BECAUSE).json()["name"] == "nightly"
        assert fault(web.get(f"{place}/explain"))[:2] == (404, "not_found")
        assert client.check_invariants() == []

    def test_what_operators_did_is_listed_page_by_page(
        self, web: httpx.Client, client: Client
    ) -> None:
        for n in range(5):
            client.pause_namespace("test", f"reason {n}")
            client.resume_namespace("test", f"again {n}")
        found, url = list[str](), "/v1/audit?verb=pause_namespace&limit=2"
        while url:
            answer = web.get(url)
            found += [one["reason"] for one in answer.json()["items"]]
            url = answer.links.get("next", {}).get("url", "")
            assert bool(url) == (answer.json()["next"] is not None)
        assert found == [f"reason {n}" for n in reversed(range(5))]

    def test_a_time_may_be_told_by_its_age(self, web: httpx.Client) -> None:
        task = created(web)
        for since, found in (("1h", [task]), ("0s", []), ("7d", [task])):
            items = web.get("/v1/tasks", params={"since": since}).json()["items"]
            assert [one["task_uuid"] for one in items] == found
        for odd in ("1w", "-1h", "h", "1.5h", "999999d"):
            answer = web.get("/v1/tasks", params={"since": odd})
            assert fault(answer)[:2] == (422, "bad_value")


class TestRefusals:
    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ({}, "body.namespace: Field required"),
            ({"namespace": "test", "name": "flow", "contxt": 1}, "body.contxt: Extra inputs"),
            ({"namespace": "test", "name": "flow", "context": [1]}, "body.context: Input should"),
            ({"namespace": "test", "name": "flow", "run_at": "2030-01-01T00:00"}, "body.run_at: "),
            ({"namespace": "test", "name": "flow", "tags": ["x" * 101]}, "bad tags"),
            ({"namespace": "test", "name": "flow\0"}, "NUL"),
            ({"namespace": "test", "name": "flow", "context": {"a": "\0"}}, "value.a holds a NUL"),
            ({"namespace": "test", "name": "flow", "version": "x"}, "version"),
        ],
    )
    def test_name_what_is_wrong_with_a_value(
        self, unchanged: httpx.Client, body: Any, message: str
    ) -> None:
        status, code, words = fault(unchanged.post("/v1/tasks", json=body))
        assert (status, code) == (422, "bad_value")
        assert message in words

    def test_name_what_is_missing(self, unchanged: httpx.Client) -> None:
        for path in ("/v1/handlers", "/v1/schedules/test/x"):
            status, code, words = fault(unchanged.post(path, json={}))
            assert (status, code) == (422, "bad_value")
            assert "body.definition: Field required" in words

    def test_tell_what_is_no_json(self, unchanged: httpx.Client) -> None:
        for content in (b"{", b"\xff", b'{"a":' * 100_000, b"[" + b"9" * 5000 + b"]", b""):
            headers = {"Content-Type": "application/json"}
            answer = unchanged.post("/v1/tasks", content=content, headers=headers)
            assert fault(answer)[0] in (400, 422), answer.text
        surrogate = rb'{"namespace": "test", "name": "flow", "context": {"a": "\ud800"}}'
        answer = unchanged.post("/v1/tasks", content=surrogate, headers=headers)
        assert fault(answer)[:2] == (422, "bad_value")

    @pytest.mark.parametrize(
        ("method", "path", "expected"),
        [
            ("GET", f"/v1/tasks/{NO_TASK}", (404, "not_found")),
            ("GET", f"/v1/tasks/{NO_TASK}/workflow_steps", (404, "not_found")),
            ("GET", f"/v1/tasks/{NO_TASK}/explain", (404, "not_found")),
            ("GET", "/v1/tasks/nonsense", (422, "bad_value")),
            ("GET", "/v1/nonsense", (404, "not_found")),
            ("GET", "/v1/tasks?limit=0", (422, "bad_value")),
            ("GET", "/v1/tasks?limit=100000", (422, "bad_value")),
            ("GET", "/v1/tasks?state=weird", (422, "bad_value")),
            ("GET", "/v1/tasks?since=0.5", (422, "bad_value")),
            ("GET", "/v1/tasks?namespace=none", (404, "not_found")),
            ("GET", "/v1/tasks?initiator=%00", (422, "bad_value")),
            ("DELETE", "/v1/tasks", (405, "method_not_allowed")),
        ],
    )
    def test_have_a_status_and_a_code(
        self, unchanged: httpx.Client, method: str, path: str, expected: tuple[int, str]
    ) -> None:
        assert fault(unchanged.request(method, path))[:2] == expected

    @pytest.mark.parametrize(
        ("path", "known"),
        [
            ("/v1/tasks?bogus=1", "namespace, name, version, state"),
            ("/v1/tasks?State=error", "Did you mean state? It takes namespace, name"),
            ("/v1/namespaces?namespace=test", "It takes no parameters."),
            ("/v1/handlers?name=x", "It takes namespace."),
            (f"/v1/tasks/{NO_TASK}?full=1", "It takes no parameters."),
            ("/v1/analytics/bottlenecks?until=x", "since, limit, namespace, task, version"),
            *((f"{path}?bogus=1", "It takes no parameters.") for path in PROBES),
            *((f"{path}?bogus=", "It takes no parameters.") for path in DESCRIPTION),
        ],
    )
    def test_name_a_parameter_that_is_not_known(
        self, unchanged: httpx.Client, path: str, known: str
    ) -> None:
        status, code, words = fault(unchanged.get(path))
        assert (status, code) == (400, "unknown_parameter")
        assert path.partition("?")[2].partition("=")[0] in words and known in words

    def test_name_a_parameter_that_is_given_twice(self, unchanged: httpx.Client) -> None:
        answer = unchanged.get("/v1/tasks?state=error&limit=1&state=complete")
        assert fault(answer)[:2] == (400, "repeated_parameter")

    def test_of_a_defect_tell_nothing_but_that(
        self, web: httpx.Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(Client, "list_namespaces", lambda _: 1 // 0)
        status, code, words = fault(web.get("/v1/namespaces"))
        assert (status, code) == (500, "defect")
        assert "division" not in words
        wait_for(lambda: "ZeroDivisionError" in caplog.text)
        assert web.get("/v1/handlers").status_code == 200

    def test_are_made_of_what_is_too_large(self, web: httpx.Client) -> None:
        context = {"a": "x" * 2_097_152}
        body = {"namespace": "test", "name": "flow", "context": context}
        assert fault(web.post("/v1/tasks", json=body))[:2] == (413, "too_large")

        def chunks() -> Iterator[bytes]:
            for _ in range(40):
                yield b" " * 65_536

        assert fault(web.post("/v1/tasks", content=chunks()))[:2] == (413, "too_large")
        body["context"] = {"a": "x" * 1_500_000}
        status, code, words = fault(web.post("/v1/tasks", json=body))
        assert (status, code) == (422, "limit_exceeded")
        assert "context_bytes" in words

    def test_are_made_of_other_names_for_this_machine(self, web: httpx.Client) -> None:
        answer = web.get("/v1/tasks", headers={"Host": "evil.example:8080"})
        assert fault(answer)[:2] == (403, "forbidden")
        assert web.get("/v1/tasks", headers={"Host": "localhost:1"}).status_code == 200


JSON = b'{"namespace": "test", "name": "flow"}'
WRITES = [("POST", "/v1/tasks", JSON), ("POST", f"/v1/tasks/{NO_TASK}/cancel", b'{"reason": "x"}')]
IS_JSON = {"Content-Type": "application/json"}


class TestPagesOfOthers:
    """A browser on this machine sends what a page of another site wants, and says so."""

    @pytest.mark.parametrize(("method", "path", "body"), WRITES)
    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ({}, 415),
            ({"Content-Type": "text/plain"}, 415),
            ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
            ({"Content-Type": "multipart/form-data; boundary=x"}, 415),
            ({"Content-Type": "text/plain; application/json"}, 415),
            ({"Content-Type": "application/jsonp"}, 415),
            ({**IS_JSON, "Origin": "http://evil.example"}, 403),
            ({**IS_JSON, "Origin": "null"}, 403),
            ({**IS_JSON, "Origin": "http://127.0.0.1:1"}, 403),
            ({**IS_JSON, "Origin": "http://127.0.0.1"}, 403),
            ({**IS_JSON, "Sec-Fetch-Site": "cross-site"}, 403),
            ({**IS_JSON, "Sec-Fetch-Site": "same-site"}, 403),
            ({**IS_JSON, "Sec-Fetch-Site": ""}, 403),
        ],
    )
    def test_change_nothing(
        self,
        unchanged: httpx.Client,
        method: str,
        path: str,
        body: bytes,
        headers: dict[str, str],
        status: int,
    ) -> None:
        answer = unchanged.request(method, path, content=body, headers=headers)
        assert fault(answer)[0] == status
        assert unchanged.get("/v1/tasks").json()["items"] == []

    def test_change_nothing_by_two_headers_of_a_name(self, unchanged: httpx.Client) -> None:
        for first, second in (
            (("Content-Type", "application/json"), ("Content-Type", "text/plain")),
            (("Content-Type", "text/plain"), ("Content-Type", "application/json")),
        ):
            answer = unchanged.post("/v1/tasks", content=JSON, headers=[first, second])
            assert fault(answer)[0] == 415
        own = str(unchanged.base_url).rstrip("/")
        for origins in ((own, "http://evil.example"), ("http://evil.example", own)):
            named = [("Origin", one) for one in origins]
            answer = unchanged.post("/v1/tasks", content=JSON, headers=[*IS_JSON.items(), *named])
            assert fault(answer)[0] == 403

    def test_may_not_even_ask_whether_they_may(self, unchanged: httpx.Client) -> None:
        headers = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
        answer = unchanged.options("/v1/tasks", headers=headers)
        assert fault(answer)[0] == 403
        assert not [name for name in answer.headers if name.startswith("access-control")]

    def test_differ_from_our_own(self, web: httpx.Client) -> None:
        own = {"Origin": str(web.base_url).rstrip("/"), "Sec-Fetch-Site": "same-origin"}
        kind = {"Content-Type": "Application/JSON; charset=utf-8"}
        for headers in (own, {"Sec-Fetch-Site": "none"}, {}):
            answer = web.post("/v1/tasks", content=JSON, headers={**kind, **headers})
            assert answer.status_code == 201
        looked = web.get("/v1/tasks", headers={"Sec-Fetch-Site": "cross-site"})
        assert looked.status_code == 200

    @pytest.mark.parametrize("path", ["/live", "/api-docs/ui", "/v1/tasks", "/v1/none", "/metrics"])
    def test_show_nothing_of_ours_in_a_frame(self, unchanged: httpx.Client, path: str) -> None:
        headers = unchanged.get(path).headers
        assert headers["x-frame-options"] == "DENY"
        assert headers["content-security-policy"] == "frame-ancestors 'none'"
        assert headers["x-content-type-options"] == "nosniff"


class Raw:
    """A client that writes all of its request before it reads."""

    def __init__(self, web: httpx.Client) -> None:
        self._socket = socket.create_connection((web.base_url.host, web.base_url.port or 80))
        self._socket.settimeout(SECONDS)

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *_: Any) -> None:
        self._socket.close()

    def write(self, *pieces: bytes) -> None:
        for piece in pieces:
            self._socket.sendall(piece)

    def head(self, *headers: str, path: str = "/v1/tasks") -> None:
        lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json"]
        self.write("\r\n".join([*lines, *headers, "", ""]).encode())

    def read(self) -> bytes:
        """All that comes until the server closes the connection; an orderly end is demanded."""
        found = b""
        while some := self._socket.recv(65536):
            found += some
        return found


MIB: Final = 1 << 20


class TestAnswersArrive:
    """A client that is refused hears why, even when it reads nothing before it has written all."""

    @pytest.mark.parametrize("size", [2 * MIB + 1, 3 * MIB, 48 * MIB])
    def test_when_the_size_is_declared(self, web: httpx.Client, size: int) -> None:
        with Raw(web) as raw:
            raw.head(f"Content-Length: {size}")
            raw.write(*[b" " * MIB] * (size // MIB), b" " * (size % MIB))
            found = raw.read()
        assert found.startswith(b"HTTP/1.1 413 ") and b'"too_large"' in found
        assert b"connection: close" in found.lower()

    def test_when_the_body_comes_in_chunks(self, web: httpx.Client) -> None:
        with Raw(web) as raw:
            raw.head("Transfer-Encoding: chunked")
            raw.write(*[b"10000\r\n" + b" " * 65536 + b"\r\n"] * 400, b"0\r\n\r\n")
            found = raw.read()
        assert found.startswith(b"HTTP/1.1 413 ") and b'"too_large"' in found

    @pytest.mark.parametrize(
        ("header", "status"), [("Origin: http://evil.example", 403), ("Content-Type: x/y", 415)]
    )
    def test_whatever_the_refusal(self, web: httpx.Client, header: str, status: int) -> None:
        with Raw(web) as raw:
            raw.head(header, f"Content-Length: {MIB}")
            raw.write(b" " * MIB)
            assert raw.read().startswith(f"HTTP/1.1 {status} ".encode())

    def test_before_the_body_has_come(self, web: httpx.Client) -> None:
        with Raw(web) as raw:
            raw.head(f"Content-Length: {3 * MIB}", "Expect: 100-continue")
            found = raw._socket.recv(65536)
            assert found.startswith(b"HTTP/1.1 413 ")

    def test_but_nobody_is_listened_to_for_ever(
        self, web: httpx.Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(middleware, "PAUSE", 0.1)
        with Raw(web) as raw:
            raw.head(f"Content-Length: {3 * MIB}")
            assert raw.read().startswith(b"HTTP/1.1 413 "), "it says no more, and waits"
        monkeypatch.setattr(middleware, "LINGER", 0.1)
        with Raw(web) as raw, pytest.raises(OSError):
            raw.head("Content-Length: 99999999999")
            while True:
                raw.write(b" " * MIB)


class TestTokens:
    @pytest.fixture
    def guarded(self, database: str, client: Client) -> Iterator[httpx.Client]:
        client.register_template(template({"a": []}))
        sums = {
            f"auth.{name}": [hashlib.sha256(token.encode()).hexdigest()]
            for name, token in TOKENS.items()
        }
        both = hashlib.sha256(BOTH.encode()).hexdigest()
        more = {name: [*one, both] for name, one in sums.items() if name != "auth.operate"}
        with serving(database, {**sums, **more}) as web:
            yield web

    def test_let_in_who_has_one(self, guarded: httpx.Client) -> None:
        def asked(token: str | None, method: str, path: str, body: Any = None) -> int:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            answer = guarded.request(method, path, json=body, headers=headers)
            if answer.status_code in (401, 403):
                fault(answer)
                assert (answer.status_code == 401) == ("www-authenticate" in answer.headers)
            return answer.status_code

        new = {"namespace": "test", "name": "flow"}
        cancel = f"/v1/tasks/{NO_TASK}/cancel"
        requests: list[tuple[str, str, Any]] = [
            ("GET", "/v1/tasks", None),
            ("POST", "/v1/tasks", new),
            ("POST", cancel, BECAUSE),
            ("POST", "/v1/problems/acknowledge", {**BECAUSE, "code": "bloat", "subject": "x"}),
        ]
        found = {
            token: [asked(token, *request) for request in requests]
            for token in (None, "wrong", *TOKENS.values(), BOTH)
        }
        assert found == {
            None: [401] * 4,
            "wrong": [401] * 4,
            TOKENS["read"]: [200, 403, 403, 403],
            TOKENS["create"]: [403, 201, 403, 403],
            TOKENS["operate"]: [403, 403, 404, 404],
            BOTH: [200, 201, 403, 403],
        }
        assert [asked(None, "GET", path) for path in ("/live", "/ready", "/health")] == [200] * 3
        assert asked(None, "GET", "/health/detailed") == 401
        assert asked(TOKENS["read"], "GET", "/health/detailed") == 200

    def test_come_before_bodies(self, guarded: httpx.Client) -> None:
        """A body of nobody is not waited for, and takes no place."""
        for header in ("X: y", "Authorization: Bearer nonsense"):
            with Raw(guarded) as raw:
                raw.head(header, "Content-Length: 1000")
                assert raw._socket.recv(65536).startswith(b"HTTP/1.1 401 ")
        with Raw(guarded) as raw:
            raw.head(f"Authorization: Bearer {TOKENS['create']}", f"Content-Length: {len(JSON)}")
            raw.write(JSON)
            assert raw._socket.recv(65536).startswith(b"HTTP/1.1 201 ")

    def test_guard_every_path_but_few(self, guarded: httpx.Client) -> None:
        paths = guarded.get("/api-docs/openapi.json").json()["paths"]
        free = set()
        for path, operations in paths.items():
            for method in operations:
                filled = re.sub(r"\{\w+_uuid\}", str(uuid4()), path)
                filled = re.sub(r"\{\w+\}", "x", filled)
                if guarded.request(method, filled, json=BECAUSE).status_code != 401:
                    free.add(path)
        assert free == {"/live", "/ready", "/health"}
        assert guarded.get("/metrics").status_code == 401


class TestPressure:
    def test_a_slow_call_ends_and_harms_nobody(self, database: str, client: Client) -> None:
        with (
            pytest.raises(TooSlowError, match="it may take"),
            client.limited(0.1),
            client.transaction() as connection,
        ):
            connection.execute("select pg_sleep(5)")
        client.register_template(template({"a": []}))
        with serving(database, {"web.timeout": 0.2, "web.pool_size": 1}) as web:
            task = created(web)
            with psycopg.connect(database) as blocker:
                blocker.execute("lock table tasker.tasks")
                for _ in range(7):  # more than open a circuit
                    answer = web.get(f"/v1/tasks/{task}")
                    assert fault(answer)[:2] == (503, "too_slow")
            assert web.get(f"/v1/tasks/{task}").status_code == 200

    def test_slow_clients_keep_nobody_out(self, database: str) -> None:
        """Bodies and heads that do not come take no place of requests that have come."""
        with ExitStack() as stack:
            web = stack.enter_context(serving(database, {"web.max_requests": 2}))
            for length in (1000, 1000, 1000):
                raw = stack.enter_context(Raw(web))
                raw.head(f"Content-Length: {length}")
            wait_for(lambda: raw._socket.recv(65536).startswith(b"HTTP/1.1 429 "))
            for _ in range(3):
                stack.enter_context(Raw(web)).write(b"GET /v1/tasks HTTP/1.1\r\n")
            assert web.get("/v1/namespaces").status_code == 200

    def test_every_part_of_a_request_must_come_in_time(self, database: str) -> None:
        with serving(database, {"web.timeout": 0.2}) as web:
            for begun in (b"", b"GET /live HTT", b"GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\n"):
                with Raw(web) as raw:
                    raw.write(begun)
                    assert raw.read() == b""
            with Raw(web) as raw:
                raw.write(b"GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET /live HTTP/1.1\r\n")
                assert raw.read().count(b"HTTP/1.1 200 ") == 1
            with Raw(web) as raw:
                raw.head("Content-Length: 1000")
                assert raw._socket.recv(65536).startswith(b"HTTP/1.1 408 ")

    def test_requests_that_are_too_many_are_told_to_come_again(
        self, database: str, client: Client
    ) -> None:
        client.register_template(template({"a": []}))
        with serving(database, {"web.max_requests": 2, "web.pool_size": 2}) as web:
            task = created(web)
            with psycopg.connect(database) as blocker:
                blocker.execute("lock table tasker.tasks")
                answers = list[httpx.Response]()
                threads = [
                    threading.Thread(target=lambda: answers.append(web.get(f"/v1/tasks/{task}")))
                    for _ in range(2)
                ]
                for thread in threads:
                    thread.start()
                wait_for(lambda: rows(database, WAITING) == [(2,)])
                many = web.get("/v1/namespaces")
                assert fault(many)[:2] == (429, "too_many_requests")
                assert many.headers["retry-after"] == "1"
                assert web.get("/live").status_code == 200
            for thread in threads:
                thread.join(SECONDS)
            assert [one.status_code for one in answers] == [200, 200]

    def test_a_body_that_does_not_come_is_not_waited_for(self, database: str) -> None:
        with serving(database, {"web.timeout": 0.2}) as web:
            url = web.base_url
            with socket.create_connection((url.host, url.port or 0), SECONDS) as connection:
                connection.sendall(
                    b"POST /v1/tasks HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{"
                )
                answer = b"".join(iter(lambda: connection.recv(65536), b""))
                assert b" 408 " in answer and b"request_timeout" in answer

    def test_a_database_that_is_away_is_left_alone(self) -> None:
        server = Server(18)
        try:
            server.create("away", server.migrated)
            more = {"circuit_breakers.web.failures": 3, "circuit_breakers.web.open_for": 0.5}
            with serving(server.embedded.url("away"), more) as web:
                assert web.get("/ready").status_code == 200
                server.embedded.stop("immediate")
                for _ in range(5):
                    answer = web.get("/v1/tasks")
                    assert fault(answer)[:2] == (503, "unavailable")
                    assert int(answer.headers["retry-after"]) >= 1
                assert fault(web.get("/ready"))[0] == 503
                assert web.get("/live").status_code == 200
                server.embedded.start()
                wait_for(lambda: web.get("/ready").status_code == 200)
        finally:
            server.close()

    def test_its_connections_are_its_own_and_few(self, database: str, web: httpx.Client) -> None:
        threads = [threading.Thread(target=lambda: web.get("/v1/tasks")) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SECONDS)
        with psycopg.connect(database) as connection:
            (found,) = connection.execute(
                "select count(*) from pg_stat_activity"
                " where datname = current_database() and application_name like '% web'"
            ).fetchone() or (0,)
        assert 1 <= found <= 5


class TestDocumentation:
    def test_serves_all_that_its_page_asks_for(self, web: httpx.Client) -> None:
        page = web.get("/api-docs/ui")
        assert page.status_code == 200

        class Places(HTMLParser):
            def __init__(self) -> None:
                super().__init__()
                self.found = list[str]()

            def handle_starttag(self, _: str, attrs: list[tuple[str, str | None]]) -> None:
                self.found += [value or "" for name, value in attrs if name in ("src", "href")]

        places = Places()
        places.feed(page.text)
        named = re.findall(r"url: '([^']+)'", page.text)
        assert len(places.found) == 3 and named == ["/api-docs/openapi.json"]
        assert "//" not in "".join(places.found), "nothing comes from elsewhere"
        for place in [*places.found, *named]:
            answer = web.get(place)
            assert (answer.status_code, len(answer.content) > 1000) == (200, True), place

    def test_describes_every_error_in_the_one_shape(self, web: httpx.Client) -> None:
        described = web.get("/api-docs/openapi.json").json()
        for path, operations in described["paths"].items():
            for method, operation in operations.items():
                for status, answer in operation["responses"].items():
                    if int(status) < 400 or (path, status) == ("/health/orchestration", "503"):
                        continue
                    shape = answer["content"]["application/problem+json"]["schema"]
                    assert shape == {"$ref": "#/components/schemas/ProblemDetails"}, (path, method)


class TestCommand:
    def test_serves_until_it_is_told_to_stop(self, database: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            refused = command(database, "--port", str(port))
            _, said = refused.communicate(timeout=SECONDS)
            assert refused.returncode == 1
            assert "Address already in use" in said
        serving = command(database, "--port", str(port))
        try:
            url = f"http://127.0.0.1:{port}"

            def alive() -> bool:
                try:
                    return httpx.get(f"{url}/ready", trust_env=False).status_code == 200
                except httpx.TransportError:
                    return False

            wait_for(alive)
            serving.send_signal(signal.SIGTERM)
            _, said = serving.communicate(timeout=SECONDS)
        finally:
            serving.kill()
            serving.wait()
        assert (serving.returncode, f"listening on {url}" in said) == (0, True)

    def test_refuses_to_let_everybody_in(self, database: str) -> None:
        refused = command(database, "--host", "0.0.0.0")
        _, said = refused.communicate(timeout=SECONDS)
        assert refused.returncode == 2
        assert 'web.host = "0.0.0.0" can be reached by others, and auth has no tokens' in said


def command(dsn: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [Path(sys.executable).parent / "tasker-sql", "serve", *arguments],
        env={"DATABASE_URL": dsn, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )
