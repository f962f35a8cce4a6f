"""Random tasks with conditions and failure steps, against a model that looks at each step once."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import psycopg
import pytest
from psycopg import IsolationLevel, errors
from servers import rows
from workflows import violations

RUN_ON = ("success", "success", "success", "full_success", "failure", "end")
ON_ERROR = ("fail", "fail", "fail", "continue", "skip")
ENDS = ("done", "done", "done", "done", "fail", "skip")
STATES = """
select task.task_uuid::text, link.name, step.state::text
  from tasker.tasks as task
  join tasker.steps as step on step.step_id >> 20 = task.task_id
  join tasker.template_steps as link on link.template_id = step.template_id
                                    and link.step_no = step.step_id & 1048575
"""
TASKS = "select task_uuid::text, state::text from tasker.tasks"
CLAIM = "select step_uuid::text, token::text, task_uuid::text, name, attempt"
CLAIM += " from tasker.claim_steps('test', %s, %s)"
FINISH = "select from tasker.finish_and_claim('test', %s, %s, %s, 0)"
EXPIRE = "update tasker.claims set lease_until = '-infinity' where token = %s"


@dataclass(frozen=True)
class Made:
    """A step, and what its handler comes to."""

    name: str
    parents: tuple[str, ...]
    run_on: str
    on_error: str
    condition: tuple[str, str, str, int] | None
    end: str
    result: dict[str, int] = field(default_factory=dict)

    @property
    def path(self) -> str:
        mode, kind, of, number = self.condition or ("", "", "", 0)
        key = {"context": f"$.context.{of}", "results": f"$.results.{of}.n"}.get(kind)
        return f"{mode}{key} > {number}" if key else f'{mode}$.states.{of} == "{STATE[number]}"'


STATE = ("complete", "skipped", "error", "upstream_failed")


# The model ---------------------------------------------------------------------------------------


def met(step: Made, ends: dict[str, str], steps: dict[str, Made], context: Any) -> bool | None:
    assert step.condition
    mode, kind, of, number = step.condition
    if kind == "states":
        return ends[of] == STATE[number]
    found = context.get(of) if kind == "context" else None
    if kind == "results" and ends[of] == "complete":
        found = steps[of].result.get("n")
    if isinstance(found, int):
        return found > number
    return False if mode == "lax " and (found is None or kind == "results") else None


def model(made: list[Made], context: Any) -> tuple[dict[str, str], str]:
    """The states in which the steps and the task end, whatever the order of events."""
    steps, ends = {step.name: step for step in made}, dict[str, str]()
    for step in made:
        kinds = []
        for parent in step.parents:
            lenient = ends[parent] == "error" and steps[parent].on_error == "continue"
            done = ends[parent] == "complete" or lenient
            kinds.append("done" if done else "skip" if ends[parent] == "skipped" else "fail")
        is_skipped = {
            "success": bool(kinds) and "done" not in kinds,
            "full_success": "skip" in kinds,
            "failure": "fail" not in kinds,
            "end": False,
        }
        if step.run_on in ("success", "full_success") and "fail" in kinds:
            end = "upstream_failed"
        elif is_skipped[step.run_on]:
            end = "skipped"
        elif step.condition and (is_met := met(step, ends, steps, context)) is not True:
            end = "skipped" if is_met is False else "error"
        elif step.end == "fail":
            end = "skipped" if step.on_error == "skip" else "error"
        else:
            end = "skipped" if step.end == "skip" else "complete"
        ends[step.name] = end
    return ends, "error" if "error" in ends.values() else "complete"


# Random tasks ------------------------------------------------------------------------------------


def make(random: Random, gated: bool) -> list[Made]:
    made: list[Made] = []
    for number in range(random.choice((1, 3, 6, 10, 25))):
        names = [step.name for step in made]
        most = random.choice((0, 1, 1, 2, 3, 20)) if names else 0
        parents = tuple(sorted(random.sample(names, min(most, len(names)))))
        condition = None
        if gated and random.random() < 0.3:
            mode = random.choice(("", "", "lax "))
            kind = random.choice(("context", "results", "states"))
            of = random.choice(("a", "b", "none") if kind == "context" else parents or ("",))
            if of:
                condition = (mode, kind, of, random.randrange(4))
        made.append(
            Made(
                f"s{number}",
                parents,
                random.choice(RUN_ON) if gated else "success",
                random.choice(ON_ERROR) if gated else "fail",
                condition,
                random.choice(ENDS if gated else (*ENDS[:4], "skip")),
                {"n": random.randrange(5)} if random.random() < 0.9 else {"m": 1},
            )
        )
    return made


def definition(name: str, made: list[Made], gated: bool) -> str:
    steps: list[dict[str, Any]] = []
    for step in made:
        retry = {"max_attempts": 99, "backoff": "none"}  # leases are lost, too
        steps.append({"name": step.name, "handler": {"callable": "h"}, "retry": retry})
        steps[-1] |= {"dependencies": step.parents}
        steps[-1] |= {"run_on": step.run_on} if step.run_on != "success" else {}
        steps[-1] |= {"on_error": step.on_error} if step.on_error != "fail" else {}
        steps[-1] |= {"if": step.path} if step.condition else {}
    if gated:
        steps[0] |= {"on_error": made[0].on_error}  # also where all have the defaults
    head = {"name": name, "namespace_name": "test", "version": "1.0.0"}
    return json.dumps(head | {"steps": steps})


Plays = dict[str, dict[str, Made]]


class Worker(threading.Thread):
    """Claims batches, and ends them in parts, in any order; some it loses."""

    def __init__(self, dsn: str, name: str, seed: int, level: IsolationLevel, plays: Plays) -> None:
        super().__init__(name=name, daemon=True)
        self.random, self.plays, self.problem = Random(seed), plays, ""
        self.connection = psycopg.connect(dsn, autocommit=True)
        self.connection.isolation_level = level

    def run(self) -> None:
        idle = 0
        try:
            while idle < 3:
                steps = self.call(CLAIM, self.name, self.random.randint(1, 8))
                idle = 0 if steps else idle + self.is_over()
                if steps:
                    self.end(steps)
                else:
                    self.call("select affected from tasker.sweep()")
        except Exception as error:
            self.problem = f"{type(error).__name__}: {error}"
        self.connection.close()

    def is_over(self) -> bool:
        return not self.call("select 1 from tasker.open_tasks limit 1")

    def call(self, query: str, *arguments: Any) -> list[Any]:
        while True:  # a transaction that could not be serialized is repeated
            try:
                cursor = self.connection.execute(query.encode(), arguments)
                return cursor.fetchall() if cursor.description else []
            except errors.SerializationFailure:
                pass

    def end(self, steps: list[Any]) -> None:
        self.random.shuffle(steps)
        (_, token, *_) = steps[0]
        while steps:
            some = [steps.pop() for _ in range(self.random.randint(1, len(steps)))]
            if self.random.random() < 0.05:
                self.call(EXPIRE, token)  # the rest is lost with its lease
                return
            outcomes = [self.outcome(*step) for step in some]
            if len(outcomes) == 1 and "skip" in outcomes[0]:
                self.call("select from tasker.skip_step(%s, %s)", some[0][0], token)
            elif self.random.random() < 0.3:
                self.call("select from tasker.report_steps(%s, %s)", token, json.dumps(outcomes))
            else:
                self.call(FINISH, self.name, token, json.dumps(outcomes))

    def outcome(self, uuid: str, _token: str, task: str, name: str, attempt: int) -> Any:
        step = self.plays[task][name]
        if step.end == "skip":
            return {"step_uuid": uuid, "skip": True, "reason": "nothing to do"}
        if step.end == "fail":
            again = attempt == 1 and self.random.random() < 0.3
            return {"step_uuid": uuid, "error": {"code": "x"}, "retryable": again}
        return {"step_uuid": uuid, "result": step.result}


LEVELS = (IsolationLevel.READ_COMMITTED, IsolationLevel.REPEATABLE_READ)
RETRY = "select step_state from tasker.retry_step(%s, 'repaired')"
FAILED = STATES + " where step.state = 'error' and step.attempt > 0"
UUID = "select step_uuid::text from tasker.get_task_steps(%s) where name = %s"


def run(dsn: str, workers: int, level: IsolationLevel, plays: Plays) -> None:
    """Work until no task is open."""
    crew = [Worker(dsn, f"w{n}", n, level, plays) for n in range(workers)]
    for worker in crew:
        worker.start()
    for worker in crew:
        worker.join(200)
    assert [worker.problem for worker in crew if worker.problem or worker.is_alive()] == []


def compare(dsn: str, made: dict[str, list[Made]], contexts: dict[str, Any]) -> None:
    ended: dict[str, dict[str, str]] = {task: {} for task in made}
    for task, name, state in rows(dsn, STATES):
        ended[task][name] = state
    for task, state in rows(dsn, TASKS):
        if state == "cancelled":
            continue
        steps, end = model(made[task], contexts[task])
        wrong = {name for name in steps if ended[task].get(name) != steps[name]}
        assert not wrong, (made[task], {name: ended[task].get(name) for name in wrong})
        assert state == end, made[task]
    assert violations(dsn) == []


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("workers", "level"),
    [
        (2, IsolationLevel.REPEATABLE_READ),
        (4, IsolationLevel.READ_COMMITTED),
        *(pytest.param(n, level, marks=pytest.mark.slow) for n in (1, 8) for level in LEVELS),
    ],
)
def test_random_tasks_end_as_the_model_says(
    database: str, workers: int, level: IsolationLevel, thorough: bool
) -> None:
    """C1 to C5, C10, and after that C11: some failed steps are repaired, retried, and run again."""
    random = Random(f"{workers} {level}")
    plays: Plays = {}
    made: dict[str, list[Made]] = {}
    contexts: dict[str, Any] = {}
    for number in range(200 if thorough else 20):
        steps = make(random, gated := number % 5 != 0)
        template = definition(f"t{number}", steps, gated)
        rows(database, "select from tasker.register_template(%s)", template)
        context = {"a": random.randrange(5), "b": random.choice((1, 3, "many"))}
        query = "select task_uuid::text from tasker.create_task('test', %s, %s)"
        ((task,),) = rows(database, query, f"t{number}", json.dumps(context))
        plays[task], made[task] = {step.name: step for step in steps}, steps
        contexts[task] = context
    run(database, workers, level, plays)
    compare(database, made, contexts)

    failed: dict[str, str] = {task: name for task, name, _ in rows(database, FAILED)}
    for task, name in failed.items():
        repaired = [replace(s, end="done") if s.name == name else s for s in made[task]]
        plays[task], made[task] = {step.name: step for step in repaired}, repaired
        ((uuid,),) = rows(database, UUID, task, name)
        rows(database, RETRY, uuid)
    assert failed
    assert violations(database) == []
    run(database, workers, level, plays)
    compare(database, made, contexts)


def test_the_order_of_ends_never_changes_how_a_task_ends(database: str, thorough: bool) -> None:
    """F2: the same ends in other orders, and steps are held for as long as they may be."""
    random = Random("orders")
    with psycopg.connect(database, autocommit=True) as connection:
        for number in range(100 if thorough else 8):
            made = make(random, gated=True)
            template = definition(f"o{number}", made, gated=True)
            connection.execute(b"select from tasker.register_template(%s)", [template])
            found = [
                in_some_order(connection, f"o{number}", made, Random(seed))
                for seed in range(8 if thorough else 3)
            ]
            assert all(one == found[0] for one in found), made
    assert violations(database) == []


def in_some_order(
    connection: psycopg.Connection, name: str, made: list[Made], random: Random
) -> list[tuple[str, str]]:
    """How the steps of a new task, and the task, end."""
    ends, held = {step.name: step for step in made}, list[Any]()
    made_now = connection.execute(
        b"select task_uuid from tasker.create_task('test', %s, %s)", [name, '{"a": 2, "b": 1}']
    )
    (task,) = made_now.fetchone() or ()
    while True:
        held += connection.execute(CLAIM.encode(), ["w", random.randint(1, 9)]).fetchall()
        if not held:
            break
        uuid, token, _, step, _ = held.pop(random.randrange(len(held)))
        outcome: dict[str, Any] = {"result": ends[step].result}
        if ends[step].end != "done":
            fails = {"error": {"code": "x"}, "retryable": False}
            outcome = fails if ends[step].end == "fail" else {"skip": True}
        outcomes = json.dumps([{"step_uuid": uuid} | outcome])
        connection.execute(b"select from tasker.report_steps(%s, %s)", [token, outcomes])
    states = connection.execute(STATES.encode() + b" where task.task_uuid = %s", [task])
    ended = connection.execute(TASKS.encode() + b" where task_uuid = %s", [task])
    return sorted((name, state) for _, name, state in states) + [("", s) for _, s in ended]
