"""Whatever two or three sessions do to the same rows, in whatever order their statements come.

Every merge of every scenario is played; TASKER_TEST_SCHEDULES asks for more scenarios.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from itertools import combinations_with_replacement, repeat
from pathlib import Path
from random import Random

import evidence
import pytest
from interleaving import Call, Machine, Scenario, Scene, Stage, Tally, Transaction, completing
from servers import Server, rows
from workflows import definition

ASKED = os.environ.get("TASKER_TEST_SCHEDULES")
SCHEDULES = {False: 2_500, True: 10_000}  # by `thorough`
LONG_RUN = 100_000  # schedules that are worth recording
SEED = int(os.environ.get("TASKER_TEST_SEED", "1"))
PROCESSES = 2

# Scenes: a task of a diamond, and what has happened to its middle, x and y ------------------------

DIAMOND = {"start": [], "x": ["start"], "y": ["start"], "end": ["x", "y"]}
PAIR: dict[str, list[str]] = {"x": [], "y": []}
PARTS: dict[str, list[str]] = {f"part_{number}": [] for number in range(15)}
NIGHTLY = '{"template": "flow", "cron": "0 0 * * *"}'
WEEKLY = '{"template": "flow", "cron": "0 0 * * 1"}'


def saving(number: int) -> str:
    """The query that saves the checkpoint of x that follows this one."""
    return f"select number from tasker.checkpoint_step('$x', '$x_token', '{number}', {number})"


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
    at.names["namespace"] = "test"


def failing(at: Stage) -> None:
    """x failed for good, y is running: the task is blocked."""
    running(at)
    at.fail("x", retryable=False)
    at.names["processor"] = "p"


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
    """The result of x was submitted and is yet to be processed; y is running."""
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
    at.run("select tasker.pause_task('$task', 'wait')")
    at.client.claim_steps("test", "worker")
    at.run("select tasker.resume_task('$task', 'go'); select tasker.pause_task('$task', 'wait')")


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
    at.names |= {"namespace": "test", "spare": "spare"}
    for _ in range(2):
        at.run(
            "select pgmq.send('orchestration_task_requests', '{"
            '"namespace": "test", "name": "flow", "options": {"idempotency_key": "k"}}\')'
        )


def asked(at: Stage) -> None:
    """x waits for a signal, and its time is over; y is running."""
    at.ago("20 s")
    at.task(DIAMOND, special={"x": {"wait": {"signal": "go", "timeout": "PT10S"}}})
    at.done("start")
    at.claim("y")
    at.names["signal"] = "go"


def foretold(at: Stage) -> None:
    """y is running, and x waits for a signal when it is done."""
    at.ago("20 s")
    wait = {"signal": "go", "timeout": "PT1H"}
    at.task({"y": [], "x": ["y"]}, special={"x": {"wait": wait}})
    at.claim("y")
    at.names["signal"] = "go"


def gated(at: Stage) -> None:
    """x and y are running, and the end runs when one of them failed."""
    at.ago("20 s")
    at.task(DIAMOND, special={"end": {"handler": {"callable": "end"}, "run_on": "failure"}})
    at.done("start")
    at.claim("x")
    at.claim("y")


def saved(at: Stage) -> None:
    """The leases of both ran out in their last attempt, and x had made a checkpoint."""
    at.ago("50 s")
    at.task(DIAMOND, retry={"max_attempts": 1})
    at.done("start")
    at.claim("x")
    at.claim("y")
    at.run(saving(0))


def late(at: Stage) -> None:
    """Both are running, and the deadline of the task is over."""
    at.ago("20 s")
    at.task(PAIR, options={"deadline": "PT10S"})
    at.claim("x")
    at.claim("y")


def planned(at: Stage) -> None:
    """A tick of a schedule is due."""
    at.ago("1 hour")
    at.define("flow", PAIR)
    at.run(f"select from tasker.put_schedule('test', 'nightly', '{NIGHTLY}')")
    at.names["schedule"] = "nightly"


SCENES: list[Scene] = [
    running, together, last, expired, spent, queued, failing, failed, retrying, submitted,
    forgotten, finalizable, overdue, paused, wide, wide_end, scheduled, two_tasks, unqueued,
    droppable, requested, asked, foretold, gated, saved, late, planned,
]  # fmt: skip

# What a session may do ---------------------------------------------------------------------------

DONE_X = '[{"step_uuid": "$x", "result": 1}]'
BOTH = '[{"step_uuid": "$y", "error": "no", "retryable": false}, {"step_uuid": "$x", "result": 1}]'
EFFECT = "insert into effects values ('$x', '$x_token', %s) on conflict do nothing"
CLAIMED = "select step_uuid, token from tasker."
SUBMIT = Call(
    "submit x",
    f"select steps from tasker.submit_step_results('$x_token', '{DONE_X}'); {EFFECT % True}",
    "TK001",
)
COMPLETE_MINE = Call("complete mine", completing("mine"), "TK001 TK009")


def finish(name: str, token: str, outcomes: str) -> Call:
    arguments = f"'test', '$me', '{token}', '{outcomes}', 5"
    query = f"{CLAIMED}finish_and_claim({arguments}); {EFFECT % False}"
    return Call(name, query, "TK001", patience=0.05)


def report(name: str, token: str, outcomes: str) -> Call:
    """Refused outcomes are rows; the business writes for what was done."""
    query = (
        f"with said as (select * from tasker.report_steps('{token}', '{outcomes}')), effect as ("
        f"insert into effects select step_uuid, '{token}' from said"
        " where step_uuid = '$x' and outcome <> 'refused' on conflict do nothing)"
        " select outcome, code, step_state from said"
    )
    return Call(name, query)


def fail(name: str, step: str, options: str) -> Call:
    arguments = f"'${step}', '${step}_token', '\"no\"', {options}"
    return Call(name, f"select step_state from tasker.fail_step({arguments})", "TK001")


def operate(verb: str, on: str, refused: str = "TK003", more: str = "") -> Call:
    return Call(f"{verb} {on}", f"select * from tasker.{verb}('${on}', {more}'because')", refused)


def pause(verb: str, arguments: str) -> Call:
    return Call(verb, f"select * from tasker.{verb}({arguments}, 'because')", needs="namespace")


def send(name: str, value: int, options: str = "{}") -> Call:
    query = f"select state from tasker.send_signal('$task', '$signal', '{value}', '{options}')"
    return Call(name, query, "TK003 TK008")


def deadline(name: str, moment: str) -> Call:
    query = f"select deadline from tasker.set_deadline('$task', {moment}, 'because')"
    return Call(name, query, "TK003")


def schedule(verb: str, more: str = "'because'", name: str = "$schedule") -> Call:
    query = f"select * from tasker.{verb}_schedule('test', '{name}', {more})"
    return Call(f"{verb} {name.strip('$')}", query, "TK002", needs="schedule")


def finalizing(name: str, call: str, refused: str = "", waits: bool = True) -> Call:
    query = f"select message from tasker.{call}"
    return Call(name, query, refused, waits=waits, needs="processor")


def create(name: str, keys: str, context: str = "{}") -> Call:
    contexts = ", ".join(f"'{context}'::jsonb" for _ in keys)
    options = json.dumps({"idempotency_keys": list(keys)})
    query = (
        f"select created from tasker.create_tasks('test', 'flow', array[{contexts}], '{options}')"
    )
    return Call(name, query, "TK008", needs="namespace")


def register(name: str, version: str, step: str) -> Call:
    text = definition("new", {step: []}, version=version)
    query = f"select created from tasker.register_template('{text}')"
    return Call(name, query, "TK008", needs="namespace")


CALLS = [
    Call("claim one", CLAIMED + "claim_steps('test', '$me')", waits=False),
    Call("claim all", CLAIMED + "claim_steps('test', '$me', 10)", waits=False),
    finish("finish x and claim", "$x_token", DONE_X),
    finish("finish both and claim", "$both", BOTH),
    Call("complete x", completing("x"), "TK001 TK009"),
    Call("complete y", completing("y"), "TK001 TK009"),
    fail("fail x", "x", "true, '0 s'"),
    fail("fail x for good", "x", "false"),
    fail("fail y for good", "y", "false"),
    SUBMIT,
    Call(
        "send x",
        "select pgmq.send('orchestration_step_results', jsonb_build_object("
        f"'token', '$x_token', 'outcomes', '{DONE_X}'::jsonb)); {EFFECT % True}",
    ),
    Call("process results", "select * from tasker.process_step_results(10)"),
    report("report x", "$x_token", DONE_X),
    report("report both", "$both", BOTH),
    Call("heartbeat x", "select * from tasker.heartbeat('$x_token')", "TK001"),
    Call("beat for both", "select * from tasker.heartbeat('$x_token', null, '{$x, $y}')"),
    Call("release x", "select * from tasker.release_claim('$x_token')"),
    Call("release y of both", "select * from tasker.release_claim('$both', '{$y}')"),
    Call("sweep", "select * from tasker.sweep()", waits=False),
    operate("cancel_task", "task"),
    operate("cancel_task", "other"),
    operate("resolve_task", "task"),
    operate("retry_step", "x"),
    operate("retry_step", "y"),
    operate("requeue_step", "x"),
    operate("requeue_step", "y"),
    operate("resolve_step", "x"),
    operate("resolve_step", "y"),
    operate("complete_step_manually", "x", more="'1', "),
    operate("pause_task", "task", ""),
    operate("resume_task", "task", ""),
    pause("pause_namespace", "'test'"),
    pause("resume_namespace", "'test'"),
    pause("pause_template", "'test', 'flow'"),
    pause("resume_template", "'test', 'flow'"),
    finalizing("claim the end", "claim_task_for_finalization('$task', '$me')", waits=False),
    finalizing("extend the claim", "extend_finalization_claim('$end_token')", "TK001"),
    finalizing("finalize", "finalize_task('$task')", "TK001"),
    finalizing("finalize under the claim", "finalize_task('$task', '$end_token')", "TK001"),
    Call("release the end", "select * from tasker.release_finalization_claim('$end_token')"),
    create("create k", "k"),
    create("create k otherwise", "k", '{"a": 1}'),
    create("create k, l", "kl"),
    create("create l, k", "lk"),
    Call("process requests", "select * from tasker.process_task_requests()", needs="spare"),
    register("register", "1.0.0", "one"),
    register("register otherwise", "1.0.0", "two"),
    register("register another", "2.0.0", "one"),
    Call("await work", "select * from tasker.await_work('{test}', '$me')", needs="namespace"),
    Call(
        "skip x",
        "select step_state from tasker.skip_step('$x', '$x_token', 'nothing to do')",
        "TK001 TK009",
    ),
    Call(
        "put x to sleep",
        "select step_state from tasker.sleep_step('$x', '$x_token', '1 s', '9')",
        "TK001 TK009",
    ),
    Call("save x", saving(0), "TK001 TK003 TK009"),
    Call("save x again", saving(1), "TK001 TK003 TK009"),
    send("send go", 1),
    send("send go by its key", 2, '{"key": "k"}'),
    send("send another go by its key", 3, '{"key": "k"}'),
    Call(
        "answer x",
        "select step_state from tasker.answer_wait('$x', '4')",
        "TK003",
        needs="signal",
    ),
    deadline("end it now", "'2030-01-01 00:00Z'"),
    deadline("take its deadline away", "null"),
    schedule("put", f"'{NIGHTLY}'"),
    schedule("put", f"'{NIGHTLY}'", "another"),
    replace(schedule("put", f"'{WEEKLY}'"), name="put schedule otherwise"),
    schedule("pause"),
    schedule("resume"),
    schedule("trigger"),
    schedule("drop"),
    Call("create_namespace", "select * from tasker.create_namespace('$spare')"),
    Call("drop_namespace", "select * from tasker.drop_namespace('$spare')", "TK002 TK003"),
    Call("drop the queue", "select pgmq.drop_queue('$queue')"),
]

# Scenarios ---------------------------------------------------------------------------------------


Race = tuple[Call, Call]


def alone(*calls: Call) -> tuple[Transaction, ...]:
    """Each call in a transaction of its own."""
    return tuple(Transaction((call,)) for call in calls)


def serial(*calls: Call) -> bool:
    """Do these wait for each other, rather than pass over what somebody else holds?"""
    return all(
        call.waits and not call.patience and not call.name.startswith("process") for call in calls
    )


def pairs(scene: Scene, calls: list[Call], random: Random) -> list[Scenario]:
    """Each verb against each, one transaction each; first those that are after the same thing."""
    found = list(combinations_with_replacement(calls, 2))
    random.shuffle(found)
    found.sort(key=lambda pair: len({call.name.split()[0] for call in pair}))
    return [Scenario(scene, (alone(a), alone(b)), serial=serial(a, b)) for a, b in found]


def deeper(scene: Scene, calls: list[Call], races: list[Race], random: Random) -> list[Scenario]:
    """More sessions, more transactions, more calls in one, other isolation, other ends."""
    a, b = random.choice(races) if races else random.choices(calls, k=2)
    c, d = random.choices(calls, k=2)
    claim = random.choice([call for call in calls if call.name in ("claim one", "claim all")])
    made = [
        Scenario(scene, (alone(a), alone(b), alone(c)), serial=serial(a, b, c)),
        Scenario(scene, (alone(a, c), alone(b, d))),
        Scenario(scene, (alone(a), alone(claim, COMPLETE_MINE), alone(b))),
        Scenario(scene, ((Transaction((claim, COMPLETE_MINE)),), alone(a, b))),
        Scenario(scene, ((Transaction((a,), "rollback"),), alone(b), alone(c))),
        # Calls in one transaction lock in whatever order their caller likes.
        Scenario(scene, ((Transaction((a, c)),), (Transaction((b, d)),)), "40P01"),
    ]
    for isolation in ("repeatable read", "serializable"):
        one, two = (Transaction((call,), isolation=isolation) for call in (a, b))
        made += [
            Scenario(scene, ((one,), (two,)), "40001"),
            Scenario(scene, ((one,), (two,), alone(c)), "40001"),
            Scenario(scene, ((one,), alone(b, d)), "40001"),
        ]
    return made


def scenarios(scene: Scene, calls: list[Call], races: list[Race]) -> Iterator[Scenario]:
    """Pairs of verbs, until there are no more, and deeper ones, without end; none twice.

    Deeper ones are made of pairs that were seen to race.
    """
    random = Random(f"{SEED} {scene.__name__}")
    left = pairs(scene, calls, random)
    printed = set()
    while True:
        some, left = left[:30], left[30:]
        yield from some
        for scenario in random.sample(deeper(scene, calls, races, random), 4):
            if str(scenario) not in printed:
                printed.add(str(scenario))
                yield scenario


def explore(dsn: str, part: int, schedules: int) -> Tally:
    """Play one part of the scenes, each to its share of the schedules."""
    total = Tally()
    share = schedules // len(SCENES) + 1
    with closing(Machine(dsn)) as machine:
        for scene in SCENES[part::PROCESSES]:
            names = machine.stage(scene)
            calls = [call for call in CALLS if call.fits(names)]
            if scene is droppable:  # everybody waits for who drops a table, and may miss it
                calls = [
                    replace(call, waits=True, patience=0.05, refused=f"{call.refused} 42P01")
                    for call in calls
                ]
            tally = Tally()
            races: list[Race] = []
            for scenario in scenarios(scene, calls, races):
                found = machine.explore(scenario)
                tally += found
                print(*found.findings, sep="\n", end="", flush=True)
                if found.waited and (race := scenario.race):
                    races.append(race)
                if tally.schedules >= share or len(tally.findings) >= 10:
                    break
            print(
                f"{scene.__name__}: {tally.schedules} schedules, {tally.waited} waited", flush=True
            )
            total += tally
    return total


@pytest.mark.newest
@pytest.mark.timeout(600)
def test_every_merge_keeps_every_promise(server: Server, thorough: bool) -> None:
    wanted = int(ASKED or SCHEDULES[thorough])
    began = time.monotonic()
    with ExitStack() as stack:
        dsns = [stack.enter_context(server.database(server.migrated)) for _ in range(PROCESSES)]
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(PROCESSES, mp_context=context) as pool:
            parts = pool.map(explore, dsns, range(PROCESSES), repeat(wanted))
            tally = sum(parts, Tally())
    seconds = round(time.monotonic() - began)
    print(f"seed {SEED}: {tally.schedules} schedules of {tally.scenarios} scenarios, in")
    print(f"{tally.waited} of which a session waited for another; {seconds} s")
    print(dict(sorted(tally.answers.items())))
    assert not tally.findings, "\n".join(tally.findings)
    assert tally.schedules >= wanted
    assert tally.waited >= wanted // 5, "hardly anything raced"
    for call in CALLS:
        assert tally.answers[f"{call.name}: ok"], f"{call.name} never succeeded: it was not tested"
    refused = {answer.split(": ")[1] for answer in tally.answers}
    assert refused > {"TK001", "TK002", "TK003", "TK008", "40001"}, "not everything was refused"
    if tally.schedules >= LONG_RUN:
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

FUNCTIONS = Path(__file__).parents[3] / "sql" / "functions"


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
        (
            "_close_task",
            f",\n{'':26}'error')",
            ")",
            failing,
            ["retry_step x", "cancel_task task"],
        ),
        ("_settle_step", "for no key update", "", running, ["resolve_step x", "resolve_step x"]),
        (
            "_check_repeat",
            "perform tasker._stale(p_token, array[p_step_id]);",
            "null;",
            expired,
            ["complete x", "sweep"],
        ),
        (
            "send_signal",
            " for no key update;\n  update tasker.steps as step set state = step.state"
            " where step.step_id = any (v_steps)",
            "",
            foretold,
            ["complete y", "send go"],
        ),
    ],
    ids=[
        "a lost update",
        "a missing lock",
        "a check before the lock",
        "an answer without the work",
        "a signal that no step sees",
    ],
)
def test_a_guard_that_is_missing_is_found(
    database: str,
    function: str,
    guard: str,
    instead: str,
    scene: Scene,
    verbs: list[str],
) -> None:
    (file,) = FUNCTIONS.glob(f"*/{function}.sql")
    text = file.read_text()
    assert guard in text
    a, b = (next(call for call in CALLS if call.name == verb) for verb in verbs)
    scenario = Scenario(scene, (alone(a), alone(b)), serial=serial(a, b))
    with closing(Machine(database)) as machine:
        assert machine.explore(scenario).findings == []
        rows(database, text.replace(guard, instead))
        found = machine.explore(scenario).findings
    print(found[0])
    assert "broken" in found[0] or "unlike any serial order" in found[0]
