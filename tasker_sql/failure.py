"""The error of a step as people read it: what happened, and where in the handler."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any, Final

from tasker_sql.jsonb import dumps

FRAME: Final = re.compile(r'  File "(?P<path>.+)", line \d+')
LIBRARY: Final = re.compile(r"[/\\](?:site-packages|dist-packages|python\d[\d.]*|tasker_sql)[/\\]")


def error_lines(error: Any, whole: bool = False) -> list[str]:
    """What an attempt reported. Of the traceback the frames of the handler's own code are shown,
    those of libraries are counted, unless the whole is wanted."""
    if not isinstance(error, Mapping):
        return dumps(error, indent=2).split("\n")
    rest = {name: value for name, value in error.items() if name not in KNOWN}
    lines = [": ".join(str(error[name]) for name in ("class", "message") if error.get(name))]
    for name, value in rest.items():
        lines.append(f"{name}: {dumps(value)}")
    if traceback := str(error.get("traceback") or ""):
        lines += traceback.split("\n") if whole else folded(traceback)
    return [line for line in lines if line]


KNOWN: Final = {"class", "message", "traceback"}


def folded(traceback: str) -> Iterator[str]:
    """A traceback without the frames of libraries."""
    frames = list[list[str]]()  # a line outside of frames is a group of its own
    for line in traceback.split("\n"):
        if FRAME.match(line) or not line.startswith("    ") or not frames:
            frames.append([line])
        else:
            frames[-1].append(line)
    for is_library, group in groupby(frames, _is_library):
        found = list(group)
        if is_library:
            many = "1 frame" if len(found) == 1 else f"{len(found)} frames"
            yield f"  ... {many} of libraries"
        else:
            yield from (line for frame in found for line in frame)


def _is_library(frame: list[str]) -> bool:
    found = FRAME.match(frame[0])
    return bool(found and (LIBRARY.search(found["path"]) or found["path"].startswith("<frozen")))
