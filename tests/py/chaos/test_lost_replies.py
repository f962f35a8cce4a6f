"""A caller that is killed before its commit leaves nothing behind; one that lost the reply calls
again, and nothing is done twice.

Each flow brings something from its beginning to its end. At each of its calls the caller is killed
before the commit; then it commits, and calls once more. What is in all tables is compared.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

import psycopg
import pytest
from psycopg.rows import dict_row
from servers import rows
from workflows import REPORT, definition, violations

CLOCK: Final = """
create sequence public.ticks;
create table public.clock as select timestamptz '2030-01-01 12:00Z' as moment;
create or replace function tasker._now () returns timestamptz language sql volatile as $$
  select moment + nextval('public.ticks') * interval '1 ms' from public.clock
$$
"""
PASS: Final = "update public.clock set moment = moment + %s::interval"
TABLES: Final = """
select format('%I.%I', relnamespace::regnamespace, relname)
  from pg_class
 where relkind = 'r'
   and (relnamespace = 'tasker'::regnamespace or relnamespace = 'pgmq'::regnamespace)
"""
WRITERS: Final = r"""
select proname::text from pg_proc
 where pronamespace = 'tasker'::regnamespace and proname not like '\_%' and provolatile = 'v'
"""
STEPS: Final = "select name, step_uuid::text from tasker.get_task_steps(%s)"
KILL: Final = "select pg_terminate_backend(%s, 10000)"

# What the answer to a call that is repeated says of itself.
SAYS_SO: Final = {"repeated": True, "created": False, "changed": False, "released": False}
NOTHING: Final = "nothing more to do"

Answer = str | list[dict[str, Any]]  # of an error, the SQLSTATE
Content = dict[str, list[str]]


@dataclass(frozen=True)
class Call:
    """A call; and what the same call says and writes when it is repeated.

    With `{repeat}` in the query it is refused, unless `p_repeat => true` stands there.
    """

    query: str
    differs: str = ""  # columns that are not as they were in the first answer
    writes: str = ""  # tables that are not as they were
    again: str = ""  # instead of the first answer: an SQLSTATE, or NOTHING

    @property
    def name(self) -> str:
        return str(re.findall(r"\w+\.(\w+)\(", self.query)[-1])


@dataclass(frozen=True)
class Pass:
    """Time goes by."""

    time: str


def call(query: str, **more: str) -> Call:
    return Call(f"select * from tasker.{query}", **more)


def register(name: str, steps: dict[str, list[str]], **more: Any) -> Call:
    return call(f"register_template('{definition(name, steps, **more)}')")


def create(template: str, options: str = "") -> Call:
    key = f'{{"idempotency_key": "k"{options}}}'
    return call(f"create_task('test', '{template}', '{{}}', '{key}')")


def claim(number: int, limit: int = 1) -> Call:
    request = f"00000000-0000-0000-0000-00000000000{number}"
    return call(
        f"claim_steps('test', 'w', {limit}, p_request => '{request}')",
        differs="lease_seconds timeout timeout_seconds",
    )


def done(step: str) -> Call:
    return call(f"complete_step(%({step})s, %({step}_token)s, '1'{{repeat}})")


def failed(step: str, retryable: str) -> Call:
    return call(f"fail_step(%({step})s, %({step}_token)s, '\"no\"', {retryable})")


def save(number: int) -> Call:
    given = f"%(load)s, %(load_token)s, '{number + 1}', {number}"
    return call(f"checkpoint_step({given}, null{{repeat}})")


def operate(verb: str, subject: str = "%(task)s", **more: str) -> Call:
    return call(f"{verb}({subject}, 'because')", **more)


def outcome(step: str) -> str:
    return f"""jsonb_build_array(jsonb_build_object('step_uuid', %({step})s::uuid))"""


SWEEP: Final = call("sweep()", again=NOTHING)
APPLY: Final = operate("apply_repair", "%(plan_uuid)s", again=NOTHING)
FINALIZE: Final = call(
    "claim_task_for_finalization(%(task)s, 'p')",
    differs="claimed already_claimed_by message finalization_attempt_uuid",
    writes="finalization_attempts finalization_events",
)
HANDLER: Final = {"handler": {"callable": "h"}}
APPROVAL: Final[dict[str, Any]] = {
    "name": "approval",
    "namespace_name": "test",
    "version": "1.0.0",
    "steps": [
        {"name": "draft"} | HANDLER,
        {
            "name": "approve",
            "wait": {"signal": "approved", "count": 2},
            "dependencies": ["draft"],
        },
        {"name": "ship", "dependencies": ["approve"]} | HANDLER,
    ],
}
REQUEST: Final = '{"namespace": "test", "name": "pair", "options": {"idempotency_key": "k"}}'
KEYS: Final = '{"idempotency_keys": ["a", "b", "c"]}'
NOON: Final = '{"template": "single", "cron": "0 13 * * *"}'
PAIR: Final[dict[str, list[str]]] = {"x": [], "y": []}

FLOWS: Final[dict[str, list[Call | Pass]]] = {
    "a wait is answered": [
        call(f"register_template('{json.dumps(APPROVAL)}')"),
        create("approval"),
        claim(1),
        call("send_signal(%(task)s, 'approved', '1', '{\"key\": \"early\"}')"),
        done("draft"),
        call("answer_wait(%(approve)s, '2')"),
        claim(2),
        done("ship"),
    ],
    "an attempt goes on from a checkpoint": [
        register("load", {"load": []}),
        create("load"),
        claim(1),
        save(0),
        call("heartbeat(%(load_token)s)", differs="lease_until", writes="claims"),
        failed("load", "true"),
        SWEEP,
        claim(2),
        save(1),
        call("sleep_step(%(load)s, %(load_token)s, '1 minute', '3'{repeat})"),
        Pass("2 minutes"),
        SWEEP,
        claim(3),
        Pass("2 minutes"),
        SWEEP,
        call("report_late_writes(%(load_token)s, array[%(load)s]::uuid[], 'w')"),
        claim(4),
        call("release_claim(%(load_token)s)", again=NOTHING),
        claim(5),
        call("skip_step(%(load)s, %(load_token)s, 'nothing to do'{repeat})"),
    ],
    "a deadline is over": [
        register("late", {"x": [], "y": ["x"]}),
        create("late", ', "deadline": "PT1H"'),
        call("set_deadline(%(task)s, '2030-01-01 12:10Z', 'hurry')", differs="previous"),
        claim(1),
        Pass("11 minutes"),
        SWEEP,
        call("complete_step(%(x)s, %(x_token)s)"),
        call("set_deadline(%(task)s, null, 'take your time')", differs="previous"),
        operate("retry_step", "%(x)s"),
        claim(2),
        done("x"),
        claim(3),
        call(f"report_steps(%(y_token)s, {outcome('y')})", differs="outcome"),
    ],
    "a tick is due": [
        register("single", {"only": []}),
        call(f"put_schedule('test', 'noon', '{NOON}')"),
        Pass("61 minutes"),
        SWEEP,
        claim(1),
        done("only"),
        operate("pause_schedule", "'test', 'noon'"),
        operate("resume_schedule", "'test', 'noon'"),
        call(
            "plan_backfill('test', 'noon', '2029-12-01', '2029-12-03')",
            differs="plan_uuid",
            writes="repair_plans",
        ),
        APPLY,
        operate("drop_schedule", "'test', 'noon'", again="TK002"),
    ],
    "there are two hops": [
        register("pair", PAIR),
        Call(
            f"select pgmq.send('orchestration_task_requests', '{REQUEST}')",
            differs="send",
            writes="q_orchestration_task_requests",
        ),
        call("process_task_requests()", again=NOTHING),
        claim(1, 2),
        call(f"submit_step_results(%(x_token)s, {outcome('x')})", again=NOTHING),
        call("process_step_results()", again=NOTHING),
        call(f"finish_and_claim('test', 'w', %(y_token)s, {outcome('y')})"),
    ],
    "an operator is at work": [
        register("pair", PAIR),
        call(f"create_tasks('test', 'pair', array_fill(jsonb '{{}}', '{{3}}'), '{KEYS}')"),
        operate("pause_namespace", "'test'"),
        operate("resume_namespace", "'test'"),
        operate("pause_template", "'test', 'pair'"),
        operate("resume_template", "'test', 'pair'"),
        operate("pause_task"),
        operate("resume_task"),
        claim(1, 2),
        failed("x", "false"),
        call("acknowledge_problem('dead_letters', 'template test/pair', 'known')"),
        operate("retry_step", "%(x)s"),
        operate("requeue_step", "%(y)s"),
        operate("resolve_step", "%(y)s"),
        call("complete_step_manually(%(x)s, '1', 'because')"),
        call("plan_repair('pause_task')", differs="plan_uuid", writes="repair_plans"),
        APPLY,
        operate("cancel_task", "%(task1)s", differs="cancelled_steps"),
        operate("resolve_task", "%(task2)s", differs="cancelled_steps"),
        call("set_limit('steps_per_call', 500, 'because')", differs="previous"),
        call("create_namespace('spare')"),
        call("drop_namespace('spare')", again="TK002"),
    ],
    "a processor ends a task": [
        register("external", {"only": []}, finalization="external"),
        create("external"),
        claim(1),
        done("only"),
        FINALIZE,
        call("release_finalization_claim(%(finalization_attempt_uuid)s)"),
        FINALIZE,
        call(
            "extend_finalization_claim(%(finalization_attempt_uuid)s)",
            differs="claimed_until",
            writes="finalization_claims finalization_events",
        ),
        call("finalize_task(%(task)s, %(finalization_attempt_uuid)s)", differs="finalized message"),
    ],
    "a runner reports": [
        call("create_namespace('test')"),
        call("await_work('{test}', 'r')", writes="waiters"),
        call(f"report_runner('r', '{json.dumps(REPORT)}')", writes="runners"),
        call("force_breaker('queue', 'open', 'because')"),
        call("release_breaker('queue', 'because')"),
    ],
}
# What workers and callers may send once more when all is over, for they are repeated by machines.
LATE: Final = {
    *("create_task", "create_tasks", "send_signal", "answer_wait"),
    *("complete_step", "fail_step", "skip_step", "sleep_step", "checkpoint_step", "heartbeat"),
    *("report_steps", "submit_step_results", "release_claim", "report_late_writes"),
}
# They are in no flow.
APART: Final = {
    "enqueue_steps": "a part of sweep",
    "finalize_tasks": "a part of sweep",
    "trigger_schedule": "each call makes a task",
    "wait_task": "it writes nothing",
    "work": "it commits by itself",
}


class Caller:
    """Somebody who calls, and is killed, or misses the reply."""

    def __init__(self, connection: psycopg.Connection[Any], dsn: str) -> None:
        self.connection, self.dsn = connection, dsn
        self.names: dict[str, Any] = {}  # of what was made and claimed

    def kill(self, call: Call) -> None:
        """Call, and be killed before the commit."""
        connection = psycopg.connect(self.dsn)
        self._ask(connection, call)
        assert rows(self.dsn, KILL, connection.info.backend_pid) == [(True,)]
        connection.close()

    def commit(self, call: Call, more: str = "") -> Answer:
        answer = self._ask(self.connection, call, more)
        self.connection.commit()
        return answer

    def _ask(self, connection: psycopg.Connection[Any], call: Call, more: str = "") -> Answer:
        query = call.query.replace("{repeat}", more).encode()
        try:
            return connection.cursor(row_factory=dict_row).execute(query, self.names).fetchall()
        except psycopg.Error as error:
            connection.rollback()
            return str(error.sqlstate)

    def note(self, answer: Answer) -> None:
        """Give names to what an answer speaks of."""
        if isinstance(answer, str):
            return
        for number, row in enumerate(answer):
            if "token" in row:
                self.names |= {row["name"]: row["step_uuid"], f"{row['name']}_token": row["token"]}
            elif "task_uuid" in row and row.get("created"):
                self.names[f"task{number or ''}"] = row["task_uuid"]
                self.names |= {} if number else dict(rows(self.dsn, STEPS, row["task_uuid"]))
            self.names |= {
                key: row[key] for key in row if key.endswith(("_attempt_uuid", "plan_uuid"))
            }

    def content(self) -> Content:
        """What is in each table."""
        tables = [table for (table,) in rows(self.dsn, TABLES)]
        query = " union all ".join(
            f"select '{table}', to_jsonb(entry)::text from {table} as entry" for table in tables
        )
        found: Content = {table: [] for table in tables}
        for table, entry in sorted(rows(self.dsn, query)):
            found[table].append(entry)
        return found


def changed(before: Content, after: Content) -> set[str]:
    """The tables of which the content is another."""
    tables = before.keys() | after.keys()
    return {table.split(".")[1] for table in tables if before.get(table) != after.get(table)}


def check_answer(call: Call, answer: Answer, again: Answer) -> None:
    """A call that is repeated gives the first answer, and says so."""
    if isinstance(again, str) or isinstance(answer, str) or call.again:
        assert again == (call.again or answer) or (call.again == NOTHING and again != answer)
        return
    apart = {*call.differs.split(), *SAYS_SO}
    for row, first in zip(again, answer, strict=True):
        same = row.keys() - apart
        assert {key: row[key] for key in same} == {key: first[key] for key in same}
        assert all(row[key] == SAYS_SO[key] for key in row.keys() & SAYS_SO.keys())


def check_late(caller: Caller, past: list[tuple[Call, dict[str, Any]]]) -> None:
    """However late a worker's call is repeated, it writes nothing."""
    before = caller.content()
    for call, names in past:
        if call.name in LATE:
            caller.names = names
            caller.commit(call)
    assert changed(before, caller.content()) == set()


