"""The API: one or two calls of the client for each request."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from tasker_sql import rows
from tasker_sql.client import Client
from tasker_sql.errors import NotFoundError
from tasker_sql.server.auth import may
from tasker_sql.server.faults import RefusedError
from tasker_sql.server.shapes import (
    Acknowledgement,
    Because,
    Bottlenecks,
    ByHand,
    ExactResponse,
    ExactRoute,
    Moment,
    NewTask,
    Problem,
    listed,
    shown,
)
from tasker_sql.server.store import Store

T = TypeVar("T")

Asked = Callable[[Callable[[Client], Any]], Any]


def _store(request: Request) -> Asked:
    store: Store = request.app.state.store
    return store.call


Ask = Annotated[Asked, Depends(_store)]
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
    status: {"model": Problem, "description": meaning} for status, meaning in MEANINGS.items()
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


read: Final = [Depends(may("read")), Depends(_no_others)]
create: Final = [Depends(may("create")), Depends(_no_others)]
operate: Final = [Depends(may("operate")), Depends(_no_others)]


# Tasks


@router.post(
    "/tasks",
    tags=["tasks"],
    status_code=201,
    response_model=shown(rows.CreatedTask),
    dependencies=create,
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


@router.get(
    "/tasks",
    tags=["tasks"],
    response_model=listed(rows.ListedTask, without=("next_before",)),
    dependencies=read,
)
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
        "since": since and since.isoformat(),
        "until": until and until.isoformat(),
    }
    wanted = {key: value for key, value in given.items() if value is not None}
    found = ask(lambda c: c.list_tasks(wanted, limit, before))
    following = found[-1].next_before if found else None
    if following is not None:
        url = request.url.include_query_params(before=following)
        response.headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
    return {"items": [task for task in found if task.task_uuid is not None], "next": following}


@router.get(
    "/tasks/{task_uuid}", tags=["tasks"], response_model=shown(rows.Task), dependencies=read
)
def get_task(task_uuid: UUID, ask: Ask) -> Any:
    """Everything about a task: what it is, what it was given, how it stands."""
    return ask(lambda c: c.get_task(task_uuid))


@router.get(
    "/tasks/{task_uuid}/explain",
    tags=["tasks"],
    response_model=listed(rows.TaskReason),
    dependencies=read,
)
def explain_task(task_uuid: UUID, ask: Ask) -> Any:
    """What the task waits for: each kind of reason once, what blocks first, with its cure."""
    return {"items": ask(lambda c: c.explain_task(task_uuid))}


@router.post(
    "/tasks/{task_uuid}/cancel",
    tags=["tasks"],
    response_model=shown(rows.ClosedTask),
    dependencies=operate,
)
def cancel_task(task_uuid: UUID, body: Because, ask: Ask) -> Any:
    """Cancel a task with all its open steps."""
    return ask(lambda c: c.cancel_task(task_uuid, body.reason))


# Steps

STEPS: Final = "/tasks/{task_uuid}/workflow_steps"
STEP: Final = f"{STEPS}/{{step_uuid}}"


@router.get(
    STEPS,
    tags=["steps"],
    response_model=listed(rows.TaskStep),
    dependencies=read,
)
def list_steps(task_uuid: UUID, ask: Ask) -> Any:
    """The steps of a task, parents first."""
    return {"items": ask(lambda c: c.get_task_steps(task_uuid))}


@router.get(STEP, tags=["steps"], response_model=shown(rows.TaskStep), dependencies=read)
def get_step(task_uuid: UUID, step_uuid: UUID, ask: Ask) -> Any:
    """One step of a task."""
    for step in ask(lambda c: c.get_task_steps(task_uuid)):
        if step.step_uuid == step_uuid:
            return step
    raise _no_step(task_uuid, step_uuid)


@router.get(
    f"{STEP}/explain",
    tags=["steps"],
    response_model=listed(rows.StepReason),
    dependencies=read,
)
def explain_step(task_uuid: UUID, step_uuid: UUID, ask: Ask) -> Any:
    """Why the step is not running: what blocks first, with its cure."""
    _check(task_uuid, step_uuid)
    return {"items": ask(lambda c: c.explain_step(step_uuid))}


@router.post(
    f"{STEP}/retry",
    tags=["steps"],
    response_model=shown(rows.StepAnswer),
    dependencies=operate,
)
def retry_step(task_uuid: UUID, step_uuid: UUID, body: Because, ask: Ask) -> Any:
    """Run a failed step again with all its attempts, or a waiting one at once."""
    _check(task_uuid, step_uuid)
    return ask(lambda c: c.retry_step(step_uuid, body.reason))


@router.post(
    f"{STEP}/requeue",
    tags=["steps"],
    response_model=shown(rows.StepAnswer),
    dependencies=operate,
)
def requeue_step(task_uuid: UUID, step_uuid: UUID, body: Because, ask: Ask) -> Any:
    """Take a step back from a worker that hangs, or send its lost message again."""
    _check(task_uuid, step_uuid)
    return ask(lambda c: c.requeue_step(step_uuid, body.reason))


@router.post(
    f"{STEP}/resolve",
    tags=["steps"],
    response_model=shown(rows.StepAnswer),
    dependencies=operate,
)
def resolve_step(task_uuid: UUID, step_uuid: UUID, body: Because, ask: Ask) -> Any:
    """Declare a step settled, without a result; its children go on."""
    _check(task_uuid, step_uuid)
    return ask(lambda c: c.resolve_step(step_uuid, body.reason))


@router.post(
    f"{STEP}/complete",
    tags=["steps"],
    response_model=shown(rows.StepAnswer),
    dependencies=operate,
)
def complete_step(task_uuid: UUID, step_uuid: UUID, body: ByHand, ask: Ask) -> Any:
    """Complete a step with a result given by hand; its children go on."""
    _check(task_uuid, step_uuid)
    return ask(lambda c: c.complete_step_manually(step_uuid, body.result, body.reason))


def _check(task_uuid: UUID, step_uuid: UUID) -> None:
    """A step's uuid is its task's, with the step's number in the last 20 bits."""
    if task_uuid.int >> 20 != step_uuid.int >> 20:
        raise _no_step(task_uuid, step_uuid)


