"""The screens of `top`, of stored snapshots: drawn as in `top.txt`, narrow and wide.

After a change that is meant: TASKER_TEST_STORE=1 .venv/bin/pytest tests/py/top, and look.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping, Sequence
from html import unescape
from pathlib import Path
from typing import Any

import seen

from tasker_sql.top.app import Top
from tasker_sql.top.snapshot import Place, Snapshot

STORED = Path(__file__).with_name("top.txt")
SIZES = [(80, 24), (150, 30)]
SHOWN: list[tuple[str, Place, str]] = [
    *((place.screen, place, "") for place in seen.SNAPSHOTS),
    ("DAG", Place("task", seen.MOVES), "d"),
]
CELL = (12.2, 24.4)  # a character of Textual's pictures


class Stored:
    """Answers with the stored snapshots, and carries nothing out."""

    def read(self, place: Place) -> Snapshot:
        return seen.SNAPSHOTS[place]

    def texts(self, place: Place) -> tuple[Any, Sequence[Any]]:
        raise AssertionError(place)

    def run(self, statement: str) -> Sequence[Mapping[str, Any]]:
        raise AssertionError(statement)

    def answers(self, statement: str, row: type[Any]) -> Sequence[Any]:
        raise AssertionError(statement, row)


def lines_of(svg: str, height: int) -> list[str]:
    """The characters of a picture of the terminal."""
    lines = [""] * height
    for x, y, text in re.findall(r'<text class="\S+" x="([\d.]+)" y="([\d.]+)" [^>]*>(.*?)<', svg):
        row, column = int((float(y) - 18.5) / CELL[1] + 0.5), round(float(x) / CELL[0])
        if row < height and "line-" in svg:
            lines[row] = lines[row].ljust(column) + unescape(text).replace("\xa0", " ")
    return [line.rstrip() for line in lines]


def drawn(place: Place, size: tuple[int, int], *keys: str) -> list[str]:
    """The whole screen as text, once it has shown its snapshot and these keys were pressed."""

    async def run() -> str:
        app = Top(Stored(), place, interval=3600)
        async with app.run_test(size=size) as pilot:
            while app._shown is None:
                await pilot.pause(0.01)
            await pilot.press(*keys)
            await pilot.pause()
            return app.export_screenshot()

    return lines_of(asyncio.run(run()), size[1])


def pictures() -> str:
    """All screens in all sizes, and a task's DAG."""
    parts = [
        "\n".join([f"==== {name} {width}x{height}", *drawn(place, (width, height), *keys)])
        for width, height in SIZES
        for name, place, keys in SHOWN
    ]
    return "\n".join(parts) + "\n"


def test_the_screens_are_drawn_as_stored() -> None:
    found = pictures()
    if os.environ.get("TASKER_TEST_STORE"):
        STORED.write_text(found)
    assert found == STORED.read_text()
