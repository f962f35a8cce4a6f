"""States and health: pure, of what was measured."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from tasker_sql import config
from tasker_sql.ops.health import (
    ExecutorState,
    HealthStatus,
    OperationalState,
    Vitals,
    executor,
    status,
    transition,
)

LIMITS = config.load(environment="production", environ={}).config.orchestration.health
WELL = Vitals(calls=100, error_rate=0.0, seconds=0.01, running=0.0, waiting=0.0, blocked=False)


LEGAL = {
    ("startup", "normal"),
    ("startup", "graceful_shutdown"),
    ("startup", "emergency"),
    ("normal", "graceful_shutdown"),
    ("normal", "emergency"),
    ("graceful_shutdown", "emergency"),
    ("graceful_shutdown", "stopped"),
    ("emergency", "stopped"),
}


@pytest.mark.parametrize(("before", "after"), [*product(OperationalState, repeat=2)])
def test_no_state_comes_back_and_none_stops_at_once(
    before: OperationalState, after: OperationalState
) -> None:
    if (before, after) in LEGAL:
        assert transition(before, after) is after
    else:
        with pytest.raises(ValueError, match=f"cannot go from {before} to {after}"):
            transition(before, after)


@pytest.mark.parametrize(
    ("vitals", "found"),
    [
        ({}, ExecutorState.HEALTHY),
        ({"calls": 0}, ExecutorState.STARTING),
        ({"calls": 0, "blocked": True}, ExecutorState.UNHEALTHY),
        ({"error_rate": 0.1}, ExecutorState.HEALTHY),
        ({"error_rate": 0.11}, ExecutorState.DEGRADED),
        ({"error_rate": 0.51}, ExecutorState.UNHEALTHY),
        ({"seconds": 1.0}, ExecutorState.HEALTHY),
        ({"seconds": 1.1}, ExecutorState.DEGRADED),
        ({"running": 10.0}, ExecutorState.HEALTHY),
        ({"running": 10.1}, ExecutorState.UNHEALTHY),
        ({"calls": 0, "running": 10.1}, ExecutorState.UNHEALTHY),
        ({"waiting": 10.1}, ExecutorState.UNHEALTHY),
        ({"blocked": True}, ExecutorState.UNHEALTHY),
        ({"blocked": True, "stopping": True}, ExecutorState.STOPPING),
    ],
)
def test_an_executor(vitals: dict[str, Any], found: ExecutorState) -> None:
    assert executor(replace(WELL, **vitals), LIMITS) is found


def of(healthy: int, *others: ExecutorState) -> list[ExecutorState]:
    return [ExecutorState.HEALTHY] * healthy + list(others)


@pytest.mark.parametrize(
    ("executors", "state", "found"),
    [
        (of(9, ExecutorState.UNHEALTHY), OperationalState.NORMAL, HealthStatus.HEALTHY),
        (of(8, ExecutorState.UNHEALTHY), OperationalState.NORMAL, HealthStatus.DEGRADED),
        (of(8, ExecutorState.DEGRADED), OperationalState.NORMAL, HealthStatus.DEGRADED),
        (of(8, ExecutorState.STARTING), OperationalState.NORMAL, HealthStatus.HEALTHY),
        (of(1, ExecutorState.UNHEALTHY), OperationalState.NORMAL, HealthStatus.DEGRADED),
        (of(1, *[ExecutorState.UNHEALTHY] * 2), OperationalState.NORMAL, HealthStatus.UNHEALTHY),
        (of(1, *[ExecutorState.STOPPING] * 9), OperationalState.NORMAL, HealthStatus.HEALTHY),
        (of(0), OperationalState.NORMAL, HealthStatus.HEALTHY),
        # One that starts is not yet unhealthy.
        (of(1, *[ExecutorState.UNHEALTHY] * 9), OperationalState.STARTUP, HealthStatus.DEGRADED),
        # One that stops does as it was asked.
        (
            of(1, *[ExecutorState.UNHEALTHY] * 9),
            OperationalState.GRACEFUL_SHUTDOWN,
            HealthStatus.HEALTHY,
        ),
        (of(1, *[ExecutorState.UNHEALTHY] * 9), OperationalState.EMERGENCY, HealthStatus.HEALTHY),
        (of(0), OperationalState.STOPPED, HealthStatus.HEALTHY),
    ],
)
def test_a_runner(
    executors: list[ExecutorState], state: OperationalState, found: HealthStatus
) -> None:
    assert status(executors, state, LIMITS) is found
