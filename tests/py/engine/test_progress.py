"""Whatever somebody holds, for as long as they like: a sweep of one finds the work behind it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import psycopg
import pytest
from servers import rows
from sessions import Session
from workflows import (
    COMPLETE,
    claim,
    create,
    define,
    later,
    queued,
    run_all,
    step_states,
    task_state,
    violations,
)

pytestmark = pytest.mark.newest_first

Opener = Callable[..., list[Session]]

CANCEL = "select from tasker.cancel_task(%s, 'no need')"
SWEEP_ONE = "select affected from tasker.sweep(1) where action = %s"
FAIL = "select from tasker.fail_step(%s, %s, '\"no\"')"
SUBMIT = "select from tasker.submit_step_results(%s, %s)"
HOLD_JOIN = """
select from tasker.steps
 where step_id >> 20 = (select task_id from tasker.tasks where task_uuid = %s)
   and waiting_parents > 0
   for update
"""
WIDE: dict[str, list[str]] = {f"part_{number}": [] for number in range(17)}


@pytest.fixture
def three(database: str, sessions: Opener) -> Iterator[tuple[str, Session, list[str]]]:
    """The database, a session that holds things, and three tasks, claimed one by one."""
    define(database, "single", {"only": []}, retry={"backoff_base_ms": 1, "backoff": "linear"})
    (holder,) = sessions("holder")
    yield database, holder, create(database, "single", 3)
    holder.rollback()
    assert violations(database) == []


def test_the_claim_behind_claims_that_are_held(three: tuple[str, Session, list[str]]) -> None:
    dsn, holder, tasks = three
    for _ in tasks:
        claim(dsn)
    later(dsn, "31 s")
    for task in tasks[:2]:
        holder.run(CANCEL, task)
    assert rows(dsn, SWEEP_ONE, "claims_taken_back") == [(1,)]
    assert step_states(dsn, tasks[2]) == {"only": "enqueued"}


def test_the_timer_behind_steps_that_are_held(three: tuple[str, Session, list[str]]) -> None:
    dsn, holder, tasks = three
    for _ in tasks:
        rows(dsn, FAIL, *claim(dsn)["only"])
    later(dsn, "10 s")
    for task in tasks[:2]:
        holder.run(CANCEL, task)
    assert rows(dsn, SWEEP_ONE, "timers_fired") == [(1,)]
    assert step_states(dsn, tasks[2]) == {"only": "enqueued"}
    assert queued(dsn) == 1


def test_the_submission_behind_steps_that_are_held(three: tuple[str, Session, list[str]]) -> None:
    dsn, holder, tasks = three
    for _ in tasks:
        step, token = claim(dsn)["only"]
        rows(dsn, SUBMIT, token, json.dumps([{"step_uuid": step}]))
    later(dsn, "6 s")
    for task in tasks[:2]:
        holder.run(CANCEL, task)
    assert rows(dsn, SWEEP_ONE, "submissions_processed") == [(1,)]
    assert task_state(dsn, tasks[2]) == "complete"


def test_a_queue_that_is_held_loses_no_count(database: str, sessions: Opener) -> None:
    define(database, "chain", {"one": [], "two": ["one"]})
    (task,) = create(database, "chain")
    holder, worker = sessions("holder", "worker")
    one = claim(database)["one"]
    holder.run("lock table pgmq.q_test_queue in access exclusive mode")
    worker.run("set local lock_timeout = '50ms'")
    with pytest.raises(psycopg.errors.LockNotAvailable):  # the whole call, or nothing
        worker.run(COMPLETE, *one)
    worker.rollback()
    waiting = worker.blocks(COMPLETE, *one)
    holder.commit()
    assert waiting.result() == [("complete", "in_progress")]
    worker.commit()
    assert step_states(database, task)["two"] == "enqueued"
    assert violations(database) == []


def test_the_join_behind_joins_that_are_held(database: str, sessions: Opener) -> None:
    define(database, "join", {**WIDE, "join": list(WIDE)})
    first, second = create(database, "join", 2)
    a, b = sessions("a", "b")
    parts = [*claim(database, 17).values(), *claim(database, 17).values()]
    a.run(HOLD_JOIN, first)
    b.run(HOLD_JOIN, second)
    for step, token in parts:
        rows(database, COMPLETE, step, token)
    b.rollback()
    assert rows(database, SWEEP_ONE, "joins_counted") == [(1,)]
    assert step_states(database, second)["join"] == "enqueued"
    assert step_states(database, first)["join"] == "pending"
    a.rollback()
    assert run_all(database) == 2
    assert {task_state(database, first), task_state(database, second)} == {"complete"}
    assert violations(database) == []


SWEEP_ALL = "select action, affected from tasker.sweep()"
CLAIM_ONE = "select step_uuid::text, token::text from tasker.claim_steps(%s, 'w', 1)"
HANGS = """
create or replace function tasker._sweep_messages (p_limit integer, p_now timestamptz)
  returns integer language plpgsql as $$
begin perform pg_sleep(600); return 0; end $$
"""


def test_what_a_sweep_did_before_it_was_cut_short(database: str) -> None:
    define(database, "single", {"only": []}, retry={"backoff_base_ms": 1, "backoff": "linear"})
    tasks = create(database, "single", 2)
    claim(database)
    rows(database, FAIL, *claim(database)["only"])
    later(database, "31 s")
    rows(database, HANGS)
    with psycopg.connect(database) as connection:
        connection.execute("set statement_timeout = '1s'")
        swept: dict[str, int] = dict(connection.execute(SWEEP_ALL).fetchall())
    assert (swept["claims_taken_back"], swept["timers_fired"]) == (1, 1)
    assert swept["messages_restored"] == 0
    assert [step_states(database, task) for task in tasks] == [{"only": "enqueued"}] * 2


def test_the_namespace_beside_one_whose_queue_is_locked(database: str, sessions: Opener) -> None:
    (holder,) = sessions("holder")
    tasks = []
    for namespace in ("test", "locked"):
        define(database, "single", {"only": []}, namespace=namespace, retry={"backoff_base_ms": 1})
        tasks += create(database, "single", 2, namespace=namespace)
        rows(database, FAIL, *rows(database, CLAIM_ONE, namespace)[0])
        rows(database, CLAIM_ONE, namespace)
    later(database, "31 s")
    rows(database, "delete from pgmq.q_test_queue")
    holder.run("lock table pgmq.q_locked_queue in access exclusive mode")
    with psycopg.connect(database) as connection:
        connection.execute("set statement_timeout = '10s'")
        swept: dict[str, int] = dict(connection.execute(SWEEP_ALL).fetchall())
    assert (swept["claims_taken_back"], swept["timers_fired"]) == (1, 1)
    states = [step_states(database, task)["only"] for task in tasks]
    assert states == ["enqueued", "enqueued", "waiting_for_retry", "in_progress"]
    holder.rollback()
    rows(database, "select from tasker.sweep()")
    assert {step_states(database, task)["only"] for task in tasks} == {"enqueued"}
