"""One episode: a fresh database, a fleet of processes, tasks, and the ledger of what happened.

A kind of fault (`chaos.kinds.Fault`) is written against this:

    arena.dsn            the database, directly; a fault may change it (failover)
    arena.worker_dsn     what processes connect to; set it in `prepare`, to a proxy for instance
    arena.server         its `servers.Server`
    arena.lease, arena.sweep_period, arena.bound
                         seconds; the bound is the longest that recovery may take
    arena.dice(name)     a `random.Random` for all that is random: the seed repeats an episode
    arena.rows(sql, ..)  a statement over `arena.dsn`, committed; a connection for each thread
    arena.runners, arena.workers
                         the standing fleet: Members (name, pid, kill, freeze, thaw, stop, alive)
    arena.hire(role, ..) one more process, for a fault to harm; fields of `crew.Spec` by keyword
    arena.dismiss(member)  lets it end gracefully: to end it otherwise is a fault
    arena.wait(happened, what)
                         what `happened` answers once that is true; ChaosError when it never is
    arena.forged         set it before you put messages into queues: they may then hold what the
                         engine did not send, until the end
    arena.ledger         `lines(what, **facts)`: start, dying, frozen, thawed, refused, log, ...
    arena.landed(..)     one fault landed, in the phase it was meant for, and that was observed
    arena.missed(..)     it did not, and is tried again; with what it harmed all the same

Faults run in threads, each kind in its own, and kinds may be mixed: harm only what you hired or
what belongs to all (`everybody=True`). The standing fleet works and sweeps all the time.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row
from servers import Server, fetched

from chaos.crew import Spec
from chaos.ledger import Ledger, now, watch, watch_clock, watch_server
from chaos.zygote import Zygote

SECONDS = 60.0  # after which what an episode waits for is not going to happen
LOST = re.compile("stale claim|taken away|dropped the result|was (lost|rolled back)")
GRACE = 5.0  # seconds that recovery may take, besides a lease and a sweep


class ChaosError(Exception):
    """Something that had to happen did not."""


class Member:
    """A process of the fleet."""

    def __init__(self, spec: Spec, pid: int) -> None:
        self.spec = spec
        self.pid = pid
        self.was_frozen = False

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def alive(self) -> bool:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def is_gone(self) -> bool:
        return not self.alive

    def kill(self) -> None:
        """End it at once. It is gone when this returns."""
        self._signal(signal.SIGKILL)
        limit = now() + SECONDS
        while self.alive:
            if now() > limit:
                raise ChaosError(f"{self.name} does not die")
            time.sleep(0.001)

    def freeze(self) -> None:
        self.was_frozen = True
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """Ask it to end; a runner does so gracefully."""
        self._signal(signal.SIGTERM)

    def stacks(self) -> str:
        """What its threads are at."""
        self._signal(signal.SIGUSR1)
        time.sleep(1.0)
        said = Path(self.spec.stacks)
        return (said.exists() and said.read_text()) or "it does not say what it is at"

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)


@dataclass(frozen=True, kw_only=True)
class Reach:
    """Whom a fault explains a second start to."""

    victims: Sequence[str] = ()  # names of Members: of what they held meanwhile
    everybody: bool = False
    moved: float | None = None  # when all moved again that it had hit
    held_rows: bool = False  # in an open transaction: half a second a call that others waited
    tasks: Sequence[str] = ()  # uuids: of their steps
    steps: Sequence[str] = ()  # hit otherwise than through victims: they must move in time, too


class Arena:
    def __init__(
        self,
        zygote: Zygote,
        server: Server,
        dsn: str,
        seed: int,
        *,
        lease: float,
        sweep_period: float,
        patience: float,
    ) -> None:
        self.server, self.seed = server, seed
        self.lease, self.sweep_period, self.patience = lease, sweep_period, patience
        self.first_dsn = self.dsn = self.worker_dsn = dsn
        self.folder = Path(tempfile.mkdtemp(prefix="chaos-"))
        self.ledger = Ledger(self.folder / "ledger")
        self.ended = threading.Event()  # nobody waits any longer
        self.members: list[Member] = []
        self.runners: list[Member] = []
        self.workers: list[Member] = []
        self._zygote = zygote
        self.forged = False  # whether a fault put messages into queues
        self._hiring = threading.Lock()
        self._mine = threading.local()
        self._connections: list[psycopg.Connection[Any]] = []
        self._watching = [
            threading.Thread(target=watch, args=("arena", self.ledger, self.ended)),
            threading.Thread(target=watch_clock, args=(self.ledger, self.ended)),
            threading.Thread(target=watch_server, args=(self.commit, self.ledger, self.ended)),
        ]
        for thread in self._watching:
            thread.start()

    @property
    def bound(self) -> float:
        """Seconds within which every step moves again after a fault has ended."""
        return self.lease + self.sweep_period + GRACE

    def dice(self, name: str) -> random.Random:
        """Random numbers of its own for each fault: threads do not take each other's."""
        return random.Random(f"{self.seed} {name}")

    # The database

    def rows(self, query: str, *arguments: Any, **named: Any) -> list[tuple[Any, ...]]:
        """The rows of one statement. Raises psycopg's errors."""
        known: dict[str, psycopg.Connection[Any]] = vars(self._mine)
        connection = known.get(self.dsn)
        if connection is None or connection.closed:
            connection = psycopg.connect(self.dsn, autocommit=True, application_name="chaos")
            known[self.dsn] = connection
            self._connections.append(connection)
        return fetched(connection.execute(query.encode(), arguments or named or None))

    def commit(self) -> None:
        """Commit a write that no lock keeps waiting, and that nobody reads."""
        self.rows("select pg_logical_emit_message(true, 'chaos', '')")

    def one(self, query: str, *arguments: Any) -> Any:
        """The first column of the first row; nothing when there is none."""
        found = self.rows(query, *arguments)
        return found[0][0] if found else None

    def named(self, query: str) -> list[dict[str, Any]]:
        """The rows of one statement, each by the names of its columns."""
        with psycopg.connect(self.dsn, row_factory=dict_row) as connection:
            return connection.execute(query.encode()).fetchall()

    def held_by(self, worker: str) -> list[str]:
        """The tokens of what it has claimed now."""
        held = self.rows("select token::text from tasker.claims where worker = %s", worker)
        return [token for (token,) in held]

    def are_over(self, tokens: Sequence[str]) -> bool:
        """Whether no claim with one of the tokens is left."""
        query = "select not exists (select from tasker.claims where token = any (%s::uuid[]))"
        return bool(self.one(query, tokens))

    def some_lost(self, tokens: Sequence[str]) -> bool:
        """Whether a step was taken from a claim with one of the tokens, because its lease ended."""
        lost = """select from tasker.step_failures
                   where lost and error ->> 'type' = 'LeaseExpired' and token = any (%s::uuid[])"""
        return bool(self.rows(lost, tokens))

    def has_lost_work(self, member: Member, since: float) -> bool:
        """Whether a runner has said since then that steps were taken from it."""
        return any(
            line["at"] >= since and LOST.search(line["text"])
            for line in self.ledger.lines("log", worker=member.name)
        )

    def wait(self, happened: Callable[[], Any], what: str, seconds: float = SECONDS) -> Any:
        """What `happened` answers once that is true. Raises ChaosError when it never is.

        A database that cannot be reached says nothing.
        """
        seconds = min(seconds, self.patience)
        limit = now() + seconds
        answer = None
        while not answer:
            with suppress(psycopg.OperationalError):
                if answer := happened():
                    break
            if self.ended.is_set() or now() > limit:
                raise ChaosError(f"within {seconds:g} s, it did not happen: {what}")
            time.sleep(0.01)
        return answer

    # The processes

    @cached_property
    def spec(self) -> Spec:
        """What all processes have in common."""
        return Spec(
            *("", "", self.worker_dsn, str(self.ledger.path), self.lease, self.sweep_period)
        )

    def hire(self, role: str, **chosen: Any) -> Member:
        """Start a process. Its name is new, so that it says which one it was."""
        chosen = {"namespaces": ("alpha",), **chosen} if role == "worker" else chosen
        with self._hiring:
            name = f"{role} {len(self.members) + 1}"
            chosen = {"dsn": self.worker_dsn, **chosen}
            spec = replace(self.spec, name=name, role=role, **chosen)
            member = Member(spec, self._zygote.fork(spec))
            self.members.append(member)
        return member

    def dismiss(self, member: Member) -> None:
        """Let a process end what it is at, and end."""
        member.stop()
        try:
            self.wait(member.is_gone, f"{member.name} ends")
        except ChaosError as error:
            raise ChaosError(f"{error}; {member.stacks()}") from None

    # The faults

    def landed(self, kind: str, since: float, until: float | None = None, **reach: Any) -> None:
        """Enter a fault that was seen to land in its phase.

        It lasted from `since` to `until` (`ledger.now()`; nothing: till now). How far it reached
        is a `Reach`.
        """
        self._enter("fault", kind, since, until, Reach(**reach))

    def missed(self, kind: str, why: str, since: float | None = None, **reach: Any) -> None:
        """Enter that a fault did not land as it was meant to; and since when, and how far it
        reached, when it did harm all the same."""
        self._enter("miss", kind, since, None, Reach(**reach), why=why)

    def _enter(
        self,
        what: str,
        kind: str,
        since: float | None,
        until: float | None,
        reach: Reach,
        **facts: str,
    ) -> None:
        until = now() if until is None else until
        self.ledger.write(what, kind=kind, since=since, until=until, **asdict(reach), **facts)

    def kill_all(self) -> None:
        """End all processes, and whatever waits for them."""
        self.ended.set()
        for member in self.members:
            member.kill()

    def close(self) -> None:
        self.kill_all()
        for connection in self._connections:
            connection.close()
        for thread in self._watching:
            thread.join()
        self.ledger.close()
        shutil.rmtree(self.folder, ignore_errors=True)
