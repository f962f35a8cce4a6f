"""The tasks of an episode: DAGs of all shapes, over two namespaces, with handlers of all kinds.

Each step adds up what its parents made, so the results of a task say whether each join saw all its
parents, once. In `alpha`, handlers write their effect in the transaction that completes the step;
in `beta` they only answer, or are SQL functions. Some tasks wait for a signal, until it comes or
no longer than a moment, and some take one of two branches.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from chaos.arena import Arena
from chaos.crew import MODULUS
from chaos.ledger import now

ATTEMPTS = 200  # more than faults can use up
SQL_HANDLERS = 3
TABLES = """
create table public.effects (step_uuid uuid not null, token uuid not null, worker text not null);
create table public.sql_effects (task text not null, number integer not null);

-- History has no word for a message that the sweep sends again: the step's state does not change.
create table public.restored (step_id bigint not null, at timestamptz not null);
create function public.note_restored () returns trigger language plpgsql
as $$ begin insert into public.restored values (new.step_id, new.enqueued_at); return null; end $$;
create trigger note_restored after update on tasker.steps for each row
  when (old.state = 'enqueued' and new.state = 'enqueued' and new.enqueued_at > old.enqueued_at)
  execute function public.note_restored();
"""
SQL_HANDLER = """
create function public.effect_{0} (context jsonb, dependency_results jsonb) returns jsonb
  language plpgsql
as $$
begin
  insert into public.sql_effects values (context ->> 'key', {0});
  return jsonb_build_object('by', 'sql', 'value', (1 + coalesce(
    (select sum((parent.value ->> 'value')::bigint) from jsonb_each(dependency_results) as parent),
    0)) % {1});
end
$$
"""
CREATE = "select from tasker.create_tasks('alpha', %s, %s::jsonb[], %s)"
ASK = "select pgmq.send('orchestration_task_requests', %s::jsonb)"
BUSY = """
select (select count(*) from tasker.open_tasks) >= %s
       or (select sum(depth) from tasker.queue_depths) >= %s
"""
OPEN = 100  # tasks at a time
QUEUED = 20  # messages: so much that there are always some, so few that nobody waits behind them
AGAIN = 1.0  # seconds after which a request by message, or a signal, is repeated
LOOK = 0.05  # seconds between two looks at who waits for a signal

GATE = "gate"  # the step that waits
MOMENT = 0.3  # seconds: a wait may end by itself after them, and a signal may come that late
GATED = 2  # what the gate makes of its one parent
ENDS_ITSELF = {"timeout": f"PT{MOMENT}S", "on_timeout": "continue", "default": GATED}
WAITING = """
select task.context ->> 'key', task.task_uuid
  from tasker.tasks as task
  join tasker.steps as step on step.step_id >> 20 = task.task_id
  join tasker.template_steps as link on link.template_id = step.template_id
                                    and link.step_no = step.step_id & 1048575
 where task.finished_at is null
   and step.finished_at is null
   and link.name = %s
