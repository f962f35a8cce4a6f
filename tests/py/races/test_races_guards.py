"""Guards that only a second session can miss: each test fails when one is taken out of the SQL.

`docs/mutants.md` says which.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg import IsolationLevel
from servers import rows
from sessions import SECONDS, Session
from workflows import (
    CANCEL,
    CLAIM,
    COMPLETE,
    FAIL,
    FINALIZE,
    FINISH,
    PAUSE,
    RESOLVE,
    RETRY,
    SWEEP,
    changes,
    claim,
    create,
    define,
    definition,
    later,
    queued,
    run_all,
    step_states,
    sweep,
    task_state,
    violations,
)

pytestmark = pytest.mark.newest_first

SUBMIT = "select steps from tasker.submit_step_results(%s, %s)"
CARRY_OUT = """
select done.completed, done.failed
  from tasker.submissions, tasker._process_submission(submission_id, clock_timestamp()) as done
"""
PROCESS = "select completed, failed, error from tasker.process_step_results()"
TAKE_BACK = "select tasker._take_back(%s, tasker._now())"
HOLD_STEP = """
select from tasker.tasks as task
  join tasker.template_steps as link using (template_id)
  join tasker.steps as step on step.step_id = (task.task_id << 20) + link.step_no
 where task.task_uuid = %s and link.name = %s
   for update of step nowait
"""
HOLD_TASK = "select from tasker.tasks where task_uuid = %s for no key update nowait"


@pytest.fixture
def well(database: str) -> Iterator[str]:
    """A database that is well at the end of the test, too.

    Sessions are asked for after it: they are closed before it looks at what they hold.
    """
    yield database
    assert violations(database) == []


@pytest.fixture
def two(well: str, sessions: Callable[..., list[Session]]) -> list[Session]:  # noqa: ARG001
    return sessions("a", "b")


def pair(dsn: str) -> tuple[str, dict[str, tuple[str, str]]]:
    """A task of two steps in one claim."""
    define(dsn, "pair", {"left": [], "right": []})
    (task,) = create(dsn, "pair")
    return task, claim(dsn, 2)


def outcomes(**steps: str) -> str:
    """What happened to steps, as JSON: `done=step_uuid, failed=step_uuid`."""
    done = {"step_uuid": steps["done"]}
    failed = {"step_uuid": steps["failed"], "error": "no", "retryable": False}
    return json.dumps([failed, done])


def finalizable(dsn: str) -> str:
    """A task that waits for a processor."""
    define(dsn, "external", {"only": []}, finalization="external")
    (task,) = create(dsn, "external")
    assert run_all(dsn) == 1
    return task


def count(dsn: str, table: str) -> int:
    ((count,),) = rows(dsn, f"select count(*) from tasker.{table}")
    return int(count)


def refused(error: pytest.ExceptionInfo[psycopg.Error], code: str) -> bool:
    return error.value.sqlstate == code


# Locks are taken in one order --------------------------------------------------------------------


@pytest.mark.parametrize("by", ["cancelling", "finishing", "taking back"])
def test_steps_are_locked_from_the_first_to_the_last(
    two: list[Session], well: str, by: str
) -> None:
    a, b = two
    task, steps = pair(well)
    (left, token), (right, _) = steps["left"], steps["right"]
    mixed = outcomes(done=left, failed=right)
    if by == "taking back":
        later(well, "31 s")
    a.run(HOLD_STEP, task, "left")
    calls = {
        "cancelling": (CANCEL, task),
        "finishing": (FINISH, token, mixed),
        "taking back": (TAKE_BACK, token),
    }
    waiting = b.blocks(*calls[by])
    a.run(HOLD_STEP, task, "right")  # raises if b, which waits for the first, holds the last
    a.commit()
    waiting.result()
    b.commit()


def test_processing_results_waits_for_nobody_and_holds_nothing(
    two: list[Session], well: str
) -> None:
    a, b = two
    task, steps = pair(well)
    (left, token), (right, _) = steps["left"], steps["right"]
    rows(well, SUBMIT, token, outcomes(done=left, failed=right))
    a.run(HOLD_STEP, task, "left")
    assert b.run(PROCESS) == []
    a.run(HOLD_STEP, task, "right")
    a.commit()
    b.commit()
    assert rows(well, PROCESS) == [(1, 1, None)]


def test_tasks_are_locked_from_the_first_to_the_last(two: list[Session], well: str) -> None:
    a, b = two
    define(well, "single", {"only": []})
    first, second = create(well, "single", 2)
    (failed, token, _), (done, _, _) = rows(well, CLAIM, "w", 2)
    assert failed[:31] == first[:31]
    a.run(PAUSE, first)
    waiting = b.blocks(FINISH, token, outcomes(done=done, failed=failed))
    a.run(HOLD_TASK, second)
    a.commit()
    waiting.result()
    b.commit()
    assert (task_state(well, first), task_state(well, second)) == ("error", "complete")


CREATE = """
select created
  from tasker.create_tasks('test', 'single', array(select '{}'::jsonb from unnest(%s::text[])),
                           jsonb_build_object('idempotency_keys', %s::text[]))
