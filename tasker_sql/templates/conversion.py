"""Templates of tasker-core and tasker, this project's ancestors, as templates of ours.

Keys without a meaning here are left out, keys with another name are renamed, and each change is
listed with its line. What would behave differently is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import yaml

from tasker_sql.templates import files as templates
from tasker_sql.templates.yamltext import (
    READ_DIFFERENTLY,
    UNREAD,
    Array,
    Fault,
    Object,
    Unread,
    YamlError,
    read,
)

# Keys without a meaning here, and why they may be left out.
LEFT_OUT: Final[Mapping[str, str]] = {
    "system_dependencies": "systems are no part of a template here",
    "system_dependency": "systems are no part of a template here",
    "dependent_system": "systems are no part of a template here",
    "default_dependent_system": "systems are no part of a template here",
    "domain_events": "events are read from the history of tasks",
    "publishes_events": "events are read from the history of steps",
    "loaded_from": "a template does not know its file",
    "task_handler_class": "a task has no handler of its own, only its steps have",
    "module_namespace": "workers find handlers by their registered names",
    "resolver": "workers find handlers by their registered names",
    "named_steps": "the steps themselves have names",
    "lifecycle": "how long is too long, views and alerts say",
    "result_schema": "results are not checked",
}
RENAMED: Final[Mapping[str, str]] = {
    "step_templates": "steps",
    "schema": "input_schema",
    "depends_on": "dependencies",
    "depends_on_step": "dependencies",
    "depends_on_steps": "dependencies",
    "limit": "max_attempts",
    "retry_limit": "max_attempts",
}
REFUSED: Final[Mapping[str, str]] = {
    "batch_config": "there are no batch steps here",
    "initial_delay": "write backoff_base_ms, in milliseconds",
    "max_delay": "write max_backoff_ms, in milliseconds",
}
# Keys of a step that stand in an object of it here.
MOVED: Final[Mapping[str, tuple[str, str]]] = {
    "handler_class": ("handler", "callable"),
    "handler_config": ("handler", "initialization"),
    "default_retryable": ("retry", "retryable"),
    "default_retry_limit": ("retry", "max_attempts"),
}
PLAIN_TYPES: Final = ("standard", "sequential", "normal")


@dataclass(slots=True)
class Converted:
    """A template of ours as YAML; what was changed, and what cannot be, by line."""

    text: str = ""
    changes: list[Fault] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def change(self, given: Object) -> None:
        """Make a template of ours of it, in place."""
        self._object(given, "the template")
        self._steps(given.get("steps"))
        environments = given.get("environments")
        if isinstance(environments, Object):
            for name, overrides in environments.items():
                if isinstance(overrides, Object):
                    self._object(overrides, f"environment {name}")
                    self._steps(overrides.get("steps"))

    def _steps(self, steps: Any) -> None:
        for step in steps if isinstance(steps, Array) else ():
            if not isinstance(step, Object):
                continue
            what = f"step {step.get('name')}"
            self._kind(step, what)
            self._object(step, what)
            self._moved(step, what)
            for kind in ("handler", "retry"):
                if isinstance(inner := step.get(kind), Object):
                    self._object(inner, f"the {kind} of {what}")
            self._method(step.get("handler"), what)
            self._attempts(step.get("retry"), what)

    def _object(self, given: Object, what: str) -> None:
        for key in [key for key, value in given.items() if value is None]:
            del given[key]  # as if it were not there
        for key in list(given):
            line = given.lines[key]
            if key in LEFT_OUT:
                del given[key]
                self.changes.append((line, f"{key} of {what} is left out: {LEFT_OUT[key]}"))
            elif key in REFUSED:
                message = f"{key} of {what} cannot be converted: {REFUSED[key]}"
                self.faults.append((line, message))
                del given[key]
            elif new := RENAMED.get(key):
                if new in given:
                    self.faults.append((line, f"{what} has both {key} and {new}"))
                else:
                    given[new], given.lines[new] = given[key], line
                    self.changes.append((line, f"{key} of {what} is {new} now"))
                del given[key]

    def _moved(self, step: Object, what: str) -> None:
        for key, (outer, inner) in MOVED.items():
            if key not in step:
                continue
            line, value = step.lines[key], step.pop(key)
            if outer not in step:
                step[outer], step.lines[outer] = Object({}, line), line
            holder = step[outer]
            if not isinstance(holder, Object) or inner in holder:
                self.faults.append((line, f"{what} has both {key} and {outer}"))
                continue
            holder[inner], holder.lines[inner] = value, line
            self.changes.append((line, f"{key} of {what} is {outer}: {{{inner}: ...}} now"))

    def _kind(self, step: Object, what: str) -> None:
        """Steps that make others, or wait for them to decide, have no counterpart."""
        if "type" not in step:
            return
        line, kind = step.lines["type"], step.pop("type")
        if isinstance(kind, str) and kind.lower() in PLAIN_TYPES:
            self.changes.append((line, f"type of {what} is left out: all steps are {kind}"))
        elif kind is not None and kind is not UNREAD:
            message = f"{what} is of type {kind}, which does not exist here: write its steps out"
            self.faults.append((line, message))

    def _method(self, handler: Any, what: str) -> None:
        """A class and its method are one name."""
        if not isinstance(handler, Object) or "method" not in handler:
            return
        line, method = handler.lines["method"], handler.pop("method")
        if isinstance(handler.get("callable"), str) and isinstance(method, str):
            handler["callable"] = f"{handler['callable']}.{method}"
            message = f"the handler of {what} is registered as {handler['callable']}"
            self.changes.append((line, message))

    def _attempts(self, retry: Any, what: str) -> None:
        if isinstance(retry, Object) and retry.get("max_attempts") == 0:
            retry["max_attempts"] = 1
            line = retry.lines["max_attempts"]
            message = f"max_attempts of the retry of {what} is 1 now: the first one counts"
            self.changes.append((line, message))


def convert(data: bytes) -> Converted:
    """What a file of the ancestor's is here; without a text where there are faults."""
    done = Converted()
    try:
        found, done.faults = read(data)
    except YamlError as error:
        done.faults = [(error.line or 1, str(error))]
        return done
    if not isinstance(found, Object):
        done.faults = done.faults or [(1, templates.A_TEMPLATE)]
        return done
    done.change(found)
    text = yaml.dump(found, Dumper=_Dumper, sort_keys=False, width=100, allow_unicode=True)
    done.faults = sorted({*done.faults, *templates.check(found)[1]})
    done.text = "" if done.faults else text
    done.changes.sort()
    return done


class _Dumper(yaml.SafeDumper):
    """Writes every value such that `yamltext` reads the same."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _text(dumper: _Dumper, value: str) -> yaml.Node:
    quoted = any(pattern.fullmatch(value) for pattern, _ in READ_DIFFERENTLY)
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="'" if quoted else None)


def _decimal(dumper: _Dumper, value: Decimal) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:float", f"{value:f}")


_Dumper.add_representer(str, _text)
_Dumper.add_representer(Object, _Dumper.represent_dict)
_Dumper.add_representer(Array, _Dumper.represent_list)
_Dumper.add_representer(Unread, lambda dumper, _: dumper.represent_none(None))
_Dumper.add_representer(Decimal, _decimal)
