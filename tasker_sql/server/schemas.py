"""What is sent and received: rows and errors as JSON, and the bodies of requests."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from hashlib import sha256
from json import JSONDecodeError
from typing import Annotated, Any, Final, Literal, NamedTuple, Union, get_args, get_type_hints
from uuid import UUID
from warnings import catch_warnings, simplefilter

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    create_model,
)

from tasker_sql import rows
from tasker_sql.calls import EMPTY
from tasker_sql.durations import moment
from tasker_sql.jsonb import marked, parse, unmarked


def _iso(value: Any) -> Any:
    if not isinstance(value, str) or not re.match(r"\d{4}-\d\d-\d\d[T ]", value):
        raise ValueError("a moment is written in ISO 8601, with a zone")
    return value


def _since(value: Any) -> Any:
    return moment(value) if re.fullmatch(r"\d+[smhd]", str(value)) else _iso(value)


Moment = Annotated[AwareDatetime, BeforeValidator(_iso)]  # and not a number of seconds
Since = Annotated[
    AwareDatetime,
    BeforeValidator(_since),
    Field(description="A moment in ISO 8601 with a zone, or how long ago: 90s, 15m, 2h, 7d."),
]
Seconds = Annotated[
    timedelta,
    PlainSerializer(timedelta.total_seconds, return_type=float),
    Field(description="Seconds."),
]
Number = Annotated[Decimal, PlainSerializer(float, return_type=float)]
Exact = Annotated[Any, PlainSerializer(marked, when_used="json")]  # see ExactResponse


@cache
def shown(row: Any, without: tuple[str, ...] = ()) -> Any:
    """The shape of a row: its columns, durations in seconds."""
    columns: Any = {
        name: (_shape(kind), ...)
        for name, kind in get_type_hints(row).items()
        if name not in without
    }
    with catch_warnings():
        simplefilter("ignore")  # a column may be named as an attribute of models is: schema
        return create_model(
            row.__name__,
            __config__=ConfigDict(from_attributes=True),
            __doc__=" ".join(row.__doc__.split()),
            **columns,
        )


def _shape(kind: Any) -> Any:
    if kind is timedelta:
        return Seconds
    if kind is Decimal:
        return Number
    if kind is Any:
        return Exact
    if type(None) in get_args(kind):
        return Union[tuple(_shape(one) for one in get_args(kind))]  # noqa: UP007
    return kind


class ExactRequest(Request):
    """One whose numbers are not rounded, and whose keys do not stand twice."""

    async def json(self) -> Any:
        try:
            return parse((await self.body()).decode())
        except UnicodeDecodeError:
            raise JSONDecodeError("not text in UTF-8", "", 0) from None
        except ValueError as error:
            raise JSONDecodeError(str(error), "", 0) from None


class ExactRoute(APIRoute):
    """Takes and answers numbers as they are."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def exactly(request: Request) -> Response:
            answer = await handle(ExactRequest(request.scope, request.receive))
            is_whole = request.method == "GET" and isinstance(answer, ExactResponse)
            return _unless_known(request, answer) if is_whole else answer

        return exactly


def _unless_known(request: Request, answer: Response) -> Response:
    """The answer with its tag, or that it is as the asker has it."""
    tag = f'"{sha256(bytes(answer.body)).hexdigest()[:32]}"'
    answer.headers.update({"ETag": tag, "Cache-Control": "private, no-cache"})
    known = ",".join(request.headers.getlist("if-none-match"))
    if tag not in {one.strip().removeprefix("W/") for one in known.split(",")}:
        return answer
    kept = {name: answer.headers[name] for name in KEPT if name in answer.headers}
    return Response(status_code=304, headers=kept)


KEPT: Final = ("etag", "cache-control", "link")


class ExactResponse(JSONResponse):
    def render(self, content: Any) -> bytes:
        return unmarked(super().render(content).decode()).encode()


class ProblemDetails(BaseModel):
    """Every answer that is not a success (RFC 9457)."""

    type: str = Field(description="`urn:tasker-sql:` and the code.")
    title: str = Field(description="What went wrong, in a sentence.")
    status: int
    detail: str = Field("", description="The facts.")
    instance: str = Field(description="The path that was asked.")
    code: str = Field(description="A word for programs.")
    hint: str = Field("", description="What helps.")


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewTask(Body):
    """A task to create. With a key that was used before, the task of then is answered."""

    namespace: str
    name: str = Field(description="The template's.")
    version: str | None = Field(None, description="The template's; default: the latest.")
    context: dict[str, Any] = {}
    idempotency_key: str | None = None
    priority: Literal["high", "normal", "low"] | None = None
    run_at: Moment | None = Field(None, description="Not before.")
    deadline: str | None = Field(None, description="A time, or how long it may take, as PT2H.")
    tags: list[str] | None = None
    initiator: str | None = None
    source_system: str | None = None
    reason: str | None = None

    def options(self) -> dict[str, Any]:
        """What was given beside namespace, name and context."""
        return self.model_dump(
            mode="json", exclude={"namespace", "name", "context"}, exclude_none=True
        )


@cache
def body_of(method: Callable[..., Any], path: str) -> type[Body]:
    """The body of a request that calls a method: what it takes, and the path does not name."""
    kinds = get_type_hints(method)
    fields: Any = {
        name: _field(name, kinds[name], one.default)
        for name, one in inspect.signature(method).parameters.items()
        if name != "self" and f"{{{name}}}" not in path
    }
    name = "".join(word.capitalize() for word in method.__name__.split("_"))
    return create_model(name, __base__=Body, **fields)


def _field(name: str, kind: Any, default: Any) -> Any:
    if default is EMPTY:
        return dict[str, Any], {}
    default = ... if default is inspect.Parameter.empty else default
    return taken(kind), Field(default, alias=name.rstrip("_"))  # from_ is a word of Python


def taken(kind: Any) -> Any:
    """What a request may give for an argument: a time has a zone."""
    if kind is datetime:
        return Moment
    return Moment | None if datetime in get_args(kind) else kind


@cache
def listed(row: Any, without: tuple[str, ...] = (), cursor: Any = UUID) -> Any:
    """The shape of a list: its items, and where the next page begins."""
    columns: Any = {"items": (list[shown(row, without)], ...), "next": (cursor | None, None)}  # type: ignore[misc]
    return create_model(
        f"{row.__name__}List",
        __doc__="A list. `next` is the `before` of the next page; null: this was the last.",
        **columns,
    )


class OperatorAction(NamedTuple):
    """What an operator did, to what, and why."""

    action_id: int
    at: datetime
    verb: str
    subject: str
    reason: str
    session_role: str
    application: str | None


class Bottlenecks(BaseModel):
    """What took longest."""

    slowest_steps: list[shown(rows.SlowStep)]  # type: ignore[valid-type]
    slowest_tasks: list[shown(rows.SlowTask)]  # type: ignore[valid-type]
