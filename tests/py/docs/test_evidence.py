"""The figures in docs/guarantees.md are those of recorded runs."""

from __future__ import annotations

from pathlib import Path

import evidence
import pytest
from evidence import FIGURE, FOLDER, PAGE, filled, shown


def test_the_page_shows_the_last_recorded_runs() -> None:
    page = PAGE.read_text()
    assert filled(page) == page, "python tests/py/support/evidence.py fills it in"
    missing = {run for run, _ in FIGURE.findall(page) if not (FOLDER / f"{run}.json").exists()}
    assert not missing, f"never recorded: {missing}"


def test_a_figure_replaces_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "FOLDER", tmp_path)
    (tmp_path / "chaos.json").write_text('{"steps": 510321, "by_kind": {"queue purged": 2000}}')
    page = "in <!-- chaos.steps -->1<!-- / --> steps, <!-- storm.steps -->7<!-- / --> elsewhere"
    assert filled(page) == page.replace(">1<", ">510,321<")
    assert shown({"queue purged": 2000, "slow network": 7}) == "queue purged 2,000; slow network 7"
