"""How a runner is: its operational state, its executors, and what follows for its health.

Pure logic: what is measured, and the time, are arguments.

    startup ──> normal ──> graceful_shutdown ──> emergency ──> stopped
       └──────────┴───────────────┴─────────────────┴─────────────┘  (a state may be skipped, but
                                                                      none comes back)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from tasker_sql.config.settings import HealthSettings


class OperationalState(StrEnum):
    """What a runner is doing."""

    STARTUP = "startup"  # until each of its parts has had a first answer of the database
    NORMAL = "normal"
    GRACEFUL_SHUTDOWN = "graceful_shutdown"  # claims no more; what runs may end
    EMERGENCY = "emergency"  # waits for nothing any more
    STOPPED = "stopped"


def transition(before: OperationalState, after: OperationalState) -> OperationalState:
    """The state after. Raises ValueError for a transition that is not legal."""
    order = list(OperationalState)
    stops_at_once = after is OperationalState.STOPPED and before in order[:2]
    if stops_at_once or order.index(after) <= order.index(before):
        raise ValueError(f"a runner cannot go from {before} to {after}")
    return after


class ExecutorState(StrEnum):
    """How an executor is."""

    STARTING = "starting"  # no call has ended yet
    HEALTHY = "healthy"
    DEGRADED = "degraded"  # many of its calls fail, or are slow
    UNHEALTHY = "unhealthy"  # it gets nothing done
    STOPPING = "stopping"


class HealthStatus(StrEnum):
    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True)
class Vitals:
    """What is measured of an executor; times in seconds."""

    calls: int  # that have ended, whether they failed or not
    error_rate: float  # of the last ones, 0 to 1
    seconds: float  # that the last ones took, on average
    running: float  # for which the present call runs; 0 without one
    waiting: float  # for which the present call waits for a connection; 0 without one
    blocked: bool  # its circuit lets no call pass
    stopping: bool = False


def executor(vitals: Vitals, limits: HealthSettings) -> ExecutorState:
    """How an executor is."""
    if vitals.stopping:
        return ExecutorState.STOPPING
    if vitals.blocked or vitals.running + vitals.waiting > limits.stuck:
        return ExecutorState.UNHEALTHY
    if vitals.calls == 0:
        return ExecutorState.STARTING
    if vitals.error_rate > 0.5:
        return ExecutorState.UNHEALTHY
    if vitals.error_rate > limits.error_rate or vitals.seconds > limits.slow:
        return ExecutorState.DEGRADED
    return ExecutorState.HEALTHY


def status(
    executors: Iterable[ExecutorState], state: OperationalState, limits: HealthSettings
) -> HealthStatus:
    """How a runner is, or one of its pools.

    One that starts is not yet unhealthy, and one that stops raises no alarm: somebody asked it to.
    """
    if state not in (OperationalState.STARTUP, OperationalState.NORMAL):
        return HealthStatus.HEALTHY
    found = [one for one in executors if one is not ExecutorState.STOPPING]
    well = sum(one in (ExecutorState.HEALTHY, ExecutorState.STARTING) for one in found)
    share = well / len(found) if found else 1.0
    if share < limits.unhealthy_below and state is OperationalState.NORMAL:
        return HealthStatus.UNHEALTHY
    return HealthStatus.DEGRADED if share < limits.degraded_below else HealthStatus.HEALTHY
