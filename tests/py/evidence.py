"""What the long runs saw, kept in `docs/evidence` as the figures behind `docs/guarantees.md`."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "evidence"


def record(name: str, figures: dict[str, Any]) -> Path:
    """Write the figures of a run to its end, with what they were measured on.

    Only a run that passed may be recorded. Returns the file.
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
    return path
