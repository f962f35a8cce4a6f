"""Stored snapshots: one of each screen of `top`, of a system in trouble."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from tasker_sql.rows import (
    DeadLetters,
    ExecutorPool,
    KnownBreaker,
    KnownRunner,
    KnownWorker,
    PathStep,
    Problem,
    StepAttempt,
    StepReason,
    StepTimings,
    TaskReason,
)
from tasker_sql.top.rows import (
    ClaimLine,
    Identity,
    LateOutcome,
    OpenTransaction,
    OperatorAction,
    QueueLine,
    RejectedRequest,
    ServerHealth,
    StepLine,
    TableSize,
    TaskHead,
    TaskLine,
    WaitingRetry,
)
from tasker_sql.top.snapshot import Location, Snapshot

AT = datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC)
TASK = UUID("01c0ffee-0000-7abc-8000-000000100000")
PAID = UUID("01c0ffee-0000-7abc-8000-000000100003")
RETRY = f"select * from tasker.retry_step('{PAID}', '<why>')"
DECLINED = (
    "the bank declined the card of order 17, and says that it is not going to change its mind"
)
GATEWAY = "gateway timeout"


def ago(**time: float) -> datetime:
    return AT - timedelta(**time)


def hence(**time: float) -> datetime:
    return AT + timedelta(**time)


NOBODY_KNOWS = (None, None, None, None)
PROBLEMS = (
    Problem(
        *("critical", "no_worker", "namespace billing", ago(minutes=42)),
        "120 steps wait in its queues for up to 42 min, and nobody works for it",
        "tasker-sql run --namespace billing",
        *NOBODY_KNOWS,
    ),
    Problem(
        *("critical", "task_stuck", f"task {TASK}", ago(hours=3)),
        "nothing in it can move: an invariant is broken",
        f"select * from tasker.check_invariants('{TASK}')",
        *NOBODY_KNOWS,
    ),
    Problem(
        *("warning", "paused", "namespace shop", ago(days=2, hours=5)),
        "ann paused it 2 days ago: the warehouse moves",
        "select * from tasker.resume_namespace('shop', '<why>')",
        *NOBODY_KNOWS,
    ),
    Problem(
        *("warning", "bloat", "table tasker.steps", None, "80000 dead rows", "vacuum it"),
        *NOBODY_KNOWS,
    ),
)
NOT_PAUSED = (None, None, None)
QUEUES = (
    QueueLine(
        *("billing_queue", "billing", "normal", 120, True, timedelta(minutes=42), False),
        *(*NOT_PAUSED, 0, 0),
    ),
    QueueLine(
        *("shop_queue", "shop", "normal", 31_000, False, timedelta(days=2), False),
        *(ago(days=2), "ann", "the warehouse moves", 2, 16),
    ),
    QueueLine(*("shop_queue_high", "shop", "high", None, None, None, True, *NOT_PAUSED, 2, 16)),
    QueueLine(
        *("orchestration_task_requests", None, None, 3, True, timedelta(seconds=1.5), False),
        *(*NOT_PAUSED, None, None),
    ),
)


def task_line(number: int, name: str, state: str, **more: Any) -> TaskLine:
    known: dict[str, Any] = {
        "task_uuid": UUID(int=TASK.int - (number << 20)),
        "namespace": "shop",
        "version": "1.2.0",
        "paused": False,
        "template_paused": False,
        "namespace_paused": False,
        "priority": "normal",
        "created_at": ago(hours=number, minutes=12),
        "finished_at": None,
        "total_steps": 4,
        "completed_steps": 0,
        "in_progress_steps": 0,
        "enqueued_steps": 0,
        "waiting_for_retry_steps": 0,
        "failed_steps": 0,
    }
    return TaskLine(name=name, state=state, **known | more)


TASKS = (
    task_line(
        *(0, "process_order", "blocked_by_failures"),
        completed_steps=2,
        in_progress_steps=1,
        failed_steps=1,
    ),
    task_line(
        *(3, "process_order", "in_progress"),
        paused=True,
        enqueued_steps=1,
        waiting_for_retry_steps=2,
    ),
    task_line(
        *(70, "monthly_invoices", "complete"),
        namespace="billing",
        finished_at=ago(hours=2),
        total_steps=1000,
        completed_steps=1000,
    ),
)
HEAD = TaskHead(
    *(TASK, "shop", "process_order", "1.2.0", "blocked_by_failures", False, None, None),
    *("normal", "ann", ago(minutes=12), ago(minutes=11), None, 4, 2, Decimal("50.00")),
)


def step(number: int, name: str, state: str, parents: list[str], **more: Any) -> StepLine:
    known: dict[str, Any] = {
        "step_uuid": UUID(int=TASK.int + number),
        "namespace": "shop",
        "handler": name,
        "attempt": 1,
        "max_attempts": 3,
        "waiting_parents": 0,
        "worker": None,
        "lease_until": None,
        "error": None,
        "last_failure_at": None,
        "next_retry_at": None,
        "enqueued_at": ago(minutes=11),
        "started_at": ago(minutes=10),
        "finished_at": None,
    }
    return StepLine(name=name, state=state, parents=parents, **known | more)


STEPS = (
    step(1, "validate_order", "complete", [], finished_at=ago(minutes=10, seconds=-1.5)),
    step(
        *(2, "reserve_inventory", "in_progress", ["validate_order"]),
        worker="host-1:4711",
        lease_until=hence(seconds=12),
    ),
    step(
        *(3, "process_payment", "error", ["validate_order"]),
        attempt=3,
        error=DECLINED,
        last_failure_at=ago(minutes=2),
        finished_at=ago(minutes=2),
    ),
    step(
        *(4, "ship_order", "pending", ["reserve_inventory", "process_payment"]),
        attempt=0,
        waiting_parents=2,
        enqueued_at=None,
        started_at=None,
    ),
)
FAILED = f"attempt 3 of 3 failed: CardError: {DECLINED}"
WHY_TASK = (
    TaskReason(
        *(1, "failed", True, 1, f"process_payment: {FAILED}", ago(minutes=2), None),
        *("host-1:4711", RETRY, PAID),
    ),
    TaskReason(
        *(2, "running", True, 1, "reserve_inventory: attempt 1 of 3 has run for 10 min"),
        *(ago(minutes=10), hence(seconds=12), "host-1:4711", None, STEPS[1].step_uuid),
    ),
)
WHY_MOVING = WHY_TASK[1]._replace(cause_uuid=UUID(int=TASK.int + (5 << 20) + 2))
NONE = timedelta()
TIMINGS = StepTimings(
    *(PAID, "process_payment", "error", timedelta(minutes=1), timedelta(seconds=20)),
    *(timedelta(minutes=7), timedelta(seconds=100), NONE, timedelta(minutes=2), NONE, NONE),
    timedelta(minutes=12),
)
WHY_STEP = (
    StepReason(*(1, "failed", True, FAILED, ago(minutes=2), None, "host-1:4711", RETRY, PAID)),
)
FAILED_PATH = tuple(
    PathStep(
        *(one.step_uuid, one.name, one.state, False, None, one.finished_at, False, None, None, 20)
    )
    for one in STEPS
)
MOVES = UUID(int=TASK.int + (5 << 20))
MOVING = HEAD._replace(task_uuid=MOVES, state="in_progress", completed_steps=2)
MOVING_STEPS = (
    STEPS[0]._replace(step_uuid=UUID(int=MOVES.int + 1)),
    STEPS[1]._replace(step_uuid=UUID(int=MOVES.int + 2)),
    step(
        *(3, "process_payment", "complete", ["validate_order"]),
        step_uuid=UUID(int=MOVES.int + 3),
        finished_at=ago(minutes=2),
    ),
    STEPS[3]._replace(step_uuid=UUID(int=MOVES.int + 4), waiting_parents=1),
)
MOVING_PATH = tuple(
    PathStep(
        *(one.step_uuid, one.name, one.state, slack is NONE, ago(minutes=10), ends_at),
        *(ends_at > AT, slack, hence(minutes=4), 20),
    )
    for one, ends_at, slack in zip(
        MOVING_STEPS,
        (ago(minutes=10, seconds=-1.5), hence(minutes=1), ago(minutes=2), hence(minutes=4)),
        (NONE, NONE, timedelta(minutes=3), NONE),
        strict=True,
    )
)
ATTEMPTS = (
    StepAttempt(
        *(3, "failed", "host-1:4711", ago(minutes=6), ago(minutes=5), ago(minutes=2)),
        *(f"CardError: {DECLINED}", False, None, None),
    ),
    StepAttempt(
        *(2, "lost", "host-2:99", ago(minutes=9), ago(minutes=8), ago(minutes=7), None, True),
        *(ago(minutes=6), None),
    ),
    StepAttempt(
        *(1, "failed", "host-1:4711", ago(minutes=11), ago(minutes=10), ago(minutes=9)),
        *(GATEWAY, True, ago(minutes=9), None),
    ),
)
ACTS = (
    OperatorAction(
        ago(minutes=11, seconds=1), "retry_step", str(PAID), "the bank is back", "ann", "psql"
    ),
    OperatorAction(
        ago(hours=3), "pause_namespace", "billing", "stock is counted", "bob", "tasker-sql"
    ),
)
FOREIGN = (
    KnownWorker(
        "php-7", "foreign", "working", ["shop"], 1, 12, hence(seconds=20), timedelta(seconds=20)
    ),
)
CLAIMS = (
    ClaimLine("host-2:99", "shop", ago(minutes=3), ago(seconds=4), True, 1, [STEPS[3].step_uuid]),
    ClaimLine("host-1:4711", "shop", ago(seconds=18), hence(seconds=12), False, 2, [PAID, TASK]),
)
USED = {"size": 20, "used": 17, "waiting": 2.4}
RUNNERS = (
    KnownRunner(
        *("host-1:4711", True, "normal", "degraded", ["shop"], ago(days=1), ago(seconds=3)),
        timedelta(seconds=3),
        "host-1",
        *(4711, "0.1.0", USED, ["ship"], [], "worker", {}),
    ),
    KnownRunner(
        *("host-2:99", False, "lost", "healthy", ["billing"], ago(days=2), ago(hours=2)),
        timedelta(hours=2),
        "host-2",
        *(99, "0.1.0", {**USED, "used": 1}, [], [], "worker", {}),
    ),
)
POOLS = (
    ExecutorPool(
        *("host-1:4711", "task_claimer", "shop", "degraded", 16, 4, 16, 15, 1, 0.97, 0.25),
        *(12.5, 40_000, 31_000, timedelta(days=2), timedelta(seconds=0.25), 50, ago(seconds=3)),
        *(ago(minutes=6), 12, "31000 wait"),
        running=12,
        waiting=3,
        hung=1,
        decided_at=ago(seconds=9),
        decision="1 of 16 hang",
        measured=None,
        scaled_up=2,
        scaled_down=1,
        status_changes=4,
    ),
)
BREAKERS = (
    KnownBreaker(
        *("host-1:4711", "database", "closed", None, None, 0, 0, 0, ago(days=1), ""),
        *(ago(seconds=3), "closed", None, 0, 0.0),
    ),
    KnownBreaker(
        *("host-1:4711", "queue", "open", "open", "open", 5, 9, 2, ago(minutes=1)),
        *("the server closed the connection", ago(seconds=3), "open"),
        *("an operator forced it: a bad release", 1, 4.5),
    ),
)
DEAD = (
    DeadLetters(
        *("shop", "process_order", "process_payment", "6f0c", 12, False, ago(hours=5)),
        *(ago(minutes=2), PAID, f"CardError: {DECLINED}"),
    ),
)
RETRIES = (
    WaitingRetry(
        *(STEPS[1].step_uuid, "shop", "process_order", "reserve_inventory", 1, 3),
        *(hence(seconds=40), ago(seconds=20), GATEWAY),
    ),
)
LATE = (
    LateOutcome(
        *(ago(minutes=7), STEPS[0].step_uuid, "validate_order", "host-2:99", 1, "lease expired"),
        *(timedelta(seconds=2.5), "complete"),
    ),
)
REJECTED = (
    RejectedRequest(
        ago(hours=1), "orchestration_task_requests", 17, "TK002", "no such template: nope"
    ),
)
SERVER = ServerHealth(
    *("18.6", False, ago(days=10), 90, 12, 100, 1, 2, ago(minutes=25), 990_000, 10_000, 3, 99.1),
    5_000_000_000,
)
TRANSACTIONS = (
    OpenTransaction(
        *(815, "psql", "ann", "idle in transaction", ago(minutes=25), "Client: ClientRead", []),
        *("10.0.0.7", "select * from orders"),
    ),
)
RELATIONS = (
    TableSize("tasker.steps", 2_000_000_000, 900_000, 80_000, ago(hours=5)),
    TableSize("tasker.transitions", 700_000_000, 100_000, 0, None),
)


def snapshot(place: Location, *answers: Any, may_write: bool = True) -> Snapshot:
    """A snapshot with these rows, and with the problems, where it asks for them."""
    status = Identity("shop", "ann", AT, may_write)
    found: dict[type[Any], list[Any]] = {}
    told = () if place.uuid else PROBLEMS
    for row in (status, *told, *answers):
        found.setdefault(type(row), []).append(row)
    return Snapshot(place, found, 0.021)


SNAPSHOTS = {
    seen.place: seen
    for seen in (
        snapshot(Location("problems")),
        snapshot(Location("queues"), *QUEUES),
        snapshot(Location("tasks"), *TASKS),
        snapshot(Location("task", TASK), HEAD, *STEPS, *WHY_TASK, TIMINGS, *FAILED_PATH),
        snapshot(Location("task", MOVES), MOVING, *MOVING_STEPS, WHY_MOVING, *MOVING_PATH),
        snapshot(Location("step", PAID), HEAD, STEPS[2], *WHY_STEP, TIMINGS, *ATTEMPTS, ACTS[0]),
        snapshot(Location("claims"), *CLAIMS),
        snapshot(Location("workers"), *RUNNERS, *FOREIGN, *POOLS, *BREAKERS),
        snapshot(Location("failures"), *DEAD, *RETRIES, *LATE, *REJECTED),
        snapshot(Location("database"), SERVER, *TRANSACTIONS, *RELATIONS),
        snapshot(Location("acts"), *ACTS),
    )
}
