"""The state of the system, for load balancers, orchestrators and people."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from tasker_sql import __version__, rows
from tasker_sql.client import Client
from tasker_sql.server.auth import may
from tasker_sql.server.metrics import CONTENT_TYPE, Metrics
from tasker_sql.server.routes import ERRORS, Ask, no_others
from tasker_sql.server.schemas import shown

router: Final = APIRouter(tags=["health"])
exact: Final = [Depends(no_others)]
read: Final = [Depends(may("read")), *exact]
PROBES: Final[dict[int | str, dict[str, Any]]] = {
    status: ERRORS[status] for status in (400, 429, 503)
}

HEALTHY, DEGRADED, UNHEALTHY = "healthy", "degraded", "unhealthy"


class Alive(BaseModel):
    """The server answers."""

    status: str
    version: str = __version__


class Coordinator(BaseModel):
    """Whether a runner lives, and since when the first of them does."""

    running: bool
    uptime_seconds: float


class PoolCounts(BaseModel):
    """The executors of one kind, of all live runners; what they did a second."""

    healthy: int
    unhealthy: int
    throughput: float


class BreakerNotClosed(BaseModel):
    """A circuit breaker that does not let all calls pass, and why."""

    model_config = ConfigDict(from_attributes=True)

    runner: str
    breaker: str
    state: str = Field(validation_alias="effective_state")
    reason: str


class OrchestrationHealth(BaseModel):
    """The state of the runners, as of their last heartbeats."""

    status: str
    coordinator: Coordinator
    executor_pools: dict[str, PoolCounts]
    circuit_breakers: list[BreakerNotClosed]


class DetailedHealth(BaseModel):
    """All that is known: counts of open work, runners, their pools and circuit breakers, queues."""

    status: str
    version: str = __version__
    counts: shown(rows.SystemHealthCounts)  # type: ignore[valid-type]
    queues: list[shown(rows.QueueDepth)]  # type: ignore[valid-type]
    runners: list[shown(rows.KnownRunner)]  # type: ignore[valid-type]
    executor_pools: list[shown(rows.ExecutorPool)]  # type: ignore[valid-type]
    circuit_breakers: list[shown(rows.KnownBreaker)]  # type: ignore[valid-type]


@router.get("/live", response_model=Alive, dependencies=exact, responses={400: ERRORS[400]})
async def live() -> Any:
    """Whether the server lives. Asks the database nothing."""
    return {"status": "alive"}


@router.get("/ready", response_model=Alive, dependencies=exact, responses=PROBES)
@router.get("/health", response_model=Alive, dependencies=exact, responses=PROBES)
def ready(ask: Ask) -> Any:
    """Whether the server can work: the database answers, and has the functions it needs."""
    ask(Client.list_limits)
    return {"status": HEALTHY}


@router.get(
    "/health/orchestration",
    response_model=OrchestrationHealth,
    dependencies=read,
    responses=ERRORS | {503: {"model": OrchestrationHealth, "description": "No healthy runner."}},
)
def orchestration(ask: Ask, response: Response) -> Any:
    """Whether runners live, and the state of their executor pools."""
    runners, pools, breakers = ask(
        lambda c: (c.known_runners(), c.executor_pools(), c.circuit_breakers())
    )
    status = _status(runners)
    if status == UNHEALTHY:
        response.status_code = 503
    kinds: dict[str, list[rows.ExecutorPool]] = defaultdict(list)
    for pool in pools:
        kinds[pool.pool].append(pool)
    ages = [one.seen_at + one.silent_for - one.started_at for one in runners if one.is_live]
    uptime = max(ages).total_seconds() if ages else 0.0
    return {
        "status": status,
        "coordinator": {"running": bool(ages), "uptime_seconds": uptime},
        "executor_pools": {
            kind: {
                name: sum(getattr(pool, name) for pool in found) for name in PoolCounts.model_fields
            }
            for kind, found in sorted(kinds.items())
        },
        "circuit_breakers": [one for one in breakers if one.effective_state != "closed"],
    }


@router.get("/health/detailed", response_model=DetailedHealth, dependencies=read, responses=ERRORS)
def detailed(ask: Ask) -> Any:
    """All that is known now."""
    found = ask(
        lambda client: {
            "counts": client.get_system_health_counts(),
            "queues": client.queue_depths(),
            "runners": client.known_runners(),
            "executor_pools": client.executor_pools(),
            "circuit_breakers": client.circuit_breakers(),
        }
    )
    return {"status": _status(found["runners"]), **found}


@router.get("/metrics", include_in_schema=False, dependencies=read)
def metrics(request: Request) -> Response:
    """The metrics, as Prometheus reads them."""
    known: Metrics = request.app.state.metrics
    return Response(known.text(), media_type=CONTENT_TYPE)


def _status(runners: Sequence[rows.KnownRunner]) -> str:
    """Unhealthy without a runner that works, degraded when one of them does not."""
    found = [runner.status for runner in runners if runner.is_live]
    if all(status == UNHEALTHY for status in found):
        return UNHEALTHY
    return HEALTHY if all(status == HEALTHY for status in found) else DEGRADED
