"""Whatever comes in through a public function is done, or refused with a documented code.

`corpus` makes the cases. What is refused is not done by half, what is done is well and can be read
back, and nothing ends the connection.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import corpus
import psycopg
import pytest
from corpus import Case, World
from psycopg import Connection, Cursor
from psycopg.pq import DiagnosticField, ExecStatus
from running import ended, running, template
from servers import rows
from workflows import (
    DIAMOND,
    PLAN_CHECKS_ONCE,
    claim,
    create,
    define,
    definition,
    run_all,
    violations,
)

from tasker_sql.client import Client, channel
from tasker_sql.jsonb import JsonText
from tasker_sql.worker.handlers import Registry

README = (Path(__file__).parents[3] / "sql/README.md").read_text()
CODES = README.split("## Error codes")[1].split("## Limits")[0].split("before a function")
OURS, POSTGRES = (
    set(re.findall(r"[0-9A-Z]{5}", " ".join(re.findall(r"^\| ([^|]*) \|", part, re.MULTILINE))))
    for part in CODES
)

LEAST_CASES = 2_500

TABLES = r"""
select string_agg(format('select %L, count(*), sum(hashtext(t::text)) from %s as t', name, name),
                  ' union all ' order by name)
  from (select c.oid::regclass::text as name
          from pg_class as c
         where c.relkind = 'r'
           and c.relnamespace in ('tasker'::regnamespace, 'pgmq'::regnamespace)) as tables
"""
BROKEN = "select * from tasker.check_invariants() where severity = 'safety'"


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    """One connection, which must be the same at the end."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("set statement_timeout = '300s'")
        connection.execute("set client_min_messages = error")
        yield connection
        assert connection.execute("select 1").fetchone() == (1,)


class RefusedError(Exception):
    """A call was refused as it should be."""

    def __init__(self, code: str, hint: str) -> None:
        super().__init__(code)
        self.code = code
        self.hint = hint


def attempt(connection: Connection, query: str, given: Sequence[Any] = ()) -> Cursor:
    """The answer of a call, not read yet.

    Raises RefusedError; AssertionError for a code that is not documented. A code of PostgreSQL's
    own is right only where none of our functions has been entered.
    """
    try:
        return connection.execute(query.encode(), given or None)
    except psycopg.Error as error:
        said = f"{error.sqlstate} {str(error)[:500]} {error.diag.context}"
        assert not connection.closed, said
        if error.sqlstate not in OURS:
            assert error.sqlstate in POSTGRES, said
            assert "tasker." not in (error.diag.context or ""), said
        raise RefusedError(str(error.sqlstate), error.diag.message_hint or "") from error


def answer(connection: Connection, query: str, given: Sequence[Any] = ()) -> list[Any]:
    """The rows of a call that must be done."""
    return attempt(connection, query, given).fetchall()


def refusal(connection: Connection, query: str, given: Sequence[Any] = ()) -> str | None:
    """The code with which a call is refused; nothing when it is done."""
    try:
        attempt(connection, query, given)
    except RefusedError as refused:
        return refused.code
    return None


def wrongs(cases: Sequence[Case], check: Callable[[Case], str | None]) -> list[tuple[str, str]]:
    """The cases with which something is wrong, and what; some of each kind of wrong will do."""
    found = []
    for case in cases:
        try:
            said = check(case)
        except AssertionError as error:
            said = str(error)
        if said:
            found.append((case.what, said[:700]))
    return found[:20]


def digest(connection: Connection) -> list[Any]:
    """What is in the tables."""
    ((query,),) = connection.execute(TABLES.encode()).fetchall()
    return sorted(connection.execute(query.encode()).fetchall())


def test_every_good_call_is_done(database: str, connection: Connection) -> None:
    """Else a hostile argument would be refused because of another one."""
    world = World(database)
    for function in corpus.functions(database):
        case = function.call(world.arguments(function), function.name)
        with connection.transaction(force_rollback=True):
            attempt(connection, case.query, case.given)
    for case in corpus.right_cases(world):
        with connection.transaction(force_rollback=True):
            attempt(connection, case.query, case.given)


