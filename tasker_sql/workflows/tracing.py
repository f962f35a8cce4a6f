"""Runs a workflow's function once, with placeholders, and records which steps it calls.

A placeholder stands for what is known only when a task runs: the input, the result of a step, or a
part of one. It can be passed to steps, and nothing else can be done with it: what is written in the
function would be decided once, at import, for all tasks.
"""

from __future__ import annotations

import inspect
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, fields, is_dataclass
from types import FrameType
from typing import Any, Final, NoReturn, Protocol

from tasker_sql.jsonb import decode, encode
from tasker_sql.worker.handlers import HandlerError
from tasker_sql.workflows import arguments, kinds
from tasker_sql.workflows.arguments import RESULTS

_STDLIB: Final = sysconfig.get_path("stdlib")


# The run of a workflow's function that is going on.
current: Final[ContextVar[Trace | None]] = ContextVar("tasker_sql_trace", default=None)


class WorkflowError(HandlerError):
    """A workflow cannot be what it says. The message begins with its file and line."""


@dataclass(frozen=True, slots=True)
class CallSite:
    """A line of somebody's code."""

    file: str
    line: int

    @classmethod
    def here(cls) -> CallSite:
        """The line that called this package, or the library that did."""
        frame = sys._getframe(1)
        while frame.f_back and is_ours(frame):
            frame = frame.f_back
        return cls(frame.f_code.co_filename, frame.f_lineno)

    def error(self, what: str) -> WorkflowError:
        """What is wrong with it."""
        return WorkflowError(f"{self}: {what}")

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def is_ours(frame: FrameType) -> bool:
    name, file = str(frame.f_globals.get("__name__")), frame.f_code.co_filename
    return (
        name.partition(".")[0] == "tasker_sql"
        or (file.startswith(_STDLIB) and "site-packages" not in file)
        or file.startswith("<")
    )


def origin(error: Exception) -> CallSite:
    """The line of somebody's code that an error came from."""
    found, trace = CallSite("?", 0), error.__traceback__
    while trace:
        if not is_ours(trace.tb_frame):
            found = CallSite(trace.tb_frame.f_code.co_filename, trace.tb_lineno)
        trace = trace.tb_next
    return found


class Callee(Protocol):
    """A step's function."""

    name: str
    function: Callable[..., Any]
    inputs: inspect.Signature  # what a call can fill
    returns: Any
    settings: dict[str, Any]  # keys of the step in the template
    transactional: bool

    def handler(self, name: str) -> Callable[..., Any]: ...


@dataclass(frozen=True, slots=True)
class Call:
    """A step of the workflow: the call of a step's function."""

    name: str
    step: Callee
    sources: Mapping[str, Any]
    dependencies: Sequence[str]
    place: CallSite


