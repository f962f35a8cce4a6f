"""Templates from YAML files, as register_template takes them: `docs/templates.md` shows some.

`environments` holds what differs there; `TASKER_ENV` names the one to use, `development` unless it
is set. It is merged over the rest: objects key by key, steps by their name, other lists as a whole;
`null` takes a key away. Keys at the top that begin with `x-` are left out: a place for anchors.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tasker_sql.errors import ConflictError, TaskerError
from tasker_sql.templates import definition as rules
from tasker_sql.templates import yamltext
from tasker_sql.templates.yamltext import UNREAD, Array, Fault, Object, YamlError

ENVIRONMENT: Final = "TASKER_ENV"
DEFAULT_ENVIRONMENT: Final = "development"
MOST_SHOWN: Final = 50  # faults of a file

A_TEMPLATE: Final = "a template is an object with name, namespace_name, version and steps"


class TemplateError(Exception):
    """Files are not templates. The message has a line for each fault, which names file and line."""

    @classmethod
    def of(cls, file: Path, faults: Sequence[Fault]) -> TemplateError:
        """All that is wrong with a file."""
        lines = [f"{file}:{line}: {message}" for line, message in faults[:MOST_SHOWN]]
        more = len(faults) - MOST_SHOWN
        return cls("\n".join([*lines, *([f"{file}: and {more} more"] if more > 0 else [])]))

    @classmethod
    def all(cls, errors: Sequence[TemplateError]) -> TemplateError:
        """Several files at once."""
        return cls("\n".join(map(str, errors)))


@dataclass(frozen=True, slots=True)
class TemplateFile:
    """A definition, and the file that it is from."""

    file: Path
    definition: Object

    def explain(self, error: TaskerError) -> TemplateError:
        """The database's refusal of this definition, with the file and the line."""
        hint = f" ({error.hint})" if error.hint else ""
        return TemplateError.of(self.file, [(self._line(error), f"{error}{hint}")])

    def _line(self, error: TaskerError) -> int:
        """Of the step, or the key, that the message names; else of the template's name."""
        words = f"{error.message} {error.detail}"
        named = re.findall(r"\bstep ([A-Za-z][A-Za-z0-9_.-]*)", words)
        for step in self.definition["steps"]:
            if step["name"] in named:
                return int(step.lines["name"])
        key = "version" if isinstance(error, ConflictError) else "name"
        keys = [key for key in self.definition if re.search(rf"\b{re.escape(key)}\b", words)]
        return self.definition.lines[max(keys, key=len, default=key)]


def load(file: Path, environment: str | None = None) -> TemplateFile:
    """Read a template, with the overrides of one environment merged in.

    Raises TemplateError, which names all that is wrong with the file in any environment, and
    OSError.
    """
    try:
        base, faults = yamltext.read(yamltext.data(file))
    except YamlError as error:
        raise TemplateError.of(file, [(error.line or 1, str(error))]) from error
    if not isinstance(base, Object):
        raise TemplateError.of(file, faults or [(1, A_TEMPLATE)])
    chosen = environment or os.environ.get(ENVIRONMENT, "").strip() or DEFAULT_ENVIRONMENT
    merged, more = check(base)
    if faults := sorted({*faults, *more}):
        raise TemplateError.of(file, faults)
    return TemplateFile(file, merged.get(chosen, base))


def check(base: Object) -> tuple[dict[str, Object], list[Fault]]:
    """The definition in each environment, and all that is wrong with any of them. The base is
    changed in place: short forms are written out, and `environments` is taken away."""
    environments = base.pop("environments", None)
    faults = rules.faults(rules.normalized(base))
    merged = {}
    for name, overrides in _environments(environments, base, faults):
        merged[name] = merge(base, overrides)
        faults += rules.faults(merged[name])
    return merged, faults


def find(places: Sequence[Path]) -> Iterator[Path]:
    """The YAML files among these files and, recursively, in these folders; sorted."""
    for place in places:
        if place.is_dir():
            yield from sorted([*place.rglob("*.yaml"), *place.rglob("*.yml")])
        else:
            yield place


def load_all(places: Sequence[Path], environment: str | None = None) -> list[TemplateFile]:
    """The templates in these files and folders. Raises TemplateError for all that are none."""
    loaded, errors = [], []
    for file in find(places):
        try:
            loaded.append(load(file, environment))
        except TemplateError as error:
            errors.append(error)
    if errors:
        raise TemplateError.all(errors)
    return loaded


def merge(base: Object, over: Object) -> Object:
    """`over` merged into `base`: objects key by key, `steps` by name, all else replaced.

    A null takes the key away.
    """
    merged = Object(base, base.line)
    merged.lines = {**base.lines, **over.lines}
    for key, value in over.items():
        known = merged.get(key)
        if value is None:
            merged.pop(key, None)
        elif key == "steps" and isinstance(known, Array) and isinstance(value, Array):
            changes = {step["name"]: step for step in value}
            merged[key] = steps = Array((_changed(step, changes) for step in known), known.line)
            steps.lines = known.lines
            merged.lines[key] = base.lines[key]
        elif isinstance(known, Object) and isinstance(value, Object):
            merged[key] = merge(known, value)
        else:
            merged[key] = value
    return merged


def _changed(step: Any, changes: dict[str, Object]) -> Any:
    name = step.get("name") if isinstance(step, Object) else None
    return merge(step, changes[name]) if isinstance(name, str) and name in changes else step


def _environments(given: Any, base: Object, faults: list[Fault]) -> Iterator[tuple[str, Object]]:
    """The overrides that can be merged; what is wrong with others is added to the faults."""
    if given is None or given is UNREAD:
        return
    if not isinstance(given, Object):
        message = f"environments is {rules.quoted(given)}; need an object of environments"
        faults.append((base.lines["environments"], message))
        return
    for name, overrides in given.items():
        if overrides is None or overrides is UNREAD:
            continue
        if not isinstance(overrides, Object):
            message = f"environment {name} is {rules.quoted(overrides)}; need an object"
            faults.append((given.lines[name], message))
            continue
        wrong = [*_wrong_steps(overrides, base, name)] if "steps" in overrides else []
        faults += wrong
        if not wrong:
            yield name, rules.normalized(overrides)


def _wrong_steps(overrides: Object, base: Object, environment: str) -> Iterator[Fault]:
    """Overridden steps must be objects that name a step of the template."""
    steps = overrides["steps"]
    if not isinstance(steps, Array):
        message = f"steps of environment {environment} is {rules.quoted(steps)}; need a list"
        yield overrides.lines["steps"], message
        return
    listed = base.get("steps")
    known = [
        step["name"]
        for step in (listed if isinstance(listed, Array) else ())
        if isinstance(step, Object) and isinstance(step.get("name"), str)
    ]
    for step, line in zip(steps, steps.lines, strict=True):
        name = step.get("name") if isinstance(step, Object) else None
        if name not in known:
            changed = f"environment {environment} changes a step {rules.quoted(name)}"
            yield line, f"{changed}, which does not exist{rules.similar(str(name), known)}"