def _no_step(task_uuid: UUID, step_uuid: UUID) -> NotFoundError:
    return NotFoundError("no such step", f"{step_uuid} is no step of the task {task_uuid}")


# Problems


@router.get("/problems", tags=["problems"], response_model=listed(rows.Problem), dependencies=read)
def list_problems(ask: Ask) -> Any:
    """What is wrong now, the worst first, each with its cure; acknowledged ones last."""
    return {"items": ask(Client.problems)}


@router.post(
    "/problems/acknowledge",
    tags=["problems"],
    response_model=shown(rows.AcknowledgedProblem),
    dependencies=operate,
)
def acknowledge_problem(body: Acknowledgement, ask: Ask) -> Any:
    """Say that somebody knows of a problem. It comes back when it gets worse."""
    return ask(lambda c: c.acknowledge_problem(body.code, body.subject, body.reason, body.until))


# Handlers


@router.get(
    "/namespaces",
    tags=["handlers"],
    response_model=listed(rows.ListedNamespace),
    dependencies=read,
)
def list_namespaces(ask: Ask) -> Any:
    """All namespaces, paused or not."""
    return {"items": ask(Client.list_namespaces)}


@router.get(
    "/handlers",
    tags=["handlers"],
    response_model=listed(rows.ListedTemplate),
    dependencies=read,
)
def list_handlers(ask: Ask, namespace: str | None = None) -> Any:
    """The templates of a namespace, or all: what tasks can be made of."""
    return {"items": ask(lambda c: c.list_templates(namespace))}


@router.get(
    "/handlers/{namespace}/{name}",
    tags=["handlers"],
    response_model=shown(rows.Template),
    dependencies=read,
)
def get_handler(namespace: str, name: str, ask: Ask, version: str | None = None) -> Any:
    """A template with its definition and its steps, of the version given or else the highest."""
    return ask(lambda c: c.get_template(namespace, name, version))


# Analytics


@router.get(
    "/analytics/performance",
    tags=["analytics"],
    response_model=shown(rows.AnalyticsMetrics),
    dependencies=read,
)
def performance(ask: Ask, since: Since = None) -> Any:
    """What happened since then: counts, rates in percent, durations. Costs as much."""
    return ask(lambda c: c.get_analytics_metrics(since or _an_hour_ago()))


@router.get(
    "/analytics/bottlenecks", tags=["analytics"], response_model=Bottlenecks, dependencies=read
)
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
