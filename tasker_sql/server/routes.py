"""The API: one call of the client for each request, most of them by the tables below."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from tasker_sql import rows
from tasker_sql.client import Client
from tasker_sql.errors import NotFoundError
from tasker_sql.server.auth import Permission, may
from tasker_sql.server.errors import RefusedError
from tasker_sql.server.schemas import (
    Acknowledgement,
    Bottlenecks,
    ByHand,
    CancelReason,
    ExactResponse,
    ExactRoute,
    Moment,
    NewTask,
    ProblemDetails,
    Reason,
    listed,
    shown,
)

Calling = Callable[[Callable[[Client], Any]], Any]


def _call(request: Request) -> Calling:
    call: Calling = request.app.state.store.call
    return call


Ask = Annotated[Calling, Depends(_call)]
Key = Annotated[
    str | None,
    Header(alias="Idempotency-Key", description="As `idempotency_key` in the body."),
]
Since = Annotated[Moment | None, Query(description="Default: an hour ago.")]
Limit = Annotated[int, Query(ge=1, le=100_000)]

MEANINGS: Final = {
    400: "It cannot be read, or has a parameter that is not known.",
    401: "No token, or one that is not known.",
    403: "The token does not permit this.",
    404: "No such task, step, template or namespace.",
    408: "The body did not come in time.",
    409: "Its state does not allow this, or the key was used for something else.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "A value is wrong, or over a limit; the detail says which and why.",
    429: "Too many requests at a time.",
    503: "The database cannot answer now; Retry-After says when to try again.",
}
ERRORS: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": ProblemDetails, "description": meaning}
    for status, meaning in MEANINGS.items()
}

TASK: Final = "/tasks/{task_uuid}"
STEPS: Final = f"{TASK}/workflow_steps"
STEP: Final = f"{STEPS}/{{step_uuid}}"

# What a method takes comes from the path and the query, or from the path and the body.
READ: Final[Mapping[str, Callable[..., Any]]] = {
    TASK: Client.get_task,
    f"{TASK}/explain": Client.explain_task,
    STEPS: Client.get_task_steps,
    f"{STEP}/explain": Client.explain_step,
    "/problems": Client.problems,
    "/queues": Client.queue_depths,
    "/workers": Client.known_workers,
    "/dead_letters": Client.dead_letters,
    "/namespaces": Client.list_namespaces,
    "/handlers": Client.list_templates,
    "/handlers/{namespace}/{name}": Client.get_template,
}
OPERATE: Final[Mapping[str, Callable[..., Any]]] = {
    f"{TASK}/cancel": Client.cancel_task,
    f"{STEP}/retry": Client.retry_step,
    f"{STEP}/requeue": Client.requeue_step,
    f"{STEP}/resolve": Client.resolve_step,
    f"{STEP}/complete": Client.complete_step_manually,
    "/problems/acknowledge": Client.acknowledge_problem,
}
BODIES: Final = {
    frozenset(body.model_fields): body for body in (Reason, ByHand, CancelReason, Acknowledgement)
}

router: Final = APIRouter(
    prefix="/v1",
    responses=ERRORS,
    route_class=ExactRoute,
    default_response_class=ExactResponse,
)


def _no_others(request: Request) -> None:
    """A parameter that is not known was meant to ask for something else."""
    known = [parameter.alias for parameter in request.scope["route"].dependant.query_params]
    given = [name for name, _ in request.query_params.multi_items()]
    others = [name for name in dict.fromkeys(given) if name not in known]
    if others:
        detail = f"it does not know {', '.join(others)}"
        hint = f"It knows {', '.join(known)}." if known else "It knows none."
        raise RefusedError(400, "unknown_parameter", "a parameter is not known", detail, hint)
    twice = [name for name in dict.fromkeys(given) if given.count(name) > 1]
    if twice:
        detail = f"{', '.join(twice)} is given more than once"
        raise RefusedError(400, "repeated_parameter", "a parameter is repeated", detail)


def _check_step(task_uuid: UUID, step_uuid: UUID) -> None:
    """A step's uuid is its task's, with the step's number in the last 20 bits."""
    if task_uuid.int >> 20 != step_uuid.int >> 20:
        raise _no_step(task_uuid, step_uuid)


def _no_step(task_uuid: UUID, step_uuid: UUID) -> NotFoundError:
    return NotFoundError("no such step", f"{step_uuid} is not a step of the task {task_uuid}")


def _route(
    permission: Permission, path: str, model: Any, verb: str = "GET", **more: Any
) -> Callable[[Callable[..., Any]], Any]:
    """A decorator for the function that answers it."""
    tag = "steps" if path.startswith(STEPS) else path.split("/")[1]
    checks: list[Callable[..., Any]] = [may(permission), _no_others]
    if path.startswith(STEP):
        checks.append(_check_step)
    return router.api_route(
        path,
        methods=[verb],
        tags=[tag],
        response_model=model,
        dependencies=[Depends(check) for check in checks],
        **more,
    )


