"""What a worker does when handlers, networks and operators misbehave."""

from __future__ import annotations

import logging
import math
import sys
import threading
import time
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from running import SECONDS, ended, running, start, step_named, template, wait_for
from servers import rows

from tasker_sql.client import Client
from tasker_sql.errors import PermanentError, RetryableError, StaleClaimError
from tasker_sql.ops.orchestrator import Exit
from tasker_sql.worker.handlers import Registry, Step
from tasker_sql.worker.worker import Worker

pytestmark = pytest.mark.newest

ONE = {"a": list[str]()}
CUT = """
select pg_terminate_backend(pid)
  from pg_stat_activity
 where datname = current_database() and application_name like 'tasker-sql/%test %'
"""
LATE_WRITES = "select attempt, cause, step_state, winning_attempt from tasker.late_writes"
SLOW_CLAIMS = """
create table public.extended (age float);
create function public.slow () returns trigger language plpgsql as $$
begin perform pg_sleep(2); return new; end $$;
create function public.log () returns trigger language plpgsql as $$
begin
  insert into public.extended select extract(epoch from clock_timestamp() - old.claimed_at);
  return new;
end $$;
create trigger slow before insert on tasker.claims for each row execute function public.slow();
create trigger log after update on tasker.claims for each row
  when (old.step_ids <> '{}' and new.lease_until > old.lease_until) execute function public.log()
"""
TOGETHER = """
create table public.beats (token uuid, xid xid8);
create function public.log () returns trigger language plpgsql as $$
begin insert into public.beats values (new.token, pg_current_xact_id()); return new; end $$;
create trigger log after update on tasker.claims for each row
  when (new.lease_until > old.lease_until) execute function public.log()
"""
MOST_TOGETHER = (
    "select count(distinct token) from public.beats group by xid order by 1 desc limit 1"
)
EXTENDED = "select age from public.extended order by age limit 1"
SHORT = timedelta(seconds=0.6)


class TestResults:
    """A result that cannot be stored is a permanent failure that says why."""

    @pytest.mark.parametrize(
        ("result", "message"),
        [
            ({"rate": math.nan}, "value.rate is nan"),
            ({"text": "a\0b"}, "value.text holds a NUL character"),
            ({"items": {1, 2}}, "value.items is of type set"),
            ("x" * 2_000_000, "the result of"),
            ("x" * 9_000_000, "too large: 9000002 characters"),
        ],
        ids=["nan", "nul", "set", "large", "huge"],
    )
    @pytest.mark.parametrize("two_hop", [False, True], ids=["inline", "two_hop"])
    def test_a_bad_one_fails_the_step(
        self,
        database: str,
        client: Client,
        registry: Registry,
        result: Any,
        message: str,
        two_hop: bool,
    ) -> None:
        registry.handler("a")(lambda _: result)
        registry.handler("b")(lambda _: "fine")
        task = start(client, template({"a": [], "b": []}))
        with running(database, registry, ["test"], two_hop=two_hop):
            assert ended(client, task) == "error"
        step = step_named(client, task, "a")
        assert (step.state, step.attempt) == ("error", 1)
        assert message in step.last_error["message"]
        assert step_named(client, task, "b").result == "fine"

    def test_a_bad_one_of_a_transactional_handler_fails_the_step(
        self, database: str, client: Client, registry: Registry
    ) -> None:
        registry.handler("a", transactional=True)(lambda *_: "x" * 2_000_000)
        task = start(client, template(ONE))
        with running(database, registry, ["test"]):
            assert ended(client, task) == "error"
        assert "too large" in step_named(client, task, "a").last_error["message"]


