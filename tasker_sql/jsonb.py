"""JSON as PostgreSQL takes it, strictly: a clear error here instead of a riddle from the server.

Numbers are exact in both directions: what a float cannot hold is a Decimal.
"""

from __future__ import annotations

import json
import math
import re
from collections import deque
from collections.abc import Iterator, Mapping, Set
from contextlib import suppress
from dataclasses import fields, is_dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Final
from uuid import UUID, uuid4

LONGEST_INT: Final = 4000  # digits; Python refuses to print or read more than 4300
LARGEST_EXPONENT, SMALLEST_EXPONENT = 131_071, -16_383  # of PostgreSQL's numeric


class JsonText(str):
    """Text that is JSON already; `encode` leaves it as it is."""

    __slots__ = ()


def encode(value: Any) -> JsonText:
    """The value as JSON.

    Besides what `json` writes, it takes dates and times, timedelta, UUID (as texts), Decimal (as an
    exact number), Enum, dataclasses, pydantic models, any Mapping, scalars of numpy and whatever
    else pydantic has JSON for.

    Raises ValueError for what JSON or PostgreSQL's jsonb has no word for: NaN and Infinity, NUL
    characters, lone surrogates, bytes, sets, other types, two keys that become one, nesting without
    end. The message says where it is.
    """
    if isinstance(value, JsonText):
        return value
    try:
        return JsonText(_plain(value) or "".join(_written(value, "value")))
    except RecursionError:
        raise ValueError("nested too deeply to be JSON") from None


def decode(data: str | bytes) -> Any:
    """What the database sends, which is UTF-8: json.loads would look for five other encodings.

    A number that a float cannot hold, or of more digits than `int` takes, becomes a Decimal.
    """
    return _DECODER.decode(data if isinstance(data, str) else data.decode())


def given(text: str) -> JsonText:
    """JSON that somebody gave us, to be passed on as it stands. Raises ValueError as `parse` and
    `encode`."""
    encode(parse(text))
    return JsonText(text.removeprefix("\ufeff"))


def dumps(value: Any, indent: int | None = None) -> str:
    """What `decode` gave, as JSON for people and programs. Numbers are exact here, too."""
    return unmarked(json.dumps(value, indent=indent, ensure_ascii=False, default=_marked))


def marked(value: Any) -> Any:
    """What `decode` gave, with its Decimals as texts, for encoders that know no better."""
    if isinstance(value, dict):
        return {key: marked(item) for key, item in value.items()}
    if isinstance(value, list):
        return [marked(item) for item in value]
    return _marked(value) if isinstance(value, Decimal) else value


def unmarked(text: str) -> str:
    """JSON with these texts as numbers again."""
    return _MARKED.sub(r"\1", text)


def _marked(value: Any) -> str:
    if not isinstance(value, Decimal):
        raise TypeError(f"a {type(value).__name__} is not JSON")
    return f"{_MARK}{value}"


_MARK: Final = uuid4().hex  # nobody else writes it
_MARKED: Final = re.compile(f'"{_MARK}([^"]*)"')


class JsonError(ValueError):
    """A text is not JSON, or has a key twice: `what`, in `line` and `column`."""

    def __init__(self, what: str, text: str, position: int) -> None:
        self.what = what
        self.line = text.count("\n", 0, position) + 1
        self.column = position - text.rfind("\n", 0, position)
        super().__init__(f"{what} (line {self.line}, column {self.column})")


def parse(text: str) -> Any:
    """JSON that somebody gave us, as `decode` reads it.

    Raises JsonError for what is not JSON, and for a key that stands twice in an object: PostgreSQL
    would keep the last one without a word.
    """
    text = text.removeprefix("\ufeff")
    try:
        return _STRICT_DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise JsonError(f"{error.msg[0].lower()}{error.msg[1:]}", text, error.pos) from None
    except RecursionError:
        raise JsonError("nested too deeply", text, 0) from None
    except _RefusedError:
        raise _first_fault(text) from None


class _RefusedError(Exception):
    """What Python's decoder would take."""


def _first_fault(text: str) -> JsonError:
    """The first key that stands twice in its object, or number that is none."""
    keys: list[set[str]] = []  # of the objects and lists around
    for token in _TOKEN.finditer(text):
        if token[0] in "{[":
            keys.append(set())
        elif token[0] in "}]":
            keys.pop()
        elif not token["text"]:
            what = f"{token[0]} is not JSON, which knows neither NaN nor Infinity"
            return JsonError(what, text, token.start())
        elif token["colon"]:
            key = json.loads(token["text"])
            if key in keys[-1]:
                what = f"the key {json.dumps(key, ensure_ascii=False)} is there twice"
                return JsonError(what, text, token.start())
            keys[-1].add(key)
    raise AssertionError("nothing is wrong with it")


def _integer(digits: str) -> int | Decimal:
    return int(digits) if len(digits) <= LONGEST_INT else Decimal(digits)


def _number(text: str) -> float | Decimal:
    number = float(text)
    shortest = repr(number)
    return number if shortest == text or Decimal(shortest) == Decimal(text) else Decimal(text)


