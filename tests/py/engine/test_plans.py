"""What a runner calls by itself reads the same behind any backlog, whatever the planner guesses.

Every statement that its functions run is looked at as PostgreSQL carried it out: in the first call
of a session, which is planned for its arguments, and in the twentieth, which may not be; before and
after `analyze`. Pages and rows are counted, which no other load on the machine changes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from plans import Explained, Seen
from servers import Server, rows
from workflows import REPORT, define, later

SQL = Path(__file__).parents[3] / "sql"
SMALL, LARGE, HUGE = 12_000, 30_000, 100_000
MOST_PAGES = 20_000  # of 8 kB, in memory
COUNTED = 500  # pages of the messages that a question counts in each queue, 10,000 at most
WIDE = 1000
LINE = {f"s{n}": [f"s{n - 1}"] if n else [] for n in range(10)}

CREATE = "select from tasker.create_tasks(%s, %s, array_fill('{}'::jsonb, array[%s]))"
CLAIM = "select step_uuid::text, token::text from tasker.claim_steps(%s, 'w', %s, '1 hour')"
FINISH = (
    "select step_uuid::text, token::text"
    " from tasker.finish_and_claim(%s, 'w', %s, %s, %s, '1 hour')"
)
LOSE = """
delete from pgmq.q_line_queue
 where msg_id in (select msg_id from pgmq.q_line_queue order by msg_id limit 5)
