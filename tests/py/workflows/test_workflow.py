"""Workflows as functions: the template that they become, what runs, and what is refused."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import psycopg
import pytest
from pydantic import BaseModel, Field
from running import SECONDS, ended, running, step_named
from servers import rows
from typing_extensions import TypedDict

from tasker_sql import Client, PermanentError, Step, TaskFailed, step, workflow
from tasker_sql.errors import BadInputError, ConflictError, NotFoundError
from tasker_sql.templates import files
from tasker_sql.worker.handlers import HandlerError, Sources, default_registry, load
from tasker_sql.workflows import arguments
from tasker_sql.workflows.decorators import StepFunction, Workflow
from tasker_sql.workflows.tracing import WorkflowError


class Line(BaseModel):
    item: str
    price: Decimal


class Order(BaseModel):
    id: int
    amount: float
    lines: list[Line] = []
    placed_on: date | None = None
    customer: Annotated[str, Field(alias="customerName")] = "anonymous"


@dataclass
class Checked:
    total: float


@step
def check(order: Order) -> Checked:
    return Checked(order.amount)


@step(max_attempts=5, timeout=30)
def reserve(order: Order, checked: Checked) -> dict[str, Any]:
    return {"reserved": checked.total, "order": order.id}


@step(namespace="mailing", backoff="linear", backoff_base_ms=timedelta(seconds=2), jitter=False)
def notify(customer: str, *parts: Any, subject: str = "order", **more: Any) -> list[Any]:
    return [customer, list(parts), subject, more]


@workflow(namespace="shop", version="1.0.0")
def process(order: Order) -> Any:
    checked = check(order)
    return reserve(order, checked)


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Handlers that a test registered, in files too, end with it."""
    before = set(default_registry.names)
    yield
    for name in set(default_registry.names) - before:
        default_registry.forget(name)


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Path]:
    """A file with this text, after a head that imports what it needs."""

    def written(text: str) -> Path:
        file = tmp_path / "flows.py"
        file.write_text(HEAD + text)
        return file

    return written


HEAD = """\
from dataclasses import dataclass
from typing import Any, TypedDict
from pydantic import BaseModel
from tasker_sql import Step, step, workflow

class Order(BaseModel):
    id: int
    amount: float

@step
def check(order: Order) -> dict: return {"total": order.amount}

@step
def count(*all: Any): return len(all)

@step
def ids() -> list[int]: return [1]

"""
LINE = HEAD.count("\n") + 1
FLOW = '@workflow(namespace="shop", version="1.0.0")\ndef flow(order: Order):\n    '


