"""The circuit breaker and the backoff: pure, with a clock that the test moves."""

from __future__ import annotations

import pytest

from tasker_sql.circuit import TRIAL, Breaker, State, backoff


def opened(now: float = 0.0) -> Breaker:
    breaker = Breaker(failures=3, open_seconds=30, successes=2)
    for _ in range(3):
        breaker.failed(now)
    return breaker


def test_a_closed_breaker_lets_calls_pass() -> None:
    assert Breaker().wait(0.0) == 0


def state(breaker: Breaker) -> State:
    """Its state, read anew: mypy believes that what was asserted once stays so."""
    return breaker.state


def test_opens_after_failures_in_a_row_and_not_before() -> None:
    breaker = Breaker()
    for _ in range(4):
        breaker.failed(0.0)
    assert state(breaker) is State.CLOSED
    breaker.failed(0.0)
    assert state(breaker) is State.OPEN


def test_a_success_between_failures_starts_the_count_again() -> None:
    breaker = Breaker(failures=2)
    breaker.failed(0.0)
    breaker.succeeded()
    breaker.failed(0.0)
    assert state(breaker) is State.CLOSED


def test_an_open_breaker_says_how_long_to_wait() -> None:
    breaker = opened(now=100.0)
    assert breaker.wait(100.0) == 30
    assert breaker.wait(129.5) == 0.5
    assert state(breaker) is State.OPEN


def test_is_on_trial_after_its_time() -> None:
    breaker = opened()
    assert breaker.wait(30.0) == 0
    assert state(breaker) is State.HALF_OPEN


def test_closes_after_successes_on_trial() -> None:
    breaker = opened()
    breaker.wait(30.0)
    breaker.succeeded()
    assert state(breaker) is State.HALF_OPEN
    breaker.succeeded()
    assert state(breaker) is State.CLOSED


def test_one_failure_on_trial_opens_it_again() -> None:
    breaker = opened()
    breaker.wait(30.0)
    breaker.succeeded()
    breaker.failed(31.0)
    assert state(breaker) is State.OPEN
    assert breaker.wait(31.0) == 30


def test_successes_of_an_earlier_trial_do_not_count() -> None:
    breaker = opened()
    breaker.wait(30.0)
    breaker.succeeded()
    breaker.failed(30.0)
    breaker.wait(60.0)
    breaker.succeeded()
    assert state(breaker) is State.HALF_OPEN


def test_one_call_at_a_time_is_on_trial() -> None:
    breaker = opened()
    assert breaker.wait(30.0) == 0
    assert breaker.wait(30.0) == TRIAL
    breaker.succeeded()
    assert breaker.wait(31.0) == 0
    breaker.abstained()
    assert breaker.wait(31.0) == 0
    assert breaker.wait(31.0) == TRIAL
    assert breaker.wait(61.0) == 0, "a trial of which nothing is heard does not last for ever"


def test_calls_that_fail_side_by_side_fail_once() -> None:
    breaker = Breaker(failures=2)
    assert breaker.failed(10.0, began=9.0)
    assert not breaker.failed(10.5, began=9.5)
    assert (state(breaker), breaker.failed_in_a_row) == (State.CLOSED, 1)
    assert breaker.failed(11.0, began=10.0)
    assert state(breaker) is State.OPEN


def test_a_call_from_before_the_trial_decides_nothing() -> None:
    breaker = opened(now=100.0)
    breaker.wait(130.0)
    assert not breaker.failed(131.0, began=99.0)
    assert state(breaker) is State.HALF_OPEN


def test_an_operator_can_force_it_open() -> None:
    breaker = Breaker()
    breaker.force(State.OPEN)
    assert breaker.wait(1e9) > 0
    assert not breaker.passes
    breaker.force(None)
    assert not breaker.passes, "released, it is on trial"
    assert breaker.wait(1e9) == 0
    assert state(breaker) is State.HALF_OPEN


def test_an_operator_can_force_it_closed() -> None:
    breaker = opened()
    breaker.force(State.CLOSED)
    assert breaker.wait(0.0) == 0
    assert breaker.passes
    for _ in range(10):
        breaker.failed(1.0)
    assert breaker.wait(1.0) == 0
    breaker.force(None)
    assert state(breaker) is State.HALF_OPEN


def test_backoff_doubles_up_to_its_cap() -> None:
    assert [backoff(count, 1.0) for count in (1, 2, 3, 4)] == [0.25, 0.5, 1.0, 2.0]
    assert backoff(1000, 1.0) == 10


@pytest.mark.parametrize("count", [0, 1, 5, 1000])
def test_backoff_is_spread_over_half_of_its_length(count: int) -> None:
    assert backoff(count, 0.0) == backoff(count, 1.0) / 2 > 0
