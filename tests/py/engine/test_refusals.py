"""The moment, the caller and the connection are not the result: none of them costs an attempt."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from running import SECONDS, client_of, ended, running, step_named, template, wait_for
from servers import rows

from tasker_sql import client as client_module
from tasker_sql.client import Client
from tasker_sql.errors import PermanentError, UnavailableError
from tasker_sql.ops.orchestrator import Exit
from tasker_sql.verdict import Whose, frames, verdict
from tasker_sql.worker.handlers import Registry, Step

pytestmark = pytest.mark.newest

STEPS: Final = 6
SETUP: Final = """
create table public.effects (step uuid);
create sequence public.refused;
create function public.works (context jsonb, results jsonb) returns jsonb language plpgsql as $$
begin
  perform pg_advisory_xact_lock_shared(7);
  insert into public.effects values (null);
  return '"done"';
end $$
"""
CUT: Final = """
select pg_terminate_backend(pid) from pg_stat_activity
 where datname = current_database() and application_name like 'tasker-sql/%test %'
"""
READ_ONLY: Final = (
    """
do $$ begin
  execute format('alter database %I set default_transaction_read_only = on', current_database());
end $$;
"""
    + CUT
)
WRITABLE: Final = (
    """
set transaction read write;
do $$ begin
  execute format('alter database %I reset default_transaction_read_only', current_database());
end $$;
"""
    + CUT
)


def trigger(sqlstate: str) -> tuple[str, str]:
    """A trigger of somebody else that refuses each completion; its sequence counts how often."""
    return (
        f"""
        create function public.audit () returns trigger language plpgsql as $$
        begin
          if new.state = 'complete' then
            perform nextval('public.refused');
            raise exception 'audit sink is down' using errcode = '{sqlstate}';
          end if;
          return new;
        end $$;
        create trigger audit before update on tasker.steps
          for each row execute function public.audit()
        """,
        "drop trigger audit on tasker.steps",
    )


def renamed(function: str) -> tuple[str, str]:
    return (
        f"alter function tasker.{function} rename to {function}_gone",
        f"alter function tasker.{function}_gone rename to {function}",
    )


# Of a runner that is not a superuser.
A_RIGHT: Final = "a right is missing"
RIGHTS: Final = (
    "revoke execute on all functions in schema tasker from limited, public",
    "grant execute on all functions in schema tasker to limited",
)

CODES = (
    *("P0001", "22023", "TK001", "TK006", "23514", "40001", "25006", "53100", "42883", "42501"),
    *("XX000", "ZZ999"),
)
FAULTS: Final = {
    **{f"a trigger raises {code}": trigger(code) for code in CODES},
    "_finish_steps is missing": renamed("_finish_steps"),
    "finish_and_claim is missing": renamed("finish_and_claim"),
    A_RIGHT: RIGHTS,
    "connections are cut": (CUT, ""),
    "the database is read-only": (READ_ONLY, WRITABLE),
}
MET: Final = (
    "trying again",
    "sent again",
    "runs again",
    "next try in",
    "open for",
    "not processed",
)


@contextmanager
def fault(dsn: str, do: str, undo: str, met: Any) -> Iterator[None]:
    rows(dsn, do)
    try:
        yield
        wait_for(met, "the fault")
    finally:
        with psycopg.connect(dsn) as connection:
            connection.execute(undo.encode() or b"select")


@pytest.fixture
def client(database: str) -> Iterator[Client]:
    rows(database, SETUP)
    with client_of(database) as client:
        yield client


@pytest.fixture
def limited(database: str) -> Iterator[str]:
    """The database, for a role that may do what a runner does."""
    rows(database, "drop role if exists limited; create role limited login")
    rows(database, "grant pg_read_all_data, pg_write_all_data to limited")
    for schema in ("tasker", "tasker_queues"):
        rows(database, f"grant execute on all functions in schema {schema} to limited")
    yield make_conninfo(database, user="limited")
    rows(database, "drop owned by limited; drop role limited")


class Handlers:
    """A plain handler and a transactional one, which wait until they may go on."""

    def __init__(self, registry: Registry) -> None:
        self.started = threading.Semaphore(0)
        self.go_on = threading.Event()
        self.runs = 0
        registry.handler("plain")(self.plain)
        registry.handler("transactional", transactional=True)(self.transactional)

    def plain(self, _: Step) -> str:
        self.runs += 1
        self.started.release()
        self.go_on.wait(SECONDS)
        return "done"

    def transactional(self, step: Step, connection: psycopg.Connection[Any]) -> str:
        self.started.release()
        self.go_on.wait(SECONDS)
        connection.execute("insert into effects values (%s)", [step.step_uuid])
        return "done"


DEFERRED: Final = {
    "key": """
