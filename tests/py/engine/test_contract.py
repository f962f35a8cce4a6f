"""What a worker in any language may rely on, where more than one session takes part."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

import corpus
import psycopg
import pytest
from psycopg import IsolationLevel
from running import client_of, template, wait_for
from servers import rows
from sessions import Session
from workflows import CANCEL, claim, create, define, later, run_all, sweep, violations

from tasker_sql import errors
from tasker_sql.client import Client
from tasker_sql.schema import migrations as schema
from tasker_sql.schema import truth

Opener = Callable[..., list[Session]]

WAIT = "select state from tasker.wait_task(%s, '10 seconds')"
REPORT = "select outcome, code, step_state from tasker.report_steps(%s, %s)"
BEAT = """
select cardinality(cancelled_step_uuids), cardinality(finished_step_uuids),
       cardinality(lost_step_uuids), lease_until is null
  from tasker.heartbeat(%s, null, %s::uuid[])
"""


def reports(*steps: str) -> str:
    return json.dumps([{"step_uuid": step, "result": 1} for step in steps])


def held(dsn: str, *names: str) -> tuple[dict[str, str], str]:
    """The steps of a task, one of each name, claimed together; and their token."""
    define(dsn, "flow", {name: [] for name in names})
    create(dsn, "flow")
    claimed = claim(dsn, len(names))
    ((token,),) = {(token,) for _, token in claimed.values()}
    return {name: step for name, (step, _) in claimed.items()}, token


# Waiting for the end -----------------------------------------------------------------------------


def test_who_waits_sees_the_commit_that_ends_the_task(sessions: Opener, database: str) -> None:
    (a, b) = sessions("a", "b")
    steps, token = held(database, "only")
    ((task,),) = rows(database, "select task_uuid::text from tasker.list_tasks()")
    b.run("select tasker._now()")  # a statement before: b has a transaction, but no old snapshot
    waiting = b.start(WAIT, task)
    wait_for(lambda: is_waiting(database, "b"), "the wait")
    a.run(REPORT, token, reports(steps["only"]))
    assert not waiting.done(), "what is not committed has not happened"
    a.commit()
    assert waiting.result(10) == [("complete",)]


def is_waiting(dsn: str, name: str) -> bool:
    query = "select wait_event from pg_stat_activity where application_name = %s"
    return rows(dsn, query, name) == [("PgSleep",)]


@pytest.mark.parametrize("level", [IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE])
def test_an_old_snapshot_is_not_waited_with(database: str, level: IsolationLevel) -> None:
    define(database, "flow", {"only": []})
    (task,) = map(UUID, create(database, "flow"))
    with psycopg.connect(database) as connection:
        connection.isolation_level = level
        connection.execute("set statement_timeout = '5s'")  # it would be ended
        client = Client(connection)
        assert client.wait_task(task).state == "pending"
        with pytest.raises(RuntimeError, match="wait outside of it"):
            client.wait(task)


class TestResult:
    def test_of_one_last_step_is_its_result(self, database: str) -> None:
        with client_of(database) as client:
            client.register_template(template({"a": [], "b": ["a"]}))
            task = client.create_task("test", "flow")
            ended: list[Any] = []
            waiter = threading.Thread(target=lambda: ended.append(result_of(database, task)))
            waiter.start()
            for number in range(2):
                (step,) = client.claim_steps("test", "w")
                client.complete_step(step.step_uuid, step.token, {"n": number})
            waiter.join(20)
            assert ended == [{"n": 1}]
            assert client.result(task.task_uuid) == {"n": 1}

    def test_of_several_is_a_dict(self, database: str) -> None:
        with client_of(database) as client:
            client.register_template(template({"a": [], "b": ["a"], "c": ["a"]}))
            task = client.create_task("test", "flow")
            while steps := client.claim_steps("test", "w", 2):
                for step in steps:
                    client.complete_step(step.step_uuid, step.token, step.name)
            assert client.result(task, timeout=0) == {"b": "b", "c": "c"}
            assert [row.name for row in client.task_results(task.task_uuid)] == ["a", "b", "c"]

    def test_of_a_failure_says_which_step_and_why(self, database: str) -> None:
        with client_of(database) as client:
            client.register_template(template({"a": [], "b": ["a"]}))
            task = client.create_task("test", "flow")
            (step,) = client.claim_steps("test", "w")
            error = {"message": "no", "type": "E", "traceback": "line 7"}
            client.fail_step(step.step_uuid, step.token, error, retryable=False)
            with pytest.raises(errors.TaskFailed, match="is error: step a failed: no") as caught:
                client.result(task)
            failed = caught.value
            assert (failed.state, failed.step, failed.traceback) == ("error", "a", "line 7")
            assert failed.task_uuid == task.task_uuid and failed.error["type"] == "E"

    def test_of_a_cancelled_task_says_so(self, database: str) -> None:
        with client_of(database) as client:
            client.register_template(template({"a": []}))
            task = client.create_task("test", "flow")
            client.cancel_task(task.task_uuid, "not wanted")
            with pytest.raises(errors.TaskFailed, match="is cancelled") as caught:
                client.result(task)
            assert caught.value.step is None and caught.value.traceback == ""

    def test_that_does_not_come_is_a_timeout(self, database: str) -> None:
        with client_of(database) as client:
            client.register_template(template({"a": []}))
            task = client.create_task("test", "flow")
            with pytest.raises(
                TimeoutError, match=r"is pending after 0\.01 s, and waits: a: .* no live worker"
            ):
                client.wait(task, timeout=0.01)
            with pytest.raises(errors.NotFoundError):
                client.wait(UUID(int=5), timeout=1)


def result_of(dsn: str, task: Any) -> Any:
    with client_of(dsn) as client:
        return client.result(task, timeout=20)


# Outcomes, one by one ----------------------------------------------------------------------------


def test_a_report_waits_for_a_cancellation_and_applies_the_rest(
    sessions: Opener, database: str
) -> None:
    """It may not be decided before the cancellation is, or it would be refused whole."""
    a, b = sessions("a", "b")
    define(database, "single", {"only": []})
    gone, _ = create(database, "single", 2)
    query = "select step_uuid::text, token::text from tasker.claim_steps('test', 'w', 2)"
    (first, token), (second, _) = rows(database, query)
    a.run(CANCEL, gone)
    waiting = b.blocks(REPORT, token, reports(first, second))
    a.commit()
    said = sorted(waiting.result(), key=str)
    b.commit()
    assert said == [("applied", None, "complete"), ("refused", "TK001", "cancelled")]
    assert violations(database) == []


def test_the_same_report_twice_at_once_is_applied_once(sessions: Opener, database: str) -> None:
    a, b = sessions("a", "b")
    steps, token = held(database, "x", "y")
    a.run(REPORT, token, reports(*steps.values()))
    waiting = b.blocks(REPORT, token, reports(*steps.values()))
    a.commit()
    assert waiting.result() == [("repeated", None, "complete")] * 2
    b.commit()
    assert violations(database) == []


def test_two_reports_of_one_claim_both_end(sessions: Opener, database: str) -> None:
    a, b = sessions("a", "b")
    steps, token = held(database, "x", "y")
    a.run(REPORT, token, reports(steps["x"]))
    waiting = b.blocks(REPORT, token, reports(steps["y"]))
    a.commit()
    assert waiting.result() == [("applied", None, "complete")]
    b.commit()
    assert rows(database, "select state from tasker.list_tasks()") == [("complete",)]
    assert violations(database) == []


def test_a_report_takes_the_claim_before_its_steps(sessions: Opener, database: str) -> None:
    """As everybody does; else it would hold the steps while it waits for the claim."""
    a, b = sessions("a", "b")
    steps, token = held(database, "x", "y")
    a.run("select from tasker.heartbeat(%s)", token)
    waiting = b.blocks(REPORT, token, reports(*steps.values()))
    a.run("select from tasker.complete_step(%s, %s)", steps["x"], token)
    a.commit()
    assert sorted(waiting.result()) == [
        ("applied", None, "complete"),
        ("repeated", None, "complete"),
    ]
    b.commit()
    assert violations(database) == []


def test_an_expired_claim_is_taken_back_or_reported(sessions: Opener, database: str) -> None:
    (a,) = sessions("a")
    steps, token = held(database, "x", "y")
    later(database, "1 minute")
    a.run(REPORT, token, reports(steps["x"]))
    assert sweep(database, "claims_taken_back") == 0, "somebody is at it"
    a.commit()
    assert sweep(database, "claims_taken_back") == 1
    said = rows(database, REPORT, token, reports(*steps.values()))
    assert sorted(said, key=str) == [
        ("refused", "TK001", "enqueued"),
        ("repeated", None, "complete"),
    ]
    assert violations(database) == []


# A heartbeat and a claim in part -----------------------------------------------------------------


def test_a_beat_that_crosses_the_last_report_says_that_it_is_finished(
    sessions: Opener, database: str
) -> None:
    a, b = sessions("a", "b")
    steps, token = held(database, "x", "y")
    a.run(REPORT, token, reports(*steps.values()))
    waiting = b.blocks(BEAT, token, [*steps.values()])
    a.commit()
    assert waiting.result() == [(0, 2, 0, True)]
    b.commit()


def test_a_step_is_given_back_or_reported_but_not_both(sessions: Opener, database: str) -> None:
    a, b = sessions("a", "b")
    steps, token = held(database, "x", "y")
    query = "select step_uuid::text from tasker.release_claim(%s, array[%s]::uuid[])"
    assert a.run(query, token, steps["x"]) == [(steps["x"],)]
    waiting = b.blocks(REPORT, token, reports(*steps.values()))
    a.commit()
    assert sorted(waiting.result(), key=str) == [
        ("applied", None, "complete"),
        ("refused", "TK001", "enqueued"),
    ]
    b.commit()
    assert list(claim(database, 2)) == ["x"]
    assert violations(database) == []


# Finalizing from outside -------------------------------------------------------------------------

PROCESS = """
select claimed, already_claimed_by, message from tasker.claim_task_for_finalization(%s, %s)
"""


@pytest.fixture
def finalizable(database: str) -> str:
    """A task whose steps have ended, and which waits for a processor."""
    define(database, "external", {"only": []}, finalization="external")
    (task,) = create(database, "external")
    run_all(database)
    return task


@pytest.mark.parametrize(
    "first",
    [
        "select from tasker.claim_task_for_finalization(%s, 'p')",
        "select from tasker.finalize_task(%s)",
        "select from tasker.cancel_task(%s, 'no need')",
    ],
)
def test_a_processor_does_not_wait_for_another_one(
    sessions: Opener, database: str, finalizable: str, first: str
) -> None:
    a, b, c = sessions("a", "b", "c")
    a.run(first, finalizable)
    assert b.run(PROCESS, finalizable, "q") == [(False, None, "already_claimed")]
    b.commit()
    a.rollback()
    assert c.run(PROCESS, finalizable, "r") == [(True, None, "claimed")], "nothing was left behind"
    c.commit()
    assert b.run(PROCESS, finalizable, "q") == [(False, "r", "already_claimed")]
    b.commit()
    query = "select processor_id, reason from tasker.past_finalization_attempts"
    assert rows(database, query) == [("q", "already_claimed")] * 2
    assert violations(database) == []


@pytest.mark.parametrize("verb", ["extend", "release"])
def test_a_processor_does_not_wait_for_one_whose_time_is_over(
    sessions: Opener, database: str, finalizable: str, verb: str
) -> None:
    a, b = sessions("a", "b")
    query = "select finalization_attempt_uuid from tasker.claim_task_for_finalization(%s, 'p')"
    ((attempt,),) = rows(database, query, finalizable)
    later(database, "1 minute")
    a.run(f"select from tasker.{verb}_finalization_claim(%s)", attempt)
    assert b.run(PROCESS, finalizable, "q") == [(False, None, "already_claimed")]
    a.commit()
    after = {"extend": (False, "p", "already_claimed"), "release": (True, None, "claimed")}
    assert b.run(PROCESS, finalizable, "q") == [after[verb]]
    b.commit()
    assert violations(database) == []


# Null means default ------------------------------------------------------------------------------

DEFAULTS = r"""
select proname::text, proargnames[n], pg_get_function_arg_default(oid, n), prosrc
  from pg_proc, generate_series(1, pronargs) as n
 where pronamespace = 'tasker'::regnamespace
   and proname not like '\_%'
   and prokind = 'f'
   and pg_get_function_arg_default(oid, n) not like 'NULL%'
