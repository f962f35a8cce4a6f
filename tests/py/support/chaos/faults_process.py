"""Processes that die, freeze, stop, hand their work back, repeat themselves or tell the wrong time;
and an operator."""

from __future__ import annotations

import time
from abc import abstractmethod
from functools import partial
from random import Random
from typing import Any, ClassVar
from uuid import UUID

from chaos.arena import Arena, ChaosError, Member
from chaos.crew import Order, until_free
from chaos.kinds import Fault
from chaos.ledger import Line, now, task_of
from tasker_sql.client import Client, connect
from tasker_sql.errors import BusyError, IllegalTransitionError, NotFoundError

PATIENCE = 60.0  # seconds that one fault may take to land
AT_ONCE = 4  # processes that are frozen at the same time
YEAR = 365 * 86400.0

GONE = "select not exists (select from pg_stat_activity where application_name = %s)"
TRACES = """
select exists (select from tasker.claims where token = %(token)s)
       or exists (select from tasker.step_failures where token = %(token)s and lost),
       (select count(*) from public.effects where token = %(token)s),
       (select count(*) from tasker.steps where claim_token = %(token)s and state = 'complete')
"""
CUT_OFF = """
select exists (select from tasker.step_failures
                where token = %s and error ->> 'type' = 'Unavailable')
"""
WORKED = "select 1 from public.effects where worker = %s limit 1"


class Death(Fault):
    """A worker is killed in one phase of its work. It dies by its own hand, at that very point."""

    phase: ClassVar[str]

    def run(self, arena: Arena, count: int) -> None:
        dice = arena.dice(self.name)
        while count:
            order = Order("die", self.phase, dice.randint(0, 5))
            worker = arena.hire("worker", order=order, batch=dice.choice([1, 1, 4]))
            arena.wait(worker.is_gone, f"{worker.name} dies in {self.phase}", PATIENCE)
            arena.wait(partial(arena.one, GONE, worker.name), "its backend is gone")
            (dying,) = arena.ledger.lines("dying", worker=worker.name)
            if self.is_as_meant(arena, dying):
                # Nobody but the claim's owner may lose it, and only where there is a claim.
                victims = [] if self.phase in ("claiming", "committed") else [worker.name]
                steps = [] if victims else dying["steps"]
                at = dying["at"]
                arena.landed(self.name, at, at, victims=victims, steps=steps)
                count -= 1
            else:
                why, at = f"{dying} left other traces", dying["at"]
                arena.missed(self.name, why, at, victims=[worker.name])

    def is_as_meant(self, arena: Arena, dying: Line) -> bool:
        """Whether the database and the ledger show the traces of just this phase."""
        ((held, effects, complete),) = arena.rows(TRACES, token=dying["token"])
        started = bool(arena.ledger.lines("start", token=dying["token"]))
        if self.phase == "committed":
            return bool(effects == complete == len(dying["steps"]))
        in_hand = self.phase != "claiming"
        begun = self.phase not in ("claiming", "claimed")
        return (held, effects, complete, started) == (in_hand, 0, 0, begun)


class BeforeItsClaim(Death):
    name = "worker killed before its claim commits"
    phase = "claiming"


class AfterItsClaim(Death):
    name = "worker killed after its claim committed"
    phase = "claimed"


class InTheHandler(Death):
    name = "worker killed in the handler"
    phase = "handler"


class AfterTheWrite(Death):
    name = "worker killed after the business write"
    phase = "written"


class BeforeTheCommit(Death):
    name = "worker killed between complete_step and commit"
    phase = "completed"


class BeforeTheReply(Death):
    name = "worker killed after the commit, before the reply"
    phase = "committed"


class Zombie(Fault):
    """A worker is frozen until its claim is taken back; then it goes on, and must be refused."""

    phase: ClassVar[str]

    def run(self, arena: Arena, count: int) -> None:
        while count:
            order = Order("freeze", self.phase)
            workers = [arena.hire("worker", order=order) for _ in range(min(count, AT_ONCE))]
            for worker in workers:
                frozen = self.frozen(arena, worker)
                arena.wait(
                    partial(arena.are_over, [frozen["token"]]),
                    f"the claim of {worker.name} is taken back",
                    PATIENCE,
                )
                worker.thaw()
                count -= self.is_refused(arena, worker, frozen)
            for worker in workers:
                arena.dismiss(worker)

    def frozen(self, arena: Arena, worker: Member) -> Line:
        """The line that it has written before it froze."""
        (line,) = arena.wait(
            lambda: arena.ledger.lines("frozen", worker=worker.name),
            f"{worker.name} freezes",
            PATIENCE,
        )
        return dict(line)

    def is_refused(self, arena: Arena, worker: Member, frozen: Line) -> bool:
        """Whether its late call was refused, and its business write rolled back."""
        token = frozen["token"]
        (refused,) = arena.wait(
            lambda: arena.ledger.lines("refused", worker=worker.name, token=token),
            f"{worker.name} is refused",
            PATIENCE,
        )
        ((_, effects, complete),) = arena.rows(TRACES, token=token)
        if "stale claim" in refused["error"] and effects == complete == 0:
            arena.landed(self.name, frozen["at"], refused["at"], victims=[worker.name])
            return True
        why = f"{refused} left {effects} effects"
        arena.missed(self.name, why, frozen["at"], victims=[worker.name])
        return False


