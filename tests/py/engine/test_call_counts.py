"""What one call of a worker costs, in exact counts: statements that the executor starts, nested
ones included, transaction ids, bytes of WAL and pages touched."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import NamedTuple

import psycopg
import pytest
from servers import Server
from workflows import define

LINE = {f"s{i}": [f"s{i - 1}"] if i else [] for i in range(10)}
WARM, CALLS = 30, 200

CLAIM = "select step_uuid::text, token::text from tasker.claim_steps(%s, 'w')"
COMPLETE = "select step_state from tasker.complete_step(%s, %s)"
FINISH = "select step_uuid::text, token::text from tasker.finish_and_claim(%s, 'w', %s, %s, %s)"
CREATE = "select created from tasker.create_task(%s, 'line')"
MANY = "select from tasker.create_tasks(%s, 'line', array_fill('{}'::jsonb, array[%s]))"

STATEMENTS = "select sum(calls)::float8 from pg_stat_statements where query not like '%pg_s%'"
COSTS = """
select sum(wal_bytes)::float8, sum(shared_blks_hit + shared_blks_read)::float8
  from pg_stat_statements where toplevel and query like '%tasker.%'
"""
XMAX = "select pg_snapshot_xmax(pg_current_snapshot())::text::bigint"

_servers: dict[int, Server] = {}


class Cost(NamedTuple):
    """Of one call, on average."""

    statements: float
    ids: float
    wal: float
    buffers: float


class Worker:
    """One warm session."""

    def __init__(self, dsn: str) -> None:
        define(dsn, "line", LINE)
        self.connection = psycopg.connect(dsn, autocommit=True)
        self.connection.execute("create extension if not exists pg_stat_statements")
        self.connection.execute("set pg_stat_statements.track = 'all'")
        self.connection.execute(MANY, ["test", (WARM + CALLS) // 10])
        self.token: str | None = None
        self.outcomes = "[]"

    def number(self, query: str) -> float:
        ((number, *_),) = self.connection.execute(query.encode()).fetchall()
        return float(number)

    def measure(self, call: Callable[[], None], calls: int = CALLS) -> Cost:
        for _ in range(WARM):
            call()
        self.connection.execute("select pg_stat_statements_reset()")
        before = self.number(XMAX)
        for _ in range(calls):
            call()
        ids = self.number(XMAX) - before
        statements = self.number(STATEMENTS)
        ((wal, buffers),) = self.connection.execute(COSTS.encode()).fetchall()
        cost = Cost(statements / calls, ids / calls, wal / calls, buffers / calls)
        print(cost)
        return cost

    def claim(self) -> tuple[str, str]:
        ((step, token),) = self.connection.execute(CLAIM, ["test"]).fetchall()
        return step, token

    def claim_and_complete(self) -> None:
        self.connection.execute(COMPLETE, self.claim())

    def finish(self, limit: int = 1) -> None:
        given = ["test", self.token, self.outcomes, limit]
        found = self.connection.execute(FINISH, given).fetchall()
        assert found, "there is work"
        self.token = found[0][1]
        self.outcomes = json.dumps([{"step_uuid": step} for step, _ in found])

    def create(self) -> None:
        assert self.connection.execute(CREATE, ["test"]).fetchall() == [(True,)]

    def find_nothing(self) -> None:
        assert self.connection.execute(CLAIM, ["idle"]).fetchall() == []


@pytest.fixture
def worker(server: Server) -> Iterator[Worker]:
    if server.major not in _servers:
        preload = {"shared_preload_libraries": "pg_stat_statements"}
        _servers[server.major] = Server(server.major, preload)
    measuring = _servers[server.major]
    with measuring.database(measuring.migrated) as dsn:
        worker = Worker(dsn)
        yield worker
        worker.connection.close()


@pytest.fixture(scope="module", autouse=True)
def _stop() -> Iterator[None]:
    yield
    while _servers:
        _servers.popitem()[1].close()


def within(cost: Cost, statements: float, ids: float, wal: float, buffers: float) -> bool:
    return all(is_ <= most for is_, most in zip(cost, (statements, ids, wal, buffers), strict=True))


def test_finish_and_claim(worker: Worker) -> None:
    assert within(worker.measure(worker.finish), 20, 1, 1_200, 60)


def test_claim_and_complete(worker: Worker) -> None:
    assert within(worker.measure(worker.claim_and_complete), 30, 2, 1_500, 75)


def test_create_task(worker: Worker) -> None:
    assert within(worker.measure(worker.create), 15, 1, 2_400, 60)


def test_an_empty_claim(worker: Worker) -> None:
    worker.connection.execute("select from tasker.create_namespace('idle')")
    cost = worker.measure(worker.find_nothing)
    assert within(cost, 12, 0, 50, 23)


def test_calls_of_fifty(worker: Worker) -> None:
    """The creation of the tasks included."""

    def work() -> None:
        worker.finish(50)
        worker.connection.execute(MANY, ["test", 5])

    worker.connection.execute(MANY, ["test", 200])
    cost = worker.measure(work, 100)
    assert within(cost, 35, 2, 750 * 50, 40 * 50)


def test_the_common_path_has_no_dynamic_sql_but_the_call_of_a_queues_functions(
    worker: Worker,
) -> None:
    worker.measure(worker.finish)
    query = "select query from pg_stat_statements where query like '%tasker_queues.%'"
    found = {text for (text,) in worker.connection.execute(query.encode()).fetchall()}
    assert found, "it does meet the queue"
    assert {text.split("(")[0] for text in found if "pg_stat" not in text} <= {
        f"select {what}tasker_queues.{verb}_test_queue{suffix}"
        for what in ("", "* from ")
        for verb in ("push", "pop")
        for suffix in ("", "_high", "_low")
    }
