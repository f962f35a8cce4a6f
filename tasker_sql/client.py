"""One method per public SQL function. The only module that knows psycopg.

A method has the function's name, its arguments without their `p_`, and returns its rows. The SQL is
built from the method's signature and the row's dataclass, and a test compares both with the
database. On a connection in autocommit mode every call is a transaction; inside a transaction of
the caller's, it is a part of it:

    with psycopg.connect(dsn) as connection:
        connection.execute("insert into orders ...")
        Client(connection).create_task("fulfillment", "process_order", {"order_id": 7})
"""

from __future__ import annotations

import functools
import logging
import math
import select
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import fields, replace
from datetime import datetime, timedelta
from enum import Enum
from hashlib import md5
from typing import Any, Final, Protocol, TypeVar, get_args, get_origin, get_type_hints
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.abc import AdaptContext, Buffer
from psycopg.adapt import AdaptersMap, Loader
from psycopg.rows import args_row
from psycopg.types.json import set_json_loads
from psycopg.types.string import TextBinaryLoader

from tasker_sql import errors, rows
from tasker_sql.jsonb import decode, encode
from tasker_sql.masking import masked, remember_connection
from tasker_sql.verdict import verdict

R = TypeVar("R")
S = TypeVar("S", bound=rows.ClaimedStep)
Connection = psycopg.Connection[Any]

QUERY_CANCELED: Final = "57014"
SHAPE: Final = (
    *("cursor_factory", "server_cursor_factory", "row_factory", "prepare_threshold"),
    *("prepared_max", "isolation_level", "read_only", "deferrable", "autocommit"),
)
IDLE: Final = psycopg.pq.TransactionStatus.IDLE
INERROR: Final = psycopg.pq.TransactionStatus.INERROR
LEASE: Final = timedelta(seconds=30)
LONGEST_LOOK: Final = 5.0  # seconds that one call waits for the end of a task
EMPTY: Final[Mapping[str, Any]] = {}

SQL_TYPES: Final[Mapping[Any, str]] = {
    str: "text",
    int: "bigint",
    float: "double precision",
    bool: "boolean",
    UUID: "uuid",
    datetime: "timestamptz",
    timedelta: "interval",
    Any: "jsonb",
    Sequence[str]: "text[]",
    Sequence[UUID]: "uuid[]",
    Sequence[Any]: "jsonb[]",
}

log = logging.getLogger(__name__)


class Settings(Enum):
    """Which settings a connection gets that a runner depends on."""

    KEPT = "none"
    OF_SESSION = "for its session"
    OF_TRANSACTION = "for the transactions of handlers: a pooler shares its session with others"


def channel(worker: str) -> str:
    """The channel that notifies a worker, as `await_work` answers it."""
    return f"tasker_{md5(worker.encode(), usedforsecurity=False).hexdigest()[:12]}"


class Pool(Protocol):
    """What lends connections, such as psycopg_pool.ConnectionPool."""

    def connection(self) -> AbstractContextManager[Connection]: ...


class SqlHandlerError(Exception):
    """A handler written in SQL failed: its error as the server told it. Without a context, it was
    never called."""

    def __init__(self, sqlstate: str, message: str, detail: str, hint: str, context: str) -> None:
        super().__init__(message)
        self.verdict = verdict(sqlstate, context)
        self.sqlstate = sqlstate
        self.detail = detail
        self.hint = hint
        self.context = context


def connect(
    dsn: str,
    application_name: str,
    prepare_threshold: int | None = 5,
    connect_timeout: int = 10,
    patience: float | None = None,
    settings: Settings = Settings.KEPT,
) -> Client:
    """A client with a connection of its own, in autocommit mode. Close it.

    `prepare_threshold=None` prepares no statements, for a PgBouncer that does not support them.
    A call whose server is silent for `patience` seconds fails. What it reads depends on no setting
    of the server; `settings` are for what a runner does. Raises UnavailableError.
    """
    remember_connection(dsn)
    with _translated():
        connection = _Impatient.connect(
            dsn,
            autocommit=True,
            application_name=application_name,
            client_encoding="utf8",
            prepare_threshold=prepare_threshold,
            connect_timeout=connect_timeout,
            keepalives_idle=30,
            keepalives_interval=10,
            keepalives_count=3,
            tcp_user_timeout=60_000,  # for what was sent and not acknowledged
        )
    connection.add_notice_handler(
        lambda notice: log.info("%s: %s", notice.severity, notice.message_primary)
    )
    connection.patience = patience
    connection.settings = settings
    connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
    set_json_loads(decode, connection)
    if settings is Settings.OF_SESSION:
        with _translated():
            connection.execute(OUR_SETTINGS)
    connection.ended_transactions = 0
    connection.original = ()
    connection.original = connection.shape()
    return Client(connection)


class _Json(Loader):
    """JSON as the server sends it, in the encoding of the connection."""

    format = psycopg.pq.Format.BINARY

    def __init__(self, oid: int, context: AdaptContext | None = None) -> None:
        super().__init__(oid, context)
        known = self.connection.info.encoding if self.connection else "utf-8"
        self._encoding = "utf-8" if known == "ascii" else known

    def load(self, data: Buffer) -> Any:
        return decode(bytes(data)[1:].decode(self._encoding))  # behind the number of a version


# Binary answers depend on no setting; what has no loader, such as an enum, is text.
ADAPTERS: Final = AdaptersMap(psycopg.adapters)
ADAPTERS.register_loader("jsonb", _Json)
ADAPTERS.register_loader(0, TextBinaryLoader)


class _Cursor(psycopg.Cursor[R]):
    """Reads answers in the same way on every connection, whatever others have made of it."""

    @property
    def adapters(self) -> AdaptersMap:
        return ADAPTERS


