"""Runs pgTAP files under pytest: a file is a test, once for each server, judged strictly.

A file fails when an assertion fails, when it runs more or fewer than it planned, when it plans
nothing, when it never calls finish(), and when any statement in it fails.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import servers

LINE = re.compile(r"^(not )?ok (\d+)(?: - (.*?))?(?:\s*# (TODO|SKIP)\b.*)?$")


class TapError(Exception):
    """What was wrong with a file."""


def judge(script: str, output: str) -> list[str]:
    """What is wrong with a script and the TAP that it printed; nothing when all is well."""
    wrong: list[str] = []
    if not re.search(r"\bfinish\s*\(", script):
        wrong.append("the file never calls finish()")
    if re.search(r"\bno_plan\s*\(", script):
        wrong.append("no_plan() passes when an assertion never runs: use plan(n)")
    plans, ran, failed = re.findall(r"^1\.\.(\d+)", output, re.MULTILINE), 0, False
    for line in output.splitlines():
        if line.startswith("Bail out!"):
            wrong.append(line)
        elif found := LINE.match(line):
            ran += 1
            failed = bool(found[1]) and found[4] != "TODO"
            if failed:
                wrong.append(line)
            if found[4] == "SKIP":
                wrong.append(f"skipped: {line}")
            if int(found[2]) != ran:
                wrong.append(f"out of sequence: {line}")
        elif failed and line.startswith("#"):
            wrong.append(line)
    if len(plans) != 1:
        wrong.append(f"{len(plans)} plans: exactly one plan(n) is needed")
    elif int(plans[0]) != ran or ran == 0:
        wrong.append(f"planned {plans[0]}, ran {ran}")
    return wrong


# Sequences go on, whatever is rolled back.
NUMBERS = re.compile(r"^commit\b|\bsetval\b|\bmsg_id\b|insert into tasker\.tasks\b", re.MULTILINE)


def rolls_back(script: str) -> bool:
    """Whether it leaves nothing behind, and needs no numbers of its own: so that several such may
    have one database."""
    return bool(re.match(r"(--.*\n)*begin;", script)) and not NUMBERS.search(script)


class TapFile(pytest.File):
    """A file of `tests/sql`."""

    def __init__(self, *, majors: list[int], **keywords: Any) -> None:
        super().__init__(**keywords)
        self.majors = majors

    def collect(self) -> Iterator[TapItem]:
        for major in self.majors:
            yield TapItem.from_parent(self, name=f"pg{major}", major=major)


class TapItem(pytest.Item):
    """A file on one server, in a database at head: a new one, or one that nothing was left in."""

    def __init__(self, *, major: int, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.major = major

    def runtest(self) -> None:
        server, script = servers.get(self.major), self.path.read_text()
        how = server.used if rolls_back(script) else server.database
        with how(server.with_pgtap) as dsn:
            done = servers.psql(dsn, "-f", str(self.path))
        wrong = judge(script, done.stdout)
        if done.returncode:
            wrong.append(f"psql ended with {done.returncode}: {done.stderr.strip()}")
        if wrong:
            raise TapError("\n".join(wrong))

    def repr_failure(self, excinfo: Any, style: Any = None) -> Any:
        if isinstance(excinfo.value, TapError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, f"{self.path.parent.name}/{self.path.stem} on {self.name}"
