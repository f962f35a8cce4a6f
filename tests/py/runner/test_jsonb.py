"""JSON in both directions: everyday types become JSON, numbers stay exact, nothing is guessed."""

from __future__ import annotations

import enum
import math
import uuid
from collections import OrderedDict, deque, namedtuple
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import pydantic
import pytest
from pydantic import BaseModel, Field

from tasker_sql.jsonb import JsonText, decode, encode, parse

Pair = namedtuple("Pair", "left right")


class Colour(enum.Enum):
    RED = "red"
    MIXED = (1, Decimal("0.10"))


class Level(enum.IntEnum):
    HIGH = 3


class Word(enum.StrEnum):
    YES = "yes"


@dataclass
class Line:
    sku: str
    price: Decimal
    colour: Colour | None = None
    more: Any = None


class Order(BaseModel):
    number: int = Field(serialization_alias="no")
    lines: list[Line] = []
    secret: pydantic.SecretStr = pydantic.SecretStr("x")


@pydantic.dataclasses.dataclass
class Parcel:
    weight: Decimal


class Scalar:
    """As those of numpy: `ndim`, a `dtype` and `item()`."""

    ndim = 0

    def __init__(self, kind: str, value: Any) -> None:
        self.dtype = type("dtype", (), {"kind": kind})
        self.item = lambda: value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, 1.5, "ä", True, None]}, '{"a":[1,1.5,"ä",true,null]}'),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), '"2026-01-02T03:04:05Z"'),
        (datetime(2026, 1, 2, 3, 4, 5, 6), '"2026-01-02T03:04:05.000006"'),
        (date(2026, 1, 2), '"2026-01-02"'),
        (time(3, 4), '"03:04:00"'),
        (timedelta(minutes=1, seconds=30), '"PT1M30S"'),
        (Decimal("0.1234567890123456789012345"), "0.1234567890123456789012345"),
        ({"a": Decimal("1E+400")}, '{"a":1E+400}'),
        (uuid.UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (Colour.RED, '"red"'),
        (Colour.MIXED, "[1,0.10]"),
        ([Level.HIGH, Word.YES], '[3,"yes"]'),
        (
            Line("a", Decimal("1.10"), Colour.RED, {"at": date(2026, 1, 2)}),
            '{"sku":"a","price":1.10,"colour":"red","more":{"at":"2026-01-02"}}',
        ),
        (
            Order(number=1, lines=[Line("a", Decimal("2.50"))]),
            '{"no":1,"lines":[{"sku":"a","price":2.50,"colour":null,"more":null}],'
            '"secret":"**********"}',
        ),
        ({"p": Parcel(Decimal("1.0"))}, '{"p":{"weight":1.0}}'),
        (MappingProxyType({"a": (1, deque([2]), range(2))}), '{"a":[1,[2],[0,1]]}'),
        (OrderedDict(a=Pair(1, date(2026, 1, 2))), '{"a":[1,"2026-01-02"]}'),
        ({1: "a", None: "b", Colour.RED: "c"}, '{"1":"a","null":"b","red":"c"}'),
        ({date(2026, 1, 2): 1, uuid.UUID(int=0): 2}, f'{{"2026-01-02":1,"{uuid.UUID(int=0)}":2}}'),
        ([Scalar("i", 7), Scalar("f", 0.5), Scalar("b", True)], "[7,0.5,true]"),
        ([10**5000], f"[1{'0' * 5000}]"),
        (JsonText('{"n": 1.10}'), '{"n": 1.10}'),
    ],
    ids=lambda value: type(value).__name__,
)
def test_everyday_values(value: Any, text: str) -> None:
    assert encode(value) == text


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": [1, float("nan")]}, "value.a[1] is nan, and JSON knows neither NaN nor Infinity"),
        ({"a": float("inf")}, "value.a is inf"),
        ([Decimal("NaN")], "value[0] is NaN"),
        ([Decimal("-Infinity")], "value[0] is -Infinity"),
        ([Decimal("1E+200000")], "value[0] has more digits than PostgreSQL's numeric can hold"),
        ([Decimal("1E-20000")], "value[0] has more digits"),
        ({"a": "x\0y"}, "value.a holds a NUL"),
        ({"a\0": 1}, "a key of value holds a NUL"),
        ({"b": {1: "x\0y"}}, "value.b.1 holds a NUL"),
        ("\\\\\0", "value holds a NUL"),
        ({"a": "\ud800"}, "value.a holds a lone surrogate"),
        ({"a": {1, 2}}, "value.a is of type set, which has no order"),
        ([frozenset()], "value[0] is of type frozenset, which has no order"),
        ({"a": b"x"}, "value.a is of type bytes, which is not text"),
        ([bytearray()], "value[0] is of type bytearray"),
        (Line("a", Decimal(1), more={"b": memoryview(b"")}), "value.more.b is of type memoryview"),
        (Line("a", Decimal("nan")), "value.price is NaN"),
        ({(1, 2): 3}, "value has a key of type tuple, JSON only knows text"),
        ({"a": {b"k": 3}}, "value.a has a key of type bytes"),
        ({1: "a", "1": "b"}, "value has two keys that become one in JSON: 1 and '1'"),
        ([{None: 1, "null": 2}], "value[0] has two keys that become one in JSON: None and 'null'"),
        ({True: 1, "true": 2}, "two keys that become one in JSON: True and 'true'"),
        ({Colour.RED: 1, "red": 2}, "two keys that become one"),
        ([object()], "value[0] is of type object, which JSON does not know"),
        (Line, "value is of type type"),
        (Order, "value is of type ModelMetaclass"),
        (len, "value is of type builtin_function_or_method"),
        ((n for n in [1]), "value is of type generator"),
        ({1: 2}.values(), "value is of type dict_values"),
        ([Scalar("M", 7)], "value[0] is of type Scalar"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, str) else type(value).__name__,
)
def test_what_json_has_no_word_for_is_refused_with_its_place(value: Any, message: str) -> None:
    with pytest.raises(ValueError) as refused:
        encode(value)
    assert message in str(refused.value)


