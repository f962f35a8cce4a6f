"""Values as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from tasker_sql.durations import span
from tasker_sql.visible import visible


def words(value: Any, at: datetime) -> str:
    """A value in a table; a moment as its distance from `at`, a duration never below zero."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        away = value - at
        return f"in {span(away)}" if away > timedelta() else f"{span(-away)} ago"
    if isinstance(value, timedelta):
        return span(max(value, timedelta()))
    if isinstance(value, float):
        return f"{value:.1f}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, UUID):
        return short(value)
    if isinstance(value, list | tuple):
        return ", ".join(words(item, at) for item in value)
    return visible(str(value))


def whole(value: Any, at: datetime) -> str:
    """A value where there is room: uuids in full, moments as logs have them, too."""
    if isinstance(value, datetime):
        return f"{clock(value)}, {words(value, at)}"
    if isinstance(value, list | tuple):
        more = f", and {len(value) - 3:,} more" if len(value) > 3 else ""
        return ", ".join(whole(item, at) for item in value[:3]) + more
    return str(value) if isinstance(value, UUID) else words(value, at)


def clock(value: datetime) -> str:
    """A moment as people compare it with their logs."""
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def size(count: int) -> str:
    """Bytes: 812 kB, 3.4 MB."""
    number, units = float(count), ["B", "kB", "MB", "GB", "TB"]
    while number >= 1000 and len(units) > 1:
        number, units = number / 1024, units[1:]
    return f"{number:.{0 if number >= 10 or units[0] == 'B' else 1}f} {units[0]}"


def short(uuid: UUID) -> str:
    """The end of a task's or step's uuid, by which a list distinguishes them: all else is its time,
    and zeros."""
    return f"…{str(uuid)[-12:].lstrip('0')}"


def joined(between: str, *values: Any) -> str | None:
    """Some values, or nothing when one is unknown."""
    return between.join(map(str, values)) if None not in values else None


def percent(share: float | None) -> str | None:
    return None if share is None else f"{share:.0%}"
