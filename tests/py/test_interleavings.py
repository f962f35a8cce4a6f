"""Whatever two or three sessions do to the same rows, in whatever order their statements come.

Every merge of every scenario is played; TASKER_TEST_SCHEDULES asks for more scenarios.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, closing
from itertools import combinations_with_replacement
from pathlib import Path
from random import Random

import evidence
import pytest
from interleaving import Call, Machine, Scenario, Stage, Tally, Transaction, completing
from servers import Server, rows

ASKED = os.environ.get("TASKER_TEST_SCHEDULES")
SCHEDULES = int(ASKED or 10_000)
SEED = int(os.environ.get("TASKER_TEST_SEED", "1"))
PROCESSES = 2

# Scenes: a task of a diamond, and what has become of its middle, x and y -------------------------

DIAMOND = {"start": [], "x": ["start"], "y": ["start"], "end": ["x", "y"]}
PAIR: dict[str, list[str]] = {"x": [], "y": []}
PARTS: dict[str, list[str]] = {f"part_{number}": [] for number in range(15)}


def running(at: Stage) -> None:
    """Both are claimed, each by its own claim."""
    at.ago("20 s")
    at.task(DIAMOND)
    at.done("start")
    at.claim("x")
    at.claim("y")


def together(at: Stage) -> None:
    """Both are held by one claim."""
    at.ago("20 s")
    at.task(DIAMOND)
    at.done("start")
    at.claim("x", "y")
    at.names["both"] = at.names["x_token"]


def last(at: Stage) -> None:
    """Both are running, and the task ends with them."""
    at.ago("20 s")
    at.task(PAIR)
    at.claim("x")
    at.claim("y")


def expired(at: Stage) -> None:
    """The leases of both ran out."""
    at.ago("50 s")
    at.task(DIAMOND)
    at.done("start")
    at.claim("x")
    at.claim("y")


def spent(at: Stage) -> None:
    """The lease of both ran out in their last attempt."""
    at.ago("50 s")
    at.task(DIAMOND, retry={"max_attempts": 1})
    at.done("start")
    at.claim("x", "y")
    at.names["both"] = at.names["x_token"]


def queued(at: Stage) -> None:
    """Nobody has begun."""
    at.ago("20 s")
    at.task(PAIR)


def failing(at: Stage) -> None:
    """x failed for good, y is running: the task is blocked."""
    running(at)
    at.fail("x", retryable=False)


def failed(at: Stage) -> None:
    """x failed for good, y is done: the task is in error."""
    running(at)
    at.fail("x", retryable=False)
    at.run(completing("y"))


def retrying(at: Stage) -> None:
    """x waits for its next attempt, which is due; y is running."""
    running(at)
    at.fail("x", retryable=True)


def submitted(at: Stage) -> None:
    """The result of x was handed in and is yet to be processed; y is running."""
    running(at)
    at.run(SUBMIT.query)


def forgotten(at: Stage) -> None:
    """The same, and its message is lost."""
    submitted(at)
    at.run("select pgmq.purge_queue('orchestration_step_results')")


def finalizable(at: Stage) -> None:
    """All is done, and an external processor holds the claim to say so."""
    at.ago("20 s")
    at.task(PAIR, finalization="external")
    at.done("x", "y")
    at.claim_end()


def overdue(at: Stage) -> None:
    """The same, an hour later: the claim ran out."""
    at.ago("2 hours")
    at.task(PAIR, finalization="external")
    at.done("x", "y")
    at.claim_end()


def paused(at: Stage) -> None:
    """The task is paused, the message of x is gone, y is running."""
    at.ago("20 s")
    at.task(DIAMOND)
    at.done("start")
    at.run("select tasker.pause_task('{task}', 'wait')")
    at.client.claim_steps("test", "worker")
    at.run("select tasker.resume_task('{task}', 'go'); select tasker.pause_task('{task}', 'wait')")


def wide(at: Stage) -> None:
    """x and y are the last of 17 parents."""
    at.ago("20 s")
    at.task({"x": [], "y": [], **PARTS, "end": ["x", "y", *PARTS]})
    at.claim("x")
    at.claim("y")
    at.done(*PARTS)


def wide_end(at: Stage) -> None:
    """x and y are the last of 17 sinks."""
    at.ago("20 s")
    at.task({"x": [], "y": [], **PARTS})
    at.claim("x")
    at.claim("y")
    at.done(*PARTS)


def scheduled(at: Stage) -> None:
    """The time of the task has come."""
    at.ago("1 min")
    at.task(PAIR, options={"run_at": "2029-12-31T23:59:30Z"})


def two_tasks(at: Stage) -> None:
    """x and y are the only steps of two tasks, held by one claim."""
    at.ago("20 s")
    at.define("flow", PAIR)
    at.task({"x": []}, name="first", task="task")
    at.task({"y": []}, name="second", task="other")
    at.claim("x", "y")
    at.names["both"] = at.names["x_token"]


def unqueued(at: Stage) -> None:
    """The queue is gone, with the messages of x and y."""
    at.ago("20 s")
    at.task(PAIR)
    at.run("select pgmq.drop_queue('test_queue')")


def droppable(at: Stage) -> None:
    """x is running, y is queued, and somebody may drop the queue."""
    at.ago("20 s")
    at.task(DIAMOND)
    at.done("start")
    at.claim("x")
    at.names["queue"] = "test_queue"


def requested(at: Stage) -> None:
    """Two messages ask for tasks with the same key; there is an empty namespace."""
    at.ago("20 s")
    at.define("flow", PAIR)
    at.run("select tasker.create_namespace('spare')")
    at.names["spare"] = "spare"
    for _ in range(2):
        at.run(
            'select pgmq.send(\'orchestration_task_requests\', \'{{"namespace": "test",'
            ' "name": "flow", "options": {{"idempotency_key": "k"}}}}\')'
        )


SCENES: list[Callable[[Stage], None]] = [
    running, together, last, expired, spent, queued, failing, failed, retrying, submitted,
    forgotten, finalizable, overdue, paused, wide, wide_end, scheduled, two_tasks, unqueued,
    droppable, requested,
]  # fmt: skip

# What a session may do ---------------------------------------------------------------------------

EFFECT = "insert into effects values ('{x}', '{x_token}', %s) on conflict do nothing"
DONE_X = '[{{"step_uuid": "{x}", "result": 1}}]'
SUBMIT = Call(
    "submit x",
    f"select steps from tasker.submit_step_results('{{x_token}}', '{DONE_X}'); {EFFECT % 'true'}",
    "TK001",
)
COMPLETE_MINE = Call("complete mine", completing("mine"), "TK001")


def operate(verb: str, on: str, refused: str = "TK003", more: str = "") -> Call:
    name = f"{verb} {on}" if on in "xy" else verb
    return Call(name, f"select * from tasker.{verb}('{{{on}}}', {more}'because')", refused)


def fail(step: str, options: str) -> Call:
    arguments = f"'{{{step}}}', '{{{step}_token}}', '\"no\"', {options}"
    return Call(
        f"fail {step} ({options})", f"select step_state from tasker.fail_step({arguments})", "TK001"
    )


def create(name: str, keys: list[str], context: str, refused: str = "") -> Call:
    listed = ", ".join(f'"{key}"' for key in keys)
    contexts = ", ".join(f"'{{{context}}}'::jsonb" for _ in keys)
    return Call(
        name,
        f"select created from tasker.create_tasks('test', 'flow', array[{contexts}],"
        f" '{{{{\"idempotency_keys\": [{listed}]}}}}')",
        refused,
    )


def register(name: str, version: str, handler: str, refused: str = "") -> Call:
    text = (
        f'{{{{"name": "new", "namespace_name": "test", "version": "{version}", "steps":'
        f' [{{{{"name": "only", "handler": {{{{"callable": "{handler}"}}}}}}}}]}}}}'
    )
    return Call(name, f"select created from tasker.register_template('{text}')", refused)


CLAIMED = "select step_uuid, token from tasker."
CALLS = [
    Call("claim", CLAIMED + "claim_steps('test', '{me}')", waits=False),
    Call("claim all", CLAIMED + "claim_steps('test', '{me}', 10)", waits=False),
    Call(
        "finish x and claim",
        f"{CLAIMED}finish_and_claim('test', '{{me}}', '{{x_token}}', '{DONE_X}', 5);"
        f" {EFFECT % 'false'}",
        "TK001",
        patience=0.05,
    ),
    Call(
        "finish both and claim",
        f"{CLAIMED}finish_and_claim('test', '{{me}}', '{{both}}',"
        ' \'[{{"step_uuid": "{y}", "error": "no", "retryable": false}},'
        ' {{"step_uuid": "{x}", "result": 1}}]\', 5);'
        f" {EFFECT % 'false'}",
        "TK001",
        patience=0.05,
    ),
    Call("complete x", completing("x"), "TK001"),
    Call("complete y", completing("y"), "TK001"),
    fail("x", "true, '0 s'"),
    fail("x", "false"),
    fail("y", "false"),
    SUBMIT,
    Call(
        "mail x",
        "select pgmq.send('orchestration_step_results', jsonb_build_object("
        f"'token', '{{x_token}}', 'outcomes', '{DONE_X}'::jsonb)); {EFFECT % 'true'}",
    ),
    Call("process", "select * from tasker.process_step_results(10)"),
    Call("heartbeat x", "select * from tasker.heartbeat('{x_token}')", "TK001"),
    Call("release x", "select * from tasker.release_claim('{x_token}')"),
    Call("sweep", "select * from tasker.sweep()", waits=False),
    operate("cancel_task", "task"),
    operate("resolve_task", "task"),
    operate("cancel_task", "other"),
    operate("retry_step", "x"),
    operate("retry_step", "y"),
    operate("resolve_step", "x"),
    operate("resolve_step", "y"),
    operate("complete_step_manually", "x", more="'1', "),
    operate("pause_task", "task", ""),
    operate("resume_task", "task", ""),
    *(
        Call(f"{verb} {what}", f"select * from tasker.{verb}_{what}({of}, 'because')")
        for verb in ("pause", "resume")
        for what, of in (("namespace", "'test'"), ("template", "'test', 'flow'"))
    ),
    Call("await work", "select * from tasker.await_work(array['test'], '{me}')"),
    Call("claim end", "select message from tasker.claim_task_for_finalization('{task}', '{me}')"),
    Call("extend end", "select * from tasker.extend_finalization_claim('{end_token}')", "TK001"),
    Call("release end", "select * from tasker.release_finalization_claim('{end_token}')"),
    Call("finalize", "select message from tasker.finalize_task('{task}')", "TK001"),
    Call(
        "finalize claimed",
        "select message from tasker.finalize_task('{task}', '{end_token}')",
        "TK001",
    ),
    create("create k", ["k"], "{}"),
    create("create k otherwise", ["k"], '{"a": 1}', "TK008"),
    create("create k, l", ["k", "l"], "{}"),
    create("create l, k", ["l", "k"], "{}"),
    Call("process requests", "select * from tasker.process_task_requests()"),
    register("register", "1.0.0", "one"),
    register("register otherwise", "1.0.0", "two", "TK008"),
    register("register next", "2.0.0", "one"),
    Call("drop queue", "select pgmq.drop_queue('{queue}')"),
    Call("create namespace", "select * from tasker.create_namespace('{spare}')"),
    Call("drop namespace", "select * from tasker.drop_namespace('{spare}')", "TK002 TK003"),
]

# Scenarios ---------------------------------------------------------------------------------------


def alone(*calls: Call) -> tuple[Transaction, ...]:
    """Each call in a transaction of its own."""
    return tuple(Transaction((call,)) for call in calls)


def serial(*calls: Call) -> bool:
    """Do these wait for each other, rather than pass over what somebody else holds?"""
    return all(
        call.waits and not call.patience and not call.name.startswith("process") for call in calls
    )


def pairs(scene: Callable[[Stage], None], calls: list[Call]) -> list[Scenario]:
    """Each verb against each, one transaction each."""
    return [
        Scenario(scene, (alone(a), alone(b)), serial=serial(a, b))
        for a, b in combinations_with_replacement(calls, 2)
    ]


def deeper(scene: Callable[[Stage], None], calls: list[Call], random: Random) -> Iterator[Scenario]:
    """More sessions, more transactions, more calls in one, other isolation, other ends."""
    a, b, c, d = random.choices(calls, k=4)
    claim = random.choice([call for call in calls if call.name.startswith("claim ")])
    yield Scenario(scene, (alone(a), alone(b), alone(c)), serial=serial(a, b, c))
    yield Scenario(scene, (alone(a, b), alone(c, d)))
    yield Scenario(scene, (alone(claim, COMPLETE_MINE), alone(a), alone(b)))
    yield Scenario(scene, ((Transaction((claim, COMPLETE_MINE)),), alone(a, b)))
    # Calls in one transaction lock in whatever order their caller likes.
    yield Scenario(scene, ((Transaction((a, b)),), (Transaction((c, d)),)), "40P01")
    yield Scenario(scene, ((Transaction((a,), "rollback"),), alone(b), alone(c)))
    for isolation in ("repeatable read", "serializable"):
        one, two, three = (Transaction((call,), isolation=isolation) for call in (a, b, c))
        yield Scenario(scene, ((one,), (two,)), "40001")
        yield Scenario(scene, ((one,), (two,), (three,)), "40001")
        yield Scenario(scene, ((one,), alone(b, c)), "40001")


def scenarios(scene: Callable[[Stage], None], calls: list[Call]) -> Iterator[Scenario]:
    """Pairs of verbs, until there are no more, and deeper ones, without end; none twice."""
    random = Random(f"{SEED} {scene.__name__}")
    left = pairs(scene, calls)
    random.shuffle(left)
    told = set()
    while True:
        some, left = left[:40], left[40:]
        for scenario in [*some, *deeper(scene, calls, random)]:
            if str(scenario) not in told:
                told.add(str(scenario))
                yield scenario


def explore(dsn: str, part: int) -> Tally:
    """Play one part of the scenes, each to its share of the schedules."""
    total = Tally()
    share = SCHEDULES // len(SCENES) + 1
    with closing(Machine(dsn)) as machine:
        for scene in SCENES[part::PROCESSES]:
            tally = Tally()
            names = machine.stage(scene)
            for scenario in scenarios(scene, [call for call in CALLS if call.fits(names)]):
                tally += machine.explore(scenario)
                if tally.schedules >= share or len(tally.findings) >= 10:
                    break
            print(f"{scene.__name__}: {tally.schedules} schedules", flush=True)
            total += tally
    return total


@pytest.mark.newest
def test_every_merge_keeps_every_promise(server: Server) -> None:
    began = time.monotonic()
    with ExitStack() as stack:
        dsns = [stack.enter_context(server.database(server.migrated)) for _ in range(PROCESSES)]
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(PROCESSES, mp_context=context) as pool:
            tally = sum(pool.map(explore, dsns, range(PROCESSES)), Tally())
    seconds = round(time.monotonic() - began)
    print(f"seed {SEED}: {tally.schedules} schedules of {tally.scenarios} scenarios, in")
    print(f"{tally.waited} of which a session waited for another; {seconds} s")
    print(dict(sorted(tally.answers.items())))
    assert not tally.findings, "\n".join(tally.findings)
    assert tally.schedules >= SCHEDULES
    assert tally.waited >= SCHEDULES // 4, "hardly anything raced"
    for call in CALLS:
        assert tally.answers[f"{call.name}: ok"], f"{call.name} never succeeded: it was not tested"
        for code in call.refused.split():
            assert tally.answers[f"{call.name}: {code}"], f"{call.name} was never refused: {code}"
    if ASKED:
        evidence.record(
            "interleavings",
            {
                "seed": SEED,
                "schedules": tally.schedules,
                "scenarios": tally.scenarios,
                "schedules_with_a_wait": tally.waited,
                "seconds": seconds,
            },
        )


# What the machine finds when there is something --------------------------------------------------

FUNCTIONS = Path(__file__).parents[2] / "sql" / "functions"


@pytest.mark.newest
@pytest.mark.parametrize(
    ("function", "guard", "instead", "scene", "verbs"),
    [
        (
            "_count_down_steps",
            "waiting_parents = step.waiting_parents\n",
            "waiting_parents = (select old.waiting_parents from tasker.steps as old"
            " where old.step_id = step.step_id)\n",
            running,
            ["complete x", "complete y"],
        ),
        ("_close_task", ", 'error')", ")", failing, ["retry_step x", "cancel_task"]),
        ("_settle_step", "for no key update", "", running, ["resolve_step x", "resolve_step x"]),
        (
            "complete_step",
            "perform tasker._stale(p_token, array[v_step_id]);",
            "null;",
            expired,
            ["complete x", "sweep"],
        ),
    ],
    ids=[
        "a lost update",
        "a missing lock",
        "a check before the lock",
        "an answer without the work",
    ],
)
def test_a_guard_that_is_missing_is_found(
    database: str,
    function: str,
    guard: str,
    instead: str,
    scene: Callable[[Stage], None],
    verbs: list[str],
) -> None:
    text = (FUNCTIONS / f"{function}.sql").read_text()
    assert guard in text
    a, b = (next(call for call in CALLS if call.name == verb) for verb in verbs)
    scenario = Scenario(scene, (alone(a), alone(b)))
    with closing(Machine(database)) as machine:
        assert machine.explore(scenario).findings == []
        rows(database, text.replace(guard, instead))
        found = machine.explore(scenario).findings
    print(found[0])
    assert "broken" in found[0]