@pytest.mark.newest_first
@pytest.mark.timeout(600)
def test_every_case_is_done_or_refused(
    database: str, connection: Connection, thorough: bool
) -> None:
    """First each for itself; then what was done, in a row. With `--all` what was refused, in a row,
    too, and the invariants after each that was done, not only after all."""
    rows(database, PLAN_CHECKS_ONCE)
    world = World(database)
    cases = corpus.cases(database, world)
    codes: dict[Case, str | None] = {}

    def alone(case: Case) -> str | None:
        with connection.transaction(force_rollback=True):
            codes[case] = refusal(connection, case.query, case.given)
            if thorough and codes[case] is None and case.writes:
                return str(connection.execute(BROKEN).fetchall() or "")
        return None

    def refused_again(case: Case) -> str | None:
        code = refusal(connection, case.query, case.given)
        return None if code == codes[case] else f"was {codes[case]}, is {code}"

    def kept(case: Case) -> str | None:
        refusal(connection, case.query, case.given)
        return None

    assert wrongs(cases, alone) == []
    if thorough:
        before = digest(connection)
        assert wrongs([case for case in cases if codes[case]], refused_again) == []
        assert digest(connection) == before
    assert wrongs([case for case in cases if not codes[case]], kept) == []
    assert connection.execute(BROKEN).fetchall() == []

    counts = Counter(codes.values())
    print(f"{len(cases)} cases:", *(f"{code or 'done'} {n}," for code, n in counts.most_common()))
    assert len(cases) >= LEAST_CASES
    assert {None, "22023", "TK001", "TK002", "TK003", "TK006", "TK007"} <= set(counts)
    assert {"22P02", "22P05", "22003", "22007", "22008", "54001"} <= set(counts)


# Read back --------------------------------------------------------------------------------------


@pytest.mark.newest
def test_what_is_taken_can_be_read_back(database: str, connection: Connection) -> None:
    """JSON as context, result and error of a step; every refused one leaves the step as it was."""
    define(database, "single", {"only": []}, retry={"max_attempts": 3})
    new = "select task_uuid from tasker.create_task('test', 'single', %s)"
    read = "select coalesce(%s::jsonb, '{}') = context from tasker.get_task(%s)"
    taken = Counter[str]()
    for value in corpus.JSONS:
        try:
            ((task,),) = answer(connection, new, [value])
            assert connection.execute(read, [value, task]).fetchone() == (True,)
            taken["contexts"] += 1
        except RefusedError:
            ((task,),) = answer(connection, new, ["{}"])
        only = answer(connection, "select step_uuid, token from tasker.claim_steps('test', 'w')")
        ((step, token),) = only
        said = refusal(connection, "select from tasker.complete_step(%s, %s, %s)",
                       [step, token, value])  # fmt: skip
        steps = (
            "select state, result is not distinct from nullif(%s, 'null')::jsonb, result is null"
        )
        find = f"{steps} from tasker.get_task_steps(%s)"
        if said is None:
            ((state, same, _),) = answer(connection, find, [value, task])
            assert (state, same) == ("complete", True), value
            taken["results"] += 1
            continue
        ((state, _, empty),) = answer(connection, find, [None, task])
        assert (state, empty) == ("in_progress", True)
        said = refusal(connection, "select from tasker.fail_step(%s, %s, %s)", [step, token, value])
        if said is not None:
            assert said in POSTGRES, "only what is not JSON at all"
            attempt(connection, "select from tasker.fail_step(%s, %s, '\"x\"')", [step, token])
        kept = "select pg_column_size(error #> '{}') <= 65536, error ? 'message'"
        ((small, says),) = answer(
            connection, f"{kept} from tasker.step_failures where token = %s", [token]
        )
        assert (small, says) == (True, True)
        taken["errors"] += said is None
    assert taken["contexts"] > 8 and taken["results"] > 25 and taken["errors"] > 8
    assert violations(database) == []