class TestTemplate:
    def test_it_is_what_yaml_gives(self, tmp_path: Path) -> None:
        (file := tmp_path / "process.yaml").write_text("""
            name: process
            namespace_name: shop
            version: 1.0.0
            steps:
              - name: check
                handler: {callable: shop/process/check, initialization: {order: $.context}}
              - name: reserve
                handler:
                  callable: shop/process/reserve
                  initialization: {order: $.context, checked: $.results.check}
                dependencies: [check]
                retry: {max_attempts: 5}
                timeout_seconds: 30
        """)
        assert process.template == files.load(file).definition
        assert type(process.template) is dict
        assert type(process.template["steps"]) is list
        assert (process.namespace, process.name, process.version) == ("shop", "process", "1.0.0")

    def test_dependencies_are_the_results_used_in_order_and_after(self) -> None:
        @step
        def join(*parts: Any) -> int:
            return len(parts)

        @workflow(namespace="shop", version="1.0.0")
        def flow(order: Order) -> None:
            a, b, c = check.named("a")(order), check.named("b")(order), check.named("c")(order)
            join(order, {"x": [c, 1, b]}, c.total)
            join(after=[b, a])
            join(b, after=b)
            join(order, 5)

        parents = {one["name"]: one.get("dependencies") for one in flow.template["steps"]}
        assert parents == {
            **dict.fromkeys("abc"),
            "join": ["c", "b"],
            "join_2": ["b", "a"],
            "join_3": ["b"],
            "join_4": None,
        }
        assert {one["handler"]["callable"] for one in flow.template["steps"]} == {
            "shop/flow/check",
            "shop/flow/join",
        }

    def test_arguments_are_paths_and_constants(self) -> None:
        @step
        def last(**given: Any) -> None: ...

        @workflow(namespace="shop", version="1.0.0", name="more", description="everything")
        def flow(order: Order) -> None:
            odd = check.named("odd-one.1")(order)
            last(
                a=order.customer,
                b=order.lines[0].price,
                c=odd.total,
                d=["$5", "$.context", None, {"day": date(2026, 11, 29)}],
                e=[Checked(2.5), Checked(order.amount)],
            )

        assert (flow.name, flow.template["description"]) == ("more", "everything")
        assert flow.template["steps"][1]["handler"]["initialization"] == {
            "given": {
                "a": "$.context.customerName",
                "b": "$.context.lines[0].price",
                "c": '$.results."odd-one.1".total',
                "d": ["$$5", "$$.context", None, {"day": "2026-11-29"}],
                "e": [{"total": 2.5}, {"total": "$.context.amount"}],
            }
        }

    def test_settings_are_keys_of_the_template(self) -> None:
        @step(timeout=timedelta(minutes=2), retryable=False, name="tell", description="say it")
        def say(order: Any) -> None: ...

        @workflow(namespace="shop", version="1.0.0", metadata={"owner": "me"})
        def flow() -> None:
            notify("a@b.c", after=say({}))

        assert flow.template["metadata"] == {"owner": "me"}
        asked, notified = flow.template["steps"]
        assert (asked["name"], asked["timeout_seconds"]) == ("tell", 120)
        assert (asked["retry"], asked["description"]) == ({"retryable": False}, "say it")
        assert notified["namespace"] == "mailing"
        assert notified["retry"] == {"backoff": "linear", "backoff_base_ms": 2000, "jitter": False}

    def test_conditions_are_settings(self) -> None:
        @step(if_="$.results.check.total > 100")
        def review(checked: Checked) -> str:
            return f"reviewed {checked.total:g}"

        @step(run_on="failure")
        def clean(order: Order) -> None: ...

        @workflow(namespace="shop", version="1.0.0")
        def flow(order: Order) -> None:
            clean(order, after=review(check(order)))

        _, reviewed, cleaned = flow.template["steps"]
        assert reviewed["if"] == "$.results.check.total > 100"
        assert (cleaned["run_on"], cleaned["dependencies"]) == ("failure", ["review"])
        with pytest.raises(WorkflowError, match=rf"{__file__}:\d+: the condition of step review"):

            @workflow(namespace="shop", version="1.0.0")
            def other(order: Order) -> None:
                review(check.named("checked")(order))

    def test_the_database_takes_it(self, client: Client) -> None:
        assert process.register(client).created
        assert not process.register(client).created
        shown = client.get_template("shop", "process").definition
        assert [one["name"] for one in shown["steps"]] == ["check", "reserve"]


class TestFunctions:
    def test_a_step_is_its_function_outside_of_a_workflow(self) -> None:
        order = Order(id=7, amount=59.9)
        assert check(order) == Checked(59.9)
        assert reserve(order, checked=Checked(2)) == {"reserved": 2, "order": 7}
        assert notify("me", 1, subject="s", x=2) == ["me", [1], "s", {"x": 2}]
        assert process.function(order) == {"reserved": 59.9, "order": 7}
        assert (check.function.__name__, check.__module__) == ("check", __name__)

    def test_the_function_of_a_workflow_may_use_python(self) -> None:
        @step
        def day(number: int) -> int:
            return number

        @step
        def report(days: list[int]) -> int:
            return sum(days)

        @workflow(namespace="shop", version="1.0.0")
        def week() -> Any:
            return report([day(number) for number in range(7)])

        names = [one["name"] for one in week.template["steps"]]
        assert names == ["day", *(f"day_{n}" for n in range(2, 8)), "report"]
        assert week.template["steps"][-1]["dependencies"] == names[:-1]
        assert week.function() == 21


