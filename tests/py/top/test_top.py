"""The screens of `top`, of stored snapshots: drawn as in `top.txt`, narrow and wide.

After a change that is meant: TASKER_TEST_STORE=1 .venv/bin/pytest tests/py/top, and look.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import seen

from tasker_sql.top.app import Top
from tasker_sql.top.backend import Backend
from tasker_sql.top.snapshot import Location, Snapshot

STORED = Path(__file__).with_name("top.txt")
NARROW, WIDE = (80, 24), (160, 24)
OVERVIEW, FAILURES = Location("overview"), Location("failures")
SHOWN: list[tuple[str, Location, tuple[int, int], str]] = [
    *((place.screen, place, NARROW, "") for place in seen.SNAPSHOTS),
    *((place.screen, place, WIDE, "") for place in (OVERVIEW, FAILURES)),
    ("DAG", Location("task", seen.MOVES), NARROW, "d"),
]


class Stored(Backend):
    """Answers with the stored snapshots, and carries nothing out."""

    def __init__(self) -> None:
        super().__init__(str, 1.0)

    def read(self, place: Location) -> Snapshot:
        return seen.SNAPSHOTS[place]

    def texts(self, place: Location) -> tuple[Any, Sequence[Any]]:
        raise AssertionError(place)

    def run(self, statement: str) -> list[dict[str, Any]]:
        raise AssertionError(statement)


def lines_of(app: Top) -> list[str]:
    """The characters on the screen."""
    return [strip.text.rstrip() for strip in app.screen._compositor.render_strips()]


def drawn(place: Location, size: tuple[int, int], *keys: str) -> list[str]:
    """The whole screen as text, once it has shown its snapshot and these keys were pressed."""

    async def run() -> list[str]:
        app = Top(Stored(), place, interval=3600)
        async with app.run_test(size=size) as pilot:
            while app.frame is None:
                await pilot.pause(0.01)
            await pilot.press(*keys)
            await pilot.pause()
            return lines_of(app)

    return asyncio.run(run())


def pictures() -> str:
    """All screens, some of them wide, and a task's DAG."""
    parts = [
        "\n".join([f"==== {name} {size[0]}x{size[1]}", *drawn(place, size, *keys)])
        for name, place, size, keys in SHOWN
    ]
    return "\n".join(parts) + "\n"


def test_the_screens_are_drawn_as_stored() -> None:
    found = pictures()
    if os.environ.get("TASKER_TEST_STORE"):
        STORED.write_text(found)
    assert found == STORED.read_text()
