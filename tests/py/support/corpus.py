"""What a hostile caller may send: every argument of every public function, every place in JSON.

The catalog says what there is to attack, so that no new function is forgotten. A case is a query
with its arguments; all but one of these are good, which a test proves by sending the good ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from servers import rows
from workflows import REPORT, definition

LARGE = "x" * 10_000_000
LONG = "x" * 1_000_000
DIGITS = "7" * 5_000
NUMBER = "a number of 5,000 digits"  # stands for one, which Python would not print


def arrays(depth: int) -> str:
    return "[" * depth + "]" * depth


def objects(depth: int) -> str:
    return '{"a":' * depth + "1" + "}" * depth


NAMES = [
    *("select", "table", "null", "public", "pg_catalog"),
    *('x"; drop table tasker.steps; --', "'; select pg_sleep(60); --", "$$", "%"),
    *("%s %I %L %n $1 {} \\", "../../etc/passwd", "q_test_queue", "test\u00a0", "TEST", "test "),
    *("ZaŻółć Ω 漢字 🚀 e\u0301 \u202eabc\u200b\ufeff", "a\nb\tc\rd\x01\x7f", "x" * 33, "x" * 64),
    *("x" * 101, "x" * 201, "x" * 1_001),
]
TEXTS: list[str | None] = [
    *(None, "", " ", "null", "NaN", "infinity", "-1", DIGITS, LONG, "select", "TEST", "a\nb\x01"),
    *('x"; drop table tasker.steps; --', "%s %I %L %n $1 {} \\", "test\u00a0", "x" * 33, "x" * 201),
    *("ZaŻółć Ω 漢字 🚀 e\u0301 \u202eabc\u200b\ufeff", "999999999.999999999.999999999"),
]
JSONS: list[str | None] = [
    *(None, "null", "true", "0", "-1", "1e300", "-1e300", "1e-300", "1e131071", "1e140000", "NaN"),
    *("2147483648", "9223372036854775808", DIGITS, f"0.{DIGITS}", '""', '"NaN"', '"infinity"'),
    *('"\\u0000"', '{"\\u0000": 1}', '"\\ud800"', '"\\ud83d\\ude80"', "nonsense", "", "[1,]", "{"),
    *("{}", "[]", "[null]", "[[]]", "[{}]", '{"": ""}', '{"a": null}', '{"a": 1, "a": 2}'),
    *('{"__proto__": {"a": 1}}', '{"$ref": "#"}', '{"name": "a", "name": {"name": []}}'),
    *(shape(depth) for shape in (arrays, objects) for depth in (128, 129, 1_000, 10_000)),
    *(arrays(14_300), arrays(16_000), objects(13_000), arrays(100_000)),
    *(json.dumps(LARGE), json.dumps({LARGE: 1}), json.dumps({"message": LARGE})),
    *(json.dumps([0] * 200_000), json.dumps({f"k{n}": n for n in range(20_000)})),
]
INTEGERS: list[str | None] = [
    *(None, "0", "-1", "1", "101", "1000001", "2147483647", "-2147483648", "2147483648"),
    *("9223372036854775808", "1e300", "NaN", "infinity", "1.5", DIGITS, ""),
]
INTERVALS: list[str | None] = [
    *(None, "0", "-1 second", "1 microsecond", "infinity", "-infinity", "178000000 years"),
    *("-178000000 years", "2147483647 months", "1e300 seconds", "NaN", "", "1 month", "-1 month"),
    *("1 month -29 days", "-1 year 361 days", "1 year -359 days", "-23:59:59.999999", "P1DT-23H"),
    *(f"{DIGITS} days", "9223372036854775807 microseconds", "31 days"),
]
TIMES: list[str | None] = [
    *(None, "infinity", "-infinity", "294276-12-31", "294277-01-01", "4713-01-01 BC", "epoch"),
    *("4714-01-01 BC", "now", "tomorrow", "2026-02-30", "24:00:01", "NaN", "", "allballs", DIGITS),
]
UUIDS: list[str | None] = [
    *(None, "", "x", "00000000-0000-0000-0000-000000000000"),
    *("ffffffff-ffff-ffff-ffff-ffffffffffff", "01a20703-dd95-78db-bfff-ffffffffffff"),
    *("01a20703-dd95-78db-8000-000000100000", "01a20703-dd95-78db-8000-000000100001"),
    *("{01a20703-dd95-78db-8000-000000100001}", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
]
HOSTILE: dict[str, list[str | None]] = {
    "text": TEXTS,
    "jsonb": JSONS,
    "integer": INTEGERS,
    "bigint": INTEGERS,
    "double precision": INTEGERS,
    "interval": INTERVALS,
    "timestamp with time zone": TIMES,
    "uuid": UUIDS,
    "boolean": [None, "true", "false", "2", "", "maybe"],
    "text[]": [
        *(None, "", "{}", "{NULL}", "{{test},{test}}", "{{test},{}}", "{test,test}", "nonsense"),
        *("[5:6]={test,test}", "[-1:0]={test,NULL}", '{"x\\"; drop table y"}', "{test", "{{{}}}"),
        *("[2147483646:2147483647]={test,test}", "[1:2]={test}", "{" + "test," * 2_000 + "test}"),
    ],
    "uuid[]": [
        *(None, "", "{}", "{NULL}", "{x}", "{{00000000-0000-0000-0000-000000000000}}", "{{}}"),
        "[7:7]={00000000-0000-0000-0000-000000000000}",
        "{" + "ffffffff-ffff-ffff-ffff-ffffffffffff," * 2_000 + "NULL}",
    ],
    "jsonb[]": [
        *(None, "", "{}", "{NULL}", '{"null"}', '{{"{}"},{"{}"}}', '{"{}",NULL}', '{"1","2"}'),
        *('[5:6]={"{}","{}"}', '{"[]"}', '{"{"}', "{{}}", '{"{\\"a\\": \\"\\\\u0000\\"}"}'),
        *("{" + "{}," * 3 + "{}}", "{" + '"{}",' * 10_000 + '"{}"}', f'{{"{{}}","{arrays(500)}"}}'),
    ],
}

SIGNATURES = r"""
select p.proname::text, p.provolatile = 'v',
       array(select name from unnest(p.proargnames[1:p.pronargs]) as name),
       array(select format_type(type, null) from unnest(p.proargtypes) as type)
  from pg_proc as p
 where p.pronamespace = 'tasker'::regnamespace
   and p.proname not like '\_%'
   and p.prokind = 'f'
 order by p.proname
