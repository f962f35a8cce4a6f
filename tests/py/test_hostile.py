"""Whatever comes in through a public function is done, or refused with a documented code.

Each function is called with each hostile value for each of its arguments, the others being good.
Nothing may end the connection, and what is refused may not be done by half.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from psycopg.pq import ExecStatus
from servers import rows
from workflows import definition, violations

pytestmark = pytest.mark.newest

# Ours, bad values (and JSON that PostgreSQL refuses), and JSON that is too deep.
DOCUMENTED = re.compile(r"TK00[1-8]|22[0-9A-Z]{3}|54001")

DEEP = 10_000
LARGE = "x" * 10_000_000

TEXTS = [
    None,
    "",
    " ",
    'x"; drop table tasker.steps; --',
    "'; select pg_sleep(1); --",
    "q_test_queue",
    "../../etc/passwd",
    "%s %I %L %n $1 {} \\",
    "a\nb\tc\rd\x01\x7f",
    "ZaŻółć Ω 漢字 🚀 e\u0301 \u202eabc\u200b\ufeff",
    "test\u00a0",
    "TEST",
    "x" * 33,
    "9.9.9",
    "999999999.999999999.999999999",
    "null",
]
JSONS = [
    None,
    "null",
    "true",
    "-1",
    "1e300",
    "-1e300",
    "1e-300",
    "2147483648",
    "9223372036854775808",
    '""',
    '"NaN"',
    '"infinity"',
    '"\\u0000"',
    '{"\\u0000": 1}',
    '"\\ud800"',
    "{}",
    "[]",
    "[null]",
    "[[]]",
    "[{}]",
    '{"": ""}',
    '{"__proto__": {"a": 1}}',
    "nonsense",
    "[" * DEEP + "]" * DEEP,
    '{"a":' * DEEP + "1" + "}" * DEEP,
    "[" * 500 + "]" * 500,
    json.dumps(LARGE),
    json.dumps({"message": LARGE}),
    json.dumps([0] * 200_000),
]
INTEGERS = [
    None,
    "0",
    "-1",
    "1",
    "1000000",
    "2147483647",
    "-2147483648",
    "2147483648",
    "1e300",
    "NaN",
]
INTERVALS = [
    *(None, "0", "-1 second", "1 microsecond", "infinity", "-infinity", "178000000 years"),
    *("-178000000 years", "2147483647 months", "1e300 seconds", "NaN", ""),
]
TIMES = [
    *(None, "infinity", "-infinity", "294276-12-31", "294277-01-01", "4713-01-01 BC", "epoch"),
    *("now", "2026-02-30", "NaN", ""),
]
UUIDS = [
    *(None, "", "x", "00000000-0000-0000-0000-000000000000"),
    *("ffffffff-ffff-ffff-ffff-ffffffffffff", "01a20703-dd95-78db-bfff-ffffffffffff"),
]
HOSTILE: dict[str, list[str | None]] = {
    "text": TEXTS,
    "jsonb": JSONS,
    "integer": INTEGERS,
    "interval": INTERVALS,
    "timestamp with time zone": TIMES,
    "uuid": UUIDS,
    "boolean": [None, "true", "false", "2"],
    "text[]": [
        None,
        "{}",
        "{NULL}",
        "{{a},{b}}",
        '{"x\\"; drop table y"}',
        "{test,test}",
        "nonsense",
    ],
    "uuid[]": [None, "{}", "{NULL}", "{{00000000-0000-0000-0000-000000000000}}", "{x}"],
    "jsonb[]": [None, "{}", "{NULL}", '{"null"}', '{{"{}"},{"{}"}}', '{"{}",NULL}', '{"1","2"}'],
}

FUNCTIONS = """
select p.proname::text, argument.name, format_type(argument.type, null)
  from pg_proc as p
 cross join unnest(p.proargnames[1:p.pronargs], p.proargtypes) as argument (name, type)
 where p.pronamespace = 'tasker'::regnamespace
   and p.proname not like '\\_%%'
   and p.prokind = 'f'