@pytest.mark.newest
def test_texts_are_kept_as_they_are(database: str, connection: Connection) -> None:
    define(database, "single", {"only": []})
    kept = 0
    for text in corpus.TEXTS:
        options = {"initiator": text, "source_system": text, "tags": [text], "reason": text}
        options |= {"idempotency_key": text}
        try:
            ((task,),) = answer(
                connection,
                "select task_uuid from tasker.create_task('test', 'single', '{}', %s)",
                [json.dumps(options)],
            )
        except RefusedError as refused:
            assert refused.code in ("22023", "22P05")
            continue
        query = "select initiator, source_system, tags[1], reason from tasker.tasks"
        assert answer(connection, f"{query} where task_uuid = %s", [task]) == [(text,) * 4]
        listed = answer(
            connection,
            "select task_uuid from tasker.list_tasks(%s)",
            [json.dumps({"tag": text, "initiator": text, "idempotency_key": text})],
        )
        assert listed == [(task,)]
        if not str(text).strip():
            continue
        attempt(connection, "select from tasker.cancel_task(%s, %s)", [task, text])
        query = "select reason from tasker.operator_history where subject = %s"
        assert answer(connection, query, [str(task)]) == [(text,)]
        kept += 1
    assert kept >= 12
    assert violations(database) == []


@pytest.mark.newest
@pytest.mark.parametrize("name", ["select", "null", "order", "pg_catalog", "orchestration_x"])
def test_a_reserved_word_is_a_name_like_any_other(database: str, name: str) -> None:
    define(database, name, {name: [], "end": [name]}, namespace=name)
    create(database, name, namespace=name)
    assert run_all(database, name) == 2
    rows(database, "select from tasker.pause_namespace(%s, 'why')", name)
    rows(database, "select from tasker.pause_template(%s, %s, 'why')", name, name)
    assert violations(database) == []


# What is not even text, and messages ------------------------------------------------------------


@pytest.mark.newest
def test_bytes_that_are_no_text_are_refused(database: str, connection: Connection) -> None:
    """Every text, JSON and array argument; in the binary format, too, where NUL can be sent."""
    world = World(database)
    bad = [b"\xff\xfe", b"\xc0\x80", b"\xed\xa0\x80", b'"\xf8"', b"\xf4\x90\x80\x80", b"a\x00b"]
    tried = 0
    for function in corpus.functions(database):
        for hostile, kind in function.arguments.items():
            if kind not in ("text", "jsonb"):
                continue
            good = world.arguments(function)
            named = [f"{name} => ${n}::{of}" for n, (name, of) in
                     enumerate(function.arguments.items(), 1)]  # fmt: skip
            query = f"select * from tasker.{function.name}({', '.join(named)})".encode()
            for value in bad:
                given = [None if good[name] is None else str(good[name]).encode()
                         for name in function.arguments]  # fmt: skip
                place = list(function.arguments).index(hostile)
                given[place] = b"\x01" + value if kind == "jsonb" else value
                formats = [int(n == place) for n in range(len(given))]
                done = connection.pgconn.exec_params(query, given, param_formats=formats)
                assert done.status == ExecStatus.FATAL_ERROR
                assert done.error_field(DiagnosticField.SQLSTATE) in (b"22021", b"22P02")
                tried += 1
    assert tried > 200
    assert violations(database) == []


REQUEST = {"namespace": "test", "name": "single", "context": {}, "options": {}}


def deepest(connection: Connection, query: str, shape: Callable[[int], str]) -> str:
    """The deepest JSON that a query still takes, with all of the stack for itself."""
    least, most = 1_000, 100_000
    while most - least > 1:
        middle = (least + most) // 2
        with connection.transaction(force_rollback=True):
            if refusal(connection, query, [shape(middle)]):
                most = middle
            else:
                least = middle
    return shape(least)


