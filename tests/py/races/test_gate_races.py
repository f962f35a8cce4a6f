"""Where decisions of several sessions meet: the last parents at once, wide joins, what is left."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from psycopg import IsolationLevel
from servers import NEWEST, Server, rows
from sessions import Session
from workflows import CANCEL, CLAIM, COMPLETE, FAIL, RETRY, claim, create, step_states, violations

from tasker_sql.schema import truth

pytestmark = pytest.mark.newest_first

Opener = Callable[..., list[Session]]

SKIP = "select step_state from tasker.skip_step(%s, %s)"
SWEEP = "select affected from tasker.sweep()"
LEFT = "select count(*) from tasker.undecided"
READ = """
select coalesce(sum(seq_tup_read), 0)::float8, sum(coalesce(idx_tup_fetch, 0))::float8
  from pg_stat_xact_user_tables where schemaname = 'tasker'
"""
HOLD = """
select from tasker.steps as step
  join tasker.template_steps as link on link.template_id = step.template_id
                                    and link.step_no = step.step_id & 1048575
 where link.name = %s for no key update of step
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


def patient(dsn: str) -> None:
    """Who waits for a step waits for a minute, however slow the machine is."""
    text = truth.read()["_count_ended"]
    assert "'500ms'" in text
    rows(dsn, text.replace("'500ms'", "'1min'"))


def test_cascades_take_rows_in_one_order(database: str, sessions: Opener) -> None:
    """F5: b ends a parent of 7, 8 and 9 while c holds 8. a ends one of 5 and 9, and 5 leads to 7:
    it must not have taken 9 before."""
    patient(database)
    roots: dict[str, list[str]] = {"one": [], "two": [], "three": [], "four": []}
    others = {"five": ["one"], "six": ["three"], "seven": ["five", "two"], "eight": ["six", "two"]}
    chart = {**roots, **others, "nine": ["six", "one", "two"]}
    task = gated(database, chart, five={"run_on": "failure"})
    order = "select array_agg(name order by step_no) from tasker.template_steps"
    assert rows(database, order) == [(list(chart),)]
    held = {name: one for _ in roots for name, one in claim(database).items()}
    a, b, c = sessions("a", "b", "c")
    c.run(HOLD, "eight")
    second = b.blocks(COMPLETE, *held["two"])
    first = a.blocks(COMPLETE, *held["one"])
    c.rollback()
    second.result()
    b.commit()
    first.result()
    a.commit()
    states = step_states(database, task)
    assert (states["five"], states["seven"], states["nine"]) == ("skipped", "enqueued", "pending")
    assert violations(database) == []


def test_a_retry_waits_for_what_cleanup_comes_to(database: str, sessions: Opener) -> None:
    """C11: at each moment of a cleanup it is refused, or finds that all has ended."""
    chart = {"pay": [], "undo": ["pay"], "last": ["undo"]}
    task = gated(database, chart, undo={"run_on": "failure"}, last={"run_on": "end"})
    a, b = sessions("a", "b")
    pay = claim(database)["pay"]

    def refused(query: str, *arguments: Any) -> str | None:
        """How the retry is refused when it waits for what a does."""
        a.run(query, *arguments)
        waiting = b.blocks(RETRY, pay[0])
        a.commit()
        try:
            assert waiting.result() == [("enqueued", "in_progress")]
        except psycopg.Error as error:
            b.rollback()
            assert error.sqlstate == "TK003"
            return error.diag.message_detail
        return None

    assert refused(FAIL, *pay) == "undo is enqueued"
    assert refused(CLAIM, "w", 1) == "undo is in_progress"
    token = "select token::text from tasker.claims"
    names = "select tasker._step_uuid(t.task_uuid, s.step_id)::text from tasker.tasks as t"
    names += " join tasker.steps as s on s.step_id >> 20 = t.task_id where s.state = 'in_progress'"
    undo = (rows(database, names)[0][0], rows(database, token)[0][0])
    assert refused(COMPLETE, *undo) == "last is enqueued"
    assert refused(COMPLETE, *claim(database)["last"]) is None
    again = a.blocks(RETRY, pay[0])  # two at once
    b.commit()
    assert again.result() == [("enqueued", "in_progress")]
    a.commit()
    assert step_states(database, task) == {"pay": "enqueued", "undo": "pending", "last": "pending"}
    assert violations(database) == []


