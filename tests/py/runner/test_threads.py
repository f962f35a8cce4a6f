"""What cancels a handler: as cheap as a flag, and as reliable as an event."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from running import SECONDS

from tasker_sql.threads import Cancellation


def test_all_that_wait_wake_up() -> None:
    cancelled = Cancellation()
    with ThreadPoolExecutor(3) as threads:
        waiting = [threads.submit(cancelled.wait, SECONDS) for _ in range(3)]
        cancelled.set()
        assert [one.result(SECONDS) for one in waiting] == [True] * 3
    assert cancelled.is_set()
    assert cancelled.wait()


def test_a_wait_that_ends_without_it_leaves_nothing_behind() -> None:
    cancelled = Cancellation()
    assert [cancelled.wait(0) for _ in range(3)] == [False] * 3
    assert cancelled._calls == []


def test_it_calls_back_at_once_when_it_is_set_already() -> None:
    called = list[str]()
    cancelled = Cancellation()
    cancelled.then(lambda: called.append("before"))
    assert called == []
    cancelled.set()
    cancelled.then(lambda: called.append("after"))
    assert called == ["before", "after"]