REFUSED = [
    ("if check(order):\n        count(order)", 2, "the result of check cannot be a condition: dec"),
    ("assert order.amount > 5", 2, "order.amount cannot be a condition"),
    ("return check(order) and ids()", 2, "the result of check cannot be a condition"),
    ("x = not order", 2, "order cannot be a condition"),
    ("x = order.id == 7", 2, "order.id cannot be a condition"),
    ("x = 7 in check(order)", 2, "the result of check cannot be a condition"),
    (
        "count(order.amount * 1.19)",
        2,
        "order.amount cannot be used in arithmetic: compute in a ste",
    ),
    ("count(1 - order.amount)", 2, "order.amount cannot be used in arithmetic"),
    ("x = -order.amount", 2, "order.amount cannot be used in arithmetic"),
    ("x = [1, 2][ids()]", 2, "the result of ids cannot be used in arithmetic"),
    ("x = sum([order.amount])", 2, "order.amount cannot be used in arithmetic"),
    ("x = 1\n    x += order.amount", 3, "order.amount cannot be used in arithmetic"),
    ("a, b = check(order)", 2, "the result of check cannot be taken apart or counted"),
    ("[count(one) for one in ids()]", 2, "the result of ids cannot be taken apart or counted"),
    ("x = len(ids())", 2, "the result of ids cannot be taken apart or counted"),
    ("count(f'order {order.id}')", 2, "order.id cannot be written into a text: do it in a step"),
    ("order.id = 8", 2, "order cannot be changed"),
    ("check(order)['total'] = 8", 2, "the result of check cannot be changed"),
    ("check(order)()", 2, "the result of check cannot be called"),
    ("with order: pass", 2, "order cannot be opened"),
    ("count(order.is_result)", 2, "order.is_result: Order has no 'is_result'; it has id, amount"),
    ("count(order.amuont)", 2, "order.amuont: Order has no 'amuont'; did you mean 'amount'?"),
    ("count(order['id'])", 2, "order['id']: Order has attributes, not keys: write .id"),
    ("count(check(order).total)", 2, "the result of check.total: dict has keys, not attributes: w"),
    ("count(check(order)[0])", 2, "the keys of JSON are texts, not 0"),
    ("count(check(order)['a']['b'])", 2, "the type of the result of check['a'] is not known"),
    ("count(count(order)['n'])", 2, "annotate what count() returns, or do it in a step"),
    ("count(ids()[-1])", 2, "an index is a number from 0 on, not -1"),
    ("count(ids()['a'])", 2, "an index is a number from 0 on, not 'a'"),
    ("count(ids()[0:1])", 2, "an index is a number from 0 on, not slice(0, 1, None)"),
    ("count(ids()[0].real)", 2, "int has no attributes in JSON"),
    (
        "count(ids()[ids()[0]])",
        2,
        "cannot be indexed by the result of ids_2[0], which is not known",
    ),
    (
        "check()",
        2,
        "check() cannot be called so: missing a required argument: 'order'; it is check(",
    ),
    ("check(order, 1)", 2, "check() cannot be called so: too many positional arguments"),
    ("check(order, after='ids')", 2, "after='ids' of check() is not the result of a step: write"),
    ("check(order, after=check)", 2, "after=<step check> of check() is not the result of a step"),
    ("check(order, after=order)", 2, "after=order of check() is not the result of a step"),
    ("count(float('nan'))", 2, "all of count() is kept in the template, as JSON, but value is nan"),
    ("count({1: order})", 2, "all of count() has the key 1; JSON knows texts only"),
    (
        "count({1, 2})",
        2,
        "all of count() is kept in the template, as JSON, but value is of type set",
    ),
    (
        "check.named('ids')(order); ids.named('ids')()",
        2,
        "the step 'ids' is there already, at FILE:",
    ),
    (
        "check.named('no space')(order)",
        2,
        "name of step no space is 'no space'; need a letter, the",
    ),
    ("pass", 0, "flow calls no step: a workflow has at least one"),
    ("check(order)\n    return 5", 0, "flow returns something else than results of steps"),
    ("return check(order)['total']", 0, "flow returns something else than results of steps"),
    (
        "import json; json.dumps(order)",
        2,
        "TypeError: Object of type Placeholder is not JSON serial",
    ),
    ("check(ordre)", 2, "NameError: name 'ordre' is not defined (the function of a workflow runs"),
    (
        "try:\n        x = bool(order)\n    except Exception: check(order)",
        3,
        "order cannot be a cond",
    ),
]
OTHERS = [
    ("@workflow\ndef flow(): ids()", 0, 'write @workflow(namespace="shop", version="1.0.0")'),
    ("@workflow()\ndef flow(): ids()", 0, 'write @workflow(namespace="shop", version="1.0.0")'),
    ('@workflow("shop")\ndef flow(): ids()', 0, 'write @workflow(namespace="shop", version'),
    ('@workflow(namespace="shop")\ndef flow(): ids()', 0, "version is missing: write @workflow("),
    ('@workflow(version="1.0.0")\ndef flow(): ids()', 0, "namespace is missing: write @workflow(n"),
    ('@workflow(namespace="S", version="1")\ndef f(): ids()', 0, 'write version="1.0.0"'),
    ('@workflow(namespace="S", version="1")\ndef f(): ids()', 0, 'write namespace="s"'),
    ('@workflow(namespace="s", verison="1.0.0")\ndef f(): ids()', 0, "did you mean 'version'?"),
    ('@workflow(queue="s", version="1.0.0")\ndef f(): ids()', 0, "did you mean 'namespace'?"),
    ('@workflow(namespace="s", version="1.0.0")\nclass F: pass', 0, "the class F is not a workflo"),
    (f"{FLOW[:44]}\nasync def flow(): ids()", 0, "a workflow is a plain `def`"),
    (f"{FLOW[:44]}\ndef flow(): yield ids()", 0, "the generator flow is not a workflow"),
    (f"{FLOW[:44]}\ndef flow(a, b): ids()", 0, "flow has other parameters than its input: write d"),
    (f"{FLOW[:44]}\ndef flow(*a): ids()", 0, "flow has other parameters than its input: write def"),
    (f"{FLOW[:44]}\ndef flow(a: int): ids()", 0, "the input of a workflow is a JSON object, and i"),
    (f"{FLOW[:44]}\ndef flow(a: 'B'): ids()", 0, "the annotation B of a cannot be read: name 'B'"),
    (f"{FLOW}check(order)\n@workflow(namespace='shop', version='1.0.0')\ndef g(o): flow(o)", 4,
     "a workflow is not called: flow.start(client, input) creates a task"),
    ("@step(retries=3)\ndef f(): pass", 0, "@step has no 'retries'; did you mean 'max_attempts'?"),
    ("@step(timeout_seconds=3)\ndef f(): pass", 0, "@step has no 'timeout_seconds'; did you mean"),
    ("@step(depends_on=3)\ndef f(): pass", 0, "@step has no 'depends_on': name the steps before i"),
    ("@step(after=ids)\ndef f(): pass", 0, "@step has no 'after': name the steps before it in its"),
    ("@step(colour=3)\ndef f(): pass", 0, "@step has no 'colour'; known are name, "),
    ("@step(timeout=0)\ndef f(): pass", 0, "timeout of step f is 0; need a whole number from 1 to"),
    ("@step(timeout='1m')\ndef f(): pass", 0, "timeout of step f is '1m'; need a whole number fro"),
    ("@step(max_attempts=0)\ndef f(): pass", 0, "max_attempts of the retry of step f is 0; need a"),
    ("@step(backoff='exp')\ndef f(): pass", 0, "need one of none, linear, exponential, fibonacci"),
    ("@step('f')\ndef f(): pass", 0, "write @step, or @step(max_attempts=5, timeout=30)"),
    ("@step\nclass F: pass", 0, "the class F is not a step: decorate a function"),
    ("step(lambda: 1)", 0, "is not a step: decorate a function that is written with def"),
    ("@step\n@step\ndef f(): pass", 0, "f is a step already"),
    ("@step\ndef f(): yield 1", 0, "the generator f is not a step: return the result"),
    ("@step\ndef f(after): pass", 0, "`after` names steps where this one is called: call its para"),
    ("@step\ndef f(a: object()): pass", 0, "a cannot be read from JSON as <object"),
    ("@step\ndef f(a: 'B'): pass", 0, "the annotation B of a cannot be read: name 'B' is not defi"),
    ("@step(transactional=True)\ndef f(): pass", 0, "the last parameter of a transactional step g"),
    ("@step(transactional=True)\nasync def f(c): pass", 0, "a transactional step is a plain `def`"),
]  # fmt: skip


