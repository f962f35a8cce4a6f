"""docs/on-call.md: each incident happens for real, is named with its cure, and is cured by it."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from running import SECONDS, client_of, ended, running, step_named, template, wait_for
from sessions import Session

from tasker_sql.client import Client
from tasker_sql.errors import StaleClaimError
from tasker_sql.rows import Problem
from tasker_sql.top import screens, table
from tasker_sql.top.snapshot import Location, read
from tasker_sql.verdict import trouble
from tasker_sql.worker.handlers import Registry, RetryableError

pytestmark = pytest.mark.newest

Opener = Callable[..., list[Session]]

SQL = Path(__file__).parents[3] / "sql"
TEXT = (SQL.parent / "docs" / "on-call.md").read_text()
INCIDENTS = set(re.findall(r"^## (\w+): ", TEXT, re.MULTILINE))

# Lets time pass for everything that reads the engine's clock.
LATER = """
create or replace function tasker._now() returns timestamptz language sql volatile
as 'select clock_timestamp() + interval ''{}'''
"""


@pytest.fixture
def client(database: str) -> Iterator[Client]:
    with client_of(database) as client:
        client.register_template(template({"a": [], "b": ["a"]}, retry={"max_attempts": 2}))
        yield client


def later(client: Client, by: str) -> None:
    run(client, LATER.format(by))


def run(client: Client, statement: str) -> None:
    with client.transaction() as connection:
        connection.execute(statement.encode())


def answer(client: Client, query: str) -> list[Any]:
    with client.transaction() as connection:
        return connection.execute(query.encode()).fetchall()


def problem(client: Client, code: str) -> Problem:
    """The one problem with this code; the document has a chapter for it, and `top` its cause."""
    (found,) = [one for one in client.problems() if one.code == code]
    assert code in INCIDENTS, f"docs/on-call.md says nothing of {code}"
    followed = followed_in_top(client, found)
    assert all(words in followed for words in CAUSES[code]), followed
    return found


# What stands on the screen to which Enter leads from the problem.
CAUSES = {
    "no_worker": ["unserved", "no live runner of tasker-sql serves it"],
    "stale_claim": ["doomed", "expired", "the next sweep takes its steps back"],
    "timers_overdue": ["due, and nobody calls sweep()"],
    "steps_undecided": ["the next sweep or an idle worker decides whether it runs"],
    "dead_letters": ["no route to bank", "5 steps of test/payment/pay failed for good"],
    "paused": ["paused", "a release on friday"],
    "queue_missing": ["missing", "the table of this queue is gone; the next sweep makes it again"],
    "step_runs_long": ["in_progress", "has run at hung for 50 min"],
    "vacuum_held_back": ["psql of ann", "idle in transaction", "25 min ago"],
    "bloat": ["tasker.tasks", "% dead", "never"],
    "task_stuck": ["waits for 1 of 1: a", "an invariant is broken"],
}


def followed_in_top(client: Client, one: Problem) -> str:
    """What `top` shows after Enter on the row of the problem, in small letters."""
    shown = screens.view(read(client, Location("problems"), SECONDS))
    (row,) = [
        row
        for row in shown.rows
        if (one.code, one.subject) == (row.cells["code"], row.cells["subject"])
    ]
    assert row.opens is not None
    there = screens.view(read(client, row.opens, SECONDS))
    return "\n".join(table.searched(row, there.at) for row in there.rows)


def gone(client: Client, code: str) -> bool:
    return all(one.code != code for one in client.problems())


def codes(client: Client, task: UUID) -> set[str]:
    return {reason.code for reason in client.explain_task(task)}


def work() -> Registry:
    registry = Registry()
    for name in ("a", "b"):
        registry.handler(name)(lambda _step: None)
    return registry


def cli(database: str, *arguments: str) -> str:
    """What a command prints, in a process of its own."""
    done = ended_with(database, *arguments)
    return done.stdout + done.stderr


def ended_with(database: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from tasker_sql.cli import main; main()", *arguments],
        env=os.environ | {"DATABASE_URL": database, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def test_every_code_has_a_chapter(client: Client) -> None:
    """The codes that the functions write, those that runners report, and those that the view's
    comment lists."""
    written = "".join(
        file.read_text() for file in (SQL / "functions/on_call").glob("_*problems.sql")
    )
    codes = set(re.findall(r"(?:'(?:critical|warning)'|\bend),\s+'([a-z_]+)'", written))
    (known,) = re.findall(r"code in \(('read_only'[^)]+)\)", written)
    codes |= set(re.findall(r"\w+", known))
    (said,) = answer(client, "select obj_description('tasker.problems'::regclass)")
    listed = re.sub(r"\(.*?\)", "", re.findall(r"Codes: (.+?)\. docs", said[0])[0])
    assert codes == INCIDENTS == set(listed.replace(" ", "").split(","))


def test_blocked_by(client: Client, database: str, sessions: Opener) -> None:
    """Somebody's psql has the steps locked; a worker waits, and another session behind it."""
    assert "blocked_by" in INCIDENTS
    client.create_task("test", "flow")
    worker, other = sessions("worker", "other")
    ann = psycopg.connect(database, application_name="psql of ann")
    ann.execute("lock table tasker.steps in access exclusive mode")
    pid = ann.info.backend_pid
    worker.run("lock table tasker.claims in access exclusive mode")
    waits = [
        worker.blocks("select from tasker.steps"),
        other.blocks("select from tasker.claims"),
    ]

    def blocked() -> list[Problem]:
        return [
            one
            for one in client.problems()
            if one.code == "blocked_by" and one.problem.startswith("2 sessions wait")
        ]

    (found,) = wait_for(blocked, "a word on the lock")
    assert found.severity == "critical"
    assert found.subject == f"session {pid}"
    assert f"wait for pid {pid} (psql of ann, role " in found.problem
    assert "idle in transaction" in found.problem
    assert "lock table tasker.steps in access exclusive mode" in found.problem
    assert client.problems()[0].code == "blocked_by"
    assert "psql of ann" in cli(database, "problems")
    shown = screens.view(read(client, Location("problems"), SECONDS))
    assert found.cure in str(shown.rows)
    assert found.cure == f"select pg_terminate_backend({pid})"
    run(client, found.cure)
    for wait in waits[:1]:
        wait.result()
    worker.rollback()
    waits[1].result()
    ann.close()
    assert gone(client, "blocked_by")


