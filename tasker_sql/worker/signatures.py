"""What a function must look like to be a handler, seen when it is registered.

What cannot work is refused then, with file and line, and not when a step meets it.
"""

from __future__ import annotations

import functools
import inspect
import re
import sys
import typing
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, is_dataclass
from types import UnionType
from typing import Any, Final

from tasker_sql.errors import BadInputError
from tasker_sql.jsonb import encode

Function = Callable[..., Any]
Input = Callable[[Any], Any]  # of a step, what a parameter gets
Read = Callable[[Any, str], Any]  # of a value and its name in messages, the same in its type

SQL_PREFIX: Final = "sql:"  # of handlers that are functions in the database
LONGEST_NAME: Final = 200  # characters
SHOWN_FAULTS: Final = 10

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class HandlerError(ValueError):
    """A function cannot be a handler. The message begins with its file and line."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a function was written, and the execution of its module that made it."""

    file: str
    line: int
    name: str
    execution: tuple[Any, Any]

    @classmethod
    def of(cls, function: Function) -> Origin:
        plain = _plain(function)
        code = getattr(plain, "__code__", None)
        names = getattr(plain, "__globals__", {})
        return cls(
            code.co_filename if code else getattr(plain, "__module__", "") or "?",
            code.co_firstlineno if code else 0,
            getattr(plain, "__qualname__", type(plain).__qualname__),
            (id(names), names.get("__spec__")),
        )

    def made_again(self, other: Origin | None) -> bool:
        """Whether this is the other one after its module ran again, as at a reload."""
        if other is None:
            return False
        same = (self.file, self.line, self.name) == (other.file, other.line, other.name)
        return same and (self.execution != other.execution or self.file.startswith("<"))

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def refusal(function: Function, what: str) -> HandlerError:
    """The error for a function that cannot be a handler."""
    origin = Origin.of(function)
    return HandlerError(f"{origin if origin.line else _caller()}: {what}")


def _caller() -> str:
    """The place outside of this package from which it was called."""
    frame = sys._getframe(1)
    while frame.f_back and str(frame.f_globals.get("__package__")).startswith("tasker_sql"):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def name_of(function: Function) -> str:
    """The name under which `@handler` registers. Raises HandlerError where there is none."""
    name = getattr(function, "__name__", None)
    if isinstance(function, type):
        raise refusal(function, f"the class {name} is not a handler: decorate a function")
    if not isinstance(name, str) or name == "<lambda>":
        kind = "a lambda" if name else f"an object of type {type(function).__name__}"
        raise refusal(function, f'{kind} has no name of its own: write handler("name")(...)')
    return name


def check_name(name: Any) -> None:
    """Raises HandlerError, with the caller's place, unless a template can name it."""
    wrong = ""
    if name is None:
        wrong = 'a name is missing: write @handler, or @handler("name", transactional=True)'
    elif not isinstance(name, str):
        wrong = f"a handler's name is a text, not {name!r} of type {type(name).__name__}"
    elif not name.strip():
        wrong = "a handler's name is empty"
    elif len(name) > LONGEST_NAME:
        wrong = f"a handler's name has {len(name)} characters, at most {LONGEST_NAME} are allowed"
    elif _CONTROL.search(name):
        wrong = f"the handler's name {name!r} has a control character"
    elif name.startswith(SQL_PREFIX):
        wrong = f"the handler's name {name!r} begins with {SQL_PREFIX!r}, as those in SQL do"
    if wrong:
        raise HandlerError(f"{_caller()}: {wrong}")


def inputs_of(
    function: Function, step: type, transactional: bool, names: Mapping[str, Any]
) -> tuple[Input, ...]:
    """What to make of a step for each parameter; the connection of a transactional one apart.

    `step` is the class of steps, `names` are those beside the globals that annotations may use.
    Raises HandlerError.
    """
    if isinstance(function, type):
        name = function.__name__
        raise refusal(function, f"the class {name} is not a handler: decorate a function")
    called = function if inspect.isroutine(_plain(function)) else type(function).__call__
    if inspect.isgeneratorfunction(called) or inspect.isasyncgenfunction(called):
        raise refusal(function, "a generator is not a handler: return the result, do not yield it")
    if transactional and inspect.iscoroutinefunction(called):
        raise refusal(
            function,
            "a transactional handler cannot be `async def`, for its connection is synchronous: "
            "write `def`",
        )
    parameters = _filled(function, transactional)
    if transactional:
        last = parameters.pop()
        if _is_input(_annotation(last, function, names, "")):
            raise refusal(
                function, f"{last.name}, the last parameter, gets the connection: annotate it so"
            )
    return _shapes(function, parameters, step, names)


