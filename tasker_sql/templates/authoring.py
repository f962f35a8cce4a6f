"""What helps to write a template: a JSON Schema for editors, and a file to begin with.

Both are made from the rules of the checker.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from typing import Any, Final

from tasker_sql.templates.definition import HANDLER, RETRY, STEP, TEMPLATE, WAIT, KeyRule

SCHEMA_FILE: Final = "tasker-template.schema.json"
EXAMPLES: Final[Mapping[str, Any]] = {"timeout_seconds": 60}

Schema = dict[str, Any]


def json_schema() -> Schema:
    """The JSON Schema (draft 2020-12) of a template in a file."""
    parts = {
        "step": _object(STEP),
        "step_override": _override(STEP),
        "handler": _handler(_object(HANDLER)),
        "handler_override": _handler(_override(HANDLER)),
        "retry": _object(RETRY),
        "retry_override": _override(RETRY),
        "wait": _object(WAIT),
        "wait_override": _override(WAIT),
    }
    parts["handler"]["anyOf"][1]["oneOf"] = [{"required": ["callable"]}, {"required": ["sql"]}]
    parts["step"]["oneOf"] = [{"required": ["handler"]}, {"required": ["wait"]}]
    parts["step_override"]["required"] = ["name"]
    schema = _object(TEMPLATE)
    schema["properties"]["environments"] = {
        "type": "object",
        "description": "What differs in an environment, by name: TASKER_ENV chooses one.",
        "additionalProperties": {"anyOf": [_override(TEMPLATE), {"type": "null"}]},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A workflow template of tasker-sql",
        **schema,
        "patternProperties": {"^x-": {"description": "Left out: a place for anchors."}},
        "$defs": parts,
    }


def _object(keys: Mapping[str, KeyRule], override: str = "") -> Schema:
    return {
        "type": "object",
        "properties": {key: _value(key, rule, override) for key, rule in keys.items()},
        "required": [key for key, rule in keys.items() if rule.needed],
        "additionalProperties": False,
    }


def _override(keys: Mapping[str, KeyRule]) -> Schema:
    """Of an environment: nothing is required, and null takes a key away."""
    made = _object(keys, "_override")
    made["required"] = []
    for key, value in made["properties"].items():
        made["properties"][key] = {"anyOf": [value, {"type": "null"}]}
    return made


def _handler(described: Schema) -> Schema:
    return {"anyOf": [_text(HANDLER["callable"]), described]}


def _value(key: str, rule: KeyRule, override: str) -> Schema:
    made: Schema = {"description": rule.about}
    if rule.default is not None:
        made["default"] = list(rule.default) if isinstance(rule.default, tuple) else rule.default
    if key == "steps":
        items = {"$ref": f"#/$defs/step{override}"}
        return made | {"type": "array", "items": items, "minItems": 1}
    if key in ("handler", "retry", "wait"):
        return made | {"$ref": f"#/$defs/{key}{override}"}
    if key == "dependencies":
        name = _text(STEP["name"])
        return made | {"anyOf": [name, {"type": "array", "items": name, "uniqueItems": True}]}
    match rule.kind:
        case "text":
            made |= _text(rule)
        case "number":
            least, most = rule.bounds
            made |= {"type": "integer", "minimum": least, "maximum": most}
        case "flag":
            made |= {"type": "boolean"}
        case "list":
            made |= {"type": "array"}
        case "object":
            made |= {"type": ["object", "null"] if rule.nullable else "object"}
    return made


def _text(rule: KeyRule) -> Schema:
    if rule.choices:
        return {"enum": list(rule.choices)}
    if rule.pattern:
        return {"type": "string", "pattern": f"^{rule.pattern}$"}
    least, most = rule.bounds
    return {"type": "string", "minLength": least, "maxLength": most}


def skeleton(name: str, namespace: str) -> str:
    """A file to begin with, in which the keys that may be left out are comments."""
    return "".join(
        [
            f"# yaml-language-server: $schema={SCHEMA_FILE}\n",
            f"name: {name}\n",
            f"namespace_name: {namespace}\n",
            "version: 1.0.0\n",
            "steps:\n",
            "  - name: first\n",
            "    handler: first  # a function of that name, as with @handler in Python\n",
            "  - name: second\n",
            "    handler: second\n",
            "    dependencies: [first]\n",
            *_optional(STEP, "    ", "# "),
            "    # retry:\n",
            *_optional(RETRY, "    #   ", ""),
            "# environments:  # what differs there; TASKER_ENV chooses one\n",
            "#   test:\n",
            "#     steps:\n",
            "#       - {name: second, retry: {backoff_base_ms: 1}}\n",
        ]
    )


def _optional(keys: Mapping[str, KeyRule], indent: str, mark: str) -> list[str]:
    """The keys that have a default, or an example, each with what it means above it."""
    lines: list[str] = []
    for key, rule in keys.items():
        value = EXAMPLES.get(key, rule.default)
        if value is None or isinstance(value, tuple):
            continue
        options = f" One of {', '.join(rule.choices)}." if rule.choices else ""
        comment = textwrap.wrap(f"{rule.about}{options}", 94 - len(indent))
        lines += [f"{indent}# {line}\n" for line in comment]
        lines.append(f"{indent}{mark}{key}: {json.dumps(value).strip(chr(34))}\n")
    return lines
