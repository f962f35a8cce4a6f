"""The rows that functions and views return. Written by `make client`."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID


class CreatedNamespace(NamedTuple):
    """A namespace and its queue. `created` is false when it was there before."""

    name: str
    queue_name: str
    created: bool


class DroppedNamespace(NamedTuple):
    """A namespace that is gone, with its queues."""

    name: str
    dropped_queues: list[str]


class RegisteredTemplate(NamedTuple):
    """A version of a template. `created` is false when this very definition was there before."""

    template_id: int
    namespace: str
    name: str
    version: str
    created: bool


class CreatedTask(NamedTuple):
    """A task. `created` is false when its idempotency key had made it before."""

    task_uuid: UUID
    created: bool


class ClaimedStep(NamedTuple):
    """A step in a worker's hands, with all that its handler needs. Or an outcome that was refused:
    then there is only its `step_uuid`, and `refused` is {"code", "message", "detail"}."""

    step_uuid: UUID
    task_uuid: UUID
    name: str
    handler: str
    attempt: int
    max_attempts: int
    token: UUID
    lease_until: datetime
    timeout: timedelta | None
    config: Any
    context: Any
    dependency_results: Any
    timeout_seconds: float | None
    deadline: datetime | None
    lease_seconds: float
    dependency_states: Any
    checkpoint: Any
    checkpoint_number: int | None
    refused: Any


class MovedDeadline(NamedTuple):
    """The deadline of a task, and what it was before; None: there is none."""

    task_uuid: UUID
    deadline: datetime | None
    previous: datetime | None


class StepAnswer(NamedTuple):
    """What happened to a step and its task."""

    task_uuid: UUID
    step_state: str
    task_state: str


class CompletedStep(NamedTuple):
    """What happened to a step and its task. `repeated`: it was complete already under this token,
    so a transaction with writes of its own must roll back."""

    task_uuid: UUID
    step_state: str
    task_state: str
    repeated: bool


class SavedCheckpoint(NamedTuple):
    """What was saved of a step, and until when its claim holds. `repeated`: this claim had saved it
    before."""

    saved_at: datetime
    lease_until: datetime
    number: int
    repeated: bool


class SentSignal(NamedTuple):
    """What happened to a signal: `state` is delivered (to `step_uuid`, which waited for it) or
    stored, for a step that is to come. `repeated`: its key was used before for the same value."""

    task_uuid: UUID
    name: str
    state: str
    step_uuid: UUID | None
    repeated: bool


class AnsweredWait(NamedTuple):
    """What happened to a step that was answered. `repeated`: it had this answer before."""

    task_uuid: UUID
    step_state: str
    task_state: str
    repeated: bool


class OpenWait(NamedTuple):
    """A step that waits: `kind` is signal, time, condition or sleep. For signals their names, the
    prompt, the JSON Schema of a value, and how many are wanted and received."""

    step_uuid: UUID
    task_uuid: UUID
    namespace: str
    template: str
    name: str
    kind: str
    signals: list[str] | None
    prompt: str | None
    schema: Any
    wanted: int | None
    received: int | None
    opened_at: datetime
    until: datetime | None
    on_timeout: str | None
    context: Any


class Signal(NamedTuple):
    """A signal that was sent to a task: `state` is taken (by `step_uuid`), stored, or left when
    nobody can take it any more."""

    signal_id: int
    name: str
    key: str | None
    value: Any
    sent_by: str
    sent_at: datetime
    state: str
    step_uuid: UUID | None
    reason: str | None


class SleepingStep(NamedTuple):
    """A step that was let sleep, until `due_at`; `step_state` is error when it has slept too often.
    `repeated`: this claim let it sleep already, so a transaction with writes of its own must roll
    back."""

    task_uuid: UUID
    step_state: str
    due_at: datetime | None
    repeated: bool


class FailedStep(NamedTuple):
    """What happened to a step whose attempt failed; `next_retry_at` when it waits for another."""

    task_uuid: UUID
    step_state: str
    next_retry_at: datetime | None
    task_state: str


class Heartbeat(NamedTuple):
    """A claim's new end (None: it is gone), and the steps to stop working on: cancelled, or settled
    by an operator; reported before; lost. The last two only of steps that were named."""

    lease_until: datetime | None
    cancelled_step_uuids: list[UUID]
    finished_step_uuids: list[UUID]
    lost_step_uuids: list[UUID]
    lease_seconds: float | None


class ReportedStep(NamedTuple):
    """What happened to an outcome: applied, repeated, or refused with a code and a message."""

    step_uuid: UUID
    outcome: str
    code: str | None
    message: str | None
    step_state: str | None
    task_state: str | None
    next_retry_at: datetime | None


class ReleasedStep(NamedTuple):
    """A step that went back to its queue, its attempt not counted."""

    step_uuid: UUID


class TaskEnd(NamedTuple):
    """How a task stands; `finished_at` when it has ended."""

    task_uuid: UUID
    state: str
    finished_at: datetime | None


class TaskResult(NamedTuple):
    """The result of a step of a task. No other step depends on one that `is_last`."""

    name: str
    state: str
    result: Any
    error: Any
    is_last: bool


class RefusedOutcome(NamedTuple):
    """An outcome that was refused; `late_by` after its claim was lost (None: never held it)."""

    step_uuid: UUID
    attempt: int | None
    cause: str
    late_by: timedelta | None
    step_state: str


class Submission(NamedTuple):
    """Outcomes submitted for `process_step_results`."""

    submission_id: int
    steps: int


class ProcessedResult(NamedTuple):
    """A message of the results' queue: how many steps it completed and failed, or its error."""

    msg_id: int
    completed: int
    failed: int
    error: str | None


