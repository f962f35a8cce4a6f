"""What is sent and received: rows and errors as JSON, and the bodies of requests."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from datetime import timedelta
from decimal import Decimal
from functools import cache
from json import JSONDecodeError
from typing import Annotated, Any, Literal, Union, get_args, get_type_hints
from uuid import UUID

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
from tasker_sql.jsonb import marked, parse, unmarked


def _iso(value: Any) -> Any:
    if not isinstance(value, str) or not re.match(r"\d{4}-\d\d-\d\d[T ]", value):
        raise ValueError("a moment is written in ISO 8601, with a zone")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_iso)]  # and not a number of seconds
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
            return await handle(ExactRequest(request.scope, request.receive))

        return exactly


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
    tags: list[str] | None = None
    initiator: str | None = None
    source_system: str | None = None
    reason: str | None = None

    def options(self) -> dict[str, Any]:
        """What was given beside namespace, name and context."""
        return self.model_dump(
            mode="json", exclude={"namespace", "name", "context"}, exclude_none=True
        )


class Reason(Body):
    """Why; it is kept in the history."""

    reason: str


class CancelReason(Reason):
    """Why; with the option cleanup, steps that run on failure or at the end have their turn."""

    options: dict[str, Any] = {}


class Acknowledgement(Reason):
    """A problem, as `GET /v1/problems` names it; without `until`, until it changes."""

    code: str
    subject: str
    until: Moment | None = None


class ByHand(Reason):
    """A step's result, given by hand."""

    result: Any = None


@cache
def listed(row: Any, without: tuple[str, ...] = ()) -> Any:
    """The shape of a list: its items, and where the next page begins."""
    columns: Any = {"items": (list[shown(row, without)], ...), "next": (UUID | None, None)}  # type: ignore[misc]
    return create_model(
        f"{row.__name__}List",
        __doc__="A list. `next` is the `before` of the next page; null: this was the last.",
        **columns,
    )


class Bottlenecks(BaseModel):
    """What took longest."""

    slowest_steps: list[shown(rows.SlowStep)]  # type: ignore[valid-type]
    slowest_tasks: list[shown(rows.SlowTask)]  # type: ignore[valid-type]
