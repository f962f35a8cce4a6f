"""Every pair of calls that touch the same rows, in both orders, at every isolation level.

What is right is not written down but asked for: the answers and the state of the database must be
those of one serial order. `scenes.py` says which one, and who waits.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from queue import SimpleQueue
from typing import Any, NamedTuple

import psycopg
import pytest
from psycopg import IsolationLevel
from scenes import CALLS, IMPATIENT, MOVES, SCENES, SEEKING, TEMPLATES, Names
from servers import Server, fetched, rows
from sessions import SECONDS, Rows, Session, opened
from workflows import PLAN_CHECKS_ONCE

pytestmark = pytest.mark.newest_first

CLOCK = """
create or replace function tasker._now () returns timestamptz language sql volatile
as $$ select clock_timestamp() + coalesce(nullif(current_setting('test.clock', true), ''), '0')
                                 ::interval $$;
create table public.effects (step uuid not null, token uuid not null);
"""
PATIENCE = 2000  # milliseconds: much longer than anybody waits who does not wait to the end

RESET = """
delete from tasker.tasks; delete from tasker.steps; delete from tasker.open_tasks;
delete from tasker.claims; delete from tasker.checkpoints;
delete from tasker.waits; delete from tasker.signals; delete from tasker.alarms;
delete from tasker.submissions; delete from tasker.timers;
delete from tasker.deferred_decrements; delete from tasker.unfinalized_tasks;
delete from tasker.finalization_claims; delete from tasker.finalization_attempts;
delete from tasker.finalization_events;
delete from tasker.waiters; delete from tasker.transitions; delete from tasker.step_failures;
delete from tasker.rejected_messages; delete from tasker.operator_actions;
delete from tasker.idempotency_keys; delete from public.effects;
delete from tasker.runners; delete from tasker.forced_breakers; delete from tasker.dead_steps;
delete from tasker.repair_plans; delete from tasker.refused_writes;
delete from tasker.schedule_ticks; delete from tasker.schedules;
delete from tasker.acknowledgements;
delete from pgmq.q_test_queue; delete from pgmq.q_orchestration_step_results;
delete from pgmq.q_orchestration_task_requests;
update tasker.namespaces set paused_at = null, paused_by = null, pause_reason = null
 where paused_at is not null;
update tasker.task_templates set paused_at = null, paused_by = null, pause_reason = null
 where paused_at is not null;
update tasker.limits set value = initial where value <> initial;
delete from tasker.task_templates where version = '2.0.0' or namespace_id in
  (select namespace_id from tasker.namespaces where name = 'spare');
do $$ begin
  if exists (select from tasker.namespaces where name = 'spare')
  then perform tasker.drop_namespace('spare'); end if;
end $$;
"""

VACUUM = """
vacuum tasker.tasks, tasker.steps, tasker.open_tasks, tasker.claims, tasker.submissions,
       tasker.transitions, tasker.operator_actions, pgmq.q_test_queue