"""


@dataclass(frozen=True)
class Case:
    """One call, and what is hostile in it."""

    what: str
    query: str
    given: tuple[str | None, ...]
    writes: bool = True


@dataclass(frozen=True)
class Function:
    """A public function; a writer is one that is not declared stable."""

    name: str
    writes: bool
    arguments: dict[str, str]

    def call(self, given: dict[str, str | None], what: str) -> Case:
        named = ", ".join(f"{name} => %s::{kind}" for name, kind in self.arguments.items())
        values = tuple(given[name] for name in self.arguments)
        return Case(what, f"select * from tasker.{self.name}({named})", values, self.writes)


def functions(dsn: str) -> list[Function]:
    """All of them, as the catalog has them."""
    return [
        Function(name, writes, dict(zip(arguments, kinds, strict=True)))
        for name, writes, arguments, kinds in rows(dsn, SIGNATURES)
    ]


SCHEDULES = (
    *("pause_schedule", "resume_schedule", "drop_schedule", "trigger_schedule"),
    *("explain_schedule", "plan_backfill"),
)


class World:
    """A database in which every function has something to do, and good arguments for each.

    Three tasks of one template that is finalized from outside: `task` has a claimed step, the
    second failed, the third is done and claimed for finalization. The namespace `empty` is unused;
    `other` is there for DEFINITION, which would make it again in each case that is rolled back.
    """

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        steps: dict[str, list[str]] = {"only": [], "other": []}
        template = definition("single", steps, finalization="external", retry={"max_attempts": 9})
        self._one("select template_id from tasker.register_template(%s)", template)
        self._one("select name from tasker.create_namespace('empty')")
        self._one("select name from tasker.create_namespace('other')")
        make = "select task_uuid::text from tasker.create_task('test', 'single', '{}', '{}')"
        claim = (
            "select step_uuid::text, token::text from tasker.claim_steps('test', 'w', %s, '1 hour')"
        )
        (self.done,) = self._one(make)
        for step, token in rows(dsn, claim, 2):
            self._one("select step_state from tasker.complete_step(%s, %s)", step, token)
        (self.attempt,) = self._one(
            "select finalization_attempt_uuid::text"
            "  from tasker.claim_task_for_finalization(%s, 'p', 3600)",
            self.done,
        )
        (self.failed,) = self._one(make)
        self.failed_step, token = self._one(claim, 1)
        fail = "select step_state from tasker.fail_step(%s, %s, '1', false)"
        self._one(fail, self.failed_step, token)
        self._one(claim, 1)  # the other step of the failed task, out of the way
        rows(dsn, "select from tasker.report_runner('r', %s)", json.dumps(REPORT))
        (self.task,) = self._one(make)
        self.step, self.token = self._one(claim, 1)
        (self.plan,) = self._one("select plan_uuid::text from tasker.plan_repair('retry_step')")
        plan = {"template": "single", "cron": "0 3 * * *"}
        put = "select name from tasker.put_schedule('test', 'plan', %s)"
        self._one(put, json.dumps(plan))
        waits = {"name": "w", "wait": {"signal": "ok", "count": 100}}
        head = {"name": "waits", "namespace_name": "test", "version": "1.0.0", "steps": [waits]}
        self._one("select template_id from tasker.register_template(%s)", json.dumps(head))
        (self.waiting,) = self._one(make.replace("single", "waits"))
        (self.wait,) = self._one("select step_uuid::text from tasker.open_waits()")
        problem = self._one("select code, subject from tasker.problems where subject is not null")
        self.good: dict[str, str | None] = {
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
            "p_value": "200",
            "p_lease": "30 seconds",
            "p_for": "30 seconds",
            "p_timeout_seconds": "30",
            "p_task_uuid": self.task,
            "p_task_uuids": f"{{{self.task}}}",
            "p_before": self.task,
            "p_after": None,
            "p_step_uuid": self.step,
            "p_step_uuids": f"{{{self.step}}}",
            "p_token": self.token,
            "p_finalization_attempt_uuid": self.attempt,
            "p_result": "1",
            "p_checkpoint": "1",
            "p_deadline": "2030-01-01T00:00Z",
            "p_error": "1",
            "p_retryable": "true",
            "p_retry_after": "1 second",
            "p_repeat": "true",
            "p_seconds": "1.5",
            "p_handlers": "{only}",
            "p_request": "00000000-0000-4000-8000-000000000001",
            "p_release": "{}",
            "p_refused": "true",
            "p_wait": "1 second",
            "p_context_once": "true",
            "p_code": problem[0],
            "p_subject": problem[1],
            "p_until": None,
            "p_results": '{"only": [1]}',
            "p_step": "only",
            "p_path": "$",
            "p_default": "1",
            "p_outcomes": json.dumps([{"step_uuid": self.step, "result": 1}]),
            "p_reason": "why",
            "p_since": "2026-01-01",
            "p_namespaces": "{test}",
            "p_runner": "r",
            "p_report": json.dumps(REPORT),
            "p_interval": "5 seconds",
            "p_breaker": "queue",
            "p_position": "open",
            "p_verb": "complete_step_manually",
            "p_sample": "1",
            "p_plan_uuid": self.plan,
            "p_definition": definition("another", {"only": []}),
            "p_cron": "0 3 * * *",
            "p_time_zone": "Europe/Berlin",
            "p_count": "1",
            "p_from": "2026-01-01",
            "p_to": "2026-01-03",
        }
        self._special: dict[str, dict[str, str | None]] = {
            "create_namespace": {"p_name": "another"},
            "drop_namespace": {"p_name": "empty"},
            "set_limit": {"p_name": "json_depth"},
            "report_runner": {"p_name": "r"},
            "finalize_task": {"p_task_uuid": self.done},
            "retry_step": {"p_step_uuid": self.failed_step},
            "checkpoint_step": {"p_after": "0"},
            "sleep_step": {"p_after": "1 minute"},
            "send_signal": {"p_task_uuid": self.waiting, "p_name": "ok", "p_value": "1"},
            "answer_wait": {"p_step_uuid": self.wait, "p_value": "1"},
            "wait_task": {"p_for": "1 millisecond"},
            "put_schedule": {"p_name": "other", "p_definition": json.dumps(plan)},
            "list_ticks": {"p_name": "plan", "p_before": None},
            **{name: {"p_name": "plan"} for name in SCHEDULES},
        }

    def _one(self, query: str, *arguments: Any) -> tuple[Any, ...]:
        return rows(self.dsn, query, *arguments)[0]

    def arguments(self, function: Function) -> dict[str, str | None]:
        """Good ones."""
        return self.good | self._special.get(function.name, {})

    def uuids(self) -> Iterator[tuple[str, str]]:
        """Uuids that look right: of other things, or one bit off; with what they are."""
        for name in ("task", "step", "token", "done", "failed_step", "attempt"):
            yield f"the {name}", getattr(self, name)
        for bit in (0, 19, 20, 61, 63, 64, 127):
            forged = int(self.step.replace("-", ""), 16) ^ (1 << bit)
            yield f"the step but for bit {bit}", f"{forged:032x}"


def argument_cases(dsn: str, world: World) -> Iterator[Case]:
    """Each argument of each function with each hostile value of its type."""
    for function in functions(dsn):
        good = world.arguments(function)
        for name, kind in function.arguments.items():
            values = [(str(value)[:60], value) for value in HOSTILE[kind]]
            if kind == "uuid":
                values += world.uuids()
            for what, value in values:
                yield function.call(good | {name: value}, f"{function.name}({name} => {what})")


# Inside JSON ------------------------------------------------------------------------------------

# What does not belong into any place.
STRANGE: list[Any] = [
    *(None, True, -1, 1.5, 1e300, 2**63, NUMBER, "", "x" * 5_000, "\n", "NaN"),
    *([], [None], {}, {"a": None}, "294276-01-01T00:00Z"),
]


def text_of(value: Any) -> str:
    return json.dumps(value).replace(f'"{NUMBER}"', DIGITS)


def spoiled(value: Any) -> Iterator[Any]:
    """Copies of a JSON value, each with one place in it replaced, added, doubled or left out."""
    if isinstance(value, dict):
        for key in value:
            yield {other: value[other] for other in value if other != key}
            for inner in spoiled(value[key]):
                yield value | {key: inner}
        yield value | {"unknown": 1}
        yield value | {"": 1}
    elif isinstance(value, list):
        yield value + value
        yield [*value, None]
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
SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": ["integer", "null"], "minimum": 0, "multipleOf": 2}},
    "required": ["n"],
    "additionalProperties": {"type": "string", "pattern": "^a", "maxLength": 9},
}
DEFINITION = {
    "name": "n",
    "namespace_name": "other",
    "version": "1.0.0",
    "description": "d",
    "metadata": {},
    "input_schema": SCHEMA,
    "finalization": "inline",
    "deadline": "P1D",
    "on_deadline": "cancel",
    "steps": [
        {
            "name": "a",
            "start_within": "PT10M",
            "finish_within": "PT1H",
            "description": "d",
            "namespace": "test",
            "dependencies": [],
            "handler": {"callable": "a", "initialization": {"k": 1}},
            "timeout_seconds": 5,
            "retry": RETRY,
        },
        {
            "name": "b",
            "handler": {"sql": "a.b"},
            "dependencies": ["a"],
            "run_on": "end",
            "on_error": "skip",
        },
        {
            "name": "c",
            "dependencies": ["a"],
            "wait": {
                "signal": ["yes", "no"],
                "count": 2,
                "timeout": "P3D",
                "on_timeout": "continue",
                "default": 1,
                "schema": SCHEMA,
                "prompt": "{{total}}?",
            },
        },
        {"name": "d", "wait": {"for": "PT1H"}},
        {"name": "e", "wait": {"until": "$.context.at", "timeout": "P1D"}},
        {
            "name": "f",
            "wait": {"until": {"sql": "shop.ready"}, "every": "PT1M", "timeout": "P1D"},
            "retry": RETRY,
            "timeout_seconds": 5,
        },
    ],
}
OPTIONS = {
    "version": "1.0.0",
    "idempotency_key": "k",
    "priority": "high",
    "tags": ["t"],
    "reason": "r",
    "run_at": "2030-01-01T00:00Z",
    "deadline": "PT1H",
    "initiator": "i",
    "source_system": "s",
}
PLAN = {
    "template": "single",
    "version": "1.0.0",
    "cron": ["0 3 * * *", "*/5 1-2 * jan,3 Mon"],
    "time_zone": "Europe/Berlin",
    "context": {"n": 1},
    "options": {"priority": "low"},
    "missed": "all",
    "catch_up": "P2D",
    "overlap": "queue",
    "jitter": "PT5M",
    "starts_at": "2026-01-01T00:00:00Z",
    "ends_at": "2040-01-01T00:00:00Z",
    "description": "d",
}
FILTER = {
    "namespace": "test",
    "name": "single",
    "version": "1.0.0",
    "state": "pending",
    "tag": "t",
    "initiator": "i",
    "since": "2026-01-01T00:00Z",
    "until": "2030-01-01T00:00Z",
    "idempotency_key": "k",
}


def outcomes(world: World) -> list[dict[str, Any]]:
    return [{"step_uuid": world.step, "error": "e", "retryable": True, "retry_after_seconds": 1}]


def right_cases(world: World) -> list[Case]:
    """Calls that take JSON, with all that it may hold."""
    token = world.token
    return [
        Case(query, query, (json.dumps(right),), "list" not in query)
        for query, right in (
            ("select * from tasker.register_template(%s)", DEFINITION),
            ("select * from tasker.create_task('test', 'single', '{}', %s)", OPTIONS),
            ("select * from tasker.list_tasks(%s)", FILTER),
            ("select * from tasker.put_schedule('test', 'other', %s)", PLAN),
            (
                "select * from tasker.put_schedule('test', 'other', %s)",
                {"template": "single", "every": "PT6H"},
            ),
            (
                "select * from tasker.put_schedule('test', 'other', %s)",
                {"template": "single", "at": ["2040-01-01T00:00:00Z"]},
            ),
            ("select * from tasker.report_runner('r', %s)", REPORT),
            (
                f"select * from tasker.send_signal('{world.waiting}', 'ok', '1', %s)",
                {"key": "k", "initiator": "i", "reason": "r"},
            ),
            (
                f"select * from tasker.answer_wait('{world.wait}', '1', %s)",
                {"name": "ok", "key": "k", "initiator": "i", "reason": "r"},
            ),
            (
                "select * from tasker.open_waits('test', %s, 9)",
                {
                    "template": "waits",
                    "name": "w",
                    "signal": "ok",
                    "task_uuid": world.waiting,
                    "due_before": "2030-01-01T00:00Z",
                    "tags": ["t"],
                },
            ),
            (f"select * from tasker.submit_step_results('{token}', %s)", outcomes(world)),
            (f"select * from tasker.report_steps('{token}', %s)", outcomes(world)),
            (f"select * from tasker.finish_and_claim('test', 'w', '{token}', %s)", outcomes(world)),
        )
    ]


def place_cases(world: World) -> Iterator[Case]:
    """Each place in a definition, in options, a filter and outcomes with what is strange there."""
    for case in right_cases(world):
        for value in spoiled(json.loads(case.given[0] or "")):
            text = text_of(value)
            yield Case(f"{case.query} with {text[:200]}", case.query, (text,), case.writes)


# Whole structures -------------------------------------------------------------------------------


def graph(steps: dict[str, list[str]], **more: Any) -> str:
    return definition("graph", steps, namespace="graphs", **more)


def doubled(template: str, name: str) -> str:
    """A definition in which a step comes twice."""
    steps = json.loads(template)["steps"]
    return json.dumps(json.loads(template) | {"steps": [*steps, {**steps[0], "name": name}]})


def with_schema(schema: Any) -> str:
    return graph({"a": []}, input_schema=schema)


def nested_schema(depth: int) -> Any:
    return {"type": "object", "properties": {"x": nested_schema(depth - 1)}} if depth else {}


STRUCTURES: dict[str, str] = {
    "a self-edge": graph({"a": ["a"]}),
    "a cycle of two": graph({"a": ["b"], "b": ["a"]}),
    "a cycle behind a tail": graph({"a": [], "b": ["a", "d"], "c": ["b"], "d": ["c"]}),
    "a cycle of 5,000": graph({f"s{n}": [f"s{(n - 1) % 5_000}"] for n in range(5_000)}),
    "two cycles": graph({"a": ["b"], "b": ["a"], "c": ["d"], "d": ["c"]}),
    "a step twice": doubled(graph({"a": []}), "a"),
    "a step twice but for its case": doubled(graph({"a": []}), "A"),
    "a step that ends with a space": doubled(graph({"a": []}), "a "),
    "a parent twice": graph({"a": [], "b": ["a", "a"]}),
    "an unknown parent": graph({"a": ["b"]}),
    "a parent without a name": graph({"a": [""]}),
    "a chain of 1,000": graph({f"s{n}": [f"s{n - 1}"] if n else [] for n in range(1_000)}),
    "a fan of 1,000": graph({"a": []} | {f"s{n}": ["a"] for n in range(1_000)}),
    "a join of 1,000": graph(
        {f"s{n}": [] for n in range(1_000)} | {"z": [f"s{n}" for n in range(1_000)]}
    ),
    "100 steps, each after all before it": graph(
        {f"s{n}": [f"s{m}" for m in range(n)] for n in range(100)}
    ),
    "100,000 steps": graph({f"s{n}": [] for n in range(100_000)}),
    "100,000 parents": graph({"a": [f"s{n}" for n in range(100_000)]}),
    "100,000 times the same parent": graph({"a": [], "b": ["a"] * 100_000}),
    "no steps": graph({}),
    "101 namespaces": json.dumps(
        json.loads(graph({f"s{n}": [] for n in range(101)}))
        | {
            "steps": [
                {"name": f"s{n}", "handler": {"callable": "c"}, "namespace": f"n{n}"}
                for n in range(101)
            ]
        }
    ),
    "20 MB of metadata": graph({"a": []}, metadata={"x": "y" * 20_000_000}),
    "deep metadata": json.dumps(json.loads(graph({"a": []}, metadata=5))).replace(
        '"metadata": 5', f'"metadata": {arrays(9_000)}'
    ),
    "a schema 40 deep": with_schema(nested_schema(40)),
    "a schema with a huge pattern": with_schema({"pattern": "(a+)+" * 100}),
    "a schema with a pattern that refers back": with_schema({"pattern": r"(a*)*\1"}),
    "a schema with a pattern that explodes": with_schema(
        {"pattern": "((((a{255}){255}){255}){255})"}
    ),
    "a schema with a broken pattern": with_schema({"pattern": "(["}),
    "a schema with an empty pattern": with_schema({"pattern": ""}),
    "a schema that divides by almost nothing": with_schema({"multipleOf": 1e-300}),
    "a schema that divides by nothing": with_schema({"multipleOf": 0}),
    "a schema with a bound of 5,000 digits": with_schema({"minimum": 5}).replace(
        "5}", DIGITS + "}"
    ),
    "a schema with an enum of 10,000": with_schema({"enum": list(range(10_000))}),
    **{
        f"the step {name[:40]!r}": graph({name: []})
        for name in [*NAMES, "", "a" * 100, "a" * 101, "1a", "a b", "a-b.c_d"]
    },
    **{
        f"the namespace {name[:40]!r}": definition("t", {"a": []}, namespace=name)
        for name in [*NAMES, "", "a" * 32, "a" * 33, "pg_temp", "orchestration_task_requests"]
    },
    **{f"the template {name[:40]!r}": definition(name, {"a": []}) for name in [*NAMES, "a" * 101]},
    "keys twice": '{"name": 1, "name": "twice", "namespace_name": "test", "version": "1.0.0",'
    ' "steps": 5, "steps": [{"name": "b", "name": "a", "handler": {"callable": "c"}}]}',
}


def structure_cases() -> Iterator[Case]:
    """Definitions that are wrong, or too much, as a whole."""
    for what, text in STRUCTURES.items():
        yield Case(what, "select * from tasker.register_template(%s)", (text,))


def cases(dsn: str, world: World) -> list[Case]:
    return [*argument_cases(dsn, world), *place_cases(world), *structure_cases()]