def test_a_locked_table_is_named_before_anybody_waits(client: Client, sessions: Opener) -> None:
    (ann,) = sessions("psql of ann")
    ann.run("lock table pgmq.q_test_queue in access exclusive mode")
    (found,) = wait_for(
        lambda: [one for one in client.problems() if one.code == "blocked_by"], "a word on the lock"
    )
    assert found.problem.startswith(
        f"a table of ours is locked by pid {ann.connection.info.backend_pid} (psql of ann"
    )
    ann.rollback()
    assert gone(client, "blocked_by")


def test_a_lock_says_what_it_hides(client: Client, sessions: Opener) -> None:
    """In its first two seconds, too, when nothing names its holder."""
    (ann,) = sessions("psql of ann")
    ann.run("lock table tasker.runners, tasker.acknowledgements in access exclusive mode")
    (found,) = [one for one in client.problems() if one.code == "answer_incomplete"]
    assert "hides problems with the server, runners, what runners report;" in found.problem
    ann.rollback()
    run(client, found.cure)
    assert gone(client, "answer_incomplete")


REPORTED = {
    *("pool_unhealthy", "read_only", "too_many_connections", "disk_full", "schema_changed"),
    *("reports_refused", "permission_missing"),
}
MANY = """
select from tasker.create_tasks('test', 'flow', array_fill('{}'::jsonb, array[30]));
select from tasker.report_runner('lost', '{"host": "h", "pid": 1, "version": "1", "uptime": 1,
  "state": "normal", "status": "healthy", "namespaces": ["test", "$(touch /tmp/x); x"],
  "pools": [], "breakers": [], "connections": {}}', '1 second');
select from tasker.claim_steps('test', 'w', 5) as held,
       lateral tasker.fail_step(held.step_uuid, held.token, '"no"', held.step_uuid is null);
select from tasker.claim_steps('test', 'w', 5) as held,
       lateral tasker.fail_step(held.step_uuid, held.token, '"no"', true);
select from tasker.claim_steps('test', 'gone', 5, '1 second');
select from pgmq.send('orchestration_task_requests', '{}');
select from tasker.process_task_requests();
select from pgmq.send('orchestration_task_requests', '{"namespace": "test", "name": "flow"}');
select from tasker.create_task('test', 'flow') as task, lateral tasker.pause_task(task_uuid, 'why');
select from tasker.create_namespace('other');
select from pgmq.drop_queue('other_queue');
select from tasker.report_runner('met', '{"host": "h", "pid": 1, "version": "1", "uptime": 1,
  "state": "normal", "status": "unhealthy", "namespaces": [], "breakers": [], "connections": {},
  "pools": [{"pool": "task_claimer", "namespace": "test", "status": "unhealthy", "executors": 1,
             "healthy": 0, "unhealthy": 1},
            {"pool": "step_enqueuer", "status": "unhealthy", "executors": 2, "healthy": 1,
             "unhealthy": 1}],
  "troubles": [{"code": "read_only", "times": 3, "since_ago": 9, "message": "read-only"},
    {"code": "too_many_connections", "times": 3, "since_ago": 9, "message": "too many"},
    {"code": "disk_full", "times": 3, "since_ago": 9, "message": "no space left"},
    {"code": "schema_changed", "times": 3, "since_ago": 9, "message": "no such function"},
    {"code": "reports_refused", "times": 3, "since_ago": 9, "message": "a trigger"},
    {"code": "permission_missing", "times": 3, "since_ago": 9,
     "message": "permission denied for function sweep"}]}', '1 day');
insert into tasker.refused_writes (step_id, token, worker, cause, refused_at)
select 1, gen_random_uuid(), 'late', 'lease expired', clock_timestamp() + interval '50 minutes'
  from generate_series(1, 10);
"""

