"""What handlers may be, take and return, in a runner: coroutines, models, everyday values."""

from __future__ import annotations

import asyncio
import sys
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from pydantic import BaseModel
from running import SECONDS, ended, running, start, step_named, template, wait_for
from servers import rows

from tasker_sql.client import Client
from tasker_sql.errors import PermanentError
from tasker_sql.jsonb import JsonText
from tasker_sql.worker import coroutines
from tasker_sql.worker.handlers import Registry, Step

pytestmark = pytest.mark.newest

EXACT = '{"n": 12345678901234567.89, "m": 0.10, "k": 0.1234567890123456789012345, "l": 1e400}'
SAME = "select context = %s::jsonb, (select array_agg(result = context) from tasker.steps) from "
SAME += "tasker.tasks"


class TestCoroutines:
    def test_they_run_together_on_one_loop_beside_others(
        self, database: str, client: Client, registry: Registry
    ) -> None:
        """Each waits for the other, which threads that run one after the other could not."""
        met: dict[str, asyncio.Event] = {}
        loops = set()

        async def meet(step: Step) -> str:
            loops.add(asyncio.get_running_loop())
            mine = met.setdefault(step.name, asyncio.Event())
            other = met.setdefault("ab"["ba".index(step.name)], asyncio.Event())
            other.set()
            await asyncio.wait_for(mine.wait(), SECONDS)
            return step.name

        registry.handler("a")(meet)
        registry.handler("b")(meet)
        registry.handler("c")(lambda step: meet_later(step))  # answers an awaitable

        async def meet_later(step: Step) -> list[str]:
            await asyncio.sleep(0)
            loops.add(asyncio.get_running_loop())
            return sorted(step.results.values())

        task = start(client, template({"a": [], "b": [], "c": ["a", "b"]}))
        with running(database, registry, ["test"], slots=2):
            assert ended(client, task) == "complete"
        assert step_named(client, task, "c").result == ["a", "b"]
        assert len(loops) == 1

    @pytest.mark.parametrize(
        ("error", "attempts"),
        [
            (ValueError("no"), 3),
            (PermanentError("never"), 1),
            (SystemExit(3), 3),
            (asyncio.CancelledError(), 3),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_what_one_raises_fails_its_attempt_and_the_loop_goes_on(
        self,
        database: str,
        client: Client,
        registry: Registry,
        error: BaseException,
        attempts: int,
    ) -> None:
        @registry.handler("a")
        async def fails(_: Step) -> None:
            await asyncio.sleep(0)
            raise error

        @registry.handler("b")
        async def works(_: Step) -> str:
            await asyncio.sleep(0)
            return "fine"

        task = start(client, template({"a": [], "b": []}))
        with running(database, registry, ["test"], slots=1):
            assert ended(client, task) == "error"
        step = step_named(client, task, "a")
        assert (step.last_error["type"], step.attempt) == (type(error).__name__, attempts)
        assert step_named(client, task, "b").result == "fine"

    def test_one_past_its_time_is_cancelled_and_ends(
        self, database: str, client: Client, registry: Registry
    ) -> None:
        cleaned = threading.Event()

        @registry.handler("a")
        async def sleeps(step: Step) -> str:
            if step.attempt > 1:
                return "second"
            try:
                await asyncio.sleep(3600)
            finally:
                cleaned.set()
            return "never"

        task = start(client, template({"a": []}, timeout_seconds=1))
        with running(database, registry, ["test"], slots=1) as runner:
            assert ended(client, task) == "complete"
            assert cleaned.wait(SECONDS)
            wait_for(lambda: runner.worker.unfinished == 0)
        assert step_named(client, task, "a").result == "second"
        assert client.check_invariants() == []

    def test_one_that_blocks_the_loop_past_its_time_holds_no_other_up(
        self,
        database: str,
        client: Client,
        registry: Registry,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        began, go_on = threading.Event(), threading.Event()

        @registry.handler("blocks")
        async def blocks(_: Step) -> None:
            began.set()
            go_on.wait(SECONDS)

        @registry.handler("a")
        async def waits(step: Step) -> str:
            await asyncio.sleep(0)
            return step.name

        monkeypatch.setattr(coroutines, "PATIENCE", 0.1)
        client.register_template(template({"blocks": []}, name="blocks", timeout_seconds=1))
        client.register_template(template({"a": []}))
        with running(database, registry, ["test"], slots=2) as runner:
            client.create_task("test", "blocks")
            assert began.wait(SECONDS)
            task = client.create_task("test", "flow").task_uuid
            assert ended(client, task) == "complete"
            assert step_named(client, task, "a").attempt == 1
            go_on.set()
            wait_for(lambda: not runner.worker.slots[0].leaked)
        assert client.check_invariants() == []

    @pytest.mark.parametrize("how", ["stop", "exit"])
    def test_one_that_stops_the_loop_holds_no_other_up(
        self, database: str, client: Client, registry: Registry, how: str
    ) -> None:
        began = threading.Event()

        @registry.handler("stops")
        async def stops(_: Step) -> None:
            while not began.is_set():
                await asyncio.sleep(0.01)
            loop = asyncio.get_running_loop()
            loop.stop() if how == "stop" else loop.call_soon(sys.exit, 3)
            await asyncio.sleep(0.01)

        @registry.handler("a")
        async def beside(_: Step) -> None:
            began.set()
            await asyncio.sleep(0.1)

        more: Any = {"retry": {"max_attempts": 1}}
        task = start(client, template({"stops": [], "a": []}, **more))
        with running(database, registry, ["test"], slots=2):
            assert ended(client, task) == "complete"

    def test_one_of_a_cancelled_task_is_cancelled(
        self, database: str, client: Client, registry: Registry
    ) -> None:
        began, cancelled = threading.Event(), threading.Event()

        @registry.handler("a")
        async def sleeps(_: Step) -> None:
            began.set()
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                cancelled.set()
                raise

        task = start(client, template({"a": []}))
        with running(database, registry, ["test"], slots=1, lease=0.6):
            assert began.wait(SECONDS)
            client.cancel_task(task, "enough")
            assert cancelled.wait(SECONDS)
        assert client.check_invariants() == []

    def test_an_awaitable_of_a_transactional_handler_fails_for_good(
        self, database: str, client: Client, registry: Registry
    ) -> None:
        async def later() -> int:
            return 1

        registry.handler("a", transactional=True)(lambda *_: later())
        task = start(client, template({"a": []}))
        with running(database, registry, ["test"]):
            assert ended(client, task) == "error"
        step = step_named(client, task, "a")
        assert step.attempt == 1
        assert "transactional handler answered an awaitable" in step.last_error["message"]


class Order(BaseModel):
    id: int
    amount: Decimal


@dataclass
class Receipt:
    order: int
    total: Decimal
    at: datetime


class TestValues:
    def test_a_model_comes_in_and_a_dataclass_goes_out(
        self, database: str, client: Client, registry: Registry
    ) -> None:
        @registry.handler("a")
        def pay(_: Step, order: Order) -> Receipt:
            return Receipt(order.id, order.amount * 2, datetime(2026, 1, 2, tzinfo=UTC))

        task = start(client, template({"a": []}), {"id": 7, "amount": 0.1})
        with running(database, registry, ["test"]):
            assert ended(client, task) == "complete"
        assert step_named(client, task, "a").result == {
            "order": 7,
            "total": 0.2,
            "at": "2026-01-02T00:00:00Z",
        }

    @pytest.mark.parametrize("transactional", [False, True])
    def test_a_bad_context_fails_for_good_and_names_the_field(
        self, database: str, client: Client, registry: Registry, transactional: bool
    ) -> None:
        ran: list[Order] = []

        def pay(order: Order, *_: Any) -> None:
            ran.append(order)

        registry.handler("a", transactional=transactional)(pay)
        task = start(client, template({"a": []}), {"id": 7, "amount": "much"})
        with running(database, registry, ["test"]):
            assert ended(client, task) == "error"
        step = step_named(client, task, "a")
        message = "the context does not fit Order: amount: Input should be a valid decimal"
        assert (step.attempt, step.last_error["type"]) == (1, "BadInputError")
        assert step.last_error["message"] == message
        assert ran == []

    @pytest.mark.parametrize("transactional", [False, True])
    @pytest.mark.parametrize("two_hop", [False, True])
    def test_numbers_that_a_handler_passes_on_stay_the_same(
        self,
        database: str,
        client: Client,
        registry: Registry,
        transactional: bool,
        two_hop: bool,
    ) -> None:
        kinds: list[list[type]] = []

        def passes(step: Step, *_: Any) -> Any:
            kinds.append([type(number) for number in step.context.values()])
            return step.context

        registry.handler("a", transactional=transactional)(passes)
        registry.handler("b")(lambda step: step.results["a"])
        task = start(client, template({"a": [], "b": ["a"]}), JsonText(EXACT))
        with running(database, registry, ["test"], two_hop=two_hop):
            assert ended(client, task) == "complete"
        assert rows(database, SAME, EXACT) == [(True, [True, True])]
        (found,) = kinds
        assert sorted(kind.__name__ for kind in found) == ["Decimal", "Decimal", "float", "int"]

    def test_a_handler_in_sql_gets_what_the_server_has(
        self, database: str, client: Client, registry: Registry
    ) -> None:
        """Digit by digit, from the context and from parents."""
        with psycopg.connect(database) as connection:
            connection.execute(
                "create function public.sees(context jsonb, results jsonb) returns jsonb"
                " language sql as $$ select jsonb_build_array(context::text, results::text) $$"
            )
        registry.handler("a")(lambda _: JsonText(EXACT))
        definition = template({"a": [], "b": ["a"], "c": ["b"]})
        for step in definition["steps"][1:]:
            step["handler"] = {"sql": "public.sees"}
        task = start(client, definition, JsonText(EXACT))
        with running(database, registry, ["test"]):
            assert ended(client, task) == "complete"
        ((text,),) = rows(database, "select %s::jsonb::text", EXACT)
        assert step_named(client, task, "b").result == [text, f'{{"a": {text}}}']
        assert "0.10" in text and step_named(client, task, "c").result[0] == text

    def test_keys_that_become_one_fail_for_good(
        self, database: str, client: Client, registry: Registry
    ) -> None:
        registry.handler("a")(lambda _: {1: "a", "1": "b"})
        task = start(client, template({"a": []}))
        with running(database, registry, ["test"]):
            assert ended(client, task) == "error"
        step = step_named(client, task, "a")
        assert step.attempt == 1
        assert "value has two keys that become one in JSON" in step.last_error["message"]


class TestSkips:
    """C10: a handler says that there is nothing to do."""

    @pytest.mark.parametrize("kind", ["plain", "coroutine", "transactional"])
    def test_a_handler_skips_its_step(
        self, database: str, client: Client, registry: Registry, kind: str
    ) -> None:
        rows(database, "create table public.notes (note text)")

        def plain(step: Step) -> None:
            try:
                step.skip("no items")
            except Exception:  # as careless handlers have it
                raise PermanentError("it was caught") from None

        async def coroutine(step: Step) -> None:
            await asyncio.sleep(0)
            step.skip("no items")

        def transactional(step: Step, connection: psycopg.Connection) -> None:
            connection.execute("insert into notes values ('kept')")
            step.skip("no items")

        made: dict[str, Any] = {"plain": plain, "coroutine": coroutine}
        function = made.get(kind, transactional)
        registry.handler("a", transactional=function is transactional)(function)
        registry.handler("b")(lambda _: None)
        task = start(client, template({"a": [], "b": ["a"]}))
        with running(database, registry, ["test"]):
            assert ended(client, task) == "complete"
        assert [step.state for step in client.get_task_steps(task)] == ["skipped", "skipped"]
        (reason, *_) = client.explain_step(step_named(client, task, "a").step_uuid)
        assert reason.reason == "skipped: its handler skipped it: no items"
        kept = [("kept",)] if kind == "transactional" else []
        assert rows(database, "select * from public.notes") == kept
        assert rows(database, "select * from tasker.late_writes") == []

    @pytest.mark.parametrize("kind", ["plain", "coroutine", "transactional"])
    def test_a_handler_lets_its_step_sleep(
        self, database: str, client: Client, registry: Registry, kind: str
    ) -> None:
        """W10: the attempt that begins after the sleep has the same number."""
        rows(database, "create table public.notes (attempt int)")
        attempts: list[int] = []

        def plain(step: Step) -> int:
            attempts.append(step.attempt)
            if len(attempts) == 1:
                step.sleep(timedelta(milliseconds=20))
            if len(attempts) == 2:
                step.sleep(0.02)
            if len(attempts) == 3:
                step.sleep(datetime.now(UTC) + timedelta(milliseconds=20))
            return len(attempts)

        async def coroutine(step: Step) -> int:
            await asyncio.sleep(0)
            return plain(step)

        def transactional(step: Step, connection: psycopg.Connection) -> int:
            connection.execute("insert into notes values (%s)", [step.attempt])
            return plain(step)

        made: dict[str, Any] = {"plain": plain, "coroutine": coroutine}
        function = made.get(kind, transactional)
        registry.handler("a", transactional=function is transactional)(function)
        task = start(client, template({"a": []}))
        with running(database, registry, ["test"]):
            assert ended(client, task) == "complete"
        assert attempts == [1, 1, 1, 1]
        assert step_named(client, task, "a").result == 4
        kept = [(1,)] * 4 if kind == "transactional" else []
        assert rows(database, "select * from public.notes") == kept

    @pytest.mark.parametrize("after", [-1, float("nan"), timedelta(days=3661)])
    def test_what_is_no_time_to_sleep_fails_the_attempt(self, after: Any) -> None:
        step = Step(uuid4(), uuid4(), "a", 1, 1, {}, {}, {})
        with pytest.raises(ValueError, match="a step sleeps for up to 3660 days, not for"):
            step.sleep(after)

    def test_a_reason_that_is_too_long_is_cut(
        self, database: str, client: Client, registry: Registry
    ) -> None:
        registry.handler("a")(lambda step: step.skip("x\0" * 2000))
        task = start(client, template({"a": []}))
        with running(database, registry, ["test"]):
            assert ended(client, task) == "complete"