def _single(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _RefusedError
    return found


def _no_number(_name: str) -> None:
    raise _RefusedError


_TOKEN: Final = re.compile(
    r'(?P<text>"(?:[^"\\]|\\.)*")(?P<colon>\s*:)?|[{}\[\]]|NaN|-?Infinity', re.DOTALL
)
_DECODER: Final = json.JSONDecoder(parse_float=_number, parse_int=_integer)
_STRICT_DECODER: Final = json.JSONDecoder(
    parse_float=_number,
    parse_int=_integer,
    parse_constant=_no_number,
    object_pairs_hook=_single,
)


# Keys that cannot be sorted are of several types: two of them might become one.
_PLAIN: Final = json.JSONEncoder(
    allow_nan=False, ensure_ascii=False, sort_keys=True, separators=(",", ":")
)


def _plain(value: Any) -> str | None:
    """What `json` writes by itself; None when that is nothing, or is not sure to be right."""
    try:
        text = _PLAIN.encode(value)
        text.encode()  # refuses lone surrogates
    except (TypeError, ValueError):
        return None
    return None if "\\u0000" in text else text  # a NUL, or these six characters


def _written(value: Any, path: str) -> Iterator[str]:
    """The value in pieces of JSON. Raises ValueError that names the path."""
    if value is None or value is True or value is False:
        yield json.dumps(value)
    elif isinstance(value, JsonText):
        yield value
    elif isinstance(value, Enum):
        yield from _written(value.value, path)
    elif isinstance(value, str):
        yield _text(value, path)
    elif isinstance(value, int):
        yield _digits(Decimal(value), path)  # of any length
    elif isinstance(value, float | Decimal):
        yield _digits(value, path)
    elif isinstance(value, Mapping):
        yield from _object(value, path)
    elif isinstance(value, list | tuple | deque | range):
        yield "["
        for index, item in enumerate(value):
            if index:
                yield ","
            yield from _written(item, f"{path}[{index}]")
        yield "]"
    else:
        yield from _written(_converted(value, path), path)


def _text(value: str, path: str) -> str:
    if "\0" in value:
        raise ValueError(f"{path} holds a NUL character (\\u0000), which PostgreSQL cannot store")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError(f"{path} holds a lone surrogate, which is not Unicode text")
    return json.dumps(value, ensure_ascii=False)


def _digits(value: float | Decimal, path: str) -> str:
    finite = value.is_finite() if isinstance(value, Decimal) else math.isfinite(value)
    if not finite:
        raise ValueError(f"{path} is {value}, and JSON knows neither NaN nor Infinity")
    if isinstance(value, float):
        return float.__repr__(value)
    lowest = int(value.as_tuple().exponent)
    if value.adjusted() > LARGEST_EXPONENT or lowest < SMALLEST_EXPONENT:
        raise ValueError(f"{path} has more digits than PostgreSQL's numeric can hold")
    return str(value)


def _object(value: Mapping[Any, Any], path: str) -> Iterator[str]:
    written: dict[str, Any] = {}
    yield "{"
    for key, item in value.items():
        name = _key(key, path)
        if name in written:
            both = f"{written[name]!r} and {key!r}"
            raise ValueError(f"{path} has two keys that become one in JSON: {both}")
        if written:
            yield ","
        written[name] = key
        yield f"{_text(name, f'a key of {path}')}:"
        yield from _written(item, f"{path}.{name}")
    yield "}"


def _key(key: Any, path: str) -> str:
    """A key as text, as `json` would write it, or as its value would be."""
    if isinstance(key, Enum):
        return _key(key.value, path)
    if isinstance(key, str):
        return str.__str__(key)
    if isinstance(key, bool | int | float | Decimal | date | time | timedelta | UUID | None):
        text = "".join(_written(key, f"a key of {path}"))
        return text.strip('"')
    raise ValueError(f"{path} has a key of type {type(key).__name__}, JSON only knows text")


def _converted(value: Any, path: str) -> Any:
    """Something simpler, for a type that JSON does not know. Raises ValueError."""
    kind = type(value)
    if isinstance(value, bytes | bytearray | memoryview):
        raise ValueError(
            f"{path} is of type {kind.__name__}, which is not text: decode it, or use base64"
        )
    if isinstance(value, Set):
        raise ValueError(
            f"{path} is of type {kind.__name__}, which has no order: make it a list, with sorted()"
        )
    if serializer := getattr(kind, "__pydantic_serializer__", None):
        simpler = serializer.to_python(value, mode="python", by_alias=True, warnings=False)
        if type(simpler) is not kind:  # as a SecretStr stays one
            return simpler
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    if getattr(getattr(value, "dtype", None), "kind", "") in ("b", "i", "u", "f"):
        scalar = value.item() if getattr(value, "ndim", None) == 0 else None
        if isinstance(scalar, bool | int | float):  # of numpy
            return scalar
    if not isinstance(value, type | Iterator) and not callable(value):
        from pydantic_core import PydanticSerializationError, to_jsonable_python

        with suppress(PydanticSerializationError):
            return to_jsonable_python(value)
    raise ValueError(f"{path} is of type {kind.__name__}, which JSON does not know")
