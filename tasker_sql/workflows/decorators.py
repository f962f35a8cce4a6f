"""`step` and `workflow`: a workflow as a function.

    @step
    def check(order: Order) -> dict: ...

    @step(max_attempts=5, timeout=30)
    def reserve(order: Order, checked: dict) -> dict: ...

    @workflow(namespace="shop", version="1.0.0")
    def process(order: Order):
        checked = check(order)
        return reserve(order, checked)

The function of a workflow runs once, when it is defined, with placeholders: each call of a step
becomes a step of the template, which depends on the steps whose results it is given, and on those
that it names with `after=`. Then PostgreSQL decides; nothing here knows of states.

The handler of a step is named `namespace/workflow/step`, as failures name the step: a process may
serve several workflows, and several programs a database, and each finds its own.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Generic, NoReturn, TypeVar, cast, overload

from tasker_sql.errors import BadInputError, NotFoundError, TaskerError
from tasker_sql.jsonb import decode, encode
from tasker_sql.worker.handlers import Step, default_registry
from tasker_sql.worker.signatures import Read, reader, shown
from tasker_sql.workflows import arguments, definitions, kinds, tracing
from tasker_sql.workflows.definitions import Settings
from tasker_sql.workflows.kinds import UNKNOWN
from tasker_sql.workflows.tracing import Call, CallSite, Placeholder, Trace, WorkflowError

if TYPE_CHECKING:
    from tasker_sql.async_client import AsyncClient
    from tasker_sql.client import Client
    from tasker_sql.rows import CreatedTask, RegisteredTemplate

R = TypeVar("R")
Function = Callable[..., Any]

PASSING: Final[set[str]] = set()  # names of handlers of workflows written in functions
VARIABLE: Final = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


@overload
def step(function: Callable[..., R], /) -> StepFunction[R]: ...


@overload
def step(
    *,
    name: str = ...,
    max_attempts: int = ...,
    timeout: float | timedelta = ...,
    transactional: bool = ...,
    **settings: Any,
) -> Callable[[Callable[..., R]], StepFunction[R]]: ...


def step(*function: Any, **settings: Any) -> Any:
    """Make a function a step, which workflows can call.

    Its parameters get what it is called with, as the type of their annotation: a pydantic model, a
    dataclass, anything that pydantic reads from JSON. One that is annotated `Step` gets the step,
    with its `step_uuid` and attempt; the last one of a `transactional` step gets the connection, on
    which its writes commit together with it.

    Settings are the keys of a step in a template: `timeout` in seconds, `namespace`, `description`,
    `if_`, `run_on`, `on_error`, and those of `retry`: `max_attempts`, `backoff`, `backoff_base_ms`,
    `max_backoff_ms`, `jitter`, `retryable`. `name` takes the place of the function's name.

    Raises WorkflowError, which names file and line, for what cannot work.
    """
    place, names = CallSite.here(), dict(sys._getframe(1).f_locals)
    if len(function) == 1 and not settings and callable(function[0]):
        return StepFunction(function[0], {}, place, names)
    if function:
        raise place.error("write @step, or @step(max_attempts=5, timeout=30)")
    return lambda decorated: StepFunction(decorated, settings, place, names)


def workflow(*function: Any, **settings: Any) -> Callable[[Function], Workflow]:
    """Make a function a workflow: `@workflow(namespace="shop", version="1.0.0")`.

    It has one parameter, the input, which is a JSON object: a pydantic model, a dataclass, a
    TypedDict or a dict. Other settings are the keys of a template: `description`, `metadata`,
    `input_schema`, `finalization`. `name` takes the place of the function's name.

    Raises WorkflowError, which names file and line, for what cannot work.
    """
    place, names = CallSite.here(), dict(sys._getframe(1).f_locals)
    if function or not settings:
        raise place.error('write @workflow(namespace="shop", version="1.0.0")')
    return lambda decorated: Workflow(decorated, settings, place, names)


class StepFunction(Generic[R]):
    """A function that workflows can call as a step; anywhere else it is that function."""

    def __init__(
        self,
        function: Callable[..., R],
        settings: Settings,
        place: CallSite,
        names: Mapping[str, Any],
    ) -> None:
        functools.update_wrapper(self, function)
        settings = {"name": _name_of(function, "step", place), **settings}
        self.function = function
        self.transactional = bool(settings.pop("transactional", False))
        self.settings = definitions.of_step(settings, place)
        self.name: str = self.settings.pop("name")
        self.place = place
        self._wanted: str | None = None  # the name of the step that a call makes
        self._handlers: dict[str, Function] = {}  # by name
        self._signature = _signature(function, names, place)
        self._given = self._filled()  # parameters that no call fills, with what they get
        plain = [p for p in self._signature.parameters.values() if p.name not in self._given]
        if any(p.name == "after" for p in plain):
            raise self.place.error(
                "`after` names steps where this one is called: call its parameter otherwise"
            )
        self.inputs = inspect.Signature(plain)
        self.returns = self._signature.return_annotation
        self._converters = {p.name: _converter(p, place) for p in plain}
        definitions.check_step(self.name, self.settings, place)

    def __call__(self, *positional: Any, after: Any = None, **named: Any) -> R:
        """Call the function; in that of a workflow, add a step that comes `after` others."""
        if trace := tracing.current.get():
            return cast(R, trace.record(self, self._wanted, positional, named, after))
        return self.function(*positional, **named)

    def named(self, name: str) -> StepFunction[R]:
        """The same for a call that names its step: `check.named("check_again")(order)`."""
        other = object.__new__(StepFunction)
        other.__dict__.update(self.__dict__, _wanted=name)
        return other

    def handler(self, name: str) -> Function:
        """What a worker calls for steps with this handler."""
        if name not in self._handlers:

            def run(step: Step, *connection: Any) -> Any:
                return self._run(step, *connection)

            parameters = [inspect.Parameter("step", inspect.Parameter.POSITIONAL_ONLY)]
            if self.transactional:
                parameters.append(parameters[0].replace(name="connection"))
            run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
            run.__wrapped__ = self.function  # type: ignore[attr-defined]
            self._handlers[name] = run
        return self._handlers[name]

    def _run(self, step: Step, *connection: Any) -> Any:
        """Call the function with what the template of the task says. Raises BadInputError."""
        bound: dict[str, Any] = {}
        for name, parameter in self._signature.parameters.items():
            if name in self._given:
                bound[name] = step if self._given[name] is Step else connection[0]
            elif name in step.config:
                given = arguments.value(step.config[name], step)
                bound[name] = self._converters[name](given, arguments.described(step.config[name]))
            elif parameter.default is UNKNOWN and parameter.kind not in VARIABLE:
                raise BadInputError(
                    f"the template of this task has nothing for {name} of {self.name}(), as it is "
                    "of another version: give the parameter a default"
                )
        call = inspect.BoundArguments(self._signature, cast(Any, bound))
        return self.function(*call.args, **call.kwargs)

    def _filled(self) -> dict[str, type]:
        parameters = list(self._signature.parameters.values())
        filled: dict[str, type] = {
            p.name: Step
            for p in parameters
            if isinstance(p.annotation, type) and issubclass(p.annotation, Step)
        }
        if self.transactional:
            if inspect.iscoroutinefunction(self.function):
                raise self.place.error(
                    "a transactional step is a plain `def`: its connection is synchronous"
                )
            by_place = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
            if not by_place or by_place[-1].name in filled:
                raise self.place.error(
                    "the last parameter of a transactional step gets the connection: add it"
                )
            filled[by_place[-1].name] = object
        return filled

    def __repr__(self) -> str:
        return f"<step {self.name}>"


class Workflow:
    """A workflow. `template` is what `register_template` takes: a plain dict."""

    def __init__(
        self, function: Function, settings: Settings, place: CallSite, names: Mapping[str, Any]
    ) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.place = place
        named = {"name": _name_of(function, "workflow", place), **settings}
        head = definitions.of_template(named, place)
        self._input = self._only_parameter(_signature(function, names, place))
        self._convert = _converter(self._input, place) if self._input else None
        calls = self._record(Trace(f"{head.get('namespace_name')}/{head['name']}"))
        self.template = definitions.template(head, calls, place)
        self.name = str(self.template["name"])
        self.namespace = str(self.template["namespace_name"])
        self.version = str(self.template["version"])
        passing = "<locals>" in getattr(function, "__qualname__", "")
        for call in _one_by_function(calls):
            _serve(call, definitions.handler_name(head, call.step.name), passing)

    @overload
    def register(self, client: Client) -> RegisteredTemplate: ...

    @overload
    def register(self, client: AsyncClient) -> Awaitable[RegisteredTemplate]: ...

    def register(self, client: Any) -> Any:
        """Register this version of the template; with an AsyncClient, await it.

        Raises WorkflowError when the database refuses it, as when the version is registered with
        other content, and UnavailableError.
        """
        return _explained(self.refused, lambda: client.register_template(self.template))

    @overload
    def start(self, client: Client, input: Any = ..., **options: Any) -> CreatedTask: ...

    @overload
    def start(
        self, client: AsyncClient, input: Any = ..., **options: Any
    ) -> Awaitable[CreatedTask]: ...

    def start(self, client: Any, input: Any = None, **options: Any) -> Any:  # noqa: A002
        """Create a task of this version, in the client's transaction if it is in one; with an
        AsyncClient, await it.

        Options are those of `create_task`: idempotency_key, priority, run_at, tags, initiator,
        source_system, reason. Raises BadInputError, which names the fields, when the input does not
        fit; NotFoundError when this version is not registered; else as `create_task`.
        """
        context = {} if input is None else input
        if self._convert:
            context = self._convert(decode(encode(context)), "the context")
        options = {"version": self.version, **options}
        return _explained(
            self._not_found,
            lambda: client.create_task(self.namespace, self.name, context, options),
        )

    def refused(self, error: TaskerError) -> WorkflowError:
        """What the database's refusal of its template means, with the line of the workflow."""
        hint = f" ({error.hint})" if error.hint else ""
        return self.place.error(f"{error}{hint}")

    def _not_found(self, error: TaskerError) -> Exception:
        if not isinstance(error, NotFoundError):
            return error
        hint = f"register it first: {self.function.__name__}.register(client)"
        return NotFoundError(error.message, f"{error.detail}; {hint}", hint)

    def __call__(self, *_: Any, **__: Any) -> NoReturn:
        name = self.function.__name__
        trace = tracing.current.get() or Trace(name)
        raise trace.refusal(
            f"a workflow is not called: {name}.start(client, input) creates a task, and "
            f"{name}.function(input) runs its steps here, without a database"
        )

    def _only_parameter(self, signature: inspect.Signature) -> inspect.Parameter | None:
        if inspect.iscoroutinefunction(self.function):
            raise self.place.error(
                "a workflow is a plain `def`: it runs once, to see which steps it calls"
            )
        parameters = list(signature.parameters.values())
        if not parameters:
            return None
        first, name = parameters[0], self.function.__name__
        if len(parameters) > 1 or first.kind in (*VARIABLE, first.KEYWORD_ONLY):
            raise self.place.error(
                f"{name} has other parameters than its input: write def {name}(order: Order), with "
                "all that it needs in a model, a dataclass or a dict"
            )
        if not kinds.is_object(first.annotation):
            raise self.place.error(
                f"the input of a workflow is a JSON object, and {shown(first.annotation)} is "
                "not: annotate a pydantic model, a dataclass, a TypedDict or dict"
            )
        return first

    def _record(self, trace: Trace) -> list[Call]:
        given = []
        if one := self._input:
            given = [Placeholder(trace, None, (arguments.CONTEXT,), one.annotation, one.name)]
        before = tracing.current.set(trace)
        try:
            returned = self.function(*given)
        except WorkflowError:
            raise
        except Exception as error:
            if trace.error:
                raise trace.error from error
            what = f"{type(error).__name__}: {error}"
            once = "the function of a workflow runs when it is defined, with placeholders"
            raise tracing.origin(error).error(f"{what} ({once})") from error
        finally:
            tracing.current.reset(before)
        if trace.error:
            raise trace.error
        if not trace.calls:
            raise self.place.error(
                f"{self.function.__name__} calls no step: a workflow has at least one"
            )
        if not tracing.are_results(returned):
            raise self.place.error(
                f"{self.function.__name__} returns something else than results of steps, but the "
                "result of a task is what its last steps return: return that, or nothing"
            )
        return trace.calls

    def __repr__(self) -> str:
        return f"<workflow {self.namespace}/{self.name} {self.version}>"


