"""Schedules among many: due at once, swept by several, cut short, and next to claims."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from running import client_of
from servers import rows
from sessions import Session
from workflows import define, violations

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
EXPLAIN = "explain (analyze, buffers, timing off, summary off, format json) "


def many(dsn: str, count: int) -> None:
    """So many schedules with one tick each, all due at one instant."""
    rows(dsn, "select from tasker.put_schedule('test', 'plan', %s)", json.dumps(PLAN))
    rows(dsn, COPIES, count)
    rows(dsn, "analyze tasker.schedules")


def claim_pages(session: Session) -> int:
    """Pages that a claim of one step reads: the least of some, for now and then one does more."""
    read = []
    for _ in range(8):
        ((plan,),) = session.run(EXPLAIN + CLAIM)
        session.commit()
        top: dict[str, Any] = plan[0]["Plan"]
        read.append(int(top["Shared Hit Blocks"] + top["Shared Read Blocks"]))
    return min(read)


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
    assert claim_pages(b) == without
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
