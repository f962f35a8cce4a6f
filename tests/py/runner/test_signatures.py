"""What cannot work as a handler is refused when it is registered, with file and line."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel, ConfigDict, Field

import tasker_sql
from tasker_sql.errors import BadInputError, PermanentError
from tasker_sql.worker import handlers
from tasker_sql.worker.handlers import HandlerError, Registry, Step, load

HEAD = """\
import functools
from dataclasses import dataclass
from tasker_sql import Step, handler

"""
LINE = HEAD.count("\n") + 1


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    registry = Registry()
    monkeypatch.setattr(handlers, "handler", registry.handler)
    return registry


@pytest.fixture
def loaded(tmp_path: Any, registry: Registry) -> Callable[[str], Registry]:
    """Loads a file with this text, and answers the registry."""

    def loaded(text: str) -> Registry:
        file = tmp_path / "steps.py"
        file.write_text(HEAD + text)
        load(str(file))
        return registry

    return loaded


def step(context: Any = None) -> Step:
    return Step(UUID(int=1), UUID(int=2), "s", 1, 3, context or {}, {}, {})


class TestNames:
    def test_without_parentheses_the_function_gives_the_name(
        self, loaded: Callable[[str], Registry]
    ) -> None:
        registry = loaded(
            "@handler\ndef check(step):\n    return 1\n"
            "assert check(None) == 1\n"
            "@handler\nasync def wait(step: Step): pass\n"
            "@handler('book', transactional=True)\ndef other(step, connection): return 2\n"
            "handler('short')(lambda step: 3)\n"
            "handler('part')(functools.partial(other, connection=None))\n"
        )
        assert registry.names == ["book", "check", "part", "short", "wait"]
        found = registry.find("check"), registry.find("book"), registry.find("part")
        assert [one.call(step(), *"c"[: one.transactional]) for one in found if one] == [1, 2, 2]

    @pytest.mark.parametrize(
        ("text", "line", "message"),
        [
            ("@handler()\ndef f(step): pass", 0, "a name is missing: write @handler, or"),
            ("@handler(transactional=True)\ndef f(s, c): pass", 0, "a name is missing"),
            ("@handler(7)\ndef f(step): pass", 0, "a handler's name is a text, not 7 of type int"),
            ("@handler(b'a')\ndef f(step): pass", 0, "not b'a' of type bytes"),
            ("@handler('')\ndef f(step): pass", 0, "a handler's name is empty"),
            ("@handler('  ')\ndef f(step): pass", 0, "a handler's name is empty"),
            ("@handler('a' * 201)\ndef f(step): pass", 0, "has 201 characters, at most 200"),
            ("@handler('a\\nb')\ndef f(step): pass", 0, "'a\\nb' has a control character"),
            ("@handler('sql:a.b')\ndef f(step): pass", 0, "'sql:a.b' begins with 'sql:'"),
            ("handler(lambda step: 1)", 0, "a lambda has no name of its own"),
            ("def f(s): pass\nhandler(functools.partial(f))", 0, "type partial has no name"),
            ("@handler\nclass F: pass", 0, "the class F is not a handler: decorate a function"),
            ("@handler('a')\nclass F: pass", 0, "the class F is not a handler"),
            ("handler('a')(7)", 0, "7 is not a function"),
            ("handler('a')('b')", 0, "'b' is not a function"),
            (
                "@handler\ndef f(step): return 1\n\n@handler\ndef f(step): return 2",
                3,
                f"the name 'f' is taken by the handler at FILE:{LINE}",
            ),
            ("@handler\ndef f(s): pass\n@handler('f')\ndef g(s): pass", 2, "the name 'f' is taken"),
            (
                "def one(n):\n    return lambda s: n\nfor n in (1, 2):\n    handler('n')(one(n))",
                1,
                "the name 'n' is taken",
            ),
            (
                "def f(a, step): pass\nfor n in (1, 2):\n    handler('n')(functools.partial(f, n))",
                0,
                "the name 'n' is taken",
            ),
        ],
    )
    def test_another_use_is_refused(
        self,
        loaded: Callable[[str], Registry],
        tmp_path: Any,
        text: str,
        line: int,
        message: str,
    ) -> None:
        check(loaded, tmp_path, text, line, message)

    def test_a_function_may_have_two_names_and_register_again(self, registry: Registry) -> None:
        def f(step: Step) -> None: ...

        for name in ("a", "b", "a"):
            registry.handler(name)(f)
        assert registry.names == ["a", "b"]


def check(
    loaded: Callable[[str], Registry], tmp_path: Any, text: str, line: int, message: str
) -> None:
    """The file is refused, at that line after the head, saying so."""
    file = tmp_path / "steps.py"
    with pytest.raises(ImportError) as refused:
        loaded(text)
    said = str(refused.value)
    assert message.replace("FILE", str(file)) in said
    assert f"{file}:{LINE + line}: " in said


class TestSignatures:
    @pytest.mark.parametrize(
        ("signature", "message"),
        [
            ("def f(): pass", "it has no parameters; a handler is written def f(step)"),
            ("def f(*, step): pass", "nothing fills step"),
            ("def f(step, *, key): pass", "a handler is called as f(step), and nothing fills key"),
            ("def f(step, connection): pass", "transactional=True gives a handler a connection"),
            ("def f(self, step): pass", "nothing fills step: "),
            ("def f(step, a, b): pass", "it has 3 parameters"),
            ("def f(step):\n    yield 1", "a generator is not a handler: return the result"),
            ("async def f(step):\n    yield 1", "a generator is not a handler"),
            ("def f(step: int): pass", "the annotation of step is int: it must be Step, or say"),
            ("def f(step: list[str]): pass", "the annotation of step is list[str]"),
            ("def f(order: 'Order'): pass", "the annotation Order of order cannot be read: name"),
            ("def f(step, order: 'Order'): pass", "the annotation Order of order cannot be read"),
            ("def f(step, n: int): pass", "nothing fills n: transactional=True gives"),
            ("def f(step, c: 'functools.partial'): pass", "nothing fills c: transactional=True"),
            ("def f(a: dict, b: dict): pass", "the annotation of a is dict"),
        ],
    )
    def test_one_that_a_call_cannot_fill_is_refused(
        self, loaded: Callable[[str], Registry], tmp_path: Any, signature: str, message: str
    ) -> None:
        check(loaded, tmp_path, f"@handler\n{signature}", 0, message)

    @pytest.mark.parametrize(
        ("signature", "message"),
        [
            ("def f(): pass", "it has no parameters; a transactional handler is written"),
            ("def f(step): pass", "it has 1 parameter; a transactional handler is written def f("),
            ("def f(step, a, b, c): pass", "it has 4 parameters"),
            ("def f(step, a, connection): pass", "nothing fills a: "),
            ("def f(step, order: dict): pass", "order, the last parameter, gets the connection"),
            ("async def f(step, connection): pass", "its connection is synchronous: write `def`"),
            ("def f(step, connection):\n    yield 1", "a generator is not a handler"),
        ],
    )
    def test_a_transactional_one_likewise(
        self, loaded: Callable[[str], Registry], tmp_path: Any, signature: str, message: str
    ) -> None:
        check(loaded, tmp_path, f"@handler('a', transactional=True)\n{signature}", 0, message)

    def test_what_works_is_taken(self, registry: Registry) -> None:
        class Handlers:
            def method(self, _: Step) -> str:
                return "method"

            def __call__(self, _: Step) -> str:
                return "object"

        def wrapped(function: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(function)
            def inner(*arguments: Any, **named: Any) -> Any:
                return function(*arguments, **named)

            return inner

        def default(_: Step, retries: int = 3) -> int:
            return retries

        def every(*arguments: Any) -> int:
            return len(arguments)

        functions: tuple[Callable[..., Any], ...] = (
            Handlers().method,
            Handlers(),
            wrapped(default),
            default,
            every,
        )
        for number, function in enumerate(functions):
            registry.handler(f"h{number}")(function)
        registry.handler("t", transactional=True)(every)
        found = [registry.find(name) for name in registry.names]
        assert [one.call(step(), *"c"[: one.transactional]) for one in found if one] == [
            *("method", "object", 3, 3, 1, 2)
        ]


class Order(BaseModel):
    id: int
    amount: Decimal = Field(gt=0)


@dataclass
class Item:
    sku: str
    count: int = 1


class Basket(BaseModel):
    model_config = ConfigDict(strict=True)
    id: UUID
    items: list[Item]


class TestInputs:
    def test_the_annotation_chooses_the_shape(self, registry: Registry) -> None:
        @registry.handler
        def model(order: Order) -> Any:
            return order

        @registry.handler
        def both(step: Step, order: Order) -> Any:
            return step.name, order.id

        @registry.handler
        def turned(item: Item, step: Step) -> Any:
            return item, step.name

        @registry.handler
        def plain(context: dict[str, Any]) -> Any:
            return context

        @registry.handler
        def strict(basket: Basket) -> Any:
            return basket.items

        @registry.handler("books", transactional=True)
        def books(order: Order, connection: Any) -> Any:
            return order.id, connection

        def called(name: str, context: Any, *connection: Any) -> Any:
            found = registry.find(name)
            assert found
            return found.call(step(context), *connection)

        exact = {"id": 7, "amount": Decimal("12345678901234567.89")}
        assert called("model", exact) == Order(id=7, amount=Decimal("12345678901234567.89"))
        assert called("both", {"id": "7", "amount": 59.9}) == ("s", 7)
        assert called("turned", {"sku": "a"}) == (Item("a"), "s")
        assert called("plain", {"a": 1}) == {"a": 1}
        assert called("strict", {"id": str(UUID(int=1)), "items": [{"sku": "a"}]}) == [Item("a")]
        assert called("books", exact, "c") == (7, "c")

    def test_a_context_that_does_not_fit_names_the_fields(self, registry: Registry) -> None:
        @registry.handler
        def strict(_: Basket) -> None:
            raise AssertionError("it does not run")

        found = registry.find("strict")
        assert found
        with pytest.raises(BadInputError) as refused:
            found.call(step({"id": "x", "items": [{"sku": "a"}, {"count": 2}]}))
        said = str(refused.value)
        assert said.startswith("the context does not fit Basket: id: Input should be a valid UUID")
        assert "; items.1.sku: Field required" in said
        assert issubclass(BadInputError, PermanentError)


class TestExports:
    def test_the_package_has_what_programs_need(self) -> None:
        from tasker_sql.client import Client
        from tasker_sql.ops.orchestrator import OrchestrationCore
        from tasker_sql.worker.worker import Worker

        assert (tasker_sql.Client, tasker_sql.OrchestrationCore) == (Client, OrchestrationCore)
        assert (tasker_sql.Worker, tasker_sql.Step) == (Worker, Step)
        assert tasker_sql.PermanentError is PermanentError
        assert {*tasker_sql.__all__} <= {*dir(tasker_sql)}
        for name in tasker_sql.__all__:
            assert getattr(tasker_sql, name)
        with pytest.raises(AttributeError, match="no attribute 'nothing'"):
            tasker_sql.nothing  # noqa: B018

    def test_importing_it_brings_no_driver(self) -> None:
        """Handlers' modules import the package, and so do programs that only want its version."""
        program = "import sys, tasker_sql; tasker_sql.handler; print(*sys.modules)"
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
        heavy = {"psycopg", "pydantic", "typer", "rich", "alembic", "yaml", "asyncio"}
        assert done.returncode == 0 and not heavy & set(done.stdout.split())


def test_a_refusal_is_a_value_error(registry: Registry) -> None:
    with pytest.raises(HandlerError, match=r"test_signatures\.py:\d+: it has no parameters"):
        registry.handler("a")(lambda: None)
    assert issubclass(HandlerError, ValueError)