LIVE = """
select from tasker.report_runner('live', '{"host": "h", "pid": 1, "version": "1", "uptime": 1,
  "state": "normal", "status": "healthy", "namespaces": ["other"], "pools": [], "connections": {},
  "breakers": [{"breaker": "queue", "state": "closed", "changed_ago": 5}]}', '1 day')
"""


def test_every_cure_can_be_run_as_it_is_printed(client: Client, database: str) -> None:
    """A statement is run, and a command; one that lacks the name of a module kills nothing."""
    for statement in MANY.split(";\n"):
        if statement.strip():
            run(client, statement)
    later(client, "59 minutes")
    run(client, LIVE)
    run(client, "select from tasker.force_breaker('queue', 'open', 'why')")
    found = client.problems()
    expected = {"no_worker", "runner_lost", "dead_letters", "stale_claim", "timers_overdue"}
    expected |= {
        "breaker_open",
        "messages_unprocessed",
        "requests_refused",
        "queue_missing",
        "late_writes",
        *REPORTED,
    }
    assert expected <= {one.code for one in found}
    errors = "select count(*) from tasker.failed_steps"
    dead = answer(client, errors)
    for one in sorted(found, key=lambda one: one.cure.startswith("tasker-sql dlq")):
        cure = one.cure.replace("<why>", "it was said so")
        if not cure.startswith("tasker-sql "):
            run(client, cure)
            continue
        arguments = shlex.split(cure)[1:]
        assert not any("touch" in word for word in arguments)
        if arguments[0] == "run":
            assert "MODULE" in cli(database, *arguments)
            assert answer(client, errors) == dead
        else:
            output = cli(database, *arguments, *(["--yes"] if arguments[0] == "dlq" else []))
            assert "5 steps restarted: " in output or arguments[0] != "dlq"
            assert "error: " not in output
    left = {"no_worker", "runner_lost", "late_writes", "requests_refused", *REPORTED}
    assert {one.code for one in client.problems()} <= left


def test_no_worker(client: Client, database: str) -> None:
    task = client.create_task("test", "flow").task_uuid
    later(client, "14 minutes")
    found = problem(client, "no_worker")
    assert found.severity == "critical"
    assert "no live worker serves namespace test" in found.problem
    assert found.cure == "tasker-sql run --namespace test --handlers MODULE"
    assert codes(client, task) == {"no_worker"}
    with running(database, work(), ["test"]):
        assert ended(client, task) == "complete"
    assert gone(client, "no_worker")


def test_stale_claim(client: Client, database: str) -> None:
    """A worker is killed, and nobody calls sweep()."""
    task = client.create_task("test", "flow").task_uuid
    code = (
        "import psycopg, time, sys\n"
        "connection = psycopg.connect(sys.argv[1], autocommit=True)\n"
        "connection.execute(\"select * from tasker.claim_steps('test', 'doomed')\")\n"
        "print('has it', flush=True)\n"
        "time.sleep(60)"
    )
    arguments = [sys.executable, "-c", code, database]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None and worker.stdout.readline() == "has it\n"
        worker.send_signal(signal.SIGKILL)
    later(client, "5 minutes")
    found = problem(client, "stale_claim")
    assert (found.severity, found.subject) == ("critical", "worker doomed")
    assert codes(client, task) == {"lease_expired"}
    run(client, found.cure)
    assert gone(client, "stale_claim")
    assert step_named(client, task, "a").state == "enqueued"


