"""Pages for people: what is wrong, tasks and steps and why they wait, queues, workers, audit, the
database.

They show what the API answers, and their forms change things by its calls. They run no script and
load nothing from elsewhere, and tell the browser to allow neither.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from inspect import signature
from typing import Annotated, Any, Final, get_args
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from markupsafe import Markup
from pydantic import ValidationError

from tasker_sql import costs
from tasker_sql.client import Client, TaskState, task_of
from tasker_sql.connection import records
from tasker_sql.errors import TooSlowError
from tasker_sql.history import changes
from tasker_sql.jsonb import parse
from tasker_sql.server import routes
from tasker_sql.server.auth import may, permitted, sender
from tasker_sql.server.errors import ANSWERED, RefusedError, refusal
from tasker_sql.server.markup import TEMPLATES, activity, bars
from tasker_sql.server.routes import OPERATE, STEP, Ask, Calling, check_step, no_others
from tasker_sql.server.schemas import body_of
from tasker_sql.templates import drawing

PATIENCE: Final = 2.0  # seconds in which what stands below the problems must come
MOST_STEPS: Final = 200  # of a task
MOST_CHANGES: Final = 100  # of its history, the last ones
MOST_SCHEDULES: Final = 1000
NAVIGATION: Final = (
    *("", "tasks", "failures", "waits", "schedules", "queues", "workers", "database", "audit"),
)
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
}
CHALLENGE: Final = {"WWW-Authenticate": 'Basic realm="tasker-sql: any name, a token as password"'}
SECRET: Final = secrets.token_bytes(32)  # for the forms of people who need no token


class PageRoute(APIRoute):
    """Errors are pages, too; what a form left empty is not asked for."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            asked = request.query_params.multi_items()
            if any(value == "" for _, value in asked):
                rest = urlencode([(name, value) for name, value in asked if value])
                return RedirectResponse(f"{request.url.path}?{rest}", 303)
            try:
                return await handle(request)
            except ANSWERED as error:
                refused = refusal(error)
                page = shown_page(request, "error", refused.body["title"], error=refused.body)
                page.status_code = refused.status
                challenge = CHALLENGE if refused.status == 401 else {}
                page.headers.update({**(refused.headers or {}), **challenge})
                return page

        return answer


router: Final = APIRouter(route_class=PageRoute, include_in_schema=False)


def shown_page(request: Request, name: str, title: object, **facts: Any) -> HTMLResponse:
    """A page, made of a template."""
    text = TEMPLATES.get_template(f"{name}.html").render(
        title=title,
        path=request.url.path,
        query=dict(request.query_params),
        navigation=NAVIGATION,
        may_operate="operate" in permitted(request),
        form_token=form_token(request),
        **facts,
    )
    return HTMLResponse(text, headers=HEADERS)


def _refreshed(refresh: Annotated[int | None, Query(ge=1, le=3600)] = None) -> None:
    """Every page can load itself again, so many seconds later."""


def _page(path: str) -> Callable[[Callable[..., Any]], Any]:
    checks = (may("read"), no_others, _refreshed)
    return router.get(path, dependencies=[Depends(check) for check in checks])


@_page("/")
def problems(request: Request, ask: Ask) -> Response:
    def more(c: Client) -> dict[str, Any]:
        return {
            "counts": c.get_system_health_counts(),
            "namespaces": c.list_namespaces(),
            "queues": c.queue_depths(),
            "served": {one.namespace: one for one in c.served_namespaces()},
            "activity": activity(_records(c, costs.ACTIVITY)),
        }

    found = {"problems": ask(Client.problems), **(_in_time(ask, more) or {"counts": None})}
    return shown_page(request, "problems", "What is wrong", **found)


def _in_time(ask: Calling, work: Callable[[Client], Any]) -> Any:
    """What does not come in time is None: a table is locked, as the problems say."""

    def limited(client: Client) -> Any:
        with client.limited(PATIENCE):
            return work(client)

    with suppress(TooSlowError):
        return ask(limited)


def _records(client: Client, query: str) -> list[Any]:
    with client.transaction() as connection:
        return records(connection, query.encode(), {})


@_page("/tasks")
def tasks(
    request: Request, found: Annotated[Any, Depends(routes.list_tasks)], ask: Ask
) -> Response:
    names = [one.name for one in ask(Client.list_namespaces)]
    choices = {"state": get_args(TaskState), "namespace": names}
    older = _older(request, found)
    return shown_page(request, "tasks", "Tasks", tasks=found["items"], older=older, choices=choices)