"""
SEND = "select from tasker.send_signal(%s, 'go', to_jsonb(%s::integer), '{\"key\": \"once\"}')"
TOO_LATE = "TK003"


@dataclass(frozen=True)
class Shape:
    """A template, and what becomes of its tasks."""

    name: str
    steps: Sequence[dict[str, Any]]
    skipped: Sequence[str] = ()

    @property
    def values(self) -> dict[str, int]:
        """What each step makes, as long as nobody interferes."""
        made: dict[str, int] = {}
        for step in self.steps:  # parents stand first
            if step["name"] not in self.skipped:
                parents = [made.get(one, 0) for one in step["dependencies"]]
                made[step["name"]] = (1 + sum(parents)) % MODULUS
        return made

    @property
    def ends(self) -> str:
        """The state in which its tasks end, as long as nobody interferes."""
        handlers = [step.get("handler", {}) for step in self.steps]
        fails = any(handler.get("initialization", {}).get("fails") for handler in handlers)
        return "error" if fails else "complete"


def shapes(dice: random.Random) -> list[Shape]:
    """The templates of an episode."""
    parts: dict[str, list[str]] = {f"part_{number}": [] for number in range(18)}
    drawn: dict[str, dict[str, list[str]]] = {
        "diamond": {"start": [], "left": ["start"], "right": ["start"], "end": ["left", "right"]},
        "chain": {f"s{number}": [f"s{number - 1}"] * (number > 0) for number in range(6)},
        "wide": {**parts, "join": list(parts)},
    }
    for number in range(3):
        names = [f"s{one}" for one in range(dice.randint(5, 14))]
        drawn[f"drawn_{number}"] = {
            name: dice.sample(names[:one], min(one, dice.choice([0, 1, 1, 2, 3])))
            for one, name in enumerate(names)
        }
    made = [Shape(name, _steps(dag, dice)) for name, dag in drawn.items()]
    hopeless = {"one": [], "two": ["one"], "three": ["two"]}
    failing = _steps(hopeless, dice)
    failing[1]["handler"] = {"callable": "effect", "initialization": {"fails": True}}
    failing[1]["namespace"] = "alpha"
    asking = {"start": [], GATE: ["start"], "end": [GATE]}
    for name, limits in {"asks": {}, "asks_for_a_moment": ENDS_ITSELF}.items():
        start, gate, end = _steps(asking, dice)
        gate = {"name": GATE, "dependencies": ["start"], "wait": {"signal": "go", **limits}}
        made.append(Shape(name, [start, gate, end]))
    branches = {"start": [], "left": ["start"], "right": ["start"], "end": ["left", "right"]}
    branching = _steps(branches, dice)
    branching[1]["if"], branching[2]["if"] = (f"$.results.start.value == {one}" for one in (1, 2))
    return [*made, Shape("branches", branching, ["right"]), Shape("hopeless", failing)]


def _steps(dag: Mapping[str, Sequence[str]], dice: random.Random) -> list[dict[str, Any]]:
    retry = {"max_attempts": ATTEMPTS, "backoff": "none"}
    functions = [f"public.effect_{number}" for number in range(SQL_HANDLERS)]
    steps = []
    for name, parents in dag.items():
        namespace = dice.choice(["alpha", "beta"])
        handler: dict[str, Any] = {"callable": "effect" if namespace == "alpha" else "plain"}
        if namespace == "beta" and functions and dice.random() < 0.3:
            handler = {"sql": functions.pop()}  # only here: so the task's key names its effect
        elif dice.random() < 0.15:
            handler["initialization"] = {"failures": dice.randint(1, 2)}
        steps.append(
            {
                "name": name,
                "handler": handler,
                "namespace": namespace,
                "dependencies": list(parents),
                "retry": retry,
            }
        )
    return steps


def send_signal(rows: Callable[..., Any], task: UUID) -> None:
    """Send a task what it waits for, unless the wait has ended meanwhile."""
    try:
        rows(SEND, task, GATED)
    except psycopg.Error as error:
        if error.sqlstate != TOO_LATE:
            raise


def end_waits(rows: Callable[..., Any]) -> None:
    """Send each task what it waits for, however long it would wait."""
    for _, task in rows(WAITING, GATE):
        send_signal(rows, task)


class Workload:
    """Creates tasks, and knows which must be there. A call without an answer is made again."""

    def __init__(self, arena: Arena) -> None:
        self.arena = arena
        self.dice = arena.dice("workload")
        self.shapes = shapes(self.dice)
        self.created: dict[str, Shape] = {}  # by the key of the task
        self.steps = 0
        self._pending: tuple[Shape, list[str], str, bool] | None = None  # not answered yet
        self._asked: dict[str, tuple[float, Shape, str]] = {}  # by message, and not there yet
        self._signals: dict[str, float] = {}  # when to send the next one, by the key of the task
        self._look_at = 0.0

    def prepare(self) -> None:
        self.arena.rows(TABLES)
        for number in range(SQL_HANDLERS):
            self.arena.rows(SQL_HANDLER.format(number, MODULUS))
        for namespace in ("alpha", "beta"):
            self.arena.rows("select from tasker.create_namespace(%s)", namespace)
        for shape in self.shapes:
            definition = {
                "name": shape.name,
                "namespace_name": "alpha",
                "version": "1.0.0",
                "steps": shape.steps,
            }
            self.arena.rows("select from tasker.register_template(%s)", json.dumps(definition))

    def feed(self) -> None:
        """Create some tasks, unless there is enough to do."""
        self.look_after_requests()
        self.send_signals()
        if self._pending is None:
            if self.arena.one(BUSY, OPEN, QUEUED):
                return
            self._pending = self._draw()
        shape, keys, priority, by_message = self._pending
        if by_message:
            for key in keys:
                self._asked[key] = (0.0, shape, priority)
            self.look_after_requests()
        else:
            contexts = [json.dumps({"key": key}) for key in keys]
            options = {"priority": priority, "idempotency_keys": keys}
            for _ in range(self.dice.choice([1, 1, 2])):  # the reply may have been lost
                self.arena.rows(CREATE, shape.name, contexts, json.dumps(options))
        self._pending = None
        for key in keys:
            self.created[key] = shape
            self.steps += len(shape.steps)

    def look_after_requests(self) -> None:
        """Messages may get lost; who asked by message asks again until the task is there."""
        if not self._asked:
            return
        keys = list(self._asked)
        query = "select context ->> 'key' from tasker.tasks where context ->> 'key' = any (%s)"
        for (key,) in self.arena.rows(query, keys):
            del self._asked[key]
        for key, (asked, shape, priority) in self._asked.items():
            if asked < now() - AGAIN:
                request = {
                    "namespace": "alpha",
                    "name": shape.name,
                    "context": {"key": key},
                    "options": {"priority": priority, "idempotency_key": key},
                }
                self.arena.rows(ASK, json.dumps(request))
                self._asked[key] = (now(), shape, priority)

    def send_signals(self) -> None:
        """They may come early, late and twice; while a wait goes on, its signal is sent again."""
        if now() < self._look_at:
            return
        self._look_at = now() + LOOK
        for key, task in self.arena.rows(WAITING, GATE):
            delay = self.dice.choice([0.0, MOMENT, 2 * MOMENT]) * self.dice.random()
            if self._signals.setdefault(key, now() + delay) > now() or key not in self.created:
                continue
            self._signals[key] = now() + AGAIN
            send_signal(self.arena.rows, task)

    @property
    def ended(self) -> bool:
        """Whether every task is there and has ended."""
        self.look_after_requests()
        self.send_signals()
        return not self._asked and not self.arena.rows("select 1 from tasker.open_tasks limit 1")

    def _draw(self) -> tuple[Shape, list[str], str, bool]:
        weights = [4 if shape.ends == "complete" else 1 for shape in self.shapes]
        (shape,) = self.dice.choices(self.shapes, weights)
        first = len(self.created)
        keys = [f"task {first + number}" for number in range(self.dice.randint(1, 8))]
        priority = self.dice.choice(["high", "normal", "normal", "low"])
        return shape, keys, priority, self.dice.random() < 0.2