class ProcessedRequest(NamedTuple):
    """A message that asked for a task: the task, or the error."""

    msg_id: int
    task_uuid: UUID | None
    created: bool
    error: str | None


class SweptAction(NamedTuple):
    """How many rows a sweep repaired in one way."""

    action: str
    affected: int


class IdleChannel(NamedTuple):
    """The channel that is notified when a namespace has work for an idle worker."""

    namespace: str
    channel: str


class ClosedTask(NamedTuple):
    """A task that an operator ended; how many of its steps were cancelled with it."""

    task_uuid: UUID
    task_state: str
    cancelled_steps: int


class Pause(NamedTuple):
    """Whether it is paused now, and whether that is new."""

    paused: bool
    changed: bool


class Limit(NamedTuple):
    """What the engine takes at most: now, at first, and the bounds that `set_limit` keeps."""

    name: str
    value: int
    initial: int
    minimum: int
    maximum: int
    unit: str
    meaning: str


class ChangedLimit(NamedTuple):
    """A limit as it is now, what it was, and whether that is new."""

    name: str
    value: int
    previous: int
    changed: bool


class FinalizationClaim(NamedTuple):
    """Whether a task is the caller's to finalize; `message` says why or why not."""

    claimed: bool
    already_claimed_by: str | None
    task_state: str | None
    message: str
    finalization_attempt_uuid: UUID | None


class ExtendedFinalization(NamedTuple):
    """A finalization claim's new end."""

    task_uuid: UUID
    claimed_until: datetime
    message: str


class ReleasedFinalization(NamedTuple):
    """A finalization claim that was given back; not `released` when it was before."""

    task_uuid: UUID
    task_state: str
    released: bool


class FinalizedTask(NamedTuple):
    """How a task ended, or that it is not ready to."""

    task_uuid: UUID
    task_state: str
    finalized: bool
    message: str


class Task(NamedTuple):
    """Everything about one task: what it is, what it was given, how it stands."""

    task_uuid: UUID
    namespace: str
    name: str
    version: str
    state: str
    paused: bool
    paused_at: datetime | None
    paused_by: str | None
    pause_reason: str | None
    priority: str
    context: Any
    tags: list[str] | None
    initiator: str | None
    source_system: str | None
    reason: str | None
    finalize_externally: bool
    created_at: datetime
    run_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    total_steps: int
    pending_steps: int
    in_progress_steps: int
    completed_steps: int
    failed_steps: int
    ready_steps: int
    enqueued_steps: int
    waiting_for_retry_steps: int
    cancelled_steps: int
    execution_status: str
    recommended_action: str | None
    completion_percentage: Decimal
    health_status: str
    deadline: datetime | None


class ListedTask(NamedTuple):
    """A task of a page. `next_before` is where the next page begins, nothing on the last one; a
    page without any task is one row with nothing but `next_before`."""

    task_uuid: UUID | None
    namespace: str | None
    name: str | None
    version: str | None
    state: str | None
    paused: bool | None
    priority: str | None
    tags: list[str] | None
    initiator: str | None
    source_system: str | None
    created_at: datetime | None
    run_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    next_before: UUID | None


