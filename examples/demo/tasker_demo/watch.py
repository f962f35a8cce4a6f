"""Follows a run: how far its tasks are, asked of the engine a few times a second.

When the database goes away, the watch waits for it, as the runner does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

import psycopg

from tasker_demo.prepare import Run
from tasker_demo.screen import Day, Lane, Snapshot

Connection = psycopg.Connection[Any]

ENDED: Final = frozenset({"complete", "error", "cancelled", "resolved_manually"})
AT_ONCE: Final = 1000  # tasks that one question asks about
RATE_OVER: Final = 0.25  # seconds
LOADING_STEPS: Final = 2  # of analyze_day, before which nothing is known about a day


@dataclass(slots=True)
class Progress:
    """A task as it was last seen."""

    status: str = "pending"
    completed_steps: int = 0
    total_steps: int = 0

    @property
    def share(self) -> float:
        """How much of it is over; nothing remains of a task that ended in error."""
        if self.status in ENDED:
            return 1.0
        return self.completed_steps / max(self.total_steps, 1)


class Watch:
    """`look` asks again. `failures` is how many attempts have failed in this process."""

    def __init__(
        self, connect: Callable[[], Connection], run: Run, failures: Callable[[], int]
    ) -> None:
        self._connect = connect
        self._connection: Connection | None = None
        self._run = run
        self._failures = failures
        self._tasks = {task_uuid: Progress() for task_uuid in run.tasks}
        self._open = list(run.tasks)
        self._days: dict[date, Day] = {}
        self._steps_before = self._errors_before = 0
        self._rates: list[float] = []
        self._began = self._rated = time.monotonic()
        self._ended: float | None = None
        self._rated_steps: int | None = None

    @property
    def done(self) -> bool:
        """Whether every task has ended."""
        return not self._open

    @property
    def steps(self) -> int:
        """Steps completed so far, leaving out what an interrupted run had done before."""
        return sum(task.completed_steps for task in self._tasks.values()) - self._steps_before

    @property
    def retries(self) -> int:
        """Attempts that failed and were, or will be, followed by another."""
        errors = self._count(self._run.tasks, "error") - self._errors_before
        return max(0, self._failures() - errors)

    @property
    def seconds(self) -> float:
        """Since the beginning, up to the moment when all was done."""
        return (self._ended or time.monotonic()) - self._began

    def look(self) -> Snapshot:
        """Ask the database."""
        note = ""
        if self._open:
            try:
                self._ask()
            except psycopg.OperationalError:
                self.close()
                note = "The database does not answer. The work goes on when it does."
        if not self._open and self._ended is None:
            self._ended = time.monotonic()
        self._rate()
        return Snapshot(
            seconds=self.seconds,
            lanes=(
                self._lane("orders", self._run.order_tasks),
                self._lane("days", self._run.day_tasks),
            ),
            steps=self.steps,
            retries=self.retries,
            rates=tuple(self._rates),
            days=self._days,
            note=note,
        )

    def close(self) -> None:
        """Close the connection; the next look opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _ask(self) -> None:
        """How far open tasks are is cheap to ask; how a task has ended is asked once."""
        if self._connection is None:
            self._connection = self._connect()
        connection = self._connection
        rows = connection.execute(
            "select task_uuid, state, completed_steps, total_steps from tasker.task_progress"
        ).fetchall()
        still_open = {task_uuid: Progress(*seen) for task_uuid, *seen in rows}
        ended = [task for task in self._open if task not in still_open]
        self._tasks.update((task, still_open[task]) for task in self._open if task in still_open)
        for start in range(0, len(ended), AT_ONCE):
            rows = connection.execute(
                """
                select task_uuid, status, completed_steps, total_steps
                  from tasker.get_task_execution_contexts(p_task_uuids => %s)
                """,
                [ended[start : start + AT_ONCE]],
            ).fetchall()
            self._tasks.update((task_uuid, Progress(*seen)) for task_uuid, *seen in rows)
        self._open = [task for task in self._open if self._tasks[task].status not in ENDED]
        if self._run.day_tasks:
            self._ask_about_days(connection)

    def _ask_about_days(self, connection: Connection) -> None:
        """What the finished steps have found out."""
        lost = dict(
            connection.execute(
                """
                select day, sum(minutes_lost)::double precision / sum(flights)
                  from flights.carrier_days
                 group by day
                """
            ).fetchall()
        )
        for task_uuid, day in self._run.day_tasks.items():
            task = self._tasks[task_uuid]
            known = lost.get(day) if task.completed_steps > LOADING_STEPS else None
            self._days[day] = Day(task.completed_steps, known, task.status in ENDED)

    def _rate(self) -> None:
        now = time.monotonic()
        if self._rated_steps is None:
            if self._run.continued:
                self._steps_before = self.steps
                self._errors_before = self._count(self._run.tasks, "error")
            self._rated, self._rated_steps = now, self.steps
        elif now - self._rated >= RATE_OVER and self._ended is None:
            self._rates.append((self.steps - self._rated_steps) / (now - self._rated))
            self._rated, self._rated_steps = now, self.steps

    def _lane(self, name: str, tasks: dict[UUID, Any]) -> Lane:
        ended = sum(1 for task in tasks if self._tasks[task].status in ENDED)
        share = sum(self._tasks[task].share for task in tasks) / max(len(tasks), 1)
        return Lane(name, len(tasks), ended, self._count(list(tasks), "error"), share)

    def _count(self, tasks: Sequence[UUID], status: str) -> int:
        return sum(1 for task in tasks if self._tasks[task].status == status)