"""
INTEGERS = r"""
select proname::text from pg_proc
 where pronamespace = 'tasker'::regnamespace and proname not like '\_%'
   and 'integer'::regtype = any (proargtypes)
"""
# Handed on as it is to a function that knows the default.
HANDED_ON = {("sweep", "p_limit"), ("create_task", "p_options")}
# The default is not a constant; or null within it means the same, too.
RECKONED = {
    ("create_tasks", "p_options"),
    ("get_slowest_steps", "p_since"),
    ("get_slowest_tasks", "p_since"),
}


@pytest.mark.newest
def test_null_means_default_in_every_public_function(database: str) -> None:
    """That is what clients with optional arguments send."""
    world = corpus.World(database)
    functions = {function.name: function for function in corpus.functions(database)}
    refused, other = set(), set()
    found = rows(database, DEFAULTS)
    with psycopg.connect(database) as connection:
        for name, argument, default, body in found:
            function = functions[name]
            given = world.arguments(function) | {argument: None}
            case = function.call(given, name)
            try:
                with connection.transaction(force_rollback=True):
                    connection.execute(case.query.encode(), case.given)
            except psycopg.Error:
                refused.add(name)
            constant = default.split("::")[0].replace("'00:00:30'", "'30 seconds'")
            constant = constant.replace("'00:00:05'", "'5 seconds'")
            coalesced = rf"coalesce\([^;]*\b{argument}\b[^;]*?, {re.escape(constant)}\)"
            if (name, argument) not in HANDED_ON | RECKONED and not re.search(coalesced, body):
                other.add(name)
    assert len(found) > 20
    assert refused == set()
    assert other == set(), "null means something else than the default"


@pytest.mark.newest
def test_counts_are_bigint_at_the_door(database: str) -> None:
    """JDBC's setLong finds no function with integer."""
    assert rows(database, INTEGERS) == []