class TaskStep(NamedTuple):
    """A step of a task."""

    step_uuid: UUID
    name: str
    description: str | None
    namespace: str
    handler: str
    state: str
    attempt: int
    max_attempts: int
    parents: list[str]
    waiting_parents: int
    worker: str | None
    lease_until: datetime | None
    result: Any
    last_error: Any
    last_failure_at: datetime | None
    next_retry_at: datetime | None
    enqueued_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None


class StepReadiness(NamedTuple):
    """What stands between a step and its next attempt."""

    step_uuid: UUID
    name: str
    current_state: str
    dependencies_satisfied: bool
    retry_eligible: bool
    ready_for_execution: bool
    last_failure_at: datetime | None
    next_retry_at: datetime | None
    total_parents: int
    completed_parents: int
    attempts: int
    max_attempts: int
    backoff_request_seconds: Decimal | None
    last_attempted_at: datetime | None
    paused: bool


class TaskExecutionContext(NamedTuple):
    """How a task stands, in counts and in words."""

    task_uuid: UUID
    status: str
    total_steps: int
    pending_steps: int
    in_progress_steps: int
    completed_steps: int
    failed_steps: int
    ready_steps: int
    enqueued_steps: int
    execution_status: str
    recommended_action: str | None
    completion_percentage: Decimal
    health_status: str
    waiting_for_retry_steps: int
    cancelled_steps: int
    paused: bool


class StepDependency(NamedTuple):
    """A step that another one depends on, directly (distance 1) or through others."""

    step_uuid: UUID
    name: str
    distance: int
    current_state: str
    result: Any


class DependencyLevel(NamedTuple):
    """A step's level: 0 depends on nothing, else one more than the highest it depends on."""

    step_uuid: UUID
    name: str
    dependency_level: int


class ListedNamespace(NamedTuple):
    """A namespace with its queue, and who paused it, when and why."""

    name: str
    queue_name: str
    paused_at: datetime | None
    paused_by: str | None
    pause_reason: str | None
    created_at: datetime


class ListedTemplate(NamedTuple):
    """A version of a template; the latest is what create_task takes when it names none."""

    namespace: str
    name: str
    version: str
    is_latest: bool
    description: str | None
    step_count: int
    finalization: str
    paused_at: datetime | None
    paused_by: str | None
    pause_reason: str | None
    registered_at: datetime
    registered_by: str


class Template(NamedTuple):
    """A template: its definition as registered, its steps as compiled."""

    namespace: str
    name: str
    version: str
    definition: Any
    steps: Any
    sha256: str
    paused_at: datetime | None
    paused_by: str | None
    pause_reason: str | None
    registered_at: datetime
    registered_by: str


class SystemHealthCounts(NamedTuple):
    """How the whole system stands now."""

    open_tasks: int
    pending_tasks: int
    in_progress_tasks: int
    blocked_tasks: int
    paused_tasks: int
    unfinalized_tasks: int
    enqueued_steps: int
    in_progress_steps: int
    waiting_for_retry_steps: int
    scheduled_steps: int
    overdue_timers: int
    live_claims: int
    expired_claims: int
    active_workers: int
    idle_workers: int
    pending_submissions: int
    deferred_joins: int
    missing_queues: int
    oldest_message_at: datetime | None
    active_connections: int
    max_connections: int
    measured_at: datetime
    counts_are_exact: bool
    finalization_claims: int


class StepReason(NamedTuple):
    """Why a step is not running; `cure`: a statement or command; `cause_uuid`: the step to fix."""

    rank: int
    code: str
    blocks: bool
    reason: str
    since: datetime | None
    until: datetime | None
    who: str | None
    cure: str | None
    cause_uuid: UUID


class TaskReason(NamedTuple):
    """What a task waits for; `steps` have this reason (None: it is the task's own)."""

    rank: int
    code: str
    blocks: bool
    steps: int | None
    reason: str
    since: datetime | None
    until: datetime | None
    who: str | None
    cure: str | None
    cause_uuid: UUID


class AnalyticsMetrics(NamedTuple):
    """What happened since a moment: counts, rates in percent, durations."""

    since: datetime
    until: datetime
    tasks_created: int
    tasks_completed: int
    tasks_failed: int
    tasks_cancelled: int
    tasks_resolved: int
    steps_completed: int
    steps_failed: int
    attempts_started: int
    attempts_failed: int
    attempts_lost: int
    retries: int
    completion_rate: Decimal | None
    error_rate: Decimal | None
    tasks_per_second: Decimal | None
    steps_per_second: Decimal | None
    average_task_duration: timedelta | None
    p95_task_duration: timedelta | None
    average_step_wait: timedelta | None
    average_step_duration: timedelta | None
    p95_step_duration: timedelta | None
    late_writes: int