def ask(
    connection: Connection,
    statement: bytes,
    arguments: Mapping[str, Any] | None = None,
    row: Callable[..., R] = tuple,  # type: ignore[assignment]
) -> list[R]:
    """The rows of a statement. Raises UnreadableError when they were sent and cannot be read."""
    cursor = _Cursor(connection, row_factory=args_row(row))
    if not isinstance(connection, _Impatient):  # an application's own: it reads numbers as ours do
        set_json_loads(decode, cursor)
    cursor.execute(statement, arguments, binary=True)
    try:
        return cursor.fetchall()
    except (psycopg.DataError, ValueError, ArithmeticError, RecursionError) as error:
        raise errors.UnreadableError(str(error), _token(cursor)) from error


def _token(cursor: psycopg.Cursor[Any]) -> UUID | None:
    """Of the claim that an answer has, if it has one."""
    names = [column.name for column in cursor.description or ()]
    if "token" not in names or cursor.pgresult is None:
        return None
    found = cursor.pgresult.get_value(0, names.index("token"))
    return UUID(bytes=bytes(found)) if found else None


class _Impatient(psycopg.Connection[Any]):
    """A connection whose server may be silent for `patience` seconds during a call.

    A network that loses everything, or a proxy before a dead server, does not end a connection.
    """

    patience: float | None = None
    settings = Settings.KEPT
    original: tuple[Any, ...] = ()
    ended_transactions = 0  # at which a call left the connection in none

    def wait(self, gen: Generator[Any, Any, R], *others: Any, **more: Any) -> R:
        if self.patience is not None:
            gen = self._within(gen, self.patience)
        try:
            return super().wait(gen, *others, **more)
        finally:
            self.ended_transactions += self.pgconn.transaction_status == IDLE

    def shape(self) -> tuple[Any, ...]:
        """What a handler could change of this object, beside its session."""
        adapters = self.adapters
        return (
            *(getattr(self, name) for name in SHAPE),
            *(list(self._notice_handlers), list(self._notify_handlers), set(vars(self))),
            *(
                [dict(one) for one in kept]
                for kept in (adapters._loaders, adapters._dumpers_by_oid)
            ),
            {kind: dict(one) for kind, one in adapters._dumpers.items()},
        )

    def _within(self, gen: Generator[Any, Any, R], seconds: float) -> Generator[Any, Any, R]:
        """What psycopg waits for. It looks here whenever there is news, and ten times a second."""
        ends = time.monotonic() + seconds
        try:
            state = next(gen)
            while True:
                ready = yield state
                now = time.monotonic()
                if ready:
                    ends = now + seconds
                elif now > ends:
                    self.pgconn.finish()
                    raise psycopg.OperationalError(f"the server was silent for {seconds:g} s")
                state = gen.send(ready)
        except StopIteration as end:
            answer: R = end.value
            return answer


