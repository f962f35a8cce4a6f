"""Pools of executors: threads that each repeat one SQL function, more or fewer of them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tasker_sql.circuit import CircuitBreaker
from tasker_sql.client import Client
from tasker_sql.config.settings import PoolSettings
from tasker_sql.errors import BusyError, TaskerError, UnavailableError
from tasker_sql.ops import health, scaling
from tasker_sql.ops.health import Vitals
from tasker_sql.pool import Pool as Connections
from tasker_sql.threads import WatchedThread

SOON: Final = 0.004  # seconds
LONGEST_PAUSE: Final = 1.0  # seconds, after which an executor asks its circuit again
WEIGHT: Final = 0.1  # of the last call in averages

Work = Callable[[Client, int], int]

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Counts:
    """What executors have done since they began: the differences are what they do."""

    calls: int = 0
    failures: int = 0
    done: int = 0
    busy: float = 0.0  # seconds in calls

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.calls + other.calls,
            self.failures + other.failures,
            self.done + other.done,
            self.busy + other.busy,
        )


class Executor(WatchedThread):
    """Repeats a call: at once while there is more to do, soon after there was something to do,
    every `poll` seconds when there is nothing, and up to every `idle_poll` seconds when there has
    been nothing for long. The call gets a limit, and says how much it did."""

    def __init__(self, pool: Pool, number: int) -> None:
        super().__init__(f"{pool.name} {number}", self._repeat, pool.died)
        self.counts = Counts()
        self._pool = pool
        self._stopped = threading.Event()
        self._since: float | None = None  # when the present call began
        self._error_rate = 0.0
        self._seconds = 0.0
        self._refusal = ""  # what was told last

    def _repeat(self) -> None:
        pause = SOON
        while not self._stopped.wait(pause):
            pause = self._turn(pause)

    def stop(self) -> None:
        """End after the present call. Returns at once."""
        self._stopped.set()

    def vitals(self, blocked: bool) -> Vitals:
        since, now = self._since, time.monotonic()
        return Vitals(
            self.counts.calls,
            self._error_rate,
            self._seconds,
            now - since if since else 0.0,
            blocked,
            self._stopped.is_set(),
        )

    def counted(self) -> Counts:
        """The counts, with the present call as far as it got."""
        since, now = self._since, time.monotonic()
        return self.counts + Counts(busy=now - since if since else 0.0)

    def _turn(self, pause: float) -> float:
        """One call. How long to pause then."""
        pool = self._pool
        poll, limit = pool.poll, pool.batch
        try:
            done = pool.connections.call(lambda client: self._timed(client, limit), pool.circuit)
        except UnavailableError as error:
            return min(max(error.retry_in, 0.01), LONGEST_PAUSE)
        except BusyError as error:
            log.info("%s: %s; trying again", self.name, error)
            return poll
        except TaskerError as error:
            if str(error) != self._refusal:
                log.error("%s: %s (%s); trying again", self.name, error, error.sqlstate)
            self._refusal = str(error)
            return max(poll, LONGEST_PAUSE)
        except Exception:
            log.exception("%s met a defect, and goes on", self.name)
            return max(poll, LONGEST_PAUSE)
        self._refusal = ""
        self.counts.done += done
        if done >= limit:
            return 0.0 if pool.factor == 1.0 else poll
        if done:
            return SOON
        return scaling.idle(max(pause, SOON), poll, pool.idle_poll)

    def _timed(self, client: Client, limit: int) -> int:
        """The call, measured. A busy answer is not a failure, and a closed circuit no call."""
        began = self._since = time.monotonic()
        failed = True
        try:
            done = self._pool.work(client, limit)
            failed = False
        except BusyError:
            failed = False
            raise
        else:
            return done
        finally:
            seconds = time.monotonic() - began
            self._since = None
            self.counts.calls += 1
            self.counts.failures += failed
            self.counts.busy += seconds
            self._error_rate += WEIGHT * (failed - self._error_rate)
            self._seconds += WEIGHT * (seconds - self._seconds)


class Pool:
    """Executors of one kind. `work` is their call: of a client and a limit, how much it did;
    `died` is called when one of them ends by an error.

    `factor` is the back-pressure on them, from just above 0 to 1: it stretches `poll` (seconds)
    and shrinks `batch`.
    """

    namespace: str | None = None

    def __init__(
        self,
        name: str,
        connections: Connections,
        circuit: CircuitBreaker,
        work: Work,
        chosen: PoolSettings,
        died: Callable[[str, BaseException], None],
    ) -> None:
        self.name = name
        self.died = died
        self.connections = connections
        self.circuit = circuit
        self.work = work
        self.least = chosen.min
        self.most = chosen.max
        self.factor = 1.0
        self._chosen = chosen
        self._executors: list[Executor] = []
        self._leaving: list[Executor] = []
        self._gone = Counts()
        self._numbers = 0
        self._changing = threading.Lock()
        self._stopped = False

    @property
    def poll(self) -> float:
        return scaling.poll(self._chosen.poll / 1000, self.factor)

    @property
    def idle_poll(self) -> float:
        return self._chosen.idle_poll / 1000

    @property
    def batch(self) -> int:
        return scaling.batch(self._chosen.batch, self.factor)

    @property
    def size(self) -> int:
        return len(self._executors)

    def resize(self, size: int) -> None:
        """Start executors, or let some end after their present call. Returns at once."""
        with self._changing:
            self._resize(0 if self._stopped else size)

    def stop(self) -> None:
        """Let all end after their present call, and start none any more. Returns at once."""
        self._stopped = True
        self.resize(0)

    def join(self, deadline: float) -> bool:
        """Wait until all that were to end have ended. Says whether they have."""
        leaving = list(self._leaving)
        for executor in leaving:
            executor.join(max(0.0, deadline - time.monotonic()))
        return not any(executor.is_alive() for executor in leaving)

    def states(self, limits: health.Limits) -> list[health.Executor]:
        blocked = not self.circuit.passes
        with self._changing:
            return [health.executor(one.vitals(blocked), limits) for one in self._alive()]

    def counts(self) -> Counts:
        """What all of them have done, also those that are gone."""
        with self._changing:
            alive = self._alive()
            return sum((one.counted() for one in alive), self._gone)

    # For those who hold the lock

    def _resize(self, size: int) -> None:
        while len(self._executors) < size:
            self._numbers += 1
            executor = Executor(self, self._numbers)
            self._executors.append(executor)
            executor.start()
        while len(self._executors) > size:
            executor = self._executors.pop()
            executor.stop()
            self._leaving.append(executor)

    def _alive(self) -> list[Executor]:
        """All but those that have ended, which it only counts."""
        for executor in [one for one in self._leaving if not one.is_alive()]:
            self._leaving.remove(executor)
            self._gone += executor.counts
        return [*self._executors, *self._leaving]