class EventCount(NamedTuple):
    """How often something has happened: a `task` or `step` changed its state, a `late write` was
    refused, a `finalization claim` ended, held for so many seconds in all."""

    subject: str
    from_state: str | None
    outcome: str
    events: int
    seconds: float | None
    next_after: Any


class SlowStep(NamedTuple):
    """A step that took long; how long it ran, and waited before."""

    step_uuid: UUID
    task_uuid: UUID
    namespace: str
    task_name: str
    version: str
    name: str
    state: str
    duration: timedelta
    waited: timedelta | None
    attempts: int
    started_at: datetime
    finished_at: datetime | None


class SlowTask(NamedTuple):
    """A task that took long, and its slowest step."""

    task_uuid: UUID
    namespace: str
    name: str
    version: str
    state: str
    duration: timedelta
    waited: timedelta | None
    total_steps: int
    slowest_step: str | None
    slowest_step_duration: timedelta | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class Violation(NamedTuple):
    """An invariant that does not hold, and where."""

    invariant: str
    severity: str
    task_uuid: UUID | None
    step_uuid: UUID | None
    detail: str


class QueueDepth(NamedTuple):
    """How full a queue is; namespace and priority are empty for the orchestration queues."""

    queue_name: str
    namespace: str | None
    priority: str | None
    depth: int | None
    depth_is_exact: bool | None
    oldest_at: datetime | None
    oldest_age: timedelta | None
    missing: bool


class QueuedStep(NamedTuple):
    """A step in a queue, and the first reason why nobody has it. One that is not enqueued was
    cancelled or settled: a claim drops its message."""

    queue_name: str
    step_uuid: UUID
    task_uuid: UUID
    namespace: str
    task_name: str
    name: str
    handler: str
    priority: str
    state: str
    attempt: int
    max_attempts: int
    enqueued_at: datetime | None
    waited: timedelta | None
    code: str | None
    blocks: bool | None
    reason: str | None
    cure: str | None


class ServedNamespace(NamedTuple):
    """Who works for a namespace: live runners, and how many handlers these can run at a time."""

    namespace: str
    live_runners: int
    slots: int
    last_seen_at: datetime | None


class LiveClaim(NamedTuple):
    """Who works on what now; `steps` are the words for `step_uuids`."""

    worker: str
    namespace: str
    claimed_at: datetime
    lease_until: datetime
    is_expired: bool
    step_count: int
    step_uuids: list[UUID]
    steps: list[str]
    lease_left: timedelta


class KnownWorker(NamedTuple):
    """Somebody who works: a runner, or a foreign worker known from its claims and its waiting."""

    name: str
    kind: str
    status: str
    namespaces: list[str]
    claims: int
    steps: int
    lease_until: datetime | None
    lease_left: timedelta | None


class ForcedBreaker(NamedTuple):
    """A circuit breaker that operators have forced: `forced` is open or closed."""

    breaker: str
    forced: str
    reason: str


class BreakerOrder(NamedTuple):
    """What an operator wants of a breaker; no runner: of every runner's."""

    breaker: str
    runner: str | None
    forced: str
    changed: bool


class BreakerRelease(NamedTuple):
    """What an operator wants no more. `changed` is false when nothing was forced."""

    breaker: str
    runner: str | None
    changed: bool


class KnownRunner(NamedTuple):
    """A runner, as of its last heartbeat."""

    name: str
    is_live: bool
    state: str
    status: str
    namespaces: list[str]
    started_at: datetime
    seen_at: datetime
    silent_for: timedelta
    host: str
    pid: int
    version: str
    connections: Any
    handlers: list[str] | None
    troubles: Any
    role: str
    counters: Any


class ExecutorPool(NamedTuple):
    """A pool of a live runner, as of its last heartbeat."""

    runner: str
    pool: str
    namespace: str | None
    status: str
    executors: int
    min_executors: int
    max_executors: int
    healthy: int
    unhealthy: int
    utilization: float
    error_rate: float
    throughput: float
    done: int
    queue_depth: int | None
    queue_age: timedelta | None
    poll: timedelta
    batch: int
    seen_at: datetime
    scaled_at: datetime | None
    scaled_from: int | None
    scaled_why: str | None
    running: int
    waiting: int
    hung: int
    decided_at: datetime | None
    decision: str
    measured: Any
    scaled_up: int
    scaled_down: int
    status_changes: int