class TestErrors:
    def test_an_sql_function_that_comes_later_is_waited_for(
        self, database: str, client: Client, registry: Registry, caplog: pytest.LogCaptureFixture
    ) -> None:
        task = start(client, template(ONE, handler={"sql": "later.f"}))
        with running(database, registry, ["test"]):
            wait_for(lambda: "no SQL function later.f(jsonb, jsonb)" in caplog.text)
            rows(
                database,
                "create schema later; create function later.f(jsonb, jsonb) returns jsonb"
                " language sql as $$ select '1'::jsonb $$",
            )
            assert ended(client, task) == "complete"
        assert step_named(client, task, "a").attempt == 1

    @pytest.mark.parametrize(
        ("body", "attempts", "error"),
        [
            ("raise exception 'no' using errcode = 'TK001', hint = 'h'", 3, ("SqlError", "TK001")),
            ("raise exception 'no' using errcode = 'TK100'", 1, ("SqlError", "TK100")),
            ("return 1 / 0", 3, ("SqlError", "22012")),
            ("return to_jsonb(repeat(md5(random()::text), 50000))", 1, ("BadResult", "TK006")),
        ],
        ids=["stale by its own word", "permanent", "division", "large"],
    )
    def test_an_error_in_an_sql_handler_is_told(
        self,
        database: str,
        client: Client,
        registry: Registry,
        body: str,
        attempts: int,
        error: tuple[str, str | None],
    ) -> None:
        with psycopg.connect(database) as connection:
            connection.execute(
                "create function public.fails(jsonb, jsonb) returns jsonb language plpgsql"
                f" as $$ begin {body}; end $$".encode()
            )
        task = start(client, template(ONE, handler={"sql": "public.fails"}))
        with running(database, registry, ["test"]):
            assert ended(client, task) == "error"
        step = step_named(client, task, "a")
        assert step.attempt == attempts
        assert (step.last_error["type"], step.last_error.get("code")) == error

    def test_retry_after_takes_the_place_of_the_backoff(
        self, database: str, client: Client, registry: Registry
    ) -> None:
        @registry.handler("a")
        def handle(step: Step) -> str:
            if step.attempt == 1:
                raise RetryableError("later", retry_after=timedelta(seconds=0.2))
            return "now"

        task = start(client, template(ONE, retry={"backoff_base_ms": 86_400_000}))
        with running(database, registry, ["test"]):
            assert ended(client, task) == "complete"

    def test_any_error_can_be_told(self, database: str, client: Client, registry: Registry) -> None:
        class UnprintableError(Exception):
            def __str__(self) -> str:
                raise RuntimeError

        @registry.handler("a")
        def handle(step: Step) -> None:
            if step.attempt == 1:
                raise UnprintableError
            raise PermanentError("\0\ud800" + "x" * 1_000_000)

        task = start(client, template(ONE))
        with running(database, registry, ["test"]):
            assert ended(client, task) == "error"
        step = step_named(client, task, "a")
        assert step.attempt == 2
        assert step.last_error["message"].startswith("?xxx")
        assert step.last_error["type"] == "PermanentError"
        assert "handle" in step.last_error["traceback"]

    @pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit])
    def test_an_exit_in_a_handler_harms_only_its_step(
        self, database: str, client: Client, registry: Registry, error: type[BaseException]
    ) -> None:
        @registry.handler("a")
        def handle(_: Step) -> None:
            if error is SystemExit:
                sys.exit(3)
            raise error

        registry.handler("b")(lambda _: "fine")
        task = start(client, template({"a": [], "b": []}))
        other = client.create_task("test", "flow").task_uuid
        with running(database, registry, ["test"], slots=1):
            assert [ended(client, task), ended(client, other)] == ["error", "error"]
        step = step_named(client, task, "a")
        assert (step.attempt, step.last_error["type"]) == (3, error.__name__)
        assert step_named(client, task, "b").result == "fine"