"""


@pytest.fixture
def good(database: str) -> dict[str, str]:
    """A good value for each argument: a task of which a step is claimed."""
    template = definition("single", {"only": [], "other": []}, finalization="external")
    rows(database, "select from tasker.register_template(%s)", template)
    ((task,),) = rows(
        database, "select task_uuid::text from tasker.create_task('test', 'single', '{}', '{}')"
    )
    ((step, token),) = rows(
        database, "select step_uuid::text, token::text from tasker.claim_steps('test', 'w', 1)"
    )
    return {
        "p_namespace": "test",
        "p_name": "single",
        "p_task": "single",
        "p_version": "1.0.0",
        "p_context": "{}",
        "p_contexts": '{"{}"}',
        "p_options": "{}",
        "p_filter": "{}",
        "p_worker": "w",
        "p_processor_id": "p",
        "p_limit": "1",
        "p_lease": "30 seconds",
        "p_for": "30 seconds",
        "p_timeout_seconds": "30",
        "p_task_uuid": task,
        "p_task_uuids": f"{{{task}}}",
        "p_before": task,
        "p_step_uuid": step,
        "p_step_uuids": f"{{{step}}}",
        "p_token": token,
        "p_finalization_attempt_uuid": token,
        "p_result": "1",
        "p_error": "1",
        "p_retryable": "true",
        "p_retry_after": "1 second",
        "p_outcomes": json.dumps([{"step_uuid": step, "result": 1}]),
        "p_reason": "why",
        "p_since": "2026-01-01",
        "p_namespaces": "{test}",
        "p_definition": definition("another", {"only": []}),
    }


def signatures(dsn: str) -> dict[str, dict[str, str]]:
    """The arguments of each public function, with their types."""
    found: dict[str, dict[str, str]] = {}
    for function, argument, kind in rows(dsn, FUNCTIONS.replace("%%", "%")):
        found.setdefault(function, {})[argument] = kind
    return found


def calls(dsn: str, good: dict[str, str]) -> Iterator[tuple[str, list[str | None], str]]:
    """A query, its arguments, and what is hostile in it."""
    for function, kinds in signatures(dsn).items():
        named = ", ".join(f"{name} => %s::{kind}" for name, kind in kinds.items())
        query = f"select * from tasker.{function}({named})"
        for hostile, kind in kinds.items():
            for value in HOSTILE[kind]:
                given = [value if name == hostile else good[name] for name in kinds]
                yield query, given, f"{function}({hostile} => {str(value)[:60]})"


def refusal(connection: Connection, query: str, given: list[Any], keep: bool) -> str | None:
    """The code with which a call is refused; nothing when it is done."""
    try:
        with connection.transaction(force_rollback=not keep):
            connection.execute(query.encode(), given)
    except psycopg.Error as error:
        assert not connection.closed, error
        return f"{error.sqlstate}" if error.sqlstate else f"{error}"
    return None


@pytest.mark.parametrize("keep", [False, True], ids=["each_for_itself", "one_after_the_other"])
def test_every_argument_is_guarded(database: str, good: dict[str, str], keep: bool) -> None:
    wrong = []
    tried = set()
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("set statement_timeout = '20s'")
        connection.execute("set client_min_messages = error")
        for query, given, what in calls(database, good):
            code = refusal(connection, query, given, keep)
            tried.add(code)
            if code is not None and not DOCUMENTED.fullmatch(code):
                wrong.append((code, what))
    assert wrong == []
    assert {"22023", "TK001", "TK002", "TK003", "TK006", None} <= tried
    assert violations(database) == []


# Places inside a definition, options or outcomes, and what does not belong there.
STRANGE: list[Any] = [
    *(None, True, -1, 0, 1.5, 1e300, -1e300, 2**31, 2**63, "", "x" * 5000, "\n", "NaN", "infinity"),
    *('x"; drop table y', [], [[]], [None], {}, {"a": None}, "294276-01-01T00:00Z", "🚀"),
]


def spoiled(value: Any) -> Iterator[Any]:
    """Copies of a JSON value, each with one place in it replaced, added or left out."""
    if isinstance(value, dict):
        for key in value:
            yield {other: value[other] for other in value if other != key}
            for inner in spoiled(value[key]):
                yield value | {key: inner}
        yield value | {"unknown": 1}
    elif isinstance(value, list):
        yield value + value
        for place, item in enumerate(value):
            for inner in spoiled(item):
                yield [*value[:place], inner, *value[place + 1 :]]
    yield from STRANGE


RETRY = {
    "retryable": True,
    "max_attempts": 3,
    "backoff": "linear",
    "backoff_base_ms": 1,
    "max_backoff_ms": 10,
    "jitter": True,
}
DEFINITION = {
    "name": "n",
    "namespace_name": "other",
    "version": "1.0.0",
    "description": "d",
    "metadata": {},
    "input_schema": {"type": "object"},
    "finalization": "inline",
    "steps": [
        {
            "name": "a",
            "description": "d",
            "namespace": "test",
            "dependencies": [],
            "handler": {"callable": "a", "initialization": {"k": 1}},
            "timeout_seconds": 5,
            "retry": RETRY,
        },
        {"name": "b", "handler": {"sql": "a.b"}, "dependencies": ["a"]},
    ],
}
OPTIONS = {
    "version": "1.0.0",
    "idempotency_key": "k",
    "priority": "high",
    "tags": ["t"],
    "reason": "r",
    "run_at": "2030-01-01T00:00Z",
    "initiator": "i",
    "source_system": "s",
}


def test_every_place_in_json_is_guarded(database: str, good: dict[str, str]) -> None:
    step = good["p_step_uuid"]
    outcomes = [{"step_uuid": step, "error": "e", "retryable": True, "retry_after_seconds": 1}]
    request = {"namespace": "test", "name": "single", "context": {}, "options": {}}
    places = [
        ("select * from tasker.register_template(%s)", DEFINITION),
        ("select * from tasker.create_task('test', 'single', '{}', %s)", OPTIONS),
        ("select * from tasker.list_tasks(%s)", {"namespace": "test", "state": "pending"}),
        (f"select * from tasker.submit_step_results('{good['p_token']}', %s)", outcomes),
        (f"select * from tasker.finish_and_claim('test', 'w', '{good['p_token']}', %s)", outcomes),
        ("select pgmq.send('orchestration_task_requests', %s)", request),
        ("select pgmq.send('orchestration_step_results', %s)", {"submission_id": 1}),
        (
            "select pgmq.send('orchestration_step_results', %s)",
            {"token": good["p_token"], "outcomes": outcomes},
        ),
        ("select pgmq.send('test_queue', %s)", {"step_id": 1}),
    ]
    wrong = []
    with psycopg.connect(database, autocommit=True) as connection:
        for query, right in places:
            for value in spoiled(right):
                code = refusal(connection, query, [json.dumps(value)], "pgmq" in query)
                if code is not None and not DOCUMENTED.fullmatch(code):
                    wrong.append((code, query, str(value)[:200]))
        assert wrong == []
        # What came as a message is read to the end, whatever is in it; results that came in full
        # leave a pointer behind that leads nowhere.
        for processor in ("process_task_requests", "process_step_results"):
            query = f"select error from tasker.{processor}(1000)"
            answers = connection.execute(query.encode()).fetchall()
            assert len(answers) > 20
            assert connection.execute(query.encode()).fetchall() in ([], [(None,)])
            assert connection.execute(query.encode()).fetchall() == []
        assert connection.execute("select * from tasker.claim_steps('test', 'w', 1000)").fetchall()
    assert violations(database) == []


def test_bytes_that_are_no_text_are_refused(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        for query in (
            b"select * from tasker.create_namespace($1)",
            b"select * from tasker.register_template($1)",
            b"select * from tasker.claim_steps('test', $1)",
        ):
            for bad in (b"\xff\xfe", b"\xc0\x80", b"\xed\xa0\x80", b'"\xf8"'):
                done = connection.pgconn.exec_params(query, [bad])
                assert done.status == ExecStatus.FATAL_ERROR
                assert done.error_field(psycopg.pq.DiagnosticField.SQLSTATE) == b"22021"
        assert connection.execute("select 1").fetchone() == (1,)


@pytest.mark.parametrize("place", range(len(JSONS)))
def test_a_step_can_always_at_least_fail(database: str, place: int) -> None:
    """Its result may be refused; then it fails, with the refusal or that very thing as error."""
    hostile = JSONS[place]
    template = definition("single", {"only": []}, retry={"max_attempts": 3})
    rows(database, "select from tasker.register_template(%s)", template)
    rows(
        database,
        "select from tasker.create_tasks('test', 'single', array_fill('{}'::jsonb, '{2}'))",
    )
    claimed = rows(
        database,
        "select step_uuid::text, token::text from generate_series(1, 2) as i,"
        " lateral tasker.claim_steps('test', 'w' || i)",
    )
    complete = "select step_state from tasker.complete_step(%s, %s, %s)"
    fail = "select step_state from tasker.fail_step(%s, %s, %s)"
    with psycopg.connect(database, autocommit=True) as connection:
        said = refusal(connection, complete, [*claimed[0], hostile], keep=True)
        if said is not None:
            assert re.fullmatch("TK006|22P02|22P05|54001", said)
            error = json.dumps({"message": "the result was refused", "code": said})
            assert connection.execute(fail, [*claimed[0], error]).fetchall() == [
                ("waiting_for_retry",)
            ]
        said = refusal(connection, fail, [*claimed[1], hostile], keep=True)
        if said is not None:
            assert re.fullmatch("22P02|22P05|54001", said), "no JSON at all"
            assert connection.execute(
                fail, [*claimed[1], json.dumps(str(hostile)[:100])]
            ).fetchall()
    assert rows(
        database,
        "select pg_column_size(error) <= 65536 + 1024 and error ? 'message'"
        " from tasker.step_failures where token = %s",
        claimed[1][1],
    ) == [(True,)]
    assert violations(database) == []
