"""Schedules and alarms among many: due at once, swept by several, cut short, next to claims."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from running import client_of
from servers import rows
from sessions import Session
from workflows import define, violations

pytestmark = pytest.mark.newest_first

Opener = Callable[..., list[Session]]

PLAN = {"template": "single", "at": ["2026-01-01T00:00:00Z"], "starts_at": "2026-01-01T00:00:00Z"}
COPIES = """
insert into tasker.schedules (namespace_id, name, definition, decided_until, next_tick, created_at)
select namespace_id, name || n, definition, decided_until, next_tick, created_at
  from tasker.schedules, generate_series(2, %s) as n
"""
SWEEP = "select affected from tasker.sweep(%s) where action = 'schedules_fired'"
MADE = """
select count(*), count(distinct schedule_id), count(distinct task_id),
       (select count(*) from tasker.tasks), (select count(*) from tasker.schedules
                                              where due_at is not null)
  from tasker.schedule_ticks
"""
CLAIM = "select step_uuid, token from tasker.claim_steps('test', 'w')"
IDLE = "select step_uuid, token from tasker.claim_steps('idle', 'w')"
EXPLAIN = "explain (analyze, buffers, timing off, summary off, format json) "

PLAIN = {"steps": [{"name": "s", "handler": {"callable": "s"}}]}
# For each something happens later.
LATE: dict[str, dict[str, Any]] = {
    "run_at": PLAIN,
    "wait": {"steps": [{"name": "w", "wait": {"signal": "ok", "timeout": "P1D"}}]},
    "finish_within": {
        "steps": [{"name": "w", "wait": {"signal": "ok"}, "finish_within": "P1D"}],
    },
    "start_within": {
        "steps": [{"name": "s", "handler": {"callable": "s"}, "start_within": "P1D"}],
    },
    "deadline": PLAIN | {"deadline": "P1D"},
}
# Waits of steps that do not exist: 100,000 tasks take a minute, and nobody reads the steps of waits
# that stay open.
OPEN = """
with forged as (
  select ((4398046511103 - n) << 20) + 1 as step_id, clock_timestamp() + interval '2 days' as until
    from generate_series(1, %s) as n
),
alarm as (
  insert into tasker.alarms (step_id, kind, due_at) select step_id, 'wait', until from forged
)
insert into tasker.waits (step_id, kind, names, wanted, opened_at, until)
select step_id, 'signal', '{ok}', 1, now(), until from forged
"""
CLOSED = """
with alarm as (delete from tasker.alarms where step_id >> 20 > 4000000000000)
delete from tasker.waits where step_id >> 20 > 4000000000000
"""
# At one instant, long ago.
DUE = """
with timer as (update tasker.timers set due_at = '2000-01-01'),
alarm as (
  update tasker.alarms set due_at = '2000-01-01' where due_at < now() + interval '25 h'
),
wait as (update tasker.waits set until = '2000-01-01' where until < now() + interval '25 h'),
task as (update tasker.tasks set deadline = '2000-01-01' where deadline is not null)
update tasker.steps set enqueued_at = '2000-01-01'
 where step_id in (select step_id from tasker.alarms where kind = 'start_within')
"""
RING = """
select sum(affected)::integer from tasker.sweep(%s)
 where action in ('alarms_fired', 'timers_fired')
"""
READ = """
select sum(idx_tup_fetch + seq_tup_read)::integer from pg_stat_xact_user_tables
 where relname in ('alarms', 'timers')
"""
RUNG = """
select task.state::text, step.state::text, count(*)
  from tasker.tasks as task
  join tasker.task_templates as template on template.template_id = task.template_id
  join tasker.steps as step on step.step_id >> 20 = task.task_id
 where template.name = 'late'
 group by 1, 2
"""
LEFT = """
select (select count(*) from tasker.alarms where due_at < now())::integer
       + (select count(*) from tasker.timers where due_at < now())::integer
