"""The kit for tests: steps made by hand, and the fixture `tasker` over a real database."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from servers import rows

from tasker_sql import PermanentError, RetryableError, Step, TaskFailed, handler, step, workflow
from tasker_sql.templates.files import TemplateError
from tasker_sql.testing import Tasker, make_step
from tasker_sql.testing.kit import DrainError
from tasker_sql.worker.handlers import default_registry

pytestmark = pytest.mark.newest_first

HEAVY = {"psycopg", "pydantic", "sqlalchemy", "alembic", "yaml", "typer", "textual", "fastapi"}


class TestMakeStep:
    def test_a_handler_takes_it(self) -> None:
        @handler("check email")
        def check_email(step: Step) -> dict[str, Any]:
            return {"ok": "@" in step.context["email"], "tries": step.attempt, **step.results}

        made = make_step(context={"email": "a@b.c"}, results={"a": 1}, attempt=2)
        assert check_email(made) == {"ok": True, "tries": 2, "a": 1}
        assert make_step().step_uuid == make_step().step_uuid
        default_registry.forget("check email")

    def test_it_has_what_a_worker_would_have(self) -> None:
        @dataclass
        class Order:
            day: date
            price: Decimal

        made = make_step(Order(date(2026, 11, 29), Decimal("1.10")), {"a": (1, 2)}, 5)
        assert made.context == {"day": "2026-11-29", "price": 1.1}
        assert (made.results, made.attempt, made.max_attempts) == ({"a": [1, 2]}, 5, 5)

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"attempt": 0}, "attempt is 0; need a number from 1 to max_attempts, 3"),
            (
                {"attempt": 4, "max_attempts": 2},
                "attempt is 4; need a number from 1 to m",
            ),
            ({"context": [1]}, r"context is \[1\]; need an object"),
            ({"results": {"a": float("nan")}}, "value.a is nan"),
            ({"context": {"a": {1}}}, "value.a is of type set"),
        ],
    )
    def test_what_no_worker_would_have_is_refused(self, wrong: Any, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            make_step(**wrong)


@pytest.fixture
def tasker(database: str, request: pytest.FixtureRequest) -> Iterator[Tasker]:
    """As the plugin's, on the servers of these tests."""
    with Tasker(database, request.path.parent) as tasker:
        yield tasker


def flow_of(*steps: Any) -> Any:
    """A workflow of steps in a row."""

    @workflow(namespace="test", version="1.0.0")
    def flow(given: dict[str, Any]) -> None:
        last = None
        for one in steps:
            last = one(given, after=last)

    return flow


