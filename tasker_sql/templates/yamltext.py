"""YAML as JSON, with the line of every part, and what YAML 1.1 and 1.2 agree on, exactly.

What the two versions read differently, such as `no`, `0755` or `22:30`, is refused rather than
guessed. Nothing is larger than it looks: parts are counted while aliases are followed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
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
    """A mapping, and the lines of its keys."""

    line: int
    lines: dict[str, int]


class Array(list[Any]):
    """A sequence, and the lines of its items."""

    line: int
    lines: list[int]


class Unread:
    """Stands for a wrong value, which a fault names already."""


UNREAD: Final = Unread()

Fault = tuple[int, str]  # a line, and what is wrong there


@dataclass(slots=True)
class Node:
    """A part of a file as it is written; `items` are those of a sequence, or keys and values."""

    line: int
    text: str = ""
    plain: bool = False  # without quotes and tag
    tag: str = ""
    items: list[tuple[Node | None, Node | Alias]] | None = None
    keyed: bool = False


@dataclass(slots=True)
class Alias:
    """A `*name`, and what it names."""

    line: int
    target: Node


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
        root = _Composer(text).document()
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


class _Composer:
    """Makes nodes of what the parser says, without going deeper than allowed."""

    def __init__(self, text: str) -> None:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast
        self._events: Iterator[Any] = iter(yaml.parse(text, Loader=loader))
        self._anchors: dict[str, Node] = {}
        self._parts = 0

    def document(self) -> Node | None:
        root: Node | Alias | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    raise YamlError(_line(event), "a second document begins; a file has one")
                root = self._node(next(self._events), 0)
        return root if isinstance(root, Node) else None

    def _node(self, event: Any, depth: int) -> Node | Alias:
        line = _line(event)
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise YamlError(line, f"there is no anchor &{event.anchor} before this alias")
            return Alias(line, self._anchors[event.anchor])
        node = Node(line, tag=event.tag or "")
        if event.anchor:
            self._anchors[event.anchor] = node
        if isinstance(event, yaml.ScalarEvent):
            node.text = event.value
            node.plain = event.tag is None and event.implicit[0]
            return node
        if depth >= DEEPEST:
            raise YamlError(line, "nested too deeply")
        node.keyed = isinstance(event, yaml.MappingStartEvent)
        node.items = []
        while not isinstance(inner := next(self._events), yaml.CollectionEndEvent):
            key = None
            if node.keyed:
                found = self._node(inner, depth + 1)
                key = found if isinstance(found, Node) else found.target
                inner = next(self._events)
            node.items.append((key, self._node(inner, depth + 1)))
            self._parts += 1
            if self._parts > MOST_PARTS:
                raise YamlError(_line(inner), f"it has more than {MOST_PARTS:,} values")
        return node


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


@dataclass(slots=True)
class _Reader:
    """Makes values of nodes. Goes on where a part is wrong, and stops where it is too much."""

    faults: list[Fault] = field(default_factory=list)
    _line: int = 1  # up to which the file is read; what an alias names stands before
    _aliases: int = 0  # that are being followed, within one another
    _parts: int = 0
    _text: int = 0
    _open: list[int] = field(default_factory=list)  # nodes that are being read

    def value(self, node: Node | Alias, what: str) -> Any:
        """`what` is the key or item that has the value."""
        line = node.line
        if not self._aliases:
            self._line = line
        self._count()
        if isinstance(node, Node):
            return self._value(node, line, what)
        self._aliases += 1
        try:
            return self._value(node.target, line, what)
        finally:
            self._aliases -= 1

    def _value(self, node: Node, line: int, what: str) -> Any:
        if node.items is None:
            return self._scalar(node, line, what)
        if node.tag not in ("", "!", f"{TAGS}seq", f"{TAGS}map"):
            return self._fault(line, f"{what}: the tag {_tag(node)} has no meaning here")
        self._enter(node)
        try:
            return self._object(node) if node.keyed else self._array(node, what)
        finally:
            self._open.pop()

    def _count(self) -> None:
        self._parts += 1
        if self._parts > MOST_PARTS:
            message = f"with all that its aliases name, it has more than {MOST_PARTS:,} values"
            raise YamlError(self._line, message)

    def _enter(self, node: Node) -> None:
        if id(node) in self._open:
            message = "this alias names what it stands in, so it would have no end"
            raise YamlError(self._line, message)
        if len(self._open) >= DEEPEST:
            raise YamlError(self._line, "nested too deeply")
        self._open.append(id(node))

    def _array(self, node: Node, what: str) -> Array:
        found = Array()
        found.line, found.lines = node.line, []
        for _, item in node.items or ():
            found.append(self.value(item, f"{what}[{len(found)}]"))
            found.lines.append(item.line)
        return found

    def _object(self, node: Node) -> Object:
        found = Object()
        found.line, found.lines = node.line, {}
        top = len(self._open) == 1
        for key, (line, value) in self._pairs(node).items():
            if not (top and key.startswith("x-")):
                found[key] = self.value(value, key)
                found.lines[key] = line
        return found

    def _pairs(self, node: Node) -> dict[str, tuple[int, Node | Alias]]:
        """The line and value of each key: of those that stand here, then of what is merged in."""
        found: dict[str, tuple[int, Node | Alias]] = {}
        merges: list[Node | Alias] = []
        for key, value in node.items or ():
            assert key is not None
            if key.items is not None:
                self._fault(key.line, "a key must be a text, not a list or an object")
            elif key.plain and key.text == "<<":
                merges.append(value)
                if len(merges) > 1:
                    self._fault(key.line, "the key '<<' is there twice: write <<: [*one, *other]")
            elif key.text in found:
                self._fault(key.line, f"the key {key.text!r} is there twice")
            else:
                found[key.text] = (key.line, value)
        for merge in merges:
            for source in self._sources(merge):
                self._enter(source)
                for name, pair in self._pairs(source).items():
                    self._count()
                    found.setdefault(name, pair)
                self._open.pop()
        return found

    def _sources(self, value: Node | Alias) -> Iterator[Node]:
        """The mappings that a `<<` merges in, the first of which wins."""
        node = value.target if isinstance(value, Alias) else value
        several = node.items if node.items is not None and not node.keyed else [(None, value)]
        for _, item in several:
            source = item.target if isinstance(item, Alias) else item
            if source.keyed:
                yield source
            else:
                self._fault(item.line, "<< takes a mapping, or a list of them, as in <<: *name")

    def _scalar(self, node: Node, line: int, what: str) -> Any:
        self._text += len(node.text)
        if self._text > MOST_TEXT:
            message = f"with all that its aliases name, it has more than {MOST_TEXT:,} characters"
            raise YamlError(self._line, message)
        kind = node.tag.removeprefix(TAGS)
        if node.plain:
            return self._plain(node.text, line, what)
        if not node.tag or node.tag == "!" or kind == "str":
            return self._characters(node.text, line, what)
        kinds = {"int": int, "float": float | Decimal | int, "bool": bool, "null": type(None)}
        found = self._plain(node.text, line, what) if kind in kinds else None
        if kind not in kinds or not isinstance(found, kinds[kind] | Unread):
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


def _tag(node: Node) -> str:
    return node.tag.replace(TAGS, "!!")
