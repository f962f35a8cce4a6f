"""Every pair of abilities, and triples of them, in small workflows, against a model."""

from __future__ import annotations

import itertools
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import psycopg
import pytest
from nesting import CONTEXT, MEMBERS, SLEEP, End, Play, differences, played, result
from servers import rows
from workflows import violations

from tasker_sql.schema import truth

CLAIM = """
select step_uuid::text, token::text, task_uuid::text, name, checkpoint
  from tasker.claim_steps('test', %s, %s, '1 day')
"""
SAVE = "select from tasker.checkpoint_step(%s, %s, %s)"
REPORT = "select code from tasker.report_steps(%s, %s)"
LOSE = "update tasker.claims set lease_until = '-infinity' where token = %s"
ENDS = """
select task.task_uuid::text, link.name, step.state::text, step.attempt, step.result,
       coalesce((select code from jsonb_to_record(tasker._last_error(step.step_id)) as _ (code text)
                  where step.claim_token is null and step.state in ('error', 'skipped')
                    and code in ('cancelled', 'deadline', 'finish_within')), '')
  from tasker.tasks as task
  join tasker.template_steps as link on link.template_id = task.template_id
  join tasker.steps as step on step.step_id = (task.task_id << 20) + link.step_no
"""
CLOCK = """
create sequence public.clock minvalue 0 start 0;
create or replace function tasker._now () returns timestamptz language sql volatile
 as 'select clock_timestamp() + make_interval(secs => last_value) from public.clock'
"""
# To the next moment at which something is due.
JUMP = """
select setval('public.clock', last_value + ceil(extract(epoch from due_at - tasker._now()))::bigint)
  from public.clock,
       (select min(due_at) as due_at
          from (select due_at from tasker.timers
                union all select due_at from tasker.alarms) as due) as next
 where due_at > tasker._now()
"""
WAITING = """
select task_uuid::text, name from tasker.open_waits('test', '{}', 1000) where kind = 'signal'
"""
SWEEP = "select action from tasker.sweep() where affected > 0"
CREATE = "select task_uuid::text from tasker.create_task('test', %s, %s)"
# Its one tick was missed, and is made up for.
PUT = """
select from tasker.put_schedule('test', %s, jsonb_build_object(
         'template', %s::text, 'context', %s::jsonb,
         'starts_at', '2000-01-01T00:00Z', 'at', jsonb_build_array('2000-01-02T00:00Z')))
"""
MADE = "select task_uuid::text from tasker.list_ticks('test', %s)"
SEND = "select from tasker.send_signal(%s, %s, %s)"
VERBS = {
    "cancel": "select from tasker.cancel_task(%s, 'a test')",
    "clean_up": "select from tasker.cancel_task(%s, 'a test', '{\"cleanup\": true}')",
    "pause": "select from tasker.pause_task(%s, 'a test')",
    "resume": "select from tasker.resume_task(%s, 'a test')",
}


@dataclass
class Stage:
    """All plays, by task, and what has happened to each."""

    dsn: str
    plays: dict[str, Play]
    alone: bool  # one worker: nothing is claimed while an operator acts, or the clock jumps
    lock: threading.Lock = field(default_factory=threading.Lock)
    busy: int = 0  # workers that claim, or have a claim
    ended: Counter[str] = field(default_factory=Counter)  # attempts, by task
    started: Counter[tuple[str, str]] = field(default_factory=Counter)
    saved: dict[tuple[str, str], Any] = field(default_factory=dict)  # checkpoints
    paused: set[str] = field(default_factory=set)

    def due(self, task: str) -> str | None:
        """What an operator does to a task now; once."""
        with self.lock:
            self.ended[task] += 1
            return self.plays[task].verbs.get(self.ended[task] - 1)

    @contextmanager
    def working(self) -> Iterator[None]:
        """The clock does not jump meanwhile."""
        with self.lock:
            self.busy += 1
        try:
            yield
        finally:
            with self.lock:
                self.busy -= 1


