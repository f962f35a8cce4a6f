"""Settings of a database or a role change nothing that we read, and cost no attempt."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from running import SECONDS, client_of, ended, running, template, wait_for
from servers import rows

from tasker_sql.client import Client
from tasker_sql.jsonb import decode
from tasker_sql.top.snapshot import Location, read
from tasker_sql.worker.handlers import Registry, Step

pytestmark = pytest.mark.newest

READ: Final = ("datestyle", "intervalstyle", "client_encoding", "default_transaction_isolation")
SETTINGS: Final = {
    "datestyle": ["SQL, DMY", "German", "Postgres, MDY"],
    "intervalstyle": ["iso_8601", "sql_standard", "postgres_verbose"],
    "client_encoding": ["LATIN1", "SQL_ASCII", "WIN1252"],
    "default_transaction_isolation": ["repeatable read", "serializable"],
    "default_transaction_deferrable": ["on"],
    "timezone": ["Asia/Kathmandu", "America/St_Johns"],
    "bytea_output": ["escape"],
    "extra_float_digits": ["-15"],
    "standard_conforming_strings": ["off"],
    "statement_timeout": ["300ms"],
    "lock_timeout": ["100ms"],
    "transaction_timeout": ["300ms"],
    "idle_in_transaction_session_timeout": ["100ms"],
    "idle_session_timeout": ["300ms"],
    "search_path": ["nowhere"],
    "xmloption": ["document"],
    "plan_cache_mode": ["force_custom_plan"],
}
CHOSEN: Final = [
    pytest.param(place, name, value, id=f"{place} {name} {value}", marks=marks)
    for place, marks in (("database", ()), ("role", pytest.mark.slow))
    for name, values in SETTINGS.items()
    for value in values
    if place == "database" or name in READ
]
STRANGE: Final = {
    "datestyle": "SQL, DMY",
    "intervalstyle": "iso_8601",
    "client_encoding": "LATIN1",
    "timezone": "Asia/Kathmandu",
    "bytea_output": "escape",
    "default_transaction_isolation": "serializable",
}
CONTEXT: Final = {"n": 12345678901234567.5, "city": "Köln"}  # LATIN1 has it, as another byte
READING: Final = [
    *(["task", "list"], ["task", "show", "TASK"], ["task", "timings", "TASK"], ["worker", "list"]),
    *(["queue", "list"], ["db", "health"], ["problems"], ["runner", "list"], ["dlq", "list"]),
    ["top", "--once"],
]


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    registry.handler("plain")(lambda step: step.context["city"])

    @registry.handler("transactional", transactional=True)
    def transactional(step: Step, connection: psycopg.Connection[Any]) -> str:
        found = connection.execute("select now(), '1 day'::interval, pg_sleep(0.4)").fetchone()
        assert found
        return f"{step.context['city']} {found[1]}"

    return registry


@contextmanager
def altered(dsn: str, place: str, settings: Mapping[str, str]) -> Iterator[None]:
    """With these settings of the database or of the role."""
    known = conninfo_to_dict(dsn)
    whose = f"{place} {known['dbname'] if place == 'database' else known['user']}"
    for name, value in settings.items():
        rows(dsn, f"alter {whose} set {name} = '{value}'")
    try:
        yield
    finally:
        rows(dsn, f"alter {whose} reset all")


def define(dsn: str, client: Client) -> list[UUID]:
    """Tasks with each kind of handler, with all that has to be read, and one attempt a step."""
    rows(
        dsn,
        "create function public.works (context jsonb, jsonb) returns jsonb language sql"
        " as $$ select context -> 'city' from pg_sleep(0.4) $$",
    )
    steps = template({"plain": [], "transactional": ["plain"], "works": ["transactional"]})
    for step in steps["steps"]:
        step |= {"timeout_seconds": 60, "retry": {"max_attempts": 1}}
    steps["steps"][2]["handler"] = {"sql": "public.works"}
    client.register_template(steps)
    return [task.task_uuid for task in client.create_tasks("test", "flow", [CONTEXT] * 4)]


@pytest.mark.parametrize(("place", "name", "value"), CHOSEN)
def test_a_setting_costs_no_attempt(
    database: str, client: Client, registry: Registry, place: str, name: str, value: str
) -> None:
    tasks = define(database, client)
    with altered(database, place, {name: value}):
        with running(database, registry, ["test"], slots=4):
            for task in tasks:
                assert ended(client, task) == "complete"
        assert rows(database, "select max(attempt) from tasker.steps") == [(1,)]
        assert rows(database, "select from tasker.step_failures") == []
        with client_of(database) as reader:
            steps = reader.get_task_steps(tasks[0])
            assert [step.result for step in steps] == ["Köln", "Köln 1 day, 0:00:00", "Köln"]
            assert reader.get_task(tasks[0]).context == CONTEXT
            assert read(reader, Location("task", tasks[0]), SECONDS).answers
    assert client.check_invariants() == []


@pytest.mark.parametrize(
    "place",
    ["environment", *(pytest.param(one, marks=pytest.mark.slow) for one in ("database", "role"))],
)
def test_commands_read_what_they_are_answered(
    database: str, client: Client, registry: Registry, place: str
) -> None:
    tasks = define(database, client)
    environ = {**os.environ, "DATABASE_URL": database, "TASKER_ENV": "test"}
    with ExitStack() as stack:
        if place == "environment":
            options = (f"-c {name}={value}" for name, value in STRANGE.items())
            environ["PGOPTIONS"] = " ".join(one.replace(", ", ",") for one in options)
            environ["PGCLIENTENCODING"] = "LATIN1"
            environ["PGDATESTYLE"] = "German"
        else:
            stack.enter_context(altered(database, place, STRANGE))
        stack.enter_context(running(database, registry, ["test"], slots=4))
        for task in tasks:
            assert ended(client, task) == "complete"
        for words in READING:
            program = Path(sys.executable).with_name("tasker-sql")
            done = subprocess.run(
                [program, *(str(tasks[0]) if word == "TASK" else word for word in words)],
                env=environ,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
            assert (done.returncode, done.stderr) == (0, ""), words


def test_an_answer_that_cannot_be_read_gives_its_claim_back(
    database: str,
    client: Client,
    registry: Registry,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A worker that cannot read one step's input completes what it has, and burns no attempt."""
    first, *others = define(database, client)
    client.register_template(template({"last": []}, handler={"callable": "plain"}, name="poisoned"))
    poisoned = client.create_task("test", "poisoned", {"poison": 1, "city": "x"}).task_uuid
    cured = threading.Event()

    def decoded(text: str) -> Any:
        if "poison" in text and not cured.is_set():
            raise ValueError("it is poisoned")
        return decode(text)

    monkeypatch.setattr("tasker_sql.connection.decode", decoded)
    with running(database, registry, ["test"], slots=1):
        wait_for(lambda: "cannot be read" in caplog.text)
        wait_for(lambda: rows(database, "select from tasker.claims") == [], "the claim's return")
        cured.set()
        for task in (first, *others, poisoned):
            assert ended(client, task) == "complete"
    assert rows(database, "select max(attempt) from tasker.steps") == [(1,)]
