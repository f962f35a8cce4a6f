"""Runners for tests: real threads over a real database, with intervals made short."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from tasker_sql import config
from tasker_sql.client import Client, connect
from tasker_sql.config.settings import Config
from tasker_sql.ops.orchestrator import Exit, OrchestrationCore
from tasker_sql.worker.handlers import Registry

SECONDS = 60  # after which whatever a test waits for is not going to happen

SHORT_NAMES: Final = {
    "slots": ("executor_pools.task_claimer.min", "executor_pools.task_claimer.max"),
    "lease": ("engine.lease",),
    "two_hop": ("engine.two_hop",),
    "stop_within": ("orchestration.graceful_timeout",),
}


def configured(
    dsn: str,
    namespaces: Sequence[str] | None = None,
    more: Mapping[str, Any] = {},
    environment: str = "test",
    **short: Any,
) -> Config:
    """The configuration of an environment, with values by path or by a short name."""
    values = {"database.url": dsn, "orchestration.namespaces": list(namespaces or []), **more}
    values |= {path: value for name, value in short.items() for path in SHORT_NAMES[name]}
    for path, value in values.items():
        if isinstance(value, timedelta):
            values[path] = value.total_seconds()
    return config.load(values, environment=environment, environ={}).config


def wait_for(happened: Callable[[], Any], what: str = "it", seconds: float = SECONDS) -> Any:
    """What `happened` answers as soon as that is true. Raises AssertionError when it never is."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := happened():
            return answer
        time.sleep(0.01)
    raise AssertionError(f"{what} did not happen within {seconds} s")


@contextmanager
def client_of(dsn: str) -> Iterator[Client]:
    """A client that is closed at the end."""
    client = connect(dsn, "test")
    try:
        yield client
    finally:
        client.close()


@contextmanager
def running(
    dsn: str,
    registry: Registry,
    namespaces: Sequence[str] | None = None,
    exit_code: Exit = Exit.CLEAN,
    more: Mapping[str, Any] = {},
    **short: Any,
) -> Iterator[OrchestrationCore]:
    """A runner in a thread; it must stop within the time, with that exit code."""
    runner = OrchestrationCore(configured(dsn, namespaces, more, **short), registry, "test")
    codes: list[Exit] = []
    thread = threading.Thread(target=lambda: codes.append(runner.run()))
    thread.start()
    try:
        yield runner
    finally:
        if not runner.stopping:
            runner.stop()
        thread.join(SECONDS)
    assert codes == [exit_code]


@contextmanager
def process(*arguments: str, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A `tasker-sql` of its own; killed at the end, if it still runs."""
    program = Path(sys.executable).with_name("tasker-sql")
    options = {"stderr": subprocess.PIPE, **options}
    started = subprocess.Popen([program, *arguments], text=True, **options)
    try:
        yield started
    finally:
        started.kill()
        started.communicate()


def template(
    steps: Mapping[str, Sequence[str]], *, name: str = "flow", namespace: str = "test", **step: Any
) -> dict[str, Any]:
    """A definition: `{"step": ["parent", ...]}`, each handled by the handler of its own name.

    `step` is merged into every step.
    """
    retry = {"max_attempts": 3, "backoff_base_ms": 1}
    made = [
        {"name": one, "handler": {"callable": one}, "dependencies": parents, "retry": retry} | step
        for one, parents in steps.items()
    ]
    return {"name": name, "namespace_name": namespace, "version": "1.0.0", "steps": made}


def start(client: Client, definition: Mapping[str, Any], context: Any = None) -> UUID:
    """Register a template and create a task of it."""
    client.register_template(definition)
    made = client.create_task(definition["namespace_name"], definition["name"], context or {})
    assert made.task_uuid
    return made.task_uuid


def ended(client: Client, task_uuid: UUID) -> str:
    """The state in which the task ends; waits for it."""

    def state() -> str | None:
        context = client.get_task_execution_context(task_uuid)
        return context.status if context.status not in STILL_OPEN else None

    return str(wait_for(state, "the end of the task"))


STILL_OPEN = {"pending", "in_progress", "blocked_by_failures"}


def step_named(client: Client, task_uuid: UUID, name: str) -> Any:
    """A step of a task, as get_task_steps shows it."""
    return next(step for step in client.get_task_steps(task_uuid) if step.name == name)
