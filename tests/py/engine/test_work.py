"""`call tasker.work(...)`: workflows of SQL functions, without any process of ours."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from running import wait_for
from servers import OLDEST, Server, rows
from sessions import Session
from workflows import create, define, definition, later, step_states, task_state, violations

from tasker_sql.schema.embedded import find_bin_dir

Opener = Callable[..., list[Session]]

HANDLERS = """
create schema shop;
create table shop.log (id bigint generated always as identity, what text);
create function shop.add(context jsonb, results jsonb) returns jsonb language plpgsql as $$
begin
  insert into shop.log (what) values ('add');
  return to_jsonb(coalesce((select sum(value::integer) from jsonb_each_text(results)), 0) + 1);
end $$;
create function shop.second_time(context jsonb, results jsonb) returns jsonb language plpgsql as $$
begin
  insert into shop.log (what) values ('second_time');
  if not exists (select from tasker.step_failures) then
    raise exception 'not yet' using errcode = 'TK001', detail = 'once more';
  end if;
  return '2';
end $$;
create function shop.never(context jsonb, results jsonb) returns jsonb language plpgsql as $$
begin
  raise exception 'no' using errcode = 'TK100', hint = 'give up';
end $$;
create function shop.where_am_i(context jsonb, results jsonb) returns jsonb language sql as $$
  select to_jsonb(current_setting('search_path')) $$;
create function shop.wait(context jsonb, results jsonb) returns jsonb language plpgsql as $$
begin
  insert into shop.log (what) values ('wait');
  perform pg_advisory_xact_lock(7);
  return '1';
end $$;
create function shop.hang(context jsonb, results jsonb) returns jsonb language sql as $$
  select to_jsonb(pg_sleep(60)::text) $$;
