"""Races of three and more: who wins when many want one thing, and locks taken in two orders."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from servers import rows
from sessions import Session, as_they_end, opened, queue_up
from workflows import (
    CLAIM,
    COMPLETE,
    DIAMOND,
    FINISH,
    changes,
    claim,
    create,
    define,
    definition,
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

LOCK_TASK = "select from tasker.tasks where task_uuid = %s for update"
LOCK_STEP = "select from tasker.steps where step_id = tasker._step_id(%s) for update"
CLAIM_END = (
    "select message, already_claimed_by, finalization_attempt_uuid::text"
    " from tasker.claim_task_for_finalization(%s, %s)"
)
RELEASE_END = "select released from tasker.release_finalization_claim(%s)"
EXTEND_END = "select message from tasker.extend_finalization_claim(%s, 600)"
FINALIZE = "select message from tasker.finalize_task(%s, %s)"
LISTED = "select task_uuid::text, claimed_by from tasker.finalizable_tasks"
KEYED = (
    "select task_uuid::text, created from tasker.create_task('test', 'single', %s,"
    """ '{"idempotency_key": "k"}')"""
)
CANCEL = "select cancelled_steps from tasker.cancel_task(%s, 'no need')"
RESOLVE = "select step_state from tasker.resolve_step(%s, 'done by hand')"
RELEASE = "select step_uuid::text from tasker.release_claim(%s)"
SUBMIT = "select from tasker.submit_step_results(%s, %s)"
PROCESS = "select completed from tasker.process_step_results(%s)"
REQUEST = "select pgmq.send('orchestration_task_requests', %s::jsonb)"


def outcomes(*steps: str) -> str:
    return json.dumps([{"step_uuid": step} for step in steps])


@pytest.fixture
def well(database: str) -> Iterator[str]:
    """A database that is well at the end of the test, too."""
    yield database
    assert violations(database) == []


# Finalization ------------------------------------------------------------------------------------


@pytest.fixture
def finalizable(well: str) -> str:
    define(well, "external", {"only": []}, finalization="external")
    (task,) = create(well, "external")
    assert run_all(well) == 1
    return task


@pytest.mark.parametrize("ending", ["the holder releases", "the holder dies", "all of them die"])
@pytest.mark.parametrize("contenders", [3, 16, 64])
def test_one_of_many_finalizes_and_nothing_is_lost_when_it_gives_up(
    well: str, finalizable: str, contenders: int, ending: str
) -> None:
    names = [f"p{number}" for number in range(contenders)]
    with opened(well, *names) as (first, *crowd):
        ((message, _, attempt),) = first.run(CLAIM_END, finalizable, first.name)
        assert message == "claimed"
        for winner in (None, first.name):  # not committed, and committed
            for one in crowd:
                assert one.run(CLAIM_END, finalizable, one.name) == [
                    ("already_claimed", winner, None)
                ]
                one.commit()
            first.commit()
    assert rows(well, LISTED) == [(finalizable, names[0])]

    if ending == "the holder releases":
        assert rows(well, RELEASE_END, attempt) == [(True,)]
        assert rows(well, LISTED) == [(finalizable, None)]
    elif ending == "the holder dies":
        later(well, "31 s")
        assert sweep(well, "tasks_finalized") == 0  # its claim is gone, and others may have one
        assert rows(well, LISTED) == [(finalizable, None)]
    if ending == "all of them die":
        later(well, "61 min")
        assert sweep(well, "tasks_finalized") == 1
    else:
        ((message, _, attempt),) = rows(well, CLAIM_END, finalizable, "another one")
        assert message == "claimed"
        assert rows(well, FINALIZE, finalizable, attempt) == [("finalized",)]
    assert rows(well, LISTED) == []
    assert task_state(well, finalizable) == "complete"
    assert changes(well, finalizable, "task in_progress -> complete") == 1


@pytest.mark.parametrize("lapsed", [False, True], ids=["in time", "too late"])
@pytest.mark.parametrize("move", ["extend", "release", "finalize"])
@pytest.mark.parametrize("contenders", [3, 16])
def test_the_holder_among_many_who_want_its_claim(
    well: str, finalizable: str, contenders: int, move: str, lapsed: bool
) -> None:
    ((_, _, mine),) = rows(well, CLAIM_END, finalizable, "holder")
    if lapsed:
        later(well, "31 s")
    query, arguments = {
        "extend": (EXTEND_END, [mine]),
        "release": (RELEASE_END, [mine]),
        "finalize": (FINALIZE, [finalizable, mine]),
    }[move]
    names = [f"p{number}" for number in range(contenders)]
    with opened(well, "gate", "holder", *names) as (gate, holder, *crowd):
        gate.run("select from tasker.finalization_claims for update")
        waiting = holder.blocks(query, *arguments)
        refused = ("already_claimed", None if lapsed else "holder", None)
        for one in crowd:
            assert one.run(CLAIM_END, finalizable, one.name) == [refused]
            one.commit()
        gate.commit()
        ((own,),) = waiting.result()
        holder.commit()
    after = {"extend": "already_claimed", "release": "claimed", "finalize": "already_complete"}
    assert own == {"extend": "extended", "release": True, "finalize": "finalized"}[move]
    assert rows(well, CLAIM_END, finalizable, "another one")[0][0] == after[move]
    # Whatever happened, the task ends once.
    later(well, "3 h")
    sweep(well, "tasks_finalized")
    assert changes(well, finalizable, "task in_progress -> complete") == 1


def test_a_claim_that_is_released_while_another_one_replaces_it(
    sessions: Opener, well: str, finalizable: str
) -> None:
    ((_, _, attempt),) = rows(well, CLAIM_END, finalizable, "late")
    later(well, "31 s")
    gate, a, b = sessions("gate", "a", "b")
    gate.run("select from tasker.finalization_attempts for update")
    claiming = a.blocks(CLAIM_END, finalizable, "a")
    releasing = b.blocks(RELEASE_END, attempt)
    gate.commit()
    assert claiming.result()[0][0] == "claimed"
    a.commit()
    assert releasing.result() == [(False,)]
    b.commit()


# Keys --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["commit", "rollback"])
@pytest.mark.parametrize("mixed", [False, True], ids=["one content", "two contents"])
def test_sixteen_calls_with_one_key_make_one_task(well: str, mixed: bool, end: str) -> None:
    define(well, "single", {"only": []})
    contents = [json.dumps({"n": number % 2 if mixed else 0}) for number in range(16)]
    answers: dict[str, list[Any]] = {content: [] for content in contents}
    with opened(well, "first", *(f"c{number}" for number in range(15))) as (first, *crowd):
        ((task, created),) = first.run(KEYED, contents[0])
        assert created is True
        asked = dict(zip(crowd, contents[1:], strict=True))
        calls = queue_up((one, KEYED, [content]) for one, content in asked.items())
        getattr(first, end)()
        for one, found, code in as_they_end(calls):
            answers[asked[one]] += [code] if code else found
    ((made, content),) = rows(well, "select task_uuid::text, context::text from tasker.tasks")
    same = answers.pop(content)
    assert (made == task) is (end == "commit")
    assert {uuid for uuid, _ in same} == {made}
    assert sum(created for _, created in same) == (0 if end == "commit" else 1)
    assert {other for others in answers.values() for other in others} <= {"TK008"}
    assert queued(well) == 1


# Sixteen claims ----------------------------------------------------------------------------------


def test_sixteen_claims_at_once_share_the_steps_and_nobody_waits(well: str) -> None:
    define(well, "single", {"only": []})
    create(well, "single", 24)
    with opened(well, *(f"w{number}" for number in range(16))) as crowd:
        found = [one.run(CLAIM, one.name, 2) for one in crowd]  # nobody has committed yet
        for one in crowd:
            one.commit()
    assert [len(claims) for claims in found] == [2] * 12 + [0] * 4
    assert len({step for claims in found for step, _, _ in claims}) == 24


# Locks in two orders -----------------------------------------------------------------------------


def moved_behind(dsn: str, step: str) -> None:
    """Let a step's row stand behind all the others in its table, as one with a big result may."""
    query = """
    update tasker.steps
       set result = (select to_jsonb(string_agg(md5(random()::text), ''))
                       from generate_series(1, 55))
     where step_id = tasker._step_id(%s)
    """
    with psycopg.connect(dsn) as connection:
        for _ in range(8):
            connection.execute(query.encode(), [step])
    last = "select step_id = tasker._step_id(%s) from tasker.steps order by ctid desc limit 1"
    assert rows(dsn, last, step) == [(True,)]


