"""The form for what a step waits for, made from its schema."""

from __future__ import annotations

from typing import Any

import pytest

from tasker_sql.top.form import fields_of, value_of

SCHEMA = {
    "type": "object",
    "required": ["ok", "by"],
    "properties": {
        "ok": {"type": "boolean"},
        "amount": {"type": "number", "description": "in EUR"},
        "by": {"enum": ["post", "courier"]},
        "note": {"type": "string"},
        "more": {"type": "array"},
    },
}


def test_has_a_field_for_each_property() -> None:
    assert [(field.name, field.wanted) for field in fields_of(SCHEMA)] == [
        ("ok", "yes or no"),
        ("amount", "a number, or nothing: in EUR"),
        ("by", "one of post, courier"),
        ("note", "text, or nothing"),
        ("more", "JSON, or nothing"),
    ]


@pytest.mark.parametrize("schema", [None, {}, True, {"type": "string"}, {"type": "object"}])
def test_has_one_field_for_anything_else(schema: Any) -> None:
    (field,) = fields_of(schema)
    assert (field.name, field.needed) == ("", True)


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        (["yes", "", "post", "", ""], {"ok": True, "by": "post"}),
        (
            ["no", "1.5", "courier", "at 5", "[1]"],
            {"ok": False, "amount": 1.5, "by": "courier", "note": "at 5", "more": [1]},
        ),
    ],
)
def test_reads_what_was_typed(typed: list[str], value: Any) -> None:
    assert value_of(fields_of(SCHEMA), typed) == value


@pytest.mark.parametrize("typed", ["null", "7", '""', "[]"])
def test_reads_any_value(typed: str) -> None:
    assert value_of(fields_of({}), [typed]) == {"null": None, "7": 7, '""': "", "[]": []}[typed]


@pytest.mark.parametrize(
    ("typed", "what"),
    [
        (["", "", "post", "", ""], "ok: need yes or no"),
        (["yes", "many", "post", "", ""], "amount: need a number, or nothing: in EUR"),
        (["yes", "true", "post", "", ""], "amount: need a number, or nothing: in EUR"),
        (["yes", "", "pigeon", "", ""], "by: need one of post, courier"),
        (["yes", "", "post", "", "{"], "more: need JSON, or nothing"),
    ],
)
def test_says_what_is_wanted(typed: list[str], what: str) -> None:
    with pytest.raises(ValueError, match="need") as caught:
        value_of(fields_of(SCHEMA), typed)
    assert str(caught.value) == what