class Client:
    """The public functions of the schema `tasker` over a connection, or over a pool of them.

    Raises the classes of tasker_sql.errors: TaskerError's kin as the functions' comments tell,
    UnavailableError when the database cannot answer, and ValueError for what is not JSON.
    """

    def __init__(self, source: Connection | Pool) -> None:
        self._source = source

    # Definitions

    def create_namespace(self, name: str) -> rows.CreatedNamespace:
        """Create a namespace with its queues, unless it is there."""
        return self._one(rows.CreatedNamespace, "create_namespace", name=name)

    def drop_namespace(self, name: str) -> rows.DroppedNamespace:
        """Drop a namespace that no template uses, with its queues."""
        return self._one(rows.DroppedNamespace, "drop_namespace", name=name)

    def register_template(self, definition: Any) -> rows.RegisteredTemplate:
        """Register a version of a task template; nothing is stored unless all of it is right."""
        return self._one(rows.RegisteredTemplate, "register_template", definition=definition)

    # Tasks

    def create_task(
        self, namespace: str, name: str, context: Any = EMPTY, options: Any = EMPTY
    ) -> rows.CreatedTask:
        """Create a task with a JSON object as its context.

        Options: version, idempotency_key, priority (high, normal, low), run_at (ISO 8601), tags,
        initiator, source_system, reason.
        """
        return self._one(
            rows.CreatedTask,
            "create_task",
            namespace=namespace,
            name=name,
            context=context,
            options=options,
        )

    def create_tasks(
        self, namespace: str, name: str, contexts: Sequence[Any], options: Any = EMPTY
    ) -> list[rows.CreatedTask]:
        """Create a task for each of up to 10,000 contexts, in one go; answers in their order.

        Options as `create_task`, with idempotency_keys instead of idempotency_key.
        """
        return self._rows(
            rows.CreatedTask,
            "create_tasks",
            namespace=namespace,
            name=name,
            contexts=contexts,
            options=options,
        )

    def cancel_task(self, task_uuid: UUID, reason: str) -> rows.ClosedTask:
        """Cancel a task with all its open steps."""
        return self._one(rows.ClosedTask, "cancel_task", task_uuid=task_uuid, reason=reason)

    def resolve_task(self, task_uuid: UUID, reason: str) -> rows.ClosedTask:
        """Settle a task that was dealt with outside the engine."""
        return self._one(rows.ClosedTask, "resolve_task", task_uuid=task_uuid, reason=reason)

    def plan_repair(
        self,
        verb: str,
        filter: Any = EMPTY,  # noqa: A002
        sample: int = 5,
        result: Any = None,
    ) -> list[rows.PlannedRepair]:
        """Plan an operator's verb for all that match: a sample of them, or nothing.

        The filter may name namespace, template, step, fingerprint, worker, state, as the verb
        allows; `result` is for complete_step_manually.
        """
        return self._rows(
            rows.PlannedRepair,
            "plan_repair",
            verb=verb,
            filter=filter,
            sample=sample,
            result=result,
        )

    def apply_repair(self, plan_uuid: UUID, reason: str, limit: int = 100) -> rows.AppliedRepair:
        """Carry out the next of a plan; call it until nothing remains."""
        return self._one(
            rows.AppliedRepair, "apply_repair", plan_uuid=plan_uuid, reason=reason, limit=limit
        )

    def set_limit(self, name: str, value: int, reason: str) -> rows.ChangedLimit:
        """Change one of `list_limits`, from the next call on.

        Raises NotFoundError, BadValueError (outside of its bounds).
        """
        return self._one(rows.ChangedLimit, "set_limit", name=name, value=value, reason=reason)

    def pause_task(self, task_uuid: UUID, reason: str) -> rows.Pause:
        """Hand out no more steps of a task."""
        return self._one(rows.Pause, "pause_task", task_uuid=task_uuid, reason=reason)

    def resume_task(self, task_uuid: UUID, reason: str) -> rows.Pause:
        """Undo `pause_task`."""
        return self._one(rows.Pause, "resume_task", task_uuid=task_uuid, reason=reason)

    def pause_template(self, namespace: str, name: str, reason: str) -> rows.Pause:
        """Hand out no more steps of a template's tasks."""
        return self._one(
            rows.Pause, "pause_template", namespace=namespace, name=name, reason=reason
        )

    def resume_template(self, namespace: str, name: str, reason: str) -> rows.Pause:
        """Undo `pause_template`."""
        return self._one(
            rows.Pause, "resume_template", namespace=namespace, name=name, reason=reason
        )

    def pause_namespace(self, namespace: str, reason: str) -> rows.Pause:
        """Hand out no more steps of a namespace."""
        return self._one(rows.Pause, "pause_namespace", namespace=namespace, reason=reason)

    def resume_namespace(self, namespace: str, reason: str) -> rows.Pause:
        """Undo `pause_namespace`."""
        return self._one(rows.Pause, "resume_namespace", namespace=namespace, reason=reason)

    def acknowledge_problem(
        self, code: str, subject: str, reason: str, until: datetime | None = None
    ) -> rows.AcknowledgedProblem:
        """Say that somebody knows of a problem, until a moment or until it changes."""
        return self._one(
            rows.AcknowledgedProblem,
            "acknowledge_problem",
            code=code,
            subject=subject,
            reason=reason,
            until=until,
        )

    # Steps, by operators

    def retry_step(self, step_uuid: UUID, reason: str) -> rows.StepAnswer:
        """Run a failed step again with all its attempts, or a waiting one at once."""
        return self._one(rows.StepAnswer, "retry_step", step_uuid=step_uuid, reason=reason)

    def requeue_step(self, step_uuid: UUID, reason: str) -> rows.StepAnswer:
        """Take a step back from its worker, or send its lost message again."""
        return self._one(rows.StepAnswer, "requeue_step", step_uuid=step_uuid, reason=reason)

    def resolve_step(self, step_uuid: UUID, reason: str) -> rows.StepAnswer:
        """Declare a step settled, without a result; its children go on."""
        return self._one(rows.StepAnswer, "resolve_step", step_uuid=step_uuid, reason=reason)

    def complete_step_manually(self, step_uuid: UUID, result: Any, reason: str) -> rows.StepAnswer:
        """Complete a step with a result given by hand; its children go on."""
        return self._one(
            rows.StepAnswer,
            "complete_step_manually",
            step_uuid=step_uuid,
            result=result,
            reason=reason,
        )

    # Steps, by workers

    def claim_steps(
        self,
        namespace: str,
        worker: str,
        limit: int = 1,
        lease: timedelta = LEASE,
        handlers: Sequence[str] | None = None,
        request: UUID | None = None,
        wait: timedelta | None = None,
        context_once: bool = False,
    ) -> list[rows.ClaimedStep]:
        """Take up to `limit` steps into one claim with one token.

        Only steps with these `handlers` (`sql:*`: all that are written in SQL). A call with the
        same `request` answers the same claim. One that finds nothing registers the worker for
        `wait`, as `await_work` does. With `context_once` the database sends the context of a task
        once, however many of its steps there are.
        """
        return _with_contexts(
            self._rows(
                rows.ClaimedStep,
                "claim_steps",
                namespace=namespace,
                worker=worker,
                limit=limit,
                lease=lease,
                handlers=handlers,
                request=request,
                wait=wait,
                context_once=context_once,
            )
        )

    def complete_step(
        self,
        step_uuid: UUID,
        token: UUID,
        result: Any = None,
        repeat: bool = False,
        seconds: float | None = None,
    ) -> rows.CompletedStep:
        """Complete a claimed step. In a transaction with business writes: exactly once.

        Raises AlreadyCompletedError when this claim has completed it before, unless `repeat`.
        """
        return self._one(
            rows.CompletedStep,
            "complete_step",
            step_uuid=step_uuid,
            token=token,
            result=result,
            repeat=repeat,
            seconds=seconds,
        )

    def fail_step(
        self,
        step_uuid: UUID,
        token: UUID,
        error: Any,
        retryable: bool = True,
        retry_after: timedelta | None = None,
        seconds: float | None = None,
    ) -> rows.FailedStep:
        """End a claimed step's attempt as failed."""
        return self._one(
            rows.FailedStep,
            "fail_step",
            step_uuid=step_uuid,
            token=token,
            error=error,
            retryable=retryable,
            retry_after=retry_after,
            seconds=seconds,
        )

    def finish_and_claim(
        self,
        namespace: str,
        worker: str,
        token: UUID | None,
        outcomes: Any,
        limit: int = 1,
        lease: timedelta = LEASE,
        handlers: Sequence[str] | None = None,
        request: UUID | None = None,
        release: Sequence[UUID] | None = None,
        refused: bool = False,
        wait: timedelta | None = None,
        context_once: bool = False,
    ) -> list[rows.NextStep]:
        """Report outcomes of steps of one claim, and take the next steps: the whole protocol.

        Outcomes: [{"step_uuid", "result", "seconds"} | {"step_uuid", "error", "retryable",
        "retry_after_seconds", "seconds"}]. All or nothing; with `refused` each that can be applied
        is, and for each other one there is a row. Steps in `release` go back to their queue. All
        else is as in `claim_steps`.
        """
        return _with_contexts(
            self._rows(
                rows.NextStep,
                "finish_and_claim",
                namespace=namespace,
                worker=worker,
                token=token,
                outcomes=outcomes,
                limit=limit,
                lease=lease,
                handlers=handlers,
                request=request,
                release=release,
                refused=refused,
                wait=wait,
                context_once=context_once,
            )
        )

    def submit_step_results(self, token: UUID, outcomes: Any) -> rows.Submission | None:
        """Hand in outcomes for `process_step_results`; nothing when they were handed in before."""
        found = self._rows(rows.Submission, "submit_step_results", token=token, outcomes=outcomes)
        return found[0] if found else None

    def report_steps(self, token: UUID, outcomes: Any) -> list[rows.ReportedStep]:
        """Report outcomes, as `finish_and_claim`, and learn what became of each; claim nothing.

        An outcome that is refused refuses only itself.
        """
        return self._rows(rows.ReportedStep, "report_steps", token=token, outcomes=outcomes)

    def heartbeat(
        self,
        token: UUID,
        lease: timedelta | None = LEASE,
        step_uuids: Sequence[UUID] | None = None,
    ) -> rows.Heartbeat:
        """Extend a claim from now on, and learn which of its steps to stop working on.

        With `step_uuids`, learn what became of each of these; raise nothing when the claim is gone.
        """
        return self._one(
            rows.Heartbeat, "heartbeat", token=token, lease=lease, step_uuids=step_uuids
        )

    def release_claim(
        self, token: UUID, step_uuids: Sequence[UUID] | None = None
    ) -> list[rows.ReleasedStep]:
        """Give unfinished steps of a claim back, all or these, no attempt counted."""
        return self._rows(rows.ReleasedStep, "release_claim", token=token, step_uuids=step_uuids)

    def report_late_writes(
        self, token: UUID, step_uuids: Sequence[UUID], worker: str
    ) -> list[rows.LateWrite]:
        """After StaleClaimError, in a transaction of its own: count what came too late."""
        return self._rows(
            rows.LateWrite,
            "report_late_writes",
            token=token,
            step_uuids=step_uuids,
            worker=worker,
        )

    def await_work(
        self, namespaces: Sequence[str], worker: str, for_: timedelta = timedelta(seconds=5)
    ) -> list[rows.IdleChannel]:
        """Register as idle: the next work notifies. Listen before, claim once more after."""
        return self._rows(
            rows.IdleChannel, "await_work", namespaces=namespaces, worker=worker, for_=for_
        )

    # Orchestration: anybody may call these, at any rate

    def sweep(self, limit: int = 1000) -> list[rows.SweptAction]:
        """Do what must happen because time has passed or something was lost."""
        return self._rows(rows.SweptAction, "sweep", limit=limit)

    def enqueue_steps(self, limit: int = 1000) -> list[rows.SweptAction]:
        """The larger part of a sweep: what is due, or was lost on its way into a queue."""
        return self._rows(rows.SweptAction, "enqueue_steps", limit=limit)

    def finalize_tasks(self, limit: int = 1000) -> list[rows.SweptAction]:
        """The other part of a sweep: tasks that no last step has ended."""
        return self._rows(rows.SweptAction, "finalize_tasks", limit=limit)

    def process_step_results(self, limit: int = 50) -> list[rows.ProcessedResult]:
        """Carry out outcomes that were handed in."""
        return self._rows(rows.ProcessedResult, "process_step_results", limit=limit)

    def process_task_requests(self, limit: int = 50) -> list[rows.ProcessedRequest]:
        """Create tasks that were asked for by message."""
        return self._rows(rows.ProcessedRequest, "process_task_requests", limit=limit)

    def report_runner(
        self, name: str, report: Any, interval: timedelta = timedelta(seconds=5)
    ) -> list[rows.ForcedBreaker]:
        """A runner's heartbeat: tell how it is, learn what operators want of its breakers."""
        return self._rows(
            rows.ForcedBreaker, "report_runner", name=name, report=report, interval=interval
        )

    def force_breaker(
        self, breaker: str, position: str, reason: str, runner: str | None = None
    ) -> rows.BreakerOrder:
        """Force a breaker open or closed, of one runner or of every one."""
        return self._one(
            rows.BreakerOrder,
            "force_breaker",
            breaker=breaker,
            position=position,
            reason=reason,
            runner=runner,
        )

    def release_breaker(
        self, breaker: str, reason: str, runner: str | None = None
    ) -> rows.BreakerRelease:
        """Undo `force_breaker`; the next call is on trial."""
        return self._one(
            rows.BreakerRelease, "release_breaker", breaker=breaker, reason=reason, runner=runner
        )

    def claim_task_for_finalization(
        self, task_uuid: UUID, processor_id: str, timeout_seconds: int = 30
    ) -> rows.FinalizationClaim:
        """Take the right to finalize a task, for templates with `finalization: external`."""
        return self._one(
            rows.FinalizationClaim,
            "claim_task_for_finalization",
            task_uuid=task_uuid,
            processor_id=processor_id,
            timeout_seconds=timeout_seconds,
        )

    def extend_finalization_claim(
        self, finalization_attempt_uuid: UUID, timeout_seconds: int = 30
    ) -> rows.ExtendedFinalization:
        """Prolong a finalization claim from now on."""
        return self._one(
            rows.ExtendedFinalization,
            "extend_finalization_claim",
            finalization_attempt_uuid=finalization_attempt_uuid,
            timeout_seconds=timeout_seconds,
        )

    def release_finalization_claim(
        self, finalization_attempt_uuid: UUID
    ) -> rows.ReleasedFinalization | None:
        """Give a finalization claim back; nothing when there never was such a claim."""
        found = self._rows(
            rows.ReleasedFinalization,
            "release_finalization_claim",
            finalization_attempt_uuid=finalization_attempt_uuid,
        )
        return found[0] if found else None

    def finalize_task(
        self, task_uuid: UUID, finalization_attempt_uuid: UUID | None = None
    ) -> rows.FinalizedTask:
        """End a task whose steps have all ended."""
        return self._one(
            rows.FinalizedTask,
            "finalize_task",
            task_uuid=task_uuid,
            finalization_attempt_uuid=finalization_attempt_uuid,
        )

    # Questions

    def get_task(self, task_uuid: UUID) -> rows.Task:
        """Everything about one task."""
        return self._one(rows.Task, "get_task", task_uuid=task_uuid)

    def task_results(self, task_uuid: UUID) -> list[rows.TaskResult]:
        """What the steps of a task came to, parents first; `result` waits for those at the end."""
        return self._rows(rows.TaskResult, "task_results", task_uuid=task_uuid)

    def wait_task(
        self, task_uuid: UUID, for_: timedelta | None = timedelta(seconds=5)
    ) -> rows.TaskEnd:
        """Wait in the database until a task has ended, for 10 seconds at most; see `wait`."""
        return self._one(rows.TaskEnd, "wait_task", task_uuid=task_uuid, for_=for_)

    def wait(self, task: UUID | rows.CreatedTask, timeout: float | None = None) -> rows.TaskEnd:
        """Wait until a task has ended, for `timeout` seconds at most (None: as long as it takes).

        Not in the transaction that creates the task. Raises TimeoutError, NotFoundError.
        """
        task_uuid = task if isinstance(task, UUID) else task.task_uuid
        ends = None if timeout is None else time.monotonic() + timeout
        while True:
            began = time.monotonic()
            left = LONGEST_LOOK if ends is None else max(0.0, min(LONGEST_LOOK, ends - began))
            found = self.wait_task(task_uuid, timedelta(seconds=left))
            if found.finished_at is not None:
                return found
            now = time.monotonic()
            if ends is not None and now >= ends:
                raise TimeoutError(f"task {task_uuid} is {found.state} after {timeout:g} s")
            if now - began < left / 2:
                raise RuntimeError(
                    "a transaction that keeps its snapshot never sees the end: wait outside of it"
                )

    def result(self, task: UUID | rows.CreatedTask, timeout: float | None = None) -> Any:
        """Wait for a task as `wait`, and return what it came to: the result of its last step, or a
        dict by name when there are several that no other depends on.

        Raises TaskFailed when it did not complete, and as `wait`.
        """
        end = self.wait(task, timeout)
        found = self.task_results(end.task_uuid)
        if end.state != "complete":
            failed = [step for step in found if step.state == "error"]
            name, error = (failed[0].name, failed[0].error) if failed else (None, None)
            raise errors.TaskFailed(end.task_uuid, end.state, name, error)
        last = {step.name: step.result for step in found if step.is_last}
        return last if len(last) > 1 else next(iter(last.values()))

    def list_tasks(
        self,
        filter: Any = EMPTY,  # noqa: A002
        limit: int = 50,
        before: UUID | None = None,
    ) -> list[rows.ListedTask]:
        """A page of tasks, newest first.

        The filter may name namespace, name, version, state, tag, initiator, since, until,
        idempotency_key; `before` is the `next_before` of the page before.
        """
        return self._rows(rows.ListedTask, "list_tasks", filter=filter, limit=limit, before=before)

    def get_task_steps(self, task_uuid: UUID) -> list[rows.TaskStep]:
        """The steps of a task, parents first."""
        return self._rows(rows.TaskStep, "get_task_steps", task_uuid=task_uuid)

    def explain_step(self, step_uuid: UUID) -> list[rows.StepReason]:
        """Why a step is not running: what blocks first, with its cure."""
        return self._rows(rows.StepReason, "explain_step", step_uuid=step_uuid)

    def explain_task(self, task_uuid: UUID) -> list[rows.TaskReason]:
        """What a task waits for: each kind of reason once."""
        return self._rows(rows.TaskReason, "explain_task", task_uuid=task_uuid)

    def step_attempts(self, step_uuid: UUID) -> list[rows.StepAttempt]:
        """What became of each attempt at a step, in order."""
        return self._rows(rows.StepAttempt, "step_attempts", step_uuid=step_uuid)

    def task_timings(self, task_uuid: UUID) -> list[rows.StepTimings]:
        """Where a task's wall time went, step by step."""
        return self._rows(rows.StepTimings, "task_timings", task_uuid=task_uuid)

    def critical_path(self, task_uuid: UUID) -> list[rows.PathStep]:
        """Which chain of steps decides when a task ends, and when that will be."""
        return self._rows(rows.PathStep, "critical_path", task_uuid=task_uuid)

    def list_queued_steps(self, namespace: str, limit: int = 20) -> list[rows.QueuedStep]:
        """What is in a namespace's queues, the longest waiting first, and why nobody has it."""
        return self._rows(rows.QueuedStep, "list_queued_steps", namespace=namespace, limit=limit)

    def get_step_readiness_status(
        self, task_uuid: UUID, step_uuids: Sequence[UUID] | None = None
    ) -> list[rows.StepReadiness]:
        """What stands between each step of a task and its next attempt."""
        return self._rows(
            rows.StepReadiness,
            "get_step_readiness_status",
            task_uuid=task_uuid,
            step_uuids=step_uuids,
        )

    def get_task_execution_context(self, task_uuid: UUID) -> rows.TaskExecutionContext:
        """How a task stands."""
        return self._one(
            rows.TaskExecutionContext, "get_task_execution_context", task_uuid=task_uuid
        )

    def get_task_execution_contexts(
        self, task_uuids: Sequence[UUID]
    ) -> list[rows.TaskExecutionContext]:
        """How some tasks stand."""
        return self._rows(
            rows.TaskExecutionContext, "get_task_execution_contexts", task_uuids=task_uuids
        )

    def get_step_transitive_dependencies(self, step_uuid: UUID) -> list[rows.StepDependency]:
        """All steps that a step depends on, each once, with its shortest distance."""
        return self._rows(
            rows.StepDependency, "get_step_transitive_dependencies", step_uuid=step_uuid
        )

    def calculate_dependency_levels(self, task_uuid: UUID) -> list[rows.DependencyLevel]:
        """The level of each step of a task."""
        return self._rows(rows.DependencyLevel, "calculate_dependency_levels", task_uuid=task_uuid)

    def list_namespaces(self) -> list[rows.ListedNamespace]:
        """All namespaces, paused or not."""
        return self._rows(rows.ListedNamespace, "list_namespaces")

    def list_limits(self) -> list[rows.Limit]:
        """What the engine takes at most."""
        return self._rows(rows.Limit, "list_limits")

    def list_templates(self, namespace: str | None = None) -> list[rows.ListedTemplate]:
        """The templates of a namespace, or all."""
        return self._rows(rows.ListedTemplate, "list_templates", namespace=namespace)

    def get_template(self, namespace: str, name: str, version: str | None = None) -> rows.Template:
        """One template, of the version given or else the highest."""
        return self._one(
            rows.Template, "get_template", namespace=namespace, name=name, version=version
        )

    def get_system_health_counts(self) -> rows.SystemHealthCounts:
        """How the whole system stands."""
        return self._one(rows.SystemHealthCounts, "get_system_health_counts")

    def get_analytics_metrics(self, since: datetime) -> rows.AnalyticsMetrics:
        """What happened since then."""
        return self._one(rows.AnalyticsMetrics, "get_analytics_metrics", since=since)

    def count_events(self, after: Any = None) -> list[rows.EventCount]:
        """What happened since the call that returned this `next_after`; None: from now on."""
        return self._rows(rows.EventCount, "count_events", after=after)

    def get_slowest_steps(
        self,
        since: datetime,
        limit: int = 10,
        namespace: str | None = None,
        task: str | None = None,
        version: str | None = None,
    ) -> list[rows.SlowStep]:
        """The steps that took longest since then."""
        return self._rows(
            rows.SlowStep,
            "get_slowest_steps",
            since=since,
            limit=limit,
            namespace=namespace,
            task=task,
            version=version,
        )

    def get_slowest_tasks(
        self,
        since: datetime,
        limit: int = 10,
        namespace: str | None = None,
        task: str | None = None,
        version: str | None = None,
    ) -> list[rows.SlowTask]:
        """The tasks that took longest since then."""
        return self._rows(
            rows.SlowTask,
            "get_slowest_tasks",
            since=since,
            limit=limit,
            namespace=namespace,
            task=task,
            version=version,
        )

    def check_invariants(self, task_uuid: UUID | None = None) -> list[rows.Violation]:
        """What is wrong in one task, or in all: empty means that all is well."""
        return self._rows(rows.Violation, "check_invariants", task_uuid=task_uuid)

    def contract(self) -> Any:
        """What the database knows: functions with their arguments and columns, codes, limits."""
        with self._connection() as connection, _translated():
            found = connection.execute(b"select tasker.contract()").fetchone()
            return found and found[0]

    def queue_depths(self) -> list[rows.QueueDepth]:
        """How full each queue is (a view)."""
        return self._view(rows.QueueDepth, "queue_depths")

    def served_namespaces(self) -> list[rows.ServedNamespace]:
        """Who works for each namespace (a view)."""
        return self._view(rows.ServedNamespace, "served_namespaces")

    def live_claims(self) -> list[rows.LiveClaim]:
        """Who works on what now (a view)."""
        return self._view(rows.LiveClaim, "live_claims")

    def known_workers(self) -> list[rows.KnownWorker]:
        """Everybody who works, in any language (a view)."""
        return self._view(rows.KnownWorker, "known_workers")

    def known_runners(self) -> list[rows.KnownRunner]:
        """Who runs, or ran within the last day (a view)."""
        return self._view(rows.KnownRunner, "known_runners")

    def executor_pools(self) -> list[rows.ExecutorPool]:
        """The executor pools of live runners (a view)."""
        return self._view(rows.ExecutorPool, "executor_pools")

    def circuit_breakers(self) -> list[rows.CircuitBreaker]:
        """The circuit breakers of live runners (a view)."""
        return self._view(rows.CircuitBreaker, "circuit_breakers")

    def problems(self) -> list[rows.Problem]:
        """What is wrong now, the worst first (a view)."""
        return self._view(rows.Problem, "problems")

    def dead_letters(self) -> list[rows.DeadLetters]:
        """Steps that failed for good, grouped by step and error (a view)."""
        return self._view(rows.DeadLetters, "dead_letters")

    # Handlers, and what a worker needs of its connection

    @contextmanager
    def patience(self, seconds: float | None) -> Iterator[None]:
        """Let calls raise UnavailableError when the server says nothing for so long; None: never.

        For a connection that `connect` opened.
        """
        source = self._source
        if not isinstance(source, _Impatient):
            yield
            return
        before, source.patience = source.patience, seconds
        try:
            yield
        finally:
            source.patience = before

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction for several calls: committed at the end, rolled back by an exception."""
        with self._connection() as connection, _translated(), connection.transaction():
            yield connection

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Within `transaction()`: calls of a handler, which may take long. Raises PermanentError
        when it ended the transaction, with which its step was to be completed, and RuntimeError
        when it left it aborted. For a connection that `connect` opened."""
        connection: Any = self._source
        if connection.settings is Settings.OF_TRANSACTION:
            connection.execute(LOCAL_SETTINGS)
        before = connection.ended_transactions
        with self.patience(None):
            yield
        if connection.ended_transactions > before:
            raise errors.PermanentError(
                "the handler ended its transaction itself; it must leave commit and rollback to "
                "the worker, which completes the step in the same transaction"
            )
        if connection.info.transaction_status == INERROR:
            raise RuntimeError(
                "the handler left its transaction aborted; whoever catches an error of the "
                "database rolls back to a savepoint: with connection.transaction()"
            )

    @contextmanager
    def rolled_back(self) -> Iterator[None]:
        """A transaction whose calls are undone at its end: to ask what they would answer."""
        with self.transaction():
            yield
            raise psycopg.Rollback

    @contextmanager
    def limited(self, seconds: float) -> Iterator[None]:
        """A transaction for calls that may take so long each.

        Raises TooSlowError for one that takes longer: an answer, for the database is well.
        """
        try:
            with self.transaction() as connection:
                connection.execute(SET_TIMEOUT, [str(max(1, round(seconds * 1000)))])
                yield
        except errors.TooSlowError as error:
            raise errors.TooSlowError(
                "the call was ended", f"it may take {seconds:g} s", sqlstate=QUERY_CANCELED
            ) from error

    def finish_with_function(
        self,
        schema: str,
        function: str,
        step: rows.ClaimedStep,
        namespace: str,
        worker: str,
        limit: int,
        lease: timedelta,
        handlers: Sequence[str],
    ) -> list[rows.ClaimedStep]:
        """`finish_and_claim` for one step, whose result is what an SQL function returns.

        One transaction, bounded by the step's timeout. Raises SqlHandlerError when the function
        fails, and as `finish_and_claim`.
        """
        arguments = {
            "namespace": namespace,
            "worker": worker,
            "token": step.token,
            "step_uuid": step.step_uuid,
            "limit": limit,
            "lease": lease,
            "handlers": list(handlers),
        }
        with self._connection() as connection, _translated():
            if step.timeout is None:
                return _finish_with(connection, schema, function, arguments)
            with connection.transaction():
                milliseconds = str(round(step.timeout.total_seconds() * 1000))
                connection.execute(SET_TIMEOUT, [milliseconds])
                return _finish_with(connection, schema, function, arguments)

    def listen(self, channel: str) -> None:
        """LISTEN on this connection from now on."""
        with self._connection() as connection, _translated():
            connection.execute(sql.SQL("listen {}").format(sql.Identifier(channel)))

    def wait_for_notification(self, seconds: float, wake: int) -> bool:
        """Wait for a notification, for input on the file `wake`, or for the seconds to pass.

        Says whether there was a notification.
        """
        with self._connection() as connection, _translated():
            if list(connection.notifies(timeout=0)):  # came in during another call
                return True
            poll = select.poll()  # unlike select(), takes file numbers of any size
            poll.register(connection.fileno(), select.POLLIN)
            poll.register(wake, select.POLLIN)
            ready = {file for file, _ in poll.poll(max(0, math.ceil(seconds * 1000)))}
            if connection.fileno() not in ready:
                return False
            return len(list(connection.notifies(timeout=0))) > 0

    @property
    def changed(self) -> bool:
        """Whether somebody changed the object of its connection, which `connect` opened."""
        return (
            isinstance(self._source, _Impatient) and self._source.shape() != self._source.original
        )

    @property
    def lost(self) -> bool:
        """Whether its connection is closed, or was lost."""
        with self._connection() as connection:
            return connection.closed

    @property
    def usable(self) -> bool:
        """Whether its connection is open, and in no transaction."""
        with self._connection() as connection:
            return connection.info.transaction_status == IDLE

    def reset(self) -> None:
        """Undo what a session was given beyond its transactions: settings, a role, temporary
        tables, advisory locks, channels. Raises UnavailableError."""
        with self._connection() as connection, _translated():
            ours = getattr(connection, "settings", None) is Settings.OF_SESSION
            connection.execute(RESET + b";" + HANDLERS_SETTINGS if ours else RESET)

    def close(self) -> None:
        """Close the connection, or the pool."""
        self._source.close()  # type: ignore[union-attr]

    # How it is done

    def _connection(self) -> AbstractContextManager[Connection]:
        if isinstance(self._source, psycopg.Connection):
            return nullcontext(self._source)
        return self._source.connection()

    def _view(self, row: type[R], view: str) -> list[R]:
        kind_of_row: Any = row
        columns = ", ".join(field.name for field in fields(kind_of_row))
        with self._connection() as connection, _translated():
            return ask(connection, f"select {columns} from tasker.{view}".encode(), row=row)

    def _one(self, row: type[R], function: str, **arguments: Any) -> R:
        return self._rows(row, function, **arguments)[0]

    def _rows(self, row: type[R], function: str, **arguments: Any) -> list[R]:
        for name, kind in parameters(function).items():
            if kind is Any and arguments[name] is not None:
                arguments[name] = encode(arguments[name])
            elif kind == Sequence[Any]:
                arguments[name] = [encode(value) for value in arguments[name]]
            elif get_origin(kind) is Sequence and arguments[name] is not None:
                arguments[name] = list(arguments[name])
        kind_of_row: Any = row
        statement = _statement(function, kind_of_row)
        with self._connection() as connection, _translated():
            return ask(connection, statement, arguments, row)


