"""Spans of tasks and attempts, and the links between them, with the SDK of OpenTelemetry."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import psycopg
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Sampler
from opentelemetry.trace import SpanKind, StatusCode
from running import ended, process, running, start, template, wait_for
from servers import rows

from tasker_sql.async_client import AsyncClient
from tasker_sql.client import Client
from tasker_sql.rows import CreatedTask
from tasker_sql.worker.handlers import Registry, Step

pytestmark = pytest.mark.newest


class Traces:
    """What is exported from now on. The API lets a process set its provider only once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self._exporter = InMemorySpanExporter()

    def of(self, provider: Any) -> None:
        if isinstance(provider, TracerProvider):
            provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self._monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)

    def named(self, name: str, many: int) -> list[ReadableSpan]:
        """The spans of that name, in the order in which they began."""

        def found() -> list[ReadableSpan]:
            return [one for one in self._exporter.get_finished_spans() if one.name == name]

        wait_for(lambda: len(found()) >= many, f"{many} spans {name}")
        assert len(found()) == many
        return sorted(found(), key=lambda one: one.start_time or 0)

    def all(self) -> Sequence[ReadableSpan]:
        return self._exporter.get_finished_spans()


@pytest.fixture
def traces(monkeypatch: pytest.MonkeyPatch) -> Traces:
    traces = Traces(monkeypatch)
    traces.of(TracerProvider(shutdown_on_exit=False))
    return traces


def linked(span: ReadableSpan) -> set[tuple[int, int]]:
    return {(link.context.trace_id, link.context.span_id) for link in span.links}


def ids(span: ReadableSpan) -> tuple[int, int]:
    context = span.get_span_context()
    assert context
    return context.trace_id, context.span_id


def facts(span: ReadableSpan) -> Mapping[str, Any]:
    assert span.attributes is not None
    return span.attributes


def test_a_task_is_a_trace_that_its_caller_is_linked_to(
    database: str, client: Client, registry: Registry, traces: Traces
) -> None:
    tracer = trace.get_tracer_provider().get_tracer("shop")

    @registry.handler("a")
    def a(_: Step) -> None:
        with tracer.start_as_current_span("charge"):
            pass

    registry.handler("b")(lambda step: step.name)
    client.register_template(template({"a": [], "b": ["a"]}))
    with tracer.start_as_current_span("POST /orders"):
        task = client.create_task("test", "flow", idempotency_key="7").task_uuid
        assert not client.create_task("test", "flow", idempotency_key="7").created
    with running(database, registry, ["test"]):
        assert ended(client, task) == "complete"
    (caller,) = traces.named("POST /orders", 1)
    (created,) = traces.named("create flow", 1)
    (first,), (second,), (charge,) = (traces.named(name, 1) for name in ("a", "b", "charge"))
    ((digits,),) = rows(database, f"select md5('{task}'::uuid::text)")
    assert ids(created) == (int(digits, 16), int(digits[:16], 16))
    assert {one.context.trace_id for one in (first, second, charge) if one.context} == {
        int(digits, 16)
    }
    assert (linked(created), linked(caller)) == ({ids(caller)}, {ids(created)})
    assert linked(first) == linked(second) == {ids(created)}
    assert created.parent is first.parent is second.parent is None
    assert charge.parent and charge.parent.span_id == ids(first)[1]
    assert (created.kind, first.kind) == (SpanKind.PRODUCER, SpanKind.CONSUMER)
    assert first.status.status_code is StatusCode.UNSET
    (step, _) = client.get_task_steps(task)
    assert facts(first)["messaging.message.id"] == str(step.step_uuid)
    assert facts(first)["tasker.task.uuid"] == facts(created)["tasker.task.uuid"] == str(task)
    keys = ("tasker.step.name", "tasker.step.attempt", "tasker.namespace", "messaging.system")
    assert [facts(first)[key] for key in keys] == ["a", 1, "test", "tasker_sql"]