"""

# Everything there is but ids, tokens and times.
STATE = """
select array(select (row(name, version, task.state, open_sinks, task.paused_at is null,
                         started_at is null))::text from tasker.tasks as task
               join tasker.task_templates using (template_id) order by 1),
       array(select (row(step_id & 1048575, state, waiting_parents, attempt,
                         regexp_replace(result::text, '"at": "[^"]*"', ''), claim_token is null,
                         started_at is null, finished_at is null))::text
               from tasker.steps order by 1),
       array(select (row(worker, array(select id & 1048575 from unnest(step_ids) as id)))::text
               from tasker.claims order by 1),
       array(select step_id & 1048575 from tasker.timers order by 1),
       array(select (row(step_id & 1048575, amount))::text
               from tasker.deferred_decrements order by 1),
       (select count(*) from tasker.submissions),
       (select count(*) from tasker.unfinalized_tasks),
       (select count(*) from tasker.open_tasks),
       (select count(*) from tasker.waiters),
       array(select processor_id from tasker.finalization_claims order by 1),
       array(select (row(processor_id, outcome))::text from tasker.finalization_attempts
              where outcome is distinct from 'refused' order by 1),
       array(select (row(id & 1048575, change))::text from tasker._changes order by 1),
       array(select (row(step_id & 1048575, attempt, to_state, lost, retryable))::text
               from tasker.step_failures order by 1),
       array(select verb from tasker.operator_actions order by 1),
       array(select code from tasker.rejected_messages order by 1),
       array(select regexp_replace((row(idempotency_key, context))::text, '20[0-9T:.-]+Z?', '', 'g')
               from tasker.idempotency_keys join tasker.tasks using (task_id) order by 1),
       array(select (row(name, paused_at is null))::text from tasker.namespaces order by 1),
       array(select (row(name, version, paused_at is null))::text
               from tasker.task_templates order by 1),
       array(select (row(name, value))::text from tasker.limits order by 1),
       array(select (row(name, definition ->> 'description', next_tick is null, last_outcome,
                         paused_at is null))::text from tasker.schedules order by 1),
       array(select (row(outcome, count, is_open, task_id is null))::text
               from tasker.schedule_ticks order by 1),
       array(select name from tasker.runners order by 1),
       array(select (row(breaker, runner, forced))::text from tasker.forced_breakers order by 1),
       array(select queue_name from pgmq.meta order by 1),
       array(select relname::text from pg_class where relname like 'q\\_spare%%queue%%'
                and relkind = 'r' order by 1),
       (select count(*) from pgmq.q_orchestration_step_results),
       (select count(*) from pgmq.q_orchestration_task_requests),
       array(select distinct step_id & 1048575
               from pgmq.q_test_queue, lateral (select (message ->> 'step_id')::bigint as step_id)
                 as pointer
               join tasker.steps using (step_id) where state = 'enqueued' order by 1),
       (select count(*) from public.effects),
       array(select (row(step_id & 1048575, checkpoint, number))::text
               from tasker.checkpoints order by 1),
       array(select (row(step_id & 1048575, kind))::text from tasker.waits order by 1),
       array(select (row(name, value, taken_by & 1048575))::text from tasker.signals order by 1),
       array(select (row(step_id & 1048575, kind))::text from tasker.alarms order by 1)
"""

TWICE = """
select step from public.effects
  left join tasker.steps on step_id = tasker._step_id(step)
 group by step, state having count(distinct token) > 1 or state is distinct from 'complete'
