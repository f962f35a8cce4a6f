"""The template of a workflow, checked as one from a file, with the lines of somebody's code."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from tasker_sql.jsonb import decode, encode
from tasker_sql.templates import definition as rules
from tasker_sql.templates.yamltext import Array, Object
from tasker_sql.workflows.tracing import Call, CallSite, WorkflowError

Settings = dict[str, Any]

SOMEWHERE: Final = {"name": "x", "namespace_name": "x", "version": "1.0.0"}

# Keys of a template that are called otherwise as keywords.
KEYWORDS: Final = {"timeout_seconds": "timeout", "namespace_name": "namespace"}


def of_step(settings: Settings, place: CallSite) -> Settings:
    """The keys of a step in a template. Raises WorkflowError for what is none."""
    known = {**rules.STEP, **rules.RETRY}
    keys = _keys(settings, known, "step", place, {"handler", "dependencies", "retry"})
    retry = {key: keys.pop(key) for key in list(keys) if key in rules.RETRY}
    return {**({"retry": retry} if retry else {}), **keys}


def of_template(settings: Settings, place: CallSite) -> Settings:
    """The keys of a template beside its steps. Raises WorkflowError for what is none."""
    return _keys(settings, rules.TEMPLATE, "template", place, {"steps"})


def template(head: Settings, calls: Sequence[Call], place: CallSite) -> dict[str, Any]:
    """What `register_template` takes. Raises WorkflowError, with a line for each fault."""
    made = _placed(head, 0)
    steps = [_placed(_step(head, call), number) for number, call in enumerate(calls, 1)]
    made["steps"] = listed = Array(steps, 0)
    made.lines["steps"], listed.lines = 0, list(range(1, len(calls) + 1))
    _check(made, [place, *(call.place for call in calls)])
    plain: dict[str, Any] = decode(encode(made))
    return plain


def check_step(name: str, settings: Settings, place: CallSite) -> None:
    """Raises WorkflowError for settings of a step that no workflow could have. What a condition
    reads depends on the workflow."""
    alone = {"name": name, "handler": {"callable": "x"}, **settings}
    alone.pop("if", None)
    _check(_placed({**SOMEWHERE, "steps": [alone]}, 0), [place])


def _check(made: Object, places: Sequence[CallSite]) -> None:
    """Raises WorkflowError, with a line for each fault: numbers of places are the checker's."""
    faults = [f"{places[line]}: {_in_python(fault)}" for line, fault in rules.faults(made)]
    if faults:
        raise WorkflowError("\n".join(faults))


def handler_name(head: Settings, step: str) -> str:
    """As failures name the step."""
    return f"{head.get('namespace_name')}/{head.get('name')}/{step}"


def _step(head: Settings, call: Call) -> Settings:
    handler: Settings = {"callable": handler_name(head, call.step.name)}
    if call.sources:
        handler["initialization"] = dict(call.sources)
    made: Settings = {"name": call.name, "handler": handler}
    if call.dependencies:
        made["dependencies"] = list(call.dependencies)
    return made | call.step.settings


def _keys(
    settings: Settings, known: Mapping[str, Any], kind: str, place: CallSite, without: set[str]
) -> Settings:
    """Keywords as keys: `if_` is `if`, and times are numbers."""
    allowed = {KEYWORDS.get(key, key): key for key in known if key not in without}
    keys = {}
    for keyword, given in settings.items():
        key = allowed.get(keyword.rstrip("_"))
        if key is None:
            raise place.error(_unknown(keyword, kind, allowed))
        if isinstance(given, timedelta):
            given = given.total_seconds() * (1000 if key.endswith("_ms") else 1)
        keys[key] = int(given) if isinstance(given, float) and given.is_integer() else given
    return keys


def _unknown(keyword: str, kind: str, allowed: Mapping[str, str]) -> str:
    meant = rules.synonym(keyword, "retry") if kind == "step" else ""
    meant = meant or rules.synonym(keyword, kind)
    meant = KEYWORDS.get(meant, meant)
    if keyword == "after" or meant == "dependencies":
        return f"@step has no {keyword!r}: name the steps before it in its call, f(x, after=y)"
    if meant in allowed and meant != keyword:
        more = f"; did you mean {meant!r}?"
    else:
        known = f"; known are {', '.join(allowed)}"
        more = rules.similar(keyword, allowed, 0.7) or known
    return f"@{'workflow' if kind == 'template' else kind} has no {keyword!r}{more}"


def _placed(given: Any, line: int) -> Any:
    """The value with a line for each of its parts."""
    if isinstance(given, dict):
        return Object({key: _placed(value, line) for key, value in given.items()}, line)
    if isinstance(given, list | tuple):
        return Array([_placed(item, line) for item in given], line)
    return given


def _in_python(fault: str) -> str:
    """What is wrong with a key, with the keyword instead."""
    if missing := re.fullmatch(r"the key '(\w+)' is missing in the template", fault):
        keyword = KEYWORDS.get(missing[1], missing[1])
        return f'{keyword} is missing: write @workflow(namespace="shop", version="1.0.0")'
    for key, keyword in KEYWORDS.items():
        fault = fault.replace(key, keyword)
    return re.sub(r"write (\w+): (?!\{)", r"write \1=", fault)
