"""What the long runs saw: `docs/evidence`, and the figures of `docs/guarantees.md`.

On that page `<!-- chaos.steps -->510,321<!-- / -->` is one figure of a recorded run.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "docs" / "evidence"
PAGE = ROOT / "docs" / "guarantees.md"
FIGURE = re.compile(r"<!-- (\w+)\.(\w+) -->.*?<!-- / -->", re.DOTALL)


def record(name: str, figures: dict[str, Any]) -> Path:
    """Write the figures of a run to its end, with what they were measured on.

    Only a run that passed may be recorded. The page gets its figures. Returns the file.
    """
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--exclude=*"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    about = {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit or "unknown",
        "machine": f"{os.cpu_count()} cores, {platform.system()}",
        "python": platform.python_version(),
    }
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{name}.json"
    path.write_text(json.dumps(about | figures, indent=2) + "\n")
    PAGE.write_text(filled(PAGE.read_text()))
    return path


def filled(page: str) -> str:
    """The page with the figures of the last recorded runs. Raises KeyError for an unknown figure.

    A run that was never recorded leaves its figures as they are.
    """

    def fill(figure: re.Match[str]) -> str:
        path = FOLDER / f"{figure[1]}.json"
        if not path.exists():
            return figure[0]
        value = json.loads(path.read_text())[figure[2]]
        return f"<!-- {figure[1]}.{figure[2]} -->{shown(value)}<!-- / -->"

    return FIGURE.sub(fill, page)


def shown(value: Any) -> str:
    """A figure as people read it: large numbers with commas, and all parts."""
    if isinstance(value, dict):
        return "; ".join(f"{part} {shown(number)}" for part, number in value.items())
    return f"{value:,}" if isinstance(value, int | float) else str(value)


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text()))
