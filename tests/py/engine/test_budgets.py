"""What a step costs, in exact counts: bytes of WAL, pages touched, transactions, plans.

Times differ from machine to machine; these do not. The workload is linear tasks with handlers that
return nothing, their creation included; some of it runs before the measuring begins.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
import pytest
import servers
from psycopg.errors import Diagnostic
from servers import Server
from workflows import define

pytestmark = [pytest.mark.newest, pytest.mark.timeout(300)]

BATCH = 50

EXPLAIN: tuple[LiteralString, ...] = (
    "set auto_explain.log_min_duration = 0",
    "set auto_explain.log_nested_statements = on",
    "set auto_explain.log_analyze = on",
    "set auto_explain.log_timing = off",
    "set auto_explain.log_format = json",
    "set auto_explain.log_level = notice",
)

FINISH = (
    "select step_uuid::text, token::text, name"
    " from tasker.finish_and_claim(%s, 'w', %s, %s, %s, '1 hour')"
)
# 1 MB that cannot be compressed.
LARGE: LiteralString = """
create table public.large as
select to_jsonb(string_agg(gen_random_uuid()::text, '')) as state from generate_series(1, 28500)
"""
SAVE: LiteralString = """
select number
  from public.large, tasker.checkpoint_step(%s, %s, state, p_lease => '1 day')
"""
ROOM: LiteralString = """
select number, pg_column_size(checkpoint), pg_total_relation_size('tasker.checkpoints'),
       (select sum(wal_bytes)::float8 from pg_stat_statements where query like '%checkpoint_step%')
  from tasker.checkpoints
"""

Opener = Callable[[int, int], "Worker"]


@pytest.fixture(scope="module")
def measuring() -> Iterator[Server]:
    """A server that counts what statements cost. Only these tests use it."""
    settings = {"shared_preload_libraries": "pg_stat_statements,auto_explain"}
    server = Server(servers.MAJORS[0], settings)
    yield server
    server.close()


@pytest.fixture
def dsn(measuring: Server, server: Server) -> Iterator[str]:  # noqa: ARG001
    with measuring.database(measuring.migrated) as dsn:
        yield dsn


@pytest.fixture
def workers(dsn: str) -> Iterator[Opener]:
    """Starts workers that make tasks of so many steps, and do so many in one call."""
    with ExitStack() as stack:

        def start(length: int, batch: int) -> Worker:
            namespace = f"line_{length}"
            steps = {f"s{i}": [f"s{i - 1}"] if i else [] for i in range(length)}
            define(dsn, "line", steps, namespace=namespace)
            connection = stack.enter_context(psycopg.connect(dsn, autocommit=True))
            return Worker(connection, namespace, length, batch)

        yield start


@dataclass(frozen=True)
class Cost:
    """What one step costs on average."""

    wal: float
    buffers: float
    transactions: float


class Worker:
    """One session that makes linear tasks and runs them, `batch` steps a call."""

    def __init__(
        self, connection: psycopg.Connection, namespace: str, length: int, batch: int
    ) -> None:
        self.connection, self.namespace = connection, namespace
        self.length, self.batch = length, batch
        self.connection.execute("create extension if not exists pg_stat_statements")
        self.token: str | None = None
        self.outcomes = "[]"
        self.calls = 0
        self.ended = 0
        self.make(max(batch, 10))

    def make(self, count: int) -> None:
        query = "select from tasker.create_tasks(%s, 'line', %s::jsonb[])"
        self.connection.execute(query, [self.namespace, ["{}"] * count])
        self.calls += 1

    def run(self, steps: int) -> int:
        """Do at least so many steps, and replace the tasks that end; how many it were."""
        done = 0
        while done < steps:
            given = [self.namespace, self.token, self.outcomes, self.batch]
            found = self.connection.execute(FINISH, given).fetchall()
            self.calls += 1
            self.token = found[0][1]
            self.outcomes = json.dumps([{"step_uuid": step} for step, _, _ in found])
            done += len(found)
            self.ended += sum(name == f"s{self.length - 1}" for _, _, name in found)
            if self.ended >= max(self.batch, 10):
                self.make(self.ended)
                self.ended = 0
        return done

    def measure(self, steps: int) -> Cost:
        """Do some steps to warm up, then so many to measure them."""
        self.run(steps // 2)
        for statement in ("vacuum analyze", "checkpoint"):
            self.connection.execute(statement.encode())
        self.run(steps // 4)
        self.connection.execute("select pg_stat_force_next_flush()")
        self.connection.execute("select pg_stat_reset(), pg_stat_statements_reset()")
        self.calls = 0
        done = self.run(steps)
        ((wal, buffers),) = self.connection.execute(
            "select sum(wal_bytes)::float8, sum(shared_blks_hit + shared_blks_read)::float8"
            "  from pg_stat_statements where query like '%tasker.%'"
        ).fetchall()
        return Cost(wal / done, buffers / done, self.calls / done)

    def hot(self, table: str) -> Any:
        """Which share of a table's updates was heap-only."""
        self.connection.execute("select pg_stat_force_next_flush()")
        query = (
            "select n_tup_hot_upd::float8 / n_tup_upd from pg_stat_user_tables where relname = %s"
        )
        ((share,),) = self.connection.execute(query, [table]).fetchall()
        return share


def test_a_step_in_batches_is_within_its_budget(workers: Opener) -> None:
    worker = workers(10, BATCH)
    cost = worker.measure(5_000)
    print(cost)
    assert cost.wal <= 900
    assert cost.buffers <= 30
    assert cost.transactions <= 0.03
    assert worker.hot("steps") == 1.0


