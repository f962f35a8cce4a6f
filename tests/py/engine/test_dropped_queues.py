"""A queue that is dropped while a call is about to use it costs nobody anything but time."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from servers import rows
from sessions import Session
from workflows import claim, create, define, later, run_all, sweep, task_state, violations

pytestmark = pytest.mark.newest_first

Opener = Callable[..., list[Session]]

DROP = "select pgmq.drop_queue(%s)"
CALLS = {
    "complete_step": "select step_state from tasker.complete_step(%(step)s, %(token)s)",
    "finish_and_claim": "select step_uuid from tasker.finish_and_claim('test', 'w', %(token)s,"
    " jsonb_build_array(jsonb_build_object('step_uuid', %(step)s)))",
    "claim_steps": "select step_uuid from tasker.claim_steps('test', 'w')",
    "release_claim": "select step_uuid from tasker.release_claim(%(token)s)",
    "create_task": "select created from tasker.create_task('test', 'pair')",
    "queue_depths": "select depth from tasker.queue_depths",
    "check_invariants": "select invariant from tasker.check_invariants()",
}
RESULTS = {
    "submit_step_results": "select steps from tasker.submit_step_results(%(token)s,"
    " jsonb_build_array(jsonb_build_object('step_uuid', %(step)s)))",
}
IMPATIENT = {  # calls that wait for no lock, or too briefly to be seen
    "test_queue": "select action from tasker.sweep() where affected > 0",
    "orchestration_step_results": "select completed from tasker.process_step_results()",
    "orchestration_task_requests": "select task_uuid from tasker.process_task_requests()",
}


def meet(sessions: Opener, dsn: str, queue: str, call: str) -> None:
    """Make the call, while the queue is being dropped; then everything goes on."""
    define(dsn, "pair", {"one": [], "two": ["one"]})
    (task,) = create(dsn, "pair")
    ((step, token),) = claim(dsn).values()
    create(dsn, "pair")
    later(dsn, "10 s")  # the waiting step is old enough to be missed in the queue
    a, b = sessions("a", "b")
    a.run(DROP, queue)
    if call in IMPATIENT.values():
        assert b.run(call) == []
        a.commit()
    else:
        waiting = b.blocks(call.replace("%(step)s", f"'{step}'").replace("%(token)s", f"'{token}'"))
        a.commit()
        waiting.result()
    b.commit()

    later(dsn, "10 minutes")
    sweep(dsn, "messages_restored")
    for _ in range(3):
        run_all(dsn)
        later(dsn, "20 minutes")
        sweep(dsn, "messages_restored")
    assert task_state(dsn, task) == "complete"
    assert rows(dsn, "select from tasker.open_tasks") == []
    assert violations(dsn) == []


@pytest.mark.parametrize("call", CALLS)
def test_of_a_namespace(database: str, sessions: Opener, call: str) -> None:
    meet(sessions, database, "test_queue", CALLS[call])


@pytest.mark.parametrize("call", RESULTS)
def test_of_submitted_results(database: str, sessions: Opener, call: str) -> None:
    meet(sessions, database, "orchestration_step_results", RESULTS[call])


@pytest.mark.parametrize("queue", IMPATIENT)
def test_of_those_who_come_again(database: str, sessions: Opener, queue: str) -> None:
    meet(sessions, database, queue, IMPATIENT[queue])
