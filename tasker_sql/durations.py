"""Times as people read and write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final


def span(time: timedelta) -> str:
    """1.2 ms, 12 ms, 5.3 s, 59 s, 5:07 min, 12 min, 2 h 05, 3 d 4 h."""
    seconds = time.total_seconds()
    if seconds < 0:
        return f"-{span(-time)}"
    if seconds < 0.01:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if minutes < 60:
        return f"{minutes} min" if minutes >= 10 else f"{minutes}:{whole % 60:02d} min"
    return f"{hours} h {minutes % 60:02d}" if days < 2 else f"{days} d {hours % 24} h"


AGO: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def moment(text: str) -> datetime:
    """A time in ISO 8601 (UTC where it names no zone), or how long ago: 90s, 15m, 2h, 3d.

    Raises ValueError.
    """
    try:
        if ago := re.fullmatch(r"(\d+)([smhd])", text):
            return datetime.now(UTC) - timedelta(**{AGO[ago[2]]: int(ago[1])})
        return _at(text)
    except (ValueError, OverflowError):
        raise ValueError(
            f"{text}: 90s, 15m, 2h or 3d is needed (ago), or ISO 8601: 2026-01-31T17:00Z"
        ) from None


def time_to_come(text: str) -> datetime:
    """A time in ISO 8601 (UTC where it names no zone). Raises ValueError."""
    try:
        return _at(text)
    except ValueError:
        raise ValueError(f"{text}: ISO 8601 is needed, such as 2026-01-31T17:00Z") from None


def _at(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
