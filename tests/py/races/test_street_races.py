"""Where sessions meet between a claim and the next: nobody waits, nothing is lost or done twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from uuid import uuid4

import pytest
from servers import rows
from sessions import Session
from workflows import COMPLETE, DIAMOND, claim, create, define, done, step_states, violations

pytestmark = pytest.mark.newest_first

Opener = Callable[..., list[Session]]

ASKED = "select step_uuid::text from tasker.claim_steps('test', 'w', 2, p_request => %s)"
LOCK = """
select from tasker.steps as step
  join tasker.tasks as task on task.task_id = step.step_id >> 20
  join tasker.template_steps as link on link.template_id = step.template_id
                                    and link.step_no = step.step_id & 1048575
 where task.task_uuid = %s and link.name = %s
   for update of step
"""
HISTORY = """
select link.name, change.change::text
  from tasker._changes as change
  join tasker.steps as step on step.step_id = change.id
  join tasker.template_steps as link on link.template_id = step.template_id
                                    and link.step_no = step.step_id & 1048575
 order by link.name, change.transition_id, change.position
"""


def test_of_two_calls_with_one_request_the_second_waits_and_gets_the_same(
    database: str, sessions: Opener
) -> None:
    define(database, "single", {"only": []})
    create(database, "single", 4)
    a, b = sessions("a", "b")
    request = uuid4()
    first = a.run(ASKED, request)
    assert len(first) == 2
    waiting = b.blocks(ASKED, request)
    a.commit()
    assert waiting.result() == first
    b.commit()
    assert rows(database, "select count(*) from tasker.claims") == [(1,)]
    assert rows(database, "select max(attempt) from tasker.steps") == [(1,)]


def test_a_request_that_was_rolled_back_is_made_by_the_second(
    database: str, sessions: Opener
) -> None:
    define(database, "single", {"only": []})
    create(database, "single", 2)
    a, b = sessions("a", "b")
    request = uuid4()
    a.run(ASKED, request)
    waiting = b.blocks(ASKED, request)
    a.rollback()
    assert len(waiting.result()) == 2
    b.commit()
    assert rows(database, "select max(attempt) from tasker.steps") == [(1,)]


@pytest.mark.parametrize("raced", [False, True])
def test_a_join_has_the_same_history_on_the_street_and_off_it(
    database: str, sessions: Opener, raced: bool
) -> None:
    define(database, "diamond", DIAMOND)
    (task,) = create(database, "diamond")
    done(database, "start")
    left, right = (claim(database, 1).popitem()[1] for _ in range(2))
    a, b = sessions("a", "b")
    a.run(COMPLETE, *left)
    if raced:
        waiting = b.blocks(COMPLETE, *right)  # a is at the join
        a.commit()
        waiting.result()
    else:
        a.commit()
        b.run(COMPLETE, *right)
    b.commit()
    done(database, "end")
    assert set(step_states(database, task).values()) == {"complete"}
    usual = ["step pending -> enqueued", "step enqueued -> in_progress"]
    usual += ["step in_progress -> complete"]
    assert rows(database, HISTORY) == [(name, one) for name in sorted(DIAMOND) for one in usual]
    assert violations(database) == []


def test_a_row_that_somebody_was_at_is_claimed_all_the_same(
    database: str, sessions: Opener
) -> None:
    """A row keeps the id of who locked it last: it does not say that somebody is there."""
    define(database, "pair", {"one": [], "two": ["one"]})
    (task,) = create(database, "pair")
    (a,) = sessions("a")
    for name in ("one", "two"):
        for end in (a.commit, a.rollback):
            a.run(LOCK, task, name)
            end()
    assert rows(database, "select count(*) from tasker.steps where xmax <> 0") == [(2,)]
    done(database, "one")
    done(database, "two")
    assert violations(database) == []


def test_a_step_that_is_made_ready_is_taken_once(database: str, sessions: Opener) -> None:
    """What a worker keeps for itself is in no queue: nobody else can get it, not even a rollback
    of the call can lose it."""
    define(database, "chain", {"a": [], "b": ["a"]})
    create(database, "chain")
    columns = "step_uuid::text, token::text, name"
    finish = f"select {columns} from tasker.finish_and_claim('test', 'w', %s, %s)"
    a, b = sessions("a", "b")
    ((step, token, _),) = a.run(finish, None, "[]")
    a.commit()
    outcomes = json.dumps([{"step_uuid": step}])
    assert [name for _, _, name in a.run(finish, token, outcomes)] == ["b"]
    assert b.run(finish, None, "[]") == []
    b.commit()
    a.rollback()
    assert b.run(finish, None, "[]") == []
    b.commit()
    assert [name for _, _, name in a.run(finish, token, outcomes)] == ["b"]
    a.commit()
    assert violations(database) == []


def notified(session: Session) -> int:
    session.run("select")
    session.commit()
    return len(list(session.connection.notifies(timeout=0)))


def test_new_work_wakes_one_and_that_one_the_next(database: str, sessions: Opener) -> None:
    define(database, "single", {"only": []})
    workers = sessions("first", "second", "third")
    wait = "select channel from tasker.await_work('{test}', %s, '1 hour')"
    for worker in workers:
        ((channel,),) = worker.run(wait, worker.name)
        worker.run(f"listen {channel}")
        worker.commit()
    _, second, third = workers
    create(database, "single", 3)
    assert [notified(worker) for worker in workers] == [0, 0, 1], "the one that registered last"
    query = "select step_uuid from tasker.claim_steps('test', %s, %s)"
    assert len(third.run(query, "third", 1)) == 1
    third.commit()
    assert [notified(worker) for worker in workers] == [0, 1, 0], "there may be more"
    assert len(second.run(query, "second", 9)) == 2
    second.commit()
    assert [notified(worker) for worker in workers] == [0, 0, 0], "there is no more"
    assert rows(database, "select worker from tasker.waiters") == [("first",)]


def test_a_parked_step_wakes_whoever_may_have_its_handler(database: str, sessions: Opener) -> None:
    define(database, "single", {"only": []})
    right, wrong = workers = sessions("right", "wrong")
    wait = "select channel from tasker.await_work('{test}', %s, '1 hour')"
    for worker in workers:
        ((channel,),) = worker.run(wait, worker.name)
        worker.run(f"listen {channel}")
        worker.commit()
    create(database, "single")
    assert [notified(worker) for worker in workers] == [0, 1]
    query = "select step_uuid from tasker.claim_steps('test', %s, p_handlers => %s)"
    assert wrong.run(query, "wrong", ["other"]) == []
    wrong.commit()
    assert [notified(worker) for worker in workers] == [1, 0]
    assert len(right.run(query, "right", ["only"])) == 1
    right.commit()
