"""What a runner has no handler for is somebody else's, and no attempt."""

from __future__ import annotations

import os
import re
import signal
import threading
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict
from running import SECONDS, ended, process, running, step_named, template, wait_for
from servers import rows

from tasker_sql.client import Client
from tasker_sql.worker.handlers import Registry
from tasker_sql.worker.slots import Slots

pytestmark = pytest.mark.newest

STATES = "select state::text, max(attempt), count(*) from tasker.steps group by 1"

GIVEN_BACK = "select from tasker.step_transitions where reason = 'given back'"


def named(*names: str) -> Registry:
    registry = Registry()
    for name in names:
        registry.handler(name)(lambda step: step.name)
    return registry


def test_a_runner_without_handlers_kills_nothing(
    database: str, client: Client, tmp_path: Path
) -> None:
    """As the cure of `problems` starts it; it runs steps in SQL, and says so."""
    rows(
        database,
        "create function public.works (jsonb, jsonb) returns jsonb"
        " language sql as $$ select '1'::jsonb $$",
    )
    client.register_template(template({"a": []}))
    client.register_template(template({"b": []}, name="sql", handler={"sql": "public.works"}))
    client.create_tasks("test", "flow", [{}] * 200)
    by_sql = client.create_task("test", "sql").task_uuid
    environ = {**os.environ, "DATABASE_URL": database, "TASKER_ENV": "test"}
    said = tmp_path / "said"
    with said.open("w") as stderr, process("run", "-n", "test", env=environ, stderr=stderr) as one:
        assert ended(client, by_sql) == "complete"
        one.send_signal(signal.SIGTERM)
        assert one.wait(SECONDS) == 0
    assert sorted(rows(database, STATES)) == [("complete", 1, 1), ("enqueued", 0, 200)]
    assert "no handlers: it orchestrates, and runs SQL steps" in said.read_text()
    assert client.check_invariants() == []


def test_a_runner_says_what_it_serves_and_what_it_lacks(
    database: str, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """Steps of other namespaces, of old versions, in SQL, and waits are not its own to run."""
    caplog.set_level("INFO")
    client.create_namespace("elsewhere")
    for name, handler in (("known", "a"), ("flow", "b"), ("late", "c")):
        client.register_template(template({"x": []}, name=name, handler={"callable": handler}))
    newer = template({"x": []}, name="late", handler={"callable": "a"})
    client.register_template({**newer, "version": "2.0.0"})
    client.register_template(template({"x": []}, name="sql", handler={"sql": "shop.ship"}))
    wait = {"name": "x", "wait": {"for": "PT1S"}}
    client.register_template({**template({}, name="wait"), "steps": [wait]})
    sent = template({"x": []}, name="sent", handler={"callable": "d"})
    sent["steps"][0]["namespace"] = "elsewhere"
    client.register_template(sent)
    with running(database, named("a", "z"), ["test"], slots=2) as runner:
        runner.check()
    (lacks,) = [line for line in caplog.messages if "does not have" in line]
    assert lacks == (
        "templates of the namespace test name handlers that this runner does not have (b): "
        "their steps wait for other workers"
    )
    first = caplog.messages[0]
    dbname = conninfo_to_dict(database)["dbname"]
    assert re.search(rf"^runner test starts on .*dbname={dbname}\b", first)
    assert first.endswith("namespaces test, 2 slots each, handlers a, z")


def test_a_rolling_deployment_loses_nothing(database: str, client: Client) -> None:
    """An old runner with the handlers a, a new one with a and b; tasks that need both."""
    client.register_template(template({"a": []}, name="old"))
    client.register_template(template({"a": [], "b": ["a"]}, name="new"))
    with running(database, named("a"), ["test"], slots=2):
        old = client.create_tasks("test", "old", [{}] * 40)
        new = client.create_tasks("test", "new", [{}] * 40)
        done = "select from tasker.steps where state = 'complete'"
        wait_for(lambda: len(rows(database, done)) >= 40, "the steps that it can run")
        with running(database, named("a", "b"), ["test"], slots=2):
            for task in (*old, *new):
                assert ended(client, task.task_uuid) == "complete"
    assert rows(database, STATES) == [("complete", 1, 120)]
    assert rows(database, "select from tasker.step_failures") == []
    assert client.check_invariants() == []


def test_a_handler_that_comes_with_a_reload_gets_what_waited(database: str, client: Client) -> None:
    client.register_template(template({"a": [], "b": []}))
    task = client.create_task("test", "flow").task_uuid
    registry = named("a")
    with running(database, registry, ["test"]):
        wait_for(lambda: ("complete", 1, 1) in rows(database, STATES))
        registry.handler("b")(lambda step: step.attempt)
        assert ended(client, task) == "complete"
    assert rows(database, STATES) == [("complete", 1, 2)]
    assert rows(database, GIVEN_BACK) == [], "nobody claimed what it could not run"


def test_a_handler_that_goes_between_claim_and_run_is_no_attempt(
    database: str, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its step goes back, alone: the other one of its claim runs on."""
    go_on, runs = threading.Event(), list[int]()
    registry = Registry()

    @registry.handler("a")
    def handle(_: object) -> None:
        runs.append(1)
        registry._handlers = {name: registry._handlers[name] for name in "a"}
        go_on.wait(SECONDS)

    registry.handler("b")(lambda _: None)
    client.register_template(template({"a": [], "b": []}))
    task = client.create_task("test", "flow").task_uuid
    monkeypatch.setattr(Slots, "room", property(lambda one: 2 - len(one.busy)))
    with running(database, registry, ["test"], slots=1):
        wait_for(lambda: runs)
        go_on.set()
        wait_for(lambda: rows(database, GIVEN_BACK), "the other one")
        wait_for(lambda: step_named(client, task, "a").state == "complete")
    assert len(runs) == 1
    assert step_named(client, task, "b").state == "enqueued"
