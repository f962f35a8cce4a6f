"""What may meet: moves (calls of public functions), and scenes in which they touch the same rows.

A scene's setup happens an hour ago, so that leases have run out, timers are due, and what was left
lying is to be swept up. It names what its moves speak of. The grid says what becomes of the second
of two moves when the first has not yet committed; a row is the first, a column the second:

    .    nobody waits; in either order it would have been the same
    >    nobody waits; as if the second had come after the first
    <    nobody waits; as if the second had come before the first
    ~    nobody waits; things stand as in either order, history does not: a sweep has many parts
    -    nobody waits; the second passes over what the first holds, and a later sweep makes it good
    w    the second waits, and then comes after the first
    x    nobody waits; a processor is refused (already_claimed) because somebody is at the task

A number says that the second is refused, with the error TK00<number>.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from workflows import DIAMOND, REPORT, definition

Names = dict[str, Any]
Ask = Callable[..., list[tuple[Any, ...]]]

CLAIM = "select step_uuid::text, token::text from tasker.claim_steps('test', %s)"
EFFECT = "with effect as (insert into public.effects values (%({0})s, %({1})s) returning 1)"
WIDE = [f"part_{number}" for number in range(17)]
NEW_VERSION = definition("single", {"only": []}).replace("1.0.0", "2.0.0")
REQUEST = {"namespace": "test", "name": "single", "options": {"idempotency_key": "k"}}

TEMPLATES = (
    definition("single", {"only": []}),
    definition("once", {"only": []}, retry={"max_attempts": 1}),
    definition("chain", {"one": [], "two": ["one"]}),
    definition("pair", {"left": [], "right": []}),
    definition("trio", {"left": [], "middle": [], "right": []}),
    definition("diamond", DIAMOND),
    definition("external", {"only": []}, finalization="external"),
    definition("wide", {**{part: [] for part in WIDE}, "join": WIDE}),
    json.dumps(
        {
            "name": "approval",
            "namespace_name": "test",
            "version": "1.0.0",
            "finalization": "external",
            "steps": [
                {"name": "approve", "wait": {"signal": "approved"}},
                {"name": "ship", "handler": {"callable": "ship"}},
                {"name": "tell", "handler": {"callable": "tell"}},
            ],
        }
    ),
)


def complete(step: str, token: str) -> str:
    """A business write and the completion of a step, in one transaction."""
    return (
        f"{EFFECT.format(step, token)} select done.step_state, done.task_state from effect,"
        f" tasker.complete_step(%({step})s, %({token})s, '1') as done"
    )


def fail(step: str, token: str) -> str:
    return (
        "select step_state, task_state"
        f" from tasker.fail_step(%({step})s, %({token})s, '\"no\"', false)"
    )


def create(keys: list[str], context: str) -> str:
    contexts = ", ".join(f"'{context}'" for _ in keys)
    return (
        f"select created from tasker.create_tasks('test', 'single', array[{contexts}]::jsonb[],"
        f""" '{{"idempotency_keys": {json.dumps(keys)}}}')"""
    )


# What each move runs; the function of that name, unless CALLS says otherwise.
MOVES = {
    # definitions
    "create_namespace": "select created from tasker.create_namespace('spare')",
    "drop_namespace": "select name from tasker.drop_namespace('spare')",
    "register_template": "select created from tasker.register_template(%(definition)s)",
    "register_version": "select created from tasker.register_template(%(version)s)",
    # tasks
    "create_task": "select created from tasker.create_task('test', 'single', '{}',"
    """ '{"idempotency_key": "k"}')""",
    "create_other": "select created from tasker.create_task('test', 'single', '{\"n\": 1}',"
    """ '{"idempotency_key": "k"}')""",
    "create_tasks": create(["k", "j"], "{}"),
    "create_turned": create(["j", "k"], "{}"),
    "process_task_requests": "select created, error from tasker.process_task_requests()",
    "create_spare": "select created from tasker.create_task('spare', 'single')",
    # work
    "claim_steps": "select task_uuid, name, attempt from tasker.claim_steps('test', 'c')",
    "claim_spare": "select name from tasker.claim_steps('spare', 'c')",
    "finish_and_claim": EFFECT.format("step", "token")
    + " select next.name, next.attempt from effect,"
    " tasker.finish_and_claim('test', 'c', %(token)s, %(outcomes)s) as next",
    "complete_step": complete("step", "token"),
    "complete_other": complete("other_step", "other_token"),
    "checkpoint_step": "select number, repeated"
    " from tasker.checkpoint_step(%(step)s, %(token)s, '1', 0)",
    "sleep_step": "select step_state from tasker.sleep_step(%(step)s, %(token)s, '1 day')",
    "fail_step": fail("step", "token"),
    "fail_other": fail("other_step", "other_token"),
    "heartbeat": "select cancelled_step_uuids from tasker.heartbeat(%(token)s, '1 day')",
    "report_steps": "select outcome, code, step_state, task_state"
    " from tasker.report_steps(%(token)s, %(outcomes)s)",
    "release_claim": "select step_uuid from tasker.release_claim(%(token)s)",
    "release_named": "select step_uuid"
    " from tasker.release_claim(%(token)s, array[%(step)s]::uuid[])",
    "submit_step_results": "select steps from tasker.submit_step_results(%(token)s, %(outcomes)s)",
    "process_step_results": "select completed, failed, error from tasker.process_step_results()",
    "await_work": "select namespace from tasker.await_work('{test}', 'c')",
    "await_spare": "select namespace from tasker.await_work('{spare}', 'c')",
    "sweep": "select action, affected from tasker.sweep() where affected > 0",
    # people
    "send_signal": "select state from tasker.send_signal(%(task)s, 'approved', '1')",
    "answer_wait": "select step_state, task_state from tasker.answer_wait(%(waiting)s, '1')",
    # operators
    "set_deadline": "select previous is null"
    " from tasker.set_deadline(%(task)s, '2050-01-01Z', 'x')",
    "cancel_task": "select task_state, cancelled_steps from tasker.cancel_task(%(task)s, 'x')",
    "resolve_task": "select task_state, cancelled_steps from tasker.resolve_task(%(task)s, 'x')",
    "retry_step": "select step_state, task_state from tasker.retry_step(%(step)s, 'x')",
    "retry_other": "select step_state, task_state from tasker.retry_step(%(other_step)s, 'x')",
    "requeue_step": "select step_state, task_state from tasker.requeue_step(%(step)s, 'x')",
    "resolve_step": "select step_state, task_state from tasker.resolve_step(%(step)s, 'x')",
    "resolve_other": "select step_state, task_state from tasker.resolve_step(%(other_step)s, 'x')",
    "complete_step_manually": "select step_state, task_state"
    " from tasker.complete_step_manually(%(step)s, '2', 'x')",
    "pause_task": "select paused, changed from tasker.pause_task(%(task)s, 'x')",
    "resume_task": "select paused, changed from tasker.resume_task(%(task)s, 'x')",
    "pause_template": "select paused, changed from tasker.pause_template('test', %(name)s, 'x')",
    "resume_template": "select paused, changed from tasker.resume_template('test', %(name)s, 'x')",
    "pause_namespace": "select paused, changed from tasker.pause_namespace('test', 'x')",
    "resume_namespace": "select paused, changed from tasker.resume_namespace('test', 'x')",
    "set_limit": "select previous, changed from tasker.set_limit('tags_per_task', 30, 'x')",
    "acknowledge_problem": "select known.code from tasker.problems,"
    " tasker.acknowledge_problem(problems.code, problems.subject, 'x') as known"
    " where problems.code = 'dead_letters'",
    "put_schedule": "select created, changed from tasker.put_schedule('test', 'plan', %(plan)s)",
    "pause_schedule": "select name from tasker.pause_schedule('test', 'plan', 'x')",
    "resume_schedule": "select name from tasker.resume_schedule('test', 'plan', 'x')",
    "drop_schedule": "select name from tasker.drop_schedule('test', 'plan', 'x')",
    "trigger_schedule": "select created from tasker.trigger_schedule('test', 'plan', 'x')",
    "report_runner": "select breaker, forced from tasker.report_runner('r', %(report)s)",
    "force_breaker": "select changed from tasker.force_breaker('queue', 'open', 'x', 'r')",
    "release_breaker": "select changed from tasker.release_breaker('queue', 'x', 'r')",
    "pause_spare": "select paused, changed from tasker.pause_namespace('spare', 'x')",
    # finalization
    "claim_task_for_finalization": "select claimed, already_claimed_by, task_state, message"
    " from tasker.claim_task_for_finalization(%(task)s, 'q')",
    "extend_finalization_claim": "select message"
    " from tasker.extend_finalization_claim(%(attempt)s)",
    "release_finalization_claim": "select task_state, released"
    " from tasker.release_finalization_claim(%(attempt)s)",
    "finalize_task": "select task_state, finalized, message"
    " from tasker.finalize_task(%(task)s, %(attempt)s)",
    "finalize_freely": "select task_state, finalized, message from tasker.finalize_task(%(task)s)",
}

CALLS = {
    "register_version": "register_template",
    "create_other": "create_task",
    "create_turned": "create_tasks",
    "create_spare": "create_task",
    "claim_spare": "claim_steps",
    "complete_other": "complete_step",
    "fail_other": "fail_step",
    "await_spare": "await_work",
    "release_named": "release_claim",
    "retry_other": "retry_step",
    "resolve_other": "resolve_step",
    "pause_spare": "pause_namespace",
    "finalize_freely": "finalize_task",
}

# These wait for somebody for a few milliseconds only, and then go on without.
IMPATIENT = {"claim_steps", "sweep", "process_step_results", "process_task_requests"}
# These may find less to do than there will be.
SEEKING = IMPATIENT | {"finish_and_claim"}


def task_of(ask: Ask, name: str) -> Names:
    ((task,),) = ask("select task_uuid::text from tasker.create_task('test', %s)", name)
    return {"task": task, "name": name, "attempt": None}


def claimed(ask: Ask, name: str) -> Names:
    """A task whose first step was claimed, for a time that is over."""
    names = task_of(ask, name)
    ((step, token),) = ask(CLAIM, "w")
    outcomes = json.dumps([{"step_uuid": step, "result": 3}])
    return names | {"step": step, "token": token, "outcomes": outcomes}


def both_claimed(ask: Ask, name: str) -> Names:
    names = claimed(ask, name)
    ((step, token),) = ask(CLAIM, "v")
    return names | {"other_step": step, "other_token": token}


def ready(ask: Ask, name: str = "single") -> Names:
    names = task_of(ask, name)
    ((step,),) = ask("select step_uuid::text from tasker.get_task_steps(%s)", names["task"])
    return names | {"step": step}


def lost(ask: Ask) -> Names:
    """A step whose message is gone, in a task that is paused."""
    names = ready(ask)
    ask("delete from pgmq.q_test_queue")
    ask("select from tasker.pause_task(%s, 'x')", names["task"])
    return names


def due(ask: Ask) -> Names:
    names = claimed(ask, "single")
    ask("select from tasker.fail_step(%s, %s, '1')", names["step"], names["token"])
    return names


def failed(ask: Ask) -> Names:
    names = claimed(ask, "chain")
    ask("select from tasker.fail_step(%s, %s, '1', false)", names["step"], names["token"])
    return names


def blocked(ask: Ask) -> Names:
    """A task blocked by a failed step, while another one runs."""
    names = both_claimed(ask, "pair")
    ask("select from tasker.fail_step(%s, %s, '1', false)", names["step"], names["token"])
    return names


def parents(ask: Ask) -> Names:
    """The two parents of a join, both claimed."""
    names = claimed(ask, "diamond")
    ask("select from tasker.complete_step(%s, %s)", names["step"], names["token"])
    first, second = (ask(CLAIM, "w")[0] for _ in range(2))
    return names | {
        "step": first[0],
        "token": first[1],
        "other_step": second[0],
        "other_token": second[1],
        "outcomes": json.dumps([{"step_uuid": first[0], "result": 3}]),
    }


def two_failed(ask: Ask) -> Names:
    """A task blocked by two failed steps, while a third one runs."""
    names = both_claimed(ask, "trio")
    query = "select from tasker.fail_step(%s, %s, '1', false)"
    ask(query, names["step"], names["token"])
    ask(query, names["other_step"], names["other_token"])
    ask("select from tasker.claim_steps('test', 'u')")
    return names


def submitted(ask: Ask, name: str) -> Names:
    """A step whose outcome was submitted."""
    names = claimed(ask, name)
    submit = "select from tasker.submit_step_results(%s, %s)"
    ask(submit, names["token"], names["outcomes"])
    return names


def written(ask: Ask) -> Names:
    """A step whose outcome is written in a message, by a worker that cannot call functions."""
    names = claimed(ask, "chain")
    message = {"token": names["token"], "outcomes": json.loads(names["outcomes"])}
    ask("select pgmq.send('orchestration_step_results', %s::jsonb)", json.dumps(message))
    return names


def finalizable(ask: Ask) -> Names:
    names = claimed(ask, "external")
    ask("select from tasker.complete_step(%s, %s, '3')", names["step"], names["token"])
    return names


def finalizing(ask: Ask, seconds: int) -> Names:
    """A task that somebody is finalizing; an hour has passed since."""
    names = finalizable(ask)
    query = (
        "select finalization_attempt_uuid::text"
        " from tasker.claim_task_for_finalization(%s, 'p', %s)"
    )
    ((attempt,),) = ask(query, names["task"], seconds)
    return names | {"attempt": attempt}


def wide(ask: Ask) -> Names:
    """A join of 17 parents: 15 are counted, one is deferred, and the last one is claimed."""
    names = task_of(ask, "wide")
    claims = ask("select step_uuid::text, token::text from tasker.claim_steps('test', 'w', 15)")
    outcomes = json.dumps([{"step_uuid": step} for step, _ in claims])
    query = "select from tasker.finish_and_claim('test', 'w', %s, %s, 0)"
    ask(query, claims[0][1], outcomes)
    (deferred, last) = (ask(CLAIM, "w")[0] for _ in range(2))
    # As if the join had been locked when this one was completed.
    ask("select from tasker.complete_step(%s, %s)", *deferred)
    ask(
        """
        with counted as (
          update tasker.steps set waiting_parents = waiting_parents + 1
           where state = 'pending'
          returning step_id
        )
        insert into tasker.deferred_decrements (step_id, amount) select step_id, 1 from counted
        """
    )
    return names | {
        "step": last[0],
        "token": last[1],
        "outcomes": json.dumps([{"step_uuid": last[0], "result": 3}]),
    }


def approval(ask: Ask) -> Names:
    """A step that waits for a signal; a claimed one; one whose outcome was submitted."""
    names = task_of(ask, "approval")
    (ship, tell) = (ask(CLAIM, "w")[0] for _ in range(2))
    submitted = json.dumps([{"step_uuid": tell[0], "result": 4}])
    ask("select from tasker.submit_step_results(%s, %s)", tell[1], submitted)
    ((waiting,),) = ask("select step_uuid::text from tasker.open_waits()")
    return names | {
        "step": ship[0],
        "token": ship[1],
        "outcomes": json.dumps([{"step_uuid": ship[0], "result": 3}]),
        "waiting": waiting,
    }


def asked(ask: Ask) -> Names:
    """A message that asks for a task by key."""
    ask("select pgmq.send('orchestration_task_requests', %s::jsonb)", json.dumps(REQUEST))
    return {"name": "single", "version": NEW_VERSION}


def spare(ask: Ask, *, exists: bool) -> Names:
    """A namespace that nobody uses yet."""
    if exists:
        ask("select from tasker.create_namespace('spare')")
    return {"definition": definition("single", {"only": []}, namespace="spare"), "name": "single"}


def scheduled(ask: Ask, *, paused: bool = False) -> Names:
    """A schedule with a tick of half an hour ago that nobody has decided."""
    ((at,),) = ask("select date_trunc('second', tasker._now() + interval '30 minutes')::text")
    plan = {"template": "chain", "at": [at.replace(" ", "T")]}
    put = "select from tasker.put_schedule('test', 'plan', %s)"
    ask(put, json.dumps(plan))
    if paused:
        ask("select from tasker.pause_schedule('test', 'plan', 'x')")
    return {"plan": json.dumps(plan | {"description": "changed"})}


def schedule_failed(ask: Ask) -> Names:
    """The task of a schedule has failed, and its tick was forgotten."""
    names = scheduled(ask)
    ask("select from tasker.trigger_schedule('test', 'plan', 'x')")
    ((step, token),) = ask(CLAIM, "w")
    ask("select from tasker.fail_step(%s, %s, '1', false)", step, token)
    ask("select tasker._open_tasks_of(schedule_id) from tasker.schedules")
    return names | {"step": step}


def runner(ask: Ask) -> Names:
    """A runner with a breaker that is forced."""
    report = json.dumps(REPORT)
    ask("select from tasker.report_runner('r', %s)", report)
    ask("select from tasker.force_breaker('queue', 'closed', 'x', 'r')")
    return {"report": report}


@dataclass(frozen=True)
class Scene:
    """A situation, the moves that may meet in it, and what becomes of the second."""

    setup: Callable[[Ask], Names]
    grid: str

    @property
    def moves(self) -> list[str]:
        return [line.split()[0] for line in self.grid.strip().splitlines()]

    @property
    def expected(self) -> dict[str, dict[str, str]]:
        cells = (line.split() for line in self.grid.strip().splitlines())
        return {first: dict(zip(self.moves, row, strict=True)) for first, *row in cells}


SCENES = {
    "approval": Scene(
        approval,
        """
        answer_wait                 w  w3 .  w  .  w  w  w  .  .  .  .  .  .  w  .3 .  w  w  .  w
        send_signal                 w  w3 .  w  .  w  w  w  .  .  .  .  .  .  w  .3 .  w  w  .  w
        sleep_step                  .  .  w9 .  .  w1 w1 w1 w1 w1 w  w1 .  >  w  w  w3 w  .  .  .
        set_deadline                w  w  .  w  .  w  w  w  .  .  .  .  .  .  w  .3 .  w  w  .  w
        claim_steps                 .  .  .  .  .  .  .  .  .  .  >  .  .  >  .  .3 >  .  .  .  .
        finish_and_claim            w  w  w1 w  .  w  w9 w1 w1 w1 w  w  .  >  w  w3 w3 w3 w  .  w
        complete_step               w  w  w1 w  .  w  w9 w1 w1 w1 w  w  .  >  w  w3 w3 w3 w  .  w
        fail_step                   w  w  w1 w  .  w1 w1 w  w1 w1 w  w1 .  >  w  w  w3 w  w  <  w
        checkpoint_step             .  .  w  .  .  w  w  w  w9 .  w  w  .  ~  w  w3 w  w  .  .  .
        heartbeat                   .  .  w  .  .  w  w  w  .  w  w  w  .  >  >  .3 >  >  .  .  .
        release_claim               .  .  w1 .  <  w1 w1 w1 w1 w1 w  w1 .  >  w  w  w  w  .  .  .
        submit_step_results         .  .  w1 .  .  w1 w1 w1 w1 w1 w  w  <  >  w  w3 w3 w  .  .  .
        process_step_results        w  w  .  w  .  w  w  w  .  .  .  >  >  >  w  .3 .  w  w  .  w
        sweep                       w  w  w1 w  <  w1 w1 w1 w1 w1 w  w1 >  >  w  w  w  w  w  .  w
        cancel_task                 w3 w3 w1 w3 .  w1 w1 w1 w1 <  w  w1 -  -  w  w3 w3 w3 w  <  w
        retry_step                  .  .  >  .  .  .  .  >  .  .  >  .  .  >  .  .3 >  .  .  .  .
        requeue_step                .  .  w1 .  <  w1 w1 w1 w1 <  w  w1 .  ~  w  w  w  w  .  .  .
        resolve_step                w  w  w1 w  .  w1 w1 w1 w1 <  w  w1 .  ~  w  w3 w3 w  w  .  w
        pause_task                  w  w  .  w  .  w  w  w  .  .  .  .  .  .  w  .3 .  w  w  .  w
        claim_task_for_finalization .  .  .  .  .  .  .  >  .  .  .  .  .  .  >  .3 .  .  .  .  .
        finalize_freely             w  w  .  w  .  w  w  w  .  .  .  .  .  .  w  .3 .  w  w  .  w
        """,
    ),
    "claimed": Scene(
        lambda ask: claimed(ask, "chain"),
        """
        claim_steps         .  .  >  .  .  >  .  >  .  .3 >  >  .  >  >  .
        finish_and_claim    .  w  w9 w1 w1 w  w  >  w  w3 w3 w3 >  w  w  w1
        complete_step       <  w  w9 w1 w1 w  w  >  w  w3 w3 w3 .  w  w  w1
        fail_step           .  w1 w1 w  w1 w  w1 >  w3 w  w3 w  w  w  w  w1
        heartbeat           .  w  w  w  w  w  w  >  >  .3 >  >  .  w  w  .
        release_claim       <  w1 w1 w1 w1 w  w1 >  w  w  w  w  .  w  w  w1
        submit_step_results .  w1 w1 w1 w1 w  w  >  w  w3 w3 w  .  w  w  w1
        sweep               <  w1 w1 w1 w1 w  w1 >  w  w  w  w  .  w  w  w1
        cancel_task         .  w1 w1 w1 <  w  w1 -  w  w3 w3 w3 w  w  w  w1
        retry_step          .  .  .  >  .  >  .  >  .  .3 >  .  .  .  >  .
        requeue_step        <  w1 w1 w1 <  w  w1 -  w  w  w  w  .  w  w  w1
        resolve_step        <  w1 w1 w1 <  w  w1 -  w  w3 w3 w  w  w  w  w1
        pause_task          .  <  .  w  .  .  .  .  w  .3 .  w  w  .  .  .
        report_steps        <  w  w9 w1 w1 w  w  >  w  w3 w3 w3 .  w  w  w1
        release_named       <  w1 w1 w1 w1 w  w1 >  w  w  w  w  .  w  w  w1
        checkpoint_step     .  w  w  w  .  w  w  -  w  w3 w  w  .  w  w  w9
        """,
    ),
    "last": Scene(
        lambda ask: claimed(ask, "external"),
        """
        finish_and_claim            w  w9 w1 w  w  w3 <  w  >  w
        complete_step               w  w9 w1 w  w  w3 <  w  >  w
        fail_step                   w1 w1 w  w1 w3 w  <  w  >  w
        submit_step_results         w1 w1 w1 w  w  w  .  .  >  w
        cancel_task                 w1 w1 w1 w1 w  w3 <  w  -  w
        resolve_step                w1 w1 w1 w1 w  w  <  w  -  w
        claim_task_for_finalization >  >  >  .  >  >  .  .  .  >
        finalize_freely             w  w  w  .  w  w  .  w  .  w
        sweep                       w1 w1 w1 w1 w  w  .  .  >  w
        report_steps                w  w9 w1 w  w  w3 <  w  >  w
        """,
    ),
    "last_attempt": Scene(
        lambda ask: claimed(ask, "once"),
        """
        complete_step w9 w1 w1 >  w3 w3 w3
        fail_step     w1 w  w1 >  w3 w3 w
        heartbeat     w  w  w  >  >  >  >
        sweep         w1 w1 w1 >  w3 w3 w
        requeue_step  w1 w1 <  -  w  w  w
        cancel_task   w1 w1 <  -  w3 w  w3
        resolve_step  w1 w1 <  -  w3 w3 w
        """,
    ),
    "ready": Scene(
        ready,
        """
        claim_steps            >  w  w  w  w  w3 w  w  >  >  .
        cancel_task            >  w  w3 w3 w3 w3 w3 w  .  .  .
        resolve_task           >  w3 w  w3 w3 w3 w3 w  .  .  .
        resolve_step           >  w3 w3 w  w3 w3 w3 w  .  .  .
        complete_step_manually >  w3 w3 w3 w  w3 w3 w  .  .  .
        retry_step             -  w  w  w  w  w  w  .  .  .  .
        requeue_step           -  w  w  w  w  w  w  .  .  .  .
        pause_task             -  w  w  w  w  .  .  w  .  .  .
        pause_template         <  .  .  .  .  .  .  .  w  .  .
        pause_namespace        <  .  .  .  .  .  .  .  .  w  .
        sweep                  .  .  .  .  .  .  .  .  .  .  .
        """,
    ),
    "lost": Scene(
        lost,
        """
        claim_steps  .  .  >  >  .  .  .
        sweep        .  .  .  .  .  .  .
        resume_task  <  .  w  w  <  w  w
        requeue_step <  .  >  w  .  w  w
        pause_task   .  .  >  .  .  .  .
        cancel_task  .  .  w  w3 .  w  w3
        resolve_step .  .  w  w3 .  w3 w
        """,
    ),
    "due": Scene(
        due,
        """
        claim_steps  >  >  w3 w  w  w  >
        sweep        -  >  w  w  w  w  .
        retry_step   -  >  w  w  w  w  w
        requeue_step >  >  >  .3 .  .  .
        resolve_step >  >  w3 w3 w  w3 w
        cancel_task  >  >  w3 w3 w3 w  w
        pause_task   <  .  w  .3 w  w  w
        """,
    ),
    "failed": Scene(
        failed,
        """
        retry_step             w  w  w  w  w  .
        resolve_step           w3 w  w3 w  w  .
        complete_step_manually w3 w3 w  w  w  .
        cancel_task            >  >  >  .3 .  .
        resolve_task           w3 w3 w3 w3 w  .
        sweep                  .  .  .  .3 .  .
        """,
    ),
    "blocked": Scene(
        blocked,
        """
        retry_step                  w  w  w  w  w  w  <  w  <  .  w
        resolve_step                w3 w  w  w  w  w  <  w  .  .  w
        complete_other              w  w  w9 w1 w3 w3 <  w  .  >  w
        fail_other                  w  w  w1 w  w  w3 <  w  .  >  w
        resolve_other               w  w  w1 w1 w  w3 <  w  .  -  w
        cancel_task                 w3 w3 w1 w1 w3 w  <  w  .  -  w
        claim_task_for_finalization >  >  >  >  >  >  .  .  .  .  .
        finalize_freely             w  w  w  w  w  w  .  w  .  .  w
        claim_steps                 >  .  .  .  .  .  .  .  .  >  .
        sweep                       .  .  w1 w1 w  w  .  .  <  >  .
        pause_task                  w  w  w  w  w  w  .  w  .  .  w
        """,
    ),
    "siblings": Scene(
        lambda ask: both_claimed(ask, "pair"),
        """
        finish_and_claim w  w9 w1 w3 w3 w  w  w  w  w
        complete_step    w  w9 w1 w3 w3 w  w  w  w  w
        fail_step        w1 w1 w  w  w3 w  w  w  w  w
        resolve_step     w1 w1 w1 w  w3 w  w  w  w  w
        requeue_step     w1 w1 w1 w  w  .  >  .  w  w
        complete_other   w  w  w  w  .  w9 w1 w3 w  w
        fail_other       w  w  w  w  <  w1 w  w  w  w
        resolve_other    w  w  w  w  .  w1 w1 w  w  w
        cancel_task      w1 w1 w1 w3 w3 w1 w1 w3 w  w
        report_steps     w  w9 w1 w3 w3 w  w  w  w  w
        """,
    ),
    "parents": Scene(
        parents,
        """
        complete_step  w9 w3 w  ~  w  w  w
        resolve_step   w1 w  w  w  w  w  w
        complete_other w  w  w9 w1 w3 w  w
        fail_other     ~  ~  w1 w  w  w  ~
        resolve_other  w  w  w1 w1 w  w  w
        cancel_task    w1 w3 w1 w1 w3 w  w
        report_steps   w9 w3 w  ~  w  w  w
        """,
    ),
    "submitted": Scene(
        lambda ask: submitted(ask, "chain"),
        """
        process_step_results >  >  <1 .  .1 .  w3 w  w3 .  w
        sweep                >  >  <1 .  .1 .  w3 w  w3 .  w
        complete_step        >  >  .1 .  .1 .  .3 .  .  .  .
        submit_step_results  .  .  .1 .  .1 .  .3 .  .  .  .
        heartbeat            .  .  .1 .  .1 .  .3 .  .  .  .
        release_claim        .  .  .1 .  .1 .  .3 .  .  .  .
        requeue_step         .  .  .1 .  .1 .  .3 .  .  .  .
        cancel_task          -  -  .1 .  .1 .  w3 w  w3 w  w
        resolve_step         -  -  .1 .  .1 .  w3 w  w  w  w
        pause_task           .  .  .1 .  .1 .  .3 w  w  w  .
        report_steps         -  -  .1 .  .1 .  w3 w  w  .  w
        """,
    ),
    "last_submitted": Scene(
        lambda ask: submitted(ask, "external"),
        """
        process_step_results        >  .1 <  w  w
        fail_step                   .  .1 .  .  .
        claim_task_for_finalization >  .1 .  .  >
        finalize_freely             >  .1 .  w  w
        cancel_task                 -  .1 <  w  w
        """,
    ),
    "limited": Scene(
        lambda _: {},
        """
        set_limit w
        """,
    ),
    "two_failed": Scene(
        two_failed,
        """
        retry_step    w  w  w  w  w
        resolve_step  w3 w  w  w  w
        retry_other   w  w  w  w  w
        resolve_other w  w  w3 w  w
        cancel_task   w3 w3 w3 w3 w
        """,
    ),
    "written": Scene(
        written,
        """
        process_step_results -  <  w  w9 w1 w  w  w3 w3 >  w  w
        claim_steps          >  .  .  >  .  .  >  .3 >  >  .  >
        finish_and_claim     -  .  w  w9 w1 w  w  w3 w3 >  w  w
        complete_step        -  <  w  w9 w1 w  w  w3 w3 >  w  w
        fail_step            -  .  w1 w1 w  w1 w  w  w3 >  w3 w
        submit_step_results  -  .  w1 w1 w1 w  w  w3 w3 >  w  w
        release_claim        -  <  w1 w1 w1 w1 w  w  w  >  w  w
        retry_step           .  .  .  .  >  .  >  .3 >  >  .  .
        requeue_step         -  <  w1 w1 w1 w1 w  w  w  -  w  w
        sweep                -  <  w1 w1 w1 w1 w  w  w  >  w  w
        cancel_task          -  .  w1 w1 w1 w1 w  w3 w3 -  w  w
        report_steps         -  <  w  w9 w1 w  w  w3 w3 >  w  w
        """,
    ),
    "finalizable": Scene(
        finalizable,
        """
        claim_task_for_finalization x  w1 >  w  w  .3 w
        finalize_freely             x  w  >  w3 w3 .3 w
        sweep                       x  w  >  w3 w3 .3 w
        cancel_task                 x  w  >  w  w3 .3 w
        resolve_task                x  w  >  w3 w  .3 w
        resolve_step                .  .  .  .  .  .3 .
        pause_task                  x  w  -  w  w  .3 w
        """,
    ),
    "finalizing": Scene(
        lambda ask: finalizing(ask, 7200),
        """
        claim_task_for_finalization .  .  >  >  .1 .  >
        extend_finalization_claim   .  w  w  w  w1 .  .
        release_finalization_claim  <  w1 w  w1 w  <  >
        finalize_task               <  w1 w  w  w  .  w3
        finalize_freely             .  .  >  >  .1 .  .
        sweep                       .  .  >  .  .1 .  .
        cancel_task                 <  .  <  w  w1 .  w
        """,
    ),
    "given_up": Scene(
        lambda ask: finalizing(ask, 30),
        """
        claim_task_for_finalization x  w1 w  w1 w1 >  w
        extend_finalization_claim   x  w  w  w  w1 >  .
        release_finalization_claim  x  w1 w  w1 w  -  >
        finalize_task               x  w1 w  w  w  >  w3
        finalize_freely             x  w1 w  w  w  >  w3
        sweep                       x  w1 w  w1 w  >  w3
        cancel_task                 x  .  <  w  w  >  w
        """,
    ),
    "wide": Scene(
        wide,
        """
        claim_steps   .  >  >  w  .
        complete_step <  w9 >  w  .
        sweep         -  w1 >  w  .
        cancel_task   >  w1 -  w  w
        pause_task    .  .  .  w  w
        """,
    ),
    "asked": Scene(
        asked,
        """
        create_task           w  w8 w  w  -  .  >  <  .  .
        create_other          w8 w  w8 w8 -  .  >  <  .  .
        create_tasks          w  w8 w  w  -  .  >  <  .  .
        create_turned         w  w8 w  w  -  .  >  <  .  .
        process_task_requests w  w8 w  w  >  .  >  <  .  .
        pause_template        .  .  .  .  .  w  >  .  .  .
        register_version      <  <  <  <  <  <  w  .  .  .
        claim_steps           >  >  >  >  >  .  .  .  .  .
        await_work            .  .  .  .  .  .  .  .  .  .
        sweep                 .  .  .  .  .  .  .  .  .  .
        """,
    ),
    "spare": Scene(
        lambda ask: spare(ask, exists=True),
        """
        create_namespace  .  w  .  .2 .  .  .  .
        drop_namespace    w  w2 w  .2 <  <  w2 .
        register_template .  w3 w  <2 .  .  .  .
        create_spare      .  .  >  .2 .  .  .  .
        claim_spare       .  w  .  .2 .  .  .  .
        await_spare       .  >  .  .2 .  .  .  .
        pause_spare       w  w  w  .2 .  .  w  .
        sweep             .  .  .  .2 .  .  .  .
        """,
    ),
    "nowhere": Scene(
        lambda ask: spare(ask, exists=False),
        """
        create_namespace  w  <2 w  .
        drop_namespace    >  .2 >  .
        register_template w  <2 w  .
        sweep             .  .2 .  .
        """,
    ),
    "problem": Scene(
        failed,
        """
        acknowledge_problem  w
        """,
    ),
    "scheduled": Scene(
        scheduled,
        """
        put_schedule          w  w  w  w  w  >  .  .  .
        pause_schedule        w  w  w  w  w  >  .  .  .
        resume_schedule       w  w  w  w  w  -  .  .  .
        drop_schedule         w  w2 w2 w2 w2 >  .  .  .
        trigger_schedule      w  w  w  w  w  -  <  .  .
        sweep                 w  w  w  w  w  >  <  .  .
        claim_steps           .  .  .  .  >  >  .  >  .
        create_tasks          .  .  .  .  .  .  <  w  .
        process_task_requests .  .  .  .  .  .  .  .  .
        """,
    ),
    "schedule_paused": Scene(
        lambda ask: scheduled(ask, paused=True),
        """
        pause_schedule  w  w  w  .
        resume_schedule w  w  w  <
        put_schedule    w  w  w  .
        sweep           .  >  .  .
        """,
    ),
    "schedule_failed": Scene(
        schedule_failed,
        """
        retry_step    w  w  .  w  .
        resolve_step  w3 w  .  w  .
        put_schedule  .  .  w  w  >
        drop_schedule w  w  w  w2 >
        sweep         .  .  w  w  >
        """,
    ),
    "runner": Scene(
        runner,
        """
        report_runner    w  >  >
        force_breaker    <  w  w
        release_breaker  <  w  w
        """,
    ),
}
