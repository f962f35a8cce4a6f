"""Whatever is called in whatever order, whatever happens to the queues: all promises are kept.

Hypothesis draws DAGs and calls of every verb, tampers with queues and turns the clock. A small
model knows who holds what; after every call `check_invariants()` must be empty, and in the end
every task that nobody stopped must come to its end.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tasker_sql import errors
from tasker_sql.client import Client

ASKED = os.environ.get("TASKER_TEST_EXAMPLES")  # a longer look, each time at other examples
EXAMPLES = int(ASKED or 60)
CALLS = 50
ENDED = {"complete", "error", "cancelled", "resolved_manually"}
CLOCK = """
create table public.clock (t timestamptz);
insert into public.clock values ('2030-01-01 00:00Z');
create or replace function tasker._now () returns timestamptz language sql volatile
as $$ select t from public.clock $$
"""
FORGET = """
do $$
declare
  v_table regclass;
begin
  for v_table in
    select oid::regclass from pg_class
     where relkind = 'r' and relnamespace = 'tasker'::regnamespace
       and relname not in ('alembic_version', 'legal_transitions', 'sweep_cursors')
    union all
    select oid::regclass from pg_class
     where relkind = 'r' and relnamespace = 'pgmq'::regnamespace and relname like 'q\\_%'
  loop
    execute format('truncate %s restart identity cascade', v_table);
  end loop;
