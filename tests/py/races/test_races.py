"""What two sessions do to each other, step by step: each test makes them meet, and says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest
from servers import rows
from sessions import Session
from workflows import (
    CANCEL,
    CLAIM,
    COMPLETE,
    DIAMOND,
    FAIL,
    FINALIZE,
    PAUSE,
    RESOLVE,
    RETRY,
    SWEEP,
    changes,
    claim,
    create,
    define,
    done,
    later,
    queued,
    run_all,
    step_states,
    sweep,
    task_state,
    violations,
)

pytestmark = pytest.mark.newest_first

Opener = Callable[..., list[Session]]

WIDE: dict[str, list[str]] = {f"part_{number}": [] for number in range(17)}
JOIN = {**WIDE, "join": list(WIDE)}


def code(error: psycopg.Error) -> str | None:
    return error.sqlstate


@pytest.fixture
def well(database: str) -> Iterator[str]:
    """A database that is well at the end of the test, too."""
    yield database
    assert violations(database) == []


@pytest.fixture
def two(sessions: Opener, well: str) -> list[Session]:  # noqa: ARG001
    return sessions("a", "b")


# Claims ------------------------------------------------------------------------------------------


def test_two_claims_at_once_share_the_steps(two: list[Session], well: str) -> None:
    a, b = two
    define(well, "single", {"only": []})
    create(well, "single", 3)
    (first,) = a.run(CLAIM, "a", 1)
    others = b.run(CLAIM, "b", 10)  # comes back although a's messages and steps are locked
    assert len(others) == 2
    assert first[0] not in [step for step, _, _ in others]
    a.rollback()
    b.commit()
    (again,) = b.run(CLAIM, "b", 10)
    assert again[0] == first[0]
    b.commit()


def test_a_claim_passes_over_a_task_that_is_being_cancelled(two: list[Session], well: str) -> None:
    a, b = two
    define(well, "single", {"only": []})
    first, second = create(well, "single", 2)
    a.run(CANCEL, first)
    (claimed,) = b.run(CLAIM, "b", 10)
    assert claimed[0][:31] == second[:31]
    b.commit()
    a.rollback()
    assert step_states(well, first) == {"only": "enqueued"}
    (again,) = b.run(CLAIM, "b", 10)  # its pointer went back into the queue
    assert again[0][:31] == first[:31]
    b.commit()


def test_a_claim_passes_over_a_new_task_that_is_being_paused(two: list[Session], well: str) -> None:
    a, b = two
    define(well, "single", {"only": []})
    first, second = create(well, "single", 2)
    a.run(PAUSE, first)
    (claimed,) = b.run(CLAIM, "b", 10)
    assert claimed[0][:31] == second[:31]
    b.commit()
    a.rollback()
    assert [step[:31] for step, _, _ in b.run(CLAIM, "b", 10)] == [first[:31]]
    b.commit()


def test_a_claim_passes_over_a_task_that_another_one_is_beginning(
    two: list[Session], well: str
) -> None:
    a, b = two
    define(well, "pair", {"left": [], "right": []})
    (task,) = create(well, "pair")
    assert len(a.run(CLAIM, "a", 1)) == 1
    assert b.run(CLAIM, "b", 1) == []
    b.commit()
    a.commit()
    assert len(b.run(CLAIM, "b", 1)) == 1
    b.commit()
    assert step_states(well, task) == {"left": "in_progress", "right": "in_progress"}
    assert changes(well, task, "task pending -> in_progress") == 1


def test_a_repeated_call_waits_for_the_first_and_gets_its_claim(
    two: list[Session], well: str
) -> None:
    a, b = two
    define(well, "chain", {"one": [], "two": ["one"]})
    create(well, "chain")
    step, token = claim(well)["one"]
    call = "select step_uuid, token from tasker.finish_and_claim('test', 'w', %s, %s, 5)"
    outcomes = f'[{{"step_uuid": "{step}", "result": 1}}]'
    first = a.run(call, token, outcomes)
    waiting = b.blocks(call, token, outcomes)
    a.commit()
    assert waiting.result() == first != []
    b.commit()


# Completions -------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_the_last_two_parents_enqueue_their_child_once(
    two: list[Session], well: str, end: str
) -> None:
    a, b = two
    define(well, "diamond", DIAMOND)
    (task,) = create(well, "diamond")
    done(well, "start")
    left, right = claim(well)["left"], claim(well)["right"]
    assert a.run(COMPLETE, *left) == [("complete", "in_progress")]
    waiting = b.blocks(COMPLETE, *right)
    getattr(a, end)()
    assert waiting.result() == [("complete", "in_progress")]
    b.commit()
    if end == "rollback":
        assert step_states(well, task)["end"] == "pending"
        rows(well, COMPLETE, *left)
    assert step_states(well, task)["end"] == "enqueued"
    assert queued(well) == 1
    done(well, "end")
    assert task_state(well, task) == "complete"
    assert changes(well, task, "step pending -> enqueued") == 4


def test_the_last_two_sinks_complete_their_task_once(two: list[Session], well: str) -> None:
    a, b = two
    define(well, "pair", {"left": [], "right": []})
    (task,) = create(well, "pair")
    left, right = claim(well)["left"], claim(well)["right"]
    assert a.run(COMPLETE, *left) == [("complete", "in_progress")]
    waiting = b.blocks(COMPLETE, *right)
    a.commit()
    assert waiting.result() == [("complete", "complete")]
    b.commit()
    assert task_state(well, task) == "complete"
    assert changes(well, task, "task in_progress -> complete") == 1


def test_two_steps_of_one_claim_are_completed_at_once(two: list[Session], well: str) -> None:
    a, b = two
    define(well, "pair", {"left": [], "right": []})
    create(well, "pair")
    steps = claim(well, 2)
    a.run(COMPLETE, *steps["left"])
    waiting = b.blocks(COMPLETE, *steps["right"])
    a.commit()
    assert waiting.result() == [("complete", "complete")]
    b.commit()
    assert rows(well, "select from tasker.claims") == []


def test_a_step_fails_and_completes_at_once_and_the_first_wins(
    two: list[Session], well: str
) -> None:
    a, b = two
    define(well, "single", {"only": []})
    create(well, "single")
    step = claim(well)["only"]
    a.run(COMPLETE, *step)
    waiting = b.blocks(FAIL, *step)
    a.commit()
    with pytest.raises(psycopg.Error) as refused:
        waiting.result()
    assert code(refused.value) == "TK001"


# Operators ---------------------------------------------------------------------------------------


def test_a_completion_before_a_cancellation_stands(two: list[Session], well: str) -> None:
    a, b = two
    define(well, "chain", {"one": [], "two": ["one"]})
    (task,) = create(well, "chain")
    a.run(COMPLETE, *claim(well)["one"])
    waiting = b.blocks(CANCEL, task)
    a.commit()
    assert waiting.result() == [("cancelled", 1)]
    b.commit()
    assert step_states(well, task) == {"one": "complete", "two": "cancelled"}


def test_a_last_completion_before_a_cancellation_wins(two: list[Session], well: str) -> None:
    a, b = two
    define(well, "single", {"only": []})
    (task,) = create(well, "single")
    a.run(COMPLETE, *claim(well)["only"])
    waiting = b.blocks(CANCEL, task)
    a.commit()
    with pytest.raises(psycopg.Error) as refused:
        waiting.result()
    assert code(refused.value) == "TK003"
    assert task_state(well, task) == "complete"


def test_a_completion_after_a_cancellation_is_refused(two: list[Session], well: str) -> None:
    a, b = two
    define(well, "chain", {"one": [], "two": ["one"]})
    (task,) = create(well, "chain")
    step = claim(well)["one"]
    a.run(CANCEL, task)
    waiting = b.blocks(COMPLETE, *step)
    a.commit()
    with pytest.raises(psycopg.Error) as refused:
        waiting.result()
    assert code(refused.value) == "TK001"
    b.rollback()
    assert step_states(well, task) == {"one": "cancelled", "two": "cancelled"}


def failed_pair(dsn: str) -> tuple[str, str]:
    """A task that is blocked by a failed step while another runs; the task and the failed step."""
    define(dsn, "pair", {"left": [], "right": []})
    (task,) = create(dsn, "pair")
    steps = claim(dsn, 2)
    rows(dsn, FAIL, *steps["left"])
    return task, steps["left"][0]


def test_a_retry_before_a_cancellation_is_cancelled_with_it(two: list[Session], well: str) -> None:
    a, b = two
    task, failed = failed_pair(well)
    assert a.run(RETRY, failed) == [("enqueued", "in_progress")]
    waiting = b.blocks(CANCEL, task)
    a.commit()
    assert waiting.result() == [("cancelled", 2)]
    b.commit()


def test_a_retry_after_a_cancellation_is_refused(two: list[Session], well: str) -> None:
    a, b = two
    task, failed = failed_pair(well)
    assert a.run(CANCEL, task) == [("cancelled", 1)]
    waiting = b.blocks(RETRY, failed)
    a.commit()
    with pytest.raises(psycopg.Error) as refused:
        waiting.result()
    assert code(refused.value) == "TK003"
    b.rollback()
    assert step_states(well, task) == {"left": "error", "right": "cancelled"}


def test_a_step_settled_by_hand_and_its_sibling_enqueue_their_child_once(
    two: list[Session], well: str
) -> None:
    a, b = two
    define(well, "diamond", DIAMOND)
    (task,) = create(well, "diamond")
    done(well, "start")
    left, right = claim(well)["left"], claim(well)["right"]
    assert a.run(RESOLVE, right[0]) == [("resolved_manually", "in_progress")]
    waiting = b.blocks(COMPLETE, *left)
    a.commit()
    waiting.result()
    b.commit()
    assert step_states(well, task)["end"] == "enqueued"
    assert queued(well) == 1
    with pytest.raises(psycopg.Error) as refused:
        a.run(COMPLETE, *right)
    assert code(refused.value) == "TK001"


def test_the_second_of_two_calls_with_one_key_waits_and_gets_the_same_task(
    two: list[Session], well: str
) -> None:
    a, b = two
    define(well, "single", {"only": []})
    query = (
        "select task_uuid, created from tasker.create_task('test', 'single', '{}',"
        """ '{"idempotency_key": "k"}')"""
    )
    ((task, created),) = a.run(query)
    assert created is True
    waiting = b.blocks(query)
    a.commit()
    assert waiting.result() == [(task, False)]
    b.commit()
    assert queued(well) == 1


def test_the_second_of_two_calls_with_one_key_makes_the_task_if_the_first_does_not(
    two: list[Session], well: str
) -> None:
    a, b = two
    define(well, "single", {"only": []})
    query = (
        "select created from tasker.create_task('test', 'single', '{}',"
        """ '{"idempotency_key": "k"}')"""
    )
    a.run(query)
    waiting = b.blocks(query)
    a.rollback()
    assert waiting.result() == [(True,)]
    b.commit()


# Sweeps ------------------------------------------------------------------------------------------


def expired(dsn: str) -> tuple[str, tuple[str, str]]:
    """A task whose only step was claimed, for a time that is over."""
    define(dsn, "single", {"only": []})
    (task,) = create(dsn, "single")
    step = claim(dsn)["only"]
    later(dsn, "31 s")
    return task, step


def test_a_completion_before_the_sweep_takes_back_stands(two: list[Session], well: str) -> None:
    a, b = two
    task, step = expired(well)
    a.run(COMPLETE, *step)
    assert b.run(SWEEP, "claims_taken_back") == [(0,)]  # comes back although a holds the claim
    b.commit()
    a.commit()
    assert task_state(well, task) == "complete"


def test_a_completion_after_the_sweep_takes_back_is_refused(two: list[Session], well: str) -> None:
    a, b = two
    task, step = expired(well)
    assert a.run(SWEEP, "claims_taken_back") == [(1,)]
    waiting = b.blocks(COMPLETE, *step)
    a.commit()
    with pytest.raises(psycopg.Error) as refused:
        waiting.result()
    assert code(refused.value) == "TK001"
    b.rollback()
    assert step_states(well, task) == {"only": "enqueued"}


def test_a_heartbeat_before_the_sweep_keeps_the_claim(two: list[Session], well: str) -> None:
    a, b = two
    _, step = expired(well)
    a.run("select from tasker.heartbeat(%s)", step[1])
    assert b.run(SWEEP, "claims_taken_back") == [(0,)]
    b.commit()
    a.commit()
    assert sweep(well, "claims_taken_back") == 0
    rows(well, COMPLETE, *step)


def test_two_sweeps_take_a_claim_back_once(two: list[Session], well: str) -> None:
    a, b = two
    task, _ = expired(well)
    assert a.run(SWEEP, "claims_taken_back") == [(1,)]
    assert b.run(SWEEP, "claims_taken_back") == [(0,)]
    a.commit()
    b.commit()
    assert changes(well, task, "step in_progress -> enqueued") == 1


@pytest.mark.parametrize("attempts", [1, 3])
@pytest.mark.parametrize("holder", [CANCEL, PAUSE], ids=["cancelling", "pausing"])
def test_a_sweep_does_not_wait_for_an_operator(
    two: list[Session], well: str, holder: str, attempts: int
) -> None:
    a, b = two
    define(well, "single", {"only": []}, retry={"max_attempts": attempts})
    held, free = create(well, "single", 2)
    claim(well), claim(well)
    later(well, "31 s")
    a.run(holder, held)
    assert b.run(SWEEP, "claims_taken_back")[0][0] >= 1
    b.commit()
    assert step_states(well, free) == {"only": "enqueued" if attempts > 1 else "error"}
    a.rollback()
    sweep(well, "claims_taken_back")
    assert step_states(well, held) == {"only": "enqueued" if attempts > 1 else "error"}


def test_a_sweep_does_not_wait_for_an_operator_to_process_results(
    two: list[Session], well: str
) -> None:
    a, b = two
    define(well, "single", {"only": []})
    held, free = create(well, "single", 2)
    for _ in range(2):
        step, token = claim(well)["only"]
        outcomes = f'[{{"step_uuid": "{step}"}}]'
        rows(well, "select from tasker.submit_step_results(%s, %s)", token, outcomes)
    later(well, "6 s")
    a.run(PAUSE, held)
    assert b.run(SWEEP, "submissions_processed") == [(2,)]
    b.commit()
    assert task_state(well, free) == "complete"
    a.rollback()
    assert sweep(well, "joins_counted") == 1
    assert task_state(well, held) == "complete"


def test_failures_that_do_not_see_each_other_end_their_task_by_sweep(
    two: list[Session], well: str
) -> None:
    a, b = two
    define(well, "join", {"left": [], "right": [], "end": ["left", "right"]})
    (task,) = create(well, "join")
    steps = claim(well)["left"], claim(well)["right"]
    assert a.run(FAIL, *steps[0]) == [("error", "blocked_by_failures")]
    assert b.run(COMPLETE, *steps[1]) == [("complete", "in_progress")]
    a.commit()
    b.commit()
    assert task_state(well, task) == "blocked_by_failures"
    assert sweep(well, "tasks_finalized") == 1
    assert task_state(well, task) == "error"


def test_two_failures_at_once_end_their_task(two: list[Session], well: str) -> None:
    a, b = two
    define(well, "pair", {"left": [], "right": []})
    (task,) = create(well, "pair")
    left, right = claim(well)["left"], claim(well)["right"]
    assert a.run(FAIL, *left) == [("error", "blocked_by_failures")]
    waiting = b.blocks(FAIL, *right)
    a.commit()
    assert waiting.result() == [("error", "error")]
    b.commit()
    assert changes(well, task, "task blocked_by_failures -> error") == 1


# Wide joins --------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["an idle claim", "the sweep", "the next part"])
def test_parts_of_a_wide_join_do_not_wait_for_each_other(
    two: list[Session], well: str, by: str
) -> None:
    a, b = two
    define(well, "wide", JOIN)
    (task,) = create(well, "wide")
    steps = [claim(well).popitem()[1] for _ in WIDE]
    a.run(COMPLETE, *steps[0])
    for step in steps[1:16]:
        b.run(COMPLETE, *step)  # comes back although a holds the join
        b.commit()
    assert rows(well, "select count(*) from tasker.deferred_decrements") == [(15,)]
    if by != "the next part":
        b.run(COMPLETE, *steps[16])
        b.commit()
    a.commit()
    if by == "the next part":
        rows(well, COMPLETE, *steps[16])
    else:
        assert step_states(well, task)["join"] == "pending"
        assert violations(well) == []
    if by == "the sweep":
        assert sweep(well, "joins_counted") == 1
    assert rows(well, "select count(*) from tasker.deferred_decrements") == [
        (16 if by == "an idle claim" else 0,)
    ]
    done(well, "join")
    assert task_state(well, task) == "complete"
    assert changes(well, task, "step pending -> enqueued") == 18


def test_a_task_does_not_end_in_error_while_a_wide_join_is_yet_to_be_counted(
    two: list[Session], well: str
) -> None:
    a, b = two
    define(well, "wide", {**JOIN, "lost": []})
    (task,) = create(well, "wide")
    steps = [claim(well) for _ in range(18)]
    lost = next(step["lost"] for step in steps if "lost" in step)
    parts = [step.popitem()[1] for step in steps if "lost" not in step]
    a.run(COMPLETE, *parts[0])
    for step in parts[1:]:
        b.run(COMPLETE, *step)
        b.commit()
    a.commit()
    assert rows(well, FAIL, *lost) == [("error", "blocked_by_failures")]
    done(well, "join")
    assert task_state(well, task) == "error"
    assert changes(well, task, "task blocked_by_failures -> error") == 1


LOCK = """
select step.state::text
  from tasker.tasks as task
  join tasker.template_steps as link using (template_id)
  join tasker.steps as step on step.step_id = (task.task_id << 20) + link.step_no
 where task.task_uuid = %s and link.name = %s
   for update of step nowait
