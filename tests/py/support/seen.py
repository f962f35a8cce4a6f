"""Stored snapshots: one of each screen of `top`, of a system in trouble."""

from __future__ import annotations

from collections import namedtuple
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from typing import Any
from uuid import UUID

from tasker_sql.top.snapshot import Location, Snapshot

AT = datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC)
TASK = UUID("01c0ffee-0000-7abc-8000-000000100000")
MOVES = UUID(int=TASK.int + (5 << 20))
PAID = UUID("01c0ffee-0000-7abc-8000-000000100003")
RETRY = f"select * from tasker.retry_step('{PAID}', '<why>')"
DECLINED = (
    "the bank declined the card of order 17, and says that it is not going to change its mind"
)
SHOP, MOVE = ["shop"], "by ann: the warehouse moves"


def rows(columns: str, *values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Rows as the database would answer them; what is left out in the end is null."""
    names = columns.split()
    kind = namedtuple("kind", names)  # type: ignore[misc]
    return tuple(kind(*(value for _, value in zip_longest(names, row))) for row in values)


def ago(**time: float) -> datetime:
    return AT - timedelta(**time)


def hence(**time: float) -> datetime:
    return AT + timedelta(**time)


def step_uuid(number: int, task: UUID = TASK) -> UUID:
    return UUID(int=task.int + number)


NONE = timedelta()
MINUTES = [timedelta(minutes=n) for n in range(11)]
STATUS = rows("database role at may_write", ("shop", "ann", AT, True))
PROBLEMS = rows(
    "mark problem cure severity code subject since acknowledged_by acknowledged_reason",
    (
        *("‼", "120 steps wait in its queues for up to 42 min, and nobody works for it"),
        *("tasker-sql run --namespace billing", "critical", "no_worker", "namespace billing"),
        ago(minutes=42),
    ),
    (
        *("‼", "nothing in it can move: an invariant is broken"),
        *(f"select * from tasker.check_invariants('{TASK}')", "critical", "task_stuck"),
        *(f"task {TASK}", ago(hours=3)),
    ),
    (
        *("!", "ann paused it 2 days ago: the warehouse moves"),
        *("select * from tasker.resume_namespace('shop', '<why>')", "warning", "paused"),
        *("namespace shop", ago(days=2, hours=5)),
    ),
    (
        *("!", "(acknowledged by bob) 80000 dead rows", "vacuum it", "warning", "bloat"),
        *("table tasker.steps", None, "bob", "tonight"),
    ),
)
ACTIVITY = rows(
    "since until attempts_started steps_completed attempts_failed tasks_created tasks_completed",
    *(
        (ago(minutes=10 - n), ago(minutes=9 - n), 600 + 20 * n, 500 - 45 * n, 5 * n * n, 100, 80)
        for n in range(10)
    ),
)
POOL = (12, 16, 12.5, "25 %")
NAMESPACES = rows(
    "what state depth oldest running slots per_s failing note live_runners paused_at",
    ("billing", "unserved", 120, timedelta(minutes=42), *(None,) * 5, 0),
    ("shop", "paused", 31_000, timedelta(days=2), *POOL, MOVE, 1, ago(days=2)),
)
LIVE = rows(
    "what state running slots per_s failing note last_heartbeat",
    ("host-1:4711", "degraded", *POOL, "17 of 20 connections", ago(seconds=3)),
)
UNSERVED = "no live runner of tasker-sql serves it (other workers are seen in claims alone)"
QUEUES = rows(
    "queue_name state note depth oldest_age live_runners slots namespace priority depth_is "
    "paused_at",
    ("billing_queue", "unserved", UNSERVED, 120, timedelta(minutes=42), 0, 0, "billing", "normal"),
    (
        *("shop_queue", "paused", MOVE, 31_000, timedelta(days=2), 2, 16, "shop", "normal"),
        *("an estimate", ago(days=2)),
    ),
    ("orchestration_task_requests", "ok", None, 3, timedelta(seconds=1.5)),
)
QUEUED = rows(
    "code step waited attempt reason cure step_uuid",
    (
        *("no_worker", "process_order/process_payment", timedelta(minutes=42), "0/3"),
        *("no worker serves namespace billing", "tasker-sql run --namespace billing", PAID),
    ),
)
BLOCKED, ORDER = "blocked_by_failures", "shop/process_order"
TASKS = rows(
    "task_uuid template state stands done created_at took steps paused namespace name version "
    "template_paused_at",
    (
        *(TASK, ORDER, BLOCKED, BLOCKED, "2/4", ago(minutes=12), timedelta(minutes=12)),
        *("1 running, 1 failed", None, "shop", "process_order", "1.2.0"),
    ),
    (
        *(MOVES, ORDER, "in_progress", "paused", "0/4", ago(hours=3), timedelta(hours=3)),
        *("2 retrying", "it is paused", "shop", "process_order", "1.2.0"),
    ),
)
HEAD = rows(
    "task_uuid namespace name version state total_steps completed_steps paused created_at "
    "finished_at",
    (TASK, "shop", "process_order", "1.2.0", BLOCKED, 4, 2, False, ago(minutes=12)),
)
MOVING = (HEAD[0]._replace(task_uuid=MOVES, state="in_progress"),)
BEGAN = (ago(minutes=11), ago(minutes=10))
STEPS = rows(
    "step_uuid name state attempt max_attempts after waiting_parents error worker lease_until "
    "next_retry_at enqueued_at started_at finished_at",
    (
        *(step_uuid(1), "validate_order", "complete", 1, 3, [], 0, *(None,) * 4, *BEGAN),
        ago(minutes=10, seconds=-1.5),
    ),
    (
        *(step_uuid(2), "reserve_inventory", "in_progress", 1, 3, ["validate_order"], 0, None),
        *("host-1:4711", hence(seconds=12), None, *BEGAN),
    ),
    (
        *(PAID, "process_payment", "error", 3, 3, ["validate_order"], 0, DECLINED),
        *(None, None, None, *BEGAN, ago(minutes=2)),
    ),
    (*(step_uuid(4), "ship_order", "pending", 0, 3, ["reserve_inventory", "process_payment"], 2),),
)
MOVING_STEPS = tuple(
    one._replace(step_uuid=step_uuid(number, MOVES), state=state, error=None)
    for number, one, state in zip(
        range(1, 5), STEPS, ("complete", "in_progress", "complete", "pending"), strict=True
    )
)
MOVING_PATH = rows(
    "step_uuid name state is_critical ends_at is_estimated slack task_ends_at based_on",
    *(
        (one.step_uuid, one.name, one.state, not slack, end, end > AT, slack, hence(minutes=4), 20)
        for one, end, slack in zip(
            MOVING_STEPS,
            (ago(minutes=10), hence(minutes=1), ago(minutes=2), hence(minutes=4)),
            (NONE, NONE, MINUTES[3], NONE),
            strict=True,
        )
    ),
)
FAILED_PATH = tuple(
    one._replace(name=step.name, state=step.state, task_ends_at=None, slack=None, is_critical=False)
    for one, step in zip(MOVING_PATH, STEPS, strict=True)
)
FAILED = f"attempt 3 of 3 failed: CardError: {DECLINED}"
WHY_STEP = rows(
    "why cure code since until who cause_uuid",
    (FAILED, RETRY, "failed", ago(minutes=2), None, "host-1:4711", PAID),
)
WHY_TASK = (WHY_STEP[0]._replace(why=f"process_payment: {FAILED}"),)
WHY_MOVING = (
    WHY_STEP[0]._replace(
        why="reserve_inventory has run for 10 min", cure=None, code="running", since=ago(minutes=10)
    ),
)
TIMINGS = rows(
    "step_uuid waiting queued backing_off running lost",
    (PAID, MINUTES[1], timedelta(seconds=20), MINUTES[7], timedelta(seconds=100), NONE),
)
ATTEMPTS = rows(
    "outcome attempt at error failed worker ran_for started_at",
    (
        *("failed", 3, ago(minutes=2), f"CardError: {DECLINED}", "for good", "host-1:4711"),
        *(MINUTES[3], ago(minutes=5)),
    ),
    ("lost", 2, ago(minutes=7), None, None, "host-2:99", MINUTES[1]),
    ("failed", 1, ago(minutes=9), "gateway timeout"),
)
ACTS = rows(
    "session_role verb subject at reason application",
    ("ann", "retry_step", str(PAID), ago(minutes=11, seconds=1), "the bank is back", "psql"),
    ("bob", "pause_namespace", "billing", ago(hours=3), "stock is counted", "tasker-sql"),
)
CLAIMS = rows(
    "worker namespace lease lease_until claimed_at step_count first_step step_uuids expired",
    (
        *("host-2:99", "shop", "expired", ago(seconds=4), ago(minutes=3), 1, step_uuid(4)),
        *([step_uuid(4)], "the next sweep takes its steps back"),
    ),
    (
        *("host-1:4711", "shop", "held", hence(seconds=12), ago(seconds=18), 2, PAID),
        [PAID, step_uuid(4)],
    ),
)
RUNNERS = rows(
    "who state note silent_for host pid version namespaces last_heartbeat",
    (
        *("host-1:4711", "degraded", "17 of 20 connections in use", None, "host-1", 4711, "0.1.0"),
        *(SHOP, ago(seconds=3)),
    ),
    ("host-2:99", "lost", "its heartbeats ended", timedelta(hours=2)),
)
POOLS = rows(
    "runner who state executors bounds busy per_s depth note scaled_at",
    (
        *("host-1:4711", "  task_claimer shop", "degraded", 16, "4-16", "97 %", 12.5, 31_000),
        *("1 hang, 3 wait for a connection, 25 % of its calls fail, was 12", ago(minutes=6)),
    ),
)
BREAKERS = rows(
    "runner who breaker state note forced wanted last_error",
    ("host-1:4711", "  breaker database", "database", "closed"),
    (
        *("host-1:4711", "  breaker queue", "queue", "open", "an operator forced it: bad release"),
        *("open", "open", "the server closed the connection"),
    ),
)
FOREIGN = rows("who state note claims namespaces", ("php-7", "working", "holds 12 steps", 1, SHOP))
DEAD = rows(
    "kind what tried at why cure count namespace task_name name fingerprint sample_step_uuid",
    (
        *("dead", f"{ORDER}/process_payment", None, ago(minutes=2)),
        f"12 steps: CardError: {DECLINED}",
        "tasker-sql dlq retry --namespace shop --template process_order --step process_payment "
        "--fingerprint 6f0c --reason '<why>'",
        *(12, "shop", "process_order", "process_payment", "6f0c", PAID),
    ),
)
RETRIES = rows(
    "kind what tried at why step_uuid",
    ("retry", f"{ORDER}/reserve", "1/3", hence(seconds=40), "gateway timeout", step_uuid(2)),
)
LATE = rows(
    "kind what tried at why late_by step_uuid",
    (
        *("late", "validate_order", "1", ago(minutes=7), "host-2:99: lease expired"),
        *(timedelta(seconds=2.5), step_uuid(1)),
    ),
)
REJECTED = rows(
    "kind what tried at why message",
    (
        *("rejected", "orchestration_task_requests", None, ago(hours=1)),
        *("TK002: no such template: nope", "17 of orchestration_task_requests"),
    ),
)
SERVER = rows(
    "what value note since",
    ("PostgreSQL", "18.6", None, ago(days=10)),
    ("connections", "90", "NEARLY FULL: 12 active; the server takes 100"),
    ("oldest transaction", None, "vacuum cannot clean what it may still see", ago(minutes=25)),
    ("transactions", "1,000,000", "1.0 % rolled back"),
)
TRANSACTIONS = rows(
    "what since note address query",
    ("process 815", ago(minutes=25), "psql of ann, idle in transaction", "10.0.0.7", "select 1"),
)
RELATIONS = rows(
    "what value note vacuumed_at", ("tasker.steps", "1907 MB", "900,000 rows, 8% dead", "never")
)


def snapshot(place: Location, **answers: Any) -> Snapshot:
    """A snapshot with these rows, and with the problems, where it asks for them."""
    listed = {} if place.uuid else {"problems": PROBLEMS}
    return Snapshot(place, {"status": STATUS, **listed, **answers}, 0.021)


ABOUT_TASK = {"task": HEAD, "reasons": WHY_TASK, "timings": TIMINGS, "path": FAILED_PATH}
ABOUT_MOVING = {"task": MOVING, "reasons": WHY_MOVING, "path": MOVING_PATH}
ABOUT_STEP = {"task": HEAD, "reasons": WHY_STEP, "timings": TIMINGS, "attempts": ATTEMPTS}
WAITS = rows(
    "step waits_for prompt opened_at until received then kind schema step_uuid",
    (
        *("bank/payout/approve", "approved or rejected", "Pay 900 to Ada?", ago(hours=2)),
        *(hence(days=3), "1 of 2", "fail", "signal", None, PAID),
    ),
    (
        *("shop/order/tomorrow", "time", None, ago(hours=1), hence(hours=23), None, None),
        *("time", None, step_uuid(2)),
    ),
)
SCHEDULES = rows(
    "schedule template planned next_tick last_tick last_outcome open_tasks note time_zone missed "
    "overlap version namespace name paused_at",
    (
        *("shop/nightly", "report", "30 2 * * *", hence(hours=22), ago(hours=2), "overlapped", 1),
        *("the report of the day", "Europe/Berlin", "one", "skip", None, "shop", "nightly"),
    ),
    (
        *("shop/poll", "poll", "PT1M", ago(days=2), ago(days=2), "created", 0, f"paused {MOVE}"),
        *("UTC", "skip", "allow", "1.2.0", "shop", "poll", ago(days=2)),
    ),
)
TICKS = rows(
    "tick_at wall outcome task_state detail decided_at task_uuid",
    (
        *(ago(hours=2), "2031-02-03 03:05", "overlapped", None, f'{{"open": "{TASK}"}}'),
        ago(hours=2),
    ),
    (ago(hours=26), "2031-02-02 03:05", "created", BLOCKED, None, ago(hours=26), TASK),
)
WORKING = {"runners": RUNNERS, "foreign_workers": FOREIGN, "pools": POOLS, "breakers": BREAKERS}
AWRY = {"dead_letters": DEAD, "retries": RETRIES, "late_writes": LATE}
SNAPSHOTS = {
    seen.place: seen
    for seen in (
        snapshot(Location("overview"), activity=ACTIVITY, namespaces=NAMESPACES, live_runners=LIVE),
        snapshot(Location("problems")),
        snapshot(Location("tasks"), tasks=TASKS),
        snapshot(Location("queues"), queues=QUEUES),
        snapshot(Location("claims"), claims=CLAIMS),
        snapshot(Location("workers"), **WORKING),
        snapshot(Location("failures"), **AWRY, rejected_requests=REJECTED),
        snapshot(Location("database"), server=SERVER, transactions=TRANSACTIONS, tables=RELATIONS),
        snapshot(Location("acts"), acts=ACTS),
        snapshot(Location("waits"), waits=WAITS),
        snapshot(Location("schedules"), schedules=SCHEDULES),
        snapshot(Location("ticks", subject="shop/nightly"), ticks=TICKS),
        snapshot(Location("queue", subject="billing"), queued=QUEUED),
        snapshot(Location("task", TASK), steps=STEPS, **ABOUT_TASK),
        snapshot(Location("task", MOVES), steps=MOVING_STEPS, **ABOUT_MOVING),
        snapshot(Location("step", PAID), step=STEPS[2:3], acts=ACTS[:1], **ABOUT_STEP),
    )
}