"""


def many(dsn: str, count: int) -> None:
    """So many schedules with one tick each, all due at one instant."""
    rows(dsn, "select from tasker.put_schedule('test', 'plan', %s)", json.dumps(PLAN))
    rows(dsn, COPIES, count)
    rows(dsn, "analyze tasker.schedules")


def pages(session: Session, query: str) -> int:
    """Pages that a call reads."""
    ((plan,),) = session.run(EXPLAIN + query)
    session.commit()
    top: dict[str, Any] = plan[0]["Plan"]
    return int(top["Shared Hit Blocks"] + top["Shared Read Blocks"])


def claim_pages(session: Session, query: str = CLAIM) -> int:
    """Pages that a claim of one step reads: the least of some, for now and then one does more."""
    return min(pages(session, query) for _ in range(8))


@pytest.mark.parametrize("count", [150, pytest.param(10_000, marks=pytest.mark.slow)])
@pytest.mark.timeout(900)
def test_many_that_are_due_at_one_instant_are_fired_in_slices(
    database: str, sessions: Opener, count: int
) -> None:
    """While a sweep is at it, a claim reads what it reads without schedules."""
    define(database, "single", {"only": []})
    slice_ = count // 10
    a, b = sessions("a", "b")
    with client_of(database) as client:
        client.create_tasks("test", "single", [{}] * count)  # indexes as high as in the end
    claim_pages(b)  # its plans are made
    without = claim_pages(b)
    many(database, count)
    assert claim_pages(b) <= without + 2
    assert a.run(SWEEP, slice_) == [(slice_,)]
    assert claim_pages(b) <= without + 3  # where nobody waits
    a.commit()
    assert claim_pages(b) <= without + 3
    turns = 1
    while rows(database, SWEEP, slice_) != [(0,)]:
        turns += 1
    assert turns == 10
    assert rows(database, MADE) == [(count, count, count, 2 * count, 0)]
    assert violations(database) == []


@pytest.mark.parametrize("kind", LATE)
@pytest.mark.parametrize("count", [150, pytest.param(10_000, marks=pytest.mark.slow)])
@pytest.mark.timeout(900)
def test_alarms_and_timers_that_are_due_at_one_instant_fire_in_slices(
    database: str, sessions: Opener, kind: str, count: int
) -> None:
    """With ten times as many open waits beside them, a claim reads what it reads without all."""
    define(database, "single", {"only": []})
    rows(database, "select from tasker.create_namespace('idle')")
    slice_ = count // 10
    a, b = sessions("a", "b")
    with client_of(database) as client:
        client.create_tasks("test", "single", [{}] * count)  # indexes as high as in the end
        for query in (CLAIM, IDLE):
            claim_pages(b, query)  # its plans are made
        without, idle = claim_pages(b), claim_pages(b, IDLE)
        head = {"name": "late", "namespace_name": "away", "version": "1.0.0"}
        client.register_template(head | LATE[kind])
        options = {"run_at": "2100-01-01T00:00:00Z"} if kind == "run_at" else {}
        client.create_tasks("away", "late", [{}] * count, options)
    rows(database, OPEN, 10 * count)
    assert claim_pages(b) <= without + 2, "one open wait in a hundred would be read"
    assert claim_pages(b, IDLE) <= idle + 2, "an index that is higher"
    rows(database, DUE)
    assert rows(database, LEFT) == [(count,)]
    assert claim_pages(b) <= without + 2
    assert a.run(RING, slice_) == [(slice_,)]
    ((seen,),) = a.run(READ)
    assert seen < 5 * slice_, "those behind the slice are not read"
    assert claim_pages(b) <= without + 3  # where nobody waits
    a.commit()
    assert claim_pages(b) <= without + 3
    for _ in range(8):
        assert rows(database, RING, slice_) == [(slice_,)]
    rung = pages(b, IDLE)  # who finds nothing to do fires some, ten times a hundred at most
    print(kind, without, idle, seen, rung)
    assert rows(database, LEFT) == [(0,)]
    assert rung < 200 * slice_
    ends = ("pending", "enqueued") if kind == "run_at" else ("error", "error")
    assert rows(database, RUNG) == [(*ends, count)]
    rows(database, CLOSED)
    assert violations(database) == []


def test_two_that_sweep_at_once_make_one_task_of_each_tick(database: str, sessions: Opener) -> None:
    """S4, N9: neither waits for the other."""
    define(database, "single", {"only": []})
    many(database, 20)
    a, b = sessions("a", "b")
    assert a.run(SWEEP, 12) == [(12,)]
    assert b.run(SWEEP, 100) == [(8,)]
    b.commit()
    a.commit()
    assert rows(database, SWEEP, 100) == [(0,)]
    assert rows(database, MADE) == [(20, 20, 20, 20, 0)]
    assert violations(database) == []


def test_a_sweep_that_is_cut_short_has_made_nothing(database: str, sessions: Opener) -> None:
    """S4: the task, the tick and what comes next are one transaction."""
    define(database, "single", {"only": []})
    many(database, 5)
    (a,) = sessions("a")
    a.run(SWEEP, 3)
    a.rollback()  # as a crash would
    assert rows(database, MADE) == [(0, 0, 0, 0, 5)]
    assert rows(database, "select from tasker.idempotency_keys") == []
    assert rows(database, SWEEP, 100) == [(5,)]
    assert rows(database, MADE) == [(5, 5, 5, 5, 0)]
    assert violations(database) == []


def test_a_lock_on_one_schedule_keeps_no_other_from_firing(database: str, sessions: Opener) -> None:
    define(database, "single", {"only": []})
    many(database, 3)
    (a,) = sessions("a")
    a.run("select from tasker.pause_schedule('test', 'plan2', 'why')")
    assert rows(database, SWEEP, 100) == [(2,)]
    a.rollback()
    assert rows(database, SWEEP, 100) == [(1,)]
    assert rows(database, MADE) == [(3, 3, 3, 3, 0)]


def test_a_tick_does_not_fail_because_somebody_is_at_its_key(
    database: str, sessions: Opener
) -> None:
    """A lock is of the moment: the next sweep tries again."""
    define(database, "single", {"only": []})
    many(database, 2)
    (a,) = sessions("a")
    key = {"idempotency_key": "schedule:test/plan:2026-01-01T00:00:00Z"}
    a.run("select from tasker.create_task('test', 'single', '{}', %s)", json.dumps(key))
    assert rows(database, SWEEP, 100) == [(1,)]
    a.rollback()
    assert rows(database, SWEEP, 100) == [(1,)]
    assert rows(database, MADE) == [(2, 2, 2, 2, 0)]


@pytest.mark.parametrize("back", [0, 1])
def test_a_clock_that_is_set_back_repeats_nothing(database: str, back: int) -> None:
    """An hour back, and over it again: each tick once. Changing the schedule does not, either."""
    clock = (
        "create or replace function tasker._now () returns timestamptz language sql volatile"
        " as $$ select timestamptz '{}' $$"
    )
    define(database, "single", {"only": []})
    rows(database, clock.format("2026-05-01 00:00Z"))
    with client_of(database) as client:
        plan = {"template": "single", "cron": "*/20 * * * *"}
        client.put_schedule("test", "plan", plan)
        for time in ("00:20", "00:40", "01:00", *(["00:05", "00:20", "00:40"] * back), "01:00"):
            rows(database, clock.format(f"2026-05-01 {time}Z"))
            if time == "00:05":
                client.put_schedule("test", "plan", plan | {"description": "changed"})
            client.sweep()
        rows(database, clock.format("2026-05-01 01:20Z"))
        client.sweep()
        ticks = client.list_ticks("test", "plan")
    assert [(tick.outcome, f"{tick.wall:%H:%M}") for tick in ticks] == [
        ("created", "01:20"),
        ("created", "01:00"),
        ("created", "00:40"),
        ("created", "00:20"),
    ]
    assert violations(database) == []


def test_a_task_that_ends_at_the_tick_does_not_hold_up_the_next(
    database: str, sessions: Opener
) -> None:
    """S7: whichever commits first; what is queued starts with the next sweep."""
    define(database, "single", {"only": []})
    plan = PLAN | {"at": ["2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"], "overlap": "queue"}
    plan |= {"missed": "all", "catch_up": "P3000D"}
    rows(database, "select from tasker.put_schedule('test', 'plan', %s)", json.dumps(plan))
    assert rows(database, SWEEP, 1) == [(1,)]
    a, b = sessions("a", "b")
    ((step, token),) = rows(database, CLAIM)
    a.run("select from tasker.complete_step(%s, %s)", step, token)
    assert b.run(SWEEP, 1) == [(1,)]  # it does not see the end of the task
    b.commit()
    a.commit()
    assert rows(database, "select outcome from tasker.schedule_ticks order by tick_at") == [
        ("created",),
        ("queued",),
    ]
    assert rows(database, SWEEP, 1) == [(1,)]
    assert rows(database, "select count(*) from tasker.tasks") == [(2,)]
    assert violations(database) == []