@pytest.mark.newest
@pytest.mark.parametrize(
    "flow",
    [pytest.param(flow, marks=[pytest.mark.slow] * (len(FLOWS[flow]) > 20)) for flow in FLOWS],
)
def test_a_call_is_killed_or_its_reply_is_lost(database: str, flow: str) -> None:
    rows(database, CLOCK)
    past: list[tuple[Call, dict[str, Any]]] = []
    with psycopg.connect(database) as connection:
        caller = Caller(connection, database)
        for call in FLOWS[flow]:
            if isinstance(call, Pass):
                rows(database, PASS, call.time)
                continue
            before = caller.content()
            caller.kill(call)
            assert changed(before, caller.content()) == set(), f"{call.name} left something"
            answer = caller.commit(call)
            after = caller.content()
            assert changed(before, after) or answer == "TK001", f"{call.name} did nothing"
            if "{repeat}" in call.query:
                assert caller.commit(call) == "TK009"
            again = caller.commit(call, ", p_repeat => true")
            print(call.name, answer, again, sep="\n  ")
            assert changed(after, caller.content()) <= {*call.writes.split()}
            check_answer(call, answer, again)
            past.append((call, dict(caller.names)))
            caller.note(answer)
        check_late(caller, past)
    assert violations(database) == []


@pytest.mark.newest
def test_every_function_that_writes_is_in_a_flow(database: str) -> None:
    played = {call.name for flow in FLOWS.values() for call in flow if isinstance(call, Call)}
    assert {name for (name,) in rows(database, WRITERS)} == (played - {"send"}) | APART.keys()