def test_timers_overdue(client: Client) -> None:
    task = client.create_task("test", "flow").task_uuid
    (step,) = client.claim_steps("test", "w")
    client.fail_step(step.step_uuid, step.token, "busy")
    later(client, "1 hour")
    found = problem(client, "timers_overdue")
    assert codes(client, task) == {"due"}
    run(client, found.cure)
    assert gone(client, "timers_overdue")
    assert codes(client, task) == {"no_worker"}


def test_steps_undecided(client: Client) -> None:
    chain = template({f"s{n}": [f"s{n - 1}"] if n else [] for n in range(150)}, name="chain")
    chain["steps"][0] |= {"on_error": "skip"}
    client.register_template(chain)
    task = client.create_task("test", "chain").task_uuid
    (step,) = client.claim_steps("test", "w")
    client.skip_step(step.step_uuid, step.token, "nothing to do")
    later(client, "1 hour")
    found = problem(client, "steps_undecided")
    assert found.problem.startswith("1 step of it waits for a decision for up to")
    assert codes(client, task) == {"undecided"}
    run(client, found.cure)
    assert gone(client, "steps_undecided")
    assert client.get_task(task).state == "complete"


def test_dead_letters(client: Client, database: str) -> None:
    """A bank is down: every payment uses up its attempts. Then it is back."""
    is_up = threading.Event()
    registry = work()

    def pay(_step: Any) -> None:
        if not is_up.is_set():
            raise RetryableError(f"no route to bank {threading.get_ident()}", retry_after=0.01)

    definition = template({"pay": []}, name="payment", retry={"max_attempts": 2})
    client.register_template(definition)
    registry.handler("pay")(pay)
    tasks = [client.create_task("test", "payment").task_uuid for _ in range(5)]
    with running(database, registry, ["test"]):
        assert {ended(client, task) for task in tasks} == {"error"}
        found = problem(client, "dead_letters")
        assert found.subject == "template test/payment"
        assert found.problem.startswith("5 failed for good")
        assert codes(client, tasks[0]) == {"failed", "ended"}
        is_up.set()
        arguments = shlex.split(found.cure.replace("<why>", "the bank is back"))
        output = cli(database, *arguments[1:], "--yes")
        assert "5 steps restarted: " in output
        assert {ended(client, task) for task in tasks} == {"complete"}
    assert gone(client, "dead_letters")


def test_a_locked_step_is_put_off(client: Client, sessions: Callable[..., list[Session]]) -> None:
    """Somebody sits on one of two dead letters; the repair goes on with the other."""
    tasks = [client.create_task("test", "flow").task_uuid for _ in range(2)]
    for step in client.claim_steps("test", "w", 2):
        client.fail_step(step.step_uuid, step.token, "no", retryable=False)
    (a,) = sessions("a")
    a.run(
        "select from tasker.steps where step_id = %s for update",
        step_named(client, tasks[0], "a").step_uuid.int & (1 << 62) - 1,
    )
    run(client, "set statement_timeout = '10s'")
    plan = client.plan_repair("retry_step")[0]
    first = client.apply_repair(plan.plan_uuid, "why")
    assert (first.applied, first.refused, first.remaining) == (1, 0, 1)
    a.run("rollback")
    second = client.apply_repair(plan.plan_uuid, "why")
    assert (second.applied, second.refused, second.remaining) == (1, 0, 0)


def test_paused(client: Client, database: str) -> None:
    task = client.create_task("test", "flow").task_uuid
    client.pause_namespace("test", "a release on Friday")
    later(client, "3 days")
    found = problem(client, "paused")
    assert "a release on Friday" in found.problem
    assert next(iter(client.explain_task(task))).code == "namespace_paused"
    run(client, found.cure.replace("<why>", "it is Monday"))
    assert gone(client, "paused")
    with running(database, work(), ["test"]):
        assert ended(client, task) == "complete"


