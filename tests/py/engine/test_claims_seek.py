"""The first claim hands out the step that is ready, whatever lies in front of it in the queue."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import psycopg
import pytest
from psycopg.types.json import Jsonb
from servers import rows
from sessions import Session
from workflows import create, define, violations

pytestmark = pytest.mark.newest_first

CLAIM = "select task_uuid::text from tasker.claim_steps('test', 'w', %s)"
FORGED = """
insert into pgmq.q_test_queue (enqueued_at, vt, message)
select clock_timestamp(), clock_timestamp(), {} from generate_series(1, %s) as n
"""


def messages(dsn: str, message: str, count: int) -> None:
    rows(dsn, FORGED.format(message), count)


def junk(dsn: str, count: int, _: str = "") -> None:
    """Messages that are no pointers."""
    messages(dsn, "jsonb_build_object('step', n)", count)


def forged(dsn: str, count: int, _: str = "") -> None:
    """Pointers to steps that never were."""
    messages(dsn, "jsonb_build_object('step_id', 4611686018427387903 - n)", count)


def cancelled(dsn: str, count: int, other: str) -> None:
    rows(
        dsn,
        "select from unnest(%s::uuid[]) as task, lateral tasker.cancel_task(task, 'not wanted')",
        create(dsn, other, count),
    )


def finished(dsn: str, count: int, other: str) -> None:
    """Pointers to a step that was settled."""
    (task,) = create(dsn, other)
    rows(dsn, "select from tasker.resolve_task(%s, 'done by hand')", task)
    pointer = "jsonb_build_object('step_id', (select max(step_id) from tasker.steps) + n * 0)"
    messages(dsn, pointer, count - 1)  # its own lies there still


def of_a_paused_template(dsn: str, count: int, other: str) -> None:
    create(dsn, other, count)
    rows(dsn, "select from tasker.pause_template('test', %s, 'broken')", other)


def of_paused_tasks(dsn: str, count: int, other: str) -> None:
    rows(
        dsn,
        "select from unnest(%s::uuid[]) as task, lateral tasker.pause_task(task, 'wait')",
        create(dsn, other, count),
    )


def of_another_namespace(dsn: str, count: int, _: str) -> None:
    define(dsn, "away", {"only": []}, namespace="away")
    create(dsn, "away", count, namespace="away")
    rows(
        dsn,
        "with moved as (delete from pgmq.q_away_queue returning enqueued_at, vt, message)"
        " insert into pgmq.q_test_queue (enqueued_at, vt, message) select * from moved",
    )


Kind = Callable[[str, int, str], None]
KINDS: list[Kind] = [
    junk,
    forged,
    cancelled,
    finished,
    of_a_paused_template,
    of_paused_tasks,
    of_another_namespace,
]


def put_behind(dsn: str, kind: Kind, count: int, other: str = "other") -> str:
    """One task that can run behind so many messages that lead nowhere; tasks of `other`, some."""
    for name in ("own", other):
        define(dsn, name, {"only": []})
    kind(dsn, count, other)
    (task,) = create(dsn, "own")
    assert rows(dsn, "select count(*) from pgmq.q_test_queue") == [(count + 1,)]
    return task


@pytest.mark.parametrize("kind", KINDS)
def test_behind(database: str, kind: Kind) -> None:
    """The first claim of a session."""
    for count, limit in product((9, 10, 11, 100, 1000), (1, 50)):
        task = put_behind(database, kind, count, f"other_{count}_{limit}")
        for found in ([(task,)], []):
            with psycopg.connect(database) as worker:
                assert worker.execute(CLAIM, [limit]).fetchall() == found, (count, limit)
        assert rows(database, "select count(*) from pgmq.q_test_queue") == [(0,)]


@pytest.mark.parametrize("limit", [1, 50])
def test_behind_a_hundred_thousand(database: str, limit: int) -> None:
    task = put_behind(database, forged, 50_000)
    junk(database, 50_000)
    (last,) = create(database, "own")
    found = rows(database, CLAIM, limit)
    assert found[0] == (task,)
    assert [*found, *rows(database, CLAIM, limit)] == [(task,), (last,)]


def test_behind_all_kinds_in_all_queues(database: str) -> None:
    task = put_behind(database, of_a_paused_template, 200)
    for queue in ("high", "low"):
        rows(
            database,
            f"insert into pgmq.q_test_queue_{queue} (enqueued_at, vt, message)"
            " select now(), now(), %s from generate_series(1, 200)",
            Jsonb({"step_id": 5}),
        )
    assert rows(database, CLAIM, 1) == [(task,)]


def test_steps_that_others_hold_are_passed_over_and_stay(
    database: str, sessions: Callable[..., list[Session]]
) -> None:
    """What nobody may have is dropped, what somebody holds just now is not."""
    task = put_behind(database, forged, 100)
    (free,) = create(database, "own")
    (a,) = sessions("a")
    a.run(
        "select from tasker.steps as step join tasker.tasks on task_id = step_id >> 20"
        " where task_uuid = %s for update of step",
        task,
    )
    assert rows(database, CLAIM, 1) == [(free,)]
    a.rollback()
    assert rows(database, CLAIM, 1) == [(task,)]
    assert violations(database) == []


def test_where_a_bound_stops_it_the_worker_is_called_again(database: str) -> None:
    task = put_behind(database, forged, 250_000)
    with psycopg.connect(database, autocommit=True) as connection:
        ((channel,),) = rows(database, "select channel from tasker.await_work('{test}', 'w')")
        connection.execute(f"listen {channel}")
        assert connection.execute(CLAIM, [1]).fetchall() == []
        assert [notice.channel for notice in connection.notifies(timeout=0)] == [channel]
        assert connection.execute(CLAIM, [1]).fetchall() == [(task,)]
        assert len(list(connection.notifies(timeout=0))) <= 1  # it may wake one worker for more
