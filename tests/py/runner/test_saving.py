"""Handlers save how far they got, and the next attempt goes on from there."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from running import SECONDS, client_of, ended, running, template, wait_for
from servers import rows

from tasker_sql.client import Client
from tasker_sql.errors import AlreadyCompletedError, RetryableError, StaleClaimError
from tasker_sql.testing import make_step
from tasker_sql.worker.handlers import Registry, Step

pytestmark = pytest.mark.newest

SAVED = "select checkpoint, number from tasker.checkpoints"
EFFECTS = "select array_agg(n order by n) from effects"


@pytest.fixture
def client(database: str) -> Iterator[Client]:
    rows(database, "create table effects (n integer)")
    with client_of(database) as client:
        yield client


def run(database: str, client: Client, handler: Callable[[Step], Any]) -> uuid.UUID:
    """A task whose only step is done by the handler, in a runner, until it has ended."""
    registry = Registry()
    registry.handler("load")(handler)
    client.register_template(template({"load": []}))
    task = client.create_task("test", "flow").task_uuid
    with running(database, registry, ["test"]):
        assert ended(client, task) == "complete"
    assert client.check_invariants() == []
    return task


def test_the_next_attempt_has_what_this_one_saved(database: str, client: Client) -> None:
    """K2: also what was saved twice, and nothing of a transaction that was rolled back."""
    seen = []

    def load(step: Step) -> Any:
        seen.append(step.state)
        if step.attempt == 1:
            step.checkpoint({"at": 1})
            step.checkpoint({"at": 2})
            assert step.state == {"at": 2}
            with step.connect() as db, db.transaction():
                step.checkpoint({"at": 3}, connection=db)
                assert step.state == {"at": 3}
                step.checkpoint({"at": 4}, connection=db)
                raise RetryableError("busy", retry_after=0)
        return step.state

    task = run(database, client, load)
    assert seen == [None, {"at": 2}]
    assert client.result(task) == {"at": 2}
    assert rows(database, SAVED) == []


def test_it_commits_with_the_writes_of_its_transaction(database: str, client: Client) -> None:
    """K1: over the worker's connections and over others; what was rolled back is done again."""
    tries: list[int] = []

    def load(step: Step) -> Any:
        with psycopg.connect(database) as own:
            for n in range(4):
                while True:
                    try:
                        with own.transaction():
                            own.execute("insert into effects values (%s)", [n])
                            step.checkpoint(n, connection=own)
                            tries.append(n)
                            assert tries.count(n) == 2, "the first try fails"
                        break
                    except AssertionError:
                        assert step.state == (n - 1 if n else None)
        with psycopg.connect(database) as other, other.transaction():
            other.execute("insert into effects values (4)")
            step.checkpoint(4, connection=other)
        return step.state

    assert client.result(run(database, client, load)) == 4
    assert rows(database, EFFECTS) == [([0, 1, 2, 3, 4],)]


def test_who_missed_the_answer_of_a_commit_writes_once(database: str, client: Client) -> None:
    """K5"""
    raised: list[BaseException] = []

    def write(step: Step, *, cut: bool) -> None:
        with psycopg.connect(database) as db:
            db.execute("insert into effects values (1)")
            step.checkpoint(1, connection=db)
            db.execute("commit")
            if cut:
                rows(database, "select pg_terminate_backend(%s)", db.info.backend_pid)
                db.execute("select 1")  # finds the connection gone: was it committed?

    def load(step: Step) -> Any:
        if step.attempt == 2:
            return step.state
        for cut in (True, False):
            try:
                write(step, cut=cut)
            except (psycopg.OperationalError, AlreadyCompletedError) as error:
                raised.append(error)
        raise raised[1]

    assert client.result(run(database, client, load)) == 1
    assert isinstance(raised[0], psycopg.OperationalError)
    assert isinstance(raised[1], AlreadyCompletedError)
    assert rows(database, EFFECTS) == [([1],)]


def test_a_zombie_writes_nothing_and_is_counted(database: str, client: Client) -> None:
    """K1: its step was taken over."""
    errors: list[Exception] = []
    taken, over = threading.Event(), threading.Event()

    def load(step: Step) -> Any:
        if taken.is_set():
            return "second"
        taken.set()
        assert over.wait(SECONDS)
        for connects in (True, False):
            try:
                with step.connect() as db, db.transaction():
                    db.execute("insert into effects values (1)")
                    step.checkpoint(1, connection=db if connects else None)
            except StaleClaimError as error:
                errors.append(error)
        assert step.cancelled.is_set()
        raise errors[0]

    def take_over() -> None:
        assert taken.wait(SECONDS)
        (step,) = wait_for(lambda: client.list_tasks({"state": "in_progress"}), "the start")
        (step,) = client.get_task_steps(step.task_uuid)
        client.requeue_step(step.step_uuid, "taken over")
        over.set()

    thread = threading.Thread(target=take_over)
    thread.start()
    task = run(database, client, load)
    thread.join()
    assert client.result(task) == "second"
    assert len(errors) == 2
    assert rows(database, EFFECTS) == [(None,)]
    assert rows(database, "select cause from tasker.late_writes") == [("taken over",)]


def test_a_step_by_hand_remembers() -> None:
    step = make_step(state={"at": 1})
    assert step.state == {"at": 1}
    step.checkpoint({"at": (2, 3)})
    assert step.state == {"at": [2, 3]}
    with pytest.raises(ValueError, match="is nan"):
        step.checkpoint(float("nan"))
    with pytest.raises(RuntimeError, match="it has no connection"):
        step.connect()
