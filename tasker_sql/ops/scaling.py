"""How many executors a pool should have, and how hard they may press on the database.

Pure logic: what was measured, and the time, are arguments. `decide` answers with a reason that goes
into the log; the first rule that applies decides.

    no room     the connections are in use, or a circuit is not closed: no growth, whatever waits
    errors      more than a few per cent of the calls fail: one more, for each does less
    backlog     much waits, or something has waited for long, and the executors are not idle
    busy        utilization is far above its target: as many more as would bring it there
    idle        utilization is far below its target: half of what can be spared goes
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

FIERCEST: Final = 0.02  # the smallest factor of back-pressure
SHORTEST, LONGEST = 0.01, 10.0  # seconds between polls, whatever presses


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for all pools; times in seconds."""

    cooldown: float = 60.0
    target_utilization: float = 0.75
    most_database_use: float = 0.85
    error_rate: float = 0.05
    queue_depth: int = 100
    queue_age: float = 30.0


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of a pool since the last decision."""

    executors: int
    utilization: float  # the share of their time that executors spend in calls, 0 to 1
    error_rate: float  # the share of the calls that failed
    queue_depth: int = 0  # what waits for them
    queue_age: float = 0.0  # seconds for which the oldest of it waits
    database_use: float = 0.0  # the share of the runner's connections that are lent
    blocked: bool = False  # its circuit lets no call pass


@dataclass(frozen=True, slots=True)
class Decision:
    """How many executors there should be, and why. No reason: as it is."""

    executors: int
    reason: str = ""


def decide(
    measured: Measured, least: int, most: int, rules: Rules, now: float, changed_at: float
) -> Decision:
    """How many executors there should be now, if their number last changed at `changed_at`."""
    present = measured.executors
    if now < changed_at + rules.cooldown:
        return Decision(present)
    wanted, reason = _wanted(measured, least, rules)
    wanted = min(max(wanted, least), most)
    if wanted > present and (measured.blocked or measured.database_use > rules.most_database_use):
        wanted = present
    return Decision(wanted, reason) if wanted != present else Decision(present)


def _wanted(measured: Measured, least: int, rules: Rules) -> tuple[int, str]:
    present, target = measured.executors, rules.target_utilization
    idle = measured.utilization < 0.5 * target
    if measured.error_rate > rules.error_rate:
        return present + 1, f"{measured.error_rate:.0%} of the calls fail"
    if measured.queue_depth > rules.queue_depth and not idle:
        return present + max(1, measured.queue_depth // 50), f"{measured.queue_depth} wait"
    if measured.queue_age > rules.queue_age and not idle:
        return present + 1, f"the oldest has waited for {measured.queue_age:.0f} s"
    if measured.utilization > 1.2 * target:
        wanted = math.ceil(present * measured.utilization / target)
        return wanted, f"they are busy for {measured.utilization:.0%} of the time"
    if idle:
        wanted = present - max(1, (present - least) // 2)
        return wanted, f"they are busy for {measured.utilization:.0%} of the time"
    return present, ""


def pressure(database_use: float, most: float) -> float:
    """The factor, above 0 to 1, by which executors hold back when connections run short.

    1 up to the most that is well, falling in proportion to what is left beyond that.
    """
    if database_use <= most:
        return 1.0
    return max(FIERCEST, (1 - database_use) / (1 - most))


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
