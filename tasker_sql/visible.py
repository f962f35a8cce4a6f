"""Text from elsewhere, made safe for terminals, logs and spreadsheets.

Names of workers, errors, reasons and contexts may hold any character. A character that is not
printable (a control character, a line break, a change of writing direction) is shown as an escape,
such as `\\x1b`, so that it neither moves the cursor nor begins a line.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from typing import Any, Final

NUMBER: Final = re.compile(r"[+-]?[\d.,]+(e[+-]?\d+)?%?", re.IGNORECASE)
FORMULA: Final = "=+-@"  # with these a spreadsheet begins a formula
TAB: Final = "    "


class _Escapes(dict[int, str]):
    """What `str.translate` puts in the place of a character; `known` ones stay."""

    def __init__(self, escape: Callable[[str], str], known: str = "") -> None:
        super().__init__({ord(char): char for char in known})
        self._escape = escape

    def __missing__(self, code: int) -> str:
        char = chr(code)
        shown = char.isprintable() or unicodedata.category(char) == "Zs"
        return char if shown else self._escape(char)[1:-1]


_escapes: Final = _Escapes(ascii)
_json_escapes: Final = _Escapes(json.dumps, "\n")  # between values: in a text it is escaped


def visible(text: str) -> str:
    """One line in which every character can be seen."""
    return text if text.isprintable() else text.translate(_escapes)


def visible_lines(text: str) -> list[str]:
    """The lines of a text, each of which can be seen."""
    return [visible(line) for line in text.expandtabs(len(TAB)).split("\n")]


def visible_json(text: str) -> str:
    """JSON that says the same, and holds nothing that is not printable but breaks of lines."""
    return text.translate(_json_escapes)


def csv_cell(value: Any) -> Any:
    """A cell as a spreadsheet may read it: only a number may begin like a formula."""
    if value is None or isinstance(value, int | float):
        return value
    text = str(value)
    shown = visible(text)
    if NUMBER.fullmatch(text):
        return shown
    first = unicodedata.normalize("NFKC", text.lstrip())[:1]
    return f"'{shown}" if text[:1] in ("\t", "\r") or (first and first in FORMULA) else shown
