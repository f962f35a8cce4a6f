"""OpenTelemetry: a span for each task that is created, and one for each attempt at a step.

All spans of a task are in one trace, whose id is the md5 of the task's uuid; the first half of it
is the id of the span of its creation. A failed attempt has the context of its span in its error.

Nothing is imported here: who sets a tracer provider has imported the API. Nothing raises, either.
"""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from hashlib import md5
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from tasker_sql.masking import masked
from tasker_sql.rows import ClaimedStep, CreatedTask

if TYPE_CHECKING:
    from opentelemetry.trace import Span

API: Final = "opentelemetry.trace"
TRACEPARENT: Final = re.compile("00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


class _Ids:
    """Makes the ids that a thread asks for, and all others as the provider does."""

    def __init__(self, others: Any) -> None:
        self._others = others
        self.asked = threading.local()

    def generate_trace_id(self) -> int:
        return getattr(self.asked, "trace", None) or int(self._others.generate_trace_id())

    def generate_span_id(self) -> int:
        return getattr(self.asked, "span", None) or int(self._others.generate_span_id())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._others, name)


class _Tracing:
    """Where spans go. The SDK lets us choose ids; with another provider each has its own trace."""

    def __init__(self, api: Any, provider: Any) -> None:
        self.api = api
        self.provider = provider
        self.tracer: Any = provider.get_tracer("tasker_sql")
        self.ids = getattr(self.tracer, "id_generator", None)
        if self.ids is not None and not isinstance(self.ids, _Ids):
            self.ids = self.tracer.id_generator = _Ids(self.ids)

    def link(self, trace: int, span: int, flags: int = 0) -> Any:
        context = self.api.SpanContext(trace, span, True, self.api.TraceFlags(flags))
        return self.api.Link(context)

    def start(self, kind: str, name: str, task: UUID, **more: Any) -> Any:
        """Without a parent: so a sampler that goes by ids decides alike for all of a task."""
        root = self.api.set_span_in_context(self.api.INVALID_SPAN)
        if self.ids is None:
            return self.tracer.start_span(name, root, self.api.SpanKind[kind], **more)
        asked, trace = self.ids.asked, _trace_of(task)
        asked.trace, asked.span = trace, trace >> 64 if kind == "PRODUCER" else None
        try:
            return self.tracer.start_span(name, root, self.api.SpanKind[kind], **more)
        finally:
            asked.trace = asked.span = None


_last: _Tracing | None = None


def _tracing() -> _Tracing | None:
    """Nothing, unless the application has set a tracer provider."""
    global _last
    api: Any = sys.modules.get(API)
    if api is None:
        return None
    provider = api.get_tracer_provider()
    if isinstance(provider, api.ProxyTracerProvider | api.NoOpTracerProvider):
        return None
    last = _last
    if last is None or last.provider is not provider:
        _last = last = _Tracing(api, provider)
    return last


def _trace_of(task: UUID) -> int:
    return int(md5(str(task).encode(), usedforsecurity=False).hexdigest(), 16)


def _facts(operation: str, namespace: str, task: UUID) -> dict[str, Any]:
    return {
        "messaging.system": "tasker_sql",
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
        "messaging.destination.name": namespace,
        "messaging.message.conversation_id": str(task),
        "tasker.namespace": namespace,
        "tasker.task.uuid": str(task),
    }


def created(namespace: str, template: str, tasks: Iterable[CreatedTask], since: int) -> None:
    """Tasks were created by a call that began at `since`, in nanoseconds of the epoch: the span of
    each has a link to the caller's span, which has one to it."""
    with suppress(Exception):
        if (tracing := _tracing()) is None:
            return
        caller = tracing.api.get_current_span()
        context = caller.get_span_context()
        links = [tracing.api.Link(context)] if context.is_valid else []
        for task in tasks:
            if task.created:
                facts = _facts("create", namespace, task.task_uuid) | {"tasker.template": template}
                more = {"attributes": facts, "links": links, "start_time": since}
                span = tracing.start("PRODUCER", f"create {template}", task.task_uuid, **more)
                span.end()
                caller.add_link(span.get_span_context())


def begun(step: ClaimedStep, namespace: str, worker: str, former: Any) -> Span | None:
    """An attempt begins. Its span has links to that of the task's creation and, by its error, to
    that of the former attempt."""
    if API not in sys.modules:
        return None
    with suppress(Exception):
        if (tracing := _tracing()) is None:
            return None
        facts = _facts("process", namespace, step.task_uuid) | {
            "messaging.message.id": str(step.step_uuid),
            "messaging.client.id": worker,
            "tasker.step.name": step.name,
            "tasker.step.handler": step.handler,
            "tasker.step.attempt": step.attempt,
        }
        trace, links = _trace_of(step.task_uuid), []
        if tracing.ids is not None:
            links.append(tracing.link(trace, trace >> 64))
        said = former.get("traceparent") if isinstance(former, Mapping) else None
        if found := TRACEPARENT.fullmatch(str(said)):
            links.append(tracing.link(*(int(part, 16) for part in found.groups())))
        more = {"attributes": facts, "links": links}
        span: Span = tracing.start("CONSUMER", step.name, step.task_uuid, **more)
        return span
    return None


def current(span: Span | None) -> AbstractContextManager[object]:
    """Within, spans of the handler's are children of this one."""
    if span is None:
        return nullcontext()
    with suppress(Exception):
        if tracing := _tracing():
            use: AbstractContextManager[object] = tracing.api.use_span(
                span, record_exception=False, set_status_on_exception=False
            )
            return use
    return nullcontext()


def ended(span: Span, failure: str = "", stack: str = "") -> str | None:
    """An attempt has ended, if that was not said before. Answers its traceparent, if sampled."""
    with suppress(Exception):
        if span.is_recording():
            if failure:
                kind, _, message = masked(failure).partition(": ")
                error = {"type": kind, "message": message, "stacktrace": masked(stack)}
                span.add_event("exception", {f"exception.{key}": error[key] for key in error})
                span.set_attribute("error.type", kind)
                span.set_status(sys.modules[API].StatusCode.ERROR, masked(failure))
            span.end()
        context = span.get_span_context()
        if context.trace_flags.sampled:
            return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
    return None
