"""Task templates from YAML files, as register_template takes them.

    name: process_order
    namespace_name: fulfillment
    version: 1.0.0
    steps:
      - name: validate_order
        handler: {callable: fulfillment.validate_order}
      - name: ship_order
        handler: {sql: shop.ship_order}
        dependencies: [validate_order]
        retry: {max_attempts: 5, backoff: exponential, backoff_base_ms: 200}
        timeout_seconds: 60
    environments:
      test:
        steps:
          - name: ship_order
            retry: {backoff_base_ms: 1}

`environments` holds what differs there; `TASKER_ENV` names the one to use, `development` unless it
is set. It is merged over the rest: objects key by key, steps by their name, other lists as a whole;
`null` takes a key away.

This module knows YAML, the merge and line numbers. What a definition may say, the database decides.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from tasker_sql.errors import TaskerError

ENVIRONMENT: Final = "TASKER_ENV"
DEFAULT_ENVIRONMENT: Final = "development"

DEEPEST: Final = 50

Path_ = tuple[str | int, ...]


class TemplateError(Exception):
    """A file is not a template. The message names the file, and the line where there is one."""


@dataclass(frozen=True, slots=True)
class Template:
    """A definition, and where its parts stand in its file."""

    file: Path
    definition: dict[str, Any]
    lines: dict[str, int]  # of each step, by its name

    def explain(self, error: TaskerError) -> TemplateError:
        """The database's refusal of this definition, with the file and, where known, the line."""
        named = re.search(r"\bstep ([A-Za-z][A-Za-z0-9_.-]*)", error.detail)
        line = self.lines.get(named[1]) if named else None
        place = f"{self.file}:{line}" if line else str(self.file)
        hint = f" ({error.hint})" if error.hint else ""
        return TemplateError(f"{place}: {error}{hint}")


def load(file: Path, environment: str | None = None) -> Template:
    """Read a template, with the overrides of one environment merged in.

    Raises TemplateError for what is not YAML, not JSON, doubled or cannot be merged, and OSError.
    """
    try:
        node = yaml.compose(file.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{file}:{mark.line + 1}" if mark else str(file)
        raise TemplateError(f"{place}: {error.problem or error}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise TemplateError(f"{file}: not YAML text: {error}") from error
    reader = _Reader(file)
    definition = reader.value(node) if node is not None else None
    if not isinstance(definition, dict):
        raise TemplateError(f"{file}: a template is an object with name, namespace_name, steps ...")
    chosen = environment or os.environ.get(ENVIRONMENT) or DEFAULT_ENVIRONMENT
    environments = definition.pop("environments", None) or {}
    if not isinstance(environments, dict):
        raise reader.error("environments must be an object", "environments")
    overrides = environments.get(chosen) or {}
    if not isinstance(overrides, dict):
        raise reader.error(f"environment {chosen} must be an object", "environments", chosen)
    if "steps" in overrides:
        reader.check_step_names(definition, overrides["steps"], chosen)
    merged = merge(definition, overrides)
    return Template(file, merged, reader.step_lines(definition))


def find(places: list[Path]) -> Iterator[Path]:
    """The YAML files among these files and, recursively, in these folders; sorted."""
    for place in places:
        if place.is_dir():
            yield from sorted([*place.rglob("*.yaml"), *place.rglob("*.yml")])
        else:
            yield place


def merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`over` merged into `base`: objects key by key, `steps` by name, all else replaced.

    A null takes the key away.
    """
    merged = dict(base)
    for key, value in over.items():
        known = merged.get(key)
        if value is None:
            merged.pop(key, None)
        elif key == "steps" and isinstance(known, list) and isinstance(value, list):
            changes = {step["name"]: step for step in value}
            merged[key] = [merge(step, changes.get(step.get("name"), {})) for step in known]
        elif isinstance(known, dict) and isinstance(value, dict):
            merged[key] = merge(known, value)
        else:
            merged[key] = value
    return merged


class _Reader:
    """Turns YAML nodes into plain values, and remembers the lines."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lines: dict[Path_, int] = {}
        self._scalars = yaml.SafeLoader("")

    def value(self, node: yaml.Node, path: Path_ = ()) -> Any:
        line = node.start_mark.line + 1
        self._lines[path] = line
        if len(path) > DEEPEST:
            raise TemplateError(f"{self._file}:{line}: nested too deeply")
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        try:
            value = self._scalars.construct_object(node)
        except yaml.MarkedYAMLError as error:
            raise TemplateError(f"{self._file}:{line}: {error.problem}") from error
        if value is None or isinstance(value, str | bool | int | float):
            return value
        kind = type(value).__name__
        raise TemplateError(f"{self._file}:{line}: a {kind} is not JSON: put it in quotes")

    def _mapping(self, node: yaml.MappingNode, path: Path_) -> dict[str, Any]:
        found: dict[str, Any] = {}
        self._scalars.flatten_mapping(node)  # <<: *anchor
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = key_node.value
            if not isinstance(key_node, yaml.ScalarNode):
                raise TemplateError(f"{self._file}:{line}: a key must be a text")
            if key in found:
                raise TemplateError(f"{self._file}:{line}: the key {key!r} is there twice")
            found[key] = self.value(value_node, (*path, key))
        return found

    def error(self, message: str, *path: str | int) -> TemplateError:
        line = self._lines.get(path)
        return TemplateError(f"{self._file}:{line}: {message}" if line else message)

    def check_step_names(self, definition: dict[str, Any], steps: Any, environment: str) -> None:
        """Overridden steps must be objects that name a step of the template."""
        path = ("environments", environment, "steps")
        if not isinstance(steps, list):
            raise self.error("steps must be a list", *path)
        known = {step.get("name") for step in _objects(definition.get("steps"))}
        for index, step in enumerate(steps):
            name = step.get("name") if isinstance(step, dict) else None
            if name not in known or name is None:
                message = f"environment {environment} changes a step {name!r}, which does not exist"
                raise self.error(message, *path, index)

    def step_lines(self, definition: dict[str, Any]) -> dict[str, int]:
        steps = definition.get("steps")
        return {
            str(step.get("name")): self._lines["steps", index]
            for index, step in enumerate(steps if isinstance(steps, list) else [])
            if isinstance(step, dict)
        }


def _objects(value: Any) -> list[dict[str, Any]]:
    items = value if isinstance(value, list) else []
    return [item for item in items if isinstance(item, dict)]
