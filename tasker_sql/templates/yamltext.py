"""YAML as JSON, with the line of every part, and what YAML 1.1 and 1.2 agree on, exactly.

What the two versions read differently, such as `no`, `0755` or `22:30`, is refused rather than
guessed. Nothing is larger than it looks: parts are counted while aliases are followed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import yaml

from tasker_sql.jsonb import decode, encode

DEEPEST: Final = 50
MOST_PARTS: Final = 100_000
MOST_TEXT: Final = 16 << 20  # bytes of a file, characters of all its texts

LONGEST_NUMBER: Final = 200_000  # characters, more than any that PostgreSQL takes
LONGEST_SHOWN: Final = 60

TAGS: Final = "tag:yaml.org,2002:"
PLAIN: Final = "plain"  # the tag of all scalars without quotes and tag
# With libyaml ten times as fast.
LOADER: Final[Any] = type(
    "Loader",
    (getattr(yaml, "CSafeLoader", yaml.SafeLoader),),
    {"yaml_implicit_resolvers": {None: [(PLAIN, re.compile(""))]}},
)
CONSTANTS: Final[dict[str, Any]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
NUMBER: Final = re.compile(
    r"[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*(?:[eE][-+][0-9]+)?)?|\.[0-9]+(?:[eE][-+][0-9]+)?)"
)
HEXADECIMAL: Final = re.compile(r"0x[0-9a-fA-F]+")
NOT_JSON: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")

# What one of the versions reads as something else than the other: how, in words.
SECONDS: Final = r"[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?"
DIFFERENT: Final = [
    (r"(?:yes|Yes|YES|on|On|ON)", "true in YAML 1.1 and a text in YAML 1.2"),
    (r"(?:no|No|NO|off|Off|OFF)", "false in YAML 1.1 and a text in YAML 1.2"),
    (r"[-+]?0[0-7_]+", "an octal number in YAML 1.1 and a decimal one in YAML 1.2"),
    (r"[-+]?0[0-9_]+", "a text in YAML 1.1 and a number in YAML 1.2"),
    (r"0o[0-7]+", "a text in YAML 1.1 and an octal number in YAML 1.2"),
    (r"[-+]?0b[01_]+|[-+]0x[0-9a-fA-F_]+|0x[0-9a-fA-F_]+", "a number in YAML 1.1 only"),
    (SECONDS, "a number to the base of 60 in YAML 1.1 and a text in YAML 1.2"),
    (r"[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?", "a number in YAML 1.1 only"),
    (r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)[eE][-+]?[0-9]+", "a number in YAML 1.2 only"),
    (r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:[Tt]|[ \t]+)[0-9].*)?", "a date in YAML 1.1 only"),
    (r"=|<<", "a sign of its own in YAML 1.1"),
]
READ_DIFFERENTLY: Final = [(re.compile(pattern), how) for pattern, how in DIFFERENT]


class YamlError(Exception):
    """A file cannot be read as a whole. `line` is None where no line is the cause."""

    def __init__(self, line: int | None, message: str) -> None:
        super().__init__(message)
        self.line = line


class Object(dict[str, Any]):
    """A mapping, and the lines of its keys: the same one until they are known."""

    def __init__(self, given: Mapping[str, Any], line: int) -> None:
        super().__init__(given)
        self.line, self.lines = line, dict.fromkeys(given, line)


class Array(list[Any]):
    """A sequence, and the lines of its items: the same one until they are known."""

    def __init__(self, given: Iterable[Any], line: int) -> None:
        super().__init__(given)
        self.line, self.lines = line, [line] * len(self)


class Unread:
    """Stands for a wrong value, which a fault names already."""


UNREAD: Final = Unread()

Fault = tuple[int, str]  # a line, and what is wrong there


def data(file: Path) -> bytes:
    """What is in a file, no more than is needed to see that it is too large. Raises OSError."""
    with file.open("rb") as opened:
        return opened.read(MOST_TEXT + 1)


def read(data: bytes) -> tuple[Any, list[Fault]]:
    """The value of a document, and what is wrong with parts of it. `x-` keys at the top are left
    out. Raises YamlError when it cannot be read at all."""
    if len(data) > MOST_TEXT:
        raise YamlError(None, f"it is larger than {MOST_TEXT >> 20} MiB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise YamlError(line, "this is not text in UTF-8") from error
    try:
        root = _composed(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        begun = error.context_mark
        where = f" {error.context} of line {begun.line + 1}" if error.context and begun else ""
        message = f"{error.problem or error}{where}"
        raise YamlError(mark.line + 1 if mark else None, message) from error
    except yaml.reader.ReaderError as error:
        position = error.position if isinstance(error.position, int) else 0
        raise YamlError(text.count("\n", 0, position) + 1, str(error.reason)) from error
    reader = _Reader()
    return (reader.value(root, "it") if root else None), reader.faults


def _composed(text: str) -> yaml.Node | None:
    """The nodes of the document, unless they are too many or too deep to be made."""
    depth = nodes = documents = 0
    anchors = set()
    for event in yaml.parse(text, Loader=LOADER):
        line = _line(event)
        nodes += isinstance(event, yaml.NodeEvent)
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        documents += isinstance(event, yaml.DocumentStartEvent)
        if documents > 1:
            raise YamlError(line, "a second document begins; a file has one")
        if depth > DEEPEST:
            raise YamlError(line, "nested too deeply")
        if isinstance(event, yaml.AliasEvent) and event.anchor not in anchors:
            raise YamlError(line, f"there is no anchor &{event.anchor} before this alias")
        if isinstance(event, yaml.NodeEvent):
            anchors.add(event.anchor)
        if nodes > 2 * MOST_PARTS:  # each value may have a key
            raise YamlError(line, f"it has more than {MOST_PARTS:,} values")
    return yaml.compose(text, Loader=LOADER)


def _line(part: Any) -> int:
    """Of a node, or of an event of the parser."""
    return int(part.start_mark.line) + 1


@dataclass(slots=True)
class _Reader:
    """Makes values of nodes. Goes on where a part is wrong, and stops where it is too much."""

    faults: list[Fault] = field(default_factory=list)
    _line: int = 1  # up to which the file is read; what an alias names stands before
    _parts: int = 0
    _text: int = 0
    _open: list[yaml.Node] = field(default_factory=list)  # that are being read

    def value(self, node: yaml.Node, what: str) -> Any:
        """`what` is the key or item that has the value."""
        self._count(node)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, what)
        if node.tag not in (f"{TAGS}seq", f"{TAGS}map"):
            return self._fault(_line(node), f"{what}: the tag {_tag(node)} has no meaning here")
        self._enter(node)
        try:
            if isinstance(node, yaml.MappingNode):
                return self._object(node)
            return self._array(node, what)
        finally:
            self._open.pop()

    def _count(self, node: yaml.Node) -> None:
        self._line = max(self._line, _line(node))
        self._parts += 1
        if self._parts > MOST_PARTS:
            message = f"with all that its aliases name, it has more than {MOST_PARTS:,} values"
            raise YamlError(self._line, message)

    def _enter(self, node: yaml.Node) -> None:
        if node in self._open:
            message = "this alias names what it stands in, so it would have no end"
            raise YamlError(self._line, message)
        if len(self._open) >= DEEPEST:
            raise YamlError(self._line, "nested too deeply")
        self._open.append(node)

    def _array(self, node: yaml.Node, what: str) -> Array:
        items = [self.value(item, f"{what}[{at}]") for at, item in enumerate(node.value)]
        found = Array(items, _line(node))
        found.lines = [*map(_line, node.value)]
        return found

    def _object(self, node: yaml.MappingNode) -> Object:
        pairs = self._pairs(node)
        if len(self._open) == 1:
            pairs = {key: pair for key, pair in pairs.items() if not key.startswith("x-")}
        values = {key: self.value(value, key) for key, (_, value) in pairs.items()}
        found = Object(values, _line(node))
        found.lines = {key: line for key, (line, _) in pairs.items()}
        return found

    def _pairs(self, node: yaml.MappingNode) -> dict[str, tuple[int, yaml.Node]]:
        """The line and value of each key: of those that stand here, then of what is merged in."""
        found: dict[str, tuple[int, yaml.Node]] = {}
        merges: list[yaml.Node] = []
        for key, value in node.value:
            line = _line(key)
            if not isinstance(key, yaml.ScalarNode):
                self._fault(line, "a key must be a text, not a list or an object")
            elif key.tag == PLAIN and key.value == "<<":
                merges.append(value)
                if len(merges) > 1:
                    self._fault(line, "the key '<<' is there twice: write <<: [*one, *other]")
            elif key.value in found:
                self._fault(line, f"the key {key.value!r} is there twice")
            else:
                found[key.value] = (line, value)
        for merge in merges:
            for source in merge.value if isinstance(merge, yaml.SequenceNode) else [merge]:
                if not isinstance(source, yaml.MappingNode):
                    message = "<< takes a mapping, or a list of them, as in <<: *name"
                    self._fault(_line(source), message)
                    continue
                self._enter(source)
                for name, pair in self._pairs(source).items():
                    self._count(pair[1])
                    found.setdefault(name, pair)
                self._open.pop()
        return found

    def _scalar(self, node: yaml.ScalarNode, what: str) -> Any:
        text, line = str(node.value), _line(node)
        self._text += len(text)
        if self._text > MOST_TEXT:
            message = f"with all that its aliases name, it has more than {MOST_TEXT:,} characters"
            raise YamlError(self._line, message)
        if node.tag == PLAIN:
            return self._plain(text, line, what)
        if node.tag == f"{TAGS}str":
            return self._characters(text, line, what)
        kinds = {"int": int, "float": float | Decimal | int, "bool": bool, "null": type(None)}
        kind = kinds.get(node.tag.removeprefix(TAGS))
        found = self._plain(text, line, what) if kind else None
        if not kind or not isinstance(found, kind | Unread):
            return self._fault(line, f"{what}: the tag {_tag(node)} has no meaning here")
        return found

    def _plain(self, text: str, line: int, what: str) -> Any:
        if text in CONSTANTS:
            return CONSTANTS[text]
        if NUMBER.fullmatch(text):
            number = decode(_as_json(text)) if len(text) <= LONGEST_NUMBER else UNREAD
            try:
                encode(number)
            except ValueError:
                message = f"{what} is {shown(text)}, too large or too small for PostgreSQL"
                return self._fault(line, message)
            return number
        if len(text) > LONGEST_NUMBER:
            return self._characters(text, line, what)
        if HEXADECIMAL.fullmatch(text):
            return int(text, 16)
        if NOT_JSON.fullmatch(text):
            message = f"{what} is {text}, and JSON knows neither NaN nor Infinity"
            return self._fault(line, message)
        for pattern, how in READ_DIFFERENTLY:
            if pattern.fullmatch(text):
                message = f"{what} is {shown(text)}, {how}: put it in quotes{_or(text)}"
                return self._fault(line, message)
        return self._characters(text, line, what)

    def _characters(self, text: str, line: int, what: str) -> Any:
        try:
            encode(text)
        except ValueError:
            return self._fault(line, f"{what} has a character that PostgreSQL cannot store")
        return text

    def _fault(self, line: int, message: str) -> Unread:
        if (line, message) not in self.faults[-10:]:  # once where an alias repeats it
            self.faults.append((line, message))
        return UNREAD


def shown(text: str) -> str:
    """A text as messages quote it."""
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def _as_json(text: str) -> str:
    """A number of YAML in JSON: no plus, digits on both sides of the point."""
    text = text.removeprefix("+")
    text = re.sub(r"^(-?)\.", r"\g<1>0.", text)
    return re.sub(r"\.(?=$|[eE])", ".0", text)


def _or(text: str) -> str:
    """What else would be right, for a number."""
    plain = text.replace("_", "")
    if not re.fullmatch(r"[-+]?[0-9.]+(?:[eE][-+]?[0-9]{1,2})?", plain) or "-" in text[1:5]:
        return ""
    if plain.lstrip("+-").startswith("0") and plain.isdigit():
        return f", or write {int(plain)}"
    number = format(Decimal(plain), "f")
    return f", or write {number}"


def _tag(node: yaml.Node) -> str:
    return str(node.tag).replace(TAGS, "!!")