class TestRefusals:
    @pytest.mark.parametrize(("body", "line", "message"), REFUSED, ids=lambda one: str(one)[:30])
    def test_what_a_workflow_cannot_do_is_refused_where_it_stands(
        self, written: Callable[[str], Path], body: str, line: int, message: str
    ) -> None:
        self.refused(written(f"{FLOW}{body}\n"), line, message)

    @pytest.mark.parametrize(
        ("text", "line", "message"),
        OTHERS,
        ids=lambda one: str(one)[:40],
    )
    def test_other_wrong_uses_are_refused_with_their_line(
        self, written: Callable[[str], Path], text: str, line: int, message: str
    ) -> None:
        self.refused(written(f"{text}\n"), line, message)

    def refused(self, file: Path, line: int, message: str) -> None:
        with pytest.raises(ImportError) as error:
            load(str(file))
        assert isinstance(error.value.__cause__, WorkflowError)
        said = str(error.value).removeprefix(f"{file} cannot be loaded: ").splitlines()
        place = f"{file}:{LINE + line}: "
        assert all(one.startswith(f"{file}:") for one in said)
        assert any(
            one.startswith(place) and message.replace("FILE", str(file)) in one for one in said
        )

    def test_all_faults_are_told_at_once_each_with_its_line(
        self, written: Callable[[str], Path]
    ) -> None:
        file = written(
            "@workflow(namespace='S', version='1')\ndef flow():\n    ids.named('a b')()\n"
        )
        with pytest.raises(ImportError) as error:
            load(str(file))
        lines = [one.split(": ")[0] for one in str(error.value.__cause__).splitlines()]
        assert lines == [f"{file}:{LINE}", f"{file}:{LINE}", f"{file}:{LINE + 2}"]

    def test_two_functions_of_one_name_are_refused(self) -> None:
        def named(name: str) -> StepFunction[Any]:
            @step(name=name)
            def f() -> None: ...

            return f

        with pytest.raises(WorkflowError, match="two functions are steps named 'f', the other"):

            @workflow(namespace="shop", version="1.0.0")
            def flow() -> None:
                named("f")()
                named("f")()

    def test_a_handler_of_another_module_is_not_replaced(
        self, written: Callable[[str], Path]
    ) -> None:
        text = "@workflow(namespace='taken', version='1.0.0')\ndef flow(): ids()\n"
        file = written(text)
        load(str(file))
        (other := file.with_name("other.py")).write_text(file.read_text())
        with pytest.raises(ImportError, match=r"the name 'taken/flow/ids' is taken by the handler"):
            load(str(other))
        load(str(file))  # as at a reload

    def test_a_reload_takes_the_new_functions(self, written: Callable[[str], Path]) -> None:
        text = "@workflow(namespace='again', version='1.0.0')\ndef flow(): count(ids())\n"
        sources = Sources([str(file := written(text))])
        sources.load()
        file.write_text(file.read_text().replace("[1]", "[2, 3]").replace("count(ids())", "ids()"))
        sources.load()
        assert [name for name in default_registry.names if "again" in name] == ["again/flow/ids"]
        found = default_registry.find("again/flow/ids")
        assert found
        assert found.call(step_of({})) == [2, 3]

    def test_a_placeholder_is_of_no_use_elsewhere(self) -> None:
        kept: list[Any] = []

        @workflow(namespace="shop", version="1.0.0")
        def flow(order: Order) -> None:
            kept.append(check(order))

        with pytest.raises(WorkflowError, match=r"the result of check of the workflow shop/flow"):

            @workflow(namespace="shop", version="1.0.0")
            def other(order: Order) -> None:
                reserve(order, kept[0])

        with pytest.raises(WorkflowError, match="cannot be a condition"):
            bool(kept[0])


