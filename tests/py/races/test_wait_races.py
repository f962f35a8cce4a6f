"""Where signals, time-outs, cancels and what opens a wait meet (W4): one wins, the others hear."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg import IsolationLevel, errors
from servers import rows
from sessions import Session
from workflows import CANCEL, CLAIM, COMPLETE, create, step_states, violations

from tasker_sql.schema import truth

pytestmark = pytest.mark.newest_first

Opener = Callable[..., list[Session]]

LEVELS = (IsolationLevel.READ_COMMITTED, IsolationLevel.REPEATABLE_READ)
SEND = "select state from tasker.send_signal(%s, 'ok', %s)"
SWEEP = "select affected from tasker.sweep() where action = 'alarms_fired'"
DUE = """
with alarm as (update tasker.alarms set due_at = '2000-01-01')
update tasker.waits set until = '2000-01-01'
"""
DEFERRED = "select sum(amount) from tasker.deferred_decrements"
RING = "select tasker._ring('wait', array(select step_id from tasker.alarms), tasker._now())"
FIRST = "select affected from tasker.sweep(1) where action = 'alarms_fired'"
STATES = "select state from tasker.list_signals(%s) order by 1"


def waiting(dsn: str, tasks: int = 1, **of: Any) -> list[str]:
    """Tasks of a template in which w waits for the signal ok behind a, and z stands behind w."""
    steps = [
        {"name": "a", "handler": {"callable": "a"}},
        {"name": "w", "dependencies": ["a"], "wait": {"signal": "ok", "timeout": "P1D", **of}},
        {"name": "z", "handler": {"callable": "z"}, "dependencies": ["w"]},
    ]
    head = {"name": "waits", "namespace_name": "test", "version": "1.0.0", "steps": steps}
    rows(dsn, "select from tasker.register_template(%s)", json.dumps(head))
    return create(dsn, "waits", tasks)


def claimed(dsn: str, count: int = 1) -> list[tuple[str, str]]:
    """The steps and tokens of the first steps of that many tasks, in order."""
    return [(step, token) for step, token, _ in rows(dsn, CLAIM, "w", count)]


def asking(dsn: str, tasks: int) -> list[str]:
    """Such tasks in which a is complete: each w has begun to wait."""
    made = waiting(dsn, tasks)
    for held in claimed(dsn, tasks):
        rows(dsn, COMPLETE, *held)
    return made


@pytest.mark.parametrize("level", LEVELS)
def test_a_signal_sent_while_the_wait_opens_is_delivered(
    database: str, sessions: Opener, level: IsolationLevel
) -> None:
    (task,) = waiting(database)
    (held,) = claimed(database)
    opener, sender = sessions("opener", "sender")
    sender.at(level)
    sender.run("select 1")  # a snapshot that does not see the wait
    opener.run(COMPLETE, *held)
    sending = sender.blocks(SEND, task, "7")
    opener.commit()
    if level == IsolationLevel.REPEATABLE_READ:
        with pytest.raises(errors.SerializationFailure):
            sending.result()
        sender.rollback()
        assert sender.run(SEND, task, "7") == [("delivered",)]
    else:
        assert sending.result() == [("delivered",)]
    sender.commit()
    assert step_states(database, task)["z"] == "enqueued"
    assert violations(database) == []


@pytest.mark.parametrize("level", LEVELS)
def test_a_wait_that_opens_while_a_signal_is_sent_takes_it(
    database: str, sessions: Opener, level: IsolationLevel
) -> None:
    (task,) = waiting(database)
    (held,) = claimed(database)
    opener, sender = sessions("opener", "sender")
    opener.at(level)
    opener.run("select 1")  # a snapshot that does not see the signal
    assert sender.run(SEND, task, "7") == [("stored",)]
    opening = opener.blocks(COMPLETE, *held)
    sender.commit()
    if level == IsolationLevel.REPEATABLE_READ:
        with pytest.raises(errors.SerializationFailure):
            opening.result()
        opener.rollback()
        opener.run(COMPLETE, *held)
    else:
        opening.result()
    opener.commit()
    assert rows(database, STATES, task) == [("taken",)]
    assert step_states(database, task)["z"] == "enqueued"
    assert violations(database) == []


def test_a_signal_behind_a_cancel_is_refused_and_one_before_it_wins(
    database: str, sessions: Opener
) -> None:
    first, second = asking(database, 2)
    a, b = sessions("a", "b")
    a.run(CANCEL, first)
    sending = b.blocks(SEND, first, "7")
    a.commit()
    with pytest.raises(psycopg.Error) as caught:
        sending.result()
    assert caught.value.sqlstate == "TK003"
    b.rollback()
    b.run(SEND, second, "7")
    cancelling = a.blocks(CANCEL, second)
    b.commit()
    cancelling.result()
    a.commit()
    assert rows(database, STATES, first) == []
    assert step_states(database, second) == {"a": "complete", "w": "complete", "z": "cancelled"}
    assert violations(database) == []


def test_a_time_out_passes_over_a_step_that_somebody_answers(
    database: str, sessions: Opener
) -> None:
    (task,) = waiting(database)
    (held,) = claimed(database)
    rows(database, COMPLETE, *held)
    a, b = sessions("a", "b")
    rows(database, DUE)
    a.run(SEND, task, "7")
    assert b.run(SWEEP) == [(0,)]
    b.commit()
    a.commit()
    assert rows(database, "select from tasker.alarms") == []
    assert step_states(database, task)["w"] == "complete"


def wide(dsn: str) -> tuple[str, list[tuple[str, str]]]:
    """A task in which w waits for the signal ok behind 20 steps, and what those were claimed as."""
    steps: list[dict[str, Any]] = [
        {"name": f"p{number}", "handler": {"callable": "p"}} for number in range(20)
    ]
    parents = [step["name"] for step in steps]
    steps += [
        {"name": "w", "dependencies": parents, "wait": {"signal": "ok"}},
        {"name": "z", "handler": {"callable": "z"}, "dependencies": ["w"]},
    ]
    head = {"name": "wide", "namespace_name": "test", "version": "1.0.0", "steps": steps}
    rows(dsn, "select from tasker.register_template(%s)", json.dumps(head))
    (task,) = create(dsn, "wide")
    return task, [claimed(dsn)[0] for _ in parents]


def is_answered(dsn: str, task: str) -> bool:
    """Whether w has ended with one signal, once."""
    states = step_states(dsn, task)
    return (
        (states["w"], states["z"]) == ("complete", "enqueued")
        and rows(dsn, STATES, task) == [("taken",)]
        and rows(dsn, DEFERRED) == [(None,)]
        and violations(dsn) == []
    )


@pytest.mark.parametrize("level", LEVELS)
def test_a_signal_that_meets_the_first_parent_of_a_wide_join_is_stored_until_all_are_counted(
    database: str, sessions: Opener, level: IsolationLevel
) -> None:
    task, held = wide(database)
    parent, others, sender = sessions("parent", "others", "sender")
    sender.at(level)
    sender.run("select 1")  # a snapshot that sees no end of a parent
    parent.run(COMPLETE, *held[0])
    for one in held[1:]:
        others.run(COMPLETE, *one)  # the first is at the join
    others.commit()
    assert rows(database, DEFERRED) == [(19,)]
    sending = sender.blocks(SEND, task, "7")
    parent.commit()
    if level == IsolationLevel.REPEATABLE_READ:
        with pytest.raises(errors.SerializationFailure):
            sending.result()
        sender.rollback()
        assert sender.run(SEND, task, "7") == [("stored",)]
    else:
        assert sending.result() == [("stored",)]
    sender.commit()
    assert step_states(database, task)["w"] == "pending"
    rows(database, SWEEP)
    assert is_answered(database, task)


def test_parents_of_a_wide_join_do_not_wait_for_who_sends_it_a_signal(
    database: str, sessions: Opener
) -> None:
    task, held = wide(database)
    parents, sender = sessions("parents", "sender")
    assert sender.run(SEND, task, "7") == [("stored",)]
    for one in held:
        parents.run(COMPLETE, *one)
    parents.commit()
    assert rows(database, DEFERRED) == [(20,)]
    parents.run(SWEEP)  # nor does a sweep
    parents.commit()
    assert rows(database, DEFERRED) == [(20,)]
    sender.commit()
    rows(database, SWEEP)
    assert is_answered(database, task)


@pytest.mark.parametrize("level", LEVELS)
def test_a_signal_sent_while_deferred_parents_are_counted_is_delivered(
    database: str, sessions: Opener, level: IsolationLevel
) -> None:
    task, held = wide(database)
    parent, others, sender = sessions("parent", "others", "sender")
    parent.run(COMPLETE, *held[0])
    for one in held[1:]:
        others.run(COMPLETE, *one)
    others.commit()
    parent.commit()
    sender.at(level)
    sender.run("select 1")  # a snapshot that does not see the wait
    others.run(SWEEP)  # opens it
    sending = sender.blocks(SEND, task, "7")
    others.commit()
    if level == IsolationLevel.REPEATABLE_READ:
        with pytest.raises(errors.SerializationFailure):
            sending.result()
        sender.rollback()
        assert sender.run(SEND, task, "7") == [("delivered",)]
    else:
        assert sending.result() == [("delivered",)]
    sender.commit()
    assert is_answered(database, task)


@pytest.mark.newest
def test_what_waits_goes_on_after_all_functions_were_made_again(database: str) -> None:
    """N5"""
    asked, late, asleep = waiting(database, 3)
    for held in claimed(database, 2):
        rows(database, COMPLETE, *held)
    (held,) = claimed(database)
    rows(database, "select from tasker.sleep_step(%s, %s, '1 hour')", *held)
    with psycopg.connect(database) as connection:
        connection.execute("set search_path = pg_catalog, pg_temp")
        again = {name: f"{text}-- again\n" for name, text in truth.read().items()}
        truth.install(connection, again)
    assert violations(database) == []
    assert rows(database, SEND, asked, "7") == [("delivered",)]
    rows(database, DUE)
    rows(database, "update tasker.timers set due_at = '2000-01-01'")
    rows(database, SWEEP)
    assert step_states(database, asked) == {"a": "complete", "w": "complete", "z": "enqueued"}
    assert step_states(database, late) == {"a": "complete", "w": "error", "z": "pending"}
    assert step_states(database, asleep) == {"a": "enqueued", "w": "pending", "z": "pending"}
    assert violations(database) == []


@pytest.mark.slow
def test_of_opener_senders_time_out_and_cancel_exactly_one_wins(database: str) -> None:
    tasks = waiting(database, 120)
    held = dict(zip(tasks, claimed(database, 120), strict=True))
    gate = threading.Barrier(4)
    heard: Counter[str] = Counter()

    def each(query: str, of: Callable[[str], tuple[Any, ...]], what: str) -> None:
        with psycopg.connect(database, autocommit=True) as connection:
            for number, task in enumerate(tasks):
                gate.wait()
                if what == "cancel" and number % 3:
                    continue
                try:
                    found = connection.execute(query.encode(), of(task)).fetchall()
                    heard[f"{what} {found[0][0]}"] += 1
                except psycopg.Error as error:
                    heard[f"{what} {error.sqlstate}"] += 1

    threads = [
        threading.Thread(target=each, args=(query, of, what))
        for query, of, what in (
            (COMPLETE, lambda task: held[task], "open"),
            (SEND, lambda task: (task, "1"), "send"),
            (SEND, lambda task: (task, "2"), "send"),
            (CANCEL, lambda task: (task,), "cancel"),
        )
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for task in tasks:
        taken = rows(database, STATES, task).count(("taken",))
        state = step_states(database, task)["w"]
        assert (state == "complete") == (taken == 1), (task, state, taken)
    assert heard["send delivered"] > 0, heard  # it raced: winners of each kind
    assert heard["send stored"] > 0, heard
    assert heard["send TK003"] > 0, heard
    assert violations(database) == []


def test_alarms_ring_together_beside_one_whose_step_is_held(
    database: str, sessions: Opener
) -> None:
    cancelled, other = asking(database, 2)
    rows(database, DUE)
    operator, sweeper = sessions("operator", "sweeper")
    operator.run(CANCEL, cancelled)
    sweeper.run("set local lock_timeout = '2s'")
    assert sweeper.run(RING) == [(1,)]
    sweeper.rollback()
    assert rows(database, FIRST) == [(1,)], "those behind it have their turn"
    assert step_states(database, other)["w"] != "waiting"
    operator.commit()
    assert violations(database) == []