"""
FAILURE = {"error": "no", "retryable": False}
RETRY = {"error": "no", "retryable": True, "retry_after_seconds": 3600}


def fill(dsn: str, size: int) -> None:
    """`size` steps that wait, and a tenth of work in every other state, all ten minutes old."""
    later(dsn, "-10 minutes")
    define(dsn, "idle", {"only": []}, namespace="idle")
    define(dsn, "one", {"only": []}, namespace="q")
    define(dsn, "line", LINE, namespace="line")
    define(dsn, "fork", {"left": [], "right": []}, namespace="fork")
    define(dsn, "outside", {"only": []}, namespace="outside", finalization="external")
    define(dsn, "flaky", {"only": []}, namespace="flaky")
    define(dsn, "wide", {f"s{n}": [] for n in range(WIDE)}, namespace="wide")
    with psycopg.connect(dsn, autocommit=True) as connection:
        for namespace, template, outcome in (
            ("line", "line", {}),  # its tasks are older than the messages of their second steps
            ("fork", "fork", FAILURE),  # blocked, while the other half waits
            ("outside", "outside", {}),  # done, and not finalized
            ("flaky", "flaky", RETRY),
        ):
            connection.execute(CREATE, [namespace, template, size // 10])
            for _ in range(size // 1000):
                found = connection.execute(CLAIM, [namespace, 100]).fetchall()
                given = json.dumps([{"step_uuid": step} | outcome for step, _ in found])
                connection.execute(FINISH, [namespace, found[0][1], given, 0])
        for _ in range(max(1, size // 10_000)):
            connection.execute(CREATE, ["q", "one", min(size, 10_000)])
        connection.execute(CREATE, ["wide", "wide", 20])
        connection.execute(next(SQL.rglob("_now.sql")).read_bytes())


@dataclass
class Work:
    """A session, and the steps that it holds."""

    on: Explained
    token: str | None = None
    steps: list[str] = field(default_factory=list)
    looks: bool = False
    seen: Seen | None = None

    def call(self, sql: str, *arguments: Any) -> list[tuple[Any, ...]]:
        """The call that is looked at, in its turn."""
        if not self.looks:
            return self.on.run(sql, *arguments)
        found, self.seen = self.on.see(sql, *arguments)
        return found

    def claim(self, limit: int) -> None:
        """Have so many steps."""
        self.hold(self.on.run(CLAIM, "q", limit))

    def hold(self, found: list[tuple[Any, ...]]) -> None:
        self.token, self.steps = found[0][1], [step for step, _ in found]

    def outcomes(self, **more: Any) -> str:
        return json.dumps([{"step_uuid": step, **more} for step in self.steps])


def claims(work: Work) -> None:
    work.hold(work.call(CLAIM, "q", 10))


def claims_of_blocked_tasks(work: Work) -> None:
    work.hold(work.call(CLAIM, "fork", 10))


def claims_nothing(work: Work) -> None:
    assert work.call(CLAIM, "idle", 10) == []


def finishes_and_claims(work: Work) -> None:
    work.hold(work.call(FINISH, "line", work.token, work.outcomes(), 10))


def completes(work: Work) -> None:
    work.claim(1)
    work.call("select from tasker.complete_step(%s, %s)", work.steps[0], work.token)


def fails(work: Work) -> None:
    work.claim(1)
    work.call("select from tasker.fail_step(%s, %s, '\"no\"')", work.steps[0], work.token)


def extends(work: Work) -> None:
    if not work.token:
        work.claim(10)
    work.call("select * from tasker.heartbeat(%s, '1 hour')", work.token)


def gives_back_a_wide_task(work: Work) -> None:
    work.hold(work.on.run(CLAIM, "wide", WIDE))
    assert len(work.call("select * from tasker.release_claim(%s)", work.token)) == WIDE


def finishes_a_wide_task(work: Work) -> None:
    work.hold(work.on.run(CLAIM, "wide", WIDE))
    assert work.call(FINISH, "wide", work.token, work.outcomes(), 0) == []


def fires_timers(work: Work) -> None:
    work.on.run(
        "update tasker.timers set due_at = now() - interval '1 s' where step_id in"
        " (select step_id from tasker.timers order by due_at desc limit 50)"
    )
    assert ("timers_fired", 50) in work.call("select action, affected from tasker.sweep()")


def gives_back(work: Work) -> None:
    work.claim(10)
    work.call("select * from tasker.release_claim(%s)", work.token)


def submits(work: Work) -> None:
    work.claim(10)
    work.call("select * from tasker.submit_step_results(%s, %s)", work.token, work.outcomes())


def carries_out(work: Work) -> None:
    work.claim(10)
    work.on.run("select from tasker.submit_step_results(%s, %s)", work.token, work.outcomes())
    assert work.call("select completed from tasker.process_step_results()") == [(10,)]


def creates(work: Work) -> None:
    request = json.dumps({"namespace": "q", "name": "one"})
    for _ in range(10):
        work.on.run("select from pgmq.send('orchestration_task_requests', %s::jsonb)", request)
    assert len(work.call("select msg_id from tasker.process_task_requests()")) == 10


def takes_back(work: Work) -> None:
    work.claim(10)
    work.on.run("update tasker.claims set lease_until = clock_timestamp() - interval '1 s'")
    found = work.call("select action, affected from tasker.sweep()")
    assert ("claims_taken_back", 1) in found


def restores(work: Work) -> None:
    work.on.run(LOSE)
    work.call("select from tasker.sweep()")


def asks(sql: str) -> Callable[[Work], None]:
    def call(work: Work) -> None:
        work.call(sql)

    return call


CALLS: dict[str, Callable[[Work], None]] = {
    "claim_steps": claims,
    "claim_steps of blocked tasks": claims_of_blocked_tasks,
    "claim_steps of nothing": claims_nothing,
    "finish_and_claim": finishes_and_claims,
    "complete_step": completes,
    "fail_step": fails,
    "heartbeat": extends,
    "release_claim": gives_back,
    "release_claim of a wide task": gives_back_a_wide_task,
    "finish_and_claim of a wide task": finishes_a_wide_task,
    "submit_step_results": submits,
    "process_step_results": carries_out,
    "process_task_requests": creates,
    "sweep": asks("select * from tasker.sweep()"),
    "sweep of a lost claim": takes_back,
    "sweep of lost messages": restores,
    "sweep of due timers": fires_timers,
    "enqueue_steps": asks("select * from tasker.enqueue_steps()"),
    "finalize_tasks": asks("select * from tasker.finalize_tasks()"),
    "report_runner": asks(f"select * from tasker.report_runner('r', '{json.dumps(REPORT)}')"),
    "await_work": asks("select * from tasker.await_work(array['q'], 'w', '1 second')"),
    "list_namespaces": asks("select * from tasker.list_namespaces()"),
    "queue_depths": asks("select * from tasker.queue_depths"),
}

IN_TURNS = {name for name in CALLS if name.startswith(("sweep", "enqueue", "finalize"))}


Backlogs = Callable[[int, bool], str]

behind = pytest.mark.parametrize(
    "size", [LARGE, pytest.param(HUGE, marks=[pytest.mark.slow, pytest.mark.timeout(900)])]
)


@pytest.fixture(scope="module")
def backlogs(server: Server) -> Iterator[Backlogs]:
    """Databases with a backlog of a size, to be copied; each is made when it is asked for."""
    made: set[str] = set()

    def of(size: int, analyzed: bool = False) -> str:
        def made_of(dsn: str) -> None:
            if analyzed:
                rows(dsn, "analyze")
            else:
                fill(dsn, size)

        name = f"backlog_{size}_analyzed" if analyzed else f"backlog_{size}"
        base = of(size) if analyzed else server.migrated
        made.add(name)
        return server.template(name, base, made_of)

    yield of
    for name in made:
        server.drop(name)


def looked_at(dsn: str, name: str) -> dict[int, Seen]:
    """What the first and the twentieth call of a session do; all between them of a sweep."""
    found = {}
    with Explained(dsn) as session:
        work = Work(session)
        if name == "finish_and_claim":
            work.hold(session.run(CLAIM, "line", 10))
        for number in range(1, 21):
            work.looks = number in (1, 20) or name in IN_TURNS
            CALLS[name](work)
            if work.looks:
                assert work.seen is not None
                found[number] = work.seen
    return found


@behind
@pytest.mark.parametrize("statistics", ["none", pytest.param("analyze", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", CALLS)
def test_costs_the_same_behind_any_backlog(
    server: Server, backlogs: Backlogs, name: str, statistics: str, size: int
) -> None:
    seen = {}
    for waiting in (SMALL, size):
        with server.database(backlogs(waiting, statistics == "analyze")) as dsn:
            seen[waiting] = looked_at(dsn, name)
    small, large = seen[SMALL], seen[size]
    for number in large:
        assert large[number].faults() == [], f"call {number}"
    slack = COUNTED if name == "queue_depths" else 100
    for numbers in ([1], [number for number in large if number > 1]):
        before, after = (max(of[number].pages for number in numbers) for of in (small, large))
        print(f"\n{name}, call {numbers[-1]}: {before} -> {after} pages")
        assert after <= min(MOST_PAGES, before * 1.3 + slack)


# Questions ---------------------------------------------------------------------------------------

ONE_TASK = 1_000  # pages
A_SCREEN = 5_000
WAITING_STEP = "(select step_uuid from tasker.list_queued_steps('q', 1))"
A_TASK = """(select task.task_uuid from tasker.tasks as task
  join tasker.task_templates as template on template.template_id = task.template_id
                                        and template.name = 'line'
 order by task.task_id desc limit 1)"""
QUESTIONS = {
    "explain_step": (f"select * from tasker.explain_step({WAITING_STEP})", 300),
    "explain_task": (f"select * from tasker.explain_task({A_TASK})", ONE_TASK),
    "step_attempts": (f"select * from tasker.step_attempts({WAITING_STEP})", ONE_TASK),
    "check_invariants": (f"select * from tasker.check_invariants({A_TASK})", ONE_TASK),
    "history of steps": (
        f"select * from tasker.step_transitions where task_uuid = {A_TASK}",
        ONE_TASK,
    ),
    "history of a task": (
        f"select * from tasker.task_transitions where task_uuid = {A_TASK}",
        ONE_TASK,
    ),
    "task_timings": (f"select * from tasker.task_timings({A_TASK})", ONE_TASK),
    "critical_path": (f"select * from tasker.critical_path({A_TASK})", ONE_TASK),
    "problems": ("select * from tasker.problems", A_SCREEN),
    "queue_depths": ("select * from tasker.queue_depths", A_SCREEN),
    "dead_letters": ("select * from tasker.dead_letters", A_SCREEN),
    "list_queued_steps": ("select * from tasker.list_queued_steps('q', 50)", A_SCREEN),
    "list_tasks": ("select * from tasker.list_tasks('{}', 200)", A_SCREEN),
    "health": ("select * from tasker.get_system_health_counts()", A_SCREEN),
    "ready_steps": ("select * from tasker.ready_steps limit 50", A_SCREEN),
    "task_progress": ("select * from tasker.task_progress limit 50", A_SCREEN),
    "stuck_tasks": ("select * from tasker.stuck_tasks", A_SCREEN),
    "live_claims": ("select * from tasker.live_claims", A_SCREEN),
}


def set_apart(sql: str) -> tuple[str, str | None]:
    """The question with a parameter, and the query that finds its value: what it costs is not
    counted."""
    for found in (WAITING_STEP, A_TASK):
        if found in sql:
            return sql.replace(found, "%s"), found
    return sql, None


@behind
@pytest.mark.parametrize("statistics", ["none", "analyze"])
@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_reads_no_more_than_it_shows(
    server: Server, backlogs: Backlogs, name: str, statistics: str, size: int
) -> None:
    sql, most = QUESTIONS[name]
    asked, wanted = set_apart(sql)
    with Explained(server.embedded.url(backlogs(size, statistics == "analyze"))) as session:
        arguments = session.run(f"select {wanted}")[0] if wanted else ()
        for number in range(1, 21):
            if number not in (3, 20):  # the first ones compile what they run
                session.run(asked, *arguments)
                continue
            _, seen = session.see(asked, *arguments)
            print(f"\n{name}, call {number}: {seen.pages} pages")
            assert seen.faults("dead_steps") == []
            assert seen.pages <= most


# What is called for each row ----------------------------------------------------------------------

FOR_EACH_ROW = [
    *("_id_of_task", "_is_plain", "_left", "_queue_of", "_raw_size", "_serves", "_step_id"),
    *("_step_no", "_step_uuid", "_task_of"),
]
CALL = """
select format('explain (verbose) select tasker.%%I(%%s) from (select %%s offset 0) as row', proname,
              string_agg(format('row.a%%s', place), ', ' order by place),
              string_agg(format('null::%%s as a%%s', type::regtype, place), ', ' order by place))
  from pg_proc
 cross join unnest(proargtypes) with ordinality as argument (type, place)
 where pronamespace = 'tasker'::regnamespace and proname = %s
 group by proname
"""


@pytest.mark.parametrize("name", FOR_EACH_ROW)
def test_what_is_called_for_each_row_is_inlined(database: str, name: str) -> None:
    """A call costs more than what it does: docs/decisions/0022."""
    ((call,),) = rows(database, CALL, name)
    plan = "\n".join(line for (line,) in rows(database, call))
    assert "a1" in plan and name not in plan