"""

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

COMMITTED = IsolationLevel.READ_COMMITTED
LEVELS = {
    "repeatable_read": IsolationLevel.REPEATABLE_READ,
    "serializable": IsolationLevel.SERIALIZABLE,
}
HISTORY = 11  # its place in STATE
AT_THE_TASK = "None, 'in_progress', 'already_claimed'"
ARENAS = 2  # at a time, for most of the time is spent waiting


class State(NamedTuple):
    """How things stand, and how they came about."""

    now: str
    past: str


Outcome = tuple[tuple[str, ...], State]  # what the calls answered, and what they left behind


class Arena:
    """A database in which scenes are set up again and again, and two sessions that meet there."""

    def __init__(self, dsn: str, a: Session, b: Session) -> None:
        self.a, self.b = a, b
        self.connection = psycopg.connect(dsn, autocommit=True)
        self.connection.execute("set client_min_messages = error")
        self.connection.execute((CLOCK + PLAN_CHECKS_ONCE).encode())
        for template in TEMPLATES:
            self.ask("select from tasker.register_template(%s)", template)
        self.names: Names = {}
        self.repeats = 0

    def ask(self, query: str, *arguments: Any) -> Rows:
        return fetched(self.connection.execute(query.encode(), arguments or None))

    def set_up(self, scene: str, level: IsolationLevel = COMMITTED) -> None:
        with self.connection.transaction():
            self.ask(RESET)
            self.ask("set local test.clock = '-1 hour -1 minute'")
            self.names = SCENES[scene].setup(self.ask)
        self.a.at(level)
        self.b.at(level)

    def state(self) -> State:
        """How things stand when messages are processed and the next sweep has been by: well."""
        with self.connection.transaction():
            self.ask("set local test.clock = '70 s'")
            self.ask("select from tasker.process_step_results()")
            self.ask("select from tasker.process_task_requests()")
            self.ask("select from tasker.sweep()")
            ((*state,),) = self.ask(STATE)
            past = state.pop(HISTORY)
            assert self.ask("select * from tasker.check_invariants()") == []
            assert self.ask(TWICE) == []
        return State("\n".join(map(str, state)), str(past))

    def start(self, session: Session, move: str) -> Future[Rows]:
        return session.start(MOVES[move], **self.names)

    def repeat(self, session: Session, move: str, answer: str | None = None) -> str:
        """End a transaction, of which this is the answer, and run it until it is serialized."""
        if answer is None:
            answer = said(self.start(session, move))
        while not end(session, answer):
            self.repeats += 1
            answer = said(self.start(session, move))
        return answer

    def serial(self, scene: str, *moves: str) -> Outcome:
        """What comes of moves one after the other."""
        self.set_up(scene)
        return tuple(self.repeat(self.b, move) for move in moves), self.state()


def said(call: Future[Rows]) -> str:
    """What a call answers; of an error, the SQLSTATE."""
    try:
        return UUID.sub("uuid", repr(call.result(SECONDS)))
    except psycopg.Error as error:
        return error.sqlstate or repr(error)


def refused(answer: str) -> bool:
    return re.fullmatch("[0-9A-Z]{5}", answer) is not None


def end(session: Session, answer: str) -> bool:
    """Commit, or roll back after an error; false when the transaction could not be serialized."""
    if refused(answer):
        session.rollback()
        return answer != "40001"
    try:
        session.commit()
    except psycopg.errors.SerializationFailure:
        session.rollback()
        return False
    return True


serial: dict[tuple[str, ...], Outcome] = {}  # the same on every server


def in_turn(arena: Arena, scene: str, *moves: str) -> Outcome:
    if (scene, *moves) not in serial:
        serial[scene, *moves] = arena.serial(scene, *moves)
    return serial[scene, *moves]


def explained(arena: Arena, scene: str, first: str, second: str, got: Outcome) -> str:
    """Which serial orders explain an outcome, as in the grids; ? if none does."""
    (a, b), state = got
    after = in_turn(arena, scene, first, second)
    turned = in_turn(arena, scene, second, first)
    before = (turned[0][::-1], turned[1])
    if got == after == before:
        return "."
    if got == after:
        return ">"
    if got == before:
        return "<"
    if ((a,), state) == in_turn(arena, scene, first):
        if b == "[]":
            return "-"
        if AT_THE_TASK in b:
            return "x"
    if state.now in (after[1].now, before[1].now) and not refused(a) and not refused(b):
        return "~"
    return "?"


def cell(how: str, answer: str, *, waits: bool) -> str:
    how = "w" if waits and how in ".>" else how
    return how + (answer.removeprefix("TK00") if refused(answer) else "")


def meet(
    arena: Arena, scene: str, first: str, second: str, level: IsolationLevel = COMMITTED
) -> str:
    """What becomes of the second move when the first has not yet committed."""
    arena.set_up(scene, level)
    a = said(arena.start(arena.a, first))
    call = arena.start(arena.b, second)
    waits = arena.b.waits(call, PATIENCE if second in IMPATIENT else 0)
    ended = not waits and end(arena.b, said(call))
    a = arena.repeat(arena.a, first, a)
    b = said(call) if ended else arena.repeat(arena.b, second, said(call))
    return cell(explained(arena, scene, first, second, ((a, b), arena.state())), b, waits=waits)


def come_late(
    arena: Arena, scene: str, first: str, second: str, level: IsolationLevel = COMMITTED
) -> str:
    """What becomes of the second move when its snapshot is older than the whole first one."""
    arena.set_up(scene, level)
    arena.b.run("select from tasker.tasks")
    a = arena.repeat(arena.a, first)
    b = arena.repeat(arena.b, second, said(arena.start(arena.b, second)))
    return cell(explained(arena, scene, first, second, ((a, b), arena.state())), b, waits=False)


def give_up(arena: Arena, scene: str, first: str, second: str) -> str:
    """What becomes of the second move when the first is rolled back, as in the grids."""
    arena.set_up(scene)
    said(arena.start(arena.a, first))
    call = arena.start(arena.b, second)
    waits = arena.b.waits(call, PATIENCE if second in IMPATIENT else 0)
    if not waits:
        end(arena.b, said(call))
    arena.a.rollback()
    b = arena.repeat(arena.b, second, said(call)) if waits else said(call)
    got = ((b,), arena.state())
    if got == in_turn(arena, scene, second):
        return "w" if waits else "."
    nothing = ((), got[1]) == in_turn(arena, scene)
    passed_over = not refused(b) and (second in SEEKING or AT_THE_TASK in b)
    return "-" if nothing and passed_over else "?"


Race = Callable[[Arena, str, str, str], str]
Grid = dict[str, dict[str, str]]


class Arenas:
    """Some arenas, so that several pairs can meet at once."""

    def __init__(self, server: Server, stack: ExitStack) -> None:
        self._all: list[Arena] = []
        self._free: SimpleQueue[Arena] = SimpleQueue()
        for _ in range(ARENAS):
            dsn = stack.enter_context(server.database(server.migrated))
            a, b = stack.enter_context(opened(dsn, "a", "b"))
            arena = Arena(dsn, a, b)
            stack.callback(arena.connection.close)
            self._all.append(arena)
            self._free.put(arena)

    @property
    def repeats(self) -> int:
        """How often a transaction could not be serialized and was run again."""
        return sum(arena.repeats for arena in self._all)

    def races(self, scene: str, race: Race) -> Grid:
        """Let every pair of a scene meet."""
        moves = SCENES[scene].moves

        def row(first: str) -> dict[str, str]:
            arena = self._free.get()
            try:
                arena.ask(VACUUM)
                return {second: race(arena, scene, first, second) for second in moves}
            finally:
                self._free.put(arena)

        with ThreadPoolExecutor(ARENAS) as pool:
            return dict(zip(moves, pool.map(row, moves), strict=True))


@pytest.fixture(scope="module")
def arenas(server: Server) -> Iterator[Arenas]:
    with ExitStack() as stack:
        yield Arenas(server, stack)


def drawn(grid: Grid) -> list[str]:
    """A grid as it is written in `scenes.py`."""
    return [" ".join([first, *row.values()]) for first, row in grid.items()]


@pytest.mark.parametrize("scene", SCENES)
def test_every_pair_waits_or_not_and_comes_before_or_after(arenas: Arenas, scene: str) -> None:
    assert drawn(arenas.races(scene, meet)) == drawn(SCENES[scene].expected)


@pytest.mark.newest
@pytest.mark.slow
@pytest.mark.parametrize("scene", SCENES)
def test_who_met_a_call_that_was_rolled_back_did_as_if_alone(arenas: Arenas, scene: str) -> None:
    assert "?" not in "".join(drawn(arenas.races(scene, give_up)))


def check_serialized(scene: str, got: Grid) -> None:
    """Only what the grid says may go wrong; and a worker that looks for work may pass over some."""
    for first, row in got.items():
        for second, how in row.items():
            expected = SCENES[scene].expected[first][second]
            good = ".<>w" + expected[0] + ("-~" if second in SEEKING else "")
            assert how[0] in good and how[1:] in ("", "1", "2", "3", "8", "9"), (first, second, how)


@pytest.mark.slow
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("scene", SCENES)
def test_every_pair_can_be_serialized(arenas: Arenas, scene: str, level: str) -> None:
    repeats = arenas.repeats
    check_serialized(scene, arenas.races(scene, partial(meet, level=LEVELS[level])))
    assert arenas.repeats > repeats


@pytest.mark.newest
@pytest.mark.slow
@pytest.mark.parametrize("scene", SCENES)
def test_an_old_snapshot_is_refused_or_does_no_harm(arenas: Arenas, scene: str) -> None:
    repeats = arenas.repeats
    level = LEVELS["repeatable_read"]
    check_serialized(scene, arenas.races(scene, partial(come_late, level=level)))
    assert arenas.repeats > repeats


# Whether a pair is missing in the scenes ---------------------------------------------------------

CHANGES = re.compile(
    r"\b(?:update|delete from)\s+tasker\.(\w+)"
    r"|\bfrom\s+tasker\.(\w+)(?=[^;]*?\bfor (?:no key update|update|key share)\b)"
)
INSERTS = re.compile(r"\binsert into\s+tasker\.(\w+)")
# Their rows are taken with `skip locked` only; a plan's, also by those who apply that plan.
NOBODY_WAITS = {"waiters", "sweep_cursors", "repair_plans"}

# The other one is a thin cover of the same function, or the same statement with another value.
ALIKE = {
    "complete_step_manually": "resolve_step",
    "resolve_task": "cancel_task",
    "create_task": "create_tasks",
    "enqueue_steps": "sweep",
    "finalize_tasks": "sweep",
    "report_steps": "finish_and_claim",
    "skip_step": "fail_step",
    "resume_namespace": "pause_namespace",
    "resume_template": "pause_template",
    "resume_task": "pause_task",
}

# Applies one of the other verbs, waiting for nobody.
APPLIES = "_apply_verb"

# Pairs that share tables, but no row.
APART = [
    (
        {"create_tasks", "process_task_requests", "trigger_schedule"},
        {
            *("claim_task_for_finalization", "finalize_task", "cancel_task", "resolve_step"),
            *("retry_step", "requeue_step", "pause_task", "finish_and_claim", "complete_step"),
            *("fail_step", "release_claim", "submit_step_results", "process_step_results"),
            *("checkpoint_step", "sleep_step", "send_signal", "answer_wait", "set_deadline"),
        },
        "the rows of a task are new: nobody can name them before they are committed",
    ),
    ({"pause_task"}, {"register_template"}, "a new version has no task that could be paused"),
]


def sources(dsn: str) -> dict[str, str]:
    """The functions' bodies, without comments and literals."""
    query = "select proname, prosrc from pg_proc where pronamespace = 'tasker'::regnamespace"
    return {name: re.sub(r"--.*|'[^']*'", "", text) for name, text in rows(dsn, query)}


