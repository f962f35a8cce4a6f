"""Plays every merge of a few sessions' scripts, each on the same state of the database.

A scene is a state of the engine: staged once, and put back before every schedule, with the same
uuids and tokens. A scenario is a scene with a script for each session. The machine sends one
statement, and goes on when every session has answered or waits for somebody who has more to say:
PostgreSQL says so, nobody sleeps. One that waits is not asked to go on, so a schedule counts once,
wherever a statement that waited continues.
"""

from __future__ import annotations

import json
import select
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from string import Template
from typing import Any
from uuid import UUID

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo
from servers import fetched
from workflows import PLAN_CHECKS_ONCE, definition

from tasker_sql.client import Client

SECONDS = 60  # after which a statement that neither ends nor waits for a session is a finding
POLL = 0.002  # seconds without an answer after which PostgreSQL is asked who waits
RENEW = 200  # schedules after which dead rows are thrown away

# Everything that a schedule can change is kept and put back. The clock ticks with each reading, so
# that a schedule which is played again is the same.
PREPARE = """
set client_min_messages = warning;
create sequence public.ticks;
create or replace function tasker._now () returns timestamptz language sql volatile as $$
  select '2030-01-01 00:00Z'::timestamptz
         + current_setting('test.shift')::interval
         + nextval('public.ticks') * interval '1 ms'
$$;

create table public.effects (
  step_uuid uuid, token uuid, early boolean not null default false, primary key (step_uuid, token)
);
comment on table public.effects is
  'What the business wrote in the transactions that finished steps; early: that handed results in.';

create procedure public.keep (p_as text) language plpgsql as $procedure$
declare
  v_tables constant regclass[] := array(
    select oid::regclass from pg_class
     where relkind = 'r'
       and (relnamespace = 'tasker'::regnamespace
            and relname not in ('alembic_version', 'legal_transitions')
            or relnamespace = 'pgmq'::regnamespace and relname ~ '^(meta|q_.*)$'
            or oid = 'public.effects'::regclass)
     order by relname);
  v_table regclass;
  v_columns text;
  v_count bigint;
  v_body  text := '';
begin
  execute format('drop schema if exists %1$I cascade; create schema %1$I', p_as);
  foreach v_table in array v_tables loop
    execute format('create table %I.%I as table %s', p_as, v_table, v_table);
    v_body := v_body || format('delete from %s; ', v_table);
    execute format('select count(*) from %s', v_table) into v_count;
    continue when v_count = 0;
    select string_agg(quote_ident(attname), ', ') into v_columns
      from pg_attribute
     where attrelid = v_table and attnum > 0 and not attisdropped and attgenerated = '';
    v_body := v_body || format('insert into %1$s (%4$s) overriding system value'
                               ' select %4$s from %2$I.%3$I; ', v_table, p_as, v_table, v_columns);
  end loop;
  execute format($$
    create or replace procedure %1$I.put_back () language plpgsql as $put_back$
    declare
      v_queue text;
    begin
      for v_queue in
        select queue_name from %1$I."pgmq.meta"
         where to_regclass('pgmq.q_' || queue_name) is null
      loop
        perform tasker._create_queue(v_queue);
        perform setval(pg_get_serial_sequence('pgmq.q_' || v_queue, 'msg_id'), 1000);
      end loop;
      perform pgmq.drop_queue(queue_name) from pgmq.meta
        where queue_name not in (select queue_name from %1$I."pgmq.meta");
      perform setval('public.ticks', 1), setval('tasker.task_ids', %4$s);
      %2$s
    end
    $put_back$;
    create or replace procedure %1$I.renew () language plpgsql as $renew$
    begin
      call %1$I.put_back();
      truncate %3$s cascade;
      call %1$I.put_back();
    end
    $renew$
    $$, p_as, v_body, array_to_string(v_tables, ', '), nextval('tasker.task_ids'));
end
$procedure$;

create function public.drain () returns boolean language plpgsql as $function$
declare
  v_step record;
begin
  perform tasker.resume_namespace(name, 'the end') from tasker.namespaces
    where paused_at is not null;
  perform tasker.resume_template('test', name, 'the end') from tasker.task_templates
    where paused_at is not null;
  perform tasker.resume_task(task_uuid, 'the end') from tasker.tasks where paused_at is not null;
  for hour in 1 .. 20 loop
    perform set_config('test.shift', format('%s hours', hour), false);
    perform tasker.sweep();
    perform tasker.process_step_results(1000);
    perform tasker.process_task_requests(1000);
    for v_step in select step_uuid, token from tasker.claim_steps('test', 'drain', 1000) loop
      perform tasker.complete_step(v_step.step_uuid, v_step.token);
      insert into public.effects values (v_step.step_uuid, v_step.token);
    end loop;
    perform tasker.finalize_task(task.task_uuid)
       from tasker.unfinalized_tasks
       join tasker.tasks as task using (task_id)
      where task.finalize_externally;
    if not exists (select from tasker.open_tasks) then
      return true;
    end if;
  end loop;
  return false;
end
$function$;

create view public.wrong_effects as
select step.step_id, step.state, step.claim_token, effect.token, effect.early
  from tasker.steps as step
  join tasker.tasks as task on task.task_id = step.step_id >> 20
  full join public.effects as effect
    on effect.step_uuid = tasker._step_uuid(task.task_uuid, step.step_id)
 where case when effect.step_uuid is null
            then step.state = 'complete' and step.claim_token is not null
            else not effect.early
                 and (step.state = 'complete' and step.claim_token = effect.token) is not true
       end;
"""