"""
ONCE = "call tasker.work('test', '1 millisecond')"


@pytest.fixture
def well(database: str) -> Iterator[str]:
    """A database with handlers in SQL, that is well at the end, too."""
    rows(database, HANDLERS)
    yield database
    assert violations(database) == []


def flow(dsn: str, steps: dict[str, list[str]], handlers: dict[str, str], **more: Any) -> str:
    """A task whose steps have these functions as handlers."""
    made = json.loads(definition("flow", steps, **more))
    for step in made["steps"]:
        step["handler"] = {"sql": f"shop.{handlers[step['name']]}"}
    rows(dsn, "select from tasker.register_template(%s)", json.dumps(made))
    (task,) = create(dsn, "flow")
    return task


def alone(dsn: str, handler: str, **more: Any) -> str:
    return flow(dsn, {"only": []}, {"only": handler}, **more)


def call(dsn: str, query: str = ONCE) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(query.encode())


def work(dsn: str, times: int) -> None:
    """Each call takes at least one step when there is one."""
    for _ in range(times):
        call(dsn)


def failures(dsn: str) -> list[Any]:
    return rows(
        dsn,
        "select error ->> 'code', error ->> 'message', retryable, seconds is not null"
        "  from tasker.step_failures order by failure_id",
    )


def test_a_diamond_runs_to_its_end(well: str) -> None:
    diamond = {"start": [], "left": ["start"], "right": ["start"], "end": ["left", "right"]}
    task = flow(well, diamond, dict.fromkeys(diamond, "add"))
    work(well, 4)
    assert task_state(well, task) == "complete"
    query = "select name, result from tasker.task_results(%s)"
    assert dict(rows(well, query, task)) == {"start": 1, "left": 2, "right": 2, "end": 5}
    assert rows(well, "select count(*) from shop.log") == [(4,)]
    query = "select bool_and(seconds >= 0), count(*) from tasker.steps"
    assert rows(well, query) == [(True, 4)]


def test_an_error_fails_the_attempt_and_takes_its_writes_back(well: str) -> None:
    """Also one that looks like ours."""
    task = alone(well, "second_time")
    work(well, 1)
    assert failures(well) == [("TK001", "not yet", True, True)]
    assert rows(well, "select count(*) from shop.log") == [(0,)]
    work(well, 2)
    assert task_state(well, task) == "complete"
    assert rows(well, "select count(*) from shop.log") == [(1,)]


@pytest.mark.parametrize(("handler", "code"), [("never", "TK100"), ("nowhere", "42883")])
def test_some_errors_are_for_good(well: str, handler: str, code: str) -> None:
    task = alone(well, handler)
    work(well, 1)
    ((found, _, retryable, _),) = failures(well)
    assert (found, retryable) == (code, False)
    assert task_state(well, task) == "error"


def test_what_others_must_run_waits_for_them(well: str) -> None:
    define(well, "python", {"only": []})
    (task,) = create(well, "python")
    mine = alone(well, "add")
    work(well, 2)
    call(well, "call tasker.work('test', '1 millisecond', null, null)")
    assert task_state(well, mine) == "complete"
    assert step_states(well, task) == {"only": "enqueued"}
    query = "select step_uuid from tasker.claim_steps('test', 'python', 9)"
    assert len(rows(well, query)) == 1


def test_handlers_have_the_search_path_of_the_session(well: str) -> None:
    task = alone(well, "where_am_i")
    with psycopg.connect(well, autocommit=True) as connection:
        connection.execute("set search_path = shop, public")
        connection.execute(ONCE.encode())
        assert connection.execute("show search_path").fetchone() == ("shop, public",)
    query = "select result from tasker.task_results(%s)"
    assert rows(well, query, task) == [("shop, public",)]


def test_what_comes_too_late_is_rolled_back_and_counted(sessions: Opener, well: str) -> None:
    (gate,) = sessions("gate")
    task = alone(well, "wait")
    gate.run("select pg_advisory_lock(7)")
    gate.commit()
    with psycopg.connect(well, autocommit=True, application_name="worker") as worker:
        calling = started(worker, "call tasker.work('test', '1 millisecond', 'late')")
        wait_for(lambda: is_waiting(well), "the handler")
        later(well, "1 minute")
        rows(well, "select from tasker.sweep()")
        gate.run("select pg_advisory_unlock(7)")
        gate.commit()
        calling.result(20)
    assert rows(well, "select worker, cause from tasker.late_writes") == [("late", "lease expired")]
    assert rows(well, "select count(*) from shop.log") == [(0,)]
    work(well, 1)
    assert task_state(well, task) == "complete"


def started(connection: psycopg.Connection[Any], query: str) -> Future[Any]:
    return ThreadPoolExecutor(1).submit(connection.execute, query.encode())


def is_waiting(dsn: str) -> bool:
    query = "select from pg_locks where locktype = 'advisory' and not granted and objid = 7"
    return len(rows(dsn, query)) == 1


def test_a_handler_can_be_cancelled_by_the_pid_in_its_name(sessions: Opener, well: str) -> None:
    (gate,) = sessions("gate")
    task = alone(well, "wait", retry={"max_attempts": 1})
    gate.run("select pg_advisory_lock(7)")
    with psycopg.connect(well, autocommit=True) as worker:
        calling = started(worker, ONCE)
        wait_for(lambda: is_waiting(well), "the handler")
        ((name,),) = rows(well, "select worker from tasker.claims")
        assert name == f"work {worker.info.backend_pid}"
        rows(well, "select pg_cancel_backend(%s)", int(name.split()[1]))
        calling.result(20)
    gate.run("select pg_advisory_unlock(7)")
    assert failures(well)[0][0] == "57014"
    assert task_state(well, task) == "error"


def test_a_timeout_ends_the_session_where_the_server_can(server: Server, well: str) -> None:
    if server.major < 17:
        pytest.skip("there is no transaction_timeout")
    made = json.loads(definition("flow", {"only": []}, retry={"max_attempts": 1}))
    made["steps"][0] |= {"handler": {"sql": "shop.hang"}, "timeout_seconds": 1}
    rows(well, "select from tasker.register_template(%s)", json.dumps(made))
    (task,) = create(well, "flow")
    with pytest.raises(psycopg.Error) as ended:
        call(well)
    assert ended.value.sqlstate == "25P04"
    later(well, "1 minute")
    rows(well, "select from tasker.sweep()")
    assert task_state(well, task) == "error"


def test_it_is_refused_inside_of_a_transaction_and_with_bad_arguments(well: str) -> None:
    def refusal(query: str) -> str | None:
        with pytest.raises(psycopg.Error) as refused:
            call(well, query)
        return refused.value.sqlstate

    task = alone(well, "add")
    with psycopg.connect(well) as connection, pytest.raises(psycopg.Error) as refused:
        connection.execute(ONCE.encode())
    assert refused.value.sqlstate == "2D000"
    assert refusal("call tasker.work('test', '0')") == "22023"
    assert refusal("call tasker.work('test', '1 ms', '')") == "22023"
    assert refusal("call tasker.work('test', '1 ms', 'w', '1 month')") == "22023"
    assert refusal("call tasker.work(null, '1 ms')") == "22023"
    assert refusal("call tasker.work('nowhere', '1 ms')") == "TK002"
    assert step_states(well, task) == {"only": "enqueued"}


@pytest.mark.newest
def test_a_loop_in_psql_is_a_worker(well: str) -> None:
    task = flow(well, {"a": [], "b": ["a"]}, {"a": "add", "b": "add"})
    psql = find_bin_dir() / "psql"
    loop = f"{ONCE}; \\watch interval=0.01 count=3\n"
    done = subprocess.run([psql, "-qX", well], input=loop, text=True, capture_output=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert task_state(well, task) == "complete"


@pytest.mark.slow  # pg_cron 1.4 begins its jobs with the minute
@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", ["on", "off"])
def test_a_job_of_pg_cron_is_a_worker(mode: str) -> None:
    """As a background worker, and over a connection."""
    settings = {
        "shared_preload_libraries": "pg_cron",
        "cron.database_name": "shop",
        "cron.use_background_workers": mode,
    }
    with closing(Server(OLDEST, settings)) as server:
        server.create("shop", server.migrated)
        dsn = server.embedded.url("shop")
        rows(dsn, HANDLERS)
        rows(dsn, "create extension pg_cron")
        task = flow(dsn, {"a": [], "b": ["a"], "c": ["b"]}, dict.fromkeys("abc", "add"))
        job = "select cron.schedule('work', '* * * * *', $$call tasker.work('test', '5 seconds')$$)"
        rows(dsn, job)
        rows(dsn, "update cron.job set nodename = %s", conninfo_to_dict(dsn)["host"])
        wait_for(lambda: task_state(dsn, task) == "complete", "the end of the task", 150)
        ended = "select status, return_message from cron.job_run_details where end_time is not null"
        assert wait_for(lambda: rows(dsn, ended), "the end of the job") == [("succeeded", "CALL")]
        assert violations(dsn) == []
