"""How many executors a pool should have: pure decisions, on a clock that the test moves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tasker_sql import config
from tasker_sql.ops import scaling
from tasker_sql.ops.scaling import Measured, batch, decide, poll, pressure
from tasker_sql.worker.claims import IDLE_FOR

RULES = config.load(environment="production", environ={}).config.executor_pools.scaling
USUAL = Measured(executors=4, utilization=0.75)
LONG_AGO = -1000.0


def decided(*, least: int = 1, most: int = 20, **measured: Any) -> int:
    return decide(replace(USUAL, **measured), least, most, RULES, 0.0, LONG_AGO).executors


@pytest.mark.parametrize(
    ("measured", "executors"),
    [
        ({}, 4),
        # Errors: one more.
        ({"error_rate": 0.05}, 4),
        ({"error_rate": 0.051}, 5),
        ({"error_rate": 0.051, "queue_depth": 1000}, 5),
        # A backlog: one for each 50.
        ({"queue_depth": 100}, 4),
        ({"queue_depth": 101}, 6),
        ({"queue_depth": 500}, 14),
        ({"queue_depth": 10_000}, 20),
        ({"queue_depth": 500, "utilization": 0.374}, 3),  # paused: nobody comes to take it
        # Something has waited for long.
        ({"queue_age": 30.0}, 4),
        ({"queue_age": 30.1}, 5),
        ({"queue_age": 30.1, "utilization": 0.1}, 3),
        # Busy: in proportion.
        ({"utilization": 0.89}, 4),
        ({"utilization": 0.91}, 5),
        ({"utilization": 1.0}, 6),
        ({"utilization": 1.0, "executors": 19}, 20),
        # Idle: half of what can be spared.
        ({"utilization": 0.375}, 4),
        ({"utilization": 0.374}, 3),
        ({"utilization": 0.0, "executors": 20}, 11),
        ({"utilization": 0.0, "executors": 2}, 1),
        ({"utilization": 0.0, "executors": 1}, 1),
    ],
)
def test_the_first_rule_that_applies_decides(measured: dict[str, Any], executors: int) -> None:
    assert decided(**measured) == executors


@pytest.mark.parametrize(
    ("hindrance", "executors", "reason"),
    [
        ({"callers_waiting": 1.0}, 6, "they are busy for 100% of the time"),
        ({"callers_waiting": 1.2}, 4, "busy for 100% of the time, but 1 callers wait"),
        ({"blocked": True}, 4, "busy for 100% of the time, but their circuit is not closed"),
        ({"room": 2}, 6, "they are busy for 100% of the time"),
        ({"room": 1}, 5, "busy for 100% of the time, and there are connections for 5"),
        ({"room": 0}, 4, "busy for 100% of the time, and there are connections for 4"),
    ],
)
def test_does_not_grow_without_connections(
    hindrance: dict[str, Any], executors: int, reason: str
) -> None:
    found = decide(replace(USUAL, utilization=1.0, **hindrance), 1, 20, RULES, 0.0, LONG_AGO)
    assert found.executors == executors
    assert reason in found.reason
    assert decided(utilization=0.0, **hindrance) == 3, "but shrinks"


@pytest.mark.parametrize(
    ("waiting", "executors"), [(0.4, 4), (0.6, 3), (1.0, 3), (2.4, 2), (3.6, 1), (4.0, 1)]
)
def test_those_that_wait_for_a_connection_go(waiting: float, executors: int) -> None:
    """Whatever else was measured, and below the least: connections cap their number."""
    rest: list[dict[str, Any]] = [{}, {"queue_depth": 1000}, {"error_rate": 1.0}, {"least": 4}]
    for more in rest:
        running: dict[str, Any] = {"utilization": 1 - waiting / 4, "callers_waiting": 2.0}
        assert decided(waiting=waiting, **running, **more) == executors


def test_those_that_are_to_go_anyway_do_not_count() -> None:
    """Four were cut to two, which run; the other two still wait, and then end."""
    assert decided(executors=2, utilization=1.0, waiting=2.0, callers_waiting=2.0) == 2
    assert decided(executors=2, utilization=0.5, waiting=3.0, callers_waiting=3.0) == 1


def test_those_that_wait_while_the_database_is_away_stay() -> None:
    assert decided(waiting=4.0, utilization=0.5, blocked=True) == 4


@pytest.mark.parametrize(
    "measured",
    [
        {"utilization": 1.0},
        {"utilization": 0.0},
        {"error_rate": 1.0},
        {"queue_depth": 10_000},
        {"waiting": 3.0},
    ],
)
def test_hung_ones_say_nothing_about_their_number(measured: dict[str, Any]) -> None:
    found = decide(replace(USUAL, hung=1, **measured), 1, 20, RULES, 0.0, LONG_AGO)
    assert (found.executors, found.reason) == (4, "1 of 4 hang")


def test_keeps_its_size_during_the_cooldown() -> None:
    busy = replace(USUAL, utilization=1.0)
    found = decide(busy, 1, 20, RULES, now=159.9, changed_at=100.0)
    assert (found.executors, found.reason) == (4, "it changed less than 60 s ago")
    grown = decide(busy, 1, 20, RULES, now=160.0, changed_at=100.0)
    assert (grown.executors, grown.reason) == (6, "they are busy for 100% of the time")


def test_comes_back_within_its_bounds() -> None:
    assert decided(least=6, most=8, executors=4) == 6
    assert decided(least=6, most=8, executors=10, utilization=0.0) == 8
    assert decided(least=6, most=8, executors=4, utilization=1.0) == 6


def test_a_burst_grows_a_pool_to_its_bound_and_its_end_shrinks_it_to_the_other() -> None:
    """Utilization and backlog follow from the executors, as under a real load of 12 busy ones."""
    executors, now, changed_at, sizes = 1, 0.0, LONG_AGO, [1]
    for load in [12] * 20 + [0] * 20:
        now += 30
        measured = Measured(executors, min(1.0, load / executors), queue_depth=200 if load else 0)
        decision = decide(measured, 1, 10, RULES, now, changed_at)
        if decision.executors != executors:
            executors, changed_at = decision.executors, now
            sizes.append(executors)
    assert sizes == [1, 5, 9, 10, 6, 4, 3, 2, 1]


def test_a_steady_load_settles() -> None:
    for load in range(1, 20):
        executors = 1
        for _ in range(20):
            measured = Measured(executors, min(1.0, load * 0.7 / executors))
            executors = decide(measured, 1, 20, RULES, 0.0, LONG_AGO).executors
        measured = replace(
            measured, executors=executors, utilization=min(1, load * 0.7 / executors)
        )
        assert decide(measured, 1, 20, RULES, 0.0, LONG_AGO).executors == executors, load


def test_pressure_is_who_waits() -> None:
    assert [pressure(20, waiting, 1.0) for waiting in (0.0, 1.0)] == [1.0, 1.0]
    assert pressure(20, 1.1, 1.0) == pytest.approx(20 / 21.1)
    assert pressure(20, 20.0, 1.0) == 0.5
    assert pressure(20, 1e9, 1.0) == 0.02


def test_pressure_stretches_polls_and_shrinks_batches_within_bounds() -> None:
    assert [poll(0.2, factor) for factor in (1.0, 0.5, 0.02)] == [0.2, 0.4, 10.0]
    assert poll(0.001, 1.0) == 0.01
    assert poll(1.0, 0.02) == 10.0
    assert [batch(50, factor) for factor in (1.0, 0.5, 0.02)] == [50, 25, 1]
    assert batch(1, 0.02) == 1


def test_what_finds_nothing_looks_soon_at_first_and_ever_less_often() -> None:
    pauses = [0.004]
    for _ in range(40):
        pauses.append(scaling.idle(pauses[-1], 0.1, 4.0))
    assert pauses[:6] == [0.004, 0.008, 0.016, 0.032, 0.064, 0.1]
    assert pauses == sorted(pauses)
    assert sum(pauses[:10]) < 1.2
    assert pauses[-1] == 4.0
    assert scaling.idle(0.1, 0.1, 0.05) == 0.1


@pytest.mark.parametrize("environment", ["development", "production"])
def test_four_idle_runners_of_a_namespace_make_at_most_eight_calls_a_second(
    environment: str,
) -> None:
    chosen = config.load(environment=environment, environ={}).config
    pools = chosen.executor_pools
    executors = (
        pools.task_request_processor,
        pools.step_result_processor,
        pools.step_enqueuer,
        pools.task_finalizer,
    )
    calls = sum(pool.min * 1000 / pool.idle_poll for pool in executors)
    calls += 1000 / pools.task_claimer.idle_poll + 2 / IDLE_FOR.total_seconds()
    calls += 1 / chosen.orchestration.heartbeat + 1 / pools.scaling.interval
    assert 4 * calls <= 8