def step_of(config: Mapping[str, Any], context: Any = None, **results: Any) -> Step:
    context = {"id": 7, "amount": 2.5} if context is None else context
    return Step(UUID(int=1), UUID(int=2), "s", 1, 3, context, results, dict(config))


def call(function: StepFunction[Any], at: Step) -> Any:
    return function.handler("x")(at)


class TestInputs:
    def test_parameters_get_what_the_template_says_in_their_type(self) -> None:
        seen: list[Any] = []

        class Reply(TypedDict):
            day: date

        @step
        def f(
            order: Order, checked: Checked, day: date, reply: Reply, plain: dict[str, Any],
            *rest: Decimal, at: Step, size: int = 3, **more: list[date],
        ) -> None:  # fmt: skip
            seen.extend([order, checked, day, reply, plain, rest, at.attempt, size, more])

        config = {
            "order": "$.context",
            "checked": "$.results.check",
            "day": "$.results.days[1]",
            "reply": {"day": "$.results.days[0]"},
            "plain": {"text": "$$5", "n": [1, "$.context.amount"]},
            "rest": ["$.context.amount", 5],
            "more": {"days": "$.results.days"},
        }
        days = ["2026-11-29", "2026-11-30"]
        call(f, step_of(config, check={"total": 3}, days=days))
        first, second = date(2026, 11, 29), date(2026, 11, 30)
        assert seen == [
            Order(id=7, amount=2.5),
            Checked(3.0),
            second,
            {"day": first},
            {"text": "$5", "n": [1, 2.5]},
            (Decimal("2.5"), Decimal(5)),
            1,
            3,
            {"days": [first, second]},
        ]

    @pytest.mark.parametrize(
        ("config", "message"),
        [
            ({"order": "$.context", "checked": "$.results.check"}, "the result of check does not "
             "fit Checked: total: Input should be a valid number"),
            ({"order": "$.results.check", "checked": "$.results.check"}, "the result of check "
             "does not fit Order: id: Field required; amount: Field required"),
            ({"order": "$.context", "checked": "$.context.id"}, "id of the context does not fit "),
            ({"order": "$.context", "checked": "$.results.gone"}, "the result of gone is not "),
            ({"order": "$.context", "checked": "$.results.check.a.b"}, "a.b of the result of "
             "check is not there: nothing has 'a'"),
            ({"order": "$.context"}, "has nothing for checked of reserve(), as it is of anoth"),
        ],
    )  # fmt: skip
    def test_what_does_not_fit_fails_for_good_and_names_the_field(
        self, config: Mapping[str, Any], message: str
    ) -> None:
        with pytest.raises(BadInputError) as error:
            call(reserve, step_of(config, check={"total": "many"}))
        assert message in str(error.value)
        assert isinstance(error.value, PermanentError)

    @pytest.mark.parametrize(
        "parts", [["context"], ["results", "a.b", "x y", 0, 'q"\\', "é", "$"], ["context", "a", 12]]
    )
    def test_a_path_is_read_as_it_was_written(self, parts: list[Any]) -> None:
        document: Any = "found"
        for part in reversed(parts[1:]):
            document = {part: document} if isinstance(part, str) else [None] * part + [document]
        at = step_of({}, **{"context": document} if parts[0] == "context" else {})
        if parts[0] == "results":
            at = Step(UUID(int=1), UUID(int=2), "s", 1, 3, {}, document, {})
        assert arguments.value(arguments.path(parts), at) == "found"

    def test_start_checks_the_input(self, client: Client) -> None:
        process.register(client)
        for wrong in ({"id": 7}, {"id": "x", "amount": 1}):
            with pytest.raises(BadInputError, match=r"the context does not fit Order: [ai]"):
                process.start(client, wrong)
        made = process.start(client, {"id": 7, "amount": 1, "placed_on": date(2026, 11, 29)})
        context = client.get_task(made.task_uuid).context
        assert context["placed_on"] == "2026-11-29"
        assert context["customerName"] == "anonymous"

    def test_start_has_the_options_of_create_task(self, client: Client) -> None:
        with pytest.raises(NotFoundError, match=r"register it first: process\.register\(client\)"):
            process.start(client, Order(id=7, amount=1))
        process.register(client)
        first = process.start(client, Order(id=7, amount=1), idempotency_key="order 7", tags=["a"])
        again = process.start(client, Order(id=7, amount=1), idempotency_key="order 7", tags=["a"])
        assert (first.created, again.created) == (True, False)
        assert first.task_uuid == again.task_uuid
        assert client.get_task(first.task_uuid).tags == ["a"]

    def test_start_creates_a_task_of_its_own_version(self, client: Client) -> None:
        process.register(client)
        client.register_template({**process.template, "version": "2.0.0"})
        made = process.start(client, Order(id=7, amount=1))
        assert client.get_task(made.task_uuid).version == "1.0.0"

    def test_a_version_that_was_registered_with_other_content_is_refused(
        self, client: Client
    ) -> None:
        client.register_template({**process.template, "description": "another"})
        with pytest.raises(WorkflowError, match=rf"{__file__}:\d+: .*1\.0\.0") as refused:
            process.register(client)
        assert isinstance(refused.value.__cause__, ConflictError)


