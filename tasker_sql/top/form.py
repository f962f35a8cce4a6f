"""A form for what a step waits for: its fields come from the schema of the wait."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Input, Static

from tasker_sql.jsonb import dumps, parse
from tasker_sql.top.dialogs import VerbDialog
from tasker_sql.top.statements import Verb, call, literal
from tasker_sql.visible import visible

PARSED: Final = ("json", "number")
YES_NO: Final = {"yes": True, "y": True, "true": True, "no": False, "n": False, "false": False}


@dataclass(frozen=True, slots=True)
class Field:
    """One line of a form. `choices` are the only values; a field of kind json takes any."""

    name: str
    kind: str  # flag, number, text, json
    needed: bool = False
    choices: tuple[Any, ...] = ()
    about: str = ""

    @property
    def wanted(self) -> str:
        """What may be typed, in words."""
        kinds = {"flag": "yes or no", "number": "a number", "text": "text", "json": "JSON"}
        what = f"one of {', '.join(map(_shown, self.choices))}" if self.choices else ""
        said = f"{what or kinds[self.kind]}{'' if self.needed else ', or nothing'}"
        return f"{said}: {self.about}" if self.about else said

    def read(self, typed: str) -> Any:
        """The value. Raises ValueError, which says what is wanted."""
        text = typed.strip()
        for choice in self.choices:
            if text == _shown(choice):
                return choice
        if self.kind == "text" and not self.choices:
            return typed
        if self.kind == "flag" and text.casefold() in YES_NO:
            return YES_NO[text.casefold()]
        with suppress(ValueError):
            value = parse(text)
            is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
            if not self.choices and (is_number or self.kind != "number") and self.kind in PARSED:
                return value
        raise ValueError(f"{self.name or 'the value'}: need {self.wanted}")


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else dumps(value)


KINDS: Final = {"boolean": "flag", "integer": "number", "number": "number", "string": "text"}


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
    kind = KINDS.get(str(known.get("type")), "json")
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


class AnswerForm(VerbDialog[str | None]):
    """Asks for a value field by field, shows the statement as it will be run, and returns it."""

    def __init__(self, verb: Verb) -> None:
        super().__init__(verb)
        self._fields = fields_of(verb.form)
        self._inputs = [Input(placeholder=field.wanted) for field in self._fields]
        self._reason = Input(placeholder="Why, if that is to be kept.", max_length=1000)

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="box", can_focus=False):
            yield Static(Text(visible(self._verb.name), style="bold"))
            for field, field_input in zip(self._fields, self._inputs, strict=True):
                yield Static(Text(visible(field.name or "value")))
                yield field_input
            yield Static(Text("reason"))
            yield self._reason
            yield Static(id="statement")
            yield Static(Text("Tab: next     Enter: run this     Esc: do not"))

    def on_mount(self) -> None:
        self.on_input_changed()

    def _statement(self) -> str:
        """Raises ValueError."""
        value = dumps(value_of(self._fields, [one.value for one in self._inputs]))
        arguments = [literal(self._verb.statement), literal(value)]
        if self._reason.value.strip():
            arguments.append(literal(dumps({"reason": self._reason.value})))
        return call("answer_wait", *arguments)

    def on_input_changed(self) -> None:
        try:
            shown = self._statement()
        except ValueError as error:
            shown = str(error)
        self.query_one("#statement", Static).update(Text(visible(shown)))

    def action_run(self) -> None:
        try:
            statement = self._statement()
        except ValueError as error:
            self.notify(visible(str(error)), severity="warning")
            return
        self.app.clear_notifications()
        self.leave(statement)