def calls(bodies: dict[str, str], name: str, found: set[str]) -> set[str]:
    """A function and all that it calls."""
    if name not in found and name != APPLIES:
        found.add(name)
        for other in re.findall(r"\btasker\.(\w+)\s*\(", bodies[name]):
            if other in bodies:
                calls(bodies, other, found)
    return found


def meetings(dsn: str) -> set[frozenset[str]]:
    """The pairs of public functions of which one changes or locks rows that the other may write."""
    bodies = sources(dsn)
    changed: dict[str, set[str]] = {}
    written: dict[str, set[str]] = {}
    for name in bodies:
        if not name.startswith("_") and name != "work":  # it commits between calls of others here
            text = "\n".join(bodies[part] for part in sorted(calls(bodies, name, set())))
            found = {table for pair in CHANGES.findall(text) for table in pair if table}
            changed[name] = found - NOBODY_WAITS
            written[name] = changed[name] | set(INSERTS.findall(text))
    return {
        frozenset((a, b))
        for a, b in itertools.combinations_with_replacement(sorted(changed), 2)
        if changed[a] & written[b] or changed[b] & written[a]
    }


def alike(names: Iterable[str]) -> frozenset[str]:
    return frozenset(ALIKE.get(name, name) for name in names)


@pytest.mark.newest
def test_every_pair_that_shares_rows_meets_in_a_scene(database: str) -> None:
    met = set()
    for scene in SCENES.values():
        functions = {CALLS.get(move, move) for move in scene.moves}
        met |= {alike(pair) for pair in itertools.product(functions, functions)}
    apart = {frozenset(pair) for one, other, _ in APART for pair in itertools.product(one, other)}
    assert not met & apart
    wanted = {alike(pair) for pair in meetings(database)}
    assert len(wanted) > 100
    assert sorted(map(sorted, wanted - met - apart)) == []
    assert sorted(map(sorted, apart - wanted)) == []