def test_schedules(client: Client) -> None:
    """Nobody sweeps; then a version is missing that a tick needs."""
    plan = {"template": "flow", "every": "PT1H"}
    client.put_schedule("test", "hourly", plan)
    later(client, "2 hours")
    (found,) = (one for one in client.problems() if one.code == "schedules_overdue")
    run(client, found.cure)
    assert gone(client, "schedules_overdue")
    run(client, """update tasker.schedules set definition = definition || '{"version": "7.0.0"}'""")
    later(client, "3 hours")
    client.sweep()
    (found,) = (one for one in client.problems() if one.code == "schedule_failing")
    assert "template not found: test/flow@7.0.0" in found.problem
    run(client, found.cure)
    client.put_schedule("test", "hourly", plan)
    failed = next(tick for tick in client.list_ticks("test", "hourly") if tick.outcome == "failed")
    planned = client.plan_backfill("test", "hourly", failed.tick_at, failed.tick_at)
    assert planned.plan_uuid
    client.apply_repair(planned.plan_uuid, "it is there now")
    assert gone(client, "schedule_failing")


def test_queue_missing(client: Client, database: str) -> None:
    task = client.create_task("test", "flow").task_uuid
    run(client, "select pgmq.drop_queue('test_queue')")
    found = problem(client, "queue_missing")
    assert codes(client, task) == {"message_lost"}
    run(client, found.cure)
    assert gone(client, "queue_missing")
    with running(database, work(), ["test"]):
        assert ended(client, task) == "complete"


def test_step_runs_long(client: Client, database: str) -> None:
    """A handler hangs, and its worker goes on to extend the lease."""
    task = client.create_task("test", "flow").task_uuid
    (step,) = client.claim_steps("test", "hung", 1, timedelta(hours=2))
    later(client, "50 minutes")
    client.heartbeat(step.token, timedelta(minutes=5))
    found = problem(client, "step_runs_long")
    assert "at hung for 50 min" in found.problem
    assert codes(client, task) == {"running"}
    (reason,) = client.explain_step(step.step_uuid)
    statement = found.cure
    assert statement == reason.cure
    run(client, statement.replace("<why>", "it hangs"))
    assert gone(client, "step_runs_long")
    assert client.heartbeat(step.token).cancelled_step_uuids == [step.step_uuid]
    with pytest.raises(StaleClaimError):
        client.complete_step(step.step_uuid, step.token)
    with running(database, work(), ["test"]):
        assert ended(client, task) == "complete"


def test_vacuum_held_back(client: Client, database: str) -> None:
    """Somebody begins a transaction, reads, and goes home."""
    with psycopg.connect(database, application_name="psql of Ann") as idle:
        idle.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ  # keeps its snapshot
        idle.execute("select count(*) from tasker.tasks")
        pid = idle.info.backend_pid
        later(client, "25 minutes")
        found = problem(client, "vacuum_held_back")
        assert found.subject == f"session {pid}"
        assert "psql of Ann" in found.problem and "for 25 min" in found.problem
        run(client, found.cure)
        wait_for(lambda: gone(client, "vacuum_held_back"))
        with suppress(psycopg.OperationalError):
            idle.execute("select 1")
        assert idle.closed


def test_bloat(client: Client, database: str) -> None:
    """Autovacuum is off on this server, as in some that people tune."""
    client.create_tasks("test", "flow", [{}] * 10_000)
    run(client, "update tasker.tasks set tags = '{x}';" * 9)
    run(client, "select pg_stat_force_next_flush()")
    found = wait_for(lambda: [one for one in client.problems() if one.code == "bloat"])[0]
    assert found.subject == "table tasker.tasks"
    followed = followed_in_top(client, found)
    assert all(words in followed for words in CAUSES["bloat"]), followed
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(found.cure.encode())
        connection.execute("select pg_stat_force_next_flush()")
    wait_for(lambda: gone(client, "bloat"))


def test_task_stuck(client: Client) -> None:
    """Somebody repaired a row by hand, and got it wrong."""
    task = client.create_task("test", "flow").task_uuid
    (step,) = client.claim_steps("test", "w")
    run(client, "update tasker.steps set waiting_parents = 2 where step_id & 1048575 = 2")
    client.complete_step(step.step_uuid, step.token)
    later(client, "5 minutes")
    found = problem(client, "task_stuck")
    assert found.severity == "critical"
    assert answer(client, found.cure)  # which invariant is broken, and where
    client.cancel_task(task, "its rows were changed by hand")
    assert gone(client, "task_stuck")


