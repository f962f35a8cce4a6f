"""The site is built of the pages without a warning, and loads nothing from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PROGRAM = Path(sys.executable).parent / "properdocs"
LEFT_OUT = {ROOT / "docs/mutants.md"}

pytestmark = pytest.mark.newest


def test_the_site_is_built_without_warnings(tmp_path: Path) -> None:
    done = subprocess.run(
        [PROGRAM, "build", "--strict", "-f", "mkdocs.yml", "--site-dir", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, "WARNING" in done.stderr) == (0, False), done.stderr
    pages = list(tmp_path.rglob("index.html"))
    assert len(pages) == len(set((ROOT / "docs").rglob("*.md")) - LEFT_OUT)
    for page in pages:
        loaded = re.findall(r"<(?:script|img|link rel=\"stylesheet\")[^>]*>", page.read_text())
        assert loaded
        assert [tag for tag in loaded if re.search(r"(?:src|href)=\"(?:https?:)?//", tag)] == []
    assert "/blob/main/docs/mutants.md" in (tmp_path / "guarantees/index.html").read_text()
