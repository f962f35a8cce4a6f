"""Connections that are cut, freeze, or end on one side only; and networks that are slow."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import cycle
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import psycopg

from chaos.arena import Arena, ChaosError, Member
from chaos.crew import Order
from chaos.kinds import Fault
from chaos.ledger import Line, now
from chaos.proxy import MissedError, Proxy

PATIENCE = 60.0  # seconds that one fault may take to land
HOLD = 1.0  # seconds that a lock is held at most
QUEUE = 1  # seconds that others may queue up behind somebody who waits for a lock
AT_ONCE = 4  # processes that something slow is done to at the same time

CALLS = r"tasker\.(claim_steps|complete_step|finish_and_claim|fail_step|submit_step_results)"
STATUS = "select pg_xact_status(%s::xid8)"
IS_OVER = "select pg_xact_status(%s::xid8) <> 'in progress'"
EFFECTS = "select count(*) from public.effects"
WAITING = """
select pid
  from pg_stat_activity
 where pid = any (%s) and state = 'active' and wait_event_type = 'Lock'
 limit 1
"""
STATE = "select state from pg_stat_activity where pid = %s"
GONE = "select not exists (select from pg_stat_activity where pid = any (%s))"
MOVED = """
select not exists (select from tasker.claims where claimed_at < %s)
   and not exists (select from tasker.steps where state = 'enqueued' and enqueued_at < %s)
"""
FLEET = """
  from pg_stat_activity
 where datname = current_database() and backend_type = 'client backend'
   and application_name not in ('chaos', 'operator', '') and pid <> pg_backend_pid()