class Worker(threading.Thread):
    """Claims a few steps, and ends each as its play says; does what operators do as well."""

    def __init__(self, stage: Stage, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.stage, self.random, self.problem = stage, Random(name), ""
        self.connection = psycopg.connect(stage.dsn, autocommit=True)

    def call(self, query: str, *arguments: Any) -> list[Any]:
        cursor = self.connection.execute(query.encode(), arguments or None)
        return cursor.fetchall() if cursor.description else []

    def run(self) -> None:
        try:
            while self.stage.plays and self.call("select 1 from tasker.open_tasks limit 1"):
                with self.stage.working():
                    steps = self.call(CLAIM, self.name, self.random.randint(1, 5))
                    if steps:
                        self.work(steps)
                if not steps:
                    self.wait()
        except Exception as error:
            self.problem = f"{type(error).__name__}: {error}"
        self.connection.close()

    def wait(self) -> None:
        """Nothing can be claimed: what is paused goes on, or else the clock jumps."""
        with self.stage.lock:
            paused = set(self.stage.paused)
            self.stage.paused.clear()
        for task in paused:
            self.do(VERBS["resume"], task)
        sent = [self.say(*found) for found in self.call(WAITING)]
        if paused or any(sent) or self.call(SWEEP):
            return
        with self.stage.lock:
            if not self.stage.busy:
                self.call(JUMP)
                self.call(SWEEP)

    def work(self, steps: list[Any]) -> None:
        token, lost = steps[0][1], list[str]()
        paused = self.stage.paused & {task for _, _, task, _, _ in steps}
        assert not paused or not self.stage.alone, f"handed out although paused: {paused}"
        for uuid, _, task, name, checkpoint in steps:
            self.stage.started[task, name] += 1
            assert checkpoint == self.stage.saved.get((task, name)), "not the last checkpoint"
            starts = self.stage.plays[task].nodes[name].starts
            start = [*starts, "done"][min(self.stage.started[task, name], len(starts) + 1) - 1]
            if start in ("save", "saved"):
                self.save(token, uuid, task, name)
            if start in ("lost", "saved"):
                lost.append(task)
                continue
            self.end(token, uuid, start, result(self.stage.plays[task].nodes[name]))
            self.operate(task)
        if lost:
            self.call(LOSE, token)
        for task in lost:
            self.operate(task)

    def save(self, token: str, uuid: str, task: str, name: str) -> None:
        self.stage.saved[task, name] = {"n": self.stage.started[task, name]}
        try:
            self.call(SAVE, uuid, token, json.dumps(self.stage.saved[task, name]))
        except psycopg.Error as error:
            assert error.sqlstate == "TK001"  # it was cancelled

    def end(self, token: str, uuid: str, start: str, made: Any) -> None:
        outcome: dict[str, Any] = {"error": {"code": start}, "retryable": start in ("fail", "save")}
        if start == "done":
            outcome = {"result": made}
        elif start == "skip":
            outcome = {"skip": True}
        elif start == "sleep":
            outcome = {"again_after_seconds": SLEEP * 60}
        ((code,),) = self.call(REPORT, token, json.dumps([{"step_uuid": uuid} | outcome]))
        assert code in (None, "TK001"), code

    def operate(self, task: str) -> None:
        verb = self.stage.due(task)
        if verb == "upgrade":
            with self.stage.lock:  # one at a time, as the migration does
                upgrade(self.connection)
        elif verb:
            self.do(VERBS[verb], task)
        if verb == "pause":
            with self.stage.lock:
                self.stage.paused.add(task)

    def say(self, task: str, name: str) -> bool:
        """Somebody sends the signal for which a step waits; not for each."""
        node = self.stage.plays[task].nodes[name]
        if node.answer == "late":
            self.do(SEND, task, name, json.dumps(node.value))
        return node.answer == "late"

    def do(self, query: str, *arguments: Any) -> None:
        do(self.connection, query, *arguments)


def do(connection: psycopg.Connection, query: str, *arguments: Any) -> None:
    """A call that is refused when the task, or the wait, has ended."""
    try:
        with connection.transaction():
            connection.execute(query.encode(), arguments)
    except psycopg.Error as error:
        assert error.sqlstate == "TK003"


def upgrade(connection: psycopg.Connection) -> None:
    """Make every function again, while others call them."""
    texts = truth.read()
    for name in truth.in_order(texts):
        if name != "_now":  # the clock that jumps
            connection.execute(texts[name].encode())


def made(connection: psycopg.Connection, name: str, play: Play) -> str:
    """The task of a play, made by hand or by a schedule."""
    context = json.dumps(CONTEXT)
    if not play.scheduled:
        return str(connection.execute(CREATE.encode(), [name, context]).fetchall()[0][0])
    connection.execute(PUT.encode(), [name, name, context])
    connection.execute(SWEEP.encode())
    ((task,),) = connection.execute(MADE.encode(), [name]).fetchall()
    return str(task)


def staged(dsn: str, plays: list[Play]) -> dict[str, Play]:
    """A task for each play."""
    tasks = {}
    with psycopg.connect(dsn) as connection:
        connection.execute(CLOCK.encode())
        for number, play in enumerate(plays):
            head = {"name": f"t{number}", "namespace_name": "test", "version": "1.0.0"}
            template = json.dumps(head | play.definition)
            connection.execute(b"select from tasker.register_template(%s)", [template])
            task = made(connection, head["name"], play)
            tasks[task] = play
            for node in play.nodes.values():
                if node.answer == "early":
                    signal = [task, node.name, json.dumps(node.value)]
                    do(connection, SEND, *signal)
    return tasks


def members(thorough: bool, random: Random) -> list[tuple[str, ...]]:
    pairs: list[tuple[str, ...]] = list(itertools.combinations_with_replacement(MEMBERS, 2))
    if not thorough:
        return [pair for pair in pairs if "upgrade" not in pair] + [("upgrade", "retry")]
    triples = list(itertools.combinations(MEMBERS, 3))
    return pairs * 10 + random.sample(triples, min(200, len(triples)))


@pytest.mark.newest
@pytest.mark.timeout(600)
@pytest.mark.parametrize("workers", [1, 4])
def test_pairs_end_as_the_model_says(database: str, workers: int, thorough: bool) -> None:
    random = Random(workers)
    chosen = [played(random, some) for some in members(thorough, random)]
    stage = Stage(database, staged(database, chosen), workers == 1)
    crew = [Worker(stage, f"w{number}") for number in range(workers)]
    for worker in crew:
        worker.start()
    for worker in crew:
        worker.join(300)
    assert [worker.problem for worker in crew if worker.problem or worker.is_alive()] == []
    states = dict(rows(database, "select task_uuid::text, state::text from tasker.tasks"))
    found = {}
    with psycopg.connect(database) as connection:
        stories = [
            (task, name, End(*more)) for task, name, *more in connection.execute(ENDS.encode())
        ]
    for task, play in stage.plays.items():
        ends = {name: end for of, name, end in stories if of == task}
        for name, end in ends.items():
            if play.nodes[name].wait and end.result:
                end.result = {"outcome": end.result["outcome"]}
        exact = stage.alone and not play.cancelled
        if wrong := differences(play, ends, states[task], exact=exact):
            found[task] = (play, wrong)
    assert found == {}, "\n".join(map(str, found.values()))
    assert violations(database) == []
    stopped = Counter(end.stopped for *_, end in stories)
    print(f"{len(states)} plays, {len(stories)} steps, stopped by:", stopped)
    assert min(stopped["deadline"], stopped["finish_within"]) > 1, stopped
    kinds = Counter(states.values())
    assert min(kinds[kind] for kind in ("complete", "error", "cancelled")) > 1, kinds