class Trace:
    """The calls of one run of a workflow's function."""

    def __init__(self, workflow: str) -> None:
        self.workflow = workflow
        self.calls: list[Call] = []
        self.error: WorkflowError | None = None  # the first one, which the function may have caught

    def refusal(self, what: str) -> WorkflowError:
        error = CallSite.here().error(what)
        self.error = self.error or error
        return error

    def record(
        self,
        step: Callee,
        name: str | None,
        positional: Sequence[Any],
        named: Mapping[str, Any],
        after: Any,
    ) -> Placeholder:
        """A step is called. What it will return."""
        try:
            bound = step.inputs.bind(*positional, **named)
        except TypeError as error:
            said = f"{step.name}() cannot be called so: {error}"
            raise self.refusal(f"{said}; it is {step.name}{step.inputs}") from None
        used: list[Call] = []
        sources = {
            parameter: self._source(given, used, f"{parameter} of {step.name}()")
            for parameter, given in bound.arguments.items()
        }
        used += self._edges(after, step)
        parents = list(dict.fromkeys(call.name for call in used))
        call = Call(self._name(step, name), step, sources, parents, CallSite.here())
        self.calls.append(call)
        label = f"the result of {call.name}"
        return Placeholder(self, call, (RESULTS, call.name), step.returns, label)

    def _name(self, step: Callee, wanted: str | None) -> str:
        """The name of a call: that of the step, with a number from the second call on."""
        taken = {call.name: call for call in self.calls}
        if wanted is None:
            number = 1
            while (name := step.name if number == 1 else f"{step.name}_{number}") in taken:
                number += 1
            return name
        if wanted in taken:
            place = taken[wanted].place
            raise self.refusal(f"the step {wanted!r} is there already, at {place}: name another")
        return wanted

    def _source(self, given: Any, used: list[Call], what: str) -> Any:
        """An argument as the template has it; the calls whose results are used are added."""
        if isinstance(given, Placeholder):
            if given._trace is not self:
                raise self.refusal(f"{what} is {given._label} of the workflow {given._trace}")
            if given._call is not None:
                used.append(given._call)
            return arguments.path(given._path)
        if isinstance(given, str):
            return arguments.constant(given)
        if isinstance(given, list | tuple):
            return [self._source(item, used, what) for item in given]
        if isinstance(given, dict):
            if wrong := [key for key in given if not isinstance(key, str)]:
                raise self.refusal(f"{what} has the key {wrong[0]!r}; JSON knows texts only")
            return {key: self._source(item, used, what) for key, item in given.items()}
        plain_class = is_dataclass(given) and not hasattr(given, "__pydantic_validator__")
        if plain_class and not isinstance(given, type):
            return self._source(
                {field.name: getattr(given, field.name) for field in fields(given)}, used, what
            )
        try:
            plain = decode(encode(given))
        except ValueError as error:
            raise self.refusal(f"{what} is kept in the template, as JSON, but {error}") from None
        has_texts = isinstance(plain, str | list | dict)
        return self._source(plain, used, what) if has_texts else plain

    def _edges(self, after: Any, step: Callee) -> Iterator[Call]:
        for one in after if isinstance(after, list | tuple) else [] if after is None else [after]:
            if not isinstance(one, Placeholder) or one._call is None or one._trace is not self:
                what = one._label if isinstance(one, Placeholder) else repr(one)
                raise self.refusal(
                    f"after={what} of {step.name}() is not the result of a step: "
                    "write after=x, or after=[x, y], with what calls of steps returned"
                )
            yield one._call

    def __str__(self) -> str:
        return self.workflow


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Placeholder:
    """A value that is known when a task runs. Its public attributes are those of the value."""

    _trace: Trace
    _call: Call | None  # the step whose result it is a part of; none: it is a part of the input
    _path: tuple[str | int, ...]
    _kind: Any  # its type, as far as it is known
    _label: str  # in messages

    def __getattr__(self, name: str) -> Placeholder:
        if name.startswith("__"):
            raise AttributeError(name)  # Python asks for what may be there
        return self._part(name, f"{self._label}.{name}", attribute=True)

    def __getitem__(self, key: Any) -> Placeholder:
        if isinstance(key, Placeholder):
            self._refuse(f"be indexed by {key._label}, which is not known yet: do it in a step")
        return self._part(key, f"{self._label}[{key!r}]", attribute=False)

    def _part(self, key: Any, label: str, *, attribute: bool) -> Placeholder:
        if kinds.is_unknown(self._kind):
            whole = len(self._path) == (1 if self._call is None else 2)
            of = "the parameter" if self._call is None else f"what {self._call.step.name}() returns"
            where = of if whole else "its type"
            message = f"the type of {self._label} is not known, so {label} may not be there"
            raise self._trace.refusal(f"{message}: annotate {where}, or do it in a step")
        try:
            name, kind = kinds.part(self._kind, key, attribute=attribute)
        except TypeError as error:
            raise self._trace.refusal(f"{label}: {error}") from None
        return Placeholder(self._trace, self._call, (*self._path, name), kind, label)

    def _refuse(self, what: str) -> NoReturn:
        known = "it is known when a task runs, and this function runs once, when it is defined"
        raise self._trace.refusal(f"{self._label} cannot {what} ({known})")

    def __repr__(self) -> str:
        return f"<{self._label} in {self._trace}>"


def are_results(value: Any) -> bool:
    """Whether there is nothing in it but whole results of steps."""
    if isinstance(value, Placeholder):
        return value._call is not None and len(value._path) == 2
    if isinstance(value, list | tuple):
        return all(map(are_results, value))
    if isinstance(value, dict):
        return all(map(are_results, value.values()))
    return value is None


_REFUSED: Final = {
    "be a condition: decide in a step, or by @step(if_=...)": "bool eq ne lt le gt ge contains",
    "be used in arithmetic: compute in a step": "add radd iadd sub rsub isub mul rmul imul matmul "
    "rmatmul truediv rtruediv itruediv floordiv rfloordiv mod rmod divmod rdivmod pow rpow lshift "
    "rlshift rshift rrshift and rand iand or ror ior xor rxor neg pos abs invert int float complex "
    "index round trunc floor ceil",
    "be taken apart or counted: pass it to a step as a whole": "iter next len reversed length_hint",
    "be written into a text: do it in a step": "str format bytes",
    "be changed: a step returns something new": "setattr delattr setitem delitem",
    "be called: it is not a function": "call",
    "be awaited: steps are called without await": "await aiter anext aenter aexit",
    "be opened: do it in a step": "enter exit fspath",
}


def _refusing(what: str) -> Callable[..., NoReturn]:
    def refuse(self: Placeholder, *_: Any) -> NoReturn:
        self._refuse(what)

    return refuse


for _what, _names in _REFUSED.items():
    for _name in _names.split():
        setattr(Placeholder, f"__{_name}__", _refusing(_what))
