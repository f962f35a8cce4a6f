"""D1: of a result and a deadline at one moment, exactly one wins."""

from __future__ import annotations

import threading
import time
from collections import Counter

import psycopg
import pytest
from servers import rows
from workflows import define, violations

pytestmark = pytest.mark.newest_first

TASKS = 300

PAIRS = """
select task.state::text, step.state::text, count(*)
  from tasker.tasks as task join tasker.steps as step on step.step_id >> 20 = task.task_id
 group by 1, 2
"""


@pytest.mark.newest
@pytest.mark.slow
def test_a_result_and_a_deadline_at_one_moment(database: str) -> None:
    define(database, "race", {"only": []})
    make = "select from tasker.create_tasks('test', 'race', array_fill('{}'::jsonb, array[%s]))"
    rows(database, make, TASKS)
    claimed = rows(
        database,
        "select step_uuid, token, task_uuid from tasker.claim_steps('test', 'w', %s, '1 hour')",
        TASKS,
    )
    assert len(claimed) == TASKS
    answers: Counter[str] = Counter()
    over = threading.Event()

    def sweeps() -> None:
        with psycopg.connect(database, autocommit=True) as connection:
            while not over.is_set():
                connection.execute("select from tasker.sweep()")

    def completes() -> None:
        with psycopg.connect(database, autocommit=True) as connection:
            for step, token, task in claimed:
                set_it = "select from tasker.set_deadline(%s, clock_timestamp() + '1 ms', 'x')"
                connection.execute(set_it, [task])
                time.sleep(0.001)
                try:
                    connection.execute("select from tasker.complete_step(%s, %s)", [step, token])
                except psycopg.Error as error:
                    assert error.sqlstate == "TK001"
                    assert error.diag.constraint_name == "cancelled"
                    answers["late"] += 1
                else:
                    answers["in time"] += 1

    sweeper = threading.Thread(target=sweeps)
    sweeper.start()
    completes()
    over.set()
    sweeper.join()
    found = {(task, step): count for task, step, count in rows(database, PAIRS)}
    print(answers)
    assert found == {
        ("complete", "complete"): answers["in time"],
        ("error", "error"): answers["late"],
    }, "exactly one wins"
    assert min(answers["in time"], answers["late"]) > 0, "it raced"
    assert rows(database, "select from tasker.alarms") == []
    assert violations(database) == []