class FrozenInTheHandler(Zombie):
    name = "worker frozen past its lease in the handler"
    phase = "handler"


class FrozenWithAnOpenWrite(Zombie):
    name = "worker frozen past its lease with its write uncommitted"
    phase = "written"


class FrozenBeforeTheCommit(Zombie):
    """Its transaction has completed the step: it keeps the claim, and may commit late."""

    name = "worker frozen between complete_step and commit"
    phase = "completed"

    def run(self, arena: Arena, count: int) -> None:
        while count:
            order = Order("freeze", self.phase)
            workers = [arena.hire("worker", order=order) for _ in range(min(count, AT_ONCE))]
            for worker in workers:
                frozen = self.frozen(arena, worker)
                self.outlast(arena, worker, frozen)
                worker.thaw()
                count -= self.has_ended(arena, worker, frozen)

    def outlast(self, arena: Arena, worker: Member, frozen: Line) -> None:  # noqa: ARG002
        """Wait until sweeps have come by after its lease, and left it alone."""
        time.sleep(max(0.0, frozen["at"] + arena.lease + 3 * arena.sweep_period - now()))

    def has_ended(self, arena: Arena, worker: Member, frozen: Line) -> bool:
        """Whether it ended as this kind does: late, but well."""
        arena.dismiss(worker)
        ((lost, effects, complete),) = arena.rows(TRACES, token=frozen["token"])
        cut_off = arena.one(CUT_OFF, frozen["token"])
        if (lost or cut_off) and effects == complete == 0:
            # the machine was so slow that the server ended its session, before a sweep or after
            arena.landed(FrozenTooLong.name, frozen["at"], victims=[worker.name], held_rows=True)
            return self.name == FrozenTooLong.name
        if effects == complete == len(frozen["steps"]):
            arena.landed(FrozenBeforeTheCommit.name, frozen["at"], held_rows=True)
            return self.name == FrozenBeforeTheCommit.name
        raise ChaosError(f"{frozen} left {effects} effects and {complete} complete steps")


class FrozenTooLong(FrozenBeforeTheCommit):
    """The server ends its transaction, others take over, and its commit fails."""

    name = "worker frozen before its commit until the server ends its session"
    rate = 0.5

    def outlast(self, arena: Arena, worker: Member, frozen: Line) -> None:
        taken_back = f"the claim of {worker.name} is taken back"
        arena.wait(partial(arena.are_over, [frozen["token"]]), taken_back, PATIENCE)


class RunnerFault(Fault):
    """Harms a runner that has work in its hands, which takes it a while."""

    def run(self, arena: Arena, count: int) -> None:
        runner = self.hire(arena)
        limit = now() + PATIENCE * count
        while count:
            if now() > limit or arena.ended.is_set():
                raise ChaosError(f"{self.name} does not land")
            if not arena.held_by(runner.name):
                time.sleep(0.01)
            elif self.strike(arena, runner):
                count -= 1
            if not runner.alive:
                runner = self.hire(arena)
        arena.dismiss(runner)

    def hire(self, arena: Arena) -> Member:
        return arena.hire("runner", slow=0.02, two_hop=arena.dice(self.name).random() < 0.3)

    @abstractmethod
    def strike(self, arena: Arena, runner: Member) -> bool:
        """Whether it landed."""


class RunnerKilled(RunnerFault):
    name = "runner killed with work in its hands"

    def strike(self, arena: Arena, runner: Member) -> bool:
        runner.freeze()
        time.sleep(0.05)  # what it has sent is applied
        at = now()
        held = arena.held_by(runner.name)
        if not held:
            runner.thaw()
            arena.missed(self.name, "it had just reported all its work")
            return False
        runner.kill()
        arena.landed(self.name, at, at, victims=[runner.name])
        return True


class RunnerFrozen(RunnerFault):
    name = "runner frozen past its lease"
    rate = 0.5

    def strike(self, arena: Arena, runner: Member) -> bool:
        since = now()
        runner.freeze()
        time.sleep(0.05)
        held = arena.held_by(runner.name)
        if held:
            taken_back = "its claims are taken back"
            arena.wait(partial(arena.are_over, held), taken_back, PATIENCE)
        thawed = now()
        runner.thaw()
        if not arena.some_lost(held):
            why = "it had just reported all its work"
            arena.missed(self.name, why, since, victims=[runner.name], held_rows=True)
            return False
        noticed = partial(arena.has_lost_work, runner, thawed)
        arena.wait(noticed, "it learns that they are", PATIENCE)
        arena.landed(self.name, since, victims=[runner.name], held_rows=True)
        return True


