"""States and health: pure, of what was measured."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, product
from typing import Any

import pytest

from tasker_sql.ops.health import (
    LEGAL,
    Executor,
    Limits,
    State,
    Status,
    Vitals,
    executor,
    status,
    transition,
)

LIMITS = Limits()
WELL = Vitals(calls=100, error_rate=0.0, seconds=0.01, running=0.0, blocked=False)


def test_the_states_follow_each_other() -> None:
    way = [
        State.STARTUP,
        State.NORMAL,
        State.GRACEFUL_SHUTDOWN,
        State.EMERGENCY,
        State.STOPPED,
    ]
    for before, after in pairwise(way):
        assert transition(before, after) is after


def test_nothing_but_the_table_is_legal() -> None:
    assert sum(map(len, LEGAL.values())) == 8
    for before, after in product(State, State):
        if after not in LEGAL[before]:
            with pytest.raises(ValueError, match=f"cannot go from {before} to {after}"):
                transition(before, after)


def test_no_state_comes_back_and_all_come_to_the_end() -> None:
    order = list(State)
    for before, afters in LEGAL.items():
        assert all(order.index(after) > order.index(before) for after in afters)
        assert before is State.STOPPED or afters


@pytest.mark.parametrize(
    ("vitals", "found"),
    [
        ({}, Executor.HEALTHY),
        ({"calls": 0}, Executor.STARTING),
        ({"calls": 0, "blocked": True}, Executor.UNHEALTHY),
        ({"error_rate": 0.1}, Executor.HEALTHY),
        ({"error_rate": 0.11}, Executor.DEGRADED),
        ({"error_rate": 0.51}, Executor.UNHEALTHY),
        ({"seconds": 1.0}, Executor.HEALTHY),
        ({"seconds": 1.1}, Executor.DEGRADED),
        ({"running": 60.0}, Executor.HEALTHY),
        ({"running": 60.1}, Executor.UNHEALTHY),
        ({"calls": 0, "running": 60.1}, Executor.UNHEALTHY),
        ({"blocked": True}, Executor.UNHEALTHY),
        ({"blocked": True, "stopping": True}, Executor.STOPPING),
    ],
)
def test_an_executor(vitals: dict[str, Any], found: Executor) -> None:
    assert executor(replace(WELL, **vitals), LIMITS) is found


def of(healthy: int, *others: Executor) -> list[Executor]:
    return [Executor.HEALTHY] * healthy + list(others)


@pytest.mark.parametrize(
    ("executors", "state", "found"),
    [
        (of(9, Executor.UNHEALTHY), State.NORMAL, Status.HEALTHY),
        (of(8, Executor.UNHEALTHY), State.NORMAL, Status.DEGRADED),
        (of(8, Executor.DEGRADED), State.NORMAL, Status.DEGRADED),
        (of(8, Executor.STARTING), State.NORMAL, Status.HEALTHY),
        (of(1, Executor.UNHEALTHY), State.NORMAL, Status.DEGRADED),
        (of(1, *[Executor.UNHEALTHY] * 2), State.NORMAL, Status.UNHEALTHY),
        (of(1, *[Executor.STOPPING] * 9), State.NORMAL, Status.HEALTHY),
        (of(0), State.NORMAL, Status.HEALTHY),
        # One that starts is not yet unhealthy.
        (of(1, *[Executor.UNHEALTHY] * 9), State.STARTUP, Status.DEGRADED),
        # One that stops does as it was told.
        (of(1, *[Executor.UNHEALTHY] * 9), State.GRACEFUL_SHUTDOWN, Status.HEALTHY),
        (of(1, *[Executor.UNHEALTHY] * 9), State.EMERGENCY, Status.HEALTHY),
        (of(0), State.STOPPED, Status.HEALTHY),
    ],
)
def test_a_runner(executors: list[Executor], state: State, found: Status) -> None:
    assert status(executors, state, LIMITS) is found