def test_endless_nesting_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    line = Line("a", Decimal(1))
    line.more = line
    for endless in (value, line, [{1: value}]):
        with pytest.raises(ValueError, match="nested too deeply"):
            encode(endless)


EXACT = [
    *("0.1", "1.5", "-2.25", "1e300", "12345678901234567.89", "0.1234567890123456789012345"),
    *("1e400", "-1e-400", "12345678901234567890", "9007199254740993.0", "7" * 5000),
]


@pytest.mark.parametrize("text", EXACT, ids=lambda text: text[:30])
@pytest.mark.parametrize("read", [decode, parse])
def test_numbers_come_back_as_they_were(read: Any, text: str) -> None:
    (number,) = read(f"[{text}]")
    assert Decimal(encode(number)) == Decimal(text)
    assert isinstance(number, float | int | Decimal) and math.isfinite(Decimal(number).logb())


def test_what_a_float_or_an_int_can_hold_is_one() -> None:
    kinds = [
        type(number) for number in decode("[0.1, 0.10, 1, 1e3, 1e400, 0.12345678901234567890]")
    ]
    assert kinds == [float, float, int, float, Decimal, Decimal]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"n": 1, "n": 2}', 'the key "n" is there twice (line 1, column 10)'),
        (
            '{"b": "\\"b\\":",\n "a": [{"b": 1},\n {"c": 2, "b": {},\n "\\u0062" : 1}]}',
            'the key "b" is there twice (line 4, column 2)',
        ),
        ("[NaN]", "NaN is not JSON, which knows neither NaN nor Infinity (line 1, column 2)"),
        ('{"NaN": "NaN",\n"a": -Infinity}', "-Infinity is not JSON, which knows"),
        ('{"NaN": "NaN",\n"a": NaN}', "(line 2, column 6)"),
        ('{"a":\n 1,}', "line 2"),
        ("", "expecting value (line 1, column 1)"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_not_json_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse(text)
    assert message in str(refused.value)


def test_fractions_are_not_rounded() -> None:
    assert encode(Fraction(1, 3)) == '"1/3"'