@pytest.mark.parametrize("is_retried_first", [True, False])
@pytest.mark.parametrize("level", LEVELS)
def test_a_retry_meets_another_parent_of_the_cleanup(
    database: str, sessions: Opener, level: IsolationLevel, is_retried_first: bool
) -> None:
    chart = {"pay": [], "pack": [], "unlock": ["pay", "pack"]}
    task = gated(database, chart, unlock={"run_on": "end"})
    held = {name: one for _ in range(2) for name, one in claim(database).items()}
    rows(database, FAIL, *held["pay"])
    calls = [(RETRY, held["pay"][:1]), (COMPLETE, held["pack"])]
    (query, one), (then, other) = calls if is_retried_first else reversed(calls)
    a, b = sessions("a", "b")
    a.at(level)
    b.at(level)
    b.run("select 1")
    a.run(query, *one)
    waiting = b.blocks(then, *other)
    a.commit()
    while True:
        try:
            waiting.result()
            b.commit()
        except psycopg.errors.SerializationFailure:
            b.rollback()
            waiting.future = b.start(then, *other)
            continue
        except psycopg.Error as error:
            assert (error.sqlstate, is_retried_first) == ("TK003", False)
            b.rollback()
        break
    swept(database)
    assert violations(database) == []
    wanted = ("enqueued", "pending") if is_retried_first else ("error", "enqueued")
    assert (step_states(database, task)["pay"], step_states(database, task)["unlock"]) == wanted


@pytest.mark.slow
@pytest.mark.newest
@pytest.mark.timeout(300)
def test_a_chain_of_skips_goes_on_after_a_crash_of_the_server() -> None:
    """F5: a backend is killed in the middle of a cascade, and with it all others."""
    server = Server(NEWEST, {"synchronous_commit": "on"})
    try:
        server.create("crash", server.migrated)
        dsn = server.embedded.url("crash")
        chain = {f"s{n}": [f"s{n - 1}"] if n else [] for n in range(5000)}
        task = gated(dsn, chain, s0={"on_error": "skip"})
        rows(dsn, SKIP, *claim(dsn)["s0"])
        for _ in range(3):
            before = skipped(dsn, task)
            crash_at(dsn, f"s{before + 50}")
            while not answers(dsn):
                pass
            assert skipped(dsn, task) == before
            assert violations(dsn) == []
            rows(dsn, SWEEP)
        swept(dsn)
        assert set(step_states(dsn, task).values()) == {"skipped"}
        assert rows(dsn, "select state from tasker.tasks") == [("complete",)]
        assert violations(dsn) == []
    finally:
        server.close()


def skipped(dsn: str, task: str) -> int:
    return list(step_states(dsn, task).values()).count("skipped")


def answers(dsn: str) -> bool:
    with suppress(psycopg.OperationalError):
        psycopg.connect(dsn).close()
        return True
    return False


def crash_at(dsn: str, name: str) -> None:
    """Kill an idle claim when it waits for this step, which others hold; the server ends all
    sessions. (A sweep waits 5 ms.)"""
    patient(dsn)
    with (
        suppress(psycopg.OperationalError),
        psycopg.connect(dsn) as holder,
        psycopg.connect(dsn) as idle,
        psycopg.connect(dsn, autocommit=True) as watcher,
    ):
        holder.execute(HOLD.encode(), (name,))

        def look() -> None:
            with suppress(psycopg.OperationalError):
                idle.execute(CLAIM.encode(), ("w", 1))

        (thread := threading.Thread(target=look)).start()
        pid = idle.info.backend_pid
        query = b"select cardinality(pg_blocking_pids(%s)) > 0"
        while watcher.execute(query, (pid,)).fetchone() != (True,):
            assert thread.is_alive(), "it did not come to the step"
        os.kill(pid, signal.SIGKILL)
        thread.join()
        while True:  # until the server ends all sessions, this one, too
            watcher.execute(b"select 1")
