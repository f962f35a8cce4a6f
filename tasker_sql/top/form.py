"""A form for what a step waits for: its fields come from the schema of the wait."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from tasker_sql.jsonb import dumps, parse

YES_NO: Final = {"yes": True, "y": True, "true": True, "no": False, "n": False, "false": False}
KINDS: Final = {  # of JSON Schema, in words; all others are read as JSON
    "boolean": "yes or no",
    "integer": "a number",
    "number": "a number",
    "string": "text",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One line of a form. `choices` are the only values."""

    name: str
    kind: str  # in words
    needed: bool = False
    choices: tuple[Any, ...] = ()
    about: str = ""

    @property
    def wanted(self) -> str:
        """What may be typed, in words."""
        what = f"one of {', '.join(map(_shown, self.choices))}" if self.choices else self.kind
        return f"{what}{'' if self.needed else ', or nothing'}{self.about and f': {self.about}'}"

    def read(self, typed: str) -> Any:
        """The value. Raises ValueError, which says what is wanted."""
        text = typed.strip()
        for choice in self.choices:
            if text == _shown(choice):
                return choice
        if self.kind == "text" and not self.choices:
            return typed
        if self.kind == "yes or no" and text.casefold() in YES_NO:
            return YES_NO[text.casefold()]
        with suppress(ValueError):
            value = parse(text)
            is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
            wants_number = self.kind == "a number"
            if not self.choices and (self.kind == "JSON" or (wants_number and is_number)):
                return value
        raise ValueError(f"{self.name or 'the value'}: need {self.wanted}")


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else dumps(value)


def fields_of(schema: Any) -> list[Field]:
    """A field for each property of an object; one for the whole value, if it is anything else."""
    properties = schema.get("properties") if isinstance(schema, Mapping) else None
    if not isinstance(properties, Mapping) or schema.get("type") != "object":
        return [_field("", schema, needed=True)]
    required = schema.get("required") or []
    names = [*properties, *(name for name in required if name not in properties)]
    return [_field(name, properties.get(name), name in required) for name in names]


def _field(name: str, schema: Any, needed: bool) -> Field:
    known = schema if isinstance(schema, Mapping) else {}
    kind = KINDS.get(str(known.get("type")), "JSON")
    about = known.get("description") or known.get("title") or ""
    return Field(name, kind, needed, tuple(known.get("enum") or ()), str(about))


def value_of(fields: Sequence[Field], typed: Sequence[str]) -> Any:
    """What was typed, as JSON. Raises ValueError, which names the field."""
    given = [
        (field.name, field.read(text))
        for field, text in zip(fields, typed, strict=True)
        if text.strip() or field.needed
    ]
    return given[0][1] if fields[0].name == "" else dict(given)
