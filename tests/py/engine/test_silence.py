"""Nobody waits for ever: not for a client that is silent in a transaction, nor for a server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from chaos.proxy import Proxy
from running import client_of, ended, running, template, wait_for
from servers import rows
from sessions import Session
from workflows import (
    claim,
    create,
    define,
    run_all,
    step_states,
    sweep,
    task_state,
    violations,
)

from tasker_sql.errors import UnavailableError
from tasker_sql.ops.orchestrator import OrchestrationCore
from tasker_sql.worker.handlers import Registry

pytestmark = pytest.mark.newest_first

CLAIM = "select step_uuid::text, token::text from tasker.claim_steps('test', 'w', 1, '1 second')"
COMPLETE = "select from tasker.complete_step(%s, %s)"
PAIR: dict[str, list[str]] = {"left": [], "right": []}
COMPLETED = "select step_state from tasker.complete_step(%s, %s)"


def test_a_step_that_was_completed_and_never_committed_runs_again(
    database: str, sessions: Callable[..., list[Session]]
) -> None:
    define(database, "chain", {"one": [], "two": ["one"]})
    (task,) = create(database, "chain")
    (silent,) = sessions("silent")
    ((step, token),) = silent.run(CLAIM)
    silent.commit()
    silent.run(COMPLETE, step, token)
    assert sweep(database, "claims_taken_back") == 0, "nobody can take it back"
    wait_for(lambda: sweep(database, "claims_taken_back"), "the end of its session")
    with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
        silent.run("commit")
    with pytest.raises(psycopg.DatabaseError, match="stale claim"):
        rows(database, COMPLETE, step, token)
    assert run_all(database) == 2
    assert step_states(database, task) == {"one": "complete", "two": "complete"}
    assert violations(database) == []


def test_a_step_that_was_claimed_and_never_committed_is_claimed_by_others(
    database: str, sessions: Callable[..., list[Session]]
) -> None:
    define(database, "one", {"step": []})
    create(database, "one")
    (silent,) = sessions("silent")
    assert len(silent.run(CLAIM)) == 1
    assert claim(database) == {}
    assert wait_for(lambda: claim(database), "the end of its session").keys() == {"step"}
    with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
        silent.run("commit")


def test_the_bound_of_a_transaction_ends_with_it(
    database: str, sessions: Callable[..., list[Session]]
) -> None:
    define(database, "one", {"step": []})
    create(database, "one")
    (worker,) = sessions("worker")
    assert len(worker.run(CLAIM)) == 1
    worker.commit()
    assert worker.run("show idle_in_transaction_session_timeout") == [("0",)]


def test_a_call_that_is_not_answered_fails(database: str) -> None:
    with Proxy(database) as proxy, client_of(proxy.dsn) as client:
        client.list_namespaces()
        proxy.lose_servers()
        with client.read_timeout(0.2), pytest.raises(UnavailableError, match="was silent"):
            client.list_namespaces()


def test_a_runner_whose_server_has_vanished_connects_again(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OrchestrationCore, "read_timeout", 0.5)
    registry = Registry()
    registry.handler("step")(lambda step: step.attempt)
    with client_of(database) as client, Proxy(database) as proxy:
        client.register_template(template({"step": []}))
        with running(proxy.dsn, registry, ["test"]):
            assert ended(client, client.create_task("test", "flow").task_uuid) == "complete"
            assert proxy.lose_servers() >= 4, "one for each loop, and the worker's"
            assert ended(client, client.create_task("test", "flow").task_uuid) == "complete"


@pytest.mark.parametrize("handler", [{"callable": "step"}, {"sql": "public.slow"}])
def test_a_handler_may_make_the_server_work_for_long(
    database: str, monkeypatch: pytest.MonkeyPatch, handler: Any
) -> None:
    monkeypatch.setattr(OrchestrationCore, "read_timeout", 0.5)
    registry = Registry()

    @registry.handler("step", transactional=True)
    def step(_: object, connection: psycopg.Connection[object]) -> None:
        connection.execute("select pg_sleep(1)")

    with client_of(database) as client:
        define_slow(database)
        client.register_template(template({"step": []}, handler=handler))
        with running(database, registry, ["test"]):
            task = client.create_task("test", "flow").task_uuid
            assert ended(client, task) == "complete"
        assert [step.attempt for step in client.get_task_steps(task)] == [1]


def define_slow(dsn: str) -> None:
    """An SQL handler that takes a second."""
    rows(
        dsn,
        "create function public.slow (jsonb, jsonb) returns jsonb language sql volatile"
        " as $$ select pg_sleep(1); select null::jsonb $$",
    )


@pytest.mark.parametrize("steps", [{"left": [], "right": [], "end": ["left", "right"]}, PAIR])
def test_a_step_beside_a_silent_one_is_completed_all_the_same(
    database: str, sessions: Callable[..., list[Session]], steps: dict[str, list[str]]
) -> None:
    define(database, "pair", steps)
    (task,) = create(database, "pair")
    (silent,) = sessions("silent")
    left, right = claim(database)["left"], claim(database)["right"]
    silent.run(COMPLETE, *right)
    assert rows(database, COMPLETED, *left) == [("complete",)]
    assert violations(database) == []
    silent.commit()
    run_all(database)
    assert set(step_states(database, task).values()) == {"complete"}
    assert task_state(database, task) == "complete"
    assert violations(database) == []
