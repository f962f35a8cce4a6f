"""Whatever is called in whatever order, whatever happens to queues and clocks: the engine does what
the model says.

Hypothesis draws DAGs and calls of every verb, tampers with queues and turns the clock. After each
call the engine's answer, everything that it shows of tasks, steps, claims and queues, and the
complaints of `check_invariants` must be what `model.py` predicts.
"""

from __future__ import annotations

import itertools
import json
import os
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from typing import Any, NamedTuple, TypeVar
from uuid import UUID, uuid4

import evidence
import psycopg
import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from model import (
    ENDED,
    RANKS,
    REQUESTS,
    RESULTS,
    WIDE,
    Claim,
    Model,
    Outcome,
    Refused,
    Step,
    Task,
    Template,
)
from servers import Server

from tasker_sql import errors
from tasker_sql.client import Client

ASKED = os.environ.get("TASKER_TEST_RULES")  # a longer look, each time at other examples
RULES = {False: 500, True: 20_000}  # by `thorough`
LONG_RUN = 100_000  # calls that are worth recording
SECONDS = int(os.environ.get("TASKER_TEST_SECONDS") or 86_400)  # after which it is long enough
CALLS = 50  # an example
EXAMPLES = {False: 7, True: 20}  # a batch
NAMESPACES = ["test", "other"]
VERBS = {
    "cancel_task",
    "claim_steps",
    "claim_task_for_finalization",
    "complete_step",
    "complete_step_manually",
    "create_tasks",
    "extend_finalization_claim",
    "fail_step",
    "finalize_task",
    "finish_and_claim",
    "heartbeat",
    "pause_namespace",
    "pause_task",
    "pause_template",
    "process_step_results",
    "process_task_requests",
    "register_template",
    "release_claim",
    "release_finalization_claim",
    "requeue_step",
    "resolve_step",
    "resolve_task",
    "resume_namespace",
    "resume_task",
    "resume_template",
    "retry_step",
    "submit_step_results",
    "sweep",
}
EPOCH = datetime(2030, 1, 1, tzinfo=UTC)
BESIDES = {"examples", "(repeated or late)", "(held joins)"}  # counted beside their calls
PARTS = [
    "waiting",
    "queued",
    "backing_off",
    "running",
    "lost",
    "failed",
    "afterwards",
    "finalizing",
]
T = TypeVar("T")

SCENERY = """
create table public.clock (t timestamptz);
insert into public.clock values ('2030-01-01Z');
create or replace function tasker._now () returns timestamptz language sql volatile
as $$ select t from public.clock $$;

create function public.ms (timestamptz) returns numeric language sql immutable
as $$ select round(extract(epoch from $1 - '2030-01-01Z') * 1000, 3) $$;

-- What there is to be seen, except for the queues.
create function public.look () returns jsonb language sql as $$
select jsonb_build_object(
  'tasks', (select coalesce(jsonb_object_agg(task.task_uuid, jsonb_build_array(
                     task.state,
                     task.paused_at is not null or template.paused_at is not null
                       or namespace.paused_at is not null,
                     task.open_sinks, public.ms(task.started_at), public.ms(task.finished_at))),
                     '{}')
              from tasker.tasks as task
              join tasker.task_templates as template on template.template_id = task.template_id
              join tasker.namespaces as namespace
                on namespace.namespace_id = template.namespace_id),
  'steps', (select coalesce(jsonb_object_agg(step.step_id, jsonb_build_array(
                     step.state, step.attempt, step.waiting_parents, step.result,
                     coalesce(claim.worker, submission.worker), public.ms(claim.lease_until),
                     failure.error ->> 'message', public.ms(timer.due_at),
                     public.ms(step.enqueued_at), public.ms(step.started_at),
                     public.ms(step.finished_at))), '{}')
              from tasker.steps as step
              left join tasker.timers as timer on timer.step_id = step.step_id
              left join tasker.claims as claim
                on claim.token = step.claim_token
               and step.state = 'in_progress' and step.step_id = any (claim.step_ids)
              left join tasker.submissions as submission
                on submission.token = step.claim_token
               and step.state = 'in_progress' and step.step_id = any (submission.step_ids)
              left join lateral (
                   select failure.error from tasker.step_failures as failure
                    where failure.step_id = step.step_id
                    order by failure.failed_at desc, failure.failure_id desc limit 1
                   ) as failure on true),
  'claims', (select coalesce(jsonb_object_agg(worker, jsonb_build_array(
                      namespace, public.ms(lease_until), step_uuids)), '{}')
               from tasker.live_claims),
  'finalizations', (select coalesce(jsonb_object_agg(task_uuid, jsonb_build_array(
                             processor_id, public.ms(claimed_until))), '{}')
                      from tasker.live_finalization_claims),
  'rejected', (select count(*) from tasker.rejected_requests),
  'broken', (select coalesce(jsonb_agg(jsonb_build_array(severity, invariant, step_uuid)), '[]')
               from tasker.check_invariants()))
$$;

-- The check plans for large tables each time; here they are small, and it is most of the time.
do $$
declare
  v_function regprocedure;
begin
  for v_function in
    select oid from pg_proc
     where pronamespace = 'tasker'::regnamespace and proname ~ '^_?check_'
       and 'plan_cache_mode=force_custom_plan' = any (proconfig)
  loop
    execute format('alter function %s set plan_cache_mode = force_generic_plan', v_function);
  end loop;
end
$$
"""
# Not truncated: that would throw all plans away, and planning would be most of the time.
FORGET = """
do $$
declare
  v_table regclass;
begin
  for v_table in
    select oid from pg_class
     where relkind = 'r'
       and (relnamespace = 'tasker'::regnamespace
            and relname not in ('alembic_version', 'legal_transitions', 'limits',
                                'namespaces', 'sweep_cursors', 'task_templates')
            or relnamespace = 'pgmq'::regnamespace and relname like 'q\\_%')
  loop
    execute 'delete from ' || v_table;
  end loop;
  delete from tasker.task_templates;
end
$$;
update tasker.namespaces set paused_at = null, paused_by = null, pause_reason = null;
select setval(pg_get_serial_sequence('tasker.submissions', 'submission_id'), 1, false);
update tasker.sweep_cursors set position = 0;
update public.clock set t = '2030-01-01Z';
reset all;
select setseed(0);
"""
MESSAGES = """
create or replace function public.messages () returns jsonb language plpgsql as $$
declare
  v_one   jsonb;
  v_found jsonb := '{}';
begin
  %s
  return v_found;
end
$$
"""
MESSAGES_OF_ONE = """
  v_one := null;
  if to_regclass('pgmq.q_{0}') is not null then
    select coalesce(jsonb_agg(jsonb_build_array(message, public.ms(enqueued_at)) order by msg_id),
                    '[]')
      into v_one from pgmq.q_{0};
  end if;
  v_found := v_found || jsonb_build_object('{0}', v_one);
"""