"""


def test_a_wide_task_whose_last_two_sinks_did_not_see_each_other_is_settled_by_hand(
    two: list[Session], well: str
) -> None:
    a, b = two
    define(well, "wide", WIDE)
    (task,) = create(well, "wide")
    steps = [claim(well).popitem()[1] for _ in WIDE]
    for step in steps[2:]:
        rows(well, COMPLETE, *step)
    assert a.run(FAIL, *steps[0]) == [("error", "blocked_by_failures")]
    assert b.run(COMPLETE, *steps[1]) == [("complete", "in_progress")]
    b.commit()
    a.commit()
    assert rows(well, "select amount from tasker.deferred_decrements") == [(1,)]
    assert rows(well, RESOLVE, steps[0][0]) == [("resolved_manually", "complete")]
    assert task_state(well, task) == "complete"


def test_whoever_holds_a_narrow_step_holds_nobody_up(two: list[Session], well: str) -> None:
    a, b = two
    define(well, "wide", {**WIDE, "narrow": ["part_0"], "join": list(WIDE)})
    (task,) = create(well, "wide")
    steps = {name: step for _ in WIDE for name, step in claim(well).items()}
    a.run(LOCK, task, "narrow")  # as a cancellation does, step after step
    assert b.run(COMPLETE, *steps["part_0"]) == [("complete", "in_progress")]
    b.commit()
    a.run(LOCK, task, "join")
    a.commit()
    assert list(claim(well)) == ["narrow"], "it is counted by one who finds nothing else to do"


# Finalization ------------------------------------------------------------------------------------


@pytest.fixture
def finalizable(well: str) -> str:
    define(well, "external", {"only": []}, finalization="external")
    (task,) = create(well, "external")
    assert run_all(well) == 1
    assert task_state(well, task) == "in_progress"
    return task


def test_two_processors_finalize_a_task_once(
    two: list[Session], well: str, finalizable: str
) -> None:
    a, b = two
    assert a.run(FINALIZE, finalizable) == [("complete", True, "finalized")]
    waiting = b.blocks(FINALIZE, finalizable)
    a.commit()
    assert waiting.result() == [("complete", False, "already_complete")]
    b.commit()
    assert changes(well, finalizable, "task in_progress -> complete") == 1


@pytest.mark.parametrize(
    ("end", "message"), [("commit", "already_claimed"), ("rollback", "claimed")]
)
def test_two_processors_claim_a_finalization_at_once(
    two: list[Session], finalizable: str, end: str, message: str
) -> None:
    a, b = two
    query = "select message from tasker.claim_task_for_finalization(%s, %s)"
    assert a.run(query, finalizable, "a") == [("claimed",)]
    assert b.run(query, finalizable, "b") == [("already_claimed",)]
    getattr(a, end)()
    b.commit()
    assert b.run(query, finalizable, "b") == [(message,)]
    b.commit()


def test_a_task_reopened_from_error_is_listed_for_its_processor(well: str) -> None:
    define(well, "external", {"only": []}, finalization="external")
    (task,) = create(well, "external")
    step = claim(well)["only"]
    assert rows(well, FAIL, *step) == [("error", "error")]
    assert rows(well, RESOLVE, step[0]) == [("resolved_manually", "in_progress")]
    assert rows(well, "select task_uuid::text from tasker.finalizable_tasks") == [(task,)]
    later(well, "61 min")
    assert sweep(well, "tasks_finalized") == 1
    assert task_state(well, task) == "complete"


def test_a_sweep_does_not_wait_for_a_processor(
    two: list[Session], well: str, finalizable: str
) -> None:
    a, b = two
    later(well, "61 min")
    assert a.run(FINALIZE, finalizable) == [("complete", True, "finalized")]
    assert b.run(SWEEP, "tasks_finalized") == [(0,)]
    a.commit()
    b.commit()