def test_a_step_by_itself_is_within_its_budget(workers: Opener) -> None:
    worker = workers(10, 1)
    cost = worker.measure(1_500)
    print(cost)
    assert cost.wal <= 1_400
    assert cost.transactions <= 1.1
    assert worker.hot("steps") == 1.0


@pytest.mark.timeout(600)
@pytest.mark.parametrize("saves", [30, pytest.param(10_000, marks=pytest.mark.slow)])
def test_a_large_checkpoint_is_written_once_and_takes_its_room_once(dsn: str, saves: int) -> None:
    define(dsn, "load", {"only": []})
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("create extension if not exists pg_stat_statements")
        connection.execute(LARGE)
        connection.execute("select from tasker.create_task('test', 'load')")
        claim = "select step_uuid, token from tasker.claim_steps('test', 'w', 1, '1 day')"
        ((step, token),) = connection.execute(claim).fetchall()
        connection.execute("select pg_stat_statements_reset()")
        for number in range(1, saves + 1):
            connection.execute(SAVE, [step, token])
            if number % 10 == 0:
                connection.execute("vacuum tasker.checkpoints")
        ((number, stored, room, wal),) = connection.execute(ROOM).fetchall()
        print(number, stored, room, wal)
        assert number == saves and stored >= 1_000_000
        assert stored <= wal / saves <= 1.2 * stored
        assert room <= 12 * stored, "what was written since the last vacuum, and little more"


def near(one: float, other: float, slack: float) -> bool:
    """Within a tenth, and a little."""
    return abs(other - one) <= one * 0.1 + slack


def test_a_step_costs_the_same_in_a_longer_task(workers: Opener) -> None:
    """Ten tasks go on side by side, so ten times their length holds ten creations.

    The steps of short tasks lie side by side on few pages; those of long ones do not, which costs
    a descent of the index each, and no more however long they are.
    """
    short, long, longer = (workers(n, 10).measure(n * 10) for n in (10, 500, 1_000))
    print(short, long, longer, sep="\n")
    assert near(short.wal, long.wal, 20) and near(long.wal, longer.wal, 20)
    assert long.buffers <= 40
    assert near(long.buffers, longer.buffers, 2)


def test_a_step_costs_the_same_with_a_long_queue(workers: Opener) -> None:
    worker = workers(10, BATCH)
    short = worker.measure(5_000)
    worker.make(10_000)
    worker.make(10_000)
    long = worker.measure(5_000)
    print(short, long, sep="\n")
    assert long.wal <= short.wal * 1.1
    assert near(short.buffers, long.buffers, 2)


def test_a_step_costs_the_same_while_a_snapshot_is_held_open(workers: Opener, dsn: str) -> None:
    """Old versions of rows cannot be cleared away; nothing may be slower the more there are."""
    worker = workers(10, BATCH)
    before = worker.measure(5_000)
    with psycopg.connect(dsn) as other:
        other.execute("set transaction isolation level repeatable read")
        other.execute("select count(*) from tasker.tasks")
        first = worker.measure(5_000)
        later = worker.measure(10_000)
    print(before, first, later, sep="\n")
    assert near(before.wal, first.wal, 20) and near(first.wal, later.wal, 0)
    assert near(before.buffers, first.buffers, 6) and near(first.buffers, later.buffers, 0)


# Plans -------------------------------------------------------------------------------------------

BIG = re.compile(r"^(steps|tasks|transitions|open_tasks|claims|q_\w+)$")


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def wrong(plan: dict[str, Any], limit: int) -> list[str]:
    """The nodes of a plan that read, or sort, what grows with the number of rows."""
    found = []
    for node in nodes(plan["Plan"]):
        rows = node["Actual Rows"] * node["Actual Loops"]
        rows += node.get("Rows Removed by Filter", 0) * node["Actual Loops"]
        relation = node.get("Relation Name", "")
        if (node["Node Type"] == "Seq Scan" and BIG.match(relation)) or rows > limit:
            found.append(f"{node['Node Type']} {relation}: {rows} rows in: {plan['Query Text']}")
    return found


@pytest.fixture(params=["vacuum analyze", "vacuum"], ids=["analyzed", "never_analyzed"])
def crowded(dsn: str, request: pytest.FixtureRequest) -> str:
    """A database with 100,000 steps in a queue."""
    define(dsn, "chain", {"one": [], "two": ["one"]})
    with psycopg.connect(dsn, autocommit=True) as connection:
        query = (
            "select from tasker.create_tasks('test', 'chain', array_fill('{}'::jsonb, '{10000}'))"
        )
        for _ in range(10):
            connection.execute(query)
        connection.execute(request.param)
    return dsn


def test_no_plan_grows_with_the_queue(crowded: str) -> None:
    """The first calls of a session are planned for their arguments, later ones may not be."""
    plans: list[dict[str, Any]] = []

    def explained(notice: Diagnostic) -> None:
        text = notice.message_primary or ""
        if "plan:" in text:
            plans.append(json.loads(text[text.index("{") :]))

    with psycopg.connect(crowded, autocommit=True) as connection:
        for setting in EXPLAIN:
            connection.execute(setting)
        connection.add_notice_handler(explained)
        token, outcomes, seen = None, "[]", set[str | None]()
        for call in range(20):
            given = ["test", token, outcomes, 10]
            plans.clear()
            found = connection.execute(FINISH, given).fetchall()
            assert len(found) == 10
            token, outcomes = found[0][1], json.dumps([{"step_uuid": step} for step, _, _ in found])
            scanned = {node.get("Relation Name") for plan in plans for node in nodes(plan["Plan"])}
            assert {"steps", "tasks"} <= scanned, "plans were seen"
            seen |= scanned
            assert [line for plan in plans for line in wrong(plan, 200)] == [], f"call {call + 1}"
        assert "q_test_queue" in seen, (
            "steps that are handed over do not touch the queue, others do"
        )
