"""The rows that the SQL functions return: one frozen dataclass each, with the columns by name.

`tasker_sql.client` selects exactly these columns, in this order.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class CreatedNamespace:
    """A namespace and its queue. `created` is false when it was there before."""

    name: str
    queue_name: str
    created: bool


@dataclass(frozen=True, slots=True)
class DroppedNamespace:
    """A namespace that is gone, with its queues."""

    name: str
    queues_dropped: list[str]


@dataclass(frozen=True, slots=True)
class RegisteredTemplate:
    """A version of a template. `created` is false when this very definition was there before."""

    template_id: int
    namespace: str
    name: str
    version: str
    created: bool


@dataclass(frozen=True, slots=True)
class CreatedTask:
    """A task. `created` is false when its idempotency key had made it before."""

    task_uuid: UUID
    created: bool


@dataclass(frozen=True, slots=True)
class ClaimedStep:
    """A step in a worker's hands, with all that its handler needs."""

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


@dataclass(frozen=True, slots=True)
class StepAnswer:
    """What became of a step, and of its task."""

    task_uuid: UUID
    step_state: str
    task_state: str


@dataclass(frozen=True, slots=True)
class FailedStep:
    """What became of a step whose attempt failed; `next_retry_at` when it waits for another."""

    task_uuid: UUID
    step_state: str
    next_retry_at: datetime | None
    task_state: str


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A claim's new end, and those of its steps to stop working on."""

    lease_until: datetime
    cancelled_step_uuids: list[UUID]


@dataclass(frozen=True, slots=True)
class ReleasedStep:
    """A step that went back to its queue, its attempt not counted."""

    step_uuid: UUID


@dataclass(frozen=True, slots=True)
class Submission:
    """Outcomes handed in for `process_step_results`."""

    submission_id: int
    steps: int


@dataclass(frozen=True, slots=True)
class ProcessedResult:
    """A message of the results' queue: how many steps it completed and failed, or its error."""

    msg_id: int
    completed: int
    failed: int
    error: str | None


@dataclass(frozen=True, slots=True)
class ProcessedRequest:
    """A message that asked for a task: the task, or the error."""

    msg_id: int
    task_uuid: UUID | None
    created: bool
    error: str | None


@dataclass(frozen=True, slots=True)
class SweptAction:
    """How much of one kind of mending a sweep did."""

    action: str
    affected: int


@dataclass(frozen=True, slots=True)
class IdleChannel:
    """The channel that is notified when a namespace has work for an idle worker."""

    namespace: str
    channel: str


@dataclass(frozen=True, slots=True)
class ClosedTask:
    """A task that an operator ended; how many of its steps were cancelled with it."""

    task_uuid: UUID
    task_state: str
    cancelled_steps: int


@dataclass(frozen=True, slots=True)
class Pause:
    """Whether it is paused now, and whether that is new."""

    paused: bool
    changed: bool