class TestTime:
    def test_an_attempt_past_its_time_fails_and_its_slot_goes_on(
        self, database: str, client: Client, registry: Registry
    ) -> None:
        release = threading.Event()
        seen: list[bool] = []

        @registry.handler("a")
        def handle(step: Step) -> str:
            if step.attempt > 1:
                return "second"
            assert step.seconds_left is not None and 0 < step.seconds_left <= 1
            release.wait(SECONDS)
            seen.append(step.cancelled.is_set())
            return "first, too late"

        task = start(client, template(ONE, timeout_seconds=1))
        with running(database, registry, ["test"], slots=1):
            assert ended(client, task) == "complete"
            release.set()
            wait_for(lambda: seen)
        assert seen == [True]
        assert step_named(client, task, "a").result == "second"
        (late,) = [
            one.error
            for one in client.step_attempts(step_named(client, task, "a").step_uuid)
            if one.attempt == 1
        ]
        assert "    release.wait(SECONDS)\n" in late["traceback"], "where it hung"
        assert client.check_invariants() == []

    def test_an_sql_handler_past_its_time_is_cancelled(
        self, database: str, client: Client, registry: Registry
    ) -> None:
        with psycopg.connect(database) as connection:
            connection.execute(
                "create function public.slow(jsonb, jsonb) returns jsonb language sql"
                " as $$ select to_jsonb('x'::text) from pg_sleep(60) $$"
            )
        task = start(
            client,
            template(
                ONE, handler={"sql": "public.slow"}, timeout_seconds=1, retry={"max_attempts": 1}
            ),
        )
        with running(database, registry, ["test"]):
            assert ended(client, task) == "error"
        assert step_named(client, task, "a").last_error["type"] == "Timeout"

    def test_a_long_handler_keeps_its_lease(
        self, database: str, client: Client, registry: Registry
    ) -> None:
        finish = threading.Event()

        @registry.handler("a")
        def handle(step: Step) -> int:
            finish.wait(SECONDS)
            return step.attempt

        task = start(client, template(ONE))
        with running(database, registry, ["test"], lease=SHORT):
            wait_for(lambda: step_named(client, task, "a").state == "in_progress")
            first = step_named(client, task, "a").lease_until
            wait_for(lambda: step_named(client, task, "a").lease_until > first + SHORT)
            finish.set()
            assert ended(client, task) == "complete"
        assert step_named(client, task, "a").result == 1

    def test_leases_are_extended_together(
        self, database: str, client: Client, registry: Registry
    ) -> None:
        """Claims that were made at different times: a worker far away asks once for all of them."""
        rows(database, TOGETHER)
        finish = threading.Event()
        registry.handler("a")(lambda _: finish.wait(SECONDS))
        tasks = []
        client.register_template(template(ONE))
        with running(database, registry, ["test"], slots=3, lease=SHORT):
            for _ in range(3):
                tasks.append(client.create_task("test", "flow").task_uuid)
                wait_for(lambda: len(client.live_claims()) == len(tasks))
            wait_for(lambda: rows(database, MOST_TOGETHER) == [(3,)])
            finish.set()
            assert [ended(client, task) for task in tasks] == ["complete"] * 3

    @pytest.mark.slow
    def test_a_claim_that_somebody_locks_costs_no_other_its_lease(
        self, database: str, client: Client, registry: Registry
    ) -> None:
        finish = threading.Event()
        registry.handler("a")(lambda _: finish.wait(SECONDS))
        client.register_template(template(ONE))
        tasks = []
        with running(database, registry, ["test"], slots=3, lease=timedelta(seconds=24)):
            for _ in range(3):
                tasks.append(client.create_task("test", "flow").task_uuid)
                wait_for(lambda: len(client.live_claims()) == len(tasks))
            ends = max(one.lease_until for one in client.live_claims())
            with psycopg.connect(database) as connection:
                connection.execute("select from tasker.claims order by token limit 1 for update")
                later = "select count(*) from tasker.claims where lease_until > %s"
                wait_for(lambda: rows(database, later, ends) == [(2,)])
            finish.set()
            assert [ended(client, task) for task in tasks] == ["complete"] * 3

    def test_a_lease_counts_from_when_the_claim_was_asked_for(
        self, database: str, client: Client, registry: Registry
    ) -> None:
        """Claims whose answer takes a third of the lease are extended as soon as it comes."""
        rows(database, SLOW_CLAIMS)
        registry.handler("a")(lambda _: wait_for(lambda: rows(database, EXTENDED)))
        task = start(client, template(ONE))
        with running(database, registry, ["test"], lease=timedelta(seconds=6)):
            assert ended(client, task) == "complete"
        (age,) = step_named(client, task, "a").result[0]
        assert 2 <= age < 3.5