def test_a_hostile_message_is_rejected_and_stops_nothing(
    database: str, connection: Connection
) -> None:
    world = World(database)
    outcomes = corpus.outcomes(world)
    send = "select pgmq.send(%s, %s::jsonb)"
    for queue, right in (
        ("orchestration_task_requests", REQUEST),
        ("orchestration_step_results", {"submission_id": 1}),
        ("orchestration_step_results", {"token": world.token, "outcomes": outcomes}),
    ):
        texts = [corpus.text_of(value) for value in corpus.spoiled(right)]
        for text in [*texts, *corpus.JSONS]:
            refusal(connection, send, [queue, text])
        for shape in (
            lambda n: corpus.arrays(n),
            lambda n: corpus.objects(n),
            lambda n: f'{{"namespace": "test", "name": "single", "context": {corpus.objects(n)}}}',
            lambda n: f'{{"namespace": "test", "name": "single", "options": {corpus.arrays(n)}}}',
            lambda n: (
                '{"namespace": "test", "name": "single", "options": '
                f'{{"idempotency_key": {corpus.arrays(n)}}}}}'
            ),
            lambda n: f'{{"token": "{world.token}", "outcomes": {corpus.arrays(n)}}}',
            lambda n: f'{{"submission_id": {corpus.arrays(n)}}}',
        ):
            attempt(
                connection, send, [queue, deepest(connection, "select %s::jsonb is null", shape)]
            )
        attempt(connection, f"insert into pgmq.q_{queue} (vt, message) values (now(), null)")
    good = "select pgmq.send('orchestration_task_requests', '{\"namespace\": \"test\",'\n"
    good += ' \'"name": "single", "options": {"idempotency_key": "the last"}}\')'
    attempt(connection, good)
    for queue, processor in (
        ("orchestration_task_requests", "process_task_requests"),
        ("orchestration_step_results", "process_step_results"),
    ):
        ((sent,),) = answer(connection, f"select count(*) from pgmq.q_{queue}")
        answers = answer(connection, f"select error from tasker.{processor}(1000)")
        bad = sum(error is not None for (error,) in answers)
        query = "select count(*) from tasker.rejected_requests where queue_name = %s"
        assert (len(answers), bad) == (sent, answer(connection, query, [queue])[0][0])
        assert bad > 60
        # What came in full leaves a pointer behind.
        attempt(connection, f"select from tasker.{processor}(1000)")
        assert answer(connection, f"select * from tasker.{processor}(1000)") == []
    listed = 'select from tasker.list_tasks(\'{"idempotency_key": "the last"}\')'
    assert len(answer(connection, listed)) == 1
    query = "select distinct code from tasker.rejected_requests"
    assert {code for (code,) in answer(connection, query)} <= OURS | POSTGRES
    assert violations(database) == []


@pytest.mark.newest
def test_a_forged_pointer_claims_nothing(database: str, connection: Connection) -> None:
    define(database, "single", {"only": []})
    pointers = [
        *corpus.JSONS,
        *(corpus.text_of(value) for value in corpus.spoiled({"step_id": 1})),
        *(f'{{"step_id": {n}}}' for n in (0, 1, 2**20, 2**20 + 1, 2**62, 2**63 - 1, 2**63, 5e18)),
        *(f'{{"step_id": "{n}"}}' for n in (0, -1, "1e3", "0x10", " 1", "\u0661", 2**20 + 1)),
    ]
    for pointer in pointers:
        for queue in ("test_queue", "test_queue_high", "test_queue_low"):
            refusal(connection, "select pgmq.send(%s, %s::jsonb)", [queue, pointer])
    attempt(connection, "insert into pgmq.q_test_queue (vt, message) values ('infinity', null)")
    attempt(
        connection,
        "insert into pgmq.q_test_queue (msg_id, vt, message) overriding system value"
        " values (9223372036854775807, now(), '{}'), (-5, now(), '{}')",
    )
    create(database, "single", 3)
    assert len(claim(database, 1000)) == 1 and run_all(database) == 0
    assert answer(connection, "select count(*) from tasker.live_claims") == [(1,)]
    assert violations(database) == []


WORK = "select step_uuid::text, token::text from tasker.finish_and_claim('test', 'w', %s, %s, 9)"


