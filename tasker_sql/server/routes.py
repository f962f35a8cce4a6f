"""The API: one call of the client for each request, most of them by the tables below."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.responses import StreamingResponse

from tasker_sql import rows
from tasker_sql.client import Client
from tasker_sql.errors import NotFoundError
from tasker_sql.history import Change, changes, look
from tasker_sql.server.auth import Permission, may
from tasker_sql.server.errors import RefusedError
from tasker_sql.server.schemas import (
    Body,
    Bottlenecks,
    ExactResponse,
    ExactRoute,
    Moment,
    NewTask,
    OperatorAction,
    ProblemDetails,
    Since,
    body_of,
    listed,
    shown,
    taken,
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
SinceAnHour = Annotated[Since | None, Query(description="Default: an hour ago.")]
LastEvent = Annotated[str | None, Header(description="The id of the last event that came.")]
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
SCHEDULE: Final = "/schedules/{namespace}/{name}"

# What a method takes comes from the path and the query, or from the path and the body.
READ: Final[Mapping[str, Callable[..., Any]]] = {
    TASK: Client.get_task,
    f"{TASK}/explain": Client.explain_task,
    f"{TASK}/results": Client.task_results,
    f"{TASK}/timings": Client.task_timings,
    f"{TASK}/critical_path": Client.critical_path,
    f"{TASK}/signals": Client.list_signals,
    STEPS: Client.get_task_steps,
    f"{STEP}/explain": Client.explain_step,
    f"{STEP}/attempts": Client.step_attempts,
    "/problems": Client.problems,
    "/queues": Client.queue_depths,
    "/queues/{namespace}": Client.list_queued_steps,
    "/workers": Client.known_workers,
    "/claims": Client.live_claims,
    "/runners": Client.known_runners,
    "/pools": Client.executor_pools,
    "/breakers": Client.circuit_breakers,
    "/dead_letters": Client.dead_letters,
    "/namespaces": Client.list_namespaces,
    "/handlers": Client.list_templates,
    "/handlers/{namespace}/{name}": Client.get_template,
    "/schedules": Client.list_schedules,
    f"{SCHEDULE}/ticks": Client.list_ticks,
    f"{SCHEDULE}/explain": Client.explain_schedule,
    "/next_ticks": Client.next_ticks,
    "/limits": Client.list_limits,
    "/check": Client.check_invariants,
}
OPERATE: Final[Mapping[str, Callable[..., Any]]] = {
    f"{TASK}/cancel": Client.cancel_task,
    f"{TASK}/resolve": Client.resolve_task,
    f"{TASK}/pause": Client.pause_task,
    f"{TASK}/resume": Client.resume_task,
    f"{TASK}/deadline": Client.set_deadline,
    f"{TASK}/signals": Client.send_signal,
    f"{STEP}/retry": Client.retry_step,
    f"{STEP}/requeue": Client.requeue_step,
    f"{STEP}/resolve": Client.resolve_step,
    f"{STEP}/complete": Client.complete_step_manually,
    "/namespaces/{namespace}/pause": Client.pause_namespace,
    "/namespaces/{namespace}/resume": Client.resume_namespace,
    "/handlers": Client.register_template,
    "/handlers/{namespace}/{name}/pause": Client.pause_template,
    "/handlers/{namespace}/{name}/resume": Client.resume_template,
    "/waits/{step_uuid}": Client.answer_wait,
    SCHEDULE: Client.put_schedule,
    f"{SCHEDULE}/pause": Client.pause_schedule,
    f"{SCHEDULE}/resume": Client.resume_schedule,
    f"{SCHEDULE}/trigger": Client.trigger_schedule,
    f"{SCHEDULE}/drop": Client.drop_schedule,
    f"{SCHEDULE}/backfill": Client.plan_backfill,
    "/problems/acknowledge": Client.acknowledge_problem,
    "/repairs": Client.plan_repair,
    "/repairs/{plan_uuid}/apply": Client.apply_repair,
    "/breakers/{breaker}/force": Client.force_breaker,
    "/breakers/{breaker}/release": Client.release_breaker,
    "/limits/{name}": Client.set_limit,
    "/sweep": Client.sweep,
}

router: Final = APIRouter(
    prefix="/v1",
    responses=ERRORS,
    route_class=ExactRoute,
    default_response_class=ExactResponse,
)


def _query_parameters(dependant: Dependant) -> Iterator[Any]:
    yield from dependant.query_params
    for one in dependant.dependencies:
        yield from _query_parameters(one)


def no_others(request: Request) -> None:
    """A parameter that is not known was meant to ask for something else."""
    dependant = getattr(request.scope.get("route"), "dependant", None)
    known = [one.alias for one in _query_parameters(dependant)] if dependant else []
    given = [name for name, _ in request.query_params.multi_items()]
    others = [name for name in dict.fromkeys(given) if name not in known]
    if others:
        detail = f"not a parameter of {request.url.path}: {', '.join(others)}"
        hint = f"It takes {', '.join(known)}." if known else "It takes no parameters."
        if close := difflib.get_close_matches(others[0].lower(), known, 1):
            hint = f"Did you mean {close[0]}? {hint}"
        raise RefusedError(400, "unknown_parameter", "unknown parameter", detail, hint)
    twice = [name for name in dict.fromkeys(given) if given.count(name) > 1]
    if twice:
        detail = f"{', '.join(twice)} is given more than once"
        raise RefusedError(400, "repeated_parameter", "a parameter is repeated", detail)


def check_step(task_uuid: UUID, step_uuid: UUID) -> None:
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
    checks: list[Callable[..., Any]] = [may(permission), no_others]
    if verb == "GET":
        more["responses"] = {304: {"description": "As If-None-Match has it."}} | more.get(
            "responses", {}
        )
    if path.startswith(STEP):
        checks.append(check_step)
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
    arguments = [one.replace(annotation=taken(kinds[one.name])) for one in arguments]
    body = body_of(method, path) if permission == "operate" else None
    in_body = body.model_fields if body else {}

    def answer(ask: Calling, body: Body | None = None, **given: Any) -> Any:
        given |= dict(body or ())
        found = ask(lambda client: getattr(client, method.__name__)(**given))
        return {"items": found} if is_list else found

    def parameter(name: str, kind: Any) -> inspect.Parameter:
        return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=kind)

    answer.__name__ = method.__name__
    said = (method.__doc__ or "").partition("\n        Raises ")[0]
    answer.__doc__ = re.sub(r"\bNone\b", "null", said)
    answer.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            *(one.replace(kind=one.KEYWORD_ONLY) for one in arguments if one.name not in in_body),
            parameter("ask", Ask),
            *([parameter("body", body)] if body else []),
        ]
    )
    model = listed(get_args(row)[0]) if is_list else shown(row)
    _route(permission, path, model, "POST" if body else "GET")(answer)


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


def _filter(**asked: Any) -> dict[str, Any]:
    """The parameters of a filter that the request has given."""
    return {name: one for name, one in asked.items() if one is not None}


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
    since: Since | None = None,
    until: Moment | None = None,
    limit: Limit = 50,
    before: Annotated[UUID | None, Query(description="The `next` of the last page.")] = None,
) -> Any:
    """A page of tasks, newest first; `since` and `until` say when they were created."""
    wanted = _filter(
        namespace=namespace,
        name=name,
        version=version,
        state=state,
        tag=tag,
        initiator=initiator,
        idempotency_key=idempotency_key,
        since=since,
        until=until,
    )
    found = ask(lambda c: c.list_tasks(wanted, limit, before))
    following = found[-1].next_before if found else None
    tasks = [task for task in found if task.task_uuid is not None]
    return _page(request, response, tasks, following)


@_route("read", "/waits", listed(rows.OpenWait))
def open_waits(
    ask: Ask,
    namespace: str | None = None,
    template: str | None = None,
    name: Annotated[str | None, Query(description="The step's.")] = None,
    signal: str | None = None,
    task_uuid: UUID | None = None,
    due_before: Moment | None = None,
    tag: str | None = None,
    limit: Limit = 100,
) -> Any:
    """What steps wait for now, those of the oldest tasks first."""
    wanted = _filter(
        template=template,
        name=name,
        signal=signal,
        task_uuid=task_uuid,
        due_before=due_before,
        tags=None if tag is None else [tag],
    )
    return {"items": ask(lambda c: c.open_waits(namespace, wanted, limit))}


@_route("read", "/audit", listed(OperatorAction, cursor=int))
def list_operator_actions(
    ask: Ask,
    request: Request,
    response: Response,
    subject: Annotated[str | None, Query(description="A uuid, or a name.")] = None,
    verb: Annotated[str | None, Query(description="Such as retry_step.")] = None,
    limit: Limit = 50,
    before: Annotated[int | None, Query(description="The `next` of the last page.")] = None,
) -> Any:
    """What operators did, to what, and why; the newest first."""
    given = {"subject = %s": subject, "verb = %s": verb, "action_id < %s": before}
    wanted = {where: one for where, one in given.items() if one is not None}
    source = (
        f"tasker.operator_history where {' and '.join(wanted) or 'true'}"
        " order by action_id desc limit %s"
    )
    found = ask(lambda c: look(c, OperatorAction, source, *wanted.values(), limit + 1))
    following = found[limit - 1].action_id if len(found) > limit else None
    return _page(request, response, found[:limit], following)


def _page(request: Request, response: Response, items: list[Any], following: Any) -> Any:
    """A page of a list, whose header `Link` names the next one."""
    if following is not None:
        url = request.url.include_query_params(before=following)
        response.headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
    return {"items": items, "next": following}


@_route("read", STEP, shown(rows.TaskStep))
def get_step(task_uuid: UUID, step_uuid: UUID, ask: Ask) -> Any:
    """One step of a task."""
    for step in ask(lambda c: c.get_task_steps(task_uuid)):
        if step.step_uuid == step_uuid:
            return step
    raise _no_step(task_uuid, step_uuid)


@_route("read", f"{TASK}/history", listed(Change))
def history(task_uuid: UUID, ask: Ask) -> Any:
    """What happened to a task and its steps, in order."""
    return {"items": ask(lambda c: (c.wait_task(task_uuid, NO_TIME), changes(c, task_uuid))[1])}


@_route(
    "read",
    f"{TASK}/events",
    None,
    response_class=StreamingResponse,
    responses={
        200: {"content": {"text/event-stream": {}}, "description": "Changes, as they happen."},
        204: {"description": "The task has ended, and `Last-Event-ID` was the end."},
    },
)
async def events(task_uuid: UUID, request: Request, last_event_id: LastEvent = None) -> Response:
    """Server-sent events: `change`, as `history` has them, and `end`, after which nothing comes.

    A client that comes again with the id of the last event gets what it has not seen.
    """
    answer: Response = await request.app.state.streams.answer(task_uuid, last_event_id)
    return answer


@_route("read", "/analytics/performance", shown(rows.AnalyticsMetrics))
def performance(ask: Ask, since: SinceAnHour = None) -> Any:
    """What happened since then: counts, rates in percent, durations. Costs as much."""
    return ask(lambda c: c.get_analytics_metrics(since or _an_hour_ago()))


@_route("read", "/analytics/bottlenecks", Bottlenecks)
def bottlenecks(
    ask: Ask,
    since: SinceAnHour = None,
    limit: Limit = 10,
    namespace: str | None = None,
    task: str | None = None,
    version: str | None = None,
) -> Any:
    """The steps and tasks that took longest since then."""
    asked = (since or _an_hour_ago(), limit, namespace, task, version)
    steps, tasks = ask(lambda c: (c.get_slowest_steps(*asked), c.get_slowest_tasks(*asked)))
    return {"slowest_steps": steps, "slowest_tasks": tasks}


NO_TIME: Final = timedelta()


def _an_hour_ago() -> datetime:
    return datetime.now(UTC) - timedelta(hours=1)


for _path, _method in READ.items():
    _add("read", _path, _method)
for _path, _method in OPERATE.items():
    _add("operate", _path, _method)