def _add(permission: Permission, path: str, method: Callable[..., Any]) -> None:
    """A route that calls this method of the client."""
    kinds = get_type_hints(method)
    row = kinds.pop("return")
    is_list = get_origin(row) is list
    arguments = list(inspect.signature(method).parameters.values())[1:]
    arguments = [one.replace(annotation=kinds[one.name]) for one in arguments]
    in_body = (
        []
        if permission == "read"
        else [one.name for one in arguments if f"{{{one.name}}}" not in path]
    )

    def answer(ask: Calling, body: Reason | None = None, **given: Any) -> Any:
        given |= {name: getattr(body, name) for name in in_body}
        found = ask(lambda client: getattr(client, method.__name__)(**given))
        return {"items": found} if is_list else found

    def parameter(name: str, kind: Any) -> inspect.Parameter:
        return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=kind)

    answer.__name__ = method.__name__
    answer.__doc__ = (method.__doc__ or "").partition("\n\n        Raises ")[0]
    answer.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            *(one.replace(kind=one.KEYWORD_ONLY) for one in arguments if one.name not in in_body),
            parameter("ask", Ask),
            *([parameter("body", BODIES[frozenset(in_body)])] if in_body else []),
        ]
    )
    model = listed(get_args(row)[0]) if is_list else shown(row)
    _route(permission, path, model, "POST" if in_body else "GET")(answer)


@_route(
    "create",
    "/tasks",
    shown(rows.CreatedTask),
    "POST",
    status_code=201,
    responses={200: {"model": shown(rows.CreatedTask), "description": "It was there before."}},
)
def create_task(body: NewTask, ask: Ask, response: Response, key: Key = None) -> Any:
    """Create a task. Repeat it safely with an idempotency key."""
    options = body.options()
    if key is not None and options.setdefault("idempotency_key", key) != key:
        detail = "the header Idempotency-Key and the body's idempotency_key differ"
        raise RefusedError(422, "bad_value", "two idempotency keys", detail)
    made = ask(lambda c: c.create_task(body.namespace, body.name, body.context, options))
    response.headers["Location"] = f"/v1/tasks/{made.task_uuid}"
    if not made.created:
        response.status_code = 200
    return made


@_route("read", "/tasks", listed(rows.ListedTask, without=("next_before",)))
def list_tasks(
    ask: Ask,
    request: Request,
    response: Response,
    namespace: str | None = None,
    name: str | None = None,
    version: str | None = None,
    state: str | None = None,
    tag: str | None = None,
    initiator: str | None = None,
    idempotency_key: str | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    limit: Limit = 50,
    before: Annotated[UUID | None, Query(description="The `next` of the last page.")] = None,
) -> Any:
    """A page of tasks, newest first; `since` and `until` say when they were created."""
    given = {
        "namespace": namespace,
        "name": name,
        "version": version,
        "state": state,
        "tag": tag,
        "initiator": initiator,
        "idempotency_key": idempotency_key,
        "since": since,
        "until": until,
    }
    wanted = {key: value for key, value in given.items() if value is not None}
    found = ask(lambda c: c.list_tasks(wanted, limit, before))
    following = found[-1].next_before if found else None
    if following is not None:
        url = request.url.include_query_params(before=following)
        response.headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
    return {"items": [task for task in found if task.task_uuid is not None], "next": following}


@_route("read", STEP, shown(rows.TaskStep))
def get_step(task_uuid: UUID, step_uuid: UUID, ask: Ask) -> Any:
    """One step of a task."""
    for step in ask(lambda c: c.get_task_steps(task_uuid)):
        if step.step_uuid == step_uuid:
            return step
    raise _no_step(task_uuid, step_uuid)


@_route("read", "/analytics/performance", shown(rows.AnalyticsMetrics))
def performance(ask: Ask, since: Since = None) -> Any:
    """What happened since then: counts, rates in percent, durations. Costs as much."""
    return ask(lambda c: c.get_analytics_metrics(since or _an_hour_ago()))


@_route("read", "/analytics/bottlenecks", Bottlenecks)
def bottlenecks(
    ask: Ask,
    since: Since = None,
    limit: Limit = 10,
    namespace: str | None = None,
    task: str | None = None,
    version: str | None = None,
) -> Any:
    """The steps and tasks that took longest since then."""
    asked = (since or _an_hour_ago(), limit, namespace, task, version)
    steps, tasks = ask(lambda c: (c.get_slowest_steps(*asked), c.get_slowest_tasks(*asked)))
    return {"slowest_steps": steps, "slowest_tasks": tasks}


def _an_hour_ago() -> datetime:
    return datetime.now(UTC) - timedelta(hours=1)


for _path, _method in READ.items():
    _add("read", _path, _method)
for _path, _method in OPERATE.items():
    _add("operate", _path, _method)