# All on which it depends how things go on from here; of times, whether they have come.
STATE = """
create view public.state as
select format('task %s %s %s %s', task_id, state, open_sinks, paused_at is null) as fact
  from tasker.tasks
union all
select format('step %s %s %s %s %s %s', step_id, step.state, waiting_parents, attempt,
              claim_token is null, effect.early)
  from tasker.steps as step
  left join tasker.tasks as task on task.task_id = step.step_id >> 20
  left join public.effects as effect
    on effect.step_uuid = tasker._step_uuid(task.task_uuid, step.step_id)
   and effect.token = step.claim_token
union all select format('claim %s %s', step_ids, lease_until < tasker._now()) from tasker.claims
union all select format('submission %s %s %s', step_ids, failures,
                        submitted_at < tasker._now() - interval '5 s') from tasker.submissions
union all select format('timer %s %s', step_id, due_at < tasker._now()) from tasker.timers
union all select format('alarm %s %s %s', step_id, kind, due_at < tasker._now())
  from tasker.alarms
union all select format('wait %s %s', step_id, kind) from tasker.waits
union all select format('signal %s %s %s', name, value, taken_by) from tasker.signals
union all select format('checkpoint %s %s %s', step_id, number, excused) from tasker.checkpoints
union all select format('decision %s %s', step_id, decision) from tasker.decisions
union all select format('undecided %s', step_id) from tasker.undecided
union all select format('schedule %s %s %s %s', name, definition, next_tick, paused_at is null)
  from tasker.schedules
union all select format('tick %s %s %s', outcome, task_id, is_open) from tasker.schedule_ticks
union all select format('deferred %s %s', step_id, amount) from tasker.deferred_decrements
union all select format('open %s', task_id) from tasker.open_tasks
union all select format('unfinalized %s %s', task_id, since < tasker._now() - interval '1 h')
  from tasker.unfinalized_tasks
union all select format('finalizing %s %s', task_id, claimed_until < tasker._now())
  from tasker.finalization_claims
union all select format('namespace %s %s', name, paused_at is null) from tasker.namespaces
union all select format('template %s %s', name, paused_at is null) from tasker.task_templates
union all select format('queue %s', queue_name) from pgmq.meta
union all select format('message %s %s', queue_name, step_id) from tasker._messages(null)
union all select format('result %s', message - 'submission_id')
  from pgmq.q_orchestration_step_results
union all select format('request %s', message) from pgmq.q_orchestration_task_requests;
"""
# What a schedule left.
LOOK = """
select invariant, detail from tasker.check_invariants() where severity = 'safety';
select * from public.wrong_effects;
select code, error, message from tasker.rejected_messages where code !~ '^(TK|22)';
select array(select fact from public.state order by fact);
"""
# How it ends.
END = """
select from tasker.sweep();
select array(
  select concat_ws(' ', id & 1048575, state) from (
    select task_id << 20 as id, state::text from tasker.tasks
    union all
    select step_id, state::text from tasker.steps
  ) as entry order by id);
select public.drain();
select invariant, severity, detail from tasker.check_invariants();
select * from public.wrong_effects;
reset test.shift;
"""
HOLDERS = "select pid, pg_blocking_pids(pid) from unnest(%s::int[]) as pid"