@pytest.mark.newest
class TestRuns:
    def result(self, database: str, client: Client, flow: Workflow, given: Any) -> Any:
        flow.register(client)
        with running(database, default_registry):
            return client.result(flow.start(client, given), timeout=SECONDS)

    def test_a_runner_runs_it(self, database: str, client: Client) -> None:
        result = self.result(database, client, process, Order(id=7, amount=59.9))
        assert result == {"reserved": 59.9, "order": 7}

    def test_steps_may_be_coroutines_transactional_and_get_the_step(
        self, database: str, client: Client
    ) -> None:
        rows(database, "create table bookings (step uuid)")
        threads = set()

        @step
        async def wait(order: Order) -> int:
            threads.add(threading.current_thread().name)
            return order.id

        @step(transactional=True)
        def book(at: Step, number: int, connection: psycopg.Connection[Any]) -> int:
            connection.execute("insert into bookings values (%s)", [at.step_uuid])
            return number + 1

        @workflow(namespace="shop", version="1.0.0")
        def flow(order: Order) -> Any:
            return book(wait(order))

        assert self.result(database, client, flow, {"id": 7, "amount": 1}) == 8
        (done,) = client.list_tasks()
        assert done.task_uuid
        booked = step_named(client, done.task_uuid, "book").step_uuid
        assert rows(database, "select step from bookings") == [(booked,)]
        assert threads == {"coroutines of handlers"}

    def test_a_bad_result_fails_the_step_that_takes_it_on_its_first_attempt(
        self, database: str, client: Client
    ) -> None:
        @step
        def give() -> dict[str, Any]:
            return {"total": "many"}

        @step(max_attempts=5)
        def take(checked: Checked) -> None: ...

        @workflow(namespace="shop", version="1.0.0")
        def flow() -> None:
            take(give())

        with pytest.raises(TaskFailed, match="step take failed: the result of give does not fit C"):
            self.result(database, client, flow, None)
        (made,) = client.list_tasks()
        assert made.task_uuid
        assert step_named(client, made.task_uuid, "take").attempt == 1

    def test_a_task_keeps_the_flow_of_its_own_version(self, database: str, client: Client) -> None:
        """The parameters are filled as the template of the task says, and not as the new code."""

        @step
        def one() -> int:
            return 1

        @step
        def two() -> int:
            return 2

        @step
        def last(number: int) -> int:
            return number

        @workflow(namespace="shop", version="1.0.0", name="flow")
        def old() -> None:
            last(one())

        old.register(client)
        task = old.start(client)

        @workflow(namespace="shop", version="2.0.0", name="flow")
        def new() -> None:
            last(two(after=one()))

        new.register(client)
        with running(database, default_registry):
            assert ended(client, task.task_uuid) == "complete"
            assert client.result(task) == 1
            assert client.result(new.start(client), timeout=SECONDS) == 2


def test_the_error_is_one_of_handlers() -> None:
    assert issubclass(WorkflowError, HandlerError)
