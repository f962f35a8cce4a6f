"""JSON as PostgreSQL takes it, strictly: a clear error here instead of a riddle from the server."""

from __future__ import annotations

import json
import math
import re
from contextlib import suppress
from decimal import Decimal
from typing import Any


def _integer(digits: str) -> int | Decimal:
    return int(digits) if len(digits) < 1000 else Decimal(digits)


_DECODER = json.JSONDecoder()
_PATIENT_DECODER = json.JSONDecoder(parse_int=_integer)  # takes twice as long
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


class JsonText(str):
    """Text that is JSON already; `encode` leaves it as it is."""

    __slots__ = ()


def encode(value: Any) -> JsonText:
    """The value as JSON.

    Raises ValueError for what JSON or PostgreSQL's jsonb has no word for: NaN and Infinity, NUL
    characters, lone surrogates, other types, nesting without end. The message says where it is.
    """
    if isinstance(value, JsonText):
        return value
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        text.encode()
    except RecursionError:
        raise ValueError("nested too deeply to be JSON") from None
    except (TypeError, ValueError) as error:
        raise ValueError(_why(value) or str(error)) from None
    if "\\u0000" in text and _NUL.search(text):
        raise ValueError(_why(value) or "PostgreSQL cannot store the NUL character \\u0000")
    return JsonText(text)


def decode(data: str | bytes) -> Any:
    """What the database sends, which is UTF-8: json.loads would look for five other encodings.

    Anybody may store a number of more digits than `int` takes; it becomes a Decimal.
    """
    text = data if isinstance(data, str) else data.decode()
    try:
        return _DECODER.decode(text)
    except ValueError:
        return _PATIENT_DECODER.decode(text)


def _why(value: Any) -> str | None:
    with suppress(RecursionError):  # a value that contains itself
        return _explain(value)
    return None


def _explain(value: Any, path: str = "value") -> str | None:
    """What about the value is not JSON, and where."""
    if isinstance(value, str):
        if "\0" in value:
            return f"{path} holds a NUL character (\\u0000), which PostgreSQL cannot store"
        if any("\ud800" <= character <= "\udfff" for character in value):
            return f"{path} holds a lone surrogate, which is not Unicode text"
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return f"{path} is {value}, and JSON knows neither NaN nor Infinity"
    if value is None or isinstance(value, int | float):
        return None
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str | int | float | None):
                return f"{path} has a key of type {type(key).__name__}, JSON only knows text"
            if wrong := _explain(key, f"a key of {path}") or _explain(item, f"{path}.{key}"):
                return wrong
        return None
    if isinstance(value, list | tuple):
        found = (_explain(item, f"{path}[{index}]") for index, item in enumerate(value))
        return next((wrong for wrong in found if wrong), None)
    return f"{path} is of type {type(value).__name__}, which JSON does not know"