class TestDrain:
    def test_it_runs_all_that_is_due_in_this_thread(self, tasker: Tasker) -> None:
        threads = set()

        @step
        def first(given: dict[str, Any]) -> int:
            threads.add(threading.current_thread())
            return int(given["n"])

        @step
        async def second(given: dict[str, Any]) -> str:
            await asyncio.sleep(0)
            return f"n is {given['n']}"

        tasker.register(flow := flow_of(first, second))
        tasks = [flow.start(tasker.client, {"n": n}) for n in range(3)]
        assert tasker.drain() == 6
        assert [tasker.client.result(task, 0) for task in tasks] == ["n is 0", "n is 1", "n is 2"]
        assert threads == {threading.current_thread()}
        assert tasker.drain() == 0
        assert tasker.client.check_invariants() == []

    def test_retries_wait_until_the_clock_is_there(self, tasker: Tasker) -> None:
        attempts = []

        @step(max_attempts=3)
        def busy(_: dict[str, Any], at: Step) -> str:
            attempts.append(at.attempt)
            if at.attempt < 3:
                raise RetryableError("busy", retry_after=timedelta(minutes=30))
            return "done"

        tasker.register(flow := flow_of(busy))
        task = flow.start(tasker.client)
        assert [tasker.drain(), tasker.drain()] == [1, 0]
        tasker.advance(timedelta(minutes=29))
        assert tasker.drain() == 0
        tasker.advance(timedelta(minutes=2))
        assert tasker.drain() == 1
        tasker.advance(timedelta(hours=1))
        assert tasker.drain() == 1
        assert attempts == [1, 2, 3]
        assert tasker.client.result(task, 0) == "done"

    def test_timers_and_leases_see_the_clock(self, tasker: Tasker) -> None:
        @step(max_attempts=2)
        def work(_: dict[str, Any]) -> str:
            return "done"

        tasker.register(flow := flow_of(work))
        tomorrow = "2999-01-01T00:00:00Z"
        later = flow.start(tasker.client, run_at=tomorrow)
        now = flow.start(tasker.client)
        (taken,) = tasker.client.claim_steps("test", "gone")
        assert taken.task_uuid == now.task_uuid
        assert tasker.drain() == 0
        tasker.advance(timedelta(minutes=1))
        assert tasker.drain() == 1
        assert tasker.client.result(now, 0) == "done"
        tasker.advance(timedelta(days=366 * 1000))
        assert tasker.drain() == 1
        assert tasker.client.result(later, 0) == "done"

    @pytest.mark.parametrize("by", [timedelta(seconds=-1), 5, "1 hour"])
    def test_time_goes_forward(self, tasker: Tasker, by: Any) -> None:
        with pytest.raises(ValueError, match="time goes forward, by a timedelta such as"):
            tasker.advance(by)

    @pytest.mark.parametrize(("amount", "result"), [(200, "reviewed"), (5, None)])
    def test_conditions_decide_in_the_database(
        self, tasker: Tasker, amount: int, result: str | None
    ) -> None:
        @step
        def check(given: dict[str, Any]) -> dict[str, Any]:
            return given

        @step(if_="$.results.check.amount > 100")
        def review(_: dict[str, Any]) -> str:
            return "reviewed"

        @step
        def end(checked: dict[str, Any], reviewed: str | None) -> str | None:
            assert checked["amount"] == amount
            return reviewed

        @workflow(namespace="test", version="1.0.0")
        def flow(given: dict[str, Any]) -> None:
            checked = check(given)
            end(checked, review(checked))

        tasker.register(flow)
        task = flow.start(tasker.client, {"amount": amount})
        assert tasker.drain() == (3 if result else 2)
        assert tasker.client.result(task) == result

    def test_a_failure_fails_the_task_with_its_traceback(self, tasker: Tasker) -> None:
        @step
        def broken(_: dict[str, Any]) -> None:
            raise PermanentError("no such address")

        tasker.register(flow := flow_of(broken))
        task = flow.start(tasker.client)
        assert tasker.drain() == 1
        with pytest.raises(TaskFailed, match="step broken failed: no such address") as failed:
            tasker.client.result(task, 0)
        assert "in broken" in failed.value.traceback

    def test_handlers_in_sql_and_transactional_ones_run(self, tasker: Tasker) -> None:
        rows(tasker.url, "create table kept (n int)")
        rows(
            tasker.url,
            "create function public.count_kept (jsonb, jsonb) returns jsonb language sql"
            " as 'select to_jsonb(count(*)) from public.kept'",
        )

        @step(transactional=True)
        def keep(given: dict[str, Any], connection: psycopg.Connection[Any]) -> None:
            connection.execute("insert into kept values (%s)", [given["n"]])

        flow = flow_of(keep)
        template = flow.template
        template["steps"].append(
            {"name": "count", "handler": {"sql": "public.count_kept"}, "dependencies": ["keep"]}
        )
        tasker.register(template)
        task = tasker.client.create_task("test", "flow", {"n": 1})
        assert tasker.drain() == 2
        assert tasker.client.result(task, 0) == 1

    def test_a_result_that_is_refused_fails_its_step(self, tasker: Tasker) -> None:
        tasker.client.set_limit("result_bytes", 8192, "for a test")

        @step
        def large(_: dict[str, Any]) -> str:
            return "x" * 20_000

        tasker.register(flow := flow_of(large))
        task = flow.start(tasker.client)
        tasker.drain()
        with pytest.raises(TaskFailed, match="step large failed"):
            tasker.client.result(task, 0)

    def test_what_takes_longer_than_its_timeout_has_failed(
        self, tasker: Tasker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ahead, monotonic = [0.0], time.monotonic

        @step(timeout=5, max_attempts=1)
        def slow(_: dict[str, Any]) -> None:
            ahead[0] += 6.0

        tasker.register(flow := flow_of(slow))
        task = flow.start(tasker.client)
        monkeypatch.setattr(time, "monotonic", lambda: monotonic() + ahead[0])
        tasker.drain()
        with pytest.raises(
            TaskFailed, match="step slow failed: the handler did not end within 5 s"
        ):
            tasker.client.result(task)

    def test_a_result_that_is_not_there_yet_says_why(self, tasker: Tasker) -> None:
        @step
        def busy(_: dict[str, Any]) -> None:
            raise RetryableError("busy", retry_after=timedelta(hours=1))

        tasker.register(flow := flow_of(busy))
        task = flow.start(tasker.client)
        tasker.drain()
        with pytest.raises(
            TimeoutError, match=r"is in_progress after 0 s, and waits: busy: attempt 1 of 3"
        ):
            tasker.client.result(task)
        with pytest.raises(TimeoutError, match=r"drain\(\) runs what is due"):
            tasker.client.wait(task.task_uuid)

    def test_it_raises_when_a_handler_is_missing(self, tasker: Tasker) -> None:
        template = {"name": "flow", "namespace_name": "test", "version": "1.0.0"}
        tasker.register({**template, "steps": [{"name": "a", "handler": {"callable": "gone"}}]})
        tasker.client.create_task("test", "flow")
        with pytest.raises(
            DrainError, match=r"step test/flow/a is due and cannot run: nothing here is registered"
        ):
            tasker.drain()

    def test_it_raises_when_a_sql_function_is_missing(self, tasker: Tasker) -> None:
        template = {"name": "flow", "namespace_name": "test", "version": "1.0.0"}
        tasker.register({**template, "steps": [{"name": "a", "handler": {"sql": "no.function"}}]})
        tasker.client.create_task("test", "flow")
        with pytest.raises(DrainError, match=r"step a of task .*: no SQL function no\.function"):
            tasker.drain()

    def test_it_raises_when_there_is_no_end(self, tasker: Tasker) -> None:
        @step
        def again(_: dict[str, Any]) -> None:
            flow.start(tasker.client)

        tasker.register(flow := flow_of(again))
        flow.start(tasker.client)
        with pytest.raises(DrainError, match="it does not end: 20 attempts were made, and"):
            tasker.drain(20)

    def test_what_is_paused_is_not_due(self, tasker: Tasker) -> None:
        @step
        def work(_: dict[str, Any]) -> None: ...

        tasker.register(flow := flow_of(work))
        flow.start(tasker.client)
        tasker.client.pause_namespace("test", "for a test")
        assert tasker.drain() == 0
        tasker.client.resume_namespace("test", "go on")
        assert tasker.drain() == 1

    @pytest.mark.parametrize("is_async", [False, True])
    def test_what_ends_a_test_ends_it_in_a_handler(self, tasker: Tasker, is_async: bool) -> None:
        @step
        def plain(_: dict[str, Any]) -> None:
            pytest.fail("in a handler")

        @step
        async def coroutine(_: dict[str, Any]) -> None:
            pytest.fail("in a handler")

        tasker.register(flow := flow_of(coroutine if is_async else plain))
        flow.start(tasker.client)
        with pytest.raises(pytest.fail.Exception, match="in a handler"):
            tasker.drain()

    def test_an_exit_of_a_handler_is_a_failed_attempt(self, tasker: Tasker) -> None:
        @step(max_attempts=1)
        def leave(_: dict[str, Any]) -> None:
            sys.exit(3)

        tasker.register(flow := flow_of(leave))
        task = flow.start(tasker.client)
        assert tasker.drain() == 1
        with pytest.raises(TaskFailed, match="step leave failed: 3"):
            tasker.client.result(task, 0)


class TestRegister:
    YAML = "name: flow\nnamespace_name: test\nversion: 1.0.0\nsteps:\n  - {name: a, handler: a}\n"

    def test_a_file_a_dict_or_a_workflow(self, tasker: Tasker, tmp_path: Path) -> None:
        (file := tmp_path / "flow.yaml").write_text(self.YAML)
        assert tasker.register(str(file)).created
        assert tasker.register(file).version == "1.0.0"
        assert tasker.register({**flow_of(step(lambda_like)).template, "version": "2.0.0"}).created

    def test_a_file_may_stand_beside_the_test(
        self, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "tests").mkdir()
        (tmp_path / "tests/flow.yaml").write_text(self.YAML)
        monkeypatch.chdir(tmp_path)
        with Tasker(database, tmp_path / "tests") as tasker:
            assert tasker.register("flow.yaml").created
            assert not tasker.register("tests/flow.yaml").created

    def test_a_file_is_read_for_the_environment_test(
        self, tasker: Tasker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("TASKER_ENV", raising=False)
        more = "environments:\n  test: {description: quick}\n  ci: {version: 2.0.0}\n"
        (file := tmp_path / "flow.yaml").write_text(self.YAML + more)
        tasker.register(file)
        assert tasker.client.get_template("test", "flow").definition["description"] == "quick"
        monkeypatch.setenv("TASKER_ENV", "ci")
        assert tasker.register(file).version == "2.0.0"

    def test_what_is_wrong_has_its_line(self, tasker: Tasker, tmp_path: Path) -> None:
        (file := tmp_path / "flow.yaml").write_text(self.YAML.replace("handler: a", "retries: 3"))
        with pytest.raises(TemplateError, match=rf"{file}:5: unknown key 'retries' in step a"):
            tasker.register(file)
        with pytest.raises(TypeError, match="7 cannot be registered; register takes a YAML f"):
            tasker.register(7)  # type: ignore[arg-type]

    def test_handlers_of_a_test_end_with_it(self, database: str) -> None:
        with Tasker(database, Path()) as tasker:

            @handler
            def only_here(step: Step) -> None: ...

            tasker.register(flow_of(step(lambda_like)))
            assert {"only_here", "test/flow/lambda_like"} <= set(default_registry.names)
        assert not {"only_here", "test/flow/lambda_like"} & set(default_registry.names)


def lambda_like(_: dict[str, Any]) -> None: ...


def test_the_plugin_imports_nothing_that_it_does_not_need_yet() -> None:
    code = f"import tasker_sql.testing, sys; print(*({HEAVY!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
