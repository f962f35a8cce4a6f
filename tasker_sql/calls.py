"""One method for each public SQL function. Written by `make client`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from uuid import UUID

from tasker_sql import rows
from tasker_sql.jsonb import encode

R = TypeVar("R")

EMPTY: Final[Mapping[str, Any]] = {}
LEASE: Final = timedelta(seconds=30)


def _json(value: Any) -> Any:
    return None if value is None else encode(value)


def _array(values: Sequence[Any] | None) -> list[Any] | None:
    return None if values is None else list(values)


def _with_contexts(steps: list[rows.ClaimedStep]) -> list[rows.ClaimedStep]:
    """Steps whose context was sent with another step of their task."""
    contexts = {step.task_uuid: step.context for step in steps if step.context is not None}
    return [
        step if step.context is not None else step._replace(context=contexts.get(step.task_uuid))
        for step in steps
    ]


class Calls(ABC):
    """The public functions of the schema `tasker`, with the arguments and comments that they have
    in the database."""

    @abstractmethod
    def _rows(self, row: type[R], source: str, *arguments: Any) -> list[R]:
        """The columns of a row, selected from a function or view."""

    def _one(self, row: type[R], source: str, *arguments: Any) -> R:
        return self._rows(row, source, *arguments)[0]

    def _maybe(self, row: type[R], source: str, *arguments: Any) -> R | None:
        found = self._rows(row, source, *arguments)
        return found[0] if found else None

    # define

    def register_template(self, definition: Any) -> rows.RegisteredTemplate:
        """Registers a version of a template from its definition: {"name", "namespace_name",
        "version" (n.n.n), "description", "metadata", "input_schema" (JSON Schema, see
        _check_schema), "finalization" ("inline" or "external"), "deadline" (a duration),
        "on_deadline" (fail, cancel), "steps": [{"name", "description", "handler": {"callable" or
        "sql", "initialization"}, "namespace", "dependencies", "run_on" (success, full_success,
        failure, end), "if" (an SQL/JSON path), "on_error" (fail, continue, skip), "wait" (instead
        of a handler: {"for"}, {"until", "every"} or {"signal", "count", "schema", "fail_if",
        "prompt"}, with "timeout", "on_timeout" (fail, skip, continue), "default"), "retry":
        {"retryable", "max_attempts", "backoff", "backoff_base_ms", "max_backoff_ms", "jitter"},
        "timeout_seconds", "start_within", "finish_within" (durations)}]}.

        A version never changes; a definition that says the same, with or without its defaults,
        answers created = false. Nothing is stored unless everything is right.
        Raises BadValueError, LimitExceededError (over one of list_limits), CycleError (cycle),
        ConflictError (same version, other content).
        """
        sql = "tasker.register_template(p_definition => %s::jsonb)"
        return self._one(rows.RegisteredTemplate, sql, _json(definition))

    def drop_namespace(self, name: str) -> rows.DroppedNamespace:
        """Drops a namespace that no template or step uses, with its queues.

        Raises NotFoundError (unknown), IllegalTransitionError (in use), BusyError (a transaction
        that used its queues stays open for ten seconds).
        """
        return self._one(rows.DroppedNamespace, "tasker.drop_namespace(p_name => %s::text)", name)

    def create_namespace(self, name: str) -> rows.CreatedNamespace:
        """Creates a namespace with its PGMQ queues (<name>_queue, _high, _low).

        Safe to repeat.
        Raises BadValueError when the name is not 1 to 32 characters a-z, 0-9 and _, a letter first.
        """
        return self._one(rows.CreatedNamespace, "tasker.create_namespace(p_name => %s::text)", name)

    # ask

    def process_task_requests(self, limit: int = 50) -> list[rows.ProcessedRequest]:
        """Creates the tasks that up to `limit` (1 to messages_per_call) messages in
        orchestration_task_requests ask for, exactly once: {"namespace", "name", "context",
        "options"} as create_task.

        Bad messages go to rejected_messages with the error.
        Raises BadValueError (bad limit).
        """
        sql = "tasker.process_task_requests(p_limit => %s::bigint)"
        return self._rows(rows.ProcessedRequest, sql, limit)

    def create_task(
        self, namespace: str, name: str, context: Any = EMPTY, options: Any = EMPTY
    ) -> rows.CreatedTask:
        """Creates a task of a template with a JSON object as context, in the caller's transaction:
        it exists when you commit.

        Options: version (default: highest), idempotency_key (a repeated call with the key and
        context returns the same task with created = false), priority (high, normal, low), run_at
        (ISO 8601 with zone), deadline (such a time, or a duration from when it begins; in place of
        its template's), tags, initiator, source_system, reason; None is as if it were not there.
        Raises NotFoundError (unknown namespace, template or version), LimitExceededError (over one
        of list_limits), ConflictError (same key, other context), BadValueError (bad option, or a
        context that the input_schema refuses).
        """
        sql = """tasker.create_task(p_namespace => %s::text, p_name => %s::text,
            p_context => %s::jsonb, p_options => %s::jsonb)"""
        return self._one(rows.CreatedTask, sql, namespace, name, _json(context), _json(options))

    def create_tasks(
        self, namespace: str, name: str, contexts: Sequence[Any], options: Any = EMPTY
    ) -> list[rows.CreatedTask]:
        """Creates a task for each context (JSON objects, up to tasks_per_call) in the caller's
        transaction and answers in the same order.

        Options as create_task, with idempotency_keys (an array, one key for each context) instead
        of idempotency_key; one that is None is as if it were not there.
        Raises NotFoundError, LimitExceededError, ConflictError, BadValueError; then none of the
        tasks is made.
        """
        sql = """tasker.create_tasks(p_namespace => %s::text, p_name => %s::text,
            p_contexts => %s::jsonb[], p_options => %s::jsonb)"""
        return self._rows(
            rows.CreatedTask,
            sql,
            namespace,
            name,
            [encode(value) for value in contexts],
            _json(options),
        )

    # work

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
        """Hands up to `limit` (1 to steps_per_call) enqueued steps of a namespace to one worker
        under a fresh random token, for `lease` (up to lease_seconds, and to 5 seconds after the
        first deadline of the steps; extend it with heartbeat).

        Commit the call before a handler starts. Returns one row per step: attempt counts from 1,
        timeout, timeout_seconds and deadline are None when the step has none, context is the
        task's, dependency_results maps each parent's name to its result; in a template with run_on,
        if or on_error, dependency_states maps it to {"state", "outcome" (done, skipped, failed),
        "error", "attempts"}. `handlers`: only steps with these handlers (sql:* stands for all that
        are written in SQL); others wait for a worker that has theirs. `request`: repeating the call
        with the same uuid answers the claim that the first one made, while it lives. `wait`: a call
        that finds nothing registers the worker, as await_work does. `context_once`: of several
        steps of one task only the first has its context, the others None. Where the inputs of the
        steps are large, there are fewer than `limit` (claim_bytes). No rows: nothing to do, or the
        namespace is paused; fewer than `limit` are no sign of an empty queue. None arguments mean
        their defaults.
        Raises BadValueError (bad argument), NotFoundError (unknown namespace: wait, if its
        templates are yet to be registered).
        """
        sql = """tasker.claim_steps(p_namespace => %s::text, p_worker => %s::text,
            p_limit => %s::bigint, p_lease => %s::interval, p_handlers => %s::text[],
            p_request => %s::uuid, p_wait => %s::interval, p_context_once => %s::boolean),
            (values (null::jsonb)) as absent (refused)"""
        return _with_contexts(
            self._rows(
                rows.ClaimedStep,
                sql,
                namespace,
                worker,
                limit,
                lease,
                _array(handlers),
                request,
                wait,
                context_once,
            )
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
    ) -> list[rows.ClaimedStep]:
        """The whole worker protocol in one round trip.

        `outcomes` reports steps of the claim `token`: [{"step_uuid", "result", "seconds"} |
        {"step_uuid", "error", "retryable", "retry_after_seconds", "seconds"} | {"step_uuid",
        "skip": true, "reason", "seconds"}], seconds being how long the handler took; steps of the
        claim that are not named stay claimed, those in `release` go back to their queue without
        counting the attempt. Then up to `limit` (0 to steps_per_call) steps are claimed as by
        claim_steps, with `lease`, `handlers`, `request`, `wait` and `context_once`. None token and
        None outcomes only claim. All or nothing: raises StaleClaimError (the claim does not hold
        one of the steps), NotFoundError, LimitExceededError, BadValueError; but with `refused`
        every outcome that can be applied is, and for each other one there is a row before the
        claimed ones, with its step_uuid, no token, and refused = {"code", "message", "detail"}.
        Repeating a call returns the claim that the first one made.
        """
        sql = """tasker.finish_and_claim(p_namespace => %s::text, p_worker => %s::text,
            p_token => %s::uuid, p_outcomes => %s::jsonb, p_limit => %s::bigint,
            p_lease => %s::interval, p_handlers => %s::text[], p_request => %s::uuid,
            p_release => %s::uuid[], p_refused => %s::boolean, p_wait => %s::interval,
            p_context_once => %s::boolean)"""
        return _with_contexts(
            self._rows(
                rows.ClaimedStep,
                sql,
                namespace,
                worker,
                token,
                _json(outcomes),
                limit,
                lease,
                _array(handlers),
                request,
                _array(release),
                refused,
                wait,
                context_once,
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
        """Completes a claimed step with its result (any JSON up to result_bytes; None is none) in
        the caller's transaction: children are counted and enqueued, the task ends with its last
        step.

        Put it last in the transaction of your business writes, without a savepoint around it.
        Repeating the call raises AlreadyCompletedError: this claim has completed the step, and the
        business writes of its transaction are in the database, so roll back; nothing is lost. With
        `repeat`, for calls without business writes, it gives the first answer instead, with
        repeated true. `seconds` is how long the handler took.
        Raises StaleClaimError (the token does not hold the step: roll back and drop the result),
        NotFoundError (no such step), LimitExceededError (result too large), AlreadyCompletedError,
        BadValueError (None argument).
        """
        sql = """tasker.complete_step(p_step_uuid => %s::uuid, p_token => %s::uuid,
            p_result => %s::jsonb, p_repeat => %s::boolean, p_seconds => %s::double precision)"""
        return self._one(rows.CompletedStep, sql, step_uuid, token, _json(result), repeat, seconds)

    def skip_step(
        self, step_uuid: UUID, token: UUID, reason: str | None = None, repeat: bool = False
    ) -> rows.CompletedStep:
        """Skips a claimed step, for a reason that explain_step shows: its handler found nothing to
        do.

        It has no result. Those behind it are skipped, too, unless another of their parents is done
        (run_on: success) or their run_on says otherwise. Repeating the call raises
        AlreadyCompletedError, or with `repeat` gives the first answer.
        Raises StaleClaimError (the token does not hold the step: roll back), NotFoundError (no such
        step), AlreadyCompletedError, BadValueError (None argument, or a reason of more than 1000
        characters).
        """
        sql = """tasker.skip_step(p_step_uuid => %s::uuid, p_token => %s::uuid,
            p_reason => %s::text, p_repeat => %s::boolean)"""
        return self._one(rows.CompletedStep, sql, step_uuid, token, reason, repeat)

    def sleep_step(
        self,
        step_uuid: UUID,
        token: UUID,
        after: timedelta,
        checkpoint: Any = None,
        repeat: bool = False,
    ) -> rows.SleepingStep:
        """Lets a claimed step sleep for `after` (up to 3660 days): the claim is let go, no worker
        holds it meanwhile, and then its handler is called again, with the same attempt number, for
        the attempt does not count, and with `checkpoint` (any JSON up to result_bytes), if given.

        Without `after`, a step that waits until a function says true sleeps until it is to be asked
        again. A step that has slept more than sleeps_per_step times fails for good instead
        (step_state error). Repeating the call raises AlreadyCompletedError, or with `repeat` gives
        the first answer.
        Raises StaleClaimError (the token does not hold the step: roll back), NotFoundError (no such
        step), LimitExceededError (checkpoint too large), AlreadyCompletedError, BadValueError (bad
        argument).
        """
        sql = """tasker.sleep_step(p_step_uuid => %s::uuid, p_token => %s::uuid,
            p_after => %s::interval, p_checkpoint => %s::jsonb, p_repeat => %s::boolean)"""
        return self._one(rows.SleepingStep, sql, step_uuid, token, after, _json(checkpoint), repeat)

    def checkpoint_step(
        self,
        step_uuid: UUID,
        token: UUID,
        checkpoint: Any,
        after: int | None = None,
        lease: timedelta | None = None,
        repeat: bool = False,
    ) -> rows.SavedCheckpoint:
        """Saves how far a claimed step has got (any JSON up to result_bytes, in the place of the
        last) in the caller's transaction: the next start, after a crash, a failure or a retry_step,
        has it as checkpoint.

        Put it last in the transaction of the writes that it stands for, without a savepoint around
        it. Checkpoints are numbered from 1; `after` says which one this follows (0: none):
        repeating the call then raises AlreadyCompletedError, so that the writes roll back, or with
        `repeat` gives the first answer; without `after` each call saves. `lease` extends the
        claim's lease as heartbeat does. An attempt that is lost after a checkpoint of its own does
        not count, up to attempts_with_progress times. Deleted when the step ends, kept while it is
        in error.
        Raises StaleClaimError (the token does not hold the step: roll back), NotFoundError (no such
        step), IllegalTransitionError (the last checkpoint is not `after`), LimitExceededError (too
        large), AlreadyCompletedError, BadValueError (None argument, bad lease, or a handler in SQL,
        which is one transaction).
        """
        sql = """tasker.checkpoint_step(p_step_uuid => %s::uuid, p_token => %s::uuid,
            p_checkpoint => %s::jsonb, p_after => %s::bigint, p_lease => %s::interval,
            p_repeat => %s::boolean)"""
        return self._one(
            rows.SavedCheckpoint, sql, step_uuid, token, _json(checkpoint), after, lease, repeat
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
        """Ends a claimed step's attempt as failed.

        `error` is any JSON (an object with "message", "type", "code" reads best; cut to
        error_bytes). The step is retried after `retry_after` (0 to 30 days), else after its
        backoff, unless `retryable` is false or its attempts are used up: then it is in error and
        its task blocked. `seconds` is how long the handler took. Repeating the call gives the first
        answer.
        Raises StaleClaimError (stale claim), NotFoundError (no such step), BadValueError (None
        argument).
        """
        sql = """tasker.fail_step(p_step_uuid => %s::uuid, p_token => %s::uuid,
            p_error => %s::jsonb, p_retryable => %s::boolean, p_retry_after => %s::interval,
            p_seconds => %s::double precision)"""
        return self._one(
            rows.FailedStep, sql, step_uuid, token, _json(error), retryable, retry_after, seconds
        )

    def report_steps(self, token: UUID, outcomes: Any) -> list[rows.ReportedStep]:
        """Reports outcomes (as finish_and_claim) of steps of one claim, and claims nothing.

        Returns one row per outcome: applied, repeated (this token reported it before; nothing is
        done twice) or refused, with its code (TK001 stale: the message ends with why, as the field
        constraint would; TK002 no such step; TK006 result too large) and the states of step and
        task. A refused outcome refuses only itself, and late writes are counted; do not call this
        in a transaction of business writes, which it would let through.
        Raises BadValueError (None token, not a list of outcomes: nothing is applied),
        LimitExceededError (too many outcomes).
        """
        sql = "tasker.report_steps(p_token => %s::uuid, p_outcomes => %s::jsonb)"
        return self._rows(rows.ReportedStep, sql, token, _json(outcomes))

    def heartbeat(
        self, token: UUID, lease: timedelta | None = LEASE, step_uuids: Sequence[UUID] | None = None
    ) -> rows.Heartbeat:
        """Extends a claim's lease to `lease` from now (30 seconds when None, up to lease_seconds),
        at most to 5 seconds after the first time-out of its running steps.

        lease_until and lease_seconds say what it got. cancelled_step_uuids are steps to stop
        working on: cancelled, or settled or taken back by an operator. With `step_uuids` (up to
        steps_per_call), each of these that the claim does not hold is in one list: also
        finished_step_uuids (this token reported them) and lost_step_uuids (the lease ended, they
        were given back, or it never held them); nothing is raised when the claim is gone, and
        lease_until is None then.
        Raises StaleClaimError (the claim is gone, and no steps are named), BadValueError (bad
        lease, too many steps).
        """
        sql = """tasker.heartbeat(p_token => %s::uuid, p_lease => %s::interval,
            p_step_uuids => %s::uuid[])"""
        return self._one(rows.Heartbeat, sql, token, lease, _array(step_uuids))

    def release_claim(
        self, token: UUID, step_uuids: Sequence[UUID] | None = None
    ) -> list[rows.ReleasedStep]:
        """Gives a claim's unfinished steps back to their queues without counting the attempt: all
        of them when `step_uuids` is None, running ones too, else those that are named (up to
        steps_per_call).

        For work that has not started, when a worker shuts down, and for steps that it has no
        handler for. Returns the steps; no rows when the claim holds none of them any more.
        Raises BadValueError (too many steps).
        """
        sql = "tasker.release_claim(p_token => %s::uuid, p_step_uuids => %s::uuid[])"
        return self._rows(rows.ReleasedStep, sql, token, _array(step_uuids))

    def report_late_writes(
        self, token: UUID, step_uuids: Sequence[UUID], worker: str
    ) -> list[rows.RefusedOutcome]:
        """Counts the late writes of a worker whose token was refused (TK001), after it has rolled
        back: up to steps_per_call steps it had claimed under that token.

        Returns one row for each that was late, with the attempt that lost the step, why (lease
        expired, taken over, unknown), how late the write came and the state the step is in; the
        view late_writes shows who won. Repeating the call counts nothing twice.
        Raises BadValueError (bad argument), NotFoundError (unknown step).
        """
        sql = """tasker.report_late_writes(p_token => %s::uuid, p_step_uuids => %s::uuid[],
            p_worker => %s::text)"""
        return self._rows(rows.RefusedOutcome, sql, token, _array(step_uuids), worker)

    def await_work(
        self, namespaces: Sequence[str], worker: str, for_: timedelta = timedelta(seconds=5)
    ) -> list[rows.IdleChannel]:
        """Registers an idle worker for `for_` (up to lease_seconds; None: 5 seconds): a call that
        enqueues work in one of the namespaces notifies the worker that registered last, once, on a
        channel of its own: tasker_ and the first 12 digits of the md5 of its name.

        LISTEN first, then register, then claim once more, then wait; keep polling every second, for
        a notification is only a hint.
        Raises BadValueError (bad argument), NotFoundError (unknown namespace).
        """
        sql = """tasker.await_work(p_namespaces => %s::text[], p_worker => %s::text,
            p_for => %s::interval)"""
        return self._rows(rows.IdleChannel, sql, _array(namespaces), worker, for_)

    # second_hop

    def process_step_results(self, limit: int = 50) -> list[rows.ProcessedResult]:
        """Second hop of the two-hop path: applies up to `limit` (1 to messages_per_call) messages
        of orchestration_step_results, exactly once.

        A message is {"submission_id"} from submit_step_results, or {"token", "outcomes"} from a
        worker that can only write messages. Bad or stale messages go to rejected_messages with the
        error.
        Raises BadValueError (bad limit).
        """
        sql = "tasker.process_step_results(p_limit => %s::bigint)"
        return self._rows(rows.ProcessedResult, sql, limit)

    def submit_step_results(self, token: UUID, outcomes: Any) -> rows.Submission | None:
        """First hop of the two-hop path, for workers that must not run orchestration: submits
        outcomes (as finish_and_claim) of a claim.

        process_step_results, or within seconds the sweep, applies them; until then the steps read
        in_progress.
        Raises StaleClaimError (the claim does not hold one of the steps), NotFoundError,
        LimitExceededError, BadValueError. Repeating a call changes nothing.
        """
        sql = "tasker.submit_step_results(p_token => %s::uuid, p_outcomes => %s::jsonb)"
        return self._maybe(rows.Submission, sql, token, _json(outcomes))

    # wait

    def send_signal(
        self, task_uuid: UUID, name: str, value: Any = None, options: Any = EMPTY
    ) -> rows.SentSignal:
        """Sends a signal with a value (any JSON up to result_bytes) to a task, in the caller's
        transaction: if a step waits for it, the step ends there and then (state delivered), else it
        is kept for a step that is still to come (stored).

        It is never lost, and refused when nobody will ever take it. Options: key (a repeated call
        with the key and value gives the first answer), initiator (who sends it), reason.
        Raises BadValueError (bad argument; no step of the template waits for that name; a value
        that the schema of the wait refuses), NotFoundError (unknown task), IllegalTransitionError
        (the task or every step that waits for it has ended, or has what it wants),
        LimitExceededError (value over result_bytes, more than signals_per_task stored),
        ConflictError (same key, other value).
        """
        sql = """tasker.send_signal(p_task_uuid => %s::uuid, p_name => %s::text,
            p_value => %s::jsonb, p_options => %s::jsonb)"""
        return self._one(rows.SentSignal, sql, task_uuid, name, _json(value), _json(options))

    def answer_wait(
        self, step_uuid: UUID, value: Any = None, options: Any = EMPTY
    ) -> rows.AnsweredWait:
        """Answers a step that waits for a signal (open_waits lists them) with a value (any JSON up
        to result_bytes), in the caller's transaction.

        Options: name (which of several signals; default the first), key, initiator (who answers),
        reason. The same answer to a step that has ended with it gives the first answer again, with
        repeated true; where a step waits for several, give each a key.
        Raises BadValueError (bad argument, or a value that the schema of the wait refuses),
        NotFoundError (unknown step), IllegalTransitionError (it waits for no signal),
        LimitExceededError (value over result_bytes), ConflictError (same key, other value).
        """
        sql = """tasker.answer_wait(p_step_uuid => %s::uuid, p_value => %s::jsonb,
            p_options => %s::jsonb)"""
        return self._one(rows.AnsweredWait, sql, step_uuid, _json(value), _json(options))

    def open_waits(
        self, namespace: str | None = None, filter: Any = EMPTY, limit: int = 100
    ) -> list[rows.OpenWait]:
        """What steps wait for now, by the age of their tasks: kind is signal, time, condition or
        sleep (slot and child are to come); for signals their names, the prompt with values of the
        context, the schema of a value, how many are wanted and received; until when, and
        on_timeout.

        Filter: template, name (of the step), signal, task_uuid, due_before (a time with its zone),
        tags. Answer one with answer_wait.
        Raises BadValueError (unknown key, bad value or limit), NotFoundError (unknown namespace).
        """
        sql = """tasker.open_waits(p_namespace => %s::text, p_filter => %s::jsonb,
            p_limit => %s::bigint)"""
        return self._rows(rows.OpenWait, sql, namespace, _json(filter), limit)

    def list_signals(self, task_uuid: UUID) -> list[rows.Signal]:
        """The signals that were sent to a task, in order: name, key, value, who sent it, when and
        why; state taken (by step_uuid), stored (for a step that is to come), or left (no open step
        can take it any more).

        Raises NotFoundError (unknown task), BadValueError (None).
        """
        return self._rows(rows.Signal, "tasker.list_signals(p_task_uuid => %s::uuid)", task_uuid)

    # sweep

    def sweep(self, limit: int = 1000) -> list[rows.SweptAction]:
        """Everything that must happen because time has passed or something was lost, up to `limit`
        of each kind: takes back claims whose lease ran out, enqueues due retries and scheduled
        tasks, ends waits whose time is up, counts deferred joins, processes forgotten submissions,
        restores lost messages and dropped queues, makes the tasks of due schedules, ends tasks that
        should have ended.

        Anybody may call it, from anywhere, as often as they like; once a second keeps recovery
        within a lease plus a second.
        Raises BadValueError (bad limit).
        """
        return self._rows(rows.SweptAction, "tasker.sweep(p_limit => %s::bigint)", limit)

    def enqueue_steps(self, limit: int = 1000) -> list[rows.SweptAction]:
        """Brings steps into their queues whose time has come or that were lost on the way, up to
        `limit` of each kind: claims whose lease ran out, due retries and scheduled tasks, alarms
        (waits that are over), deferred joins, forgotten submissions, lost messages and dropped
        queues; makes the tasks of due schedules.

        The larger part of sweep, for runners that scale it by itself; callers share the work.
        Raises BadValueError (bad limit).
        """
        return self._rows(rows.SweptAction, "tasker.enqueue_steps(p_limit => %s::bigint)", limit)

    def finalize_tasks(self, limit: int = 1000) -> list[rows.SweptAction]:
        """Ends up to `limit` tasks that no last step has ended: blocked by failures with nothing
        left to run, or left lying for an hour by their external processor; expires finalization
        claims.

        A part of sweep, for runners that scale it by itself.
        Raises BadValueError (bad limit).
        """
        return self._rows(rows.SweptAction, "tasker.finalize_tasks(p_limit => %s::bigint)", limit)

    # on_call

    def acknowledge_problem(
        self, code: str, subject: str, reason: str, until: datetime | None = None
    ) -> rows.AcknowledgedProblem:
        """Says that somebody knows of a problem (code and subject as problems has them), until a
        moment, or until it changes when `until` is None.

        It stays in problems, marked and behind the others, and comes back when its severity rises,
        when twice as much is wrong, or when it began again. Who and why are recorded. Acknowledging
        again replaces it; the same again changes nothing.
        Raises NotFoundError (no such problem now), BadValueError (no reason, or a moment that is
        not to come).
        """
        sql = """tasker.acknowledge_problem(p_code => %s::text, p_subject => %s::text,
            p_reason => %s::text, p_until => %s::timestamp with time zone)"""
        return self._one(rows.AcknowledgedProblem, sql, code, subject, reason, until)

    def problems(self) -> list[rows.Problem]:
        """What is wrong now, the worst first, among equals the newest, each with its cure; empty
        when all is well.

        What somebody has acknowledged comes last, with acknowledged_by; alerts leave it out. Reads
        open work, never history, and answers while tables are locked. Codes: blocked_by, read_only,
        too_many_connections, schema_changed, queue_missing, no_worker, slots_full, queue_behind,
        messages_unprocessed, handler_missing, stale_claim, timers_overdue, outcomes_unprocessed,
        steps_undecided, waits_overdue, wait_without_end, signals_left, deadline_missed,
        deadline_near, task_unfinalized, dead_letters, step_runs_long, task_stuck (of the oldest 300
        open tasks), requests_refused, schedule_failing, schedules_overdue, paused (for more than an
        hour), runner_lost, breaker_open, late_writes, pool_unhealthy, reports_refused, disk_full,
        permission_missing, vacuum_held_back, bloat, answer_incomplete (a lock hides some).
        docs/on-call.md has a section for each. All invariants: check_invariants().
        """
        return self._rows(rows.Problem, "tasker.problems")

    def dead_letters(self) -> list[rows.DeadLetters]:
        """Steps that failed for good and that nobody has dealt with, grouped by step and by what
        their errors have in common.

        Each step is in failed_steps.
        """
        return self._rows(rows.DeadLetters, "tasker.dead_letters")

    def task_timings(self, task_uuid: UUID) -> list[rows.StepTimings]:
        """Where a task's wall time went, step by step: waiting (for its parents, or for run_at),
        queued (ready, and not claimed), backing_off, running, lost (attempts without a report:
        their lease ended, or an operator took them back), failed (in error, until an operator dealt
        with it), afterwards (done, while other steps went on), finalizing (from the end of the last
        step to the end of the task).

        The time that a worker held a step and gave it back belongs to the part before. The parts
        add up to wall_time, which is the task's, so far.
        Raises NotFoundError (unknown task), BadValueError (None).
        """
        sql = "tasker.task_timings(p_task_uuid => %s::uuid)"
        return self._rows(rows.StepTimings, sql, task_uuid)

    def critical_path(self, task_uuid: UUID) -> list[rows.PathStep]:
        """Which chain of steps decides (or has decided) when a task ends: is_critical marks it;
        ready_at is when a step's parents were done, slack how much later it could have ended
        without the task's ending later.

        Of an open task, what has not ended is estimated (is_estimated) from the last complete tasks
        of its template (based_on: how many, 20 at most): as if nothing were paused, and workers as
        usual. No times where a failed step is in the way, or where there is no such task.
        Raises NotFoundError (unknown task), BadValueError (None).
        """
        return self._rows(rows.PathStep, "tasker.critical_path(p_task_uuid => %s::uuid)", task_uuid)

    def plan_repair(
        self, verb: str, filter: Any = EMPTY, sample: int = 5, result: Any = None
    ) -> list[rows.PlannedRepair]:
        """Plans a verb for all that match `filter`, and does nothing yet: returns the plan with how
        many match, and up to `sample` of them.

        retry_step, resolve_step and complete_step_manually (with `result` for all of them) are for
        the steps in dead_letters, or with state waiting_for_retry such; cancel_task, resolve_task,
        pause_task and resume_task for the tasks of such steps where the filter names a step, a
        fingerprint or the state error, else for open ones (filter: namespace, template, step,
        fingerprint, state). requeue_step is for steps that a worker holds, or with state enqueued
        such (filter: namespace, template, step, worker, state). pause_template, resume_template,
        pause_namespace and resume_namespace are for those that are not paused, or are (filter:
        namespace, template); they have no subject_uuid. No rows: nothing matches. Give plan_uuid to
        apply_repair within a day.
        Raises BadValueError (unknown verb, bad filter, a result that the verb does not take),
        NotFoundError (unknown namespace), LimitExceededError (more than sweep_rows match, or the
        result is over result_bytes).
        """
        sql = """tasker.plan_repair(p_verb => %s::text, p_filter => %s::jsonb,
            p_sample => %s::bigint, p_result => %s::jsonb)"""
        return self._rows(rows.PlannedRepair, sql, verb, _json(filter), sample, _json(result))

    def apply_repair(self, plan_uuid: UUID, reason: str, limit: int = 100) -> rows.AppliedRepair:
        """Applies the next `limit` (1 to rows_per_call) of a plan of plan_repair, each as by its
        verb and with the reason, which is recorded; call it until remaining is 0, as slowly as the
        system can bear.

        What was dealt with meanwhile is left alone, refused is what the state did not allow
        (last_refusal: why).
        Raises NotFoundError (no such plan), IllegalTransitionError (something matches now that was
        not planned: plan again), BadValueError (no reason, bad limit).
        """
        sql = """tasker.apply_repair(p_plan_uuid => %s::uuid, p_reason => %s::text,
            p_limit => %s::bigint)"""
        return self._one(rows.AppliedRepair, sql, plan_uuid, reason, limit)

    # schedule

    def put_schedule(self, namespace: str, name: str, definition: Any) -> rows.PutSchedule:
        """Makes a schedule, which makes tasks of a template at times of its own, or changes one.

        The definition: {"template", "version" (default: the highest at the tick), one of "cron"
        (five fields, or an array of such lines), "every" (a duration) and "at" (an array of times),
        "time_zone" (UTC), "context", "options" (of create_task, without idempotency_key and
        version), "missed" (one, all, skip), "catch_up" (how late a missed tick may be made: P1D for
        all, without end for one), "overlap" (allow, skip, queue, cancel), "jitter" (a duration),
        "starts_at", "ends_at", "description"}. The task's context gets "schedule": {"name",
        "tick_at", "wall"}. The same definition again answers changed = false; a change keeps what
        was decided and begins after now. next_tick is None when no more come.
        Raises NotFoundError (unknown namespace, template or version), LimitExceededError,
        BadValueError (what is wrong, and what would be right).
        """
        sql = """tasker.put_schedule(p_namespace => %s::text, p_name => %s::text,
            p_definition => %s::jsonb)"""
        return self._one(rows.PutSchedule, sql, namespace, name, _json(definition))

    def pause_schedule(self, namespace: str, name: str, reason: str) -> rows.ChosenSchedule:
        """Stops a schedule from making tasks; those it has made go on.

        Ticks meanwhile are missed ones: when it is resumed, its "missed" says what becomes of them.
        The reason is recorded. Safe to repeat.
        Raises NotFoundError, BadValueError (no reason).
        """
        sql = """tasker.pause_schedule(p_namespace => %s::text, p_name => %s::text,
            p_reason => %s::text)"""
        return self._one(rows.ChosenSchedule, sql, namespace, name, reason)

    def resume_schedule(self, namespace: str, name: str, reason: str) -> rows.ChosenSchedule:
        """Lets a paused schedule make tasks again.

        What became due during the pause follows its "missed". The reason is recorded. Safe to
        repeat.
        Raises NotFoundError, BadValueError (no reason).
        """
        sql = """tasker.resume_schedule(p_namespace => %s::text, p_name => %s::text,
            p_reason => %s::text)"""
        return self._one(rows.ChosenSchedule, sql, namespace, name, reason)

    def trigger_schedule(self, namespace: str, name: str, reason: str) -> rows.CreatedTask:
        """Makes a task of a schedule now, beside its plan: also while the schedule is paused, and
        whatever its "overlap" says.

        The tick is the moment of the call; the reason is recorded.
        Raises NotFoundError (unknown schedule, template or version), LimitExceededError,
        BadValueError (no reason, a context that the input_schema refuses).
        """
        sql = """tasker.trigger_schedule(p_namespace => %s::text, p_name => %s::text,
            p_reason => %s::text)"""
        return self._one(rows.CreatedTask, sql, namespace, name, reason)

    def drop_schedule(self, namespace: str, name: str, reason: str) -> rows.ChosenSchedule:
        """Drops a schedule and what it remembers of its ticks; the tasks it has made stay.

        A schedule of the same name never makes the task of a tick a second time. The reason is
        recorded.
        Raises NotFoundError, BadValueError (no reason).
        """
        sql = """tasker.drop_schedule(p_namespace => %s::text, p_name => %s::text,
            p_reason => %s::text)"""
        return self._one(rows.ChosenSchedule, sql, namespace, name, reason)

    def list_schedules(
        self, namespace: str | None = None, limit: int = 100
    ) -> list[rows.ListedSchedule]:
        """The schedules of a namespace, or of all (None), by name: what each makes and when, the
        next tick (None: no more come), the last one and what happened to it, who paused it, and how
        many of its tasks are open.

        definition is as put_schedule takes it.
        Raises NotFoundError (unknown namespace), BadValueError (bad limit).
        """
        sql = "tasker.list_schedules(p_namespace => %s::text, p_limit => %s::bigint)"
        return self._rows(rows.ListedSchedule, sql, namespace, limit)

    def list_ticks(
        self, namespace: str, name: str, before: datetime | None = None, limit: int = 100
    ) -> list[rows.ScheduleTick]:
        """What happened to the ticks of a schedule, the newest first, before `before`: created,
        missed (detail: how many from here on, up to 10000 at a time, and the last), overlapped or
        queued (detail: the task that was open), failed (detail: the error), backfilled, triggered.

        wall is what a clock in the schedule's time zone shows at tick_at.
        Raises NotFoundError, BadValueError (bad limit).
        """
        sql = """tasker.list_ticks(p_namespace => %s::text, p_name => %s::text,
            p_before => %s::timestamp with time zone, p_limit => %s::bigint)"""
        return self._rows(rows.ScheduleTick, sql, namespace, name, before, limit)

    def next_ticks(
        self, cron: str, time_zone: str = "UTC", after: datetime | None = None, count: int = 10
    ) -> list[rows.NextTick]:
        """When a cron line (five fields, or @daily and such) has its next ticks after `after`
        (default: now) in a time zone: the moment, what a clock on the wall shows then, and a note
        where the clock is changed.

        With an hour field that begins with *, ticks follow the clock that runs, otherwise the one
        on the wall, once for each time it shows. No rows: it has none within 28 years.
        Raises BadValueError.
        """
        sql = """tasker.next_ticks(p_cron => %s::text, p_time_zone => %s::text,
            p_after => %s::timestamp with time zone, p_count => %s::bigint)"""
        return self._rows(rows.NextTick, sql, cron, time_zone, after, count)

    def plan_backfill(
        self, namespace: str, name: str, from_: datetime, to: datetime
    ) -> rows.PlannedBackfill:
        """Plans the tasks that a schedule would have made between two moments in the past, both
        included, and makes none yet: how many ticks have no task, how many have one already, the
        first and the last of those that have none.

        Give plan_uuid (None: nothing is to be done) to apply_repair within a day, which makes them
        as slowly as you like, whatever "missed" and "overlap" say.
        Raises NotFoundError, LimitExceededError (more than sweep_rows), BadValueError (not in the
        past).
        """
        sql = """tasker.plan_backfill(p_namespace => %s::text, p_name => %s::text,
            p_from => %s::timestamp with time zone, p_to => %s::timestamp with time zone)"""
        return self._one(rows.PlannedBackfill, sql, namespace, name, from_, to)

    def explain_schedule(self, namespace: str, name: str) -> list[rows.ScheduleReason]:
        """When does this schedule make its next task, and what happened to its last ticks?

        Ranked reasons, what blocks first: schedule_paused, schedule_ended (no more ticks come),
        schedule_due (a sweep is to decide it), schedule_next, and of the last ticks
        tick_overlapped, tick_missed or tick_failed.
        Raises NotFoundError.
        """
        sql = "tasker.explain_schedule(p_namespace => %s::text, p_name => %s::text)"
        return self._rows(rows.ScheduleReason, sql, namespace, name)

    # operate

    def cancel_task(self, task_uuid: UUID, reason: str, options: Any = EMPTY) -> rows.ClosedTask:
        """Cancels a task with all its open steps, for a reason that is recorded.

        A worker that runs one of them learns of it from its heartbeat; its late result is refused
        (TK001). With `options` {"cleanup": true}, in a template with run_on, open steps end in
        error instead, and those with run_on failure or end have their turn; a second call cancels
        these as well. Safe to repeat.
        Raises NotFoundError (unknown task), IllegalTransitionError (it ended otherwise),
        BadValueError (no reason, unknown option).
        """
        sql = """tasker.cancel_task(p_task_uuid => %s::uuid, p_reason => %s::text,
            p_options => %s::jsonb)"""
        return self._one(rows.ClosedTask, sql, task_uuid, reason, _json(options))

    def resolve_task(self, task_uuid: UUID, reason: str) -> rows.ClosedTask:
        """Resolves a task by hand (state resolved_manually), for a reason that is recorded; open
        steps are cancelled.

        Also for tasks in error. Safe to repeat.
        Raises NotFoundError (unknown task), IllegalTransitionError (it ended otherwise),
        BadValueError (no reason).
        """
        sql = "tasker.resolve_task(p_task_uuid => %s::uuid, p_reason => %s::text)"
        return self._one(rows.ClosedTask, sql, task_uuid, reason)

    def set_deadline(
        self, task_uuid: UUID, deadline: datetime | None, reason: str
    ) -> rows.MovedDeadline:
        """Moves the deadline of a task, or with None removes it, for a reason that is recorded.

        A moment that has passed takes effect with the next sweep. Of a task in error it holds from
        when a step of it is retried. Safe to repeat.
        Raises NotFoundError (unknown task), IllegalTransitionError (the task is over),
        BadValueError (no reason, or no such time).
        """
        sql = """tasker.set_deadline(p_task_uuid => %s::uuid,
            p_deadline => %s::timestamp with time zone, p_reason => %s::text)"""
        return self._one(rows.MovedDeadline, sql, task_uuid, deadline, reason)

    def retry_step(self, step_uuid: UUID, reason: str, options: Any = EMPTY) -> rows.StepAnswer:
        """Runs a step in error again with all its attempts, or one that waits for its backoff,
        sleeps, or is to be asked for its condition at once; the task goes on.

        In a template with run_on, if or on_error, everything below the step that has ended is
        pending again, cleanup included. It goes on from its checkpoint; with `options` {"fresh":
        true} it starts over. {"deadline"} (a time or a duration) is a new deadline for its task,
        which is needed when that has passed. For a reason that is recorded.
        Raises NotFoundError (unknown step), IllegalTransitionError (its state allows no retry,
        steps below it handle its failure, or its deadline has passed), BadValueError (no reason,
        unknown option).
        """
        sql = """tasker.retry_step(p_step_uuid => %s::uuid, p_reason => %s::text,
            p_options => %s::jsonb)"""
        return self._one(rows.StepAnswer, sql, step_uuid, reason, _json(options))

    def requeue_step(self, step_uuid: UUID, reason: str) -> rows.StepAnswer:
        """Takes a step that is in progress back from its worker, which is fenced off, and puts it
        into its queue; the attempt does not count.

        For an enqueued step, sends its message again if that is gone. For a reason that is
        recorded. Safe to repeat.
        Raises NotFoundError (unknown step), IllegalTransitionError (it is neither, or its outcome
        was submitted; the hint names the verb that fits), BadValueError (no reason).
        """
        sql = "tasker.requeue_step(p_step_uuid => %s::uuid, p_reason => %s::text)"
        return self._one(rows.StepAnswer, sql, step_uuid, reason)

    def complete_step_manually(self, step_uuid: UUID, result: Any, reason: str) -> rows.StepAnswer:
        """Completes an open or failed step with the result given, for a reason that is recorded;
        its children go on, a worker on it is fenced off.

        Safe to repeat.
        Raises NotFoundError (unknown step), IllegalTransitionError (it has ended, or its parents
        have not), LimitExceededError (result over result_bytes), BadValueError (no reason).
        """
        sql = """tasker.complete_step_manually(p_step_uuid => %s::uuid, p_result => %s::jsonb,
            p_reason => %s::text)"""
        return self._one(rows.StepAnswer, sql, step_uuid, _json(result), reason)

    def resolve_step(self, step_uuid: UUID, reason: str) -> rows.StepAnswer:
        """Declares an open or failed step as resolved_manually, without a result, for a reason that
        is recorded; its children go on, a worker on it is fenced off.

        Safe to repeat.
        Raises NotFoundError (unknown step), IllegalTransitionError (it has ended, or its parents
        have not), BadValueError (no reason).
        """
        sql = "tasker.resolve_step(p_step_uuid => %s::uuid, p_reason => %s::text)"
        return self._one(rows.StepAnswer, sql, step_uuid, reason)

    def pause_namespace(self, namespace: str, reason: str) -> rows.Pause:
        """Stops handing out steps of a namespace; running ones go on, ready ones wait in its
        queues.

        The reason is recorded. Safe to repeat.
        Raises NotFoundError, BadValueError (no reason).
        """
        sql = "tasker.pause_namespace(p_namespace => %s::text, p_reason => %s::text)"
        return self._one(rows.Pause, sql, namespace, reason)

    def resume_namespace(self, namespace: str, reason: str) -> rows.Pause:
        """Hands out steps of a paused namespace again.

        The reason is recorded. Safe to repeat.
        Raises NotFoundError, BadValueError (no reason).
        """
        sql = "tasker.resume_namespace(p_namespace => %s::text, p_reason => %s::text)"
        return self._one(rows.Pause, sql, namespace, reason)

    def pause_template(self, namespace: str, name: str, reason: str) -> rows.Pause:
        """Stops handing out steps of all tasks of a template (all versions); running ones go on,
        new tasks are accepted and wait.

        The reason is recorded. Safe to repeat.
        Raises NotFoundError, BadValueError (no reason).
        """
        sql = """tasker.pause_template(p_namespace => %s::text, p_name => %s::text,
            p_reason => %s::text)"""
        return self._one(rows.Pause, sql, namespace, name, reason)

    def resume_template(self, namespace: str, name: str, reason: str) -> rows.Pause:
        """Hands out steps of a paused template's tasks again; the sweep sends their messages again
        within seconds.

        The reason is recorded. Safe to repeat.
        Raises NotFoundError, BadValueError (no reason).
        """
        sql = """tasker.resume_template(p_namespace => %s::text, p_name => %s::text,
            p_reason => %s::text)"""
        return self._one(rows.Pause, sql, namespace, name, reason)

    def pause_task(self, task_uuid: UUID, reason: str) -> rows.Pause:
        """Stops handing out steps of one task; running ones go on.

        The reason is recorded. Safe to repeat.
        Raises NotFoundError, BadValueError (no reason).
        """
        sql = "tasker.pause_task(p_task_uuid => %s::uuid, p_reason => %s::text)"
        return self._one(rows.Pause, sql, task_uuid, reason)

    def resume_task(self, task_uuid: UUID, reason: str) -> rows.Pause:
        """Hands out steps of a paused task again, at once.

        The reason is recorded. Safe to repeat.
        Raises NotFoundError, BadValueError (no reason).
        """
        sql = "tasker.resume_task(p_task_uuid => %s::uuid, p_reason => %s::text)"
        return self._one(rows.Pause, sql, task_uuid, reason)

    def set_limit(self, name: str, value: int, reason: str) -> rows.ChangedLimit:
        """Changes one of list_limits, for a reason that is recorded; it holds from the next call
        on, and what was let in before stays.

        Safe to repeat.
        Raises NotFoundError (unknown limit), BadValueError (outside of its bounds, or no reason).
        """
        sql = "tasker.set_limit(p_name => %s::text, p_value => %s::bigint, p_reason => %s::text)"
        return self._one(rows.ChangedLimit, sql, name, value, reason)

    # finalize

    def claim_task_for_finalization(
        self, task_uuid: UUID, processor_id: str, timeout_seconds: int = 30
    ) -> rows.FinalizationClaim:
        """Gives one processor the right to finalize a task for `timeout_seconds` (1 to
        lease_seconds).

        message says why or why not: claimed, already_claimed (already_claimed_by says who, unless
        that is not committed yet; also for a second claim under the same processor id),
        already_complete, not_ready (steps are open), not_found. It never waits for another
        processor, and past_finalization_attempts has what was refused, with the reason.
        finalization_attempt_uuid is the token for extend_finalization_claim,
        release_finalization_claim and finalize_task. A claim that is not released ends by itself.
        Raises BadValueError (bad argument).
        """
        sql = """tasker.claim_task_for_finalization(p_task_uuid => %s::uuid,
            p_processor_id => %s::text, p_timeout_seconds => %s::bigint)"""
        return self._one(rows.FinalizationClaim, sql, task_uuid, processor_id, timeout_seconds)

    def extend_finalization_claim(
        self, finalization_attempt_uuid: UUID, timeout_seconds: int = 30
    ) -> rows.ExtendedFinalization:
        """Prolongs a finalization claim to `timeout_seconds` (1 to lease_seconds) from now.

        Raises StaleClaimError (the claim is gone), BadValueError.
        """
        sql = """tasker.extend_finalization_claim(p_finalization_attempt_uuid => %s::uuid,
            p_timeout_seconds => %s::bigint)"""
        return self._one(rows.ExtendedFinalization, sql, finalization_attempt_uuid, timeout_seconds)

    def release_finalization_claim(
        self, finalization_attempt_uuid: UUID
    ) -> rows.ReleasedFinalization | None:
        """Gives a finalization claim back without finalizing; others may claim the task at once.

        Safe to repeat (released = false then). No rows for an unknown attempt.
        """
        sql = "tasker.release_finalization_claim(p_finalization_attempt_uuid => %s::uuid)"
        return self._maybe(rows.ReleasedFinalization, sql, finalization_attempt_uuid)

    def finalize_task(
        self, task_uuid: UUID, finalization_attempt_uuid: UUID | None = None
    ) -> rows.FinalizedTask:
        """Ends a task whose steps have all ended, under a finalization claim (its token), or
        without one while nobody holds a claim.

        message: finalized, already_complete, not_ready. Safe to repeat.
        Raises StaleClaimError (somebody else holds the claim, or this one is lost), NotFoundError
        (unknown task).
        """
        sql = """tasker.finalize_task(p_task_uuid => %s::uuid,
            p_finalization_attempt_uuid => %s::uuid)"""
        return self._one(rows.FinalizedTask, sql, task_uuid, finalization_attempt_uuid)

    # ask_about

    def get_task(self, task_uuid: UUID) -> rows.Task:
        """Everything about one task: what it is, what it was given, how it stands.

        paused is true when the task, its template or its namespace is paused; paused_at, paused_by
        and pause_reason then say when, by whom and why. The counts and words are those of
        get_task_execution_context. deadline is by when it is to be done, if ever.
        Raises NotFoundError (unknown task), BadValueError (None).
        """
        return self._one(rows.Task, "tasker.get_task(p_task_uuid => %s::uuid)", task_uuid)

    def list_tasks(
        self, filter: Any = EMPTY, limit: int = 50, before: UUID | None = None
    ) -> list[rows.ListedTask]:
        """A page of up to `limit` tasks, newest first.

        `filter` may name namespace, name, version, state, tag, initiator, since and until (created
        at; ISO 8601 with zone), idempotency_key. next_before is the `before` of the next page, None
        on the last one. A call looks at no more than 50000 tasks: a page may be short though
        next_before is not None, and when none of them fits it is one row with nothing but
        next_before.
        Raises BadValueError (unknown key, bad value or limit), NotFoundError (unknown namespace).
        """
        sql = """tasker.list_tasks(p_filter => %s::jsonb, p_limit => %s::bigint,
            p_before => %s::uuid)"""
        return self._rows(rows.ListedTask, sql, _json(filter), limit, before)

    def get_task_steps(self, task_uuid: UUID) -> list[rows.TaskStep]:
        """The steps of a task, parents first: state, attempts, its parents' names and how many it
        still waits for, the worker that has it (lease_until is None when its outcome was submitted
        and waits to be processed), result, last error, times.

        Raises NotFoundError (unknown task), BadValueError (None).
        """
        sql = "tasker.get_task_steps(p_task_uuid => %s::uuid)"
        return self._rows(rows.TaskStep, sql, task_uuid)

    def task_results(self, task_uuid: UUID) -> list[rows.TaskResult]:
        """The results of a task's steps, dependencies first: the state of each, its result (None is
        none) and, of one that failed, its last error.

        is_last marks those on which no other depends: what the task was asked for. wait_task waits
        for the end.
        Raises NotFoundError (unknown task), BadValueError (None).
        """
        sql = "tasker.task_results(p_task_uuid => %s::uuid)"
        return self._rows(rows.TaskResult, sql, task_uuid)

    def wait_task(
        self, task_uuid: UUID, for_: timedelta | None = timedelta(seconds=5)
    ) -> rows.TaskEnd:
        """Waits until a task has ended, at most for `for_` (0 to 10 seconds; 5 when None), and
        returns its state; finished_at is None when it has not ended.

        It holds a connection and a snapshot while it waits, so wait longer by calling it again. Do
        not create the task in the same transaction: nobody can work on it before that commits. At
        repeatable read and serializable it does not wait, because no commit could be seen.
        task_results has the results.
        Raises NotFoundError (unknown task), BadValueError (None task, time out of range).
        """
        sql = "tasker.wait_task(p_task_uuid => %s::uuid, p_for => %s::interval)"
        return self._one(rows.TaskEnd, sql, task_uuid, for_)

    def list_namespaces(self) -> list[rows.ListedNamespace]:
        """The namespaces, each with its PGMQ queue and, when it is paused, since when, by whom and
        why.

        The view queue_depths shows how full the queues are.
        """
        return self._rows(rows.ListedNamespace, "tasker.list_namespaces()")

    def list_templates(self, namespace: str | None = None) -> list[rows.ListedTemplate]:
        """The registered templates of a namespace, or of all (None), one row per version; is_latest
        marks the one that create_task takes when it names none.

        Raises NotFoundError (unknown namespace).
        """
        sql = "tasker.list_templates(p_namespace => %s::text)"
        return self._rows(rows.ListedTemplate, sql, namespace)

    def get_template(self, namespace: str, name: str, version: str | None = None) -> rows.Template:
        """One template, of the version given or else the highest: its definition in normal form
        (with every default written out; to register it again changes nothing), its steps as
        compiled (jsonb array in step order, with parents and children by name, every default, and
        in a template with run_on, if or on_error these), and the sha256 of the definition as it was
        registered.

        Raises NotFoundError (unknown namespace, template or version), BadValueError (None
        namespace).
        """
        sql = """tasker.get_template(p_namespace => %s::text, p_name => %s::text,
            p_version => %s::text)"""
        return self._one(rows.Template, sql, namespace, name, version)

    def list_limits(self) -> list[rows.Limit]:
        """What the engine takes at most: each limit with its value, what it was at first, and the
        bounds that set_limit keeps it in."""
        return self._rows(rows.Limit, "tasker.list_limits()")

    def explain_step(self, step_uuid: UUID) -> list[rows.StepReason]:
        """Why is this step not running?

        Ranked reasons, what blocks first: a code, a sentence, since and until when, who, and the
        statement (or command) that would cure it. Codes: failed, namespace_paused, template_paused,
        task_paused, lease_expired, message_lost, submitted, due, uncounted, undecided,
        retry_scheduled, scheduled, running, waits_for_parents, waits_for_signal, waits_for_time,
        waits_for_condition, sleeps, ended, waits_for_step (cause_uuid is the step in which the
        cause lies), broken, and, blocking nothing, no_worker, handler_missing and queued. A step
        that nothing blocks may be claimed in its turn; a lost message is noticed then.
        Raises NotFoundError (unknown step), BadValueError (None).
        """
        sql = "tasker.explain_step(p_step_uuid => %s::uuid)"
        return self._rows(rows.StepReason, sql, step_uuid)

    def explain_task(self, task_uuid: UUID) -> list[rows.TaskReason]:
        """What does this task wait for?

        Ranked reasons, as explain_step gives them for the steps that could move; each kind once,
        with the number of steps that have it and the one that has had it for longest (cause_uuid).
        The task's own: ended, and unfinalized (all is done; a processor is to finalize it, or the
        sweep), and broken. Asks 1000 steps at most; unasked says how many more there are; deadline,
        which blocks nothing, how much time is left.
        Raises NotFoundError (unknown task), BadValueError (None).
        """
        sql = "tasker.explain_task(p_task_uuid => %s::uuid)"
        return self._rows(rows.TaskReason, sql, task_uuid)

    def step_attempts(self, step_uuid: UUID) -> list[rows.StepAttempt]:
        """What happened to each attempt at a step, in order: who ran it, from when to when, and how
        it ended: running, submitted (its outcome waits to be processed), complete, failed, lost
        (its lease ended without a report), cancelled, resolved_manually; error, retryable and
        next_retry_at of those that failed; seconds that its handler took, as its worker measured
        (None: it did not say).

        An operator's retry counts from 1 again; an attempt that was given back unrun is none.
        Bounded by the number of attempts.
        Raises NotFoundError (unknown step), BadValueError (None).
        """
        sql = "tasker.step_attempts(p_step_uuid => %s::uuid)"
        return self._rows(rows.StepAttempt, sql, step_uuid)

    def list_queued_steps(self, namespace: str, limit: int = 20) -> list[rows.QueuedStep]:
        """What waits in a namespace's queues, or beside them for its handler, the longest waiting
        first: up to `limit` steps with the task's namespace and template, and the first reason why
        nobody has it (as explain_step says; a code that blocks says why a claim would not get it).

        A step that is not enqueued was cancelled or settled, and has no reason: a claim drops its
        message.
        Raises NotFoundError (unknown namespace), BadValueError (None, limit out of range).
        """
        sql = "tasker.list_queued_steps(p_namespace => %s::text, p_limit => %s::bigint)"
        return self._rows(rows.QueuedStep, sql, namespace, limit)

    def get_step_readiness_status(
        self, task_uuid: UUID, step_uuids: Sequence[UUID] | None = None
    ) -> list[rows.StepReadiness]:
        """What stands between each step of a task (or those of `step_uuids`, which only choose
        rows) and its next attempt.

        dependencies_satisfied: every parent is complete, resolved_manually or skipped; in a
        template with run_on, if or on_error, it has ended. retry_eligible: it has not ended and has
        attempts left. ready_for_execution: a worker may have it now (parents done, attempts left,
        its time has come, nothing paused, nobody runs it). next_retry_at: when its backoff ends.
        backoff_request_seconds: the wait that its last failure led to. last_attempted_at: start of
        the last attempt, or when it was found lost.
        Raises NotFoundError (unknown task or step), BadValueError (None task).
        """
        sql = """tasker.get_step_readiness_status(p_task_uuid => %s::uuid,
            p_step_uuids => %s::uuid[])"""
        return self._rows(rows.StepReadiness, sql, task_uuid, _array(step_uuids))

    def get_task_execution_context(self, task_uuid: UUID) -> rows.TaskExecutionContext:
        """How a task stands.

        completed_steps are complete, resolved_manually or skipped; ready_steps may be handed to a
        worker now. execution_status: blocked_by_failures (a step failed for good, whatever else may
        run), all_complete, has_ready_steps, processing, waiting_for_dependencies (or for a timer,
        or paused). recommended_action: handle_failures, finalize_task, execute_ready_steps,
        wait_for_completion, wait_for_dependencies; None when the task is complete, cancelled or
        resolved. health_status: blocked, recovering (something runs again after a failure),
        healthy.
        Raises NotFoundError (unknown task), BadValueError (None).
        """
        sql = "tasker.get_task_execution_context(p_task_uuid => %s::uuid)"
        return self._one(rows.TaskExecutionContext, sql, task_uuid)

    def get_task_execution_contexts(
        self, task_uuids: Sequence[UUID]
    ) -> list[rows.TaskExecutionContext]:
        """How several tasks (up to rows_per_call) stand, in the order asked for; columns and words
        as get_task_execution_context.

        Raises NotFoundError (one of them is unknown), BadValueError (None, or too many).
        """
        sql = "tasker.get_task_execution_contexts(p_task_uuids => %s::uuid[])"
        return self._rows(rows.TaskExecutionContext, sql, _array(task_uuids))

    def calculate_dependency_levels(self, task_uuid: UUID) -> list[rows.DependencyLevel]:
        """How deep each step of a task lies in its DAG: 0 without parents, else one more than the
        deepest parent; steps of one level can run side by side.

        Raises NotFoundError (unknown task), BadValueError (None).
        """
        sql = "tasker.calculate_dependency_levels(p_task_uuid => %s::uuid)"
        return self._rows(rows.DependencyLevel, sql, task_uuid)

    def get_step_transitive_dependencies(self, step_uuid: UUID) -> list[rows.StepDependency]:
        """All steps that a step depends on, directly or through others: each once, with its
        shortest distance (1 = parent), its state and its result, nearest first.

        Raises NotFoundError (unknown step), BadValueError (None).
        """
        sql = "tasker.get_step_transitive_dependencies(p_step_uuid => %s::uuid)"
        return self._rows(rows.StepDependency, sql, step_uuid)

    def count_events(self, after: Any = None) -> list[rows.EventCount]:
        """How often each kind of event has happened since the call whose next_after this is (None:
        from now on); at most in the last hour.

        subject: task or step, with its change of state; late write, with its cause; finalization
        claim, with what happened to it (claimed, extended; released, finalized or expired, with the
        seconds that it was held; or why it was refused); claiming to finalize, with the seconds
        that asking for such a claim took, by the least bound that these do not exceed and all
        larger ones. An event counts once, and not before all transactions that were open when it
        happened have ended. Costs as much as happened since that call, by calls and not by steps.
        Raises BadValueError (`after` is not what a call returned).
        """
        sql = "tasker.count_events(p_after => %s::jsonb)"
        return self._rows(rows.EventCount, sql, _json(after))

    def get_system_health_counts(self) -> rows.SystemHealthCounts:
        """How the whole system stands now, counted in tables of open work only.

        Of more than 300 open tasks or timers their states are estimated from 300 of them, and
        counts_are_exact is false. unfinalized_tasks: blocked by failures, or to be finalized
        externally. enqueued_steps: messages in the namespaces' queues (see queue_depths).
        scheduled_steps: first steps of tasks with run_at. overdue_timers and expired_claims wait
        for the next sweep: more than a few for more than seconds means that nobody calls it.
        active_workers hold a claim, idle_workers wait to be notified. active_connections are those
        to this database. finalization_claims: how many tasks a processor is finalizing now.
        """
        return self._one(rows.SystemHealthCounts, "tasker.get_system_health_counts()")

    def get_analytics_metrics(self, since: datetime) -> rows.AnalyticsMetrics:
        """What happened since `since`.

        completion_rate: percent of the tasks that ended which are complete; error_rate: percent of
        the attempts that ended which failed. attempts_lost: taken back because the lease ran out;
        late_writes: outcomes that came after that and were refused. A task's duration begins when
        it was created (or with its run_at), a step's is what the worker of its last attempt
        measured, else the time since its claim; average_step_wait is the time from its enqueueing
        to its start. Costs as much as happened since then.
        Raises BadValueError (None, or in the future).
        """
        sql = "tasker.get_analytics_metrics(p_since => %s::timestamp with time zone)"
        return self._one(rows.AnalyticsMetrics, sql, since)

    def get_slowest_steps(
        self,
        since: datetime,
        limit: int = 10,
        namespace: str | None = None,
        task: str | None = None,
        version: str | None = None,
    ) -> list[rows.SlowStep]:
        """The up to `limit` steps that ended since `since` (default: an hour ago) and whose last
        attempt ran longest, of all templates or those of a namespace, name and version.

        duration is what its worker measured (seconds), else the time since its claim; waited is the
        time between its enqueueing and its start. Costs as much as happened since then.
        Raises BadValueError (bad moment or limit), NotFoundError (unknown namespace).
        """
        sql = """tasker.get_slowest_steps(p_since => %s::timestamp with time zone,
            p_limit => %s::bigint, p_namespace => %s::text, p_task => %s::text,
            p_version => %s::text)"""
        return self._rows(rows.SlowStep, sql, since, limit, namespace, task, version)

    def get_slowest_tasks(
        self,
        since: datetime,
        limit: int = 10,
        namespace: str | None = None,
        task: str | None = None,
        version: str | None = None,
    ) -> list[rows.SlowTask]:
        """The up to `limit` tasks that ended since `since` (default: an hour ago) and took longest
        from their creation (or run_at) to their end, of all templates or those of a namespace, name
        and version, each with its slowest step.

        waited is the time until the first step was claimed. Costs as much as happened since then.
        Raises BadValueError (bad moment or limit), NotFoundError (unknown namespace).
        """
        sql = """tasker.get_slowest_tasks(p_since => %s::timestamp with time zone,
            p_limit => %s::bigint, p_namespace => %s::text, p_task => %s::text,
            p_version => %s::text)"""
        return self._rows(rows.SlowTask, sql, since, limit, namespace, task, version)

    # run

    def report_runner(
        self, name: str, report: Any, interval: timedelta = timedelta(seconds=5)
    ) -> list[rows.ForcedBreaker]:
        """A runner's heartbeat, every `interval`: stores how it is ({"host", "pid", "version",
        "uptime", "state", "status", "namespaces", "pools", "breakers", "connections"}, and if it
        likes "handlers", the names that it can run, and "troubles", what it met in the last minute
        that needs somebody: [{"code", "message", "times", "since_ago"}], with a code of problems,
        and "counters", what it has counted since it began; see known_runners, executor_pools,
        circuit_breakers) and returns which of its circuit breakers operators have forced open or
        closed.

        A runner that does not report for three intervals counts as gone, and is forgotten after a
        day.
        Raises BadValueError (bad argument), LimitExceededError (report over 1 MiB).
        """
        sql = """tasker.report_runner(p_name => %s::text, p_report => %s::jsonb,
            p_interval => %s::interval)"""
        return self._rows(rows.ForcedBreaker, sql, name, _json(report), interval)

    def force_breaker(
        self, breaker: str, position: str, reason: str, runner: str | None = None
    ) -> rows.BreakerOrder:
        """Forces a circuit breaker (database, queue) open, so that no call passes, or closed, so
        that all do whatever fails: of one runner, or (`runner` None) of every one.

        Runners obey with their next heartbeat; release_breaker undoes it. The reason is recorded.
        Safe to repeat. An open queue breaker stops claims and reports and keeps leases; an open
        database breaker stops heartbeats, so that others take over what a runner holds.
        Raises NotFoundError (no such breaker), BadValueError (bad position, no reason).
        """
        sql = """tasker.force_breaker(p_breaker => %s::text, p_position => %s::text,
            p_reason => %s::text, p_runner => %s::text)"""
        return self._one(rows.BreakerOrder, sql, breaker, position, reason, runner)

    def release_breaker(
        self, breaker: str, reason: str, runner: str | None = None
    ) -> rows.BreakerRelease:
        """Undoes force_breaker, for one runner or (`runner` None) for every one; with the next
        heartbeat, a call is tried.

        The reason is recorded. Safe to repeat.
        Raises BadValueError (no reason).
        """
        sql = """tasker.release_breaker(p_breaker => %s::text, p_reason => %s::text,
            p_runner => %s::text)"""
        return self._one(rows.BreakerRelease, sql, breaker, reason, runner)

    def served_namespaces(self) -> list[rows.ServedNamespace]:
        """Who works for each namespace.

        Workers that are not runners of tasker-sql report nothing, and are seen in live_claims
        alone.
        """
        return self._rows(rows.ServedNamespace, "tasker.served_namespaces")

    def known_workers(self) -> list[rows.KnownWorker]:
        """All workers, in any language: runners seen in the last day, and any other session that
        holds a claim or waits for work now."""
        return self._rows(rows.KnownWorker, "tasker.known_workers")

    def known_runners(self) -> list[rows.KnownRunner]:
        """Who runs, or ran within the last day: one row per runner, as of its last heartbeat."""
        return self._rows(rows.KnownRunner, "tasker.known_runners")

    def executor_pools(self) -> list[rows.ExecutorPool]:
        """The executor pools of live runners, as of their last heartbeats."""
        return self._rows(rows.ExecutorPool, "tasker.executor_pools")

    def circuit_breakers(self) -> list[rows.KnownBreaker]:
        """The circuit breakers of live runners, as of their last heartbeats.

        One that has lost this database cannot say so here: its silence does, see known_runners.
        """
        return self._rows(rows.KnownBreaker, "tasker.circuit_breakers")

    def live_claims(self) -> list[rows.LiveClaim]:
        """Who works on what now: one row per claim.

        (Its token is left out: anybody who knows it can finish the steps.)
        """
        return self._rows(rows.LiveClaim, "tasker.live_claims")

    # check

    def check_invariants(self, task_uuid: UUID | None = None) -> list[rows.Violation]:
        """What is wrong in the database, for one task or (None) for everything: one row per
        violation, none when all is well.

        severity safety: may never be seen in any committed snapshot. severity convergence:
        something lies longer than 60 seconds that a sweep should have dealt with, so either nobody
        calls sweep(), or it fails. Of one task, reads its rows, its history and the first 10000
        messages of its queues; of everything, reads everything, history included: seconds for
        200,000 steps.
        Raises NotFoundError (unknown task).
        """
        sql = "tasker.check_invariants(p_task_uuid => %s::uuid)"
        return self._rows(rows.Violation, sql, task_uuid)

    # queue

    def queue_depths(self) -> list[rows.QueueDepth]:
        """How full each queue is: three for each namespace, and the two orchestration queues.

        Counts up to 10,000 messages; above that, estimates from the ids of the messages. A pointer
        to a step that was cancelled meanwhile counts until a claim comes upon it.
        """
        return self._rows(rows.QueueDepth, "tasker.queue_depths")