def _with_contexts(steps: list[S]) -> list[S]:
    """Steps whose context was sent with another step of their task."""
    contexts = {step.task_uuid: step.context for step in steps if step.context is not None}
    return [
        step if step.context is not None else replace(step, context=contexts.get(step.task_uuid))
        for step in steps
    ]


@functools.cache
def parameters(function: str) -> dict[str, Any]:
    """The arguments of a method of `Client` and their Python types, null or not."""
    found = get_type_hints(getattr(Client, function))
    found.pop("return")
    return {
        name: next((part for part in get_args(kind) if SQL_TYPES.get(part)), kind)
        if type(None) in get_args(kind)
        else kind
        for name, kind in found.items()
    }


@functools.cache
def _statement(function: str, row: Any) -> bytes:
    """`select <columns> from tasker.<function>(p_x => %(x)s::type, ...)`."""
    columns = ", ".join(field.name for field in fields(row))
    arguments = ", ".join(
        f"p_{name.rstrip('_')} => %({name})s::{SQL_TYPES[kind]}"
        for name, kind in parameters(function).items()
    )
    return f"select {columns} from tasker.{function}({arguments})".encode()


# DISCARD ALL would forget prepared statements, too.
RESET: Final = b"""
close all; unlisten *; set session authorization default; reset all;
select pg_catalog.pg_advisory_unlock_all(); discard temp; discard sequences
"""