def _older(request: Request, found: Mapping[str, Any]) -> str | None:
    """Where the next page is."""
    following = found["next"]
    return following and f"?{request.url.include_query_params(before=following).query}"


@_page("/tasks/{task_uuid}")
def task(request: Request, task_uuid: UUID, ask: Ask) -> Response:
    def asked(c: Client) -> Any:
        found, steps = c.get_task(task_uuid), c.get_task_steps(task_uuid)
        path = c.critical_path(task_uuid) if len(steps) <= MOST_STEPS else []
        return found, steps, path, c.explain_task(task_uuid), changes(c, task_uuid)

    found, steps, path, reasons, history = ask(asked)
    picture = None
    if len(steps) <= MOST_STEPS:
        states = {step.name: step.state for step in steps}
        dag = {step.name: step.parents for step in steps}
        links = {step.name: f"/steps/{step.step_uuid}" for step in steps}
        picture = Markup(drawing.svg(dag, states, links))  # it escapes its labels
    urgent = sorted(steps, key=lambda step: step.state not in ("error", "in_progress"))
    few = steps if len(steps) <= MOST_STEPS else urgent[:MOST_STEPS]
    began, ended = found.started_at or found.created_at, found.finished_at or datetime.now(UTC)
    return shown_page(
        request,
        "task",
        f"{found.namespace}/{found.name}",
        task=found,
        steps=few,
        hidden=len(steps) - len(few),
        bars={step.step_uuid: bars(step, began, ended) for step in few},
        critical={step.step_uuid for step in path if step.is_critical},
        reasons=reasons,
        picture=picture,
        history=history[: -MOST_CHANGES - 1 : -1],
        older=max(len(history) - MOST_CHANGES, 0),
    )


@_page("/steps/{step_uuid}")
def step(request: Request, step_uuid: UUID, ask: Ask) -> Response:
    task_uuid = task_of(step_uuid)

    def asked(c: Client) -> dict[str, Any]:
        above = c.get_step_transitive_dependencies(step_uuid)
        return {
            "task": c.get_task(task_uuid),
            "step": next(s for s in c.get_task_steps(task_uuid) if s.step_uuid == step_uuid),
            "reasons": c.explain_step(step_uuid),
            "attempts": c.step_attempts(step_uuid)[::-1],
            "parents": [parent for parent in above if parent.distance == 1],
        }

    found = ask(asked)
    title = f"{found['task'].namespace}/{found['task'].name}/{found['step'].name}"
    return shown_page(request, "step", title, **found)


@_page("/failures")
def failures(request: Request, ask: Ask) -> Response:
    return shown_page(request, "failures", "Failures", groups=ask(Client.dead_letters))


@_page("/waits")
def waits(request: Request, found: Annotated[Any, Depends(routes.open_waits)]) -> Response:
    user, _ = sender(request.headers.getlist("authorization"))
    return shown_page(request, "waits", "What waits", waits=found["items"], user=user)


@_page("/schedules")
def schedules(request: Request, ask: Ask) -> Response:
    return shown_page(request, "schedules", "Schedules", schedules=ask(Client.list_schedules))


@_page("/schedules/{namespace}/{name}")
def schedule(request: Request, namespace: str, name: str, ask: Ask) -> Response:
    def asked(c: Client) -> dict[str, Any]:
        reasons = c.explain_schedule(namespace, name)
        every = c.list_schedules(namespace, MOST_SCHEDULES)
        found = next((one for one in every if one.name == name), None)
        ticks = c.list_ticks(namespace, name, None, MOST_CHANGES)
        return {"schedule": found, "reasons": reasons, "ticks": ticks}

    return shown_page(request, "schedule", f"{namespace}/{name}", **ask(asked))


@_page("/queues")
def queues(request: Request, ask: Ask) -> Response:
    found = ask(lambda c: (c.queue_depths(), c.list_namespaces(), c.list_templates()))
    return _tables(
        request,
        ("Queues", found[0], "queue_name namespace priority depth oldest_age missing"),
        ("Namespaces", found[1], "name paused_at paused_by pause_reason created_at"),
        ("Templates", found[2], "namespace name version step_count paused_at registered_at"),
    )