def _filled(function: Function, transactional: bool) -> list[inspect.Parameter]:
    """The parameters that a call fills. Raises HandlerError when a call cannot fill them."""
    wanted = "def f(step, connection)" if transactional else "def f(step)"
    kind = "a transactional handler" if transactional else "a handler"
    try:
        known = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError) as error:
        raise refusal(
            function, "its signature cannot be read: call it in a function of your own"
        ) from error
    by_key = [p for p in known if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    if by_key:
        what = f"{kind} is called as {wanted[4:]}, and nothing fills {by_key[0].name}"
        raise refusal(function, what)
    by_place = [p for p in known if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    rest = [p for p in known if p.kind is p.VAR_POSITIONAL]
    least = 1 + transactional
    count = max(least, sum(p.default is p.empty for p in by_place))
    filled = [*by_place, *(rest * least)][:count]
    if count > least + 1 or len(filled) < count:
        has = len(by_place)
        parameters = "1 parameter" if has == 1 else f"{has or 'no'} parameters"
        raise refusal(function, f"it has {parameters}; {kind} is written {wanted}")
    return filled


def _shapes(
    function: Function,
    parameters: list[inspect.Parameter],
    step: type,
    names: Mapping[str, Any],
) -> tuple[Input, ...]:
    """What each parameter gets: the step, or its context in the shape of the annotation."""
    kinds = [_annotation(one, function, names, step.__name__) for one in parameters]
    whole = [_is_step(kind, step) for kind in kinds]
    inputs: list[Input] = []
    for parameter, kind, is_whole in zip(parameters, kinds, whole, strict=True):
        if is_whole and whole_step not in inputs:
            inputs.append(whole_step)
        elif _is_input(kind) and kinds.count(kind) == 1:
            inputs.append(_typed(function, kind))
        elif inputs:
            raise refusal(
                function,
                f"nothing fills {parameter.name}: transactional=True gives a handler a connection, "
                "and an annotation (a pydantic model, a dataclass) the context",
            )
        else:
            raise refusal(
                function,
                f"the annotation of {parameter.name} is {shown(kind)}: it must be Step, or say "
                "what the context is: a pydantic model, a dataclass, a TypedDict or dict",
            )
    return tuple(inputs)


def whole_step(step: Any) -> Any:
    """For a parameter that gets the step as it is."""
    return step


def _typed(function: Function, kind: Any) -> Input:
    """Makes the context into this kind. Raises HandlerError when nothing can."""
    try:
        read = reader(kind)
    except TypeError as error:
        raise refusal(function, f"no input can be read as {shown(kind)}: {error}") from error
    return lambda step: read(step.context, "the context")


def reader(kind: Any) -> Read:
    """Makes what JSON has into a type: a pydantic model, a dataclass, a date, anything that
    pydantic knows. Called with the value and its name in messages; raises BadInputError, which
    names fields.

    Raises TypeError when nothing can be made into this type.
    """
    from pydantic import PydanticUserError, TypeAdapter, ValidationError

    try:
        adapter: TypeAdapter[Any] = TypeAdapter(kind)
    except (PydanticUserError, NameError, TypeError) as error:
        raise TypeError(str(error).partition("\n")[0]) from error

    def read(given: Any, name: str) -> Any:
        try:
            return adapter.validate_python(given)
        except ValidationError:
            try:  # a strict model takes a date, say, as a text from JSON only
                return adapter.validate_json(encode(given))
            except ValidationError as error:
                faults = [_fault(fault) for fault in error.errors(include_url=False)]
                more = [f"{len(faults) - SHOWN_FAULTS} more"] * (len(faults) > SHOWN_FAULTS)
                what = "; ".join([*faults[:SHOWN_FAULTS], *more])
                raise BadInputError(f"{name} does not fit {shown(kind)}: {what}") from None

    return read


def _fault(fault: Any) -> str:
    where = ".".join(map(str, fault["loc"]))
    return f"{where}: {fault['msg']}" if where else str(fault["msg"])


def _annotation(
    parameter: inspect.Parameter, function: Function, names: Mapping[str, Any], step: str
) -> Any:
    """The annotation, evaluated where it is a text. Raises HandlerError where it cannot be, unless
    it ends with the name of the class of steps, or none is given."""
    text = parameter.annotation
    if not isinstance(text, str):
        return text
    try:
        return eval(text, getattr(_plain(function), "__globals__", {}), dict(names))
    except Exception as error:
        if not step or text.rpartition(".")[2] == step:
            return parameter.empty
        raise refusal(
            function,
            f"the annotation {text} of {parameter.name} cannot be read: {error}; it must be known "
            "where the handler is registered, not for type checkers only",
        ) from error


def _is_step(kind: Any, step: type) -> bool:
    if kind in (inspect.Parameter.empty, Any, object) or isinstance(kind, typing.TypeVar):
        return True
    return isinstance(kind, type) and issubclass(step, kind) and kind is not object


def _is_input(kind: Any) -> bool:
    """Whether an annotation says what the context of a task is, which is a JSON object."""
    origin = typing.get_origin(kind) or kind
    if origin is typing.Annotated:
        return _is_input(typing.get_args(kind)[0])
    if origin in (typing.Union, UnionType):
        return all(map(_is_input, typing.get_args(kind)))
    if origin in (dict, Mapping, MutableMapping) or typing.is_typeddict(origin):
        return True
    return isinstance(origin, type) and (
        is_dataclass(origin) or hasattr(origin, "__pydantic_validator__")
    )


def shown(kind: Any) -> str:
    """A type in a message."""
    return kind.__qualname__ if isinstance(kind, type) else str(kind).removeprefix("typing.")


def _plain(function: Any) -> Any:
    """The function below partial(), methods and decorators that name what they wrap."""
    while True:
        if isinstance(function, functools.partial):
            function = function.func
        elif inspect.ismethod(function):
            function = function.__func__
        elif hasattr(function, "__wrapped__"):
            function = function.__wrapped__
        else:
            return function
