"""The wheel, built once a run, and installed into environments of its own without network."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[3]


def build(folder: Path, project: Path = ROOT) -> Path:
    """Build the wheel of a project of this checkout into a folder."""
    command = ["pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(folder)]
    subprocess.run([sys.executable, "-m", *command, str(project)], check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def installed(wheel: Path, environment: Path, without: Sequence[str] = ()) -> Path:
    """Make a virtual environment with the wheel in it: its program. What it depends on is linked
    from here, but for the packages `without`."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    (packages,) = environment.glob("lib/python*/site-packages")
    left_out = tuple(name.replace("-", "_") for name in (*without, "tasker_sql", "_editable"))
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not entry.name.lower().startswith((*left_out, "_tasker", "__pycache__")):
            (packages / entry.name).symlink_to(entry)
    install = ["--quiet", "--no-index", "--no-deps", "--disable-pip-version-check", str(wheel)]
    python = environment / "bin/python"
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", python, "install", *install], check=True
    )
    return environment / "bin/tasker-sql"