class RunnerStopped(RunnerFault):
    """It must give back what it has not started, finish the rest, and end well."""

    name = "runner stopped with work in its hands"
    rate = 0.7

    def strike(self, arena: Arena, runner: Member) -> bool:
        at = now()
        arena.dismiss(runner)
        log = arena.ledger.lines("log", worker=runner.name)
        (exited,) = arena.ledger.lines("exit", worker=runner.name)
        if exited["code"] != 0 or arena.held_by(runner.name):
            raise ChaosError(f"{runner.name} did not end well: {exited}, {log[-5:]}")
        (stops,) = (line["text"] for line in log if "stops: waiting for" in line["text"])
        if stops.endswith(" 0 steps"):
            arena.missed(self.name, stops)
            return False
        arena.landed(self.name, at)
        return True


class Habit(Fault):
    """A worker does something over and over; each time that it says so is a fault."""

    habit: ClassVar[str]
    says: ClassVar[str]

    def run(self, arena: Arena, count: int) -> None:
        worker = arena.hire("worker", habit=self.habit, batch=3)
        arena.wait(
            lambda: len(arena.ledger.lines(self.says, worker=worker.name)) >= count,
            f"{worker.name} {self.says} {count} times",
            PATIENCE + count,
        )
        arena.dismiss(worker)
        for line in arena.ledger.lines(self.says, worker=worker.name)[:count]:
            arena.landed(self.name, line["at"], line["at"], steps=line.get("steps", ()))


class GivesBack(Habit):
    name = "worker gives its claims back"
    rate = 3.0
    habit, says = "gives back", "gave back"


class Repeats(Habit):
    name = "calls repeated after a lost reply"
    rate = 3.0
    habit, says = "repeats", "repeated"


class WrongClock(Fault):
    """A process whose clock is a year off works as any other."""

    seconds: ClassVar[float]
    rate = 0.5

    def run(self, arena: Arena, count: int) -> None:
        for number in range(count):
            role = ("worker", "runner")[number % 2]
            member = arena.hire(role, clock=self.seconds)
            arena.wait(partial(arena.rows, WORKED, member.name), "it completes a step")
            (clock,) = arena.ledger.lines("clock", worker=member.name)
            arena.dismiss(member)
            if abs(clock["time"] - time.time() - self.seconds) > 3600:
                raise ChaosError(f"the clock of {member.name} is right")
            arena.landed(self.name, clock["at"])


class Ahead(WrongClock):
    name = "worker's clock a year ahead"
    seconds = YEAR


class Behind(WrongClock):
    name = "worker's clock a year behind"
    seconds = -YEAR


WHY = "chaos"
A_TASK = """
select task_uuid from tasker.tasks where finished_at is null order by random() limit 1
"""
A_STEP = """
select tasker._step_uuid(task.task_uuid, step.step_id)
  from tasker.steps as step
  join tasker.tasks as task on task.task_id = step.step_id >> 20
 where step.state = any (%s::tasker.step_state[])
   and task.state not in ('cancelled', 'resolved_manually')
 order by random()
 limit 1
"""
FAILED = ["error", "waiting_for_retry"]
OPEN = ["enqueued", "in_progress", "waiting", *FAILED]


class Operator(Fault):
    """An operator interferes with what is being worked on."""

    name = "operator interferes"
    rate = 2.0

    def run(self, arena: Arena, count: int) -> None:
        dice = arena.dice(self.name)
        client = connect(arena.dsn, "operator")
        while count:
            since = now()
            try:
                tasks = self.interfere(arena, client, dice)
            except (BusyError, IllegalTransitionError, NotFoundError) as error:
                arena.missed(self.name, str(error))
            else:
                arena.landed(self.name, since, tasks=tasks)
                count -= 1
            time.sleep(0.02)
        client.close()

    def interfere(self, arena: Arena, client: Client, dice: Random) -> list[str]:
        """Do one thing, or pause and resume. The tasks of which nobody knows any more how they
        end. Raises IllegalTransitionError when it is too late, NotFoundError for lack of victims.
        """
        verb = dice.choice(["cancel", "resolve", "pause", "retry", "requeue", "settle", "complete"])
        if verb == "pause":
            subjects: dict[str, tuple[Any, ...]] = {
                "task": (self.some(arena, A_TASK),),
                "template": ("alpha", "wide"),
                "namespace": ("beta",),
            }
            what = dice.choice(list(subjects))
            getattr(client, f"pause_{what}")(*subjects[what], WHY)
            time.sleep(0.1)
            until_free(partial(getattr(client, f"resume_{what}"), *subjects[what], WHY))
            return []
        if verb in ("cancel", "resolve"):
            task = self.some(arena, A_TASK)
            (client.cancel_task if verb == "cancel" else client.resolve_task)(task, WHY)
            return [str(task)]
        states = {"retry": FAILED, "requeue": ["in_progress"]}
        step = self.some(arena, A_STEP, states.get(verb, OPEN))
        if verb == "retry":
            client.retry_step(step, WHY)
        elif verb == "requeue":
            client.requeue_step(step, WHY)
        elif verb == "settle":
            client.resolve_step(step, WHY)
        else:
            client.complete_step_manually(step, {"by": "operator", "value": 1}, WHY)
        return [task_of(str(step))]

    def some(self, arena: Arena, query: str, *arguments: Any) -> UUID:
        found: UUID | None = arena.one(query, *arguments)
        if found is None:
            raise NotFoundError("there is none to interfere with")
        return found
