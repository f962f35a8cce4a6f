"""What helps to write a template: a JSON Schema for editors, and a file to begin with."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Mapping
from typing import Any, Final

from tasker_sql.templates.definition import RETRY, SCHEMA, STEP, KeyRule

OVERRIDDEN: Final = ("step", "handler", "retry", "wait")
SCHEMA_FILE: Final = "tasker-template.schema.json"
EXAMPLES: Final[Mapping[str, Any]] = {"timeout_seconds": 60}

Schema = dict[str, Any]


def json_schema() -> Schema:
    """The JSON Schema (draft 2020-12) of a template in a file: with what differs by environment."""
    public = json.loads(json.dumps(SCHEMA), object_hook=_public)
    parts = public["$defs"]
    overrides = {f"{part}_override": _override(parts[part]) for part in OVERRIDDEN}
    overrides["step_override"]["required"] = ["name"]
    environments = {
        "type": "object",
        "description": "What differs in an environment, by name: TASKER_ENV chooses one.",
        "additionalProperties": {"anyOf": [_override(public), {"type": "null"}]},
    }
    properties = {**public["properties"], "environments": environments}
    return {**public, "properties": properties, "$defs": {**parts, **overrides}}


def _public(described: Schema) -> Schema:
    """Without what only the checker needs."""
    return {key: value for key, value in described.items() if not key.startswith("x-")}


def _override(described: Mapping[str, Any]) -> Schema:
    """Of an environment: nothing is required, and null takes a key away."""
    if "anyOf" in described:
        short, whole = described["anyOf"]
        return {"anyOf": [short, _override(whole)]}
    reference = rf'(?<=#/\$defs/)({"|".join(OVERRIDDEN)})(?=")'
    inner = re.sub(reference, r"\1_override", json.dumps(described["properties"]))
    properties = {
        key: {"anyOf": [value, {"type": "null"}]} for key, value in json.loads(inner).items()
    }
    return {"type": "object", "properties": properties, "additionalProperties": False}


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
        if value is None or isinstance(value, list):
            continue
        options = f" One of {', '.join(rule.choices)}." if rule.choices else ""
        comment = textwrap.wrap(f"{rule.about}{options}", 94 - len(indent))
        lines += [f"{indent}# {line}\n" for line in comment]
        lines.append(f"{indent}{mark}{key}: {json.dumps(value).strip(chr(34))}\n")
    return lines
