"""A nightly schedule over the flights. It ends with the year of the data: it makes nothing by
itself today, and a backfill makes the tasks of three nights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

from tasker_demo.prepare import OURS
from tasker_sql.client import Client

WITHIN: Final = 60.0  # seconds, for what takes a moment
SCHEDULE: Final = ("demo_flights", "nightly")
CRON, ZONE = "30 2 * * *", "America/New_York"
DEFINITION: Final = {
    "template": "report_night",
    "cron": CRON,
    "time_zone": ZONE,
    "starts_at": "2013-01-02T00:00:00Z",
    "ends_at": "2014-01-01T12:00:00Z",
    "missed": "skip",
    "overlap": "skip",
    "description": "Compare each day of 2013 with the week before it.",
}
CLOCKS_CHANGED: Final = date(2013, 3, 10)  # in New York there was no 02:30
NIGHTS: Final = 3


@dataclass(frozen=True)
class Night:
    """A tick: the moment, what the clock in New York showed, and what its task found out."""

    tick_at: datetime
    wall: datetime
    note: str  # what is unusual about the time
    outcome: str
    task_uuid: UUID | None
    state: str
    result: dict[str, Any]


@dataclass(frozen=True)
class Schedule:
    """The nights, and what `tasker-sql schedule explain` says."""

    nights: list[Night]
    reasons: list[str]


def put(client: Client) -> None:
    """Make the schedule. All its ticks are over: the sweep writes down that they were missed."""
    if client.put_schedule(*SCHEDULE, DEFINITION).changed:
        client.sweep()


def covering(days: Sequence[date]) -> list[date]:
    """The nights after the last of these days, up to the one of the change of clocks."""
    return [day + timedelta(days=1) for day in days if day <= CLOCKS_CHANGED][-NIGHTS:]


def backfill(client: Client, days: Sequence[date]) -> list[date]:
    """Make the tasks of these nights that have none. Returns the nights."""
    nights = covering(days)
    plan = client.plan_backfill(*SCHEDULE, *_around(nights))
    if plan.plan_uuid:
        client.apply_repair(plan.plan_uuid, OURS)
    return nights


def report(client: Client, nights: Sequence[date]) -> Schedule:
    """Wait for the tasks of these nights. Raises TimeoutError."""
    since, until = _around(nights)
    notes = {
        one.tick_at: one.note or "" for one in client.next_ticks(CRON, ZONE, since, len(nights))
    }
    found = []
    for tick in reversed(client.list_ticks(*SCHEDULE, until)):
        if tick.tick_at < since or tick.task_uuid is None:
            continue
        state = client.wait(tick.task_uuid, WITHIN).state
        (step,) = client.task_results(tick.task_uuid)
        place = (tick.tick_at, tick.wall, notes.get(tick.tick_at, ""), tick.outcome)
        found.append(Night(*place, tick.task_uuid, state, step.result or {}))
    return Schedule(found, [one.reason for one in client.explain_schedule(*SCHEDULE)])


def _around(nights: Sequence[date]) -> tuple[datetime, datetime]:
    """Around the ticks: from midnight before the first to noon after the last, in UTC."""
    return (
        datetime.combine(nights[0], time(0), UTC),
        datetime.combine(nights[-1], time(12), UTC),
    )