@pytest.mark.parametrize("kind", ["plain", "async", "transactional", "sql"])
def test_a_retry_is_linked_to_the_attempt_that_failed(
    database: str, client: Client, registry: Registry, traces: Traces, kind: str
) -> None:
    tries = 3 if kind == "plain" else 2
    current: list[int] = []

    def work(step: Step) -> str:
        current.append(trace.get_current_span().get_span_context().span_id)
        if step.attempt < tries:
            raise ValueError(f"password=s3cret, {step.attempt}")
        return "done"

    async def later(step: Step) -> str:
        return work(step)

    def writes(step: Step, _: psycopg.Connection[Any]) -> str:
        return work(step)

    functions: dict[str, Any] = {"plain": work, "async": later, "transactional": writes}
    more: dict[str, Any] = {}
    if kind == "sql":
        rows(database, "create sequence tries")
        rows(
            database,
            "create function work(jsonb, jsonb) returns jsonb language plpgsql as $$ begin"
            " if nextval('tries') < 2 then raise 'password=s3cret'; end if; return '1'; end $$",
        )
        more["handler"] = {"sql": "public.work"}
    else:
        registry.handler("a", transactional=kind == "transactional")(functions[kind])
    task = start(client, template({"a": []}, **more))
    with running(database, registry, ["test"]):
        assert ended(client, task) == "complete"
    (created,) = traces.named("create flow", 1)
    *failed, done = spans = traces.named("a", tries)
    assert linked(spans[0]) == {ids(created)}
    for former, later_one in pairwise(spans):
        assert linked(later_one) == {ids(created), ids(former)}
    assert [facts(span)["tasker.step.attempt"] for span in spans] == [*range(1, tries + 1)]
    assert {span.status.status_code for span in failed} == {StatusCode.ERROR}
    assert done.status.status_code is StatusCode.UNSET
    if kind != "sql":
        assert current == [ids(span)[1] for span in spans]
    (event,) = spans[0].events
    error = "SqlError" if kind == "sql" else "ValueError"
    assert event.name == "exception" and event.attributes
    assert event.attributes["exception.type"] == facts(spans[0])["error.type"] == error
    assert event.attributes["exception.stacktrace"]
    assert "s3cret" not in spans[0].to_json()
    (step,) = client.get_task_steps(task)
    *attempts, _ = client.step_attempts(step.step_uuid)
    for attempt, span in zip(attempts, failed, strict=True):
        assert attempt.error["traceparent"][:-2] == "00-{:032x}-{:016x}-".format(*ids(span))


def test_a_step_that_slept_has_a_span_of_its_own(
    database: str, client: Client, registry: Registry, traces: Traces
) -> None:
    runs: list[int] = []

    @registry.handler("a")
    def a(step: Step) -> None:
        runs.append(step.attempt)
        if len(runs) == 1:
            step.sleep(0.001)

    task = start(client, template({"a": []}))
    with running(database, registry, ["test"]):
        assert ended(client, task) == "complete"
    first, second = traces.named("a", 2)
    assert runs == [1, 1]
    assert ids(first)[0] == ids(second)[0]
    assert ids(first)[1] != ids(second)[1]
    assert first.status.status_code is StatusCode.UNSET


@pytest.mark.slow
def test_a_handler_past_its_time_ends_its_span(
    database: str, client: Client, registry: Registry, traces: Traces
) -> None:
    @registry.handler("a")
    def a(step: Step) -> None:
        if step.attempt == 1:
            step.cancelled.wait()

    task = start(client, template({"a": []}, timeout_seconds=1))
    with running(database, registry, ["test"]):
        assert ended(client, task) == "complete"
    first, second = traces.named("a", 2)
    assert facts(first)["error.type"] == "Timeout"
    assert ids(first) in linked(second)


