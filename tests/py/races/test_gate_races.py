"""Where decisions of several sessions meet: the last parents at once, wide joins, what is left."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import psycopg
import pytest
from psycopg import IsolationLevel
from servers import rows
from sessions import Session
from workflows import CANCEL, COMPLETE, claim, create, step_states, violations

Opener = Callable[..., list[Session]]

SKIP = "select step_state from tasker.skip_step(%s, %s)"
SWEEP = "select affected from tasker.sweep()"
LEFT = "select count(*) from tasker.undecided"
READ = """
select coalesce(sum(seq_tup_read), 0)::float8, sum(coalesce(idx_tup_fetch, 0))::float8
  from pg_stat_xact_user_tables where schemaname = 'tasker'
"""
LEVELS = (IsolationLevel.READ_COMMITTED, IsolationLevel.REPEATABLE_READ)


def gated(dsn: str, steps: Mapping[str, Sequence[str]], **of: Mapping[str, Any]) -> str:
    """A task of a template with these steps, and what else some of them say."""
    made = [
        {"name": name, "handler": {"callable": name}, "dependencies": parents, **of.get(name, {})}
        for name, parents in steps.items()
    ]
    head = {"name": "gated", "namespace_name": "test", "version": "1.0.0", "steps": made}
    rows(dsn, "select from tasker.register_template(%s)", json.dumps(head))
    (task,) = create(dsn, "gated")
    return task


def swept(dsn: str) -> int:
    """Sweeps until nothing is undecided; how many it took."""
    for count in range(200):
        if rows(dsn, LEFT) == [(0,)] and not rows(dsn, "select from tasker.deferred_decrements"):
            return count
        rows(dsn, SWEEP)
    raise AssertionError("something stays undecided")


@pytest.mark.parametrize("first", [COMPLETE, SKIP], ids=["done", "skipped"])
@pytest.mark.parametrize("level", LEVELS)
def test_the_last_parents_end_at_once_and_it_is_decided_once(
    database: str, sessions: Opener, level: IsolationLevel, first: str
) -> None:
    end = {"run_on": "full_success"}
    task = gated(database, {"x": [], "y": [], "any": ["x", "y"], "all": ["x", "y"]}, all=end)
    x, y = (claim(database).popitem()[1] for _ in range(2))
    a, b = sessions("a", "b")
    a.at(level)
    b.at(level)
    b.run("select 1")  # a snapshot that does not see what a does
    a.run(first, *x)
    second = SKIP if first == COMPLETE else COMPLETE
    waiting = b.blocks(second, *y)  # a is at the joins
    a.commit()
    if level == IsolationLevel.REPEATABLE_READ:
        with pytest.raises(psycopg.errors.SerializationFailure):
            waiting.result()
        b.rollback()
        b.run(second, *y)
    else:
        waiting.result()
    b.commit()
    states = step_states(database, task)
    assert (states["any"], states["all"]) == ("enqueued", "skipped")
    assert violations(database) == []


@pytest.mark.parametrize("plain", [False, True], ids=["gated", "plain"])
@pytest.mark.parametrize("ends", [{"skipped"}, {"skipped", "complete"}], ids=len)
def test_nobody_waits_for_a_wide_join_and_it_is_decided_later(
    database: str, sessions: Opener, plain: bool, ends: set[str]
) -> None:
    parents = [f"p{number}" for number in range(20)]
    more = {} if plain else {"p0": {"on_error": "skip"}}
    task = gated(database, {**dict.fromkeys(parents, ()), "join": parents, "end": ["join"]}, **more)
    claimed = [claim(database).popitem()[1] for _ in parents]
    queries = [COMPLETE if len(ends) == 2 and n == 7 else SKIP for n in range(20)]
    a, b = sessions("a", "b")
    a.run(queries[0], *claimed[0])
    for query, held in zip(queries[1:], claimed[1:], strict=True):
        b.run(query, *held)  # a is at the join, and b is not held up
    b.commit()
    assert rows(database, "select sum(amount) from tasker.deferred_decrements") == [(19,)]
    a.commit()
    assert violations(database) == []
    swept(database)
    states = step_states(database, task)
    wanted = ("enqueued", "pending") if len(ends) == 2 else ("skipped", "skipped")
    assert (states["join"], states["end"]) == wanted
    assert violations(database) == []


@pytest.mark.parametrize("size", [250, pytest.param(5000, marks=pytest.mark.slow)])
def test_a_chain_of_skips_is_bounded_and_goes_on_after_a_crash(
    database: str, sessions: Opener, size: int
) -> None:
    """F5"""
    chain = {f"s{n}": [f"s{n - 1}"] if n else [] for n in range(size)}
    task = gated(database, chain, s0={"on_error": "skip"})
    rows(database, SKIP, *claim(database)["s0"])
    done = [state for state in step_states(database, task).values() if state == "skipped"]
    assert len(done) == 101  # the first, and a hundred deep
    assert rows(database, LEFT) == [(1,)]
    (a,) = sessions("a")
    a.run(SWEEP)
    a.rollback()  # as a crash would
    assert rows(database, LEFT) == [(1,)]
    assert violations(database) == []
    assert swept(database) >= (size - 101) // 100
    assert set(step_states(database, task).values()) == {"skipped"}
    assert rows(database, "select state from tasker.tasks") == [("complete",)]
    assert violations(database) == []


def test_a_fan_of_skips_reads_each_row_a_few_times(database: str) -> None:
    """Nothing is scanned, on the first call and later, and twice the steps cost twice as much."""
    costs = []
    for size in (400, 800):
        name, steps = f"fan{size}", [f"s{number}" for number in range(size)]
        made: list[dict[str, Any]] = [{"name": "first", "on_error": "skip"}]
        made += [{"name": step, "dependencies": ["first"]} for step in steps]
        made = [{"handler": {"callable": "h"}} | step for step in made]
        head = {"name": name, "namespace_name": "test", "version": "1.0.0", "steps": made}
        rows(database, "select from tasker.register_template(%s)", json.dumps(head))
        rows(database, "analyze")
        for _ in range(2):
            create(database, name)
            held = claim(database)["first"]
            with psycopg.connect(database) as connection:
                before = connection.execute(READ.encode()).fetchone()
                connection.execute(SKIP.encode(), held)
                after = connection.execute(READ.encode()).fetchone()
            assert before
            assert after
            costs.append((size, after[0] - before[0], after[1] - before[1]))
    print(costs)
    assert all(scanned <= 20 for _, scanned, _ in costs)
    assert all(fetched <= 40 * size for size, _, fetched in costs)


def test_a_cancel_takes_what_is_undecided_along(database: str) -> None:
    chain = {f"s{n}": [f"s{n - 1}"] if n else [] for n in range(150)}
    task = gated(database, chain, s0={"on_error": "skip"})
    rows(database, SKIP, *claim(database)["s0"])
    assert rows(database, LEFT) == [(1,)]
    rows(database, CANCEL, task)
    assert violations(database) == []
    swept(database)
    assert rows(database, "select state from tasker.tasks") == [("cancelled",)]
    assert violations(database) == []
