"""A network that fails on demand: a TCP proxy before a PostgreSQL server.

It follows the protocol just far enough to know which message commits a transaction, and when the
server has answered it.

    with Proxy(dsn) as proxy:                 # clients connect to proxy.dsn
        held = proxy.catch("complete_step")   # a transaction, applied but for its commit
        held.commit()                         # now it is committed ...
        held.cut()                            # ... and its client will not hear of it
"""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Callable, Collection, Coroutine, Iterator
from typing import Any, Final, Self, TypeVar
from urllib.parse import quote

import psycopg
from psycopg.conninfo import conninfo_to_dict

T = TypeVar("T")

SECONDS: Final = 10.0  # for what takes a moment, if it happens at all
PACKET: Final = 1 << 16
FLUSH: Final = b"H\0\0\0\4"

# What a client may send first instead of a protocol version.
CANCEL: Final = 80877102
ENCRYPTIONS: Final = {80877103, 80877104}


class MissedError(Exception):
    """What was waited for did not come."""


class Proxy:
    """Listens on a port of its own, and carries what it is given until something fails.

    Connections are chosen by the process number of their server, as in `pg_stat_activity`.
    """

    def __init__(self, dsn: str) -> None:
        self.lead_to(dsn)
        self.delay = 0.0  # seconds that each packet takes longer, in both directions
        self.links: set[Link] = set()
        self.opened = 0  # links so far
        self.traps: list[Trap] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self._listening = self.do(self._listen())
        port = self._listening.sockets[0].getsockname()[1]
        known = conninfo_to_dict(dsn)
        user, database = (quote(str(known[key])) for key in ("user", "dbname"))
        self.dsn = f"postgresql://{user}@127.0.0.1:{port}/{database}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def lead_to(self, dsn: str) -> None:
        """Connect new clients to that server from now on, as a moved address would."""
        known = conninfo_to_dict(dsn)
        self.direct = dsn
        self.host, self.port = str(known["host"]), int(known.get("port") or 5432)

    # What can happen to it

    def catch(self, pattern: str, seconds: float = SECONDS, of: str = "") -> Held:
        """Hold the next transaction that wrote something and has a statement that matches.

        Only one `of` a client whose application_name has these words, if any. Raises MissedError
        when there is none in time.
        """
        ends = time.monotonic() + seconds
        with psycopg.connect(self.direct, autocommit=True) as watcher:
            while (left := ends - time.monotonic()) > 0:
                held = self.do(self._catch(Trap(pattern, of), left))
                xid = "select backend_xid::text from pg_stat_activity where pid = %s"
                row = watcher.execute(xid, [held.pid]).fetchone()
                if row and row[0]:
                    held.xid = row[0]
                    return held
                held.release()
        raise MissedError(f"no transaction wrote something with {pattern}")

    def links_of(self, name: str) -> list[Link]:
        """The connections of clients whose application_name has these words."""
        return [link for link in list(self.links) if link.pid and link.is_of(name)]

    def cut(self, pids: Collection[int] | None = None) -> int:
        """Reset connections, all or those; how many."""
        return self._each(pids, Link.cut)

    def freeze(self, pids: Collection[int] | None = None) -> int:
        """Carry nothing on connections, all or those, and notice nothing; how many."""
        return self._each(pids, Link.freeze)

    def thaw(self, pids: Collection[int] | None = None) -> int:
        """Carry what was held back by `freeze`, and go on; how many."""
        return self._each(pids, Link.thaw)

    def lose_clients(self, pids: Collection[int] | None = None) -> int:
        """Clients vanish, and their servers do not hear of it; how many."""
        return self._each(pids, Link.lose_client)

    def lose_servers(self, pids: Collection[int] | None = None) -> int:
        """Servers vanish, and their clients do not hear of it; how many."""
        return self._each(pids, Link.lose_server)

    def close(self) -> None:
        """Reset all connections, and listen no more."""
        self.do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(SECONDS)
        self._loop.close()

    # How it works

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """What a coroutine returns; it runs in the proxy's own thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _each(self, pids: Collection[int] | None, happen: Callable[[Link], None]) -> int:
        async def to_all() -> int:
            chosen = [link for link in self.links if pids is None or link.pid in pids]
            for link in chosen:
                happen(link)
            return len(chosen)

        return self.do(to_all())

    async def _catch(self, trap: Trap, seconds: float) -> Held:
        trap.caught = self._loop.create_future()
        self.traps.append(trap)
        try:
            return await asyncio.wait_for(trap.caught, seconds)
        except TimeoutError:
            raise MissedError(f"no transaction with {trap.pattern}") from None
        finally:
            if trap in self.traps:
                self.traps.remove(trap)

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if (startup := await _startup(reader, writer)) is None:
                return
            path = f"{self.host}/.s.PGSQL.{self.port}"
            server, to_server = await asyncio.open_unix_connection(path)
            to_server.write(startup)
            if int.from_bytes(startup[4:8]) == CANCEL:
                to_server.close()
                return
            link = Link(self, writer, to_server, startup)
            self.links.add(link)
            self.opened += 1
            try:
                await link.run(reader, server)
            finally:
                self.links.discard(link)
                to_server.transport.abort()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the server is down, the client is gone, or we end: it sees a reset connection
        finally:
            writer.transport.abort()

    async def _end(self) -> None:
        self._listening.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


class Trap:
    """Waits for a transaction."""

    caught: asyncio.Future[Held]

    def __init__(self, pattern: str, of: str) -> None:
        self.pattern, self.of = pattern, of

    def matches(self, link: Link) -> bool:
        return link.is_of(self.of) and any(re.search(self.pattern, one) for one in link.statements)


class Held:
    """A transaction whose commit its client has sent, and its server has not received."""

    def __init__(self, link: Link, commit: bytes) -> None:
        self._link, self._commit = link, commit
        self.ended = asyncio.Event()
        self.pid = link.pid
        self.application = link.application
        self.statements = list(link.statements)
        self.xid = ""  # its number, for `pg_xact_status`

    def commit(self) -> None:
        """Come back when the server has committed; its answer is held.

        Raises MissedError when the server does not answer.
        """
        self._link.proxy.do(self._carry())

    def cut(self) -> None:
        """Reset the connection."""
        self._link.proxy.do(self._end(cut=True))

    def release(self) -> None:
        """Carry what was held, and go on."""
        self._link.proxy.do(self._end(cut=False))

    async def _carry(self) -> None:
        before = self._link.answers
        self._send()
        await self._link.until(lambda: self._link.answers > before)

    async def _end(self, *, cut: bool) -> None:
        if cut:
            self._link.cut()
        else:
            self._send()
        self._link.holding = False
        await self._link.answer()
        self.ended.set()

    def _send(self) -> None:
        commit, self._commit = self._commit, b""
        if commit:
            self._link.server.write(commit)


class Link:
    """A client's connection: both of its sides, and what is being said."""

    def __init__(
        self,
        proxy: Proxy,
        client: asyncio.StreamWriter,
        server: asyncio.StreamWriter,
        startup: bytes,
    ) -> None:
        self.proxy, self.client, self.server = proxy, client, server
        said = startup[8:].split(b"\0")
        options = dict(zip(said[::2], said[1::2], strict=False))
        self.application = options.get(b"application_name", b"").decode()
        self.pid = 0
        self.statements: list[str] = []  # of the current transaction
        self.in_transaction = False
        self.carried_out = 0  # statements, in all
        self.answers = 0  # in all
        self.kept: set[asyncio.StreamWriter] = set()  # sides that shall not hear of the other's end
        self.holding = False  # answers
        self.flowing = asyncio.Event()  # whether anything may pass
        self.flowing.set()
        self._answers = b""  # not carried yet
        self._prepared: dict[bytes, str] = {}
        self._bound = ""

    def is_of(self, name: str) -> bool:
        """Whether the client's application_name has these words."""
        return f" {name} " in f" {self.application} " if name else True

    # What can happen to it

    def cut(self) -> None:
        self.kept.clear()
        for side in (self.client, self.server):
            side.transport.abort()
        self.thaw()

    def freeze(self) -> None:
        self.flowing.clear()

    def thaw(self) -> None:
        self.flowing.set()

    def lose_client(self) -> None:
        self.kept.add(self.server)
        self.client.transport.abort()

    def lose_server(self) -> None:
        self.kept.add(self.client)
        self.server.transport.abort()

    # How it works

    async def run(self, client: asyncio.StreamReader, server: asyncio.StreamReader) -> None:
        """Carry until one side ends; then end the other, unless that shall not hear of it."""
        sides = [
            asyncio.create_task(self._carry_requests(client)),
            asyncio.create_task(self._carry_answers(server)),
        ]
        try:
            await asyncio.wait(sides, return_when=asyncio.FIRST_COMPLETED)
            await self.flowing.wait()
            if self.kept:
                await asyncio.wait(sides)
        finally:
            for side in sides:
                side.cancel()
            await asyncio.gather(*sides, return_exceptions=True)
            self.cut()

    async def answer(self) -> None:
        """Carry to the client what the server has said."""
        data, self._answers = self._answers, b""
        if not self.client.is_closing():
            self.client.write(data)
            await self.client.drain()

    async def until(self, happened: Callable[[], bool]) -> None:
        """Wait for the server to say something. Raises MissedError when it does not."""
        ends = time.monotonic() + SECONDS
        while not happened():
            if self.server.is_closing() or time.monotonic() > ends:
                raise MissedError(f"the server did not answer process {self.pid}")
            await asyncio.sleep(0.0005)

    async def _carry_requests(self, client: asyncio.StreamReader) -> None:
        messages = Messages()
        while data := await client.read(PACKET):
            await self._may_pass()
            for kind, message in messages.of(data):
                body = message[5:]
                self._hear(kind, body)
                if self._commits(kind, body) and (trap := self._trap()):
                    await self._hold(trap, kind, message)
                elif not self.server.is_closing():
                    self.server.write(message)
            if not self.server.is_closing():
                await self.server.drain()

    async def _carry_answers(self, server: asyncio.StreamReader) -> None:
        messages = Messages()
        while data := await server.read(PACKET):
            await self._may_pass()
            for kind, message in messages.of(data):
                self._note(kind, message[5:])
            self._answers += data
            if not self.holding:
                await self.answer()

    async def _may_pass(self) -> None:
        if self.proxy.delay:
            await asyncio.sleep(self.proxy.delay)
        await self.flowing.wait()

    def _hear(self, kind: bytes, body: bytes) -> None:
        """Note what the client says."""
        match kind:
            case b"Q":
                self.statements.append(_text(body))
            case b"P":
                name, _, rest = body.partition(b"\0")
                self._prepared[name] = _text(rest)
            case b"B":
                self._bound = self._prepared.get(body.split(b"\0", 2)[1], "")
            case b"E":
                self.statements.append(self._bound)

    def _note(self, kind: bytes, body: bytes) -> None:
        """Note what the server says."""
        match kind:
            case b"K":
                self.pid = int.from_bytes(body[:4])
            case b"C" | b"E":
                self.carried_out += 1
            case b"Z":
                self.answers += 1
                self.in_transaction = body[:1] != b"I"
                if not self.in_transaction:
                    self.statements.clear()

    def _commits(self, kind: bytes, body: bytes) -> bool:
        """Whether this message makes the server commit."""
        if kind == b"Q":
            return self.in_transaction and _text(body).strip(" ;").lower() == "commit"
        return kind == b"S" and not self.in_transaction

    def _trap(self) -> Trap | None:
        for trap in self.proxy.traps:
            if trap.matches(self):
                self.proxy.traps.remove(trap)
                return trap
        return None

    async def _hold(self, trap: Trap, kind: bytes, message: bytes) -> None:
        """Hold the commit and all answers, and give both to the one who set the trap."""
        self.holding = True
        if kind == b"S":  # the statement has not been answered yet; Flush makes the server tell
            before = self.carried_out
            self.server.write(FLUSH)
            await self.until(lambda: self.carried_out > before)
        held = Held(self, message)
        if trap.caught.done():  # they gave up
            await held._end(cut=False)
        else:
            trap.caught.set_result(held)
            await held.ended.wait()


class Messages:
    """Cuts a stream into messages: a letter, the length of the rest, the rest."""

    def __init__(self) -> None:
        self._rest = b""

    def of(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The messages that are whole by now: letter, and whole text."""
        buffer, start = self._rest + data, 0
        while len(buffer) - start >= 5:
            end = start + 1 + int.from_bytes(buffer[start + 1 : start + 5])
            if end > len(buffer):
                break
            yield buffer[start : start + 1], buffer[start:end]
            start = end
        self._rest = buffer[start:]


async def _startup(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """The first message that counts. Encryption is declined."""
    while True:
        length = await reader.readexactly(4)
        rest = await reader.readexactly(int.from_bytes(length) - 4)
        if int.from_bytes(rest[:4]) not in ENCRYPTIONS:
            return length + rest
        writer.write(b"N")


def _text(body: bytes) -> str:
    return body.partition(b"\0")[0].decode(errors="replace")
