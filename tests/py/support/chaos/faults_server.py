"""Servers that crash, fill up, are taken over, copied, upgraded and maintained; and others' locks.

What happens to a whole server happens to one at a time, and only while work goes on.
"""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import psycopg
import servers
from servers import Server

from chaos import small_disk
from chaos.arena import Arena, ChaosError
from chaos.faults_network import EFFECTS, FLEET, PATIENCE, ForAll, landed_on_all, work_goes_on
from chaos.kinds import Fault
from chaos.ledger import now
from chaos.small_disk import SmallDisk
from chaos.standby import Standby
from tasker_sql.schema.embedded import EmbeddedError

SAFE = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "autovacuum": "on",
    "autovacuum_naptime": "1s",
    "max_connections": "70",
}
BACK = 60.0  # seconds that recovery from a crash may take
STARTED = "select pg_postmaster_start_time()::text"
IS_PRIMARY = "select not pg_is_in_recovery()"
RUNNABLE = """
select exists (select from tasker.steps
                where state in ('enqueued', 'in_progress', 'waiting_for_retry'))
"""
CLAIMED = "select count(*) from tasker.claims"

_turns: WeakKeyDictionary[Server, threading.Lock] = WeakKeyDictionary()


def revive(server: Server) -> None:
    """What an operator does after a crash: come back when the server takes connections."""
    ends = time.monotonic() + BACK
    while True:
        try:
            server.embedded.start()
            psycopg.connect(server.embedded.url("postgres")).close()
        except (EmbeddedError, psycopg.OperationalError):
            if time.monotonic() > ends:
                raise
            time.sleep(0.02)
        else:
            return


class ServerFault(Fault):
    """Happens to a server of its own, on which others may do the same in turn."""

    own_server = True
    settings: ClassVar[Mapping[str, str]] = SAFE

    def run(self, arena: Arena, count: int) -> None:
        turn = _turns.setdefault(arena.server, threading.Lock())
        while count:
            with turn:
                work_goes_on(arena)
                since = now()
                why = self.strike(arena)
                arena.wait(partial(arena.one, "select 1"), "the server answers")
                if why:
                    arena.missed(self.name, why, since, everybody=True)
                else:
                    landed_on_all(arena, self.name, since)
                    count -= 1

    @abstractmethod
    def strike(self, arena: Arena) -> str:
        """Why it did not land; nothing when it did."""


def is_lost(connection: psycopg.Connection[Any]) -> bool:
    try:
        connection.execute("select 1")
    except psycopg.OperationalError:
        return True
    return False


class Crash(ServerFault):
    def strike(self, arena: Arena) -> str:
        with psycopg.connect(arena.dsn, autocommit=True, application_name="chaos") as witness:
            (claims,) = witness.execute(CLAIMED.encode()).fetchone() or (0,)
            if not claims:
                return "nobody was at work"
            self.crash(arena)
            arena.wait(partial(is_lost, witness), "the server crashes")  # a backend may linger
            revive(arena.server)
        return ""

    @abstractmethod
    def crash(self, arena: Arena) -> None:
        """Come back when it has crashed, however briefly."""


class StoppedImmediately(Crash):
    name = "server stopped immediately, and restarted"
    rate = 0.25

    def crash(self, arena: Arena) -> None:
        arena.server.embedded.stop("immediate")