@pytest.mark.newest
@pytest.mark.parametrize(
    "setting",
    [
        *("array_nulls = off", "transform_null_equals = on", "standard_conforming_strings = off"),
        *("datestyle = 'SQL, DMY'", "intervalstyle = iso_8601", "timezone = 'Pacific/Apia'"),
        *("search_path = tap, pg_temp", "client_encoding = latin1", "bytea_output = escape"),
        *("default_transaction_isolation = serializable", "enable_indexscan = off", "jit = on"),
        *("lock_timeout = '1ms'", "xmlbinary = hex", "plan_cache_mode = force_custom_plan"),
        *("tasker.hint_test_queue = '999999999999999999 1 t'", "row_security = off"),
        *("lc_messages = 'C'", "session_replication_role = replica", "max_stack_depth = '100kB'"),
    ],
)
def test_a_session_can_set_what_it_likes(database: str, setting: str) -> None:
    define(database, "diamond", DIAMOND)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"set {setting}".encode())
        options = '{"tags": ["a"], "run_at": "2020-01-31 00:00Z", "idempotency_key": "k"}'
        new = "select from tasker.create_task('test', 'diamond', '{\"n\": 1}', %s)"
        attempt(connection, new, [options])
        token, done = None, "[]"
        while steps := answer(connection, WORK, [token, done]):
            token = steps[0][1]
            reports = [{"step_uuid": step, "result": [None, "a\\b"]} for step, _ in steps]
            done = json.dumps(reports)
        attempt(connection, "select from tasker.sweep()")
    assert [*rows(database, "select state from tasker.list_tasks()")] == [("complete",)]
    assert violations(database) == []


# Limits -----------------------------------------------------------------------------------------


def sized(size: int) -> str:
    """An object of that many bytes as jsonb."""
    return json.dumps({"x": "y" * (size - 17)})


def joined(parents: int) -> str:
    names = [f"s{n}" for n in range(parents)]
    return definition("join", {name: [] for name in names} | {"z": names})


def spread(namespaces: int) -> str:
    made = json.loads(definition("spread", {f"s{n}": [] for n in range(namespaces)}))
    for number, step in enumerate(made["steps"][1:]):
        step["namespace"] = f"n{number}"
    return json.dumps(made)


CREATE = "select from tasker.create_task('test', 'single', %s)"
REGISTER = "select from tasker.register_template(%s)"
FINISH = "select from tasker.finish_and_claim('test', 'w', null, %s)"
SUBMIT = "select from tasker.submit_step_results(null, %s)"
COMPLETE = "select from tasker.complete_step(null, null, %s)"
BY_HAND = "select from tasker.complete_step_manually('{step}', %s, 'why')"
NOBODY = '"step_uuid": "01a20703-dd95-78db-8000-000000100001"'
FINALIZE = "tasker.claim_task_for_finalization('{task}', 'p', %s)"