# Of a runner's sessions. How dates are written, not how they are read; time limits are the steps'
# own (timeout_seconds), and 17 has one more of the server's. Ours wait for no lock for so long that
# heartbeats would stop.
_SETTINGS: Final = """
select pg_catalog.set_config(name, value, {local})
  from (values ('datestyle', 'ISO'),
               ('intervalstyle', 'postgres'),
               ('default_transaction_isolation', 'read committed'),
               ('statement_timeout', '0'),
               ('lock_timeout', '{lock}'),
               ('transaction_timeout', '0'),
               ('idle_in_transaction_session_timeout', '0'),
               ('idle_session_timeout', '0')) as chosen (name, value)
 where pg_catalog.current_setting(name, true) is not null
"""
OUR_SETTINGS: Final = _SETTINGS.format(local=False, lock="5s").encode()
HANDLERS_SETTINGS: Final = _SETTINGS.format(local=False, lock="0").encode()
LOCAL_SETTINGS: Final = _SETTINGS.format(local=True, lock="0").encode()

SET_TIMEOUT: Final = b"select pg_catalog.set_config('statement_timeout', %s, true)"


# The function gets what the server has, which comes and goes as no JSON. Nothing calls it when the
# claim does not hold the step any more; then finish_and_claim says so.
FINISH_WITH: Final = """
select {} from tasker.finish_and_claim(
  p_namespace => %(namespace)s::text,
  p_worker    => %(worker)s::text,
  p_token     => %(token)s::uuid,
  p_outcomes  => pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_object(
                   'step_uuid', %(step_uuid)s::uuid,
                   'result', (select {}(claimed.context, claimed.dependency_results)
                                from tasker._claim_rows(
                                       %(token)s::uuid, null,
                                       array[tasker._step_id(%(step_uuid)s::uuid)],
                                       null) as claimed))),
  p_limit     => %(limit)s::bigint,
  p_lease     => %(lease)s::interval,
  p_handlers  => %(handlers)s::text[]
)
"""