end
$$;
alter sequence tasker.task_ids restart;
update tasker.sweep_cursors set position = 0;
update public.clock set t = '2030-01-01 00:00Z';
reset all;
select setseed(0);
"""


class Machine(RuleBasedStateMachine):
    """One sequence of calls on an empty engine."""

    connection: psycopg.Connection[Any]

    def __init__(self) -> None:
        super().__init__()
        self.connection.execute(FORGET.encode())
        self.client = Client(self.connection)
        self.client.create_namespace("test")
        self.templates = 0
        self.tasks: list[UUID] = []
        self.held: dict[UUID, set[UUID]] = {}  # steps by the token that holds them, says the model
        self.lost: list[tuple[UUID, UUID]] = []  # step and token of claims that are over
        self.forged = False  # messages: the check is right to complain of them

    # What clients and workers do

    @rule(
        back=st.lists(st.sets(st.integers(1, 3), max_size=2), min_size=1, max_size=6),
        attempts=st.integers(1, 3),
        external=st.booleans(),
        contexts=st.integers(1, 3),
        priority=st.sampled_from(["high", "normal", "low"]),
    )
    def create(
        self,
        back: list[set[int]],
        attempts: int,
        external: bool,
        contexts: int,
        priority: str,
    ) -> None:
        self.templates += 1
        steps = [
            {
                "name": f"s{number}",
                "handler": {"callable": "any"},
                "dependencies": [f"s{number - by}" for by in sorted(steps_back) if by <= number],
                "retry": {"max_attempts": attempts, "backoff_base_ms": 5000},
            }
            for number, steps_back in enumerate(back)
        ]
        definition = {
            "namespace_name": "test",
            "name": f"t{self.templates}",
            "version": "1.0.0",
            "steps": steps,
            "finalization": "external" if external else "inline",
        }
        self.client.register_template(definition)
        options = {"priority": priority}
        made = self.client.create_tasks("test", f"t{self.templates}", [{}] * contexts, options)
        self.tasks += [task.task_uuid for task in made]

    @rule(limit=st.integers(1, 5))
    def claim(self, limit: int) -> None:
        for step in self.client.claim_steps("test", "w", limit):
            assert not any(step.step_uuid in steps for steps in self.held.values()), "held twice"
            self.held.setdefault(step.token, set()).add(step.step_uuid)

    @rule(data=st.data(), bad=st.sets(st.integers(0, 4)), limit=st.integers(0, 3))
    def finish(self, data: st.DataObject, bad: set[int], limit: int) -> None:
        if not self.held:
            return
        token = data.draw(st.sampled_from(list(self.held)))
        steps = sorted(self.held[token])[: data.draw(st.integers(1, 5))]
        outcomes = [
            {"step_uuid": str(step), "error": "no", "retryable": number % 2 == 0}
            if number in bad
            else {"step_uuid": str(step), "result": number}
            for number, step in enumerate(steps)
        ]
        self.held[token] -= set(steps)
        self.lost += [(step, token) for step in steps]
        if not self.held[token]:
            del self.held[token]
        if data.draw(st.booleans()):
            self.client.submit_step_results(token, outcomes)
        else:
            for step in self.client.finish_and_claim("test", "w", token, outcomes, limit):
                self.held.setdefault(step.token, set()).add(step.step_uuid)

    @rule(data=st.data(), bad=st.sets(st.integers(0, 4)))
    def work(self, data: st.DataObject, bad: set[int]) -> None:
        """The usual thing, drawn as often as each of the accidents."""
        self.claim(5)
        self.finish(data, bad, 5)

    @rule(data=st.data())
    def finish_with_a_lost_token(self, data: st.DataObject) -> None:
        if not self.lost:
            return
        step, _ = data.draw(st.sampled_from(self.lost))
        with pytest.raises(errors.StaleClaimError):
            self.client.complete_step(step, uuid4(), "mine")

    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        if self.held:
            token = data.draw(st.sampled_from(list(self.held)))
            given = {step.step_uuid for step in self.client.release_claim(token)}
            assert given == self.held.pop(token)

    @rule(data=st.data())
    def heartbeat(self, data: st.DataObject) -> None:
        if self.held:
            self.client.heartbeat(data.draw(st.sampled_from(list(self.held))))

    @rule()
    def process_results(self) -> None:
        assert not [row for row in self.client.process_step_results(10) if row.error]

    # What time and accidents do

    @rule(seconds=st.sampled_from([1, 6, 31]))
    def time_passes(self, seconds: int) -> None:
        self.connection.execute(
            "update public.clock set t = t + make_interval(secs => %s)", [seconds]
        )

    @rule(seconds=st.sampled_from([0, 6, 31]), limit=st.sampled_from([1, 1000]))
    def sweep(self, seconds: int, limit: int) -> None:
        self.time_passes(seconds)
        self.client.sweep(limit)
        self.forget_what_was_taken_away()

    @rule(
        queue=st.sampled_from(
            ["test_queue", "test_queue_high", "test_queue_low", "orchestration_step_results"]
        ),
        how=st.sampled_from(["purge", "drop", "double", "forge", "hide"]),
    )
    def tamper(self, queue: str, how: str) -> None:
        there = self.connection.execute("select to_regclass(%s)", [f"pgmq.q_{queue}"]).fetchone()
        if there == (None,):
            return
        statements = {
            "purge": f"select pgmq.purge_queue('{queue}')",
            "drop": f"select pgmq.drop_queue('{queue}')",
            "double": f"select pgmq.send('{queue}', message) from pgmq.q_{queue}",
            "forge": f"""select pgmq.send('{queue}', '{{"step_id": 1048577, "x": null}}')""",
            "hide": f"select pgmq.read('{queue}', 3600, 2)",
        }
        if how in ("double", "forge") and queue.startswith("orch"):
            return  # forged results are rejected, which another test looks at
        self.forged = self.forged or how in ("double", "forge")
        self.connection.execute(statements[how].encode())

    # What operators do

    @rule(data=st.data(), verb=st.sampled_from(["cancel_task", "resolve_task"]))
    def stop_a_task(self, data: st.DataObject, verb: str) -> None:
        if self.tasks:
            self.attempt(getattr(self.client, verb), data.draw(st.sampled_from(self.tasks)), "why")

    @rule(data=st.data(), verb=st.sampled_from(["retry_step", "resolve_step", "complete_by_hand"]))
    def settle_a_step(self, data: st.DataObject, verb: str) -> None:
        if not self.tasks:
            return
        task = data.draw(st.sampled_from(self.tasks))
        step = data.draw(st.sampled_from(self.client.get_task_steps(task))).step_uuid
        if verb == "complete_by_hand":
            self.attempt(self.client.complete_step_manually, step, {"by": "hand"}, "why")
        else:
            self.attempt(getattr(self.client, verb), step, "why")

    @rule(data=st.data(), verb=st.sampled_from(["pause", "resume"]))
    def pause_or_resume(self, data: st.DataObject, verb: str) -> None:
        getattr(self.client, f"{verb}_namespace")("test", "why")
        if self.tasks:
            getattr(self.client, f"{verb}_task")(data.draw(st.sampled_from(self.tasks)), "why")

    @rule(data=st.data())
    def finalize(self, data: st.DataObject) -> None:
        if self.tasks:
            task = data.draw(st.sampled_from(self.tasks))
            claim = self.client.claim_task_for_finalization(task, "p")
            if claim.claimed:
                self.client.finalize_task(task, claim.finalization_attempt_uuid)

    # What must hold

    @invariant()
    def nothing_is_broken(self) -> None:
        rows = self.client.check_invariants()
        assert not [
            row
            for row in rows
            if row.severity == "safety" and not (self.forged and "message" in row.invariant)
        ]

    def teardown(self) -> None:
        """Resume everything, and let a worker run: every task must come to its end."""
        self.client.resume_namespace("test", "the end")
        for task in self.tasks:
            self.client.resume_task(task, "the end")
        for _ in range(60):
            self.time_passes(61)
            self.client.sweep()
            self.client.process_step_results(1000)
            for step in self.client.claim_steps("test", "last", 1000):
                self.client.complete_step(step.step_uuid, step.token, None)
            for task in self.tasks:
                self.client.finalize_task(task)
            states = [self.client.get_task(task).state for task in self.tasks]
            if set(states) <= ENDED:
                break
        assert set(states if self.tasks else []) <= ENDED
        self.nothing_is_broken()

    # How it is done

    def attempt(self, verb: Any, *arguments: Any) -> None:
        """Call an operator's verb, which may be refused in this state; then look who was fenced."""
        try:
            verb(*arguments)
        except errors.IllegalTransitionError:
            return
        self.forget_what_was_taken_away()

    def forget_what_was_taken_away(self) -> None:
        """Bring the model up to date with claims that somebody else ended."""
        rows = self.connection.execute(
            "select tasker._step_uuid(task_uuid, step_id), claim_token from tasker.steps"
            " join tasker.tasks on task_id = step_id >> 20 where steps.state = 'in_progress'"
        ).fetchall()
        really = {(step, token) for step, token in rows}
        for token, steps in list(self.held.items()):
            gone = {step for step in steps if (step, token) not in really}
            self.lost += [(step, token) for step in gone]
            steps -= gone
            if not steps:
                del self.held[token]


@contextmanager
def machine(dsn: str) -> Iterator[type[Machine]]:
    """The machine on a database with a clock that stands still."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(CLOCK.encode())
        yield type("Machine", (Machine,), {"connection": connection})


@pytest.mark.newest
def test_any_order_of_calls_keeps_every_promise(database: str) -> None:
    with machine(database) as made:
        run_state_machine_as_test(
            made,
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=CALLS,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                derandomize=ASKED is None,
                database=None,
            ),
        )