"""


def test_keys_are_taken_in_one_order(two: list[Session], well: str) -> None:
    a, b = two
    define(well, "single", {"only": []})
    hashed = "select tasker._idempotency_hashes('test', 'single', array[%s])"
    low, high = sorted(["one", "two"], key=lambda key: str(rows(well, hashed, key)))
    assert a.run(CREATE, [low], [low]) == [(True,)]
    waiting = b.blocks(CREATE, [high, low], [high, low])
    assert a.run(CREATE, [high], [high]) == [(True,)]  # a deadlock if b has taken it already
    a.commit()
    assert waiting.result() == [(False,), (False,)]
    b.commit()


def test_namespaces_are_made_in_one_order(two: list[Session], well: str) -> None:
    a, b = two
    rows(well, "select from tasker.create_namespace('test')")
    template = json.loads(definition("t", {"one": [], "two": []}))
    for step, namespace in zip(template["steps"], ["second", "first"], strict=True):
        step["namespace"] = namespace
    query = "select created from tasker.create_namespace(%s)"
    assert a.run(query, "first") == [(True,)]
    waiting = b.blocks("select created from tasker.register_template(%s)", json.dumps(template))
    assert a.run(query, "second") == [(True,)]
    a.commit()
    assert waiting.result() == [(True,)]
    b.commit()


# What is decided on is locked before it is read --------------------------------------------------


def test_a_failure_after_a_cancellation_is_refused(two: list[Session], well: str) -> None:
    a, b = two
    task, steps = pair(well)
    a.run(CANCEL, task)
    waiting = b.blocks(FAIL, *steps["left"])
    a.commit()
    with pytest.raises(psycopg.Error) as error:
        waiting.result()
    assert refused(error, "TK001")
    b.rollback()
    assert step_states(well, task) == {"left": "cancelled", "right": "cancelled"}


def test_what_is_cancelled_while_it_is_processed_is_left_out(two: list[Session], well: str) -> None:
    a, b = two
    task, steps = pair(well)
    rows(well, SUBMIT, steps["left"][1], json.dumps([{"step_uuid": steps["left"][0]}]))
    a.run(CANCEL, task)
    waiting = b.blocks(CARRY_OUT)  # process_step_results itself would not wait for so long
    a.commit()
    assert waiting.result() == [(0, 0)]
    b.commit()


def test_what_is_cancelled_while_it_is_taken_back_is_left_out(
    two: list[Session], well: str
) -> None:
    a, b = two
    task, steps = pair(well)
    later(well, "31 s")
    a.run(CANCEL, task)
    waiting = b.blocks(TAKE_BACK, steps["left"][1])
    a.commit()
    assert waiting.result() == [(1,)]
    b.commit()
    assert count(well, "step_failures") == 0
    assert queued(well) == 0


def test_a_claim_that_is_being_extended_is_not_taken_back(two: list[Session], well: str) -> None:
    a, b = two
    _, steps = pair(well)
    later(well, "31 s")
    a.run("select from tasker.heartbeat(%s)", steps["left"][1])
    assert b.run(TAKE_BACK, steps["left"][1]) == [(0,)]  # comes back although a holds the claim
    b.commit()
    a.commit()
    assert rows(well, TAKE_BACK, steps["left"][1]) == [(0,)]


def test_two_operators_retry_a_step_once(two: list[Session], well: str) -> None:
    a, b = two
    _, steps = pair(well)
    rows(well, FAIL, *steps["left"])
    assert a.run(RETRY, steps["left"][0]) == [("enqueued", "in_progress")]
    waiting = b.blocks(RETRY, steps["left"][0])
    a.commit()
    assert waiting.result() == [("enqueued", "in_progress")]
    b.commit()
    assert queued(well) == 1


def test_two_operators_settle_a_step_once(two: list[Session], well: str) -> None:
    a, b = two
    _, steps = pair(well)
    assert a.run(RESOLVE, steps["left"][0]) == [("resolved_manually", "in_progress")]
    waiting = b.blocks(RESOLVE, steps["left"][0])
    a.commit()
    assert waiting.result() == [("resolved_manually", "in_progress")]
    b.commit()
    assert count(well, "operator_actions") == 1


def test_a_retry_meets_the_last_failure(two: list[Session], well: str) -> None:
    a, b = two
    task, steps = pair(well)
    rows(well, FAIL, *steps["left"])
    assert a.run(FAIL, *steps["right"]) == [("error", "error")]
    waiting = b.blocks(RETRY, steps["left"][0])
    a.commit()
    assert waiting.result() == [("enqueued", "blocked_by_failures")]
    b.commit()
    assert step_states(well, task) == {"left": "enqueued", "right": "error"}


def test_a_namespace_is_not_dropped_under_a_new_template(two: list[Session], well: str) -> None:
    a, b = two
    rows(well, "select from tasker.create_namespace('test')")
    query = "select created from tasker.register_template(%s)"
    assert a.run(query, definition("single", {"only": []})) == [(True,)]
    waiting = b.blocks("select from tasker.drop_namespace('test')")
    a.commit()
    with pytest.raises(psycopg.Error) as error:
        waiting.result()
    assert refused(error, "TK003")


def test_who_has_made_a_template_goes_on_while_its_namespace_is_to_be_dropped(
    two: list[Session], well: str
) -> None:
    a, b = two
    rows(well, "select from tasker.create_namespace('test')")
    a.run("select from tasker.register_template(%s)", definition("single", {"only": []}))
    waiting = b.blocks("select from tasker.drop_namespace('test')")
    assert a.run("select from tasker.claim_steps('test', 'w')") == []  # or a deadlock
    a.commit()
    with pytest.raises(psycopg.Error) as error:
        waiting.result()
    assert refused(error, "TK003")


def test_a_claim_keeps_its_queues_until_it_has_looked_into_all(
    well: str, sessions: Callable[..., list[Session]]
) -> None:
    a, b, c = sessions("a", "b", "c")
    rows(well, "select from tasker.create_namespace('test')")
    claim = "select from tasker.claim_steps('test', 'w', 10)"
    assert a.run(claim) == []
    a.commit()  # it knows now that two queues are empty, and looks into them last
    c.run("lock table pgmq.q_test_queue")
    claiming = a.blocks(claim)
    dropping = b.start("select from tasker.drop_namespace('test')")
    c.commit()
    assert claiming.result() == []  # a deadlock if b has locked a queue that comes next
    assert not dropping.done()
    a.commit()
    assert dropping.result(SECONDS) == [()]
    b.commit()


def test_a_namespace_whose_queues_stay_in_use_is_not_dropped(two: list[Session], well: str) -> None:
    a, b = two
    rows(well, "select from tasker.create_namespace('test')")
    assert a.run("select from tasker.claim_steps('test', 'w')") == []
    with pytest.raises(psycopg.Error) as error:
        b.run("select from tasker.drop_namespace('test')")
    assert refused(error, "55P03")
    assert rows(well, "select name from tasker.namespaces") == [("test",)]


def test_a_namespace_that_is_dropped_is_not_resumed(two: list[Session], well: str) -> None:
    a, b = two
    rows(well, "select from tasker.create_namespace('test')")
    rows(well, "select from tasker.pause_namespace('test', 'wait')")
    a.run("select from tasker.drop_namespace('test')")
    waiting = b.blocks("select changed from tasker.resume_namespace('test', 'go on')")
    a.commit()
    with pytest.raises(psycopg.Error) as error:
        waiting.result()
    assert refused(error, "TK002")


def test_two_operators_set_a_limit_one_after_the_other(two: list[Session]) -> None:
    a, b = two
    query = "select previous, value from tasker.set_limit('json_depth', %s, 'why')"
    assert a.run(query, 200) == [(128, 200)]
    waiting = b.blocks(query, 300)
    a.commit()
    assert waiting.result() == [(200, 300)]
    b.commit()


# Older snapshots do not see what has changed ------------------------------------------------------


def look(session: Session) -> None:
    """From now on, the session sees only what there was before."""
    session.at(IsolationLevel.REPEATABLE_READ)
    session.run("select from tasker.namespaces")


def test_a_namespace_is_not_dropped_under_a_template_that_is_not_seen(
    two: list[Session], well: str
) -> None:
    a, b = two
    rows(well, "select from tasker.create_namespace('test')")
    look(b)
    a.run("select from tasker.register_template(%s)", definition("single", {"only": []}))
    a.commit()
    with pytest.raises(psycopg.Error) as error:
        b.run("select from tasker.drop_namespace('test')")
    assert refused(error, "TK003")


def test_an_operator_who_does_not_see_another_one_has_to_look_again(
    two: list[Session], well: str
) -> None:
    a, b = two
    define(well, "three", {"left": [], "right": [], "open": []})
    (task,) = create(well, "three")
    steps = claim(well, 3)
    for name in ("left", "right"):
        rows(well, FAIL, *steps[name])
    look(b)
    assert a.run(RETRY, steps["left"][0]) == [("enqueued", "blocked_by_failures")]
    a.commit()
    with pytest.raises(psycopg.errors.SerializationFailure):  # or left still seems to have failed
        b.run(RETRY, steps["right"][0])
    b.rollback()
    assert rows(well, RETRY, steps["right"][0]) == [("enqueued", "in_progress")]
    assert task_state(well, task) == "in_progress"


def test_a_task_whose_claim_is_not_seen_is_not_finalized(two: list[Session], well: str) -> None:
    a, b = two
    task = finalizable(well)
    look(b)
    a.run(CLAIM_TASK, task, 30)
    a.commit()
    with pytest.raises(psycopg.errors.SerializationFailure):
        b.run(FINALIZE, task)
    b.rollback()
    assert task_state(well, task) == "in_progress"


# Finalization ------------------------------------------------------------------------------------


def test_a_finalization_before_a_cancellation_wins(two: list[Session], well: str) -> None:
    a, b = two
    task = finalizable(well)
    assert a.run(FINALIZE, task) == [("complete", True, "finalized")]
    waiting = b.blocks(CANCEL, task)
    a.commit()
    with pytest.raises(psycopg.Error) as error:
        waiting.result()
    assert refused(error, "TK003")
    b.rollback()
    assert task_state(well, task) == "complete"


CLAIM_TASK = """
select finalization_attempt_uuid::text from tasker.claim_task_for_finalization(%s, 'p', %s)
"""


def test_a_task_that_is_being_claimed_is_not_finalized(two: list[Session], well: str) -> None:
    a, b = two
    task = finalizable(well)
    a.run(CLAIM_TASK, task, 30)
    waiting = b.blocks(FINALIZE, task)
    a.commit()
    with pytest.raises(psycopg.Error) as error:
        waiting.result()
    assert refused(error, "TK001")
    b.rollback()
    assert task_state(well, task) == "in_progress"


def test_a_claim_that_is_being_released_does_not_finalize(two: list[Session], well: str) -> None:
    a, b = two
    task = finalizable(well)
    ((attempt,),) = rows(well, CLAIM_TASK, task, 30)
    a.run("select from tasker.release_finalization_claim(%s)", attempt)
    waiting = b.blocks("select message from tasker.finalize_task(%s, %s)", task, attempt)
    a.commit()
    with pytest.raises(psycopg.Error) as error:
        waiting.result()
    assert refused(error, "TK001")
    b.rollback()
    assert task_state(well, task) == "in_progress"


def test_a_sweep_does_not_wait_for_a_processor_that_goes_on(two: list[Session], well: str) -> None:
    a, b = two
    task = finalizable(well)
    ((attempt,),) = rows(well, CLAIM_TASK, task, 30)
    later(well, "31 s")
    extend = "select message from tasker.extend_finalization_claim(%s)"
    assert a.run(extend, attempt) == [("extended",)]
    assert b.run(SWEEP, "tasks_finalized") == [(0,)]
    b.commit()
    a.commit()
    assert a.run(extend, attempt) == [("extended",)]
    a.commit()


def test_a_task_settled_by_hand_waits_for_its_processor(two: list[Session], well: str) -> None:
    a, b = two
    define(well, "wide", {f"part_{number}": [] for number in range(17)}, finalization="external")
    (task,) = create(well, "wide")
    failed, last, *others = [claim(well).popitem()[1] for _ in range(17)]
    for step in others:
        rows(well, COMPLETE, *step)
    assert a.run(FAIL, *failed) == [("error", "blocked_by_failures")]
    b.run(COMPLETE, *last)
    a.commit()
    b.commit()
    assert count(well, "deferred_decrements") == 1  # neither has seen the other
    assert rows(well, RESOLVE, failed[0]) == [("resolved_manually", "in_progress")]
    assert changes(well, task, "task blocked_by_failures -> error") == 0
    assert rows(well, "select task_uuid::text from tasker.finalizable_tasks") == [(task,)]


# Nobody waits for what can be left for later -----------------------------------------------------


def test_a_sweep_fires_timers_around_an_operator(two: list[Session], well: str) -> None:
    a, b = two
    define(well, "single", {"only": []})
    held, free = create(well, "single", 2)
    for _ in (held, free):
        rows(well, "select from tasker.fail_step(%s, %s, '\"no\"')", *claim(well)["only"])
    later(well, "1 s")
    a.run(CANCEL, held)
    assert b.run(SWEEP, "timers_fired") == [(1,)]
    b.commit()
    a.rollback()
    assert step_states(well, free) == {"only": "enqueued"}
    assert sweep(well, "timers_fired") == 1
    assert step_states(well, held) == {"only": "enqueued"}


def test_a_sweep_restores_messages_around_an_operator(two: list[Session], well: str) -> None:
    a, b = two
    define(well, "single", {"only": []})
    held, _ = create(well, "single", 2)
    rows(well, "select pgmq.purge_queue('test_queue')")
    later(well, "6 s")
    a.run(CANCEL, held)
    assert b.run(SWEEP, "messages_restored") == [(1,)]
    b.commit()
    a.rollback()
    assert sweep(well, "messages_restored") == 1


WAIT = "select channel from tasker.await_work('{test}', 'idle', '1 s')"


def test_two_that_enqueue_work_do_not_wait_for_each_other(two: list[Session], well: str) -> None:
    a, b = two
    define(well, "single", {"only": []})
    rows(well, WAIT)
    query = "select created from tasker.create_task('test', 'single')"
    for session in two:
        assert session.run(query) == [(True,)]
    a.commit()
    b.commit()
    assert count(well, "waiters") == 0


def test_two_sweeps_do_not_wait_for_each_others_waiters(two: list[Session], well: str) -> None:
    a, b = two
    rows(well, "select from tasker.create_namespace('test')")
    rows(well, WAIT)
    later(well, "2 s")
    for session in two:
        assert session.run(SWEEP, "claims_taken_back") == [(0,)]
    a.commit()
    b.commit()
    assert count(well, "waiters") == 0


def test_a_worker_that_waits_no_more_is_not_notified(two: list[Session], well: str) -> None:
    a, _ = two
    define(well, "single", {"only": []})
    ((channel,),) = rows(well, WAIT)
    a.run(f"listen {channel}")
    a.commit()
    later(well, "2 s")
    create(well, "single")
    rows(well, WAIT)
    create(well, "single")
    a.run("select")  # brings what was notified before
    assert len(list(a.connection.notifies(timeout=0))) == 1


def test_queues_that_are_there_are_left_to_their_users(two: list[Session], well: str) -> None:
    a, b = two
    define(well, "single", {"only": []})
    assert a.run("select created from tasker.create_task('test', 'single')") == [(True,)]
    assert b.run("select created from tasker.create_namespace('test')") == [(False,)]
    a.commit()
    b.commit()


def test_two_that_process_requests_share_them(two: list[Session], well: str) -> None:
    a, b = two
    define(well, "single", {"only": []})
    request = '{"namespace": "test", "name": "single"}'
    for _ in two:
        rows(well, "select pgmq.send('orchestration_task_requests', %s::jsonb)", request)
    query = "select created from tasker.process_task_requests(1)"
    for session in two:
        assert session.run(query) == [(True,)]
    assert b.run(query) == []
    a.commit()
    b.commit()


def test_a_request_whose_key_is_in_use_goes_to_the_end(two: list[Session], well: str) -> None:
    a, b = two
    define(well, "single", {"only": []})
    a.run(CREATE, ["used"], ["used"])
    for key in ("used", "free"):
        request = {"namespace": "test", "name": "single", "options": {"idempotency_key": key}}
        send = "select from pgmq.send('orchestration_task_requests', %s::jsonb)"
        rows(well, send, json.dumps(request))
    query = "select created, error from tasker.process_task_requests()"
    assert b.run(query) == [(True, None)]
    b.commit()
    a.commit()
    assert rows(well, query) == [(False, None)]


def test_a_submission_whose_step_is_held_goes_to_the_end(two: list[Session], well: str) -> None:
    a, b = two
    define(well, "single", {"only": []})
    held, free = create(well, "single", 2)
    for _ in (held, free):
        step, token = claim(well)["only"]
        rows(well, SUBMIT, token, json.dumps([{"step_uuid": step}]))
    a.run(HOLD_STEP, held, "only")
    assert b.run(PROCESS) == [(1, 0, None)]
    b.commit()
    a.commit()
    assert rows(well, PROCESS) == [(1, 0, None)]
    assert (task_state(well, held), task_state(well, free)) == ("complete", "complete")


def test_a_child_beside_one_that_is_held_is_enqueued(two: list[Session], well: str) -> None:
    a, b = two
    define(well, "fork", {"one": [], "left": ["one"], "right": ["one"]})
    (task,) = create(well, "fork")
    one = claim(well)["one"]
    a.run(HOLD_STEP, task, "left")
    assert b.run(COMPLETE, *one) == [("complete", "in_progress")]
    b.commit()
    a.commit()
    assert step_states(well, task) == {"one": "complete", "left": "pending", "right": "enqueued"}
    assert sweep(well, "joins_counted") == 1
    assert run_all(well) == 2


def test_a_task_beside_one_that_is_held_ends(two: list[Session], well: str) -> None:
    a, b = two
    define(well, "single", {"only": []})
    held, free = create(well, "single", 2)
    (one, token, _), (other, _, _) = rows(well, CLAIM, "w", 2)
    a.run(HOLD_TASK, held)
    b.run(FINISH, token, json.dumps([{"step_uuid": step} for step in (one, other)]))
    b.commit()
    a.commit()
    assert (task_state(well, held), task_state(well, free)) == ("in_progress", "complete")
    assert sweep(well, "joins_counted") == 1
    assert task_state(well, held) == "complete"


def test_two_that_process_one_submission_do_not_wait_for_each_other(
    two: list[Session], well: str
) -> None:
    a, b = two
    task, steps = pair(well)
    both = json.dumps([{"step_uuid": step} for step, _ in steps.values()])
    assert rows(well, SUBMIT, steps["left"][1], both) == [(2,)]
    assert a.run(PROCESS) == [(2, 0, None)]
    again = (
        "select pgmq.send('orchestration_step_results',"
        " jsonb_build_object('submission_id', submission_id)) from tasker.submissions"
    )
    b.run(again)
    assert b.run(PROCESS) == [(0, 0, None)]  # comes back although a holds the submission
    later(well, "6 s")
    assert b.run(SWEEP, "submissions_processed") == [(0,)]
    a.commit()
    b.commit()
    assert task_state(well, task) == "complete"


def test_who_drops_a_schedule_misses_no_tick_that_was_made_meanwhile(
    two: list[Session], well: str
) -> None:
    define(well, "one", {"only": []})
    plan = json.dumps({"template": "one", "cron": "0 3 * * *"})
    rows(well, "select from tasker.put_schedule('test', 'plan', %s)", plan)
    a, _ = two
    a.at(IsolationLevel.REPEATABLE_READ)
    a.run("select 1")  # a snapshot that does not see the tick
    rows(well, "select from tasker.trigger_schedule('test', 'plan', 'wanted now')")
    drop = "select from tasker.drop_schedule('test', 'plan', 'not needed')"
    with pytest.raises(psycopg.errors.SerializationFailure):
        a.run(drop)
    a.rollback()
    a.run(drop)
    a.commit()
    assert rows(well, "select from tasker.schedule_ticks") == []