def test_an_asynchronous_client_creates_tasks_alike(
    database: str, client: Client, traces: Traces
) -> None:
    async def create() -> list[CreatedTask]:
        async with await psycopg.AsyncConnection.connect(database, autocommit=True) as connection:
            return await AsyncClient(connection).create_tasks("test", "flow", [{}, {}])

    client.register_template(template({"a": []}))
    made = anyio.run(create)
    spans = traces.named("create flow", 2)
    assert {facts(one)["tasker.task.uuid"] for one in spans} == {str(one.task_uuid) for one in made}


class Foreign(trace.TracerProvider):
    """A provider that is not of the SDK: it makes all ids itself."""

    class Tracer(trace.Tracer):
        def __init__(self, tracer: trace.Tracer) -> None:
            self._tracer = tracer

        def start_span(self, *positional: Any, **named: Any) -> trace.Span:
            return self._tracer.start_span(*positional, **named)

        def start_as_current_span(self, *_: Any, **__: Any) -> Any:
            raise NotImplementedError

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider

    def get_tracer(self, *positional: Any, **named: Any) -> trace.Tracer:
        return self.Tracer(self._provider.get_tracer(*positional, **named))


class Broken(Sampler):
    def should_sample(self, *_: Any, **__: Any) -> Any:
        raise OSError("no sample")

    def get_description(self) -> str:
        return "broken"


def failing_once(registry: Registry) -> None:
    @registry.handler("a")
    def a(step: Step) -> None:
        if step.attempt == 1:
            raise ValueError("not today")


@pytest.mark.parametrize("kind", ["none", "broken", "not sampled"])
def test_without_spans_nothing_else_changes(
    database: str, client: Client, registry: Registry, traces: Traces, kind: str
) -> None:
    sampler = {"broken": Broken(), "not sampled": ALWAYS_OFF}.get(kind)
    traces.of(
        TracerProvider(sampler=sampler, shutdown_on_exit=False)
        if sampler
        else trace.ProxyTracerProvider()
    )
    failing_once(registry)
    task = start(client, template({"a": []}))
    with running(database, registry, ["test"]):
        assert ended(client, task) == "complete"
    (step,) = client.get_task_steps(task)
    failed, done = client.step_attempts(step.step_uuid)
    assert (failed.error["message"], done.outcome) == ("not today", "complete")
    assert "traceparent" not in failed.error
    assert not traces.all()


def test_another_provider_makes_ids_and_links_are_right(
    database: str, client: Client, registry: Registry, traces: Traces
) -> None:
    provider = trace.get_tracer_provider()
    assert isinstance(provider, TracerProvider)
    traces.of(Foreign(provider))
    failing_once(registry)
    task = start(client, template({"a": []}))
    with running(database, registry, ["test"]):
        assert ended(client, task) == "complete"
    first, second = traces.named("a", 2)
    assert (linked(first), linked(second)) == (set(), {ids(first)})


SHOP = """
import sys
from tasker_sql.worker.handlers import handler

@handler("a")
def a(step):
    return [name for name in sys.modules if name.startswith("opentelemetry")]
"""
SET_UP = """
from pathlib import Path
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

said = Path(__file__).with_name("spans").open("w", buffering=1)
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(out=said)))
trace.set_tracer_provider(provider)
"""


@pytest.mark.slow
@pytest.mark.parametrize("set_up", [False, True])
def test_only_a_worker_whose_modules_set_it_up_imports_it(
    database: str, client: Client, tmp_path: Path, set_up: bool
) -> None:
    (tmp_path / "shop.py").write_text(SHOP + SET_UP * set_up)
    task = start(client, template({"a": []}))
    options = ("-n", "test", "-m", str(tmp_path / "shop.py"))
    environment = {**os.environ, "DATABASE_URL": database, "TASKER_ENV": "test"}
    with process("run", *options, env=environment):
        assert ended(client, task) == "complete"
    (step,) = client.get_task_steps(task)
    assert bool(step.result) is set_up
    if set_up:
        span = json.loads((tmp_path / "spans").read_text())
        assert (span["name"], span["attributes"]["tasker.task.uuid"]) == ("a", str(task))