class TestClaims:
    def test_a_running_handler_learns_that_its_task_was_cancelled(
        self, database: str, client: Client, registry: Registry
    ) -> None:
        started, learned = threading.Event(), threading.Event()

        @registry.handler("a")
        def handle(step: Step) -> None:
            started.set()
            if step.cancelled.wait(SECONDS):
                learned.set()

        task = start(client, template(ONE))
        with running(database, registry, ["test"], lease=SHORT):
            assert started.wait(SECONDS)
            client.cancel_task(task, "no longer needed")
            assert learned.wait(SECONDS)
        assert client.get_task(task).state == "cancelled"
        assert step_named(client, task, "a").state == "cancelled"
        assert client.check_invariants() == []

    @pytest.mark.parametrize("two_hop", [False, True], ids=["inline", "two_hop"])
    def test_results_of_a_lost_claim_are_dropped_and_the_others_kept(
        self,
        database: str,
        client: Client,
        registry: Registry,
        caplog: pytest.LogCaptureFixture,
        two_hop: bool,
    ) -> None:
        """One of two steps of a claim is cancelled; the worker reports both together."""
        both = threading.Barrier(3)

        @registry.handler("a")
        def handle(_: Step) -> str:
            both.wait(SECONDS)
            both.wait(SECONDS)
            return "done"

        client.register_template(template(ONE))
        lost, kept = (t.task_uuid for t in client.create_tasks("test", "flow", [{}, {}]))
        with running(database, registry, ["test"], two_hop=two_hop), caplog.at_level(logging.INFO):
            both.wait(SECONDS)
            client.cancel_task(lost, "no longer needed")
            both.wait(SECONDS)
            assert ended(client, kept) == "complete"
            wait_for(lambda: "dropped the result of" in caplog.text)
        assert step_named(client, kept, "a").result == "done"
        assert client.get_task(lost).state == "cancelled"
        assert client.check_invariants() == []

    def test_a_claim_taken_over_by_another_worker_is_refused(
        self, database: str, client: Client, registry: Registry
    ) -> None:
        started, finish = threading.Event(), threading.Event()
        attempts: list[int] = []

        @registry.handler("a")
        def handle(step: Step) -> int:
            attempts.append(step.attempt)
            if step.attempt == 1:
                started.set()
                finish.wait(SECONDS)
            return step.attempt

        task = start(client, template(ONE))
        with running(database, registry, ["test"], slots=2):
            assert started.wait(SECONDS)
            with psycopg.connect(database) as connection:  # as if it had not beaten for long
                connection.execute("update tasker.claims set lease_until = now() - interval '1 h'")
            assert ended(client, task) == "complete"
            finish.set()
        assert step_named(client, task, "a").result == 2
        assert attempts == [1, 2]
        assert rows(database, LATE_WRITES) == [(1, "lease expired", "complete", 2)]
        assert client.check_invariants() == []

    def test_a_transactional_handler_that_lost_its_claim_writes_nothing(
        self, database: str, client: Client, registry: Registry
    ) -> None:
        with psycopg.connect(database) as connection:
            connection.execute("create table booked (attempt integer)")
        started, finish = threading.Event(), threading.Event()

        @registry.handler("a", transactional=True)
        def handle(step: Step, connection: psycopg.Connection[Any]) -> None:
            connection.execute("insert into booked values (%s)", [step.attempt])
            if step.attempt == 1:
                started.set()
                finish.wait(SECONDS)

        task = start(client, template(ONE))
        with running(database, registry, ["test"], slots=2):
            assert started.wait(SECONDS)
            with psycopg.connect(database) as connection:
                connection.execute("update tasker.claims set lease_until = now() - interval '1 h'")
            assert ended(client, task) == "complete"
            finish.set()
        assert rows(database, "select * from booked") == [(2,)]
        assert rows(database, LATE_WRITES) == [(1, "lease expired", "complete", 2)]

    def test_a_failing_transactional_handler_writes_nothing(
        self, database: str, client: Client, registry: Registry
    ) -> None:
        with psycopg.connect(database) as connection:
            connection.execute("create table booked (attempt integer unique)")

        @registry.handler("a", transactional=True)
        def handle(step: Step, connection: psycopg.Connection[Any]) -> None:
            connection.execute("insert into booked values (%s)", [step.attempt])
            if step.attempt == 1:
                raise ValueError("first")
            if step.attempt == 2:
                with suppress(psycopg.Error):  # leaves the transaction aborted
                    connection.execute("insert into booked values (%s)", [step.attempt])

        task = start(client, template(ONE))
        with running(database, registry, ["test"]):
            assert ended(client, task) == "complete"
        assert rows(database, "select * from booked") == [(3,)]
        with pytest.raises(StaleClaimError):
            client.complete_step(step_named(client, task, "a").step_uuid, UUID(int=0))

    @pytest.mark.parametrize(
        "words",
        [["commit"], ["abort", "begin"], ["end; begin"], ["commit and chain"], ["rollback; begin"]],
        ids=" then ".join,
    )
    def test_a_transactional_handler_that_ends_its_transaction_is_refused(
        self, database: str, client: Client, registry: Registry, words: list[str]
    ) -> None:
        """Also when it has begun another one, in the same call or not."""

        @registry.handler("a", transactional=True)
        def handle(_: Step, connection: psycopg.Connection[Any]) -> None:
            connection.execute("select")
            for word in words:
                connection.execute(word.encode())

        task = start(client, template(ONE))
        with running(database, registry, ["test"]):
            assert ended(client, task) == "error"
        step = step_named(client, task, "a")
        assert step.attempt == 1
        assert "ended its transaction itself" in step.last_error["message"]

    def test_a_transactional_handler_may_choose_its_isolation(
        self, database: str, client: Client, registry: Registry
    ) -> None:
        """What meets its neighbours then runs again, within the same attempt."""

        @registry.handler("a", transactional=True)
        def handle(_: Step, connection: psycopg.Connection[Any]) -> Any:
            connection.execute("set transaction isolation level serializable")
            connection.execute("select count(*) from pg_class")
            return connection.execute("show transaction_isolation").fetchone()

        steps: dict[str, list[str]] = {f"s{n}": [] for n in range(8)}
        more: Any = {"handler": {"callable": "a"}, "retry": {"max_attempts": 1}}
        task = start(client, template(steps, **more))
        with running(database, registry, ["test"], slots=4):
            assert ended(client, task) == "complete"
        found = {str(step.result) for step in client.get_task_steps(task)}
        assert found == {"['serializable']"}