@_page("/workers")
def workers(request: Request, ask: Ask) -> Response:
    found = ask(
        lambda c: (c.known_workers(), c.live_claims(), c.executor_pools(), c.circuit_breakers())
    )
    return _tables(
        request,
        ("Workers", found[0], "name kind status namespaces claims steps lease_left"),
        ("Claims", found[1], "worker namespace claimed_at lease_left steps"),
        ("Pools", found[2], "runner pool namespace status executors running queue_depth decision"),
        ("Circuit breakers", found[3], "runner breaker effective_state reason last_error"),
    )


@_page("/database")
def database(request: Request, ask: Ask) -> Response:
    known = {"server": costs.SERVER, "transactions": costs.TRANSACTIONS}
    found = ask(lambda c: {name: _records(c, query) for name, query in known.items()})
    sizes = _in_time(ask, lambda c: _records(c, costs.RELATIONS))
    title = "What this costs the database"
    return shown_page(request, "database", title, **found, relations=sizes)


@_page("/audit")
def audit(
    request: Request, found: Annotated[Any, Depends(routes.list_operator_actions)]
) -> Response:
    columns = "at verb subject reason session_role application"
    listed = ("What operators did", found["items"], columns)
    return _tables(request, listed, older=_older(request, found))


def _tables(
    request: Request, *tables: tuple[str, Sequence[Any], str], older: str | None = None
) -> Response:
    chosen = [(title, rows, columns.split()) for title, rows, columns in tables]
    title = request.url.path[1:].capitalize()
    return shown_page(request, "tables", title, tables=chosen, older=older)


# Forms


def form_token(request: Request) -> str:
    """What the forms of our pages have, and no other site knows."""
    _, token = sender(request.headers.getlist("authorization"))
    return hmac.new(token.encode() or SECRET, b"a form of tasker-sql", "sha256").hexdigest()


def _values(sent: Mapping[str, str]) -> dict[str, Any]:
    """What the fields of a form mean: `json:result` is JSON, `text:value.note` a text in `value`.
    Raises RefusedError."""
    given: dict[str, Any] = {}
    for name, text in sent.items():
        kind, _, place = name.partition(":") if ":" in name else ("text", "", name)
        whole, _, part = place.partition(".")
        try:
            value = parse(text) if kind == "json" else text
        except ValueError as error:
            raise RefusedError(422, "bad_value", f"{place} is not JSON", str(error)) from None
        if part:
            given.setdefault(whole, {})[part] = value
        else:
            given[whole] = value
    return given


def _form(path: str, method: Callable[..., Any]) -> None:
    """A form may send what the API takes at this path; then its page is shown again."""
    body, names = body_of(method, path), signature(method).parameters

    async def submit(request: Request, ask: Ask) -> Response:
        text = (await request.body()).decode(errors="replace")
        sent = dict(parse_qsl(text))
        token = sent.pop("form_token", "")
        if not hmac.compare_digest(token.encode(), form_token(request).encode()):
            hint = "Load the page again, and send it from there."
            raise RefusedError(403, "forbidden", "the form is not one of our pages", hint=hint)
        back = sent.pop("back", "/")
        given = {name: one for name, one in request.path_params.items() if name in names}
        try:
            given |= dict(body.model_validate(_values(sent)))
        except ValidationError as error:
            raise RequestValidationError(error.errors()) from None
        done = await run_in_threadpool(ask, lambda c: getattr(c, method.__name__)(**given))
        if path.startswith("/repairs"):
            return shown_page(request, "repair", "The same for many", done=done, given=given)
        is_ours = re.fullmatch(r"/([\w.-]+(/[\w.-]+){0,2})?", back)
        return RedirectResponse(back if is_ours else "/", 303)

    checks: list[Callable[..., Any]] = [may("operate"), no_others]
    if path.startswith(STEP):
        checks.append(check_step)
    place = path.replace("_uuid}", "_uuid:uuid}")
    router.post(place, dependencies=[Depends(check) for check in checks])(submit)


for _path, _method in OPERATE.items():
    _form(_path, _method)


@router.get("/style.css", dependencies=[Depends(no_others)])
async def style() -> Response:
    """How pages look."""
    text = TEMPLATES.get_template("style.css").render()
    return Response(text, media_type="text/css", headers={"Cache-Control": "max-age=3600"})
