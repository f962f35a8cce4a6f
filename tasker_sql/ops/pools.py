"""Pools that control measures and scales: what all of them have, and the slots of a worker."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from bisect import bisect_left
from dataclasses import astuple, dataclass, field
from typing import Any, Final, NamedTuple

from tasker_sql.circuit import CircuitBreaker
from tasker_sql.config.settings import HealthSettings, PoolSettings
from tasker_sql.ops import scaling
from tasker_sql.ops.health import ExecutorState
from tasker_sql.worker.worker import Worker

LONGEST_TURN: Final = 1.0  # seconds between two turns of a coordinator
BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
MOST_HANDLERS: Final = 400  # and outcomes that a pool counts by name; the others are one


@dataclass(slots=True)
class Counts:
    """What a pool has done since it began: the differences are what it does. Times in seconds,
    summed over its executors."""

    calls: int = 0
    failures: int = 0
    done: int = 0
    running: float = 0.0  # in calls that did something; who waits for a lock is not busy
    waiting: float = 0.0  # for connections

    def __add__(self, other: Counts) -> Counts:
        return Counts(*map(sum, zip(astuple(self), astuple(other), strict=True)))


class Activity(NamedTuple):
    """How many of a pool do what now; the others are idle."""

    running: int = 0
    waiting: int = 0  # for a connection
    hung: int = 0  # their call runs too long


class ScalablePool(ABC):
    """A pool that is measured and scaled. `factor` is the back-pressure on it, from just above 0 to
    1: it stretches `poll` (seconds) and shrinks `batch`."""

    namespace: str | None = None

    def __init__(
        self, name: str, circuit: CircuitBreaker, chosen: PoolSettings, limits: HealthSettings
    ) -> None:
        self.name = name
        self.circuit = circuit
        self.least = chosen.min
        self.most = chosen.max
        self.factor = 1.0
        self._chosen = chosen
        self._limits = limits

    def __str__(self) -> str:
        return f"{self.name} {self.namespace}" if self.namespace else self.name

    @property
    def poll(self) -> float:
        return scaling.poll(self._chosen.poll / 1000, self.factor)

    @property
    def batch(self) -> int:
        return scaling.batch(self._chosen.batch, self.factor)

    @property
    def idle_poll(self) -> float:
        return self._chosen.idle_poll / 1000

    def idle(self, pause: float) -> float:
        """How long to pause when there was nothing again."""
        return scaling.idle(pause, self.poll, self.idle_poll)

    @property
    @abstractmethod
    def size(self) -> int: ...

    @abstractmethod
    def resize(self, size: int) -> None:
        """Have more or fewer of them; those that go end their present calls. Returns at once."""

    @abstractmethod
    def states(self) -> list[ExecutorState]: ...

    @abstractmethod
    def activity(self) -> Activity: ...

    @abstractmethod
    def counts(self) -> Counts:
        """What all of them have done, also those that are gone."""


@dataclass(slots=True)
class Durations:
    """How long the attempts of a handler took that ended alike."""

    seconds: float = 0.0
    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))  # by bucket


class SlotPool(ScalablePool):
    """The slots of a worker for one namespace, which it paces."""

    def __init__(
        self,
        worker: Worker,
        namespace: str,
        circuit: CircuitBreaker,
        chosen: PoolSettings,
        limits: HealthSettings,
    ) -> None:
        super().__init__("task_claimer", circuit, chosen, limits)
        self.namespace = namespace
        self._durations: dict[tuple[str, bool], Durations] = {}
        self._worker = worker
        self._slots = worker.serve(namespace, self, chosen.min)

    @property
    def size(self) -> int:
        return self._slots.size

    def resize(self, size: int) -> None:
        self._slots.resize(size)

    def states(self) -> list[ExecutorState]:
        """How each slot is. One that a handler holds past its time, and cannot be replaced, is of
        no use; how long handlers take before that is their own affair. Without a worker that takes
        turns, all are of no use."""
        state = ExecutorState.HEALTHY
        if self._worker.stopping:
            state = ExecutorState.STOPPING
        elif self._hangs or not self.circuit.passes:
            state = ExecutorState.UNHEALTHY
        elif not self._worker.was_answered(self.namespace or ""):
            state = ExecutorState.STARTING
        lost = min(self._slots.hung, self.size)
        return [ExecutorState.UNHEALTHY] * lost + [state] * (self.size - lost)

    def activity(self) -> Activity:
        """What the slots do. While the worker hangs, those that are idle hang too: one at least,
        for what the others do says nothing then."""
        running, waiting, hung = self._slots.running, self._slots.waiting, self._slots.hung
        if self._hangs:
            hung = max(1, self.size - running - waiting)
        return Activity(running, waiting, hung)

    def counts(self) -> Counts:
        """What the slots have done. A failure of a handler is not one of its slot."""
        slots = self._slots
        running, waiting = slots.seconds_running(), slots.seconds_waiting()
        return Counts(slots.done, 0, slots.done, running, waiting)

    def ended(self, handler: str, failed: bool, seconds: float) -> None:
        """An attempt has ended."""
        if (handler, failed) not in self._durations and len(self._durations) >= MOST_HANDLERS:
            handler = ""
        found = self._durations.setdefault((handler, failed), Durations())
        found.seconds += seconds
        found.counts[bisect_left(BUCKETS, seconds)] += 1

    def durations(self) -> list[dict[str, Any]]:
        """How long attempts took, by handler and by how they ended; counts by bucket."""
        return [
            {
                "namespace": self.namespace,
                "handler": handler,
                "outcome": "failed" if failed else "complete",
                "seconds": found.seconds,
                "counts": list(found.counts),
            }
            for (handler, failed), found in list(self._durations.items())
        ]

    @property
    def _hangs(self) -> bool:
        """Whether the worker has taken no turn for too long."""
        return time.monotonic() - self._worker.turned_at > self._limits.stuck + LONGEST_TURN