def test_a_claim_is_given_back_in_order(sessions: Opener, well: str) -> None:
    gate, a, b = sessions("gate", "a", "b")
    define(well, "pair", {"left": [], "right": []})
    (task,) = create(well, "pair")
    steps = claim(well, 2)
    moved_behind(well, steps["left"][0])
    gate.run(LOCK_STEP, steps["left"][0])
    cancelling = a.blocks(CANCEL, task)
    releasing = b.blocks(RELEASE, steps["left"][1])
    gate.commit()
    assert cancelling.result() == [(2,)]
    a.commit()
    assert releasing.result() == []
    b.commit()


def test_children_are_counted_in_order_by_workers_and_operators(
    sessions: Opener, well: str
) -> None:
    gate, a, b = sessions("gate", "a", "b")
    crossed = {"p": [], "q": [], "c": ["p", "q"], "d": ["p", "q"]}
    define(well, "crossed", crossed)
    (task,) = create(well, "crossed")
    p, q = claim(well)["p"], claim(well)["q"]
    child = "select step_uuid::text from tasker.get_task_steps(%s) where name = 'c'"
    ((c,),) = rows(well, child, task)
    moved_behind(well, c)
    gate.run(LOCK_STEP, c)
    completing = a.blocks(COMPLETE, *p)
    resolving = b.blocks(RESOLVE, q[0])
    gate.commit()
    assert completing.result() == [("complete", "in_progress")]
    a.commit()
    assert resolving.result() == [("resolved_manually",)]
    b.commit()
    assert step_states(well, task)["c"] == step_states(well, task)["d"] == "enqueued"
    assert queued(well) == 2


