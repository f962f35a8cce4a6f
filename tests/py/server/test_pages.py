"""The pages for people, over a real socket, read and filled in as a browser does."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any, Final
from uuid import UUID

import httpx
import psycopg
import pytest
from running import client_of, template
from servers import rows
from serving import serving

from tasker_sql.client import Client

pytestmark = pytest.mark.newest

PAGES: Final = (
    *("/", "/tasks", "/failures", "/waits", "/schedules", "/queues", "/workers", "/database"),
    "/audit",
)
READER: Final = "token of a reader"
OPERATOR: Final = "token of an operator"
SCRIPT: Final = "<script>alert(1)</script>"
HOSTILE: Final = f"{SCRIPT}\"'><img src=x onerror=alert(1)>\x1b[2J\x07\u202e{{{{ 7 * 7654321 }}}}"
FLOW: Final = template({"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]})
APPROVAL: Final = {
    "name": "payout",
    "namespace_name": "test",
    "version": "1.0.0",
    "steps": [
        {
            "name": "approval",
            "wait": {
                "signal": "approved",
                "prompt": "Pay out {{amount}}?",
                "schema": {
                    "type": "object",
                    "properties": {
                        "ok": {"type": "boolean"},
                        "amount": {"type": "number", "minimum": 0},
                        "note": {"type": "string"},
                    },
                    "required": ["ok"],
                },
            },
        },
        {"name": "pay", "handler": {"callable": "pay"}, "dependencies": ["approval"]},
    ],
}
NO_TASK: Final = "01a20719-c710-7381-8000-000000100000"


@dataclass
class Form:
    """A form of a page: where it goes, what its button says, its fields as they stand."""

    action: str
    label: str = ""
    fields: dict[str, str] = field(default_factory=dict)


class Page(HTMLParser):
    """What a browser finds in an answer."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__()
        self.text = answer.text
        self.forms = list[Form]()
        self.links = list[str]()
        self._tags = list[str]()
        self._words = list[str]()
        self.feed(answer.text)
        self.words = " ".join(" ".join(self._words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        assert not [name for name in given if name.startswith("on") or name == "style"], given
        self._tags.append(tag)
        if tag == "a":
            self.links.append(given["href"])
        if tag == "form" and given.get("method") == "post":
            self.forms.append(Form(given["action"]))
        if tag == "input" and self.forms and "name" in given:
            self.forms[-1].fields[given["name"]] = given.get("value", "")

    def handle_data(self, data: str) -> None:
        self._words.append(data)
        if self._tags and self._tags[-1] == "button" and self.forms and data.strip():
            self.forms[-1].label = data.strip()

    def form(self, label: str) -> Form:
        return next(one for one in self.forms if one.label == label)


def opened(web: httpx.Client, path: str, **more: Any) -> Page:
    answer = web.get(path, **more)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return Page(answer)


def sent(web: httpx.Client, form: Form, **fields: str) -> httpx.Response:
    return web.post(form.action, data={**form.fields, **fields})


@pytest.fixture
def client(database: str) -> Iterator[Client]:
    with client_of(database) as client:
        yield client


@pytest.fixture
def web(database: str, client: Client) -> Iterator[httpx.Client]:
    client.register_template(FLOW)
    with serving(database) as web:
        yield web


def failed(client: Client, error: Any, **more: Any) -> UUID:
    """A task whose first step has failed for good."""
    task = client.create_task("test", "flow", more.pop("context", {}), more).task_uuid
    (step,) = client.claim_steps("test", "worker 1")
    assert step.task_uuid == task
    client.fail_step(step.step_uuid, step.token, error, retryable=False)
    return task


def state(client: Client, task: UUID, step: str = "a") -> str:
    return next(one.state for one in client.get_task_steps(task) if one.name == step)


class TestPages:
    def test_show_what_happened_to_a_task(self, web: httpx.Client, client: Client) -> None:
        traceback = 'Traceback\n  File "shop.py", line 7, in a\n    card(order)\n'
        error = {"class": "ValueError", "message": "no card", "traceback": traceback}
        task = failed(client, error, context={"order": 4711}, tags=["eu"])
        page = opened(web, f"/tasks/{task}")
        for words in ("test/flow", "ValueError: no card", 'File "shop.py", line 7', "4711", "eu"):
            assert words in page.words
        assert page.text.count("<rect x=") == 4, "the DAG has four boxes"
        assert "enqueued in_progress worker 1" in page.words, "the history"
        (step,) = [one for one in page.links if re.fullmatch(r"/steps/\S+1", one)][:1]
        words = opened(web, step).words
        for expected in ("Attempt 1 failed worker 1", 'File "shop.py", line 7', "4711"):
            assert expected in words
        assert "no card" in opened(web, "/").words
        assert "1 x test/flow/a" in opened(web, "/failures").words
        assert f"/tasks/{task}" in opened(web, "/tasks?state=error").links

    def test_lead_to_pages_that_are_there(self, web: httpx.Client, client: Client) -> None:
        failed(client, {"message": "no"})
        client.create_task("test", "flow")
        client.put_schedule("test", "nightly", {"template": "flow", "cron": "0 3 * * *"})
        found, left = dict[str, int](), [*PAGES]
        while left:
            path = left.pop()
            if path in found:
                continue
            answer = web.get(path)
            found[path] = answer.status_code
            if path.startswith(("/v1", "/api-docs")) or "refresh" in path:
                continue
            for link in Page(answer).links:
                left.append(link if link.startswith("/") else f"{path.partition('?')[0]}{link}")
        assert set(found.values()) == {200}, found
        assert len(found) > 20

    def test_show_hostile_values_harmlessly(self, web: httpx.Client, client: Client) -> None:
        error = {"message": HOSTILE, "traceback": HOSTILE, "more": HOSTILE}
        context = {HOSTILE: [HOSTILE, {"deep": HOSTILE}], "long": "x" * 1_000_000}
        options = {"tags": [SCRIPT], "initiator": SCRIPT, "source_system": SCRIPT}
        task = failed(client, error, context=context, **options)
        client.pause_task(task, HOSTILE)
        client.pause_namespace("test", HOSTILE)
        (first, *_) = client.get_task_steps(task)
        client.complete_step_manually(first.step_uuid, {"result": HOSTILE * 10_000}, HOSTILE)
        paths = [*PAGES, f"/tasks/{task}", f"/tasks?name={SCRIPT}", f"/steps/{first.step_uuid}"]
        shown = 0
        for path in paths:
            answer = web.get(path)
            assert answer.status_code == 200
            Page(answer)
            shown += "&lt;script&gt;" in answer.text
            assert not re.search(
                r"<script|<img|[\x00-\x08\x0b-\x1f\x7f\u202e]|53580247", answer.text
            )
            assert len(answer.content) < 150_000
        assert shown >= 6
        assert web.get(f"/tasks?{SCRIPT}=1").text.count("<script") == 0

    def test_hide_what_looks_like_a_secret(self, web: httpx.Client, client: Client) -> None:
        context = {"password": "hunter2", "url": "postgresql://shop:hunter2@db/shop"}
        error = {"message": "no login with password='hunter2'", "traceback": "Bearer hunter2"}
        task = failed(client, error, context=context)
        (first, *_) = client.get_task_steps(task)
        client.retry_step(first.step_uuid, "its password=hunter2 was wrong")
        for path in (*PAGES, f"/tasks/{task}", f"/steps/{first.step_uuid}"):
            page = opened(web, path)
            assert "hunter2" not in page.text, path
        assert '"password": "***"' in opened(web, f"/tasks/{task}").words

    def test_run_no_script_and_load_nothing_from_elsewhere(
        self, web: httpx.Client, client: Client
    ) -> None:
        task = failed(client, {"message": "no"})
        for path in (*PAGES, f"/tasks/{task}", "/tasks?bogus=1", f"/tasks/{NO_TASK}"):
            answer = web.get(path)
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
            assert "script-src" not in policy and "unsafe" not in policy
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["x-frame-options"] == "DENY"
            loaded = re.findall(r"""(?:src|href|action)=["']?([a-z]+:)?//""", answer.text)
            assert loaded == [] and "<script" not in answer.text
        style = web.get("/style.css")
        assert style.headers["content-type"].startswith("text/css")
        assert "url(" not in style.text and "@import" not in style.text

    def test_say_what_is_wrong_while_a_table_is_locked(
        self, database: str, web: httpx.Client
    ) -> None:
        with psycopg.connect(database) as blocker:
            blocker.execute("lock table tasker.steps")
            words, cost = opened(web, "/").words, opened(web, "/database").words
        assert "did not come in time" in words and "answer_incomplete" in words
        assert "did not come in time" in cost and "connections" in cost

    def test_say_how_much_is_done(self, web: httpx.Client, client: Client) -> None:
        failed(client, {"message": "no"})
        client.create_task("test", "flow")
        words = opened(web, "/").words
        assert "Work in the last minute" in words
        for expected in (
            *("attempts started 1 0.02/s 1", "steps completed 0 0.00/s 0"),
            *("attempts failed 1 0.02/s 1", "tasks created 2 0.03/s 2", "tasks completed 0"),
        ):
            assert expected in words, words

    def test_say_what_the_database_bears(self, database: str, web: httpx.Client) -> None:
        with psycopg.connect(database) as old:
            old.execute("set application_name = 'a long report'")
            old.execute("select txid_current()")
            words = opened(web, "/database").words
            (process,) = old.execute("select pg_backend_pid()").fetchone() or ()
        (limit,) = rows(database, "show max_connections")[0]
        assert f"the server takes {limit}" in words
        assert re.search(rf"process {process} .* a long report", words), words
        assert re.search(r"tasker\.\w+ \d+ kB \d+ \d+ ", words), words
        assert "oldest transaction" in words and "size of the database" in words

    def test_filter_by_their_address_and_go_on_page_by_page(
        self, web: httpx.Client, client: Client
    ) -> None:
        made = [client.create_task("test", "flow", tags=["x"]).task_uuid for _ in range(5)]
        client.create_task("test", "flow", tags=["y"])
        found, path = list[str](), "/tasks?state=&namespace=test&tag=x&since=2h&limit=2"
        while path:
            answer = web.get(path, follow_redirects=True)
            page = Page(answer)
            found += [one for one in page.links if one.startswith("/tasks/")]
            assert 'value="x"' in page.text, "the filter stays"
            older = [one for one in page.links if "before=" in one and "refresh" not in one]
            path = f"/tasks{older[0]}" if older else ""
        assert found == [f"/tasks/{task}" for task in sorted(made, reverse=True)]

    def test_of_large_tasks_show_a_part(self, web: httpx.Client, client: Client) -> None:
        steps: dict[str, list[str]] = {f"s{n}": [] for n in range(300)}
        client.register_template(template(steps, name="wide"))
        page = opened(web, f"/tasks/{client.create_task('test', 'wide').task_uuid}")
        assert "And 100 more" in page.words and "201 older changes" in page.words
        assert page.text.count('data-name="attempt"') == 200

    def test_load_themselves_again_when_asked(self, web: httpx.Client) -> None:
        assert 'http-equiv="refresh"' not in web.get("/").text
        assert '<meta http-equiv="refresh" content="5">' in web.get("/?refresh=5").text
        assert web.get("/?refresh=0").status_code == 422

    def test_say_what_is_wrong(self, web: httpx.Client) -> None:
        for path, status, words in (
            ("/tasks?bogus=1", 400, "It takes refresh, namespace, name"),
            ("/style.css?bogus=1", 400, "It takes no parameters."),
            ("/tasks?state=weird", 422, "state"),
            ("/tasks?since=yesterday", 422, "ISO 8601"),
            ("/tasks?namespace=none", 404, "none"),
            (f"/tasks/{NO_TASK}", 404, "task not found"),
            ("/tasks/nonsense", 422, "task_uuid"),
            (f"/steps/{NO_TASK}", 404, "step not found"),
            ("/audit?before=x", 422, "before"),
        ):
            answer = web.get(path)
            assert answer.status_code == status
            assert words in Page(answer).words
            assert "default-src 'none'" in answer.headers["content-security-policy"]


class TestForms:
    def test_do_what_a_cure_says(self, web: httpx.Client, client: Client) -> None:
        task = failed(client, {"message": "no"})
        answer = sent(web, opened(web, f"/tasks/{task}").form("retry step"), reason="it is back")
        assert (answer.status_code, answer.headers["location"]) == (303, f"/tasks/{task}")
        assert state(client, task) == "enqueued"
        assert "it is back" in opened(web, "/audit").words

    def test_change_a_task(self, web: httpx.Client, client: Client) -> None:
        task = client.create_task("test", "flow").task_uuid
        for label, words in (("pause task", "Paused"), ("resume task", "0 of 4 steps")):
            answer = sent(web, opened(web, f"/tasks/{task}").form(label), reason="why not")
            assert words in opened(web, answer.headers["location"]).words
        assert not client.get_task(task).paused
        sent(web, opened(web, f"/tasks/{task}").form("cancel task"), reason="why not")
        assert client.get_task(task).state == "cancelled"

    def test_complete_a_step_by_hand(self, web: httpx.Client, client: Client) -> None:
        task = client.create_task("test", "flow").task_uuid
        (first, *_) = client.get_task_steps(task)
        form = opened(web, f"/steps/{first.step_uuid}").form("complete by hand")
        exact = '{"n": 12345678901234567890.5}'
        wrong = sent(web, form, **{"json:result": "{"}, reason="by phone")
        assert (wrong.status_code, "is not JSON" in wrong.text) == (422, True)
        answer = sent(web, form, **{"json:result": exact}, reason="by phone")
        assert answer.headers["location"] == f"/steps/{first.step_uuid}"
        assert state(client, task) == "complete"
        assert '"n": 12345678901234567890.5' in opened(web, f"/steps/{first.step_uuid}").words

    def test_retry_all_that_failed_alike(self, web: httpx.Client, client: Client) -> None:
        tasks = [failed(client, {"message": f"no card {n}"}) for n in range(3)]
        other = failed(client, {"message": "no stock"})
        (form,) = [one for one in opened(web, "/failures").forms if one.label == "retry 3"]
        plan = Page(sent(web, form))
        assert "retry step for 3" in plan.words
        done = sent(web, plan.form("do it"), reason="the bank is back")
        assert "Done: 3, refused: 0, left: 0." in Page(done).words
        assert [state(client, task) for task in (*tasks, other)] == ["enqueued"] * 3 + ["error"]

    def test_acknowledge_a_problem(self, web: httpx.Client, client: Client) -> None:
        failed(client, {"message": "no"})
        form = next(one for one in opened(web, "/").forms if one.label == "acknowledge")
        assert sent(web, form, reason="known").headers["location"] == "/"
        assert [one.acknowledged_reason for one in client.problems()].count("known") == 1

    def test_change_a_schedule(self, web: httpx.Client, client: Client) -> None:
        plan = {"template": "flow", "cron": "0 3 * * *", "description": SCRIPT}
        client.put_schedule("test", "nightly", plan)
        assert "test/nightly flow 0 3 * * * UTC" in opened(web, "/schedules").words
        path = "/schedules/test/nightly"
        for label, words in (
            ("pause", "schedule_paused"),
            ("resume", "schedule_next"),
            ("trigger", "triggered"),
        ):
            answer = sent(web, opened(web, path).form(label), reason="why not")
            assert answer.headers["location"] == path
            assert words in opened(web, path).words
        (task,) = client.list_tasks()
        assert f"/tasks/{task.task_uuid}" in opened(web, path).links
        answer = sent(web, opened(web, path).form("drop"), reason="why not")
        assert answer.headers["location"] == "/schedules"
        assert client.list_schedules() == []
        assert web.get(path).status_code == 404

    def test_answer_what_waits_for_a_person(self, web: httpx.Client, client: Client) -> None:
        client.register_template(APPROVAL)
        task = client.create_task("test", "payout", {"amount": SCRIPT, "password": "hunter2"})
        page = opened(web, "/waits")
        assert f"Pay out {SCRIPT} ?" in page.words.replace(f"{SCRIPT}?", f"{SCRIPT} ?")
        assert "<script" not in page.text and "hunter2" not in page.text
        form = page.form("answer")
        given = {"json:value.ok": "true", "json:value.amount": "12.50", "text:value.note": "fine"}
        wrong = sent(web, form, **{**given, "json:value.amount": "much"})
        assert wrong.status_code == 422
        unfit = sent(web, form, **{**given, "json:value.amount": "-1"})
        assert unfit.status_code == 422
        answer = sent(web, form, **given, **{"text:options.initiator": "Ada"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/waits")
        (step, *_) = client.get_task_steps(task.task_uuid)
        assert step.state == "complete"
        assert step.result["value"] == {"ok": True, "amount": 12.5, "note": "fine"}
        assert step.result["signals"][0]["by"] == "Ada"
        assert "Nothing waits for a person" in opened(web, "/waits").words

    def test_need_a_reason(self, web: httpx.Client, client: Client) -> None:
        task = client.create_task("test", "flow").task_uuid
        form = opened(web, f"/tasks/{task}").form("cancel task")
        answer = sent(web, form, reason="")
        assert (answer.status_code, "reason: Field required" in answer.text) == (422, True)
        assert client.get_task(task).state == "pending"

    def test_of_others_change_nothing(self, web: httpx.Client, client: Client) -> None:
        task = client.create_task("test", "flow").task_uuid
        form = opened(web, f"/tasks/{task}").form("cancel task")
        fields = {**form.fields, "reason": "x"}
        for headers in (
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
        ):
            assert web.post(form.action, data=fields, headers=headers).status_code == 403
        del fields["form_token"]
        for token in ({}, {"form_token": ""}, {"form_token": "0" * 64}, {"form_token": "é"}):
            answer = web.post(form.action, data={**fields, **token})
            assert (answer.status_code, "not one of our pages" in answer.text) == (403, True)
        assert client.get_task(task).state == "pending"

    def test_come_back_to_pages_of_ours_alone(self, web: httpx.Client, client: Client) -> None:
        for back in ("//evil.example", "http://evil.example", "/\\evil.example", "/a/b/c/d"):
            task = client.create_task("test", "flow").task_uuid
            form = opened(web, f"/tasks/{task}").form("cancel task")
            answer = sent(web, form, reason="x", back=back)
            assert (answer.status_code, answer.headers["location"]) == (303, "/")

    def test_are_no_way_into_the_api(self, web: httpx.Client, client: Client) -> None:
        task = client.create_task("test", "flow").task_uuid
        form = opened(web, f"/tasks/{task}").form("cancel task")
        answer = web.post(f"/v1{form.action}", data={**form.fields, "reason": "x"})
        assert answer.status_code == 415


class TestPermissions:
    @pytest.fixture
    def guarded(self, database: str, client: Client) -> Iterator[httpx.Client]:
        client.register_template(FLOW)
        sums = {
            f"auth.{name}": [hashlib.sha256(token.encode()).hexdigest() for token in tokens]
            for name, tokens in {"read": [READER, OPERATOR], "operate": [OPERATOR]}.items()
        }
        with serving(database, sums) as web:
            yield web

    def test_are_asked_for_by_the_browser(self, guarded: httpx.Client) -> None:
        for path in PAGES:
            answer = guarded.get(path)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith('Basic realm="tasker-sql')
        assert "Basic" not in guarded.get("/v1/tasks").headers["www-authenticate"]
        for auth in (("me", "wrong"), (READER, ""), ("", "")):
            assert guarded.get("/", auth=auth).status_code == 401
        odd = {"Authorization": "Basic " + base64.b64encode(b"\xff").decode()}
        assert guarded.get("/", headers=odd).status_code == 401
        assert guarded.get("/", auth=("me", READER)).status_code == 200
        bearer = {"Authorization": f"Bearer {READER}"}
        assert guarded.get("/", headers=bearer).status_code == 200

    def test_to_read_change_nothing(self, guarded: httpx.Client, client: Client) -> None:
        task = failed(client, {"message": "no"})
        for path in (*PAGES, f"/tasks/{task}"):
            page = opened(guarded, path, auth=("me", READER))
            assert page.forms == [] and "read only" in page.words
        form = opened(guarded, f"/tasks/{task}", auth=("me", OPERATOR)).form("resolve task")
        own = opened(guarded, f"/tasks/{task}", auth=("me", OPERATOR)).forms[0].fields["form_token"]
        for auth, status in ((("", ""), 401), (("me", "wrong"), 401), (("me", READER), 403)):
            fields = {**form.fields, "form_token": own, "reason": "x"}
            answer = guarded.post(form.action, data=fields, auth=auth)
            assert answer.status_code == status
        assert client.get_task(task).state == "error"

    def test_of_one_are_no_use_to_another(self, guarded: httpx.Client, client: Client) -> None:
        """A form's token belongs to the token of the person that it was made for."""
        path = f"/tasks/{client.create_task('test', 'flow').task_uuid}"
        fields = {}
        for name in (READER, OPERATOR):
            page = opened(guarded, path, auth=("me", name))
            fields[name] = page.form("cancel task").fields if page.forms else {}
        assert fields[READER] == {}
        for token, status in ((fields[OPERATOR]["form_token"][::-1], 403), (None, 303)):
            given = {**fields[OPERATOR], "reason": "x"}
            given |= {"form_token": token} if token else {}
            answer = guarded.post(f"{path}/cancel", data=given, auth=("me", OPERATOR))
            assert answer.status_code == status
