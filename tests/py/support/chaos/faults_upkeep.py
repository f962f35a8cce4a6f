"""What is done to a database that is in use: locked, rewritten, dumped, upgraded, looked at."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from abc import abstractmethod
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import psycopg
from running import running
from servers import rows, temporary_folder

from chaos.arena import Arena, ChaosError, Member
from chaos.crew import handle
from chaos.faults_network import (
    EFFECTS,
    FLEET,
    HOLD,
    PATIENCE,
    QUEUE,
    landed_on_all,
    locked,
    work_goes_on,
)
from chaos.kinds import Fault
from chaos.ledger import now
from chaos.workload import LOOK, end_waits
from tasker_sql.schema import truth
from tasker_sql.worker.handlers import Registry, Step

MISSES = 30  # of one kind in an episode, after which it is not going to land
WAITING = f"select count(*) {FLEET} and wait_event_type = 'Lock'"


_turns: WeakKeyDictionary[Arena, threading.Lock] = WeakKeyDictionary()


class Upkeep(Fault):
    """Happens while work goes on, and may make it wait, but not fail.

    One at a time: an administrator's statements may well wait for each other.
    """

    waits: ClassVar[bool] = False  # whether it makes all wait, so that leases may run out

    def run(self, arena: Arena, count: int) -> None:
        turn = _turns.setdefault(arena, threading.Lock())
        misses = 0
        while count:
            if misses > MISSES:
                raise ChaosError(f"{self.name} does not land")
            with turn:
                work_goes_on(arena)
                since = now()
                try:
                    why = self.strike(arena)
                except psycopg.errors.LockNotAvailable as error:
                    why = str(error)
                if why:
                    arena.missed(self.name, why, since, everybody=self.waits)
                    misses += 1
                else:
                    count -= 1
                    if self.waits:
                        landed_on_all(arena, self.name, since)
                    else:
                        arena.landed(self.name, since)

    @abstractmethod
    def strike(self, arena: Arena) -> str:
        """Why it did not land; nothing when it did."""


class Locked(Upkeep):
    """As by an ALTER TABLE."""

    name = "exclusive lock on the steps"
    rate = 0.5
    waits = True

    def strike(self, arena: Arena) -> str:
        with locked(arena, "lock table tasker.steps in access exclusive mode"):
            try:
                arena.wait(lambda: arena.one(WAITING) >= 3, "others wait", HOLD)
            except ChaosError as error:
                return str(error)
        return ""


class Rewritten(Upkeep):
    """A statement gives a relation new files."""

    statement: ClassVar[str]
    files: ClassVar[str]
    queue: ClassVar[int] = QUEUE  # as for `locked`; 0 when nobody queues up behind it

    def strike(self, arena: Arena) -> str:
        before = arena.rows(self.files)
        with psycopg.connect(arena.dsn, autocommit=True, application_name="chaos") as connection:
            connection.execute(f"set lock_timeout = '{self.queue}s'".encode())
            connection.execute(self.statement.encode())
        return "" if arena.rows(self.files) != before else "nothing was rewritten"


class VacuumFull(Rewritten):
    name = "vacuum full of the steps"
    rate = 0.25
    statement = "vacuum full tasker.steps"
    files = "select pg_relation_filenode('tasker.steps')"
    waits = True


class Reindexed(Rewritten):
    name = "reindex concurrently of the steps"
    rate = 0.25
    statement = "reindex table concurrently tasker.steps"
    queue = 0
    files = """
        select pg_relation_filenode(indexrelid)
          from pg_index where indrelid = 'tasker.steps'::regclass order by 1
    """


class Reloaded(Upkeep):
    name = "configuration reloaded"
    rate = 0.5

    def strike(self, arena: Arena) -> str:
        chosen = f"{arena.dice(f'{now()}').randint(4096, 65536)}kB"
        read = "select 1 from pg_file_settings where name = 'work_mem' and setting = %s and applied"
        before = arena.one("select pg_conf_load_time()")
        arena.rows(f"alter system set work_mem = '{chosen}'")
        arena.rows("select pg_reload_conf()")
        loaded = "select pg_conf_load_time() > %s"
        arena.wait(partial(arena.one, loaded, before), "it is read", PATIENCE)
        return "" if arena.rows(read, chosen) else "it was overruled"

    def clean_up(self, arena: Arena) -> None:
        arena.rows("alter system reset work_mem")
        arena.rows("select pg_reload_conf()")


class SnapshotHeld(Upkeep):
    """An analyst's transaction stays open: nothing that died since can be cleaned up."""

    name = "snapshot held open"
    rate = 0.25

    def strike(self, arena: Arena) -> str:
        with psycopg.connect(arena.dsn, application_name="chaos") as analyst:
            analyst.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            analyst.execute("select from tasker.tasks")
            pid = analyst.info.backend_pid
            for _ in range(5):
                work_goes_on(arena)
            arena.rows("vacuum tasker.steps")
            age = "select age(backend_xmin) from pg_stat_activity where pid = %s"
            held = arena.one(age, pid)
        return "" if held >= 10 else f"only {held} transactions happened"


