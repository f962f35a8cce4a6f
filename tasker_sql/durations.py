"""Lengths of time as people read them."""

from __future__ import annotations

from datetime import timedelta


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
