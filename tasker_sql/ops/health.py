"""How a runner is: its operational state, its executors, and what follows for its health.

Pure logic: what is measured, and the time, are arguments.

    startup ──> normal ──> graceful_shutdown ──> emergency ──> stopped
       └──────────┴───────────────┴─────────────────┴─────────────┘  (each may be left out, but not
                                                                      gone back to)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class State(StrEnum):
    """What a runner is about."""

    STARTUP = "startup"  # until each of its parts has had a first answer of the database
    NORMAL = "normal"
    GRACEFUL_SHUTDOWN = "graceful_shutdown"  # claims no more; what runs may end
    EMERGENCY = "emergency"  # waits for nothing any more
    STOPPED = "stopped"


LEGAL: Final[Mapping[State, frozenset[State]]] = MappingProxyType(
    {
        State.STARTUP: frozenset({State.NORMAL, State.GRACEFUL_SHUTDOWN, State.EMERGENCY}),
        State.NORMAL: frozenset({State.GRACEFUL_SHUTDOWN, State.EMERGENCY}),
        State.GRACEFUL_SHUTDOWN: frozenset({State.EMERGENCY, State.STOPPED}),
        State.EMERGENCY: frozenset({State.STOPPED}),
        State.STOPPED: frozenset(),
    }
)


def transition(before: State, after: State) -> State:
    """The state after. Raises ValueError for a transition that is not legal."""
    if after not in LEGAL[before]:
        raise ValueError(f"a runner cannot go from {before} to {after}")
    return after


class Executor(StrEnum):
    """How an executor is."""

    STARTING = "starting"  # no call has ended yet
    HEALTHY = "healthy"
    DEGRADED = "degraded"  # many of its calls fail, or are slow
    UNHEALTHY = "unhealthy"  # it gets nothing done
    STOPPING = "stopping"


class Status(StrEnum):
    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True)
class Vitals:
    """What is measured of an executor."""

    calls: int  # that have ended, whether they failed or not
    error_rate: float  # of the last ones, 0 to 1
    seconds: float  # that the last ones took, on average
    running: float  # seconds for which the present call runs; 0 without one
    blocked: bool  # its circuit lets no call pass
    stopping: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """When an executor is not healthy, and when a runner is not."""

    error_rate: float = 0.1
    slow: float = 1.0  # seconds
    stuck: float = 60.0  # seconds
    degraded_below: float = 0.9  # the share of its executors that are healthy
    unhealthy_below: float = 0.5


def executor(vitals: Vitals, limits: Limits) -> Executor:
    """How an executor is."""
    if vitals.stopping:
        return Executor.STOPPING
    if vitals.blocked or vitals.running > limits.stuck:
        return Executor.UNHEALTHY
    if vitals.calls == 0:
        return Executor.STARTING
    if vitals.error_rate > 0.5:
        return Executor.UNHEALTHY
    if vitals.error_rate > limits.error_rate or vitals.seconds > limits.slow:
        return Executor.DEGRADED
    return Executor.HEALTHY


def status(executors: Iterable[Executor], state: State, limits: Limits) -> Status:
    """How a runner is, or one of its pools.

    One that starts is not yet unhealthy, and one that stops raises no alarm: it does as it was
    told.
    """
    if state not in (State.STARTUP, State.NORMAL):
        return Status.HEALTHY
    found = [one for one in executors if one is not Executor.STOPPING]
    well = sum(one in (Executor.HEALTHY, Executor.STARTING) for one in found)
    share = well / len(found) if found else 1.0
    if share < limits.unhealthy_below and state is State.NORMAL:
        return Status.UNHEALTHY
    return Status.DEGRADED if share < limits.degraded_below else Status.HEALTHY
