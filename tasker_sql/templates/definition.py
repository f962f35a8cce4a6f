"""All that is wrong with a template. `template.schema.json` says which keys there are.

The database decides, and checks the same; a test compares. This one names every fault at once, with
its line and what was meant, and needs no database.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, Final

from tasker_sql.templates.yamltext import UNREAD, Array, Fault, Object, shown

MOST_CYCLES: Final = 20
DEEPEST_SCHEMA: Final = 32

# What editors check a template with, and what only messages need: `x-wanted`, a value in words,
# and `x-synonyms`, what others call the key.
SCHEMA: Final[Mapping[str, Any]] = json.loads(
    Path(__file__).with_name("template.schema.json").read_bytes()
)


@dataclass(frozen=True, slots=True)
class KeyRule:
    """What a key is about, and what its value may be; `wanted` says it in words."""

    kind: str  # string, integer, boolean, array or object; empty: several of them
    about: str = ""
    wanted: str = ""
    pattern: str = ""
    bounds: tuple[int, int] = (0, 0)  # of a number; of a text without a pattern, its length
    choices: Sequence[str] = ()
    needed: bool = False
    nullable: bool = False
    default: Any = None
    synonyms: Sequence[str] = ()  # what others call the key


def _rules(described: Mapping[str, Any]) -> Mapping[str, KeyRule]:
    """The rules of an object, by key."""
    needed = described.get("required", ())
    return {key: _rule(value, key in needed) for key, value in described["properties"].items()}


def _rule(value: Mapping[str, Any], needed: bool) -> KeyRule:
    if "$ref" in value:
        value = {**PARTS[value["$ref"].rpartition("/")[2]], **value}
    kinds = value.get("anyOf", [value])[-1].get("type", [])  # that of the long form
    kinds = [kinds] if isinstance(kinds, str) else kinds
    named = [kind for kind in kinds if kind != "null"]
    return KeyRule(
        named[0] if len(named) == 1 else "",
        value["description"],
        value.get("x-wanted", ""),
        value.get("pattern", ""),
        (
            value.get("minimum") or value.get("minLength", 0),
            value.get("maximum") or value.get("maxLength", 0),
        ),
        value.get("enum", ()),
        needed,
        not kinds or "null" in kinds,
        value.get("default"),
        value.get("x-synonyms", "").split(),
    )


PARTS: Final[Mapping[str, Any]] = SCHEMA["$defs"]
TEMPLATE: Final = _rules(SCHEMA)
STEP: Final = _rules(PARTS["step"])
HANDLER: Final = _rules(PARTS["handler"]["anyOf"][1])
RETRY: Final = _rules(PARTS["retry"])
WAIT: Final = _rules(PARTS["wait"])
UNTIL: Final[Mapping[str, KeyRule]] = {"sql": HANDLER["sql"]}
A_NAME: Final = STEP["name"]
MOMENT: Final = KeyRule(
    "string",
    wanted="a time with its zone, such as 2026-01-31T09:30:00Z, a path to one, or {sql: ...}",
    pattern=r"\s*(?:lax\s|strict\s|\$)(?s:.*)"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}[0-9:.]*(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)",
)

LITERAL: Final = re.compile(r'(?<![.$])"(?:[^"\\]|\\.)*"')
PARENT: Final = re.compile(r'\$\.(results|states|errors)\b(?:\.("(?:[^"\\]|\\.)*"|\w+))?')

KEYS: Final[Mapping[str, Mapping[str, KeyRule]]] = {
    "template": TEMPLATE,
    "step": STEP,
    "handler": HANDLER,
    "wait": WAIT,
    "until": UNTIL,
    "retry": RETRY,
}

TYPES: Final = ("string", "number", "integer", "boolean", "array", "object", "null")
A_NUMBER: Final = int | float | Decimal
A_COUNT: Final = "a whole number, at least 0"
# The keywords of a JSON Schema that are enforced: what they take.
KEYWORDS: Final[Mapping[str, tuple[Any, str]]] = {
    "type": (str | list, f"{', '.join(TYPES[:-1])} or null, or a list of these"),
    "properties": (dict, "an object of schemas"),
    "required": (list, "a list of property names"),
    "additionalProperties": (bool | dict, "true, false or a schema"),
    "items": (dict, "a schema"),
    "enum": (list, "a list with at least one value"),
    "const": (object, "any value"),
    "minimum": (A_NUMBER, "a number"),
    "maximum": (A_NUMBER, "a number"),
    "exclusiveMinimum": (A_NUMBER, "a number"),
    "exclusiveMaximum": (A_NUMBER, "a number"),
    "multipleOf": (A_NUMBER, "a number greater than 0"),
    "minLength": (A_NUMBER, A_COUNT),
    "maxLength": (A_NUMBER, A_COUNT),
    "pattern": (str, "a text of up to 500 characters that does not refer back to a group (\\1)"),
    "minItems": (A_NUMBER, A_COUNT),
    "maxItems": (A_NUMBER, A_COUNT),
    "uniqueItems": (bool, "true or false"),
}
NOTED: Final = {"title", "description", "default", "examples", "$schema", "$id", "format"}
KINDS: Final = {"boolean": bool, "array": list, "object": dict}
UNITS: Final = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


def normalized(definition: Object) -> Object:
    """The definition with its short forms written out: `handler: name`, and `dependencies: step`.
    Changed in place."""
    for step in _objects(definition.get("steps")):
        handler, parents = step.get("handler"), step.get("dependencies")
        if isinstance(handler, str):
            step["handler"] = Object({"callable": handler}, step.lines["handler"])
        if isinstance(parents, str):
            step["dependencies"] = Array([parents], step.lines["dependencies"])
    return definition


def faults(definition: Object) -> list[Fault]:
    """All that is wrong with a definition, by line."""
    found = [*_object_faults(definition, "template", "the template")]
    steps = definition.get("steps")
    if isinstance(steps, Array):
        if not steps:
            found.append((definition.lines["steps"], "steps is empty; need at least one step"))
        for number, (step, line) in enumerate(zip(steps, steps.lines, strict=True), 1):
            found += _step_faults(step, line, number)
        found += _graph_faults(steps)
    schema = definition.get("input_schema")
    if isinstance(schema, Object):
        found += _schema_faults(schema, "input_schema", 1)
    return sorted(set(found))


def _step_faults(step: Any, line: int, number: int) -> Iterator[Fault]:
    if step is UNREAD:
        return
    if not isinstance(step, Object):
        yield line, f"step {number} is {quoted(step)}; need an object with a name and a handler"
        return
    name = step.get("name")
    what = f"step {name}" if isinstance(name, str) else f"step {number}"
    yield from _object_faults(step, "step", what)
    if not {"handler", "wait"} & step.keys() and not _means(step, "step", {"handler", "wait"}):
        yield step.line, f"the key 'handler' is missing in {what}"
    if isinstance(step.get("wait"), Object):
        yield from _wait_faults(step, what)
    handler, retry, parents = (step.get(key) for key in ("handler", "retry", "dependencies"))
    if isinstance(handler, Object):
        yield from _object_faults(handler, "handler", f"the handler of {what}")
        kinds = ("callable" in handler) + ("sql" in handler)
        if kinds == 2:
            yield step.lines["handler"], f"the handler of {what} has both callable and sql"
        elif not kinds and not _means(handler, "handler", {"callable", "sql"}):
            message = f"the handler of {what} has neither callable nor sql: write handler: NAME"
            yield step.lines["handler"], message
    if isinstance(retry, Object):
        yield from _object_faults(retry, "retry", f"the retry of {what}")
    if isinstance(parents, Array):
        for parent, place in zip(parents, parents.lines, strict=True):
            if not isinstance(parent, str) and parent is not UNREAD:
                message = f"a dependency of {what} is {quoted(parent)}; need the name of a step"
                yield place, message
    if isinstance(path := step.get("if"), str):
        yield from _condition_faults(path, step.lines["if"], what, parents)


def _wait_faults(step: Object, what: str) -> Iterator[Fault]:
    """What is wrong with what a step waits for."""
    wait, parents, at = step["wait"], step.get("dependencies"), step.lines["wait"]
    yield from _object_faults(wait, "wait", f"the wait of {what}")
    until, signal = wait.get("until"), wait.get("signal")
    asks = isinstance(until, Object)
    if asks:
        yield from _object_faults(until, "until", f"until of {what}")
        if "sql" not in until:
            yield wait.lines["until"], f"the key 'sql' is missing in until of {what}"
    elif until is not None and until is not UNREAD and (wrong := _wrong("until", until, MOMENT)):
        yield wait.lines["until"], f"until of {what} is {wrong}"
    names = signal if isinstance(signal, Array) else [signal]
    if signal is not None and (not 1 <= len(names) <= 20 or len({*map(str, names)}) < len(names)):
        yield wait.lines["signal"], f"signal of {what}: need a name, or 1 to 20 different ones"
    for name in names if signal is not None else ():
        if name is not UNREAD and (wrong := _wrong("signal", name, A_NAME)):
            yield wait.lines["signal"], f"signal of {what} is {wrong}"
    for key in ("fail_if", "until"):
        if isinstance(path := wait.get(key), str):
            yield from _condition_faults(path, wait.lines[key], what, parents)
    if isinstance(schema := wait.get("schema"), Object):
        yield from _schema_faults(schema, "schema", 1)
    for is_wrong, fault in (
        ("handler" in step, "a step has a wait or a handler, not both"),
        (
            len({"for", "until", "signal"} & wait.keys()) != 1
            and not _means(wait, "wait", {"for", "until", "signal"}),
            "a wait needs exactly one of for, until and signal",
        ),
        (
            "signal" not in wait and bool({"count", "schema", "fail_if", "prompt"} & wait.keys()),
            "count, schema, fail_if and prompt belong to a signal",
        ),
        ("every" in wait and not asks, "every belongs to until: {sql: ...}"),
        ({"timeout", "for"} <= wait.keys(), "for ends by itself and has no timeout"),
        ("on_timeout" in wait and "timeout" not in wait, "on_timeout needs a timeout"),
        (
            "default" in wait and wait.get("on_timeout") != "continue",
            "default is the value of on_timeout: continue",
        ),
        (
            not asks and bool({"retry", "timeout_seconds"} & step.keys()),
            "retry and timeout_seconds belong to a handler, or to until: {sql: ...}",
        ),
        ("start_within" in step, "start_within belongs to a handler: no worker starts a wait"),
    ):
        if is_wrong:
            yield at, f"{what}: {fault}"


def _condition_faults(path: str, line: int, what: str, parents: Any) -> Iterator[Fault]:
    """What a condition reads of steps that are no dependencies. Its syntax, the database checks."""
    listed = parents if isinstance(parents, list) else ()
    known = [parent for parent in listed if isinstance(parent, str)]
    for part, key in PARENT.findall(LITERAL.sub('""', path)):
        if (name := key.strip('"')) not in known:
            message = f"the condition of {what} reads $.{part}.{name}, and {name or 'that'} is none"
            yield line, f"{message} of its dependencies{similar(name, known)}"


def _object_faults(given: Object, kind: str, what: str) -> Iterator[Fault]:
    """Keys that are unknown, missing, or have wrong values."""
    keys = KEYS[kind]
    for key, value in given.items():
        line = given.lines.get(key, given.line)
        if key not in keys:
            yield line, f"unknown key {key!r} in {what}{_meant(key, kind)}"
        elif value is not UNREAD and (wrong := _wrong(key, value, keys[key])):
            yield line, f"{key}{'' if kind == 'template' else f' of {what}'} is {wrong}"
    for key, declared in keys.items():
        if declared.needed and key not in given and not _means(given, kind, {key}):
            yield given.line, f"the key {key!r} is missing in {what}"


def _means(given: Object, kind: str, wanted: set[str]) -> bool:
    """Whether an unknown key, which a fault names, stands for one of these."""
    unknown = given.keys() - KEYS[kind].keys()
    return any(synonym(key, kind).partition(":")[0] in wanted for key in unknown)


def synonym(word: str, kind: str) -> str:
    """The key that others call so; for a step, it may be one of its handler or its retry."""
    word = _snake(word)
    for key in _known(kind):
        if word == key or (key in KEYS[kind] and word in KEYS[kind][key].synonyms):
            return key
    for inner in ("handler", "retry") if kind == "step" else ():
        if key := synonym(word, inner):
            return f"{inner}: {{{key}: ...}}"
    return ""


def _snake(key: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key).replace("-", "_").replace(" ", "_").lower()


def _known(kind: str) -> list[str]:
    return [*KEYS[kind], *(["environments"] if kind == "template" else [])]


def _meant(key: str, kind: str) -> str:
    """What an unknown key may mean: what others call so, or what is spelled alike."""
    if meant := synonym(key, kind):
        return f"; did you mean {meant!r}?"
    known = _known(kind)
    return similar(_snake(key), known, 0.7) or f"; known are {', '.join(known)}"


def similar(word: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """The end of a message about an unknown word: which known one is spelled alike, if any."""
    close = difflib.get_close_matches(word, known, 1, cutoff)
    return f"; did you mean {close[0]!r}?" if close else ""


def _wrong(key: str, value: Any, declared: KeyRule) -> str:
    """What is wrong with a value, and what would be right; empty when nothing is."""
    if value is None:
        return "" if declared.nullable else "empty: give it a value, or leave the key out"
    if declared.kind == "string":
        return _wrong_text(key, value, declared)
    if declared.kind == "integer":
        return _wrong_number(key, value, declared.bounds)
    fits = isinstance(value, KINDS.get(declared.kind, object))
    return "" if fits else f"{quoted(value)}; need {declared.wanted}"


def _wrong_text(key: str, value: Any, declared: KeyRule) -> str:
    if declared.choices:
        if value in declared.choices:
            return ""
        hint = similar(value.lower(), declared.choices, 0.4) if isinstance(value, str) else ""
        return f"{quoted(value)}; need one of {', '.join(declared.choices)}{hint}"
    if isinstance(value, str) and _fits(value, declared):
        return ""
    return f"{quoted(value)}; need {declared.wanted}{_corrected(key, value, declared)}"


def _corrected(key: str, value: Any, declared: KeyRule) -> str:
    """How a text is written right, where that can be guessed."""
    if isinstance(value, dict | list | bool):
        return ""
    text = str(value)
    if key == "callable":
        rest = text.removeprefix("sql:").strip()
        return f": write {{sql: {rest}}}" if text.startswith("sql:") and rest else ""
    if key == "version":
        numbers = [str(int(digits[:9])) for digits in re.findall(r"\d+", text)[:3]]
        right = ".".join([*numbers, "0", "0"][:3] if numbers else ["1", "0", "0"])
    else:
        right = re.sub(r"[^A-Za-z0-9_.-]+", "_", text).strip("_")
        if key.startswith("namespace"):
            right = re.sub(r"[^a-z0-9_]", "_", right.lower())
    return f': write {key}: "{right}"' if _fits(right, declared) else ""


def _fits(text: str, declared: KeyRule) -> bool:
    if declared.pattern:
        return re.fullmatch(declared.pattern, text) is not None and "\0" not in text
    least, most = declared.bounds
    return least <= len(text) <= most and "\0" not in text


def _wrong_number(key: str, value: Any, bounds: tuple[int, int]) -> str:
    least, most = bounds
    wanted = f"need a whole number from {least} to {most}"
    if isinstance(value, A_NUMBER) and not isinstance(value, bool):
        right = least <= value <= most and value == int(value)
        return "" if right else f"{quoted(value)}; {wanted}"
    found = re.fullmatch(r"\s*(\d{1,10})\s*(ms|s|sec|m|min|h|d)?\s*", str(value))
    if not isinstance(value, str) or not found:
        return f"{quoted(value)}; {wanted}"
    number, unit = int(found[1]), found[2]
    if unit == "ms":
        number = number if key.endswith("_ms") else number // 1000
    elif unit:
        number *= UNITS[unit] * (1000 if key.endswith("_ms") else 1)
    return f"{quoted(value)}; {wanted}" + (f": write {number}" if least <= number <= most else "")


def _graph_faults(steps: Array) -> Iterator[Fault]:
    """Steps that are there twice, dependencies that are not there, cycles."""
    lines: dict[str, int] = {}
    parents: dict[str, list[str]] = {}
    names = [step["name"] for step in _objects(steps) if isinstance(step.get("name"), str)]
    known = set(names)
    whole = len(names) == len(steps)  # else a dependency may name a step that cannot be read
    for step in _objects(steps):
        name = step.get("name")
        if not isinstance(name, str):
            continue
        line = step.lines["name"]
        if name in lines:
            yield line, f"step {name} is there twice, first in line {lines[name]}"
            continue
        lines[name], parents[name] = line, []
        listed = step.get("dependencies")
        if not isinstance(listed, Array):
            continue
        for parent, place in zip(listed, listed.lines, strict=True):
            if not isinstance(parent, str):
                continue
            if parent in parents[name]:
                yield place, f"step {name} names {parent!r} twice"
            elif parent in known:
                parents[name].append(parent)
            elif (hint := similar(parent, known)) or whole:
                yield place, f"step {name} depends on {quoted(parent)}, which does not exist{hint}"
    yield from _cycles(parents, lines)


def _cycles(parents: dict[str, list[str]], lines: dict[str, int]) -> Iterator[Fault]:
    for _ in range(MOST_CYCLES):
        try:
            TopologicalSorter(parents).prepare()
        except CycleError as error:
            path = error.args[1]
            shown = path if len(path) <= 12 else [*path[:6], f"({len(path) - 7} more)", path[-1]]
            yield min(lines[name] for name in path), f"the steps form a cycle: {' -> '.join(shown)}"
            on_path = set(path)
            parents = {
                name: [parent for parent in above if parent not in on_path]
                for name, above in parents.items()
                if name not in on_path
            }
        else:
            return


def _schema_faults(schema: Object, path: str, depth: int) -> Iterator[Fault]:
    """What of a JSON Schema would not be enforced as it is written."""
    if depth > DEEPEST_SCHEMA:
        yield schema.line, f"{path[:200]}: nested deeper than {DEEPEST_SCHEMA}"
        return
    inner: list[tuple[str, Any, int]] = []
    for key, value in schema.items():
        line = schema.lines.get(key, schema.line)
        if key in NOTED or value is UNREAD:
            continue
        if key not in KEYWORDS:
            more = similar(key, KEYWORDS, 0.75) or f"; supported are {', '.join(KEYWORDS)}"
            yield line, f"{path}: {key!r} is not supported{more}"
        elif not _fits_keyword(key, value):
            yield line, f"{path}: {key} must be {KEYWORDS[key][1]}"
        elif key == "properties":
            inner += [(f"{key}.{name}", one, value.lines[name]) for name, one in value.items()]
        elif key == "items" or (key == "additionalProperties" and not isinstance(value, bool)):
            inner.append((key, value, line))
    for key, value, line in inner:
        if isinstance(value, Object):
            yield from _schema_faults(value, f"{path}.{key}", depth + 1)
        elif value is not UNREAD:
            yield line, f"{path}.{key} is {quoted(value)}; need a schema"


def _fits_keyword(key: str, value: Any) -> bool:
    kind, wanted = KEYWORDS[key]
    if not isinstance(value, kind) or (kind is A_NUMBER and isinstance(value, bool)):
        return False
    match key:
        case "type":
            kinds = value if isinstance(value, list) and value else [value]
            return all(isinstance(kind, str) and kind in TYPES for kind in kinds)
        case "required":
            return all(isinstance(name, str) or name is UNREAD for name in value)
        case "enum":
            return bool(value)
        case "multipleOf":
            return bool(value > 0)
        case "pattern":
            return len(value) <= 500 and not re.search(r"\\[1-9]", value.replace("\\\\", ""))
    return wanted != A_COUNT or (value >= 0 and value == int(value))


def _objects(value: Any) -> Iterator[Object]:
    """The objects in a list."""
    if isinstance(value, Array):
        yield from (item for item in value if isinstance(item, Object))


def quoted(value: Any) -> str:
    """A value in a message."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    text = shown(str(value))
    return repr(text) if isinstance(value, str) else text