@functools.cache
def _finish_with_statement(schema: str, function: str) -> bytes:
    columns = sql.SQL(", ").join(sql.Identifier(field.name) for field in fields(rows.ClaimedStep))
    return sql.SQL(FINISH_WITH).format(columns, sql.Identifier(schema, function)).as_bytes()


def _finish_with(
    connection: Connection, schema: str, function: str, arguments: Mapping[str, Any]
) -> list[rows.ClaimedStep]:
    statement = _finish_with_statement(schema, function)
    try:
        return ask(connection, statement, arguments, rows.ClaimedStep)
    except psycopg.Error as error:
        if _is_ours(error) or verdict(error.sqlstate).unavailable:
            raise
        raise SqlHandlerError(*_told(error), error.diag.context or "") from error


def _is_ours(error: psycopg.Error) -> bool:
    """Whether it was not the function of a handler that failed, but a function of ours around it,
    or that is missing."""
    context = error.diag.context or error.diag.message_primary or ""
    outermost = context.rpartition("\n")[2]
    return "tasker.finish_and_claim(" in outermost or "tasker._claim_rows(" in outermost


@contextmanager
def _translated() -> Iterator[None]:
    """psycopg's errors as ours."""
    try:
        yield
    except psycopg.Error as error:
        if isinstance(error, psycopg.ProgrammingError) and error.sqlstate is None:
            raise  # the caller's mistake, such as commit() within `transaction()`
        if isinstance(error, psycopg.DataError) and error.sqlstate is None:
            raise ValueError(str(error)) from error  # a NUL in a text, say: nothing was sent
        context = error.diag.context or ""
        if verdict(error.sqlstate, context).unavailable:
            said = error.diag.message_primary or str(error).strip() or type(error).__name__
            said = masked(" ".join(said.split()))
            raise errors.UnavailableError(said, sqlstate=error.sqlstate) from error
        reason = error.diag.constraint_name or ""
        raise errors.answer(*_told(error), reason, context) from error


def _told(error: psycopg.Error) -> tuple[str, str, str, str]:
    said = error.diag
    message = said.message_primary or str(error)
    return error.sqlstate or "", message, said.message_detail or "", said.message_hint or ""
