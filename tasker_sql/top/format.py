"""Values as people read them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from tasker_sql.durations import span
from tasker_sql.visible import visible

UUID_TEXT: Final = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


def words(value: Any, at: datetime) -> str:
    """A value in a table: uuids are shortened, a moment is its distance from `at`, a duration is
    never below zero."""
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
    return UUID_TEXT.sub(lambda found: short(UUID(found[0])), visible(str(value)))


def whole(value: Any, at: datetime) -> str:
    """A value where there is room: uuids in full, moments as logs have them, too."""
    if isinstance(value, datetime):
        return f"{clock(value)}, {words(value, at)}"
    if isinstance(value, list | tuple):
        more = f", and {len(value) - 3:,} more" if len(value) > 3 else ""
        return ", ".join(whole(item, at) for item in value[:3]) + more
    return visible(str(value)) if isinstance(value, UUID | str) else words(value, at)


def clock(value: datetime) -> str:
    """A moment as people compare it with their logs."""
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def short(uuid: UUID) -> str:
    """The end of a task's or step's uuid, by which a list distinguishes them: all else is its time,
    and zeros."""
    return f"…{str(uuid)[-12:].lstrip('0')}"
