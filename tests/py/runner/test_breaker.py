"""The circuit breaker and the backoff, with a clock that the test moves."""

from __future__ import annotations

import pytest

from tasker_sql.circuit import TRIAL, BreakerState, CircuitBreaker, backoff
from tasker_sql.errors import UnavailableError

LOST = UnavailableError("the server is away")


class Clock:
    """Calls of a breaker, at a time of the test's."""

    def __init__(self, failures: int = 3) -> None:
        self.now = 100.0
        self.breaker = CircuitBreaker("test", failures, 30.0, 2, clock=lambda: self.now)

    def wait(self, although_forced: bool = False) -> float:
        """How long the next call has to wait; it begins when that is nothing."""
        try:
            self.breaker.admit(although_forced)
        except UnavailableError as error:
            return error.retry_in
        return 0.0

    def fail(self, count: int = 1) -> float:
        """That many calls, one after the other; for how long none passes then."""
        left = 0.0
        for _ in range(count):
            self.now += 20
            left = self.breaker.failed(LOST, self.now).retry_in
        return left

    @property
    def state(self) -> BreakerState:
        return self.breaker.state


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def opened(clock: Clock) -> Clock:
    clock.fail(3)
    return clock


def test_a_closed_breaker_lets_calls_pass(clock: Clock) -> None:
    assert clock.wait() == 0
    assert clock.breaker.passes


def test_opens_after_failures_in_a_row_and_not_before(clock: Clock) -> None:
    assert clock.fail(2) <= 0.5
    assert (clock.state, clock.breaker.opened) == ("closed", 0)
    assert clock.fail() == 30
    assert (clock.state, clock.breaker.opened) == (BreakerState.OPEN, 1)
    assert (clock.breaker.failed_calls, clock.breaker.last_error) == (3, "the server is away")


def test_a_failure_holds_the_next_call_up_for_a_moment(clock: Clock) -> None:
    left = clock.fail()
    assert 0.1 <= left <= 0.25
    assert clock.wait() == pytest.approx(left)
    with pytest.raises(UnavailableError):
        clock.breaker.check()
    clock.now += 0.25
    assert clock.wait() == 0
    assert clock.breaker.check() == clock.now


def test_a_success_between_failures_starts_the_count_again(clock: Clock) -> None:
    clock.fail(2)
    clock.breaker.succeeded()
    clock.fail(2)
    assert clock.state is BreakerState.CLOSED


def test_an_open_breaker_says_how_long_to_wait(opened: Clock) -> None:
    assert opened.wait() == 30
    opened.now += 29.5
    assert opened.wait() == 0.5
    assert opened.state is BreakerState.OPEN


def test_closes_after_successes_on_trial(opened: Clock) -> None:
    opened.now += 30
    assert opened.wait() == 0
    opened.breaker.succeeded()
    assert opened.state is BreakerState.HALF_OPEN
    assert opened.wait() == 0
    opened.breaker.succeeded()
    assert opened.breaker.passes


def test_one_failure_on_trial_opens_it_again(opened: Clock) -> None:
    opened.now += 30
    opened.wait()
    opened.breaker.succeeded()
    opened.wait()
    assert opened.fail() == 30
    assert (opened.state, opened.breaker.opened) == (BreakerState.OPEN, 2)


def test_successes_of_an_earlier_trial_do_not_count(opened: Clock) -> None:
    for _ in range(2):
        opened.now += 30
        opened.wait()
        opened.breaker.succeeded()
        assert opened.state is BreakerState.HALF_OPEN
        opened.fail()


def test_one_call_at_a_time_is_on_trial(opened: Clock) -> None:
    opened.now += 30
    assert opened.wait() == 0
    assert opened.wait() == TRIAL
    opened.breaker.succeeded()
    assert opened.wait() == 0
    opened.breaker.abstained()
    assert opened.wait() == 0
    assert opened.wait() == TRIAL
    opened.now += 30
    assert opened.wait() == 0, "a trial of which nothing is heard does not last for ever"


def test_calls_that_fail_side_by_side_fail_once(clock: Clock) -> None:
    left = clock.breaker.failed(LOST, began=99.0).retry_in
    assert clock.breaker.failed(LOST, began=99.5).retry_in == left
    assert (clock.breaker.failed_calls, clock.breaker.failed_in_a_row) == (2, 1)
    clock.breaker.failed(LOST, began=100.0)
    assert clock.breaker.failed_in_a_row == 2


def test_a_call_from_before_the_trial_decides_nothing(opened: Clock) -> None:
    before = opened.now - 1
    opened.now += 30
    opened.wait()
    opened.breaker.failed(LOST, before)
    assert opened.state is BreakerState.HALF_OPEN


def test_an_operator_can_force_it_open(clock: Clock) -> None:
    clock.breaker.force(BreakerState.OPEN, "a test")
    assert clock.wait() > 0
    assert clock.wait(although_forced=True) == 0, "how else would it learn that this is over?"
    assert not clock.breaker.passes
    assert (clock.state, clock.breaker.effective_state) == ("closed", "open")
    clock.breaker.force(None)
    assert not clock.breaker.passes, "released, it is on trial"
    assert clock.wait() == 0
    assert clock.state is BreakerState.HALF_OPEN


def test_an_operator_can_force_it_closed(opened: Clock) -> None:
    opened.breaker.force(BreakerState.CLOSED, "a test")
    assert opened.wait() == 0
    assert opened.breaker.passes
    assert opened.fail(10) <= 10, "it never opens, but calls are made less and less often"
    opened.now += 10
    assert opened.wait() == 0
    opened.breaker.force(None)
    assert opened.state is BreakerState.HALF_OPEN


def test_what_an_operator_wants_is_done_once(clock: Clock) -> None:
    clock.breaker.force(BreakerState.OPEN, "a test")
    changed = clock.breaker.changed_at
    clock.now += 5
    clock.breaker.force(BreakerState.OPEN, "a test")
    assert clock.breaker.changed_at == changed


def test_backoff_doubles_up_to_its_cap() -> None:
    assert [backoff(count, 1.0) for count in (1, 2, 3, 4)] == [0.25, 0.5, 1.0, 2.0]
    assert backoff(1000, 1.0) == 10


@pytest.mark.parametrize("count", [0, 1, 5, 1000])
def test_backoff_is_spread_over_half_of_its_length(count: int) -> None:
    assert backoff(count, 0.0) == backoff(count, 1.0) / 2 > 0
