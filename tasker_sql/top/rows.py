"""Rows of the dashboard's queries, where those are not rows of the public API."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID


class Identity(NamedTuple):
    """Where this comes from, and whether the role may write there."""

    database: str
    role: str
    at: datetime
    may_write: bool


class QueueLine(NamedTuple):
    """A queue, whether its namespace is paused, and who works for it."""

    queue_name: str
    namespace: str | None
    priority: str | None
    depth: int | None
    depth_is_exact: bool | None
    oldest_age: timedelta | None
    missing: bool
    paused_at: datetime | None
    paused_by: str | None
    pause_reason: str | None
    live_runners: int | None
    slots: int | None


class TaskLine(NamedTuple):
    """A task of the list."""

    task_uuid: UUID
    namespace: str
    name: str
    version: str
    state: str
    paused: bool
    template_paused: bool
    namespace_paused: bool
    priority: str
    created_at: datetime
    finished_at: datetime | None
    total_steps: int
    completed_steps: int
    in_progress_steps: int
    enqueued_steps: int
    waiting_for_retry_steps: int
    failed_steps: int


class TaskHead(NamedTuple):
    """A task, without its context."""

    task_uuid: UUID
    namespace: str
    name: str
    version: str
    state: str
    paused: bool
    paused_by: str | None
    pause_reason: str | None
    priority: str
    initiator: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    total_steps: int
    completed_steps: int
    completion_percentage: Decimal


class StepLine(NamedTuple):
    """A step, without its result; of its last error the words."""

    step_uuid: UUID
    name: str
    namespace: str
    handler: str
    state: str
    attempt: int
    max_attempts: int
    parents: list[str]
    waiting_parents: int
    worker: str | None
    lease_until: datetime | None
    error: str | None
    last_failure_at: datetime | None
    next_retry_at: datetime | None
    enqueued_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None


class OperatorAction(NamedTuple):
    """What an operator did, to what, and why."""

    at: datetime
    verb: str
    subject: str
    reason: str
    session_role: str
    application: str


class ClaimLine(NamedTuple):
    """Who works on what, and until when."""

    worker: str
    namespace: str
    claimed_at: datetime
    lease_until: datetime
    is_expired: bool
    step_count: int
    step_uuids: list[UUID]


class WaitingRetry(NamedTuple):
    """A step that waits for its next attempt."""

    step_uuid: UUID
    namespace: str
    task_name: str
    name: str
    attempt: int
    max_attempts: int
    next_retry_at: datetime
    failed_at: datetime | None
    error: str | None


class LateOutcome(NamedTuple):
    """An outcome that came after its claim was lost, and changed nothing."""

    refused_at: datetime
    step_uuid: UUID
    name: str
    worker: str
    attempt: int | None
    cause: str
    late_by: timedelta | None
    step_state: str


class RejectedRequest(NamedTuple):
    """A message to an orchestration queue that could not be applied, without the message."""

    rejected_at: datetime
    queue_name: str
    msg_id: int
    code: str
    error: str


class ServerHealth(NamedTuple):
    """The server, as it judges itself."""

    version: str
    is_standby: bool
    started_at: datetime
    connections: int
    active_connections: int
    max_connections: int
    idle_in_transaction: int
    waiting_for_locks: int
    oldest_transaction_at: datetime | None
    commits: int
    rollbacks: int
    deadlocks: int
    cache_hits: float | None
    size: int


class OpenTransaction(NamedTuple):
    """A session with an open transaction; what it holds back, vacuum cannot clean."""

    pid: int
    application: str
    role: str | None
    state: str | None
    began_at: datetime | None
    waits_for: str | None
    blocked_by: list[int]
    address: str | None
    query: str | None


class TableSize(NamedTuple):
    """A table of ours, as the statistics know it."""

    table: str
    size: int
    live_rows: int
    dead_rows: int
    vacuumed_at: datetime | None
