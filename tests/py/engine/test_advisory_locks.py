"""A stranger's advisory locks stop nobody: the engine takes none of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from servers import rows
from sessions import Session
from workflows import create, define

pytestmark = pytest.mark.newest_first

SQL = Path(__file__).parents[3] / "sql"

CALLS = {
    "claim_steps": "select step_uuid from tasker.claim_steps('test', 'w')",
    "complete_step": "select step_state from tasker.complete_step(%(step)s, %(token)s)",
    "fail_step": "select step_state from tasker.fail_step(%(step)s, %(token)s, '1')",
    "finish_and_claim": "select step_uuid from tasker.finish_and_claim('test', 'w', %(token)s,"
    " jsonb_build_array(jsonb_build_object('step_uuid', %(step)s::uuid)))",
    "heartbeat": "select lease_until from tasker.heartbeat(%(token)s)",
    "release_claim": "select step_uuid from tasker.release_claim(%(token)s)",
    "report_late_writes": "select from tasker.report_late_writes(%(token)s,"
    " array[%(step)s::uuid], 'w')",
    "submit_step_results": "select steps from tasker.submit_step_results(%(token)s,"
    " jsonb_build_array(jsonb_build_object('step_uuid', %(step)s::uuid)))",
    "process_step_results": "select completed from tasker.process_step_results()",
    "await_work": "select channel from tasker.await_work(array['test'], 'w')",
    "create_task": "select created from tasker.create_task('test', 'pair')",
    "sweep": "select action from tasker.sweep()",
    "create_namespace": "select created from tasker.create_namespace('other')",
    "drop_namespace": "select name from tasker.drop_namespace('spare')",
}


@pytest.fixture
def stranger(database: str) -> Iterator[None]:
    """Another role that may do nothing, and holds every lock that it could guess."""
    define(database, "pair", {"one": [], "two": ["one"]})
    rows(database, "select from tasker.create_namespace('spare')")
    create(database, "pair", 2)
    rows(database, "drop role if exists stranger")
    rows(database, "create role stranger")
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("set role stranger")
        connection.execute(
            "select pg_advisory_lock(oid::integer, number) from pg_class"
            " cross join generate_series(1, 100) as number where relname = 'namespaces'"
        )
        yield
    rows(database, "drop role stranger")


@pytest.mark.usefixtures("stranger")
@pytest.mark.parametrize("call", CALLS)
def test_holds_nobody_up(sessions: Callable[..., list[Session]], call: str) -> None:
    query = "select step_uuid, token from tasker.claim_steps('test', 'w')"
    (session,) = sessions("session")
    session.run("set statement_timeout = '10 s'")
    session.run("set lock_timeout = '1 s'")
    session.commit()
    ((step, token),) = session.run(query)
    session.commit()
    session.run(CALLS[call], step=step, token=token)
    session.commit()


def test_no_function_takes_one() -> None:
    locks = re.compile(r"advisory\w*_lock|pg_(try_)?advisory")
    takers = [file.name for file in SQL.rglob("*.sql") if locks.search(file.read_text())]
    assert takers == []