class TestStopping:
    def test_gives_back_what_has_not_started(
        self, database: str, client: Client, registry: Registry
    ) -> None:
        started, finish = threading.Event(), threading.Event()

        @registry.handler("a")
        def handle(step: Step) -> None:
            if step.context.get("quick"):
                return
            started.set()
            finish.wait(SECONDS)

        client.register_template(template(ONE))
        quick = client.create_tasks("test", "flow", [{"quick": True}] * 200)
        with running(database, registry, ["test"], slots=1) as runner:
            for task in quick:
                ended(client, task.task_uuid)  # now it claims some in advance
            client.create_tasks("test", "flow", [{}] * 20)
            assert started.wait(SECONDS)
            wait_for(lambda: runner.worker.unfinished > 1)
            runner.stop()
            wait_for(lambda: runner.worker.waiting == 0)
            finish.set()
        states = dict(rows(database, "select state::text, count(*) from tasker.steps group by 1"))
        assert states == {"complete": 201, "enqueued": 19}
        assert rows(database, "select max(attempt) from tasker.steps where state = 'enqueued'") == [
            (0,)
        ]
        assert rows(database, "select from tasker.claims") == []
        assert client.check_invariants() == []

    def test_leaves_what_does_not_end_in_time(
        self, database: str, client: Client, registry: Registry
    ) -> None:
        started, finish = threading.Event(), threading.Event()

        @registry.handler("a")
        def handle(_: Step) -> None:
            started.set()
            finish.wait(SECONDS)

        start(client, template(ONE))
        with running(database, registry, ["test"], Exit.WORK_LEFT, stop_within=0.1):
            assert started.wait(SECONDS)
        finish.set()

    def test_a_second_stop_does_not_wait(
        self, database: str, client: Client, registry: Registry
    ) -> None:
        started, finish = threading.Event(), threading.Event()

        @registry.handler("a")
        def handle(_: Step) -> None:
            started.set()
            finish.wait(SECONDS)

        start(client, template(ONE))
        before = time.monotonic()
        with running(database, registry, ["test"], Exit.WORK_LEFT) as runner:
            assert started.wait(SECONDS)
            runner.stop()
            runner.stop()
        assert time.monotonic() - before < SECONDS / 2
        finish.set()