numbers = st.integers(0, 999)  # of whatever there is, `pick` takes one
shapes = st.fixed_dictionaries(
    {
        "back": st.lists(st.sets(st.integers(1, 3), max_size=2), min_size=1, max_size=6),
        "wide": st.sampled_from([0] * 6 + [17, -17]),  # with a join, or without
        "elsewhere": st.sets(st.integers(0, 5), max_size=2),
        "external": st.booleans(),
        "max_attempts": st.integers(1, 3),
        "backoff": st.sampled_from(["none", "linear", "exponential", "fibonacci"]),
        "jitter": st.sampled_from([False] * 4 + [True]),
    }
)


class Drawn(NamedTuple):
    """A call that hypothesis may draw: when it is possible, how often, with what arguments."""

    possible: Callable[[Machine], Any]
    often: int
    arguments: dict[str, st.SearchStrategy[Any]]


DRAWN: dict[str, Drawn] = {}
F = TypeVar("F", bound=Callable[..., None])


def drawn(
    possible: Callable[[Machine], Any], often: int = 1, /, **arguments: Any
) -> Callable[[F], F]:
    def note(method: F) -> F:
        DRAWN[method.__name__] = Drawn(possible, often, arguments)
        return method

    return note


def pick(items: Iterable[T], number: int) -> T:
    found = list(items)
    return found[number % len(found)]


def ms(at: datetime | None) -> float | None:
    return None if at is None else (at - EPOCH) / timedelta(milliseconds=1)


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