# For each limit: queries, and what is just as much as it says.
Probe = tuple[str, Callable[[int], Any]]
PROBES: dict[str, list[Probe]] = {
    "context_bytes": [(CREATE, sized)],
    "result_bytes": [
        (COMPLETE, sized),
        ("select from tasker.checkpoint_step('{step}', '{token}', %s)", sized),
        ("select from tasker.sleep_step('{step}', '{token}', '1 minute', %s)", sized),
        ("select from tasker.send_signal('{waiting}', 'ok', %s)", sized),
        ("select from tasker.answer_wait('{wait}', %s)", sized),
        (BY_HAND, sized),
        (FINISH, lambda n: f'[{{{NOBODY}, "result": {sized(n)}}}]'),
        (SUBMIT, lambda n: f'[{{{NOBODY}, "result": {sized(n)}}}]'),
    ],
    "definition_bytes": [(REGISTER, sized)],
    "json_depth": [
        (CREATE, corpus.objects),
        (CREATE.replace("%s)", "'{{}}', %s)"), corpus.objects),
        (REGISTER, corpus.arrays),
        (COMPLETE, corpus.arrays),
        (BY_HAND, corpus.arrays),
        (FINISH, lambda n: f'[{{{NOBODY}, "result": {corpus.arrays(n)}}}]'),
    ],
    "template_steps": [(REGISTER, lambda n: definition("t", {f"s{m}": [] for m in range(n)}))],
    "step_parents": [(REGISTER, joined)],
    "template_namespaces": [(REGISTER, spread)],
    "tasks_per_call": [
        ("select from tasker.create_tasks('test', 'single', %s)", lambda n: ["{}"] * n)
    ],
    "steps_per_call": [
        ("select from tasker.claim_steps('test', 'w', %s)", int),
        ("select from tasker.finish_and_claim('test', 'w', null, null, %s)", int),
        (FINISH, lambda n: json.dumps([{}] * n)),
        (SUBMIT, lambda n: json.dumps([{}] * n)),
        ("select from tasker.report_steps('{token}', %s)", lambda n: json.dumps([{}] * n)),
        ("select from tasker.heartbeat('{token}', null, %s)", lambda n: [UUID(int=0)] * n),
        ("select from tasker.release_claim('{token}', %s)", lambda n: [UUID(int=0)] * n),
    ],
    "messages_per_call": [
        ("select from tasker.process_task_requests(%s)", int),
        ("select from tasker.process_step_results(%s)", int),
    ],
    "rows_per_call": [
        ("select from tasker.list_tasks('{{}}', %s)", int),
        ("select from tasker.open_waits(null, '{{}}', %s)", int),
        ("select from tasker.get_slowest_steps('2026-01-01', %s)", int),
        ("select from tasker.get_slowest_tasks('2026-01-01', %s)", int),
        ("select from tasker.get_task_execution_contexts(%s)", lambda n: [UUID(int=0)] * n),
        ("select from tasker.await_work(%s, 'w')", lambda n: ["test"] * n),
    ],
    "sweep_rows": [("select from tasker.sweep(%s)", int)],
    "tags_per_task": [
        (CREATE.replace("%s)", "'{{}}', %s)"), lambda n: json.dumps({"tags": ["t"] * n}))
    ],
    "lease_seconds": [
        ("select from tasker.claim_steps('test', 'w', 1, make_interval(secs => %s))", int),
        ("select from tasker.heartbeat('{token}', make_interval(secs => %s))", int),
        ("select from tasker.await_work('{{test}}', 'w', make_interval(secs => %s))", int),
        (f"select from {FINALIZE}", int),
        ("select from tasker.extend_finalization_claim('{attempt}', %s)", int),
    ],
}
CUT = {
    "error_bytes",
    "input_bytes",
    "claim_bytes",
    "attempts_with_progress",
    "sleeps_per_step",
    "signals_per_task",
}  # which have tests of their own


def is_over(connection: Connection, limit: str, query: str, value: Any) -> bool:
    """Whether a call is refused because of that limit."""
    try:
        with connection.transaction(force_rollback=True):
            attempt(connection, query, [value])
    except RefusedError as refused:
        return re.search(rf"\blimit {limit}\b", refused.hint) is not None
    return False


@pytest.mark.newest
def test_every_limit_holds_where_it_is_set_to(database: str, connection: Connection) -> None:
    """At its minimum: what is let in without a look must be within it."""
    world = World(database)
    client = Client(connection)
    limits = client.list_limits()
    assert {limit.name for limit in limits} == PROBES.keys() | CUT
    wrong = []
    for limit in limits:
        client.set_limit(limit.name, limit.minimum, "to see")
        for query, make in PROBES.get(limit.name, []):
            asked = query.format(**vars(world))
            amounts = (limit.minimum, limit.minimum + 1)
            over = [is_over(connection, limit.name, asked, make(amount)) for amount in amounts]
            if over != [False, True]:
                wrong.append((limit.name, query, over))
        client.set_limit(limit.name, limit.initial, "back")
    assert wrong == []
    assert violations(database) == []