class TestOrchestration:
    def test_serves_namespaces_that_appear_later(
        self, database: str, client: Client, registry: Registry
    ) -> None:
        registry.handler("a")(lambda step: step.name)
        with running(database, registry):
            task = start(client, template(ONE, namespace="later"))
            assert ended(client, task) == "complete"

    def test_waits_for_a_namespace_that_is_not_there_yet_and_says_so_once(
        self,
        database: str,
        client: Client,
        registry: Registry,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        registry.handler("a")(lambda step: step.name)
        turns, turn = [0], Worker._turn

        def counted(worker: Worker) -> None:
            turns[0] += 1
            turn(worker)

        monkeypatch.setattr(Worker, "_turn", counted)
        with running(database, registry, ["later"]):
            wait_for(lambda: turns[0] > 2)
            warning = "worker test of later: namespace not found: namespace 'later' (TK002)"
            assert caplog.text.count(warning) == 1
            task = start(client, template(ONE, namespace="later"))
            assert ended(client, task) == "complete"

    def test_creates_tasks_that_messages_ask_for(
        self, database: str, client: Client, registry: Registry
    ) -> None:
        registry.handler("a")(lambda step: step.context)
        client.register_template(template(ONE))
        with running(database, registry, ["test"]), psycopg.connect(database) as connection:
            connection.execute(
                "select pgmq.send('orchestration_task_requests',"
                """ '{"namespace": "test", "name": "flow", "context": {"n": 1}}'::jsonb)"""
            )
            connection.commit()
            (task,) = wait_for(lambda: client.list_tasks({"state": "complete"}))
        assert client.get_task(task.task_uuid).context == {"n": 1}

    def test_routes_steps_to_workers_of_other_namespaces(
        self, database: str, client: Client, registry: Registry
    ) -> None:
        registry.handler("a")(lambda _: threading.current_thread().name)
        registry.handler("b")(lambda _: threading.current_thread().name)
        definition = template({"a": [], "b": ["a"]})
        definition["steps"][1]["namespace"] = "elsewhere"
        task = start(client, definition)
        with running(database, registry):
            assert ended(client, task) == "complete"
        assert "elsewhere" in step_named(client, task, "b").result

    def test_comes_back_when_its_connections_are_cut(
        self, database: str, client: Client, registry: Registry, caplog: pytest.LogCaptureFixture
    ) -> None:
        registry.handler("a")(lambda step: step.name)
        client.register_template(template(ONE))
        with running(database, registry, ["test"]), caplog.at_level(logging.INFO):
            assert ended(client, client.create_task("test", "flow").task_uuid) == "complete"
            assert rows(database, CUT)
            assert ended(client, client.create_task("test", "flow").task_uuid) == "complete"
            wait_for(lambda: "the database answers again" in caplog.text)
