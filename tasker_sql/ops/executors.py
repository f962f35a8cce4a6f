"""Executors: threads that each repeat one SQL function, and pools of them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from tasker_sql.circuit import CircuitBreaker
from tasker_sql.client import Client
from tasker_sql.config.settings import HealthSettings, PoolSettings
from tasker_sql.errors import BusyError, TaskerError, UnavailableError
from tasker_sql.ops import health
from tasker_sql.ops.health import ExecutorState
from tasker_sql.ops.pools import Activity, Counts, ScalablePool
from tasker_sql.pool import Pool
from tasker_sql.rows import ProcessedRequest, ProcessedResult, SweptAction
from tasker_sql.threads import WatchedThread

SOON: Final = 0.004  # seconds
LONGEST_PAUSE: Final = 1.0  # seconds, after which an executor asks its circuit again
WEIGHT: Final = 0.1  # of the last call in averages

Work = Callable[[Client, int], int]
Died = Callable[[str, BaseException], None]

log = logging.getLogger(__name__)


class Executor(WatchedThread):
    """Repeats a call: at once while there is more to do, soon after there was something to do,
    every `poll` seconds when there is nothing, and ever less often when there has been nothing for
    long. The call gets a limit, and answers how much it did."""

    def __init__(self, pool: ExecutorGroup, number: int) -> None:
        super().__init__(f"{pool.name} {number}", self._repeat, pool.died)
        self._counts = Counts()
        self._pool = pool
        self._stopped = threading.Event()
        self._asked: float | None = None  # since when the present call waits for a connection
        self._began: float | None = None  # since when it runs
        self._error_rate = 0.0
        self._seconds = 0.0
        self._refusal = ""  # the last one in the log

    def _repeat(self) -> None:
        pause = SOON
        while not self._stopped.wait(pause):
            pause = self._turn(pause)

    def stop(self) -> None:
        """End after the present call. Returns at once."""
        self._stopped.set()

    def vitals(self, blocked: bool) -> health.Vitals:
        running, waiting = self._present()
        stopping = self._stopped.is_set()
        calls, rate, seconds = self._counts.calls, self._error_rate, self._seconds
        return health.Vitals(calls, rate, seconds, running, waiting, blocked, stopping)

    def counts(self) -> Counts:
        """The counts, with the wait of the present call as far as it got."""
        return self._counts + Counts(waiting=self._present()[1])

    def _present(self) -> tuple[float, float]:
        """For how many seconds the present call runs, and waits for a connection."""
        now, asked, began = time.monotonic(), self._asked, self._began
        return (now - began if began else 0.0), (now - asked if asked else 0.0)

    def _turn(self, pause: float) -> float:
        """One call. How long to pause then."""
        pool = self._pool
        poll, limit = pool.poll, pool.batch
        self._asked = time.monotonic()
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
        finally:
            self._waited()
        self._refusal = ""
        self._counts.done += done
        if done >= limit:
            return 0.0 if pool.factor == 1.0 else poll
        return SOON if done else pool.idle(max(pause, SOON))

    def _waited(self) -> None:
        if self._asked:
            self._counts.waiting += time.monotonic() - self._asked
            self._asked = None

    def _timed(self, client: Client, limit: int) -> int:
        """The call, measured. A busy answer is not a failure, and a closed circuit no call."""
        self._waited()
        began = self._began = time.monotonic()
        failed, done = True, 0
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
            self._began = None
            self._counts.calls += 1
            self._counts.failures += failed
            self._counts.running += seconds if done else 0.0
            self._error_rate += WEIGHT * (failed - self._error_rate)
            self._seconds += WEIGHT * (seconds - self._seconds)


class ExecutorGroup(ScalablePool):
    """Executors of one kind. `work` is their call: of a client and a limit, how much it did;
    `died` is called when one of them ends by an error."""

    def __init__(
        self,
        name: str,
        connections: Pool,
        circuit: CircuitBreaker,
        work: Work,
        chosen: PoolSettings,
        limits: HealthSettings,
        died: Died,
    ) -> None:
        super().__init__(name, circuit, chosen, limits)
        self.connections = connections
        self.work = work
        self.died = died
        self.stuck = limits.stuck
        self._executors: list[Executor] = []
        self._leaving: list[Executor] = []
        self._gone = Counts()
        self._numbers = 0
        self._changing = threading.Lock()
        self._stopped = False

    @property
    def size(self) -> int:
        return len(self._executors)

    def resize(self, size: int) -> None:
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

    def states(self) -> list[ExecutorState]:
        return [health.executor(vitals, self._limits) for vitals in self._vitals()]

    def activity(self) -> Activity:
        found = [one for one in self._vitals() if not one.stopping]
        hung = sum(one.running > self.stuck for one in found)
        running = sum(one.running > 0 for one in found)
        return Activity(running - hung, sum(one.waiting > 0 for one in found), hung)

    def counts(self) -> Counts:
        with self._changing:
            return sum((one.counts() for one in self._alive()), self._gone)

    def _vitals(self) -> list[health.Vitals]:
        blocked = not self.circuit.passes
        with self._changing:
            return [one.vitals(blocked) for one in self._alive()]

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
            self._gone += executor.counts()
        return [*self._executors, *self._leaving]


# What they repeat: of a client and a limit, how much was done


def _processed(what: str, messages: Sequence[ProcessedRequest | ProcessedResult]) -> int:
    for one in messages:
        if one.error:
            log.warning("%s: message %d was rejected: %s", what, one.msg_id, one.error)
    return len(messages)


def _affected(swept: list[SweptAction]) -> int:
    """How much was done of the kind of which most was done: at the limit, there is more."""
    for action in swept:
        if action.affected:
            log.info("sweep: %s %d", action.action, action.affected)
    return max(action.affected for action in swept)


WORK: Final[Mapping[str, Work]] = {
    "task_request_processor": lambda client, limit: _processed(
        "requests", client.process_task_requests(limit)
    ),
    "step_result_processor": lambda client, limit: _processed(
        "results", client.process_step_results(limit)
    ),
    "step_enqueuer": lambda client, limit: _affected(client.enqueue_steps(limit)),
    "task_finalizer": lambda client, limit: _affected(client.finalize_tasks(limit)),
}