def _explained(explain: Callable[[TaskerError], Exception], call: Callable[[], Any]) -> Any:
    """What a call of a client answers, or what is to be awaited; its errors are explained."""

    def raised(error: TaskerError) -> NoReturn:
        if (explained := explain(error)) is error:
            raise error
        raise explained from error

    async def awaited(answer: Awaitable[Any]) -> Any:
        try:
            return await answer
        except TaskerError as error:
            raised(error)

    try:
        answer = call()
    except TaskerError as error:
        raised(error)
    return awaited(answer) if inspect.isawaitable(answer) else answer


def _name_of(function: Any, kind: str, place: CallSite) -> str:
    """The function's name. Raises WorkflowError for what cannot be a step, or a workflow."""
    name = getattr(function, "__name__", None)
    wrong = ""
    if isinstance(function, type):
        wrong = f"the class {name} is not a {kind}: decorate a function"
    elif isinstance(function, StepFunction | Workflow):
        wrong = (
            f"{name} is a {'step' if isinstance(function, StepFunction) else 'workflow'} already"
        )
    elif not callable(function) or not isinstance(name, str) or name == "<lambda>":
        wrong = f"{function!r} is not a {kind}: decorate a function that is written with def"
    elif inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        wrong = f"the generator {name} is not a {kind}: return the result, do not yield it"
    if wrong:
        raise place.error(wrong)
    return str(name)