@dataclass(frozen=True)
class Call:
    """A statement of a session. `query` names what the scene has: `$x` a step, `$x_token`, ...

    `$mine` is a step that the session claimed itself; when it got none, the call is left out.
    """

    name: str
    query: str
    refused: str = ""  # SQLSTATEs that are an answer, too
    needs: str = ""  # what the scene must have, too
    waits: bool = True  # False: must answer within milliseconds, no matter who holds what
    patience: float = 0  # seconds after which it certainly does not give up waiting any more

    def fits(self, names: Mapping[str, str]) -> bool:
        """Is everything there that it names?"""
        return {*Template(self.query).get_identifiers(), *self.needs.split()} <= {*names, "me"}


@dataclass(frozen=True)
class Transaction:
    """Calls that stand or fall together."""

    calls: tuple[Call, ...]
    end: str = "commit"
    isolation: str = "read committed"


Script = tuple[Transaction, ...]
Scene = Callable[["Stage"], None]


@dataclass(frozen=True)
class Scenario:
    """Who does what, on which scene."""

    scene: Scene
    scripts: tuple[Script, ...]
    refused: str = ""  # SQLSTATEs that are an answer to every call
    serial: bool = False  # ends as if the transactions had come one after the other

    @property
    def race(self) -> tuple[Call, Call] | None:
        """The calls, when it is one against one."""
        match self.scripts:
            case ((Transaction((a,)),), (Transaction((b,)),)):
                return a, b
        return None

    def __str__(self) -> str:
        parts = [
            "; ".join(
                ", ".join(call.name for call in one.calls)
                + (f" ({one.isolation})" if one.isolation != "read committed" else "")
                + (" rollback" if one.end != "commit" else "")
                for one in script
            )
            for script in self.scripts
        ]
        return f"{self.scene.__name__}: {' | '.join(parts)}"


@dataclass
class Play:
    """One schedule: who was chosen each time, among whom, and what came of it."""

    trace: list[int] = field(default_factory=list)
    ready: list[list[int]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    waited: bool = False
    serial: bool = True  # no transaction began within another
    answers: list[str] = field(default_factory=list)
    outcome: Any = None

    def __str__(self) -> str:
        return ", ".join(self.said)


@dataclass
class Tally:
    """What was played; `findings` is empty when all is well."""

    scenarios: int = 0
    schedules: int = 0
    waited: int = 0  # schedules in which a session waited for another
    answers: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.scenarios + other.scenarios,
            self.schedules + other.schedules,
            self.waited + other.waited,
            self.answers + other.answers,
            self.findings + other.findings,
        )


def completing(step: str) -> str:
    """The query that completes a step of the scene, with a business write."""
    return (
        f"select step_state from tasker.complete_step('${step}', '${step}_token'); "
        f"insert into effects values ('${step}', '${step}_token') on conflict do nothing"
    )