def test_an_acknowledged_problem_raises_no_alarm(client: Client, database: str) -> None:
    client.create_task("test", "flow")
    later(client, "14 minutes")
    alarm = ended_with(database, "problems")
    assert (alarm.returncode, "no_worker" in alarm.stdout) == (1, True)
    words = ("acknowledge", "no_worker", "namespace test", "-r", "they come back at noon")
    assert "acknowledged: no_worker namespace test" in cli(database, *words)
    known = ended_with(database, "problems")
    assert known.returncode == 0
    assert "until it changes: they come back at noon" in known.stdout
    view = screens.view(read(client, Location("problems"), SECONDS))
    assert "(acknowledged by " in str(view.rows)


READ_ONLY = """
do $$ begin
  execute format('alter database %I set default_transaction_read_only = on', current_database());
end $$
"""


def test_read_only(client: Client, database: str) -> None:
    """Somebody forgot to take it off after moving the database."""
    run(client, READ_ONLY)
    (found,) = [one for one in client.problems() if one.code == "read_only"]
    with psycopg.connect(database, autocommit=True) as new:
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            new.execute("select from tasker.create_task('test', 'flow')")
        new.execute(found.cure.encode())
    assert gone(client, "read_only")
    with client_of(database) as new_client:
        new_client.create_task("test", "flow")


def test_too_many_connections(client: Client, database: str) -> None:
    limit = "alter database {} connection limit 1".format(
        psycopg.conninfo.conninfo_to_dict(database)["dbname"]
    )
    run(client, limit)
    (found,) = [one for one in client.problems() if one.code == "too_many_connections"]
    assert found.severity == "critical"
    run(client, found.cure)
    assert gone(client, "too_many_connections")


def test_schema_changed(client: Client, database: str) -> None:
    """Somebody cleaned up."""
    run(client, "drop function tasker.pause_task, tasker.set_limit")
    (found,) = [one for one in client.problems() if one.code == "schema_changed"]
    assert found.problem.endswith("are gone: pause_task, set_limit")
    cli(database, *shlex.split(found.cure)[1:])
    assert gone(client, "schema_changed")
    client.pause_task(client.create_task("test", "flow").task_uuid, "it is back")


def test_handler_missing(client: Client, database: str) -> None:
    """A release lacks a module."""
    task = client.create_task("test", "flow").task_uuid
    client.claim_steps("test", "w", handlers=["ship"])
    later(client, "14 minutes")
    (found,) = [one for one in client.problems() if one.code == "handler_missing"]
    assert found.subject == "handler a of namespace test"
    with running(database, work(), ["test"]):
        assert ended(client, task) == "complete"
    assert gone(client, "handler_missing")


REFUSES = """
create function public.audit () returns trigger language plpgsql as $$
begin
  if new.state = 'complete' then
    raise exception 'audit sink is down' using errcode = '{}';
  end if;
  return new;
end $$;
create trigger audit before update on tasker.steps for each row execute function public.audit()
"""


@pytest.mark.parametrize(
    ("sqlstate", "code"),
    [
        ("53100", "disk_full"),
        ("42501", "permission_missing"),
        ("42P01", "schema_changed"),
        ("23514", "reports_refused"),
    ],
)
def test_what_a_runner_meets(client: Client, database: str, sqlstate: str, code: str) -> None:
    """It reports what it cannot deal with itself, and loses nothing."""
    run(client, REFUSES.format(sqlstate))
    task = client.create_task("test", "flow").task_uuid
    with running(database, work(), ["test"]):
        (found,) = wait_for(lambda: [one for one in client.problems() if one.code == code], code)
        assert found.subject == "runner test"
        assert "audit sink is down" in found.problem
        run(client, "drop trigger audit on tasker.steps")
        assert ended(client, task) == "complete"
    assert {attempt.attempt for attempt in attempts(client, task)} == {1}


def attempts(client: Client, task: UUID) -> list[Any]:
    return [
        attempt
        for step in client.get_task_steps(task)
        for attempt in client.step_attempts(step.step_uuid)
    ]


def test_a_runner_that_is_not_let_in_knows_why() -> None:
    """What the server says then comes without a code."""
    assert trouble(None, 'FATAL: too many connections for role "shop"') == "too_many_connections"
    assert trouble(None, "FATAL: sorry, too many clients already") == "too_many_connections"
    assert trouble(None, 'FATAL: permission denied for database "x"') == "permission_missing"
    assert trouble(None, "connection refused") is None