def _signature(function: Function, names: Mapping[str, Any], place: CallSite) -> inspect.Signature:
    """The signature, its annotations evaluated with the names where the function stands.

    Raises WorkflowError for that of a parameter which cannot be; the result's is not known then.
    """
    signature = inspect.signature(function)
    known = getattr(inspect.unwrap(function), "__globals__", {})

    def evaluated(text: Any, parameter: str) -> Any:
        if not isinstance(text, str):
            return text
        try:
            return eval(text, known, dict(names))
        except Exception as error:
            if not parameter:
                return UNKNOWN
            raise place.error(
                f"the annotation {text} of {parameter} cannot be read: {error}; it must be known "
                "where the function is defined, not for type checkers only"
            ) from error

    return signature.replace(
        parameters=[
            p.replace(annotation=evaluated(p.annotation, p.name))
            for p in signature.parameters.values()
        ],
        return_annotation=evaluated(signature.return_annotation, ""),
    )


def _converter(parameter: inspect.Parameter, place: CallSite) -> Read:
    """Makes what JSON has into the type of a parameter. Raises WorkflowError."""
    kind = parameter.annotation
    if kinds.is_unknown(kind) or isinstance(kind, TypeVar):
        return lambda given, _: given
    if parameter.kind is parameter.VAR_POSITIONAL:
        kind = list.__class_getitem__(kind)
    elif parameter.kind is parameter.VAR_KEYWORD:
        kind = dict.__class_getitem__((str, kind))
    try:
        return reader(kind)
    except TypeError as error:
        what = f"{parameter.name} cannot be read from JSON as {shown(kind)}"
        raise place.error(f"{what}: {error}") from error


def _one_by_function(calls: list[Call]) -> list[Call]:
    """A call of each step's function. Raises WorkflowError when two have one name."""
    by_name: dict[str, Call] = {}
    for call in calls:
        other = by_name.setdefault(call.step.name, call)
        if other.step.function is not call.step.function:
            raise call.place.error(
                f"two functions are steps named {call.step.name!r}, the other one is called at "
                f'{other.place}: rename one with @step(name="...")'
            )
    return list(by_name.values())


def _serve(call: Call, name: str, passing: bool) -> None:
    """Register the handler of a step's function. One of a workflow that was written in a function,
    as in a test, gives way to another one of its name."""
    if name in PASSING:
        PASSING.discard(name)
        default_registry.forget(name)
    default_registry.handler(name, transactional=call.step.transactional)(call.step.handler(name))
    if passing:
        PASSING.add(name)