class Machine(RuleBasedStateMachine):
    """One sequence of calls on an empty engine."""

    client: Client
    connection: psycopg.Connection[Any]
    somebody: psycopg.Connection[Any]  # who holds rows meanwhile
    counts: Counter[str]  # calls that did something, by verb
    ends: Counter[str]

    def __init__(self) -> None:
        super().__init__()
        self.connection.execute(FORGET.encode())
        self.client.sweep()  # makes the queues again
        self.model = Model(NAMESPACES)
        self.templates: list[Template] = []
        self.past: list[tuple[UUID, dict[Step, Outcome]]] = []  # tokens, and what they reported
        self.attempts: list[UUID] = []
        self.workers = 0
        self.seen: dict[str, Any] | None = None
        self.well = False  # as of the last look
        self.swept = False  # since then
        self.counts["examples"] += 1

    # Asking for tasks

    @initialize(shape=shapes, more=shapes)
    def begin(self, shape: dict[str, Any], more: dict[str, Any]) -> None:
        for one in (shape, more):
            self.register_template(one | {"wide": 0})
            self.create(len(self.templates) - 1, 2, "normal", 0, None)

    @drawn(lambda self: len(self.templates) < 4, shape=shapes)
    def register_template(self, shape: dict[str, Any]) -> None:
        back: list[set[int]] = shape["back"]
        if shape["wide"]:
            back = [set() for _ in range(abs(shape["wide"]))]
            back += [set(range(1, 18))] if shape["wide"] > 0 else []
        retry = {"max_attempts": shape["max_attempts"], "backoff": shape["backoff"]} | {
            "backoff_base_ms": 2000,
            "max_backoff_ms": 5000,
            "jitter": shape["jitter"],
        }
        definition = {
            "namespace_name": "test",
            "name": f"t{len(self.templates)}",
            "version": "1.0.0",
            "finalization": "external" if shape["external"] else "inline",
            "steps": [
                {
                    "name": f"s{number}",
                    "handler": {"callable": "any"},
                    "namespace": "other" if number in shape["elsewhere"] else "test",
                    "dependencies": [f"s{number - by}" for by in sorted(steps) if by <= number],
                    "retry": retry,
                }
                for number, steps in enumerate(back)
            ],
        }
        self.client.register_template(definition)
        compiled = self.client.get_template("test", f"t{len(self.templates)}").steps
        place = {step["name"]: number for number, step in enumerate(compiled, 1)}
        assert all(place[parent] < place[s["name"]] for s in compiled for parent in s["parents"])
        for namespace in {"test"} | {step["namespace"] for step in compiled}:
            self.model.add_namespace(namespace)
        self.templates.append(
            Template(
                "test",
                f"t{len(self.templates)}",
                shape["external"],
                shape["max_attempts"],
                shape["backoff"],
                2000,
                5000,
                shape["jitter"],
                tuple(
                    (step["name"], step["namespace"], tuple(place[one] for one in step["parents"]))
                    for step in compiled
                ),
            )
        )
        self.counts["register_template"] += 1

    @drawn(
        lambda self: self.has_room,
        3,
        which=numbers,
        count=st.integers(1, 3),
        priority=st.sampled_from(list(RANKS)),
        delay=st.sampled_from([0, 0, 0, 0, -5, 8]),
        keys=st.none() | st.lists(st.sampled_from("abc"), min_size=3, max_size=3),
    )
    def create(
        self, which: int, count: int, priority: str, delay: int, keys: list[str] | None
    ) -> None:
        template = pick(self.templates, which)
        contexts = [{"n": (which + number) % 2} for number in range(count)]
        keys = keys and keys[:count]
        run_at = self.model.now + delay * 1000 if delay else None
        options: dict[str, Any] = {"priority": priority}
        if run_at is not None:
            options["run_at"] = (EPOCH + timedelta(milliseconds=run_at)).isoformat()
        if keys:
            options["idempotency_keys"] = keys

        def engine() -> Any:
            made = self.client.create_tasks("test", template.name, contexts, options)
            return [(task.task_uuid, task.created) for task in made]

        def model(answer: Any) -> Any:
            uuids = [uuid for uuid, _ in answer] if isinstance(answer, list) else [uuid4()] * count
            return self.model.create(template, contexts, keys, uuids, priority, run_at)

        self.both("create_tasks", engine, model)

    @drawn(
        lambda self: len(self.model.queues[REQUESTS] or []) < 2,
        which=numbers,
        key=st.none() | st.sampled_from("abc"),
        wrong=st.sampled_from([None, None, None, "name", "key", "options", "nothing"]),
    )
    def ask_for_a_task(self, which: int, key: str | None, wrong: str | None) -> None:
        template = pick(self.templates, which)
        message: Any = {"namespace": "test", "name": template.name, "context": {"n": which % 2}}
        if key:
            message["options"] = {"idempotency_key": key}
        if wrong == "options":
            message["options"] = {"priority": "highest"}
        elif wrong == "nothing":
            message = None
        elif wrong:
            message[wrong] = "wrong"
        self.post(REQUESTS, [message])
        self.counts["(send a request)"] += 1

    @drawn(lambda self: self.model.queues[REQUESTS] and self.has_room, limit=st.integers(1, 5))
    def process_task_requests(self, limit: int) -> None:
        def model(answer: Any) -> Any:
            queue = self.model.queues[REQUESTS] or []
            messages, queue[:] = queue[:limit], queue[limit:]
            return [self.requested(m, a[0]) for (m, _), a in zip(messages, answer, strict=True)]

        self.both(
            "process_task_requests",
            lambda: [
                (row.task_uuid, row.created, bool(row.error))
                for row in self.client.process_task_requests(limit)
            ],
            model,
            something=bool,
        )

    def requested(self, message: Any, uuid: UUID | None) -> tuple[UUID | None, bool, bool]:
        """What becomes of a message that asks for a task."""
        known = {template.name: template for template in self.templates}
        try:
            if (
                not message
                or message.keys() - {"namespace", "name", "context", "options"}
                or message["name"] not in known
                or message.get("options", {}).keys() - {"idempotency_key"}
            ):
                raise Refused("22023")
            key = message.get("options", {}).get("idempotency_key")
            template = known[message["name"]]
            ((made, new),) = self.model.create(
                template,
                [message["context"]],
                key and [key],
                [uuid or uuid4()],
            )
            return made, new, False
        except Refused:
            self.model.rejected += 1
            return None, False, True

    # Working

    @drawn(
        lambda self: any(map(self.queued, NAMESPACES)),
        3,
        namespace=st.sampled_from(["test", "test", "other"]),
        limit=st.sampled_from([1, 2, 3, 5, 10]),
        lease=st.sampled_from([30, 60]),
        new=st.booleans(),
    )
    def claim_steps(self, namespace: str, limit: int, lease: int, new: bool) -> None:
        limit = self.enough(namespace, limit)
        self.session(new)
        self.seen, self.well, self.swept = None, False, False
        rows = self.client.claim_steps(namespace, self.worker(), limit, seconds(lease))
        self.claimed(rows, namespace, limit, lease, new)
        if rows:
            self.counts["claim_steps"] += 1

    @drawn(lambda _: True, 12, which=numbers, bad=st.sets(st.integers(0, 4), max_size=2))
    def work(self, which: int, bad: set[int]) -> None:
        """The usual thing: what was claimed is finished, what is queued is claimed, and when there
        is nothing, there is more to do, or time passes."""
        full = [name for name in NAMESPACES if self.queued(name) and name not in self.model.paused]
        if self.model.claims:
            self.finish_and_claim(which, bad, 99, pick(full or NAMESPACES, which), 5, True)
        elif full:
            self.claim_steps(pick(full, which), 5, 30, True)
        elif self.has_room:
            self.create(which, 1 + which % 2, pick(RANKS, which), 0, None)
        else:
            self.turn_the_clock(6000)
            self.sweep()

    @drawn(
        lambda self: self.model.claims,
        3,
        which=numbers,
        bad=st.sets(st.integers(0, 4), max_size=2),
        most=st.sampled_from([1, 5, 99]),
        namespace=st.sampled_from(["test", "test", "other"]),
        limit=st.sampled_from([0, 1, 5]),
        new=st.booleans(),
    )
    def finish_and_claim(
        self, which: int, bad: set[int], most: int, namespace: str, limit: int, new: bool
    ) -> None:
        claim = pick(self.model.claims.values(), which)
        outcomes = self.outcomes(claim.steps[:most], bad, which)
        self.finish(claim.token, outcomes, namespace, limit, new)

    def finish(
        self,
        token: UUID,
        outcomes: dict[Step, Outcome],
        namespace: str,
        limit: int,
        new: bool,
    ) -> None:
        limit = limit and self.enough(namespace, limit + len(outcomes))
        self.session(new)
        self.past.append((token, outcomes))
        answers = token, min(step.id for step in outcomes)
        rows: list[Any] = []

        def engine() -> Any:
            rows[:] = self.client.finish_and_claim(
                namespace, self.worker(), token, as_json(outcomes), limit, seconds(30)
            )
            return [row.step_uuid for row in rows]

        def model(answer: Any) -> Any:
            if self.model.finish(token, outcomes):
                self.claimed(rows, namespace, limit, 30, new, answers)
                return answer
            claims = [claim for claim in self.model.claims.values() if claim.answers == answers]
            return [step.uuid for claim in claims for step in self.model.claim_again(claim)]

        self.both("finish_and_claim", engine, model)

    @drawn(lambda self: self.model.claims, which=numbers, held=st.booleans())
    def complete_step(self, which: int, held: bool) -> None:
        claim = pick(self.model.claims.values(), which)
        step = pick(claim.steps, which)
        with self.somebody_holds([step.task, *step.children] if held else []):
            self.complete(step, claim.token, {"n": which})

    def complete(self, step: Step, token: UUID, result: Any) -> None:
        repeat = len(self.past) % 2 == 0

        def model(_: Any) -> Any:
            if not self.is_done(step, token):
                self.model.finish(token, {step: Outcome(result)})
            elif not repeat:
                raise Refused("TK009")
            return self.model.answer(step)

        self.past.append((token, {step: Outcome(result)}))
        self.both(
            "complete_step",
            lambda: answer(self.client.complete_step(step.uuid, token, result, repeat)),
            model,
        )

    def is_done(self, step: Step, token: UUID) -> bool:
        return step.state == "complete" and step.token == token

    @drawn(
        lambda self: self.model.claims,
        which=numbers,
        retryable=st.sampled_from([True, True, False]),
        after=st.sampled_from([None, None, 0, 7]),
    )
    def fail_step(self, which: int, retryable: bool, after: int | None) -> None:
        claim = pick(self.model.claims.values(), which)
        outcome = Outcome(None, f"failure {which}", retryable, after and after * 1000)
        if after == 0:
            outcome = Outcome(None, f"failure {which}", retryable, 0)
        self.fail(pick(claim.steps, which), claim.token, outcome)

    def fail(self, step: Step, token: UUID, outcome: Outcome) -> None:
        after = outcome.retry_after

        def engine() -> Any:
            row = self.client.fail_step(
                step.uuid,
                token,
                outcome.error,
                outcome.retryable,
                None if after is None else seconds(after / 1000),
            )
            return row.step_state, ms(row.next_retry_at), row.task_state

        def model(said: Any) -> Any:
            if token not in step.reported:
                self.model.finish(token, {step: outcome})
            state, due = step.reported[token]
            if isinstance(due, tuple) and due[0] <= said[1] <= due[1]:
                due = said[1]
            ended = state == "waiting_for_retry" and step.task.ended
            return state, due, "in_progress" if ended else step.task.state

        self.past.append((token, {step: outcome}))
        self.both("fail_step", engine, model)

    @drawn(
        lambda self: self.model.claims,
        which=numbers,
        bad=st.sets(st.integers(0, 4), max_size=2),
        most=st.integers(1, 5),
    )
    def submit_step_results(self, which: int, bad: set[int], most: int) -> None:
        claim = pick(self.model.claims.values(), which)
        self.submit(claim.token, self.outcomes(claim.steps[:most], bad, which))

    def submit(self, token: UUID, outcomes: dict[Step, Outcome]) -> None:
        def engine() -> Any:
            row = self.client.submit_step_results(token, as_json(outcomes))
            return row and row.submission_id

        self.past.append((token, outcomes))
        self.both("submit_step_results", engine, lambda _: self.model.submit(token, outcomes))

    @drawn(
        lambda self: self.model.claims and len(self.model.queues[RESULTS] or []) < 2,
        which=numbers,
        wrong=st.sampled_from([None, None, "token", "number", "outcomes", "text"]),
    )
    def send_results(self, which: int, wrong: str | None) -> None:
        """A worker that can only write messages."""
        claim = pick(self.model.claims.values(), which)
        outcomes = self.outcomes(claim.steps, set(), which)
        message: Any = {"token": str(claim.token), "outcomes": as_json(outcomes)}
        if wrong == "number":
            message = {"submission_id": -1}
        elif wrong == "text":
            message = "text"
        elif wrong:
            message[wrong] = str(uuid4())
        self.post(RESULTS, [message])
        self.counts["(send results)"] += 1

    @drawn(lambda self: self.model.queues[RESULTS], 2, limit=st.integers(1, 5))
    def process_step_results(self, limit: int) -> None:
        def model(_: Any) -> Any:
            queue = self.model.queues[RESULTS] or []
            messages, queue[:] = queue[:limit], queue[limit:]
            return [self.processed(message) for message, _ in messages]

        self.both(
            "process_step_results",
            lambda: [
                (row.completed, row.failed, bool(row.error))
                for row in self.client.process_step_results(limit)
            ],
            model,
            something=bool,
        )

    def processed(self, message: Any) -> tuple[int, int, bool]:
        """What becomes of a message with results."""
        try:
            if "submission_id" in message:
                if message["submission_id"] < 1:
                    raise Refused("22023")
                return *self.model.process(message["submission_id"]), False
            if "token" not in message or not isinstance(message["outcomes"], list):
                raise Refused("22023")
            steps = {str(step.uuid): step for step in self.model.steps.values()}
            outcomes = {
                steps[one["step_uuid"]]: Outcome(one["result"]) for one in message["outcomes"]
            }
            submitted = self.model.submit(UUID(message["token"]), outcomes)
            return *self.model.process(submitted), False
        except Refused:
            self.model.rejected += 1
            return 0, 0, True

    @drawn(lambda self: self.model.claims, which=numbers, lease=st.sampled_from([30, 90]))
    def heartbeat(self, which: int, lease: int) -> None:
        self.beat(pick(self.model.claims, which), lease)

    def beat(self, token: UUID, lease: int) -> None:
        def engine() -> Any:
            row = self.client.heartbeat(token, seconds(lease))
            return ms(row.lease_until), row.cancelled_step_uuids

        self.both("heartbeat", engine, lambda _: self.model.heartbeat(token, lease * 1000))

    @drawn(lambda self: self.model.claims, which=numbers)
    def release_claim(self, which: int) -> None:
        self.release(pick(self.model.claims, which))

    def release(self, token: UUID) -> None:
        self.both(
            "release_claim",
            lambda: [row.step_uuid for row in self.client.release_claim(token)],
            lambda _: self.model.release(token),
        )

    @drawn(
        lambda self: self.past,
        which=numbers,
        verb=st.sampled_from(["complete", "fail", "finish", "submit", "heartbeat", "release"]),
        forged=st.sampled_from([False, False, False, True]),
        change=st.booleans(),
    )
    def repeat_or_come_late(self, which: int, verb: str, forged: bool, change: bool) -> None:
        """The reply was lost; or the worker slept, and its token means nothing any more."""
        token, outcomes = pick(self.past, which)
        token = uuid4() if forged else token
        step = pick(outcomes, which)
        if verb == "finish":
            self.finish(token, outcomes, "test", 5, False)
        elif verb == "submit":
            self.submit(token, outcomes)
        elif verb == "heartbeat":
            self.beat(token, 30)
        elif verb == "release":
            self.release(token)
        elif (outcomes[step].error is None) != change:
            self.complete(step, token, "late")
        else:
            self.fail(step, token, Outcome(None, "late", True, 0))
        self.counts["(repeated or late)"] += 1

    # What time and accidents do

    @drawn(lambda _: True, by=st.sampled_from([1, 2, 6, 31, 61, 3601]))
    def time_passes(self, by: int) -> None:
        self.turn_the_clock(by * 1000)
        self.counts["(time passes)"] += 1

    @drawn(lambda self: self.model.now > 2000, by=st.integers(1, 1500))
    def the_clock_is_set_back(self, by: int) -> None:
        self.turn_the_clock(-by)
        self.counts["(clock set back)"] += 1

    @drawn(lambda _: True, 3)
    def sweep(self) -> None:
        self.both(
            "sweep",
            lambda: {row.action: row.affected for row in self.client.sweep()},
            lambda _: self.model.sweep(),
            something=lambda said: any(said.values()),
        )
        self.swept = True

    @drawn(
        lambda _: True,
        2,
        which=numbers,
        how=st.sampled_from(["purge", "drop", "first", "last", "double", "forge", "hide", "move"]),
    )
    def tamper(self, which: int, how: str) -> None:
        """With a queue that has messages, if any has."""
        there = {name: found for name, found in self.model.queues.items() if found is not None}
        full = [name for name, found in there.items() if found]
        queue = pick(full or there or [RESULTS], which)
        steps = [name for name in there if name not in (RESULTS, REQUESTS)]
        if how == "drop" and there:
            self.run(f"select pgmq.drop_queue('{queue}')")
            self.model.queues[queue] = None
        elif how in ("first", "last") and full:
            end = {"first": "min", "last": "max"}[how]
            messages = f"pgmq.q_{queue}"
            self.run(
                f"delete from {messages} where msg_id = (select {end}(msg_id) from {messages})"
            )
            there[queue].pop(0 if how == "first" else -1)
        elif how == "hide" and full:
            self.run(f"select pgmq.read('{queue}', 3600, 2)")
        elif how == "double" and full:
            self.post(queue, [content for content, _ in there[queue]])
        elif how == "forge" and steps:
            known = [*self.model.steps, 1, 77]
            forged = [{"step_id": pick(known, which)}, {"x": None}, 5]
            self.post(pick(steps, which), forged[: which % 3 + 1])
        elif full:
            taken, there[queue][:] = there[queue][:], []
            self.run(f"select pgmq.purge_queue('{queue}')")
            if how == "move" and queue in steps:
                self.post(pick(steps, which // 2), [content for content, _ in taken])
        else:
            return
        self.counts[f"({how} messages)"] += 1

    # What operators do

    @drawn(
        lambda self: len(self.open_tasks) > 2,
        which=numbers,
        state=st.sampled_from(["cancelled", "resolved_manually"]),
    )
    def end_a_task(self, which: int, state: str) -> None:
        task = pick(self.tasks, which)
        verb = {"cancelled": "cancel_task", "resolved_manually": "resolve_task"}[state]

        def engine() -> Any:
            row = getattr(self.client, verb)(task.uuid, "why")
            return row.task_state, row.cancelled_steps

        self.both(verb, engine, lambda _: (state, self.model.close(task, state)))

    @drawn(
        lambda _: True,
        2,
        which=numbers,
        verb=st.sampled_from(["retry_step", "resolve_step", "complete_step_manually"]),
    )
    def settle_a_step(self, which: int, verb: str) -> None:
        """Mostly one that has failed."""
        steps = self.model.steps.values()
        failed = [step for step in steps if step.state in ("error", "waiting_for_retry")]
        step = pick(failed if failed and which % 4 else steps, which)
        result = pick([None, {"by": "hand"}], which) if verb == "complete_step_manually" else None
        arguments = [step.uuid, *([result] if verb == "complete_step_manually" else []), "why"]

        def model(_: Any) -> Any:
            if verb == "retry_step":
                return self.model.retry(step)
            state = "resolved_manually" if verb == "resolve_step" else "complete"
            return self.model.settle(step, state, result)

        self.both(verb, lambda: answer(getattr(self.client, verb)(*arguments)), model)

    @drawn(lambda _: True, 2, which=numbers)
    def requeue_a_step(self, which: int) -> None:
        """Mostly one that somebody holds, or that is to be taken."""
        steps = self.model.steps.values()
        moving = [step for step in steps if step.state in ("in_progress", "enqueued")]
        step = pick(moving if moving and which % 4 else steps, which)
        self.both(
            "requeue_step",
            lambda: answer(self.client.requeue_step(step.uuid, "why")),
            lambda _: self.model.requeue(step),
        )

    @drawn(
        lambda _: True,
        2,
        which=numbers,
        what=st.sampled_from(["task", "task", "template", "namespace"]),
    )
    def pause_or_resume(self, which: int, what: str) -> None:
        """Mostly resume what is paused, if anything is."""
        paused: list[tuple[str, Any]] = [("task", task) for task in self.tasks if task.paused]
        paused += [("template", one) for one in self.templates if one in self.model.paused]
        paused += [("namespace", one) for one in NAMESPACES if one in self.model.paused]
        if paused and which % 4:
            self.switch(*pick(paused, which), resume=True)
            return
        things: dict[str, Iterable[Any]] = {
            "task": self.tasks,
            "template": self.templates,
            "namespace": NAMESPACES,
        }
        self.switch(what, pick(things[what], which), resume=which % 8 == 0)

    def switch(self, what: str, thing: Any, resume: bool) -> None:
        verb = f"{'resume' if resume else 'pause'}_{what}"
        named = {"task": lambda: [thing.uuid], "template": lambda: ["test", thing.name]}
        arguments = named.get(what, lambda: [thing])()

        def engine() -> Any:
            row = getattr(self.client, verb)(*arguments, "why")
            return row.paused, row.changed

        def model(_: Any) -> Any:
            if what == "task":
                changed = thing.paused == resume
                thing.paused = not resume
                if resume and changed:
                    self.model.restore(thing, self.model.now)
            else:
                changed = (thing in self.model.paused) == resume
                (self.model.paused.discard if resume else self.model.paused.add)(thing)
            return not resume, changed

        self.both(verb, engine, model)

    # Finalizing from outside

    @drawn(
        lambda self: self.attempts or any(map(self.model.is_ready, self.tasks)),
        which=numbers,
        verb=st.sampled_from(["claim", "claim", "extend", "release", "finalize"]),
    )
    def finalize_from_outside(self, which: int, verb: str) -> None:
        """Mostly a task that is ready for it, and with the last attempt."""
        tasks = self.tasks
        ready = [task for task in tasks if self.model.is_ready(task)]
        task = pick(ready if ready and which % 4 else tasks, which)
        attempt = pick(self.attempts[-2:] or [uuid4()], which)
        if verb == "claim":
            self.claim_finalization(task, 20 + which % 20)
        elif verb == "extend":
            self.both(
                "extend_finalization_claim",
                lambda: ms(self.client.extend_finalization_claim(attempt, 25).claimed_until),
                lambda _: self.model.extend_finalization(attempt, 25_000),
            )
        elif verb == "release":
            self.both(
                "release_finalization_claim",
                lambda: getattr(self.client.release_finalization_claim(attempt), "released", None),
                lambda _: self.model.release_finalization(attempt),
            )
        else:
            self.finalize(task, attempt if self.attempts and which % 3 else None)

    def claim_finalization(self, task: Task, timeout: int) -> None:
        processor = self.worker()
        attempts: list[UUID] = []

        def engine() -> Any:
            row = self.client.claim_task_for_finalization(task.uuid, processor, timeout)
            if row.finalization_attempt_uuid:
                attempts.append(row.finalization_attempt_uuid)
            return row.message

        def model(_: Any) -> Any:
            attempt = attempts[0] if attempts else None
            return self.model.claim_finalization(task, processor, timeout * 1000, attempt)

        self.both("claim_task_for_finalization", engine, model)
        self.attempts += attempts

    def finalize(self, task: Task, attempt: UUID | None) -> None:
        self.both(
            "finalize_task",
            lambda: self.client.finalize_task(task.uuid, attempt).message,
            lambda _: self.model.finalize(task, attempt),
        )

    @drawn(lambda self: self.model.steps, 2)
    def explain(self) -> None:
        """What nothing blocks is what claims hand out, and what they enqueue themselves; and what
        they find in a queue that is not its own, where nobody looks who explains.
        """
        blocking = {
            step.uuid: {row.code for row in self.client.explain_step(step.uuid) if row.blocks}
            for step in self.model.steps.values()
        }
        free = {step for step, codes in blocking.items() if not codes}
        soon = {step for step, codes in blocking.items() if codes <= {"due", "uncounted"}}
        strayed = {
            UUID(step)
            for invariant, step in self.model.broken()
            if step and invariant == "a message lies in its step's own queue"
        }
        claimed: set[UUID] = set()
        with self.connection.transaction(force_rollback=True):
            for namespace in NAMESPACES:
                while rows := self.client.claim_steps(namespace, "w", 1000):
                    claimed |= {row.step_uuid for row in rows}
        behind = {  # a lost message is missed when it would be the next one
            step.uuid
            for step in self.model.steps.values()
            if step.state == "enqueued"
            and (messages := self.model.queues[step.queue])
            and step not in self.model.pointed(messages)
        }
        waits = free - claimed - behind
        assert not waits, [self.client.explain_step(step) for step in waits]
        odd = claimed - soon - strayed
        assert not odd, [self.client.explain_step(step) for step in odd]
        assert not any("broken" in codes for codes in blocking.values())
        for task in self.tasks:
            reasons = self.client.explain_task(task.uuid)
            assert not any(row.code == "broken" for row in reasons), task.uuid
            for row in self.client.task_timings(task.uuid):
                parts = [getattr(row, part) for part in PARTS]
                assert min(parts) >= timedelta()
                assert sum(parts, timedelta()) == row.wall_time
            assert len(self.client.critical_path(task.uuid)) == len(task.steps)
        self.counts["(explained)"] += len(free) > 0

    @rule(
        call=st.sampled_from([name for name in DRAWN for _ in range(DRAWN[name].often)]).flatmap(
            lambda name: st.tuples(st.just(name), st.fixed_dictionaries(DRAWN[name].arguments))
        )
    )
    def call(self, call: tuple[str, dict[str, Any]]) -> None:
        """Where that is not possible now, work goes on."""
        name, arguments = call
        if DRAWN[name].possible(self):
            getattr(self, name)(**arguments)
        else:
            self.work(len(self.past), set())

    # What must hold

    @invariant()
    def the_engine_is_where_the_model_is(self) -> None:
        seen = self.look()
        broken = {tuple(row) for row in seen.pop("broken")}
        assert {row[1:] for row in broken if row[0] == "safety"} == self.model.broken()
        assert not self.swept or all(severity == "safety" for severity, *_ in broken)
        for step in self.model.steps.values():
            if isinstance(step.due, tuple):
                (first, last), due = step.due, seen["steps"][str(step.id)][7]
                assert first <= due <= last
                step.due = due
                step.reported = {
                    token: (state, due if isinstance(at, tuple) else at)
                    for token, (state, at) in step.reported.items()
                }
        expected = self.model.visible()
        for side in (seen, expected):  # what a call hands over to itself may go back later
            for name, messages in side["queues"].items():
                side["queues"][name] = messages and sorted(messages, key=of_a_moment)
        assert seen == expected, difference(seen, expected)
        self.seen, self.well, self.swept = None, True, False
        self.turn_the_clock(1)

    def teardown(self) -> None:
        """Resume everything, and let a worker run: every task must come to its end."""
        if not self.well:
            return  # it failed before
        before = self.counts.copy()
        for namespace in self.model.paused & set(NAMESPACES):
            self.switch("namespace", namespace, True)
        for template in self.model.paused - set(NAMESPACES):
            self.switch("template", template, True)
        for task in self.tasks:
            self.switch("task", task, True)
        for _ in range(60):
            self.the_engine_is_where_the_model_is()
            self.turn_the_clock(61_000)
            self.sweep()
            self.process_step_results(1000)
            for namespace in NAMESPACES:
                self.claim_steps(namespace, 1000, 30, True)
            for claim in list(self.model.claims.values()):
                self.finish(claim.token, self.outcomes(claim.steps, set(), 0), "test", 0, False)
            for task in self.tasks:
                if self.model.is_ready(task):
                    self.finalize(task, None)
            self.the_engine_is_where_the_model_is()
            if all(task.ended for task in self.tasks):
                break
        states = [task.state for task in self.tasks]
        assert all(task.ended for task in self.tasks), states
        self.counts.clear()
        self.counts.update(before)
        self.ends.update(states)

    # How it is done

    def both(
        self,
        verb: str,
        engine: Callable[[], Any],
        model: Callable[[Any], Any],
        something: Callable[[Any], bool] = lambda _: True,
    ) -> None:
        """Engine and model must give the same answer, or refuse with the same code."""
        self.seen, self.well, self.swept = None, False, False
        try:
            said = engine()
        except errors.TaskerError as error:
            said = error.sqlstate
        try:
            expected = model(said)
        except Refused as refused:
            expected = refused.code
        assert said == expected, f"{verb}: {said}, the model says {expected}"
        self.counts[verb] += something(said)

    def claimed(
        self,
        rows: Sequence[Any],
        namespace: str,
        limit: int,
        lease: int,
        new: bool,
        answers: tuple[UUID, int] | None = None,
    ) -> None:
        """Let the model adopt a claim; then the worker must have got what it needs."""
        tokens = {row.token for row in rows} or {uuid4()}
        assert len(tokens) == 1
        steps = [self.model.steps[row.step_uuid.int & (1 << 62) - 1] for row in rows]
        claim = Claim(
            tokens.pop(),
            namespace,
            f"w{self.workers}",
            self.model.now + lease * 1000,
            steps,
            answers,
        )
        left = {
            name: messages if messages is None else [tuple(message) for message in messages]
            for name, messages in self.look()["queues"].items()
        }
        self.model.claim(claim, limit, left, new)
        for row, step in zip(rows, claim.steps, strict=True):
            assert (row.attempt, row.context) == (step.attempt, step.task.context)
            assert row.dependency_results == {one.name: one.result for one in step.parents}

    def outcomes(self, steps: Iterable[Step], bad: set[int], which: int) -> dict[Step, Outcome]:
        return {
            step: Outcome(None, f"failure {which}", bool(which % 3), [None, 4000][which % 2])
            if number in bad
            else Outcome({"n": which})
            for number, step in enumerate(sorted(steps, key=lambda step: step.id))
        }

    @property
    def tasks(self) -> list[Task]:
        return list(self.model.tasks.values())

    @property
    def open_tasks(self) -> list[Task]:
        return [task for task in self.tasks if not task.ended]

    @property
    def has_room(self) -> bool:
        return len(self.open_tasks) < 5 and len(self.tasks) < 12

    def worker(self) -> str:
        self.workers += 1
        return f"w{self.workers}"

    def session(self, new: bool) -> None:
        """A new session does not remember which queues were empty."""
        if new:
            self.run("reset all")

    def queued(self, namespace: str) -> int:
        """How many messages its queues hold."""
        names = [name for name in self.model.queues if name.startswith(f"{namespace}_")]
        return sum(len(self.model.queues[name] or []) for name in names)

    def enough(self, namespace: str, limit: int) -> int:
        """A claim looks ten times at most: more than there are pointers to nothing."""
        messages = self.queued(namespace)
        return limit if messages < 9 else max(limit, messages // 5)

    @contextmanager
    def somebody_holds(self, rows: Sequence[Step | Task]) -> Iterator[None]:
        """Somebody holds wide joins, for which nobody waits."""
        with self.somebody.transaction():
            for row in rows:
                value: Any = row.uuid
                if isinstance(row, Step) and len(row.parents) > WIDE:
                    table, key, value = "steps", "step_id", row.id
                elif isinstance(row, Task) and len(row.sinks) > WIDE and row.state == "in_progress":
                    table, key = "tasks", "task_uuid"
                else:
                    continue
                lock = f"select from tasker.{table} where {key} = %s for update"
                self.somebody.execute(lock.encode(), [value])
                self.model.locked.add(row)
                self.counts["(held joins)"] += 1
            yield
            self.model.locked.clear()

    def look(self) -> dict[str, Any]:
        if self.seen is None:
            query = "select public.look() || jsonb_build_object('queues', public.messages())"
            ((self.seen,),) = self.connection.execute(query).fetchall()
        assert self.seen is not None
        return self.seen

    def post(self, queue: str, contents: Sequence[Any]) -> None:
        """Put messages into a queue, past the engine."""
        for content in contents if self.model.queues[queue] is not None else []:
            self.connection.execute(
                f"insert into pgmq.q_{queue} (enqueued_at, vt, message)"
                " select t, t, %s::jsonb from public.clock".encode(),
                [psycopg.types.json.Jsonb(content)],
            )
            self.model.send(queue, content)

    def turn_the_clock(self, by: int) -> None:
        self.model.now += by
        self.run(f"update public.clock set t = t + interval '{by} ms'")

    def run(self, statement: str) -> None:
        self.connection.execute(statement.encode())


def as_json(outcomes: dict[Step, Outcome]) -> list[dict[str, Any]]:
    """Outcomes as workers report them."""
    return [
        {"step_uuid": str(step.uuid), "result": outcome.result}
        if outcome.error is None
        else {
            "step_uuid": str(step.uuid),
            "error": outcome.error,
            "retryable": outcome.retryable,
            "retry_after_seconds": outcome.retry_after and outcome.retry_after / 1000,
        }
        for step, outcome in outcomes.items()
    ]


def answer(row: Any) -> tuple[UUID, str, str]:
    return row.task_uuid, row.step_state, row.task_state


def of_a_moment(message: Any) -> tuple[Any, str]:
    """Orders messages by their time; which of two of one moment stands first is not promised."""
    content, at = message
    return at, json.dumps(content, sort_keys=True)


def difference(seen: Any, expected: Any, where: str = "") -> str:
    """Where two pictures differ."""
    if isinstance(seen, dict) and isinstance(expected, dict):
        parts = [
            difference(seen.get(key), expected.get(key), f"{where}/{key}")
            for key in sorted(seen.keys() | expected.keys())
        ]
        return "".join(parts)
    return "" if seen == expected else f"\n{where}: {seen}\n  the model says {expected}"


def look_at(dsn: str, number: int, examples: int) -> tuple[Counter[str], Counter[str]]:
    """One batch of examples; what was called, and how tasks ended."""
    counts: Counter[str] = Counter()
    ends: Counter[str] = Counter()
    with (
        psycopg.connect(dsn, autocommit=True) as connection,
        psycopg.connect(dsn, autocommit=True) as somebody,
    ):
        client = Client(connection)
        if connection.execute("select to_regclass('public.clock')").fetchone() == (None,):
            connection.execute(SCENERY.encode())
            for namespace in NAMESPACES:
                client.create_namespace(namespace)
            parts = [MESSAGES_OF_ONE.format(name) for name in Model(NAMESPACES).queues]
            connection.execute((MESSAGES % "".join(parts)).encode())
        connection.execute("vacuum")  # what batches before it have left, which nothing else does
        given = {"client": client, "connection": connection, "somebody": somebody}
        made = type("Machine", (Machine,), given | {"counts": counts, "ends": ends})
        try:
            run_state_machine_as_test(
                seed(number)(made),
                settings=settings(
                    max_examples=examples,
                    stateful_step_count=CALLS,
                    deadline=None,
                    suppress_health_check=list(HealthCheck),
                    database=None,
                    report_multiple_bugs=False,
                    phases=[Phase.generate, Phase.shrink],
                ),
            )
        except BaseException as error:
            error.add_note(f"in the batch with the seed {number}")
            raise
    return counts, ends


@pytest.mark.newest
@pytest.mark.timeout(1200)
def test_any_order_of_calls_does_what_the_model_says(server: Server, thorough: bool) -> None:
    """Two batches at a time, each with a database of its own."""
    wanted, examples = int(ASKED or RULES[thorough]), EXAMPLES[thorough or bool(ASKED)]
    begun = time.monotonic()
    seeds = itertools.count(secrets.randbits(32) if ASKED else 1)
    counts: Counter[str] = Counter()
    ends: Counter[str] = Counter()
    with ExitStack() as stack:
        databases = [stack.enter_context(server.database(server.migrated)) for _ in range(2)]
        pool = stack.enter_context(ProcessPoolExecutor(2, get_context("spawn")))
        running = {pool.submit(look_at, dsn, next(seeds), examples): dsn for dsn in databases}
        while running:
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                dsn = running.pop(future)
                more, ended = future.result()
                counts, ends = counts + more, ends + ended
                rules = counts.total() - sum(counts[name] for name in BESIDES)
                taken = round(time.monotonic() - begun)
                print(f"{rules} rules in {taken} s", flush=True)
                if rules < wanted and taken < SECONDS:
                    running[pool.submit(look_at, dsn, next(seeds), examples)] = dsn
    verbs = {verb: count for verb, count in sorted(counts.items()) if verb != "examples"}
    print(*(f"{count:8} {verb}" for verb, count in verbs.items()), sep="\n")
    assert rules >= wanted or taken >= SECONDS
    assert len(VERBS & verbs.keys()) >= len(VERBS) * (1 if wanted > 10_000 else 0.8), "never called"
    assert set(ends) == ENDED
    if rules >= LONG_RUN:
        figures = {"rules": rules, "examples": counts["examples"], "tasks": ends.total()}
        figures |= {"seconds": taken}
        evidence.record("properties", figures | {"per_verb": verbs, "ends": dict(ends)})