class KnownBreaker(NamedTuple):
    """A circuit breaker of a live runner, as of its last heartbeat."""

    runner: str
    breaker: str
    state: str
    forced: str | None
    wanted: str | None
    failed_in_a_row: int
    failed_calls: int
    opened: int
    changed_at: datetime
    last_error: str
    seen_at: datetime
    effective_state: str
    reason: str | None
    recoveries: int
    recovery_seconds: float


class Problem(NamedTuple):
    """Something that is wrong now, and its cure. Severity: critical or warning."""

    severity: str
    code: str
    subject: str
    since: datetime | None
    problem: str
    cure: str
    amount: int | None
    acknowledged_by: str | None
    acknowledged_reason: str | None
    acknowledged_until: datetime | None


class AcknowledgedProblem(NamedTuple):
    """A problem that somebody knows of; without a time, until it changes."""

    code: str
    subject: str
    severity: str
    until: datetime | None


class DeadLetters(NamedTuple):
    """Steps that failed for good, alike. `retryable`: all of them ran out of attempts."""

    namespace: str
    task_name: str
    name: str
    fingerprint: str
    count: int  # type: ignore[assignment]
    retryable: bool
    first_at: datetime
    last_at: datetime
    sample_step_uuid: UUID
    sample_error: str | None


class StepTimings(NamedTuple):
    """Where a task's wall time went, from one of its steps; the parts add up to `wall_time`."""

    step_uuid: UUID
    name: str
    state: str
    waiting: timedelta
    queued: timedelta
    backing_off: timedelta
    running: timedelta
    lost: timedelta
    failed: timedelta
    afterwards: timedelta
    finalizing: timedelta
    wall_time: timedelta


class StepAttempt(NamedTuple):
    """An attempt at a step, and how it ended; the seconds that its worker measured."""

    attempt: int
    outcome: str
    worker: str | None
    enqueued_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    error: Any
    retryable: bool | None
    next_retry_at: datetime | None
    seconds: float | None


class PathStep(NamedTuple):
    """A step, when it ends, and how much later it could without delaying its task."""

    step_uuid: UUID
    name: str
    state: str
    is_critical: bool
    ready_at: datetime | None
    ends_at: datetime | None
    is_estimated: bool
    slack: timedelta | None
    task_ends_at: datetime | None
    based_on: int


class PlannedRepair(NamedTuple):
    """A plan for `matched` steps, tasks, templates or namespaces, with one of them."""

    plan_uuid: UUID
    matched: int
    subject_uuid: UUID | None
    subject: str
    state: str
    error: str | None


class AppliedRepair(NamedTuple):
    """What one call did of a plan, and how much remains of it."""

    applied: int
    refused: int
    remaining: int
    last_refusal: str | None


class PutSchedule(NamedTuple):
    """A schedule that was made or changed; without a `next_tick` no more come."""

    namespace: str
    name: str
    created: bool
    changed: bool
    next_tick: datetime | None


class ChosenSchedule(NamedTuple):
    """A schedule that an operator paused, resumed or dropped, with its next tick."""

    namespace: str
    name: str
    next_tick: datetime | None


class ListedSchedule(NamedTuple):
    """A schedule: what it makes and when, its next and last tick, and who paused it."""

    namespace: str
    name: str
    template: str
    version: str | None
    cron: list[str] | None
    every: str | None
    time_zone: str
    missed: str
    overlap: str
    next_tick: datetime | None
    last_tick: datetime | None
    last_outcome: str | None
    paused_at: datetime | None
    open_tasks: int
    paused_by: str | None
    pause_reason: str | None
    description: str | None
    definition: Any


class ScheduleTick(NamedTuple):
    """What happened to a tick of a schedule; `wall` is what a clock in its time zone shows."""

    tick_at: datetime
    wall: datetime
    decided_at: datetime
    outcome: str
    task_uuid: UUID | None
    task_state: str | None
    detail: Any


class NextTick(NamedTuple):
    """A tick of a cron line: the moment, what a clock on the wall shows, and a `note` where it is
    changed."""

    tick_at: datetime
    wall: datetime
    note: str | None


class PlannedBackfill(NamedTuple):
    """Ticks that have made no task, for `apply_repair`; no plan where there are none."""

    plan_uuid: UUID | None
    ticks: int
    already: int
    first_tick: datetime | None
    last_tick: datetime | None


class ScheduleReason(NamedTuple):
    """When a schedule makes its next task, and what happened to the last ticks."""

    rank: int
    code: str
    blocks: bool
    reason: str
    since: datetime | None
    until: datetime | None
    who: str | None
    cure: str | None
