"""Everybody shows the same effective state of a breaker, forced or not: of a real runner."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from running import client_of, ended, running, template, wait_for
from servers import rows
from serving import serving
from typer.testing import CliRunner

from tasker_sql.cli import app as command
from tasker_sql.client import Client
from tasker_sql.worker.handlers import Registry

pytestmark = pytest.mark.newest

ALERTS = Path(__file__).parents[3] / "examples/monitoring/alerts.yaml"


@pytest.fixture
def client(database: str) -> Iterator[Client]:
    with client_of(database) as client:
        client.register_template(template({"a": []}))
        yield client


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    registry.handler("a")(lambda _: 1)
    return registry


def printed(dsn: str, *arguments: str) -> str:
    done = CliRunner().invoke(command, [*arguments], env={"DATABASE_URL": dsn})
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.stdout


def line_of(text: str, word: str) -> str:
    return next(line for line in text.splitlines() if word in line)


@pytest.mark.parametrize("breaker", ["queue", "database"])
def test_one_that_is_forced_open_is_open(
    database: str, client: Client, registry: Registry, breaker: str
) -> None:
    with running(database, registry, ["test"]) as core, serving(database) as web:
        wait_for(lambda: len(client.circuit_breakers()) == 2)
        wait_for(lambda: core.state == "normal")
        client.force_breaker(breaker, "open", "a bad release")
        wait_for(
            lambda: [one for one in client.circuit_breakers() if one.forced], "a runner that obeys"
        )
        task = client.create_task("test", "flow").task_uuid
        (problem,) = [one for one in client.problems() if one.code == "breaker_open"]
        assert problem.subject == f"breaker {breaker} of runner test"
        assert "an operator forced it open" in problem.problem
        assert problem.cure == f"tasker-sql runner release {breaker} --reason '<why>'"
        if breaker == "queue":  # the other one lets claims pass
            (reason, *_) = client.explain_task(task)
            assert "breaker queue of runner test is forced open" in reason.reason
        effective = {one.breaker: one.effective_state for one in core.health().breakers}
        assert effective[breaker] == "open"

        (metric,) = [
            one
            for one in text_string_to_metric_families(web.get("/metrics").text)
            if one.name == "tasker_circuit_breaker_state"
        ]
        on = {(one.labels["breaker"], one.labels["state"]) for one in metric.samples if one.value}
        other = {"queue": "database", "database": "queue"}[breaker]
        assert on == {(breaker, "open"), (other, "closed")}
        rules = yaml.safe_load(ALERTS.read_text())["groups"][0]["rules"]
        (rule,) = [one for one in rules if one["alert"] == "TaskerCircuitNotClosed"]
        assert f'{metric.name}{{state!="closed"}}) == 1' in rule["expr"]

        wait_for(lambda: web.get("/health/orchestration").json()["status"] != "healthy")
        (shown,) = web.get("/health/orchestration").json()["circuit_breakers"]
        assert shown == {
            "runner": "test",
            "breaker": breaker,
            "state": "open",
            "reason": "an operator forced it: a bad release",
        }
        assert "open" in line_of(
            printed(database, "top", "workers", "--once"), f"breaker {breaker}"
        )
        assert line_of(printed(database, "runner", "breakers"), breaker).split()[:3] == [
            "test",
            breaker,
            "open",
        ]
        health = printed(database, "runner", "health", "--runner", "test")
        assert f"breaker {breaker} is open: an operator forced it: a bad release" in health

        client.release_breaker(breaker, "over")
        assert ended(client, task) == "complete"
        wait_for(lambda: all(one.effective_state == "closed" for one in client.circuit_breakers()))
        assert not [one for one in client.problems() if one.code == "breaker_open"]
        assert web.get("/health/orchestration").json()["circuit_breakers"] == []
        assert "breaker" not in printed(database, "runner", "health", "--runner", "test")


def test_somebodys_lock_is_no_failure_of_the_database(
    database: str, client: Client, registry: Registry
) -> None:
    """Whatever time limit the database sets for statements."""
    name = rows(database, "select current_database()")[0][0]
    rows(database, f"alter database {name} set statement_timeout = '100ms'")
    task = client.create_task("test", "flow").task_uuid
    with running(database, registry, ["test"]) as core:
        wait_for(lambda: core.state == "normal")
        with psycopg.connect(database) as other:
            other.execute("lock tasker.steps, tasker.tasks, tasker.timers in exclusive mode")
            time.sleep(0.5)
        assert ended(client, task) == "complete"
        assert [one.failed_calls for one in core.health().breakers] == [0, 0]
        assert [one.effective_state for one in core.health().breakers] == ["closed", "closed"]
