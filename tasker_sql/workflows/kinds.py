"""Types of what a placeholder stands for: which parts there are, and what JSON calls them."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Mapping, MutableMapping, MutableSequence, Sequence
from dataclasses import fields as dataclass_fields
from dataclasses import is_dataclass
from typing import Any, Final

from tasker_sql.templates.definition import similar
from tasker_sql.worker.signatures import shown

UNKNOWN: Final = inspect.Parameter.empty  # of what has no annotation

_MAPPINGS: Final = (dict, Mapping, MutableMapping)
_SEQUENCES: Final = (list, tuple, Sequence, MutableSequence)


def is_unknown(kind: Any) -> bool:
    return bare(kind) in (UNKNOWN, Any, object)


def is_object(kind: Any) -> bool:
    """Whether it may be the type of a JSON object."""
    kind = bare(kind)
    origin = typing.get_origin(kind) or kind
    return is_unknown(kind) or origin in _MAPPINGS or _fields(origin) is not None


def part(kind: Any, key: Any, *, attribute: bool) -> tuple[str | int, Any]:
    """The key in JSON, and the type, of a part of what has this type.

    Raises TypeError that says why there is no such part, and what would be right.
    """
    kind = bare(kind)
    origin = typing.get_origin(kind) or kind
    names = _fields(origin)
    if names is not None and not typing.is_typeddict(origin):
        if not attribute:
            raise TypeError(f"{shown(kind)} has attributes, not keys: write .{key}")
        return _known(names, key, kind)
    if attribute:
        keyed = origin in _MAPPINGS or typing.is_typeddict(origin)
        raise TypeError(
            f'{shown(kind)} has keys, not attributes: write ["{key}"]'
            if keyed
            else f"{shown(kind)} has no attributes in JSON"
        )
    if names is not None:
        return _known(names, key, kind)
    inner = typing.get_args(kind)
    if origin in _MAPPINGS:
        if not isinstance(key, str):
            raise TypeError(f"the keys of JSON are texts, not {key!r}")
        return key, inner[1] if len(inner) == 2 else UNKNOWN
    if origin in _SEQUENCES:
        if not isinstance(key, int) or isinstance(key, bool) or key < 0:
            raise TypeError(f"an index is a number from 0 on, not {key!r}: do it in a step")
        if origin is tuple and inner and inner[-1] is not ...:
            if key >= len(inner):
                raise TypeError(f"{shown(kind)} has {len(inner)} items")
            return key, inner[key]
        return key, inner[0] if inner else UNKNOWN
    raise TypeError(f"{shown(kind)} has no parts")


def bare(kind: Any) -> Any:
    """A type without what does not change its parts: Annotated, NewType, None beside it."""
    while True:
        if typing.get_origin(kind) is typing.Annotated:
            kind = typing.get_args(kind)[0]
        elif hasattr(kind, "__supertype__"):
            kind = kind.__supertype__
        elif typing.get_origin(kind) in (typing.Union, types.UnionType):
            others = [one for one in typing.get_args(kind) if one is not type(None)]
            if len(others) != 1:
                return kind
            kind = others[0]
        else:
            return kind


def _known(names: Mapping[str, tuple[str, Any]], key: Any, kind: Any) -> tuple[str, Any]:
    if key in names:
        return names[key]
    more = similar(str(key), names) or f"; it has {', '.join(names) or 'nothing'}"
    raise TypeError(f"{shown(kind)} has no {key!r}{more}")


def _fields(kind: Any) -> Mapping[str, tuple[str, Any]] | None:
    """The fields of a model, a dataclass or a TypedDict: name in JSON and type, by name."""
    if not isinstance(kind, type) and not typing.is_typeddict(kind):
        return None
    pydantic = getattr(kind, "__pydantic_fields__", None) or getattr(kind, "model_fields", None)
    if isinstance(pydantic, dict) and hasattr(kind, "__pydantic_validator__"):
        return {
            name: (field.serialization_alias or field.alias or name, field.annotation)
            for name, field in pydantic.items()
        }
    if not is_dataclass(kind) and not typing.is_typeddict(kind):
        return None
    try:
        hints = typing.get_type_hints(kind, include_extras=True)
    except (NameError, TypeError):
        hints = dict.fromkeys(kind.__annotations__, UNKNOWN)
    names = (
        [one.name for one in dataclass_fields(kind)] if is_dataclass(kind) else kind.__annotations__
    )
    return {name: (name, hints.get(name, UNKNOWN)) for name in names}
