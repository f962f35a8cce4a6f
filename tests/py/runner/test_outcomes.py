"""Whatever a handler raises, its attempt ends; whatever breaks in a runner is heard."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from running import (
    SECONDS,
    ended,
    process,
    running,
    step_named,
    template,
    wait_for,
)
from servers import rows

from tasker_sql.client import Client
from tasker_sql.errors import PermanentError, RetryableError, TaskerError
from tasker_sql.ops import telemetry
from tasker_sql.ops.control import Control
from tasker_sql.ops.executors import Executor
from tasker_sql.ops.health import OperationalState
from tasker_sql.ops.orchestrator import Exit
from tasker_sql.worker import outcomes
from tasker_sql.worker.handlers import Registry, Step
from tasker_sql.worker.slots import Slots
from tasker_sql.worker.worker import Worker

pytestmark = pytest.mark.newest

ONE = {"a": list[str]()}


def trap(*_: Any) -> Any:
    raise KeyboardInterrupt


class Text(str):
    replace = encode = __len__ = __str__ = __format__ = trap  # type: ignore[assignment]


class Named(type):
    __name__ = property(trap)


def made(base: type[BaseException], **parts: Any) -> Any:
    """A class of exceptions with these attributes."""
    return type("BrokenError", (base,), parts)


def broken(**parts: Any) -> Callable[[], BaseException]:
    return lambda: made(RetryableError, **parts)("busy")


RAISED: dict[str, Callable[[], BaseException]] = {
    "text": lambda: RetryableError("busy", retry_after="0"),
    "words": lambda: RetryableError("busy", retry_after="soon"),
    "true": lambda: RetryableError("busy", retry_after=True),
    "bytes": lambda: RetryableError("busy", retry_after=b"5"),  # type: ignore[arg-type]
    "list": lambda: RetryableError("busy", retry_after=[5]),  # type: ignore[arg-type]
    "nan": lambda: RetryableError("busy", retry_after=float("nan")),
    "text nan": lambda: RetryableError("busy", retry_after="nan"),
    "signalling nan": lambda: RetryableError("busy", retry_after=Decimal("snan")),  # type: ignore[arg-type]
    "infinite": lambda: RetryableError("busy", retry_after=float("inf")),
    "negative": lambda: RetryableError("busy", retry_after=-5),
    "first moment": lambda: RetryableError("busy", retry_after=datetime.min),
    "no retry_after": broken(__init__=Exception.__init__),
    "retry_after raises": broken(retry_after=property(trap)),
    "str raises": broken(__str__=trap),
    "str is not a text": broken(__str__=lambda _: 5),
    "str is a strange text": broken(__str__=lambda _: Text("x")),
    "repr raises": broken(__repr__=trap),
    "traceback raises": broken(__traceback__=property(trap)),
    "cause raises": broken(__cause__=property(trap)),
    "context raises": broken(__context__=property(trap)),
    "notes raise": broken(__notes__=property(trap)),
    "class raises": broken(__class__=property(trap)),
    "name raises": lambda: Named("BrokenError", (Exception,), {})(),
    "name is long": lambda: type("X" * 100_000, (Exception,), {})(),
    "equality raises": broken(__eq__=trap, __hash__=None),
    "attributes raise": broken(__getattribute__=trap),
    "of the database": lambda: made(TaskerError)(Text("x"), 5, None),
    "of the database, bare": lambda: made(TaskerError, __init__=Exception.__init__)("x"),
    "a group": lambda: BaseExceptionGroup("g", [ValueError("x"), KeyboardInterrupt()]),
    "a group without parts": lambda: made(ExceptionGroup, exceptions=property(trap))(
        "g", [ValueError("x")]
    ),
    "a group of strange ones": lambda: BaseExceptionGroup("g", [broken(__str__=trap)()]),
}


def test_every_exception_ends_its_attempt(
    database: str, client: Client, registry: Registry
) -> None:
    """One slot runs them all: one that died would leave the others waiting."""

    @registry.handler("a")
    def handle(step: Step) -> str:
        if step.attempt == 1:
            raise RAISED[step.context["kind"]]()
        return "second"

    client.register_template(template(ONE))
    made = client.create_tasks("test", "flow", [{"kind": kind} for kind in RAISED])
    with running(database, registry, ["test"], slots=1):
        for kind, task in zip(RAISED, made, strict=True):
            assert ended(client, task.task_uuid) == "complete", kind
            step = step_named(client, task.task_uuid, "a")
            assert (step.attempt, step.result) == (2, "second"), kind
    stored = rows(database, "select error ->> 'message' from tasker.step_failures")
    assert len(stored) == len(RAISED)
    assert all(message for (message,) in stored)
    assert client.check_invariants() == []


def error_of(client: Client, database: str, registry: Registry, error: BaseException) -> Any:
    """What is recorded of an exception that the only attempt raised; retryable or not."""

    @registry.handler("a")
    def handle(_: Step) -> None:
        raise error

    client.register_template(template(ONE, retry={"max_attempts": 1}))
    task = client.create_task("test", "flow").task_uuid
    with running(database, registry, ["test"]):
        assert ended(client, task) == "error"
    return rows(database, "select error, retryable from tasker.step_failures")[0]


def test_a_group_is_recorded_with_its_parts(
    database: str, client: Client, registry: Registry
) -> None:
    inner = ExceptionGroup("inner", [KeyError("k"), PermanentError("p")])
    stored, retryable = error_of(
        client, database, registry, ExceptionGroup("outer", [ValueError("v"), inner])
    )
    for part in ("ValueError: v", "KeyError: 'k'", "PermanentError: p"):
        assert part in stored["message"]
    assert retryable


def test_a_group_of_permanent_errors_is_permanent(
    database: str, client: Client, registry: Registry
) -> None:
    group = ExceptionGroup("g", [PermanentError("p"), PermanentError("q")])
    assert error_of(client, database, registry, group)[1] is False


def test_a_permanent_error_that_cannot_be_printed_is_permanent(
    database: str, client: Client, registry: Registry
) -> None:
    error = made(PermanentError, __str__=trap)()
    stored, retryable = error_of(client, database, registry, error)
    assert stored["message"] == "the error could not be printed"
    assert retryable is False


def test_a_wait_that_is_none_is_told(database: str, client: Client, registry: Registry) -> None:
    error = RetryableError("busy", retry_after="soon")
    stored, _ = error_of(client, database, registry, error)
    assert stored["message"] == "busy"
    assert stored["hint"] == (
        "retry_after is not a length of time: 'soon'; the backoff of the step is used"
    )


@pytest.mark.parametrize(
    ("value", "least", "most"),
    [
        (5, 5, 5),
        (0.25, 0.25, 0.25),
        ("5", 5, 5),
        (" 2.5\r\n", 2.5, 2.5),
        (Decimal("1.5"), 1.5, 1.5),
        (Fraction(3, 2), 1.5, 1.5),
        (timedelta(minutes=1), 60, 60),
        (datetime(2000, 1, 1, tzinfo=UTC), 0, 0),
        (-3, 0, 0),
        ("-3", 0, 0),
        (timedelta.max, 2_592_000, 2_592_000),
        (datetime.max.replace(tzinfo=UTC), 2_592_000, 2_592_000),
        (10**400, 2_592_000, 2_592_000),
        (1e300, 2_592_000, 2_592_000),
    ],
)
def test_waits(value: Any, least: float, most: float) -> None:
    found = outcomes.seconds(value)
    assert found is not None and least <= found <= most


@pytest.mark.parametrize(
    "written",
    [
        lambda moment: moment,
        datetime.isoformat,
        lambda moment: format_datetime(moment, usegmt=True),
        lambda moment: moment.astimezone().replace(tzinfo=None),
    ],
    ids=["aware", "ISO", "HTTP", "naive"],
)
def test_waits_until_a_moment(written: Callable[[datetime], Any]) -> None:
    found = outcomes.seconds(written(datetime.now(UTC) + timedelta(hours=1)))
    assert found is not None and 3500 <= found <= 3600


@pytest.mark.parametrize(
    "value", [True, False, "", "soon", "nan", "inf", float("nan"), float("-inf"), b"5", [5], 1j]
)
def test_what_is_no_wait(value: Any) -> None:
    assert outcomes.seconds(value) is None


class TestTheLog:
    """Nothing that writes the log can hold up or harm who logs."""

    @pytest.mark.parametrize("error", [OSError("the log server is away"), SystemExit(1)], ids=type)
    def test_a_handler_that_raises_harms_nothing(
        self, database: str, client: Client, registry: Registry, error: BaseException
    ) -> None:
        met: list[str] = []

        class Sink(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                met.append(record.getMessage())
                raise error

        @registry.handler("a")
        def handle(step: Step) -> int:
            if step.attempt == 1:
                raise ValueError("not today")
            return step.attempt

        client.register_template(template(ONE))
        sink = Sink()
        logging.getLogger().addHandler(sink)
        try:
            with running(database, registry, ["test"]):
                for _ in range(3):
                    task = client.create_task("test", "flow").task_uuid
                    assert ended(client, task) == "complete"
                wait_for(lambda: sum("not today" in line for line in met) == 3, "all lines")
        finally:
            logging.getLogger().removeHandler(sink)

    def test_a_handler_that_blocks_holds_nothing_up(
        self, database: str, client: Client, registry: Registry, caplog: pytest.LogCaptureFixture
    ) -> None:
        """What has no room is dropped and counted."""
        go_on = threading.Event()

        class Sink(logging.Handler):
            def emit(self, _: logging.LogRecord) -> None:
                go_on.wait(SECONDS)

        registry.handler("a")(lambda _: 1 // 0)
        client.register_template(template(ONE, retry={"max_attempts": 1}))
        tasks = client.create_tasks("test", "flow", [{}] * (telemetry.WAITING + 100))
        sink = Sink()
        logging.getLogger().addHandler(sink)
        try:
            with running(database, registry, ["test"]):
                wait_for(
                    lambda: rows(database, "select from tasker.tasks where state <> 'error'") == []
                )
                assert ended(client, tasks[-1].task_uuid) == "error"
                go_on.set()
        finally:
            logging.getLogger().removeHandler(sink)
        assert "lines of the log were dropped" in caplog.text

    @pytest.mark.parametrize("own", [False, True], ids=["ours", "the application's"])
    def test_standard_error_that_nobody_reads_holds_nothing_up(
        self, database: str, client: Client, tmp_path: Path, own: bool
    ) -> None:
        lines = [
            "import logging, sys",
            "from tasker_sql.worker.handlers import handler",
            "logging.basicConfig(force=True, stream=sys.stderr)" if own else "",
            "@handler('a')",
            "def a(step):",
            "    raise ValueError('x' * 1000)",
        ]
        (tmp_path / "failing.py").write_text("\n".join(lines))
        client.register_template(template(ONE, retry={"max_attempts": 1}))
        client.create_tasks("test", "flow", [{}] * 300)
        environ = {"DATABASE_URL": database, "TASKER_ENV": "test", "PATH": ""}
        options = ("run", "-n", "test", "-m", str(tmp_path / "failing.py"))
        with process(*options, env=environ) as runner:
            wait_for(
                lambda: rows(database, "select from tasker.tasks where state <> 'error'") == [],
                "the end of all tasks",
            )
            runner.send_signal(signal.SIGTERM)
            assert runner.wait(SECONDS) == 0


class TestThreads:
    """A thread that ends unasked ends the runner, with code 4, and after its claims."""

    @pytest.mark.parametrize(
        ("part", "method"),
        [(Slots, "_outcome"), (Worker, "_turn"), (Control, "_try"), (Executor, "_turn")],
        ids=["slot", "coordinator", "control", "executor"],
    )
    def test_each_is_watched(
        self,
        database: str,
        client: Client,
        registry: Registry,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
        part: type,
        method: str,
    ) -> None:
        registry.handler("a")(lambda step: step.attempt)
        client.register_template(template(ONE))
        with running(database, registry, ["test"], Exit.BROKEN) as core:
            wait_for(lambda: core.state is OperationalState.NORMAL)
            monkeypatch.setattr(part, method, trap)
            client.create_task("test", "flow")
            assert core.wait() is Exit.BROKEN
        assert "died, so the runner stops" in caplog.text

    def test_a_slot_that_dies_ends_its_attempt(
        self, database: str, client: Client, registry: Registry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        registry.handler("a")(lambda step: step.attempt)
        client.register_template(template(ONE))
        monkeypatch.setattr(Slots, "_outcome", trap)
        task = client.create_task("test", "flow").task_uuid
        with running(database, registry, ["test"], Exit.BROKEN) as core:
            wait_for(lambda: core._broken)
            core.wait()
        stored = rows(database, "select error ->> 'message' from tasker.step_failures")
        assert stored[0] == ("the error could not be described",)
        assert client.get_task(task).state != "complete"
        assert rows(database, "select from tasker.claims") == []

    def test_claims_of_a_coordinator_that_dies_are_reported_and_given_back(
        self, database: str, client: Client, registry: Registry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        started, finish = threading.Event(), threading.Event()

        @registry.handler("a")
        def handle(_: Step) -> str:
            started.set()
            finish.wait(SECONDS)
            return "done"

        client.register_template(template(ONE))
        client.create_tasks("test", "flow", [{}] * 3)
        monkeypatch.setattr(Slots, "room", property(lambda self: 3 - len(self.busy)))
        run_suspect, broken = Worker._run_suspect, threading.Event()

        def dies_once(self: Worker, now: float) -> None:
            if started.is_set() and not broken.is_set():
                broken.set()
                raise ZeroDivisionError
            run_suspect(self, now)

        monkeypatch.setattr(Worker, "_run_suspect", dies_once)
        with running(database, registry, ["test"], Exit.BROKEN, slots=1) as core:
            assert broken.wait(SECONDS)
            wait_for(lambda: core.state is OperationalState.GRACEFUL_SHUTDOWN)
            wait_for(lambda: core.worker.waiting == 0)
            finish.set()
            core.wait()
        states = dict(rows(database, "select state::text, count(*) from tasker.steps group by 1"))
        assert states == {"complete": 1, "enqueued": 2}
        assert rows(database, "select from tasker.claims") == []

    def test_health_asks_when_the_coordinator_last_turned(
        self, database: str, client: Client, registry: Registry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client.create_namespace("test")
        go_on = threading.Event()
        more = {"orchestration.health.stuck": 1}
        with running(database, registry, ["test"], more=more) as core:
            wait_for(lambda: core.state is OperationalState.NORMAL)
            monkeypatch.setattr(Worker, "_collect", lambda _: go_on.wait(SECONDS))

            def claimer() -> str:
                return next(p.status for p in core.health().pools if p.pool == "task_claimer")

            wait_for(lambda: claimer() == "unhealthy")
            go_on.set()
            monkeypatch.undo()
            wait_for(lambda: claimer() == "healthy")