def test_batches_over_the_same_tasks_take_them_in_order(sessions: Opener, well: str) -> None:
    gate, a, b = sessions("gate", "a", "b")
    define(well, "pair", {"left": [], "right": []})
    x, y = create(well, "pair", 2)
    ((_, token, _),) = rows(well, CLAIM, "w", 1)  # x's left, which goes to the end of the queue
    claims = [rows(well, CLAIM, "w", 2)]
    rows(well, RELEASE, token)
    claims.append(rows(well, CLAIM, "w", 2))
    batches = [[step for step, _, _ in found] for found in claims]
    assert [[step[:31] for step in steps] for steps in batches] == [[x[:31], y[:31]]] * 2
    gate.run(LOCK_TASK, x)
    forward = a.blocks(FINISH, claims[0][0][1], outcomes(*batches[0]))
    backward = b.blocks(FINISH, claims[1][0][1], outcomes(*batches[1][::-1]))
    gate.commit()
    forward.result()
    a.commit()
    backward.result()
    b.commit()
    assert [task_state(well, task) for task in (x, y)] == ["complete", "complete"]


def test_results_are_carried_out_in_any_order(sessions: Opener, well: str) -> None:
    a, b = sessions("a", "b")
    define(well, "diamond", DIAMOND)
    x, y = create(well, "diamond", 2)
    starts = rows(well, CLAIM, "w", 2)
    rows(well, FINISH, starts[0][1], outcomes(*(step for step, _, _ in starts)))
    found = [rows(well, CLAIM, "w", 1)[0] for _ in range(4)]
    steps = {(name, step[:31]): (step, token) for step, token, name in found}
    for name, task in (("left", y), ("left", x), ("right", y), ("right", x)):
        step, token = steps[name, task[:31]]
        rows(well, SUBMIT, token, outcomes(step))
    assert b.run(PROCESS, 1) == [(1,)]  # holds y's join
    assert a.run(PROCESS, 2) == [(1,), (1,)]  # holds x's, and leaves y's to be counted later
    assert b.run(PROCESS, 1) == [(1,)]  # leaves x's
    a.commit()
    b.commit()
    assert step_states(well, x)["end"] == step_states(well, y)["end"] == "pending"
    assert sweep(well, "joins_counted") == 2
    assert step_states(well, x)["end"] == step_states(well, y)["end"] == "enqueued"
    assert queued(well) == 2


def test_tasks_are_asked_for_in_any_order(sessions: Opener, well: str) -> None:
    a, b = sessions("a", "b")
    define(well, "single", {"only": []})
    for key in ("two", "one"):
        options = {"idempotency_key": key}
        message = {"namespace": "test", "name": "single", "options": options}
        rows(well, REQUEST, json.dumps(message))
    query = KEYED.replace('"k"', '"one"')
    ((one, _),) = b.run(query, "{}")
    process = "select task_uuid::text, created from tasker.process_task_requests()"
    ((two, created),) = a.run(process)  # the other one goes to the end of the queue
    assert created is True
    waiting = b.blocks(KEYED.replace('"k"', '"two"'), "{}")
    a.commit()
    assert waiting.result() == [(two, False)]
    b.commit()
    assert rows(well, process) == [(one, False)]


# Joins and namespaces ----------------------------------------------------------------------------


def test_a_deferred_part_that_is_rolled_back_is_not_counted(sessions: Opener, well: str) -> None:
    a, b, c = sessions("a", "b", "c")
    wide: dict[str, list[str]] = {f"part_{number}": [] for number in range(17)}
    define(well, "wide", {**wide, "join": list(wide)})
    (task,) = create(well, "wide")
    first, second, third, *others = (claim(well).popitem()[1] for _ in wide)
    a.run(COMPLETE, *first)  # holds the join
    b.run(COMPLETE, *second)
    c.run(COMPLETE, *third)
    c.commit()
    a.commit()
    assert rows(well, "select count(*) from tasker.deferred_decrements") == [(1,)]
    b.rollback()
    for step in [*others, second]:
        assert step_states(well, task)["join"] == "pending"
        rows(well, COMPLETE, *step)
    assert rows(well, "select count(*) from tasker.deferred_decrements") == [(0,)]
    done(well, "join")
    assert task_state(well, task) == "complete"
    assert changes(well, task, "step pending -> enqueued") == 18


def test_a_namespace_is_not_dropped_while_a_template_is_being_registered(
    sessions: Opener, well: str
) -> None:
    a, b, c = sessions("a", "b", "c")
    rows(well, "select from tasker.create_namespace('first')")
    c.run("select from tasker.create_namespace('second')")
    steps = json.loads(definition("single", {"only": []}, namespace="first"))
    steps["steps"][0]["namespace"] = "second"
    registering = a.blocks("select created from tasker.register_template(%s)", json.dumps(steps))
    dropping = b.blocks("select from tasker.drop_namespace('first')")
    c.commit()
    assert registering.result() == [(True,)]
    a.commit()
    with pytest.raises(psycopg.Error) as refused:
        dropping.result()
    assert refused.value.sqlstate == "TK003"