@pytest.mark.newest
def test_an_error_is_cut_where_that_limit_is_set_to(database: str, connection: Connection) -> None:
    define(database, "single", {"only": []}, retry={"max_attempts": 9, "backoff": "none"})
    create(database, "single")
    client = Client(connection)
    for value in (8_192, 65_536, 1_048_576):
        client.set_limit("error_bytes", value, "to see")
        for size, cut in ((value - 100, False), (value + 1, True)):
            (step,) = client.claim_steps("test", "w")
            error = {"message": "\U0001f680" * 200_000 if cut else "m", "trace": "y" * (size - 100)}
            client.fail_step(step.step_uuid, step.token, error, retry_after=timedelta())
            client.sweep()
            query = "select pg_column_size(error #> '{}'), error ? 'truncated', error ->> 'message'"
            query += " from tasker.step_failures order by failure_id desc limit 1"
            ((bytes_kept, truncated, message),) = answer(connection, query)
            assert truncated is cut and bytes_kept <= value and error["message"].startswith(message)
            client.retry_step(step.step_uuid, "again") if step.attempt > 7 else None
    assert violations(database) == []


@pytest.mark.newest
@pytest.mark.parametrize("limit", [1, 2])
def test_a_join_that_nobody_could_be_handed_fails(
    database: str, connection: Connection, limit: int
) -> None:
    """Nine results of 8 MiB are over input_bytes; the next step in the queue is handed out."""
    names = [f"s{n}" for n in range(9)]
    define(database, "join", {name: [] for name in names} | {"end": names})
    define(database, "single", {"only": []})
    ((join,),) = rows(database, "select task_uuid from tasker.create_task('test', 'join')")
    client = Client(connection)
    client.set_limit("result_bytes", 8_388_608, "films")
    for step in client.claim_steps("test", "w", 9):
        result = JsonText(f'"{"y" * 8_000_000}"')
        client.complete_step(step.step_uuid, step.token, result)
    create(database, "single")
    client.listen(channel("w"))
    found = client.claim_steps("test", "w", limit)
    assert [one.payload for one in connection.notifies(timeout=0)] == ["test"]
    found = found or client.claim_steps("test", "w", limit)
    assert [step.name for step in found] == ["only"]
    (end,) = (step for step in client.get_task_steps(join) if step.name == "end")
    assert (end.state, end.attempt, end.last_error["code"]) == ("error", 1, "TK006")
    assert client.get_task(join).state == "error"
    assert violations(database) == []

    client.set_limit("input_bytes", 134_217_728, "films")
    client.retry_step(end.step_uuid, "there is room now")
    (step,) = client.claim_steps("test", "w", limit)
    assert step.name == "end" and len(step.dependency_results) == 9
    assert violations(database) == []


@pytest.mark.newest
def test_a_limit_cannot_be_lifted_by_a_session(connection: Connection) -> None:
    for setting in ("tasker.context_bytes", "tasker.limits", "tasker.limit_context_bytes"):
        connection.execute(f"set {setting} = '99999999'".encode())
    connection.execute("create temp table limits (name text, value integer)")
    connection.execute("insert into limits values ('context_bytes', 99999999)")
    connection.execute("set search_path = pg_temp, tasker")
    attempt(connection, REGISTER, [definition("single", {"only": []})])
    assert refusal(connection, CREATE, [sized(1_048_577)]) == "TK006"


# The runner -------------------------------------------------------------------------------------


@pytest.mark.newest
def test_a_worker_reads_what_anybody_may_store(database: str, connection: Connection) -> None:
    """Numbers that Python turns into no int, and JSON as deep as it may be."""
    client = Client(connection)
    client.set_limit("json_depth", 500, "to see")
    client.register_template(template({"a": []}))
    for context in (f'{{"n": {corpus.DIGITS}}}', '{"n": 1e131071}', '{"n": -1e-9999}',
                    corpus.objects(500)):  # fmt: skip
        client.create_task("test", "flow", JsonText(context))
    registry = Registry()
    registry.handler("a")(lambda step: len(step.context))
    with running(database, registry, ["test"]):
        for task in client.list_tasks():
            assert task.task_uuid and ended(client, task.task_uuid) == "complete"
