"""What the fixture `tasker` is: a database, and a worker that runs in the thread of the test."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, Self, cast
from uuid import UUID

from tasker_sql.circuit import CircuitBreaker
from tasker_sql.client import Client, connect
from tasker_sql.connection import Settings, opened
from tasker_sql.errors import EndOfAttempt, StaleClaimError, TaskerError
from tasker_sql.jsonb import JsonText
from tasker_sql.pool import Pool
from tasker_sql.rows import ClaimedStep, CreatedTask, RegisteredTemplate, TaskEnd
from tasker_sql.schema.database import application_name
from tasker_sql.templates import files
from tasker_sql.verdict import Whose
from tasker_sql.worker import coroutines, outcomes
from tasker_sql.worker.attempt import Attempt, traced
from tasker_sql.worker.handlers import Handler, default_registry
from tasker_sql.worker.outcomes import Failure, GivenBack, Result
from tasker_sql.worker.signatures import SQL_PREFIX
from tasker_sql.worker.slots import outcome_of
from tasker_sql.worker.transaction import Claimer
from tasker_sql.workflows.decorators import PASSING, Workflow

WORKER: Final = "drain"
LEASE: Final = timedelta(hours=1)
MOST: Final = 10_000  # attempts
CLOCK: Final = """
create or replace function tasker._now () returns timestamptz language sql volatile
as $$ select pg_catalog.clock_timestamp() + interval '{} seconds' $$
"""


class DrainError(AssertionError):
    """What is due cannot end. The message says what, why, and what would help."""


class Tasker:
    """A database of one test: `client` calls it, `url` names it."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.client = _Client(opened(url, application_name("test"), 5, 10, None, Settings.KEPT))
        self._folder = folder  # of the test
        self._pool = Pool(lambda: connect(url, application_name(WORKER)), 4, reset=True)
        self._worker = connect(url, application_name(WORKER))
        self._ahead = timedelta(0)
        self._known = set(default_registry.names)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Handlers that were written in the test's function are forgotten."""
        self.client.close()
        self._worker.close()
        self._pool.close()
        for name in set(default_registry.names) - self._known:
            made = default_registry.find(name)
            if name in PASSING or (made and made.origin and "<locals>" in made.origin.name):
                default_registry.forget(name)

    def register(self, template: str | Path | Mapping[str, Any] | Workflow) -> RegisteredTemplate:
        """Register a template: of a YAML file (from where pytest runs, or beside the test) in its
        environment `test` unless TASKER_ENV names another, as a dict, or of a workflow."""
        if isinstance(template, str | Path):
            file = Path(template)
            beside = self._folder / file
            place = beside if not file.exists() and beside.exists() else file
            loaded = files.load(place, os.environ.get(files.ENVIRONMENT, "").strip() or "test")
            try:
                return self.client.register_template(loaded.definition)
            except TaskerError as error:
                raise loaded.explain(error) from error
        if isinstance(template, Mapping):
            return self.client.register_template(template)
        if isinstance(template, Workflow):
            return template.register(self.client)
        what = "a YAML file, a dict or a workflow"
        raise TypeError(f"{template!r} cannot be registered; register takes {what}")

    def advance(self, by: timedelta) -> None:
        """Put the clock of this database forward: timers, retries and leases see it, and what is
        due then runs in the next `drain()`."""
        if not isinstance(by, timedelta) or by < timedelta(0):
            raise ValueError(
                f"time goes forward, by a timedelta such as timedelta(hours=1): {by!r}"
            )
        self._ahead += by
        with self._worker.transaction() as connection:
            connection.execute(CLOCK.format(self._ahead.total_seconds()).encode())

    def drain(self, most: int = MOST) -> int:
        """Run what is due, in this thread, until nothing is. Returns how many attempts that were.

        What waits for its time, such as a retry, is not due: see `advance`. A handler that fails
        fails its step, as in a worker; `client.result(task)` raises TaskFailed then. What ends a
        test (pytest.fail(), a time limit, Ctrl-C) ends it in a handler, too.

        Raises DrainError when it cannot end: a step has no handler here, or there were more than
        `most` attempts.
        """
        ran, before = 0, -1
        while ran > before:
            before = ran
            self._worker.sweep()
            self._worker.process_task_requests()
            self._worker.process_step_results()
            for namespace in self._worker.list_namespaces():
                for step in self._claimed(namespace.name):
                    ran += 1
                    if ran > most:
                        raise DrainError(
                            f"it does not end: {most} attempts were made, and the next one is of "
                            f"step {step.name} of task {step.task_uuid}; drain(most) allows more"
                        )
        for namespace in self._worker.list_namespaces():
            if found := self._worker.claim_steps(namespace.name, WORKER, 100, LEASE):
                self._worker.release_claim(found[0].token)
            for step in found:
                self._check_handler(namespace.name, step)
        return ran

    def _claimed(self, namespace: str) -> Iterator[ClaimedStep]:
        """The steps that are due in a namespace, one after the other; each runs after it."""
        while found := self._worker.claim_steps(namespace, WORKER, 1, LEASE, _handlers()):
            yield found[0]
            self._attempt(namespace, found[0])

    def _attempt(self, namespace: str, step: ClaimedStep) -> None:
        attempt = Attempt(step, WORKER)
        registry = _Handlers(attempt)
        claimer = Claimer(
            *(namespace, WORKER, LEASE, _handlers),
            limit=lambda: 0,
            stopping=lambda: False,
            pool=self._pool,
            breaker=CircuitBreaker(WORKER),
        )
        outcome = traced(attempt, outcome_of(attempt, cast(Any, registry), claimer))
        if registry.interrupt:
            raise registry.interrupt
        if isinstance(outcome, GivenBack):
            self._worker.release_claim(step.token)
            raise DrainError(f"step {step.name} of task {step.task_uuid}: {outcome.note}")
        if not isinstance(outcome, Result | Failure):
            return
        if attempt.seconds > (step.timeout_seconds or attempt.seconds):
            outcome = outcomes.timed_out(step)
        try:
            self._report(namespace, step, outcome)
        except StaleClaimError:
            return  # the handler cancelled its own task, say
        except TaskerError as error:
            if error.verdict.whose is not Whose.RESULT:
                raise
            self._report(namespace, step, outcomes.refused(step.step_uuid, error))

    def _report(self, namespace: str, step: ClaimedStep, outcome: Result | Failure) -> None:
        report = JsonText(f"[{outcome.report}]")
        self._worker.finish_and_claim(namespace, WORKER, step.token, report, 0, LEASE)

    def _check_handler(self, namespace: str, step: ClaimedStep) -> None:
        """Raises DrainError for a step that is due, and that nothing here can run."""
        if step.handler.startswith(SQL_PREFIX) or step.handler in default_registry.names:
            return
        name = f"{namespace}/{self._worker.get_task(step.task_uuid).name}/{step.name}"
        known = ", ".join(default_registry.names) or "none"
        raise DrainError(
            f"step {name} is due and cannot run: nothing here is registered as the handler "
            f"{step.handler!r}: import the module that registers it (known are: {known})"
        )


class _Client(Client):
    """Of a test, in whose thread all runs: there is nothing to wait for."""

    def wait(self, task: UUID | CreatedTask, timeout: float | None = None) -> TaskEnd:
        """As a client's, but without a timeout it does not wait."""
        try:
            return super().wait(task, timeout or 0.0)
        except TimeoutError as error:
            raise TimeoutError(f"{error}. drain() runs what is due") from None


def _handlers() -> list[str]:
    return [*default_registry.names, f"{SQL_PREFIX}*"]


class _Handlers:
    """The registered handlers, for one attempt. What ends a test does not fail the step."""

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt
        self.interrupt: BaseException | None = None

    def find(self, name: str) -> Handler | None:
        found = default_registry.find(name)
        return replace(found, function=partial(self._call, found)) if found else None

    def _call(self, handler: Handler, *arguments: Any) -> Any:
        try:
            answer = handler.function(*arguments)
            if inspect.isawaitable(answer) and not handler.transactional:
                return coroutines.run(answer, self._attempt.cancelled)
        except (Exception, SystemExit, GeneratorExit, EndOfAttempt):
            raise
        except BaseException as error:
            self.interrupt = error
            raise
        return answer