"""

_proxies: WeakKeyDictionary[Arena, Proxy] = WeakKeyDictionary()


def proxy_of(arena: Arena) -> Proxy:
    """The proxy of an episode."""
    if arena not in _proxies:
        _proxies[arena] = Proxy(arena.dsn)
    return _proxies[arena]


@contextmanager
def locked(arena: Arena, statement: str) -> Iterator[None]:
    """Somebody else's lock, for a while.

    Raises psycopg.errors.LockNotAvailable rather than make all others queue up for long.
    """
    with psycopg.connect(arena.dsn, application_name="chaos") as connection:
        connection.execute(f"set local lock_timeout = '{QUEUE}s'".encode())
        connection.execute(statement.encode())
        yield


def work_goes_on(arena: Arena) -> None:
    """Wait until something was completed."""
    ((before,),) = arena.wait(partial(arena.rows, EFFECTS), "the server answers")
    arena.wait(lambda: arena.one(EFFECTS) > before, "work goes on")


def landed_on_all(arena: Arena, kind: str, since: float) -> None:
    """Enter a fault for everybody that is over now, when all that was open then has moved."""
    until = now()
    ((moment,),) = arena.wait(partial(arena.rows, "select tasker._now()"), "an answer")
    arena.wait(lambda: arena.one(MOVED, moment, moment), "every step moves")
    arena.landed(kind, since, until, everybody=True, moved=now())


class NetworkFault(Fault):
    """Happens to processes that talk to the server over a proxy."""

    def prepare(self, arena: Arena) -> None:
        self.proxy = proxy_of(arena)

    def hire(self, arena: Arena, role: str, **chosen: Any) -> Member:
        return arena.hire(role, dsn=self.proxy.dsn, **chosen)

    def clean_up(self, arena: Arena) -> None:
        if proxy := _proxies.pop(arena, None):
            proxy.close()


class CutAtCommit(NetworkFault):
    """A connection is cut around the commit of a call, of a worker and of a runner in turn."""

    commits: ClassVar[bool]  # whether the commit reaches the server
    leaves: ClassVar[str]  # what becomes of the transaction

    def run(self, arena: Arena, count: int) -> None:
        victims = [self.hire(arena, "worker", batch=3), self.hire(arena, "runner")]
        turns = cycle(victims)
        while count:
            victim = next(turns)
            held = self.proxy.catch(CALLS, PATIENCE, of=victim.name)
            since = now()
            try:
                if self.commits:
                    held.commit()
            except MissedError as error:
                arena.missed(self.name, str(error), since, victims=[victim.name])
                continue
            finally:
                held.cut()
            arena.wait(partial(arena.one, IS_OVER, held.xid), "the server hears of it")
            if (left := arena.one(STATUS, held.xid)) == self.leaves:
                arena.landed(self.name, since, victims=[victim.name])
                count -= 1
            else:
                why = f"the transaction was {left}"
                arena.missed(self.name, why, since, victims=[victim.name])
        for victim in victims:
            arena.dismiss(victim)


class CutBeforeCommit(CutAtCommit):
    name = "connection cut before the commit"
    rate = 3.0
    commits, leaves = False, "aborted"


class CutAfterCommit(CutAtCommit):
    name = "connection cut after the commit, before its reply"
    rate = 3.0
    commits, leaves = True, "committed"


class CutInACall(NetworkFault):
    """A connection is cut while the server applies a call, which waits for a lock just then."""

    name = "connection cut while a call runs"
    rate = 2.0

    def run(self, arena: Arena, count: int) -> None:
        victims = [self.hire(arena, "worker", batch=3), self.hire(arena, "runner")]
        turns = cycle(victims)
        while count:
            victim = next(turns)
            try:
                with locked(arena, "lock table tasker.claims in share mode"):
                    pid = arena.wait(partial(self.waits, arena, victim), "a call waits", HOLD)
                    since = now()
                    cut = self.proxy.cut([pid])
            except (psycopg.errors.LockNotAvailable, ChaosError) as error:
                arena.missed(self.name, str(error))
            else:
                assert cut == 1, "it waits, so its connection is there"
                arena.landed(self.name, since, victims=[victim.name])
                count -= 1
            work_goes_on(arena)
        for victim in victims:
            arena.dismiss(victim)

    def waits(self, arena: Arena, victim: Member) -> Any:
        return arena.one(WAITING, [link.pid for link in self.proxy.links_of(victim.name)])


class Frozen(NetworkFault):
    """Nothing comes through until the lease is over; then everything does, and must be refused."""

    name = "connections frozen past the lease"
    rate = 0.5

    def run(self, arena: Arena, count: int) -> None:
        while count:
            members = [
                self.hire(arena, ("worker", "runner")[one % 2], slow=0.1)
                for one in range(min(count, AT_ONCE))
            ]
            frozen = [(member, now(), self.freeze(arena, member)) for member in members]
            for _, _, tokens in frozen:
                arena.wait(partial(arena.are_over, tokens), "claims are lost", PATIENCE)
            self.proxy.thaw()
            for member, since, tokens in frozen:
                if not arena.some_lost(tokens):
                    why = f"{member.name} had just finished"
                    arena.missed(self.name, why, since, victims=[member.name], held_rows=True)
                    continue
                refused = partial(self.is_refused, arena, member, tokens, since)
                arena.wait(refused, f"{member.name} is refused", PATIENCE)
                arena.landed(self.name, since, victims=[member.name], held_rows=True)
                count -= 1
            for member in members:
                arena.dismiss(member)

    def freeze(self, arena: Arena, member: Member) -> Sequence[str]:
        """Freeze all connections of a process that holds a claim; the tokens of its claims."""
        while True:
            arena.wait(partial(arena.held_by, member.name), "it has work", PATIENCE)
            pids = [link.pid for link in self.proxy.links_of(member.name)]
            self.proxy.freeze(pids)
            time.sleep(0.05)  # what had come through is applied
            if tokens := arena.held_by(member.name):
                return tokens
            self.proxy.thaw(pids)
            arena.missed(self.name, f"{member.name} had just finished")

    def is_refused(self, arena: Arena, member: Member, tokens: Sequence[str], since: float) -> bool:
        refused = arena.ledger.lines("refused", worker=member.name)
        return any(line.get("token") in tokens for line in refused) or arena.has_lost_work(
            member, since
        )


class ClientVanished(NetworkFault):
    """A worker's machine goes down between complete_step and commit, and the server hears nothing.

    Its session holds the claim, and only the server itself can end it.
    """

    name = "half-open: the client vanished in its transaction"
    rate = 0.5

    def run(self, arena: Arena, count: int) -> None:
        while count:
            order = Order("freeze", "completed")
            hired = [self.hire(arena, "worker", order=order) for _ in range(min(count, AT_ONCE))]
            workers = {worker.name: worker for worker in hired}
            vanished = []
            while workers:  # soon after one freezes, the server ends its session
                line = arena.wait(partial(self.frozen, arena, workers), "one freezes", PATIENCE)
                worker = workers.pop(line["worker"])
                vanished.append((worker, line["at"], *self.vanish(arena, worker)))
            for worker, since, pids, in_time in vanished:
                arena.wait(partial(arena.one, GONE, pids), "its session ends", PATIENCE)
                if in_time:
                    arena.landed(self.name, since, victims=[worker.name], held_rows=True)
                    count -= 1
                else:
                    why = f"the session of {worker.name} had ended"
                    arena.missed(self.name, why, since, victims=[worker.name], held_rows=True)

    def frozen(self, arena: Arena, workers: Collection[str]) -> Line | None:
        """What one of them has written before it froze."""
        lines = arena.ledger.lines("frozen")
        return next((line for line in lines if line["worker"] in workers), None)

    def vanish(self, arena: Arena, worker: Member) -> tuple[list[int], bool]:
        """Its sessions, and whether they were still in its transaction when it vanished."""
        pids = [link.pid for link in self.proxy.links_of(worker.name)]
        self.proxy.lose_clients(pids)
        worker.kill()
        return pids, any(arena.one(STATE, pid) == "idle in transaction" for pid in pids)


class ServerVanished(NetworkFault):
    """A runner's connections end at the server's side, and it hears nothing: it must give up."""

    name = "half-open: the server vanished"
    rate = 0.25

    def run(self, arena: Arena, count: int) -> None:
        while count:
            runners = [self.hire(arena, "runner", slow=0.02) for _ in range(min(count, 2))]
            for runner in runners:
                arena.wait(partial(arena.held_by, runner.name), "it has work", PATIENCE)
            since = now()
            for runner in runners:
                self.proxy.lose_servers([link.pid for link in self.proxy.links_of(runner.name)])
            for runner in runners:
                given_up = partial(self.has_given_up, arena, runner, since)
                arena.wait(given_up, f"{runner.name} gives up waiting", PATIENCE)
                arena.landed(self.name, since, victims=[runner.name])
                count -= 1
            for runner in runners:
                arena.dismiss(runner)

    def has_given_up(self, arena: Arena, runner: Member, since: float) -> bool:
        """Whether it has stopped waiting, and found the database again."""
        log = arena.ledger.lines("log", worker=runner.name)
        said = [line["text"] for line in log if line["at"] > since]
        return all(
            any(wanted in text for text in said) for wanted in ("was silent", "answers again")
        )


class ForAll(NetworkFault):
    """Happens to the whole fleet."""

    def prepare(self, arena: Arena) -> None:
        super().prepare(arena)
        arena.worker_dsn = self.proxy.dsn


class AllEnd(ForAll):
    """All connections of the fleet end at once."""

    def run(self, arena: Arena, count: int) -> None:
        while count:
            work_goes_on(arena)
            since = now()
            if (ended := self.end_all(arena)) >= len(arena.runners) * 4:
                landed_on_all(arena, self.name, since)
                count -= 1
            else:
                why = f"there were {ended} connections"
                arena.missed(self.name, why, since, everybody=True)
                time.sleep(0.1)

    @abstractmethod
    def end_all(self, arena: Arena) -> int:
        """How many connections it ended, for certain."""


class AllCut(AllEnd):
    name = "all connections cut at once"
    rate = 0.5
    alone = True

    def end_all(self, arena: Arena) -> int:  # noqa: ARG002
        return self.proxy.cut()


class AllTerminated(AllEnd):
    name = "all connections terminated by pg_terminate_backend"
    rate = 0.5
    alone = True

    def end_all(self, arena: Arena) -> int:
        ended = [pid for (pid,) in arena.rows(f"select pid {FLEET}")]
        arena.rows("select pg_terminate_backend(pid) from unnest(%s::integer[]) as pid", ended)
        arena.wait(partial(arena.one, GONE, ended), "they end")
        return len(ended)


class Slow(ForAll):
    """Each packet takes longer, for everybody. That excuses nothing."""

    name = "slow network"
    rate = 0.5
    alone = True

    def run(self, arena: Arena, count: int) -> None:
        dice = arena.dice(self.name)
        while count:
            since = now()
            self.proxy.delay = dice.uniform(0.005, 0.03)
            took = self.round_trip()
            for _ in range(3):
                work_goes_on(arena)
            if took >= 2 * self.proxy.delay:
                arena.landed(self.name, since)
                count -= 1
            self.proxy.delay = 0.0
            time.sleep(0.2)

    def round_trip(self) -> float:
        """Seconds; none when another fault was in the way."""
        begun = now()
        with suppress(psycopg.OperationalError):
            psycopg.connect(self.proxy.dsn).close()
            return now() - begun
        return 0.0