create table public.orders (step uuid primary key);
alter table public.effects
  add foreign key (step) references public.orders deferrable initially deferred
""",
    "unique": """
alter table public.effects add one integer default 1 unique deferrable initially deferred;
insert into public.effects values (null)
""",
}
KINDS: Final = {
    "plain": {"callable": "plain"},
    "two hops": {"callable": "plain"},
    "transactional": {"callable": "transactional"},
    "sql": {"sql": "public.works"},
}


def all_is_well(dsn: str, client: Client, tasks: list[Any]) -> None:
    """Each step ran to its end once, by its first attempt."""
    for task in tasks:
        assert ended(client, task.task_uuid) == "complete"
    found = rows(dsn, "select state::text, attempt, result from tasker.steps")
    assert found == [("complete", 1, "done")] * len(tasks)
    assert rows(dsn, "select from tasker.step_failures") == []
    assert client.check_invariants() == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        pytest.param(name, kind, marks=() if kind == "plain" or not at else pytest.mark.slow)
        for at, name in enumerate(FAULTS)
        for kind in KINDS
        # An SQL handler's call of it has begun, and in two hops neither is called.
        if "is missing" not in name or kind in ("plain", "transactional")
    ],
)
def test_a_fault_that_passes_costs_nothing(
    database: str,
    limited: str,
    client: Client,
    registry: Registry,
    caplog: pytest.LogCaptureFixture,
    kind: str,
    name: str,
) -> None:
    """Six handlers are at work when it begins; each has one attempt."""
    caplog.set_level(logging.INFO)
    handlers = Handlers(registry)
    more: Any = {"handler": KINDS[kind], "retry": {"max_attempts": 1}}
    client.register_template(template({"a": []}, **more))
    tasks = client.create_tasks("test", "flow", [{}] * STEPS)
    with psycopg.connect(database) as gate:
        gate.execute("select pg_advisory_lock(7)")
        gate.commit()
        dsn = limited if name == A_RIGHT else database
        with running(dsn, registry, ["test"], slots=STEPS, two_hop=kind == "two hops"):
            if kind == "sql":
                wait_for(lambda: waiting(database) == STEPS, "six handlers")
            else:
                for _ in range(STEPS):
                    assert handlers.started.acquire(timeout=SECONDS)
            caplog.clear()
            with fault(database, *FAULTS[name], lambda: any(one in caplog.text for one in MET)):
                handlers.go_on.set()
                gate.execute("select pg_advisory_unlock(7)")
                gate.commit()
            all_is_well(database, client, tasks)
    if handlers.runs:
        assert handlers.runs == STEPS, "no handler ran twice"
    else:
        assert rows(database, "select count(*) from effects") == [(STEPS,)]


def waiting(dsn: str) -> int:
    found = rows(dsn, "select count(*) from pg_locks where locktype = 'advisory' and not granted")
    return int(found[0][0])


@pytest.mark.parametrize("setting", ["lock_timeout", "statement_timeout"])
@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=() if kind == "plain" else pytest.mark.slow) for kind in KINDS],
)
def test_a_lock_costs_nothing(
    database: str,
    client: Client,
    registry: Registry,
    caplog: pytest.LogCaptureFixture,
    kind: str,
    setting: str,
) -> None:
    """Somebody holds our tables, and the database has a short time limit."""
    caplog.set_level(logging.INFO)
    name = conninfo_to_dict(database)["dbname"]
    rows(database, f"alter database {name} set {setting} = '100ms'")
    handlers = Handlers(registry)
    handlers.go_on.set()
    more: Any = {"handler": KINDS[kind], "retry": {"max_attempts": 1}}
    client.register_template(template({"a": []}, **more))
    with running(database, registry, ["test"], slots=STEPS) as core:
        tasks = client.create_tasks("test", "flow", [{}])
        all_is_well(database, client, tasks)
        with psycopg.connect(database) as locker:
            locker.execute("set statement_timeout = 0; set lock_timeout = 0")
            locker.execute("lock table tasker.steps in access exclusive mode")
            wait_for(lambda: blocked(database), "somebody who waits")
            locker.commit()
        tasks += client.create_tasks("test", "flow", [{}] * STEPS)
        all_is_well(database, client, tasks)
        failed = [circuit.failed_calls for circuit in core.circuits]
    assert failed == [0, 0], "a lock says nothing about the server"


def blocked(dsn: str) -> bool:
    return bool(rows(dsn, "select from pg_stat_activity where wait_event_type = 'Lock'"))


def test_one_poisoned_step_holds_up_no_other(
    database: str, client: Client, registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    handlers = Handlers(registry)
    handlers.go_on.set()
    client.register_template(template({"a": []}, handler={"callable": "plain"}))
    bad, *good = client.create_tasks("test", "flow", [{}] * 50)
    do, undo = trigger("P0001")
    step = step_named(client, bad.task_uuid, "a").step_uuid
    do = do.replace(
        "new.state = 'complete'",
        f"new.state = 'complete' and new.step_id = (select tasker._step_id('{step}'))",
    )
    kept = "are kept, and sent again"
    with (
        fault(database, do, undo, lambda: kept in caplog.text),
        running(database, registry, ["test"], Exit.WORK_LEFT, slots=2, stop_within=2),
    ):
        for task in good:
            assert ended(client, task.task_uuid) == "complete"
        wait_for(lambda: rows(database, "select last_value from refused")[0][0] > 3)
    assert "1 of them with a result that is lost" in caplog.text
    assert handlers.runs == 50
    assert step_named(client, bad.task_uuid, "a").state == "in_progress"


@pytest.mark.parametrize("kind", ["transactional", "sql"])
def test_a_commit_that_is_not_answered_is_asked_for(
    database: str,
    client: Client,
    registry: Registry,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    handlers = Handlers(registry)
    handlers.go_on.set()
    lost = threading.Event()
    transaction, finish_with = Client.transaction, client_module._finish_with

    @contextmanager
    def unanswered(self: Client) -> Iterator[Any]:
        with transaction(self) as connection:
            yield connection
        if not lost.is_set() and "test handlers" in connection.info.get_parameters().get(
            "application_name", ""
        ):
            lost.set()
            self.close()
            raise UnavailableError("the connection was lost")

    def unheard(connection: Any, *arguments: Any) -> Any:
        found = finish_with(connection, *arguments)
        if not lost.is_set():
            lost.set()
            connection.close()
            raise psycopg.OperationalError("the connection was lost")
        return found

    monkeypatch.setattr(Client, "transaction", unanswered)
    monkeypatch.setattr(client_module, "_finish_with", unheard)
    more: Any = {"handler": KINDS[kind], "retry": {"max_attempts": 1}}
    client.register_template(template({"a": []}, **more))
    tasks = client.create_tasks("test", "flow", [{}] * 5)
    with running(database, registry, ["test"], slots=1):
        all_is_well(database, client, tasks)
    assert lost.is_set()
    assert rows(database, "select count(*) from effects") == [(5,)]


def test_a_transactional_handler_has_its_own_failures(
    database: str, client: Client, registry: Registry
) -> None:
    """What it asked for and was refused is its failure, by its own rules."""

    @registry.handler("a", transactional=True)
    def handle(step: Step, connection: psycopg.Connection[Any]) -> None:
        if step.attempt == 1:
            connection.execute("select * from nowhere")
        connection.close()
        raise PermanentError("no more")

    client.register_template(template({"a": []}))
    task = client.create_task("test", "flow").task_uuid
    with running(database, registry, ["test"]):
        assert ended(client, task) == "error"
    found = rows(database, "select error ->> 'type' from tasker.step_failures order by attempt")
    assert found == [("SqlError",), ("PermanentError",)]


@pytest.mark.parametrize(
    ("kind", "constraint", "code"),
    [
        ("transactional", "key", "23503"),
        ("transactional", "unique", "23505"),
        ("sql", "unique", "23505"),
    ],
)
def test_writes_that_cannot_be_committed_are_a_failure(
    database: str, client: Client, registry: Registry, kind: str, constraint: str, code: str
) -> None:
    """They break a constraint that is checked when the handler, and our own call, have ended."""
    rows(database, DEFERRED[constraint])
    handlers = Handlers(registry)
    handlers.go_on.set()
    retry = {"max_attempts": 2, "backoff_base_ms": 1}
    client.register_template(template({"a": []}, handler=KINDS[kind], retry=retry))
    task = client.create_task("test", "flow").task_uuid
    with running(database, registry, ["test"], slots=1):
        assert ended(client, task) == "error"
    told = "select attempt, error ->> 'code' from tasker.step_failures order by attempt"
    assert rows(database, told) == [(1, code), (2, code)]
    assert client.check_invariants() == []


OUTCOMES = """PL/pgSQL function tasker._outcomes(jsonb) line 31 at RAISE
PL/pgSQL function tasker.finish_and_claim(text,text,uuid,jsonb,integer,interval) line 24"""
GERMAN = "PL/pgSQL-Funktion tasker._outcomes(jsonb) Zeile 31 bei RAISE"
TRIGGERED = """PL/pgSQL function public.audit() line 4 at RAISE
SQL statement "update tasker.steps set result = '(tasker._outcomes(jsonb)'"
PL/pgSQL function tasker._complete(uuid,bigint[],jsonb,timestamp with time zone) line 12
PL/pgSQL function tasker.finish_and_claim(text,text,uuid,jsonb,integer,interval) line 24"""


@pytest.mark.parametrize(
    ("sqlstate", "context", "whose"),
    [
        (None, "", Whose.CONNECTION),
        ("22023", OUTCOMES, Whose.RESULT),
        ("22023", GERMAN, Whose.RESULT),
        ("22P05", "JSON data, line 1: ...", Whose.RESULT),
        ("TK006", OUTCOMES, Whose.RESULT),
        ("22023", TRIGGERED, Whose.OTHERS),
        ("TK001", TRIGGERED, Whose.OTHERS),
        ("TK001", "PL/pgSQL function tasker._stale(uuid,bigint[]) line 3", Whose.CLAIM),
        ("TK002", "PL/pgSQL function tasker._stale(uuid,bigint[]) line 3", Whose.CLAIM),
        ("TK002", "PL/pgSQL function tasker._namespace_id(text) line 3", Whose.CALLER),
        ("TK009", "PL/pgSQL function tasker.complete_step(uuid,uuid,jsonb)", Whose.NOBODY),
        ("P0001", TRIGGERED, Whose.OTHERS),
        ("23505", "", Whose.OTHERS),
        ("57014", "", Whose.TIME),
        ("55P03", TRIGGERED, Whose.MOMENT),
        ("53100", TRIGGERED, Whose.SERVER),
        ("25006", "", Whose.STANDBY),
        ("42501", "", Whose.RIGHT),
        ("42883", "", Whose.SCHEMA),
        ("57P05", "", Whose.CONNECTION),
    ],
)
def test_verdicts(sqlstate: str | None, context: str, whose: Whose) -> None:
    assert verdict(sqlstate, context).whose is whose


def test_a_constraint_of_others_is_about_their_writes_at_the_commit_only() -> None:
    assert verdict("23505", "", "public.orders").whose is Whose.WRITES
    assert verdict("23505", TRIGGERED, "public.audit").whose is Whose.OTHERS
    assert verdict("23505", "", "tasker.steps").whose is Whose.OTHERS


def test_functions_are_found_in_any_language() -> None:
    for line in (
        "PL/pgSQL function tasker._stale(uuid,bigint[]) line 3 at RAISE",
        "PL/pgSQL-Funktion tasker._stale(uuid,bigint[]) Zeile 3 bei RAISE",
        "fonction PL/pgSQL tasker._stale(uuid,bigint[]), ligne 3, à RAISE",
        "PL/pgSQL関数tasker._stale(uuid,bigint[])の3行目 - RAISE",
    ):
        assert frames(line) == ["tasker._stale"]
