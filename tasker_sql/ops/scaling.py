"""How many executors a pool should have, and how hard they may press on the database.

Pure logic: what was measured, and the time, are arguments. The first rule that applies decides:

    hung         some of them hang, so what they do says nothing about their number: it stays
    connections  some of them wait for a connection: as many fewer
    errors       more than a few per cent of the calls fail: one more, for each does less
    backlog      much waits, or something has waited for long, and the executors are not idle
    busy         utilization is far above its target: as many more as would bring it there
    idle         utilization is far below its target: half of what can be spared goes

A pool grows by no more than there are free connections for, and not at all while callers wait for
connections or its circuit is not closed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from tasker_sql.config.settings import ScalingSettings

FIERCEST: Final = 0.02  # the smallest factor of back-pressure
SHORTEST, LONGEST = 0.01, 10.0  # seconds between polls, whatever presses


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of a pool since the last decision, and of the connections it shares."""

    executors: int
    utilization: float  # the share of their time in calls that did something, 0 to 1
    error_rate: float = 0.0  # the share of the calls that failed
    waiting: float = 0.0  # how many of them waited for somebody's connection, on average
    hung: int = 0  # how many of them hang now
    queue_depth: int = 0  # what waits for them
    queue_age: float = 0.0  # seconds for which the oldest of it waits
    callers_waiting: float = 0.0  # in the whole runner, on average
    room: int | None = None  # how many more of them could have a connection; nothing for any number
    blocked: bool = False  # its circuit lets no call pass


@dataclass(frozen=True, slots=True)
class Decision:
    """How many executors there should be, and why so many."""

    executors: int
    reason: str


def decide(
    measured: Measured, least: int, most: int, rules: ScalingSettings, now: float, changed_at: float
) -> Decision:
    """How many executors there should be now, if their number last changed at `changed_at`."""
    present = measured.executors
    if measured.hung:
        return Decision(present, f"{measured.hung} of {present} hang")
    if now < changed_at + rules.cooldown:
        return Decision(present, f"it changed less than {rules.cooldown:g} s ago")
    # More than that wait for the last time: they go as soon as they have had a connection.
    waiting = round(min(measured.waiting, present * (1 - measured.utilization)))
    if waiting and not measured.blocked:
        wanted = max(1, present - waiting)
        return Decision(wanted, f"{waiting} of {present} wait for a connection")
    wanted, reason = _wanted(measured, least, rules)
    wanted = min(max(wanted, least), most)
    if wanted <= present:
        return Decision(wanted, reason)
    if measured.blocked:
        return Decision(present, f"{reason}, but their circuit is not closed")
    if measured.callers_waiting > rules.most_waiting:
        callers = f"{measured.callers_waiting:.0f} callers wait for a connection"
        return Decision(present, f"{reason}, but {callers}")
    if measured.room is not None and wanted > present + measured.room:
        wanted = present + measured.room
        return Decision(wanted, f"{reason}, and there are connections for {wanted}")
    return Decision(wanted, reason)


def _wanted(measured: Measured, least: int, rules: ScalingSettings) -> tuple[int, str]:
    present, target = measured.executors, rules.target_utilization
    idle = measured.utilization < 0.5 * target
    busy = f"they are busy for {measured.utilization:.0%} of the time"
    if measured.error_rate > rules.error_rate:
        return present + 1, f"{measured.error_rate:.0%} of the calls fail"
    if measured.queue_depth > rules.queue_depth and not idle:
        return present + max(1, measured.queue_depth // 50), f"{measured.queue_depth} wait"
    if measured.queue_age > rules.queue_age and not idle:
        return present + 1, f"the oldest has waited for {measured.queue_age:.0f} s"
    if measured.utilization > 1.2 * target:
        return math.ceil(present * measured.utilization / target), busy
    if idle:
        return present - max(1, (present - least) // 2), busy
    return present, busy


def pressure(size: int, waiting: float, most_waiting: float) -> float:
    """The factor, above 0 to 1, by which executors hold back when connections run short.

    1 while no more callers wait for one of the `size` connections than may; else the share of those
    who want a connection that can have one.
    """
    return 1.0 if waiting <= most_waiting else max(FIERCEST, size / (size + waiting))


def poll(seconds: float, factor: float) -> float:
    """How long to wait between polls under that pressure."""
    return min(max(seconds / factor, SHORTEST), max(LONGEST, seconds))


def idle(pause: float, poll: float, longest: float) -> float:
    """How long to wait when there was nothing again: quickly up to `poll` seconds, then slowly up
    to `longest`, so that what goes on and off is found soon and what is never used costs little."""
    return min(2 * pause, poll) if pause < poll else min(1.25 * pause, max(poll, longest))


def batch(size: int, factor: float) -> int:
    """How much to take at a time under that pressure."""
    return max(1, int(size * factor))