class PostmasterKilled(Crash):
    name = "postmaster killed, and restarted"
    rate = 0.25

    def crash(self, arena: Arena) -> None:
        server = arena.server.embedded
        os.kill(int((server.data_dir / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
        arena.wait(lambda: not server.running, "the postmaster is gone")


class BackendKilled(Crash):
    """The postmaster then restarts the server, because shared memory may be damaged."""

    name = "backend killed, and with it all others"
    rate = 0.25

    def crash(self, arena: Arena) -> None:
        busy = f"select pid {FLEET} order by xact_start nulls last limit 1"
        pid = arena.one(busy)
        os.kill(pid, signal.SIGKILL)
        gone = partial(self.is_cut, arena.dsn, pid)
        arena.wait(gone, "the server restarts")

    def is_cut(self, dsn: str, pid: int) -> bool:
        """Whether the server has noticed: it refuses connections, or has dropped the others."""
        try:
            with psycopg.connect(dsn) as connection:
                query = "select count(*) from pg_stat_activity where pid = %s"
                return connection.execute(query, [pid]).fetchone() == (0,)
        except psycopg.OperationalError:
            return True


class NoConnectionsLeft(ServerFault):
    """Others hold all connections, and the fleet has lost its own."""

    name = "connection limit reached"
    rate = 0.25

    def strike(self, arena: Arena) -> str:
        since = now()
        with ExitStack() as hogs:
            ends = now() + PATIENCE
            while not self.is_felt(arena, since):
                if now() > ends:
                    return "no runner met it"
                with suppress(psycopg.OperationalError):
                    while True:
                        hogs.enter_context(psycopg.connect(arena.dsn, application_name="chaos"))
                arena.rows(f"select pg_terminate_backend(pid) {FLEET}")
        return ""

    def is_felt(self, arena: Arena, since: float) -> bool:
        """Whether two runners were refused."""
        refused = {
            line["worker"]
            for line in arena.ledger.lines("log")
            if line["at"] > since and re.search("too many clients|slots are reserved", line["text"])
        }
        return len(refused) >= 2


class OnDisk(Server):
    """A server of which some part is on a small disk."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self.disk = SmallDisk()
        super().__init__(servers.MAJORS[0], settings)

    def close(self) -> None:
        super().close()
        self.disk.close()


class DiskFault(ServerFault):
    """Left out where nothing can be mounted, with `small_disk.why_not`."""

    settings: ClassVar[Mapping[str, str]] = {**SAFE, **small_disk.SETTINGS}

    def server(self) -> Server:
        server = OnDisk(self.settings)
        self.put(server)
        self.disk = server.disk
        return server

    @abstractmethod
    def put(self, server: OnDisk) -> None:
        """Put some part of the server on its disk."""


class DatabaseFull(DiskFault):
    name = "disk full of data"
    rate = 0.25

    def put(self, server: OnDisk) -> None:
        """New databases go where their template is."""
        small_disk.put_database(server, server.migrated, server.disk)

    def strike(self, arena: Arena) -> str:
        since = now()
        self.disk.fill()
        try:
            arena.wait(partial(self.is_felt, arena, since), "a runner meets it", PATIENCE)
        finally:
            self.disk.make_room()
        return ""

    def is_felt(self, arena: Arena, since: float) -> bool:
        return any(
            "could not extend file" in line["text"]
            for line in arena.ledger.lines("log")
            if line["at"] > since
        )


class WalFull(DiskFault):
    name = "disk full of WAL"
    rate = 0.25

    def put(self, server: OnDisk) -> None:
        small_disk.put_wal(server, server.disk)

    def strike(self, arena: Arena) -> str:
        self.disk.fill()
        try:
            arena.wait(partial(self.is_down, arena), "the server crashes", PATIENCE)
        finally:
            self.disk.make_room()
        revive(arena.server)
        return ""

    def is_down(self, arena: Arena) -> bool:
        """Whether it has crashed for want of the next segment, to which it is sent on."""
        try:
            arena.rows("select pg_switch_wal()")
        except psycopg.OperationalError:
            return True
        return False


class Cluster(Server):
    """A server, and the standbys that have taken over from it."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        super().__init__(servers.MAJORS[0], settings)
        self.standbys: list[Standby] = []

    def close(self) -> None:
        super().close()
        for standby in self.standbys:
            standby.close()


@contextmanager
def no_new_tasks(arena: Arena) -> Iterator[None]:
    """Anyone who wants to create a task waits, until the end or the server's."""
    connection = psycopg.connect(arena.dsn, application_name="chaos")
    try:
        connection.execute("lock table tasker.idempotency_keys in exclusive mode")
        yield
    finally:
        connection.close()


class FailedOver(ForAll):
    """The primary is lost, and its standby has not received the last transactions.

    Work that was acknowledged is lost then, which is the documented limit: steps run again. New
    tasks would be lost, too, and their creators would have to know, so none are created meanwhile.
    """

    name = "failover to a standby without the last transactions"
    rate = 0.25
    own_server = True
    settings: ClassVar[Mapping[str, str]] = SAFE

    def server(self) -> Server:
        return Cluster(self.settings)

    def run(self, arena: Arena, count: int) -> None:
        assert isinstance(arena.server, Cluster)
        primary = arena.server.embedded
        while count:
            standby = Standby(primary)
            arena.server.standbys.append(standby)
            work_goes_on(arena)
            with no_new_tasks(arena):
                standby.catch_up()
                since = now()
                standby.stop_receiving()
                if not self.gets_ahead(arena):
                    arena.missed(self.name, "nothing was left to do", since)
                    continue
                lost = [token for (token,) in arena.rows("select token::text from tasker.claims")]
                missing = standby.missing()
                primary.stop("immediate")
            arena.dsn = standby.embedded.url("chaos")
            standby.promote()
            self.proxy.lead_to(arena.dsn)
            arena.wait(partial(arena.one, IS_PRIMARY), "the standby takes over")
            self.refuses(arena, lost)
            if missing:
                landed_on_all(arena, self.name, since)
                count -= 1
            else:
                arena.missed(self.name, "nothing was lost", since, everybody=True)
            primary = standby.embedded

    def gets_ahead(self, arena: Arena) -> bool:
        """Whether work goes on without the standby, before all that can run has ended."""
        before = arena.one(EFFECTS)
        arena.wait(lambda: arena.one(EFFECTS) > before or not arena.one(RUNNABLE), "work goes on")
        return bool(arena.one(EFFECTS) > before)

    def refuses(self, arena: Arena, tokens: list[str]) -> None:
        """Tokens of claims that the standby never heard of hold nothing."""
        known = "select token::text from tasker.claims where token = any (%s::uuid[])"
        unknown = set(tokens) - {token for (token,) in arena.rows(known, tokens)}
        for token in unknown:
            try:
                arena.rows("select from tasker.heartbeat(%s)", token)
            except psycopg.DatabaseError as error:
                if error.sqlstate == "TK001":
                    continue
            raise ChaosError(f"the token {token} of a lost claim is accepted")
