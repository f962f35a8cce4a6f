"""The figures in docs/guarantees.md, and beside other systems, are those of recorded runs."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median

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


@pytest.mark.parametrize("page", ["README.md", "docs/compare.md"])
def test_a_page_shows_the_medians_beside_the_peers(page: str) -> None:
    runs = json.loads((FOLDER / "peers.json").read_text())["runs"]

    def medians(workload: str, program: str) -> str:
        found = [
            [run["steps_per_second"] for run in runs if tuple(run.values())[:3] == key]
            for key in ((workload, program, 1), (workload, program, 4))
        ]
        return " · ".join(f"{median(one):,.0f}" for one in found)

    text = (PAGE.parents[1] / page).read_text()
    for name, workload, peer in (
        ("chains of ten steps", "W1", "absurd"),
        ("one step, 48 in parallel, one", "W2", "DBOS"),
        ("single steps from a full queue", "W3", "pgqueuer"),
    ):
        figures = [medians(workload, one) for one in (peer.lower(), "fac1", "run")]
        assert f"| {name} | {peer} {figures[0]} | {figures[1]} | {figures[2]} |" in text


def test_the_readme_shows_what_a_step_costs_on_a_large_system() -> None:
    stages = json.loads((FOLDER / "scale.json").read_text())
    text = (PAGE.parents[1] / "README.md").read_text()
    for system, stage in (
        ("empty", "empty"),
        ("behind ten million finished steps", "behind 10000000 finished"),
        ("beside a million queued ones", "beside 1000000 queued"),
        ("the same, with a snapshot held open", "with it held longer"),
    ):
        wal, buffers = stages[stage]["wal_bytes"], stages[stage]["buffers"]
        assert f"| {system} | {wal:.0f} B | {buffers:.0f} |" in text
    assert f"takes {sum(stages['bytes on disk'].values()):.0f} B on disk" in text