class TimeoutStrikes(Upkeep):
    """A runner's call waits for a lock, and the server gives up on it."""

    setting: ClassVar[str]
    says: ClassVar[str]
    waits = True

    def strike(self, arena: Arena) -> str:
        runner = self.hire(arena)
        since = now()
        struck = partial(self.is_struck, arena, runner, since)
        try:
            with locked(arena, "lock table tasker.claims in share mode"):
                arena.wait(struck, "a statement is given up", HOLD)
        except ChaosError as error:
            return str(error)
        finally:
            arena.dismiss(runner)
        return ""

    def hire(self, arena: Arena) -> Member:
        """A runner whose own calls have the limit: what the database says does not count there."""
        runner = arena.hire("runner", limit=self.setting)
        arena.wait(partial(arena.held_by, runner.name), "it has work", PATIENCE)
        return runner

    def is_struck(self, arena: Arena, runner: Member, since: float) -> bool:
        log = arena.ledger.lines("log", worker=runner.name)
        return any(line["at"] > since and self.says in line["text"] for line in log)


class LockTimeout(TimeoutStrikes):
    name = "lock_timeout strikes"
    rate = 0.5
    setting, says = "lock_timeout", "canceling statement due to lock timeout"


class StatementTimeout(TimeoutStrikes):
    name = "statement_timeout strikes"
    rate = 0.5
    setting, says = "statement_timeout", "canceling statement due to statement timeout"


class ClockSet(Upkeep):
    """The server's time of day leaps ahead: it was wrong, or the machine slept."""

    name = "clock set forward"
    rate = 0.25
    alone = True  # an upgrade would set it back
    waits = True

    def strike(self, arena: Arena) -> str:
        since = now()
        by = arena.dice(f"{self.name} {since}").uniform(60.0, 120.0)
        ahead = sum(turn["by"] for turn in arena.ledger.lines("turned") if not turn["machine"]) + by
        arena.rows(NOW.format(ahead))
        arena.ledger.write("turned", since=since, by=by, machine=False)
        return ""


NOW = """
create or replace function tasker._now () returns timestamptz language sql volatile
as $$ select clock_timestamp() + make_interval(secs => {}) $$
"""


class Restored(Upkeep):
    """A copy is made while work goes on; all that was open in it completes there, once.

    What an operator had paused for a moment is resumed, and what waits for a signal gets it: those
    who would have done so do not know of the copy.
    """

    name = "dumped and restored"
    rate = 0.25

    def strike(self, arena: Arena) -> str:
        programs = arena.server.embedded._programs
        name = f"restored_{arena.seed}_{now():.0f}"
        copy = arena.server.embedded.url(name)
        folder = temporary_folder()
        if programs.account:
            shutil.chown(folder, programs.account.pw_uid, programs.account.pw_gid)
        before = arena.one(EFFECTS)
        try:
            self.must(programs.run("pg_dump", "-Fc", "-f", f"{folder}/dump", "-d", arena.dsn))
            worked = arena.one(EFFECTS) > before
            tokens = [token for (token,) in arena.rows("select token::text from tasker.claims")]
            arena.server.create(name)
            self.must(programs.run("pg_restore", "--exit-on-error", "-d", copy, f"{folder}/dump"))
            return self.complete(copy, tokens) if worked else "nothing was done meanwhile"
        finally:
            shutil.rmtree(folder)
            arena.server.admin.execute(f"drop database if exists {name} with (force)".encode())

    def must(self, done: subprocess.CompletedProcess[str]) -> None:
        if done.returncode:
            raise ChaosError(f"{done.args[0]} failed: {done.stderr}")

    def complete(self, copy: str, tokens: Sequence[str]) -> str:
        """Let a runner do what is left in the copy, and look at everything."""
        for token in tokens:
            self.refuse(copy, token)
        open_tasks = "select count(*) from tasker.open_tasks"
        if rows(copy, open_tasks) == [(0,)]:
            return "nothing was open"
        for query in RESUME:
            rows(copy, query, "chaos")
        with running(copy, registry(), ["alpha", "beta"]):
            limit = now() + PATIENCE
            while rows(copy, open_tasks) != [(0,)] and now() < limit:
                end_waits(partial(rows, copy))
                time.sleep(LOOK)
        for what, query in WRONG.items():
            if wrong := rows(copy, query):
                raise ChaosError(f"in the copy, {what}: {wrong[:5]}")
        return ""

    def refuse(self, copy: str, token: str) -> None:
        """A claim that was made after the copy holds nothing there."""
        if rows(copy, "select 1 from tasker.claims where token = %s", token):
            return
        try:
            rows(copy, "select from tasker.heartbeat(%s)", token)
        except psycopg.DatabaseError as error:
            if error.sqlstate == "TK001":
                return
        raise ChaosError(f"the copy knows the token {token}")


