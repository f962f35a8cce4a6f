"""Sessions that call every verb at random must not deadlock, nor break anything.

A deadlock is broken by PostgreSQL after `deadlock_timeout`, and the caller gets 40P01. At 10 ms,
hundredths of a second of waiting in a circle are enough to be caught.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any, LiteralString

import psycopg
import pytest
from servers import rows
from workflows import DIAMOND, define, later, run_all, violations

SECONDS = 4.0
LONGER = 30.0  # seconds, at most, until everything has happened
SEED = int(os.environ.get("STRESS_SEED", "1"))

WIDE: dict[str, list[str]] = {f"part_{number}": [] for number in range(17)}
TEMPLATES: dict[str, dict[str, list[str]]] = {
    "diamond": DIAMOND,
    "pair": {"left": [], "right": []},
    "chain": {"one": [], "two": ["one"], "three": ["two"]},
    "fan": {**WIDE, "extra": ["part_3"], "join": list(WIDE)},
    "wide": WIDE,
}
# What a caller may hear: its claim is gone, or the state allows no such change.
EXPECTED = {"TK001", "TK003"}

Call = tuple[LiteralString, list[Any]]


class Caller:
    """One session that does one thing after another, chosen at random."""

    def __init__(self, dsn: str, number: int) -> None:
        self.random = random.Random(SEED * 100 + number)
        self.name = f"caller {number}"
        self.connection = psycopg.connect(dsn, autocommit=True, application_name=self.name)
        self.connection.execute("set deadlock_timeout = '10ms'")
        self.connection.execute("set statement_timeout = '20s'")
        self.connection.execute("set client_min_messages = error")
        self.held: dict[str, str] = {}  # step_uuid: token
        self.seen: Counter[str] = Counter()

    def run(self, met: set[str]) -> Counter[str]:
        """For some seconds, and longer while the callers have not met everything together."""
        until = time.monotonic() + SECONDS
        with self.connection:
            while (now := time.monotonic()) < until or (
                now < until + LONGER and not EXPECTED | set(WEIGHTS) <= met
            ):
                self.act()
                met.update(self.seen)
        return self.seen

    def act(self) -> None:
        verb = self.random.choices(*zip(*WEIGHTS.items(), strict=True))[0]
        call = getattr(self, verb)()
        if call is None:
            return
        query, arguments = call
        try:
            found = self.connection.execute(query, arguments).fetchall()
        except psycopg.Error as error:
            self.seen[error.sqlstate or str(error)] += 1
        else:
            self.seen[verb] += 1
            if verb in ("claim", "finish"):
                self.held |= dict(found)

    def outcomes(self) -> tuple[str | None, str]:
        """Outcomes of up to eight steps of one claim, of all kinds."""
        if not self.held:
            return None, "[]"
        token = self.random.choice(list(self.held.values()))
        steps = [step for step, other in self.held.items() if other == token]
        made: list[dict[str, Any]] = []
        for step in self.random.sample(steps, min(len(steps), self.random.randint(1, 8))):
            del self.held[step]
            made.append({"step_uuid": step})
            if self.random.random() < 0.3:
                made[-1] |= {"error": "no", "retryable": self.random.random() < 0.5}
            else:
                made[-1] |= {"result": 1}
        return token, json.dumps(made)

    def one(self, of: str, where: str) -> Any:
        """A random task or step, of the latest."""
        query = f"select {of} from tasker.tasks as task {where} order by task_id desc limit 12"
        found = self.connection.execute(query.encode()).fetchall()
        return self.random.choice(found)[0] if found else None

    def task(self) -> Any:
        return self.one("task_uuid", "where finished_at is null")

    def step(self, *states: str) -> Any:
        listed = ", ".join(f"'{state}'" for state in states)
        return self.one(
            "tasker._step_uuid(task.task_uuid, step.step_id)",
            "join tasker.steps as step on step.step_id > task.task_id << 20"
            f" and step.step_id < (task.task_id + 1) << 20 and step.state in ({listed})",
        )

    def create(self) -> Call:
        name = self.random.choice(list(TEMPLATES))
        return "select created from tasker.create_tasks('test', %s, %s::jsonb[])", [
            name,
            ["{}"] * 3,
        ]

    def claim(self) -> Call:
        query: LiteralString = (
            "select step_uuid::text, token::text"
            " from tasker.claim_steps('test', %s, %s, make_interval(secs => %s))"
        )
        lease = self.random.choice([0.01, 30, 30])
        return query, [self.name, self.random.randint(1, 20), lease]

    def finish(self) -> Call:
        query: LiteralString = (
            "select step_uuid::text, token::text"
            " from tasker.finish_and_claim('test', %s, %s, %s, %s, make_interval(secs => %s))"
        )
        lease = self.random.choice([0.01, 30, 30])
        return query, [self.name, *self.outcomes(), self.random.randint(0, 20), lease]

    def complete(self) -> Call | None:
        if not self.held:
            return None
        return "select step_state from tasker.complete_step(%s, %s)", list(self.held.popitem())

    def fail(self) -> Call | None:
        if not self.held:
            return None
        return "select step_state from tasker.fail_step(%s, %s, '1')", list(self.held.popitem())

    def submit(self) -> Call | None:
        token, outcomes = self.outcomes()
        if token is None:
            return None
        return "select steps from tasker.submit_step_results(%s, %s)", [token, outcomes]

    def process(self) -> Call:
        return "select completed from tasker.process_step_results(10)", []

    def release(self) -> Call | None:
        if not self.held:
            return None
        return "select step_uuid from tasker.release_claim(%s)", [self.held.popitem()[1]]

    def heartbeat(self) -> Call | None:
        if not self.held:
            return None
        token = self.random.choice(list(self.held.values()))
        return "select lease_until from tasker.heartbeat(%s)", [token]

    def sweep(self) -> Call:
        return "select action from tasker.sweep(50)", []

    def cancel(self) -> Call | None:
        task = self.task()
        return task and ("select task_state from tasker.cancel_task(%s, 'x')", [task])

    def resolve_task(self) -> Call | None:
        task = self.task()
        return task and ("select task_state from tasker.resolve_task(%s, 'x')", [task])

    def retry(self) -> Call | None:
        step = self.step("error", "waiting_for_retry")
        return step and ("select step_state from tasker.retry_step(%s, 'x')", [step])

    def requeue(self) -> Call | None:
        step = self.step("enqueued", "in_progress")
        return step and ("select step_state from tasker.requeue_step(%s, 'x')", [step])

    def settle(self) -> Call | None:
        step = self.step("error", "enqueued", "in_progress", "waiting_for_retry")
        if self.random.random() < 0.5:
            return step and ("select step_state from tasker.resolve_step(%s, 'x')", [step])
        call: Call = ("select 1 from tasker.complete_step_manually(%s, '1', 'x')", [step])
        return step and call

    def pause(self) -> Call | None:
        task = self.task()
        return task and ("select changed from tasker.pause_task(%s, 'x')", [task])

    def resume(self) -> Call | None:
        task = self.one("task_uuid", "where paused_at is not null")
        return task and ("select changed from tasker.resume_task(%s, 'x')", [task])

    def pause_more(self) -> Call:
        verb = self.random.choice(["pause", "resume"])
        if self.random.random() < 0.5:
            return f"select changed from tasker.{verb}_namespace('test', 'x')", []
        return f"select changed from tasker.{verb}_template('test', 'pair', 'x')", []


WEIGHTS = {
    "create": 8,
    "claim": 6,
    "finish": 30,
    "complete": 8,
    "fail": 4,
    "submit": 4,
    "process": 4,
    "release": 2,
    "heartbeat": 2,
    "sweep": 4,
    "cancel": 2,
    "resolve_task": 1,
    "retry": 4,
    "requeue": 4,
    "settle": 6,
    "pause": 1,
    "resume": 2,
    "pause_more": 1,
}


@pytest.mark.newest_first
def test_all_verbs_at_once_do_not_deadlock(database: str) -> None:
    dsn = database
    for name, steps in TEMPLATES.items():
        define(dsn, name, steps, retry={"max_attempts": 2})
    callers = [Caller(dsn, number) for number in range(4)]
    met: set[str] = set()
    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(caller.run, met) for caller in callers]
        seen = sum((done.result() for done in running), Counter())
    print(dict(seen.most_common()))
    assert set(WEIGHTS) <= set(seen), "a verb that never succeeded was not tested"
    assert {code for code in seen if code not in WEIGHTS} == EXPECTED, seen
    assert violations(dsn) == []

    for verb in ("namespace('test'", "template('test', 'pair'"):
        rows(dsn, f"select from tasker.resume_{verb}, 'x')")
    paused = rows(dsn, "select task_uuid from tasker.tasks where paused_at is not null")
    for (task,) in paused:
        rows(dsn, "select from tasker.resume_task(%s, 'x')", task)
    later(dsn, "61 s")
    for _ in range(200):
        if rows(dsn, "select sum(affected) from tasker.sweep(100000)") == [(0,)] and not run_all(
            dsn
        ):
            break
    assert rows(dsn, "select count(*) from tasker.open_tasks") == [(0,)]
    assert violations(dsn) == []