class Stage:
    """Brings the engine into the state that a scene begins with, and names what is there."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self.client = Client(connection)
        self.names: dict[str, str] = {}

    def ago(self, interval: str) -> None:
        """What is done from now on was done so long ago."""
        self.connection.execute(f"set test.shift = '-{interval}'".encode())

    def task(
        self,
        steps: Mapping[str, Sequence[str]],
        *,
        name: str = "flow",
        task: str = "task",
        options: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> None:
        """Make a task, and name it and its steps."""
        self.define(name, steps, **more)
        made = self.client.create_task("test", name, {}, dict(options or {}))
        self.names[task] = str(made.task_uuid)
        for step in self.client.get_task_steps(made.task_uuid):
            self.names[step.name] = str(step.step_uuid)

    def define(
        self,
        name: str,
        steps: Mapping[str, Sequence[str]],
        special: Mapping[str, Mapping[str, Any]] | None = None,
        **more: Any,
    ) -> None:
        """Register a template; `special` has all that a step is, beside its name and parents."""
        template = json.loads(definition(name, steps, **more))
        for step in template["steps"]:
            if keys := (special or {}).get(step["name"]):
                del step["handler"], step["retry"]
                step |= keys
        self.run("select from tasker.register_template(%s)", json.dumps(template))

    def claim(self, *steps: str) -> None:
        """Claim exactly these steps, together."""
        claimed = self.client.claim_steps("test", "worker", len(steps))
        assert {step.name for step in claimed} == set(steps)
        for step in claimed:
            self.names[f"{step.name}_token"] = str(step.token)

    def done(self, *steps: str) -> None:
        """Claim exactly these steps and complete them."""
        self.claim(*steps)
        for step in steps:
            self.run(completing(step))

    def fail(self, step: str, *, retryable: bool) -> None:
        """Fail a step that was claimed; a retry is due at once."""
        step_uuid, token = UUID(self.names[step]), UUID(self.names[f"{step}_token"])
        self.client.fail_step(step_uuid, token, "no", retryable, timedelta(0))

    def claim_end(self) -> None:
        """Claim the finalization of the task."""
        claim = self.client.claim_task_for_finalization(UUID(self.names["task"]), "processor")
        self.names["processor"] = "processor"
        self.names["end_token"] = str(claim.finalization_attempt_uuid)

    def run(self, query: str, *arguments: Any) -> None:
        """Run a query that may name what is there, as a call does."""
        self.connection.execute(Template(query).substitute(self.names).encode(), arguments or None)


def _conninfo(dsn: str, name: str) -> str:
    options = "-c deadlock_timeout=200ms -c test.shift=0"
    return make_conninfo(dsn, application_name=name, options=options)


def _mirrored(scripts: Sequence[Script], trace: Sequence[int], other: int) -> bool:
    """Could a session before this one say the same, that has not said anything either?"""
    return other not in trace and any(
        scripts[one] == scripts[other] and one not in trace for one in range(other)
    )


class StuckError(Exception):
    """A statement neither ends nor waits for a session that could let it go on."""


class Session:
    """A connection that plays one script, statement by statement."""

    def __init__(self, dsn: str, number: int) -> None:
        self.name = "abc"[number]
        self.link = pq.PGconn.connect(_conninfo(dsn, self.name).encode())
        assert self.link.status == pq.ConnStatus.OK, self.link.error_message
        self.link.notice_handler = self._heed_notice
        self.pid = self.link.backend_pid
        self.busy = False
        self._take((), {})

    def _take(self, script: Script, names: Mapping[str, str]) -> None:
        self.script = list(script)
        self.place = 0  # of the next call in the first transaction that is left
        self.names = {**names, "me": self.name}
        self.call = Call("", "")
        self.answers: list[tuple[Call, str]] = []
        self.warnings: list[str] = []

    def begin(self, script: Script, names: Mapping[str, str], *, hasty: bool) -> None:
        """Take a new script, and forget what the last one left in the session."""
        self._take(script, names)
        self._send(f"reset all; {'set deadlock_timeout = 10; ' * hasty}select setseed(0)")

    @property
    def said(self) -> str:
        """What it said last, and the error that it got."""
        return f"{self.name} {self.call.name}" + (
            f" [{self.code} {self.error}]" if self.code else ""
        )

    @property
    def over(self) -> bool:
        return not self.script

    @property
    def inside(self) -> bool:
        """Is it in a transaction?"""
        return self.place > 0

    @property
    def waits(self) -> bool:
        """Is it past the time after which a call gives up waiting?"""
        return self.call.waits and time.monotonic() - self.since >= self.call.patience

    def say(self) -> None:
        """Send the next statement."""
        transaction = self.script[0]
        begin = "" if self.inside else f"begin isolation level {transaction.isolation}; "
        if self.place < len(transaction.calls):
            self.call = transaction.calls[self.place]
            self.place += 1
        else:
            self.call = Call(transaction.end, transaction.end)
            self.script.pop(0)
            self.place = 0
        self._send(begin + Template(self.call.query).substitute(self.names))

    def hear(self) -> None:
        """Read what has come."""
        self.link.consume_input()
        while not self.link.is_busy():
            result = self.link.get_result()
            if result is None:
                self.busy = False
                self._settle()
                return
            self._heed(result)

    def _settle(self) -> None:
        """Note the answer, and go on behind what cannot be said any more."""
        if self.call.name:
            self.answers.append((self.call, self.code or "ok"))
        if self.code and self.inside:
            self.place = len(self.script[0].calls)
        while self.script and self._lacks(self.script[0]):
            if self.inside:
                self.place = len(self.script[0].calls)
            else:
                self.script.pop(0)

    def _lacks(self, transaction: Transaction) -> bool:
        """Does its next call name a step that the session did not get?"""
        left = transaction.calls[self.place :]
        return bool(left) and "$mine" in left[0].query and "mine" not in self.names

    def _heed(self, result: pq.abc.PGresult) -> None:
        code = result.error_field(pq.DiagnosticField.SQLSTATE)
        if code is not None:
            text = result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or b""
            self.code, self.error = code.decode(), text.decode()
        elif result.ntuples:
            row = {result.fname(at): result.get_value(0, at) for at in range(result.nfields)}
            if token := row.get(b"token"):
                self.names["mine"] = (row[b"step_uuid"] or b"").decode()
                self.names["mine_token"] = token.decode()

    def _heed_notice(self, notice: pq.abc.PGresult) -> None:
        if notice.error_field(pq.DiagnosticField.SEVERITY_NONLOCALIZED) == b"WARNING":
            text = notice.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or b""
            self.warnings.append(text.decode())

    def _send(self, text: str) -> None:
        self.code = self.error = ""
        self.busy = True
        self.since = time.monotonic()
        self.link.send_query(text.encode())
        self.link.flush()

    def fileno(self) -> int:
        return self.link.socket

    def close(self) -> None:
        self.link.finish()


class Machine:
    """Sessions on a database, and a connection that stages, watches and judges."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.control = psycopg.connect(_conninfo(dsn, "control"), autocommit=True)
        self.control.execute("set session_replication_role = replica")  # rows come in any order
        self.control.execute((PREPARE + PLAN_CHECKS_ONCE + STATE).encode())
        self.control.execute("select from tasker.create_namespace('test')")
        self.control.execute("call keep('nothing')")
        self.sessions = [Session(dsn, number) for number in range(3)]
        self.scene: Scene | None = None
        self.names: dict[str, str] = {}
        self.plays = 0
        self.ends: dict[tuple[str, ...], tuple[list[str], Any]] = {}  # by state: each played once

    def close(self) -> None:
        for session in self.sessions:
            session.close()
        self.control.close()

    def stage(self, scene: Scene) -> dict[str, str]:
        """Make the scene the state to begin with; the names of what is in it."""
        if scene is not self.scene:
            self.control.execute("call nothing.renew()")
            stage = Stage(self.control)
            scene(stage)
            self.control.execute("reset test.shift")
            self.control.execute("call keep('scene')")
            self.scene, self.names = scene, stage.names
            self.ends.clear()
        return self.names

    def explore(self, scenario: Scenario) -> Tally:
        """Play every merge of the scripts, up to the first finding."""
        tally = Tally(scenarios=1)
        todo: list[list[int]] = [[]]
        plays: dict[tuple[int, ...], Play] = {}
        while todo and not tally.findings:
            prefix = todo.pop()
            play = self.play(scenario, prefix)
            plays[tuple(play.trace)] = play
            todo += [
                [*play.trace[:place], other]
                for place in range(len(prefix), len(play.trace))
                for other in play.ready[place]
                if other != play.trace[place]
                and not _mirrored(scenario.scripts, play.trace[:place], other)
            ]
            tally.answers.update(play.answers)
            tally.findings += [f"{scenario}\n  {play}\n  {wrong}" for wrong in play.wrong]
        tally.schedules = len(plays)
        tally.waited = sum(play.waited for play in plays.values())
        if scenario.serial and not tally.findings:
            orders = [play.outcome for play in plays.values() if play.serial]
            wrong = [play for play in plays.values() if play.outcome not in orders]
            tally.findings += [
                f"{scenario}\n  {play}\n  ends unlike any serial order: {play.outcome}\n  {orders}"
                for play in wrong[:1]
            ]
        return tally

    def play(self, scenario: Scenario, prefix: Sequence[int]) -> Play:
        """Play one schedule that begins so; from there on, the first to come speaks."""
        names = self.stage(scenario.scene)
        self.plays += 1
        renew = self.plays % RENEW == 0
        self.control.execute("call scene.renew()" if renew else "call scene.put_back()")
        sessions = self.sessions[: len(scenario.scripts)]
        for session, script in zip(sessions, scenario.scripts, strict=True):
            session.begin(script, names, hasty="40P01" in scenario.refused)
        play = Play()
        try:
            while ready := self._ready(sessions, play):
                place = len(play.trace)
                chosen = prefix[place] if place < len(prefix) else ready[0]
                if chosen not in ready:
                    chosen = ready[0]
                play.trace.append(chosen)
                play.ready.append(ready)
                play.serial &= not any(
                    session.inside for session in sessions if session is not sessions[chosen]
                )
                sessions[chosen].say()
        except StuckError as error:
            play.wrong.append(str(error))
            self._break_up(sessions)
        self._judge(scenario, sessions, play)
        return play

    def _ready(self, sessions: Sequence[Session], play: Play) -> list[int]:
        """Who may speak, now that all have answered or wait for one of these."""
        while busy := [session for session in sessions if session.busy]:
            answering = select.select(busy, [], [], POLL)[0]
            for session in answering:
                session.hear()
                if session.answers and not session.busy:
                    play.said.append(session.said)
            if not answering and self._all_wait(busy, sessions):
                play.waited = True
                if (last := sessions[play.trace[-1]]) in busy:
                    play.said.append(f"{last.said} (waits)")
                break
        return [
            number
            for number, session in enumerate(sessions)
            if not session.busy and not session.over
        ]

    def _all_wait(self, busy: Sequence[Session], sessions: Sequence[Session]) -> bool:
        """Does each of them wait, over whatever chain, for one that has more to say?"""
        found = self.control.execute(HOLDERS, [[session.pid for session in busy]]).fetchall()
        holders: dict[int, list[int]] = dict(found)
        free = {session.pid for session in sessions if not session.busy}
        for _ in busy:
            free |= {pid for pid, blockers in holders.items() if free & set(blockers)}
        if all(session.waits and session.pid in free for session in busy):
            return True
        for session in busy:
            if time.monotonic() - session.since > SECONDS:
                raise StuckError(f"neither an end nor a wait for anybody: {session.said}")
        return False

    def _break_up(self, sessions: Sequence[Session]) -> None:
        for session in sessions:
            self.control.execute("select pg_terminate_backend(%s, 5000)", [session.pid])
            session.close()
        self.sessions = [Session(self.dsn, number) for number in range(3)]

    def _judge(self, scenario: Scenario, sessions: Sequence[Session], play: Play) -> None:
        """What the sessions were answered, what is in the tables, and how it ends."""
        for session in sessions:
            for call, answer in session.answers:
                play.answers.append(f"{call.name}: {answer}")
                if answer not in ("ok", *call.refused.split(), *scenario.refused.split()):
                    play.wrong.append(f"{session.name} got {answer} from {call.name}")
            play.wrong += [f"{session.name} was warned: {text}" for text in session.warnings]
        broken, effects, rejected, [[state]] = self._results(LOOK)
        play.wrong += [f"broken afterwards: {row}" for row in [*broken, *effects, *rejected]]
        key = tuple(state)
        if key not in self.ends:
            self.ends[key] = self._end()
        wrong, states = self.ends[key]
        play.wrong += wrong
        answers = [answer for session in sessions for _, answer in session.answers]
        play.outcome = answers, states

    def _end(self) -> tuple[list[str], Any]:
        """Bring every task to its end; what is wrong with that, and the states on the way."""
        try:
            _, [[states]], [[ended]], broken, effects, _ = self._results(END)
        except psycopg.Error as error:
            return [f"no end: {error}"], None
        wrong = [] if ended else ["a task never ends"]
        return wrong + [f"broken in the end: {row}" for row in [*broken, *effects]], states

    def _results(self, queries: str) -> list[Any]:
        """The rows of each of the queries."""
        cursor = self.control.execute(queries.encode())
        found = [fetched(cursor)]
        while cursor.nextset():
            found.append(fetched(cursor))
        return found