# What the database says of itself ----------------------------------------------------------------

PUBLIC = r"""
select proname::text, pronargs, array_remove(string_to_array(proargmodes::text, ','), 'i')
  from pg_proc where pronamespace = 'tasker'::regnamespace and proname not like '\_%'
"""
SQL_README = (truth.SQL / "README.md").read_text()
RESERVED = {"TK004", "TK005"}


@pytest.mark.newest
class TestReference:
    def test_names_every_public_function_and_view_once(self, database: str) -> None:
        query = r"""
        select proname::text from pg_proc
         where pronamespace = 'tasker'::regnamespace and proname not like '\_%'
        union all
        select relname::text from pg_class
         where relnamespace = 'tasker'::regnamespace and relkind = 'v' and relname not like '\_%'
        """
        named = [name for (name,) in rows(database, "select name from tasker.reference")]
        assert sorted(named) == sorted(name for (name,) in rows(database, query))

    def test_its_sections_are_the_folders(self, database: str) -> None:
        """A new public name belongs into sql/views/ask_about/_sections.sql."""
        folders = {
            file.stem: file.parent.name
            for file in truth.SQL.glob("**/*.sql")
            if not file.stem.startswith("_")
        }
        found = rows(database, "select name, section from tasker.reference")
        assert dict(found) == folders
        query = "select section from tasker._sections order by place"
        headings = re.findall(r"^### (\w+)$", SQL_README, re.MULTILINE)
        sections = [section for (section,) in rows(database, query)]
        assert sections == [name for name in headings if name in sections]

    def test_says_what_comes_back(self, database: str) -> None:
        query = "select arguments, returns, codes from tasker.reference where name = %s"
        ((arguments, returns, codes),) = rows(database, query, "heartbeat")
        assert arguments.startswith("p_token uuid, p_lease interval DEFAULT")
        assert returns.startswith("TABLE(lease_until timestamptz, cancelled_step_uuids uuid[]")
        assert codes == ["22023", "TK001"]
        ((arguments, returns, codes),) = rows(database, query, "error_codes")
        assert (arguments, codes) == ("", [])
        assert returns == "TABLE(code text, about text, meaning text, remedy text)"

    def test_says_of_each_function_the_codes_that_its_header_names(self, database: str) -> None:
        wrong = {}
        for name, codes in rows(
            database, "select name, codes from tasker.reference where kind = 'function'"
        ):
            header = re.search(
                r"^-- Raises (.*\n(?:-- {5,}.*\n)*)", truth.read()[name], re.MULTILINE
            )
            said = set(re.findall(r"TK\d{3}|22023", header[1])) if header else set()
            if "as " not in (header[1] if header else "") and said != set(codes):
                wrong[name] = said ^ set(codes)
        assert not wrong


