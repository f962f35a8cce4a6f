"""Values as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from tasker_sql.durations import span
from tasker_sql.visible import visible


def words(value: Any, at: datetime) -> str:
    """A value as people read it; moments as their distance from `at`."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        away = value - at
        return f"in {span(away)}" if away > timedelta() else f"{span(-away)} ago"
    if isinstance(value, timedelta):
        return span(value)
    if isinstance(value, float):
        return f"{value:.1f}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, UUID):
        return short(value)
    if isinstance(value, list | tuple):
        return ", ".join(words(item, at) for item in value)
    return visible(str(value))


def said(error: Exception) -> str:
    """An error, with its hint where it has one."""
    hint = getattr(error, "hint", None)
    return visible(f"{error}. {hint}" if hint else str(error))


def clock(value: datetime | None) -> str | None:
    """A moment as people compare it with their logs."""
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if value else None


def size(count: int) -> str:
    """Bytes: 812 kB, 3.4 MB."""
    number = float(count)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if number < 1000 or unit == "TB":
            return f"{number:.0f} {unit}" if number >= 10 or unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    raise AssertionError


def short(uuid: UUID) -> str:
    """The end of a task's or step's uuid, by which a list tells them apart: all else is its time,
    and zeros."""
    return f"…{str(uuid)[-12:].lstrip('0')}"