RESUME = (
    """
    select from tasker.namespaces as namespace
     cross join lateral tasker.resume_namespace(namespace.name, %s)
     where namespace.paused_at is not null
    """,
    """
    select from tasker.task_templates as template
      join tasker.namespaces as namespace on namespace.namespace_id = template.namespace_id
     cross join lateral tasker.resume_template(namespace.name, template.name, %s)
     where template.paused_at is not null
    """,
    """
    select from tasker.tasks as task
     cross join lateral tasker.resume_task(task.task_uuid, %s)
     where task.paused_at is not null
    """,
)
WRONG = {
    "an invariant is broken": "select * from tasker.check_invariants()",
    "a task did not end": """
        select task.task_uuid, task.state, why.reason
          from tasker.tasks as task
          left join lateral tasker.explain_task(task.task_uuid) as why on why.blocks
         where task.finished_at is null
    """,
    "a step does not have its one effect": """
        select step.step_id, step.result ->> 'by', count(effect.step_uuid)
          from tasker.steps as step
          join tasker.tasks as task on task.task_id = step.step_id >> 20
          left join public.effects as effect
            on effect.step_uuid = tasker._step_uuid(task.task_uuid, step.step_id)
         group by step.step_id
        having count(effect.step_uuid)
               <> (step.state = 'complete' and step.result ->> 'by' = 'transaction')::integer
    """,
    "an SQL handler had its effect twice": """
        select task, number from public.sql_effects group by 1, 2 having count(*) > 1
    """,
}


def registry() -> Registry:
    """The handlers of the workload, without a ledger."""
    handlers = Registry()

    @handlers.handler("plain")
    def plain(step: Step) -> dict[str, Any]:
        return {**handle(step, step.results, 0.0), "by": "handler"}

    @handlers.handler("effect", transactional=True)
    def effect(step: Step, connection: psycopg.Connection[Any]) -> dict[str, Any]:
        insert = "insert into public.effects values (%s, gen_random_uuid(), 'the copy')"
        connection.execute(insert, [step.step_uuid])
        return {**handle(step, step.results, 0.0), "by": "transaction"}

    return handlers


MIGRATE = """
import sys
from tasker_sql.schema import migrations as schema
getattr(schema, sys.argv[1])(*sys.argv[2:])
"""
MARK = "-- Again."
MARKED = """
select count(*) from pg_proc
 where pronamespace = 'tasker'::regnamespace and prosrc like %s
"""


class Upgraded(Upkeep):
    """A revision replaces all functions, and goes back again, under workers that know neither."""

    name = "upgraded or downgraded under load"
    rate = 0.25

    def prepare(self, arena: Arena) -> None:
        """Copy what makes a release, and make two; the arena's own function stays as it is."""
        self.folder = temporary_folder()
        for name in ("alembic", "sql", "tasker_sql"):
            shutil.copytree(truth.SCRIPTS.parent / name, self.folder / name)
        (own,) = self.folder.glob("sql/functions/*/_recovery_grace.sql")
        own.write_text(
            arena.one("select pg_get_functiondef('tasker._recovery_grace'::regproc)") + ";\n"
        )
        self.old = self.python("alembic/seal.py").split()[-1]
        functions = [file for file in self.folder.glob("sql/functions/*/*.sql") if file != own]
        for file in functions:
            file.write_text(file.read_text().replace("\nas $$\n", f"\nas $$\n{MARK}\n"))
        self.marked = sum(MARK in file.read_text() for file in functions)
        self.new = self.python("alembic/seal.py").split()[-1]

    def python(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ChaosError(f"{arguments} failed: {done.stderr}")
        return done.stdout

    def strike(self, arena: Arena) -> str:
        since, before = now(), arena.one(EFFECTS)
        upgrades = arena.one("select version_num from tasker.alembic_version") != self.new
        command, revision = ("upgrade", self.new) if upgrades else ("downgrade", self.old)
        self.python("-c", MIGRATE, command, arena.dsn, revision)
        if arena.one(MARKED, f"%{MARK}%") != self.marked * upgrades:
            raise ChaosError(f"{command} did not replace all functions")
        work_goes_on(arena)
        wrong = [
            line["text"]
            for line in arena.ledger.lines("log")
            if line["at"] > since and re.search(r"\([0-9A-Z]{5}\)$", line["text"])
        ]
        if wrong:
            raise ChaosError(f"during {command}: {wrong[:5]}")
        return "" if arena.one(EFFECTS) > before else "nothing was done meanwhile"

    def clean_up(self, arena: Arena) -> None:  # noqa: ARG002
        shutil.rmtree(self.folder)