@pytest.mark.newest
class TestCodes:
    def test_are_those_of_the_readme(self, database: str) -> None:
        query = "select code, meaning, remedy from tasker.error_codes"
        lines = [
            f"| {code} | {meaning} | {then} |" for code, meaning, then in rows(database, query)
        ]
        section = SQL_README.split("## Error codes")[1].split("This is the view")[0]
        assert [line for line in section.splitlines() if line.startswith("| ")][1:] == lines

    def test_are_all_that_is_raised_and_have_classes(self, database: str) -> None:
        codes = {code for (code,) in rows(database, "select code from tasker.error_codes")}
        raised = {
            code
            for text in truth.read().values()
            for code in re.findall(r"errcode *= '(\w+)'", text)
        }
        assert raised - codes == {"55P03"}, "a code of PostgreSQL's own: come again"
        assert codes - raised == {"TK100"}, "which handlers raise"
        assert set(errors.BY_CODE) - RESERVED - {"42883"} == codes - {"TK100"}


@pytest.mark.newest
def test_the_contract_is_what_the_catalog_has(database: str) -> None:
    with client_of(database) as client:
        contract = client.contract()
        limits = {limit.name: limit.value for limit in client.list_limits()}
    assert contract["contract"] == "1.0" and contract["engine"] == schema.head()
    assert contract["functions"].keys() == {name for name, _, _ in rows(database, PUBLIC)}
    beat = contract["functions"]["heartbeat"]
    assert beat["arguments"] == [
        {"name": "p_token", "type": "uuid"},
        {"name": "p_lease", "type": "interval", "default": "'00:00:30'::interval"},
        {"name": "p_step_uuids", "type": "uuid[]", "default": "NULL::uuid[]"},
    ]
    assert beat["columns"][0] == {"name": "lease_until", "type": "timestamp with time zone"}
    assert len(beat["columns"]) == 5 and beat["codes"] == ["22023", "TK001"]
    assert beat["comment"].startswith("Extends a claim's lease")
    assert contract["functions"]["contract"]["columns"] == []
    assert contract["codes"]["TK001"]["about"] == "claim"
    assert {name: limit["value"] for name, limit in contract["limits"].items()} == limits
