"""`tasker-sql schedule`: files of schedules, and what an operator does to one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from running import client_of, template
from test_cli import NIGHTLY, Answer

from tasker_sql.client import Client

pytestmark = pytest.mark.newest


@pytest.fixture
def client(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setenv("DATABASE_URL", database)
    with client_of(database) as client:
        client.register_template(template({"a": []}, name="report", namespace="shop"))
        yield client


@pytest.fixture
def file(tmp_path: Path, client: Client) -> Path:  # noqa: ARG001 - whose template it names
    (file := tmp_path / "nightly.yaml").write_text(NIGHTLY)
    return file


def test_are_applied_once_and_explained(file: Path) -> None:
    first, again = (Answer("schedule", "apply", str(file)).out for _ in range(2))
    assert ("made" in first, "known" in again) == (True, True)
    file.write_text(NIGHTLY.replace("30 2", "45 2"))
    assert "changed" in Answer("schedule", "apply", str(file)).out
    listed = Answer("schedule", "list", "-n", "shop").out
    assert "shop/nightly" in listed and "45 2 * * *" in listed and "Europe/Berlin" in listed
    assert "schedule_next" in Answer("schedule", "explain", "shop/nightly").out


def test_all_or_none_of_a_file_are_applied(client: Client, file: Path) -> None:
    """Each fault has its line."""
    file.write_text(f"{NIGHTLY}  - {{name: x, namespace_name: shop, template: report, corn: 1}}\n")
    answer = Answer("schedule", "apply", str(file))
    assert answer.code == 2
    assert f"{file}:9: shop/x: unknown key in the schedule: 'corn'" in answer.err
    assert "Did you mean cron?" in answer.err
    assert client.list_schedules() == []


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("name: nightly", "1: a file of schedules is"),
        ("schedules:\n  - {name: nightly}", "2: a file of schedules is"),
        ("schedules: [", "2: did not find"),
        ("schedules: {}\nmore: 1", "1: a file of schedules is"),
    ],
)
def test_what_is_no_schedule_is_refused_with_its_line(
    client: Client, file: Path, text: str, what: str
) -> None:
    file.write_text(text)
    answer = Answer("schedule", "apply", str(file))
    assert (answer.code, f"{file}:{what}" in answer.err) == (2, True), answer.err
    assert client.list_schedules() == []


def test_is_paused_resumed_triggered_and_dropped(client: Client, file: Path) -> None:
    Answer("schedule", "apply", str(file))
    because = ("shop/nightly", "--reason", "a test")
    assert Answer("schedule", "pause", *because).out == "shop/nightly is paused\n"
    assert "schedule_paused" in Answer("schedule", "explain", "shop/nightly").out
    task = Answer("schedule", "trigger", *because).out.strip()
    assert [str(one.task_uuid) for one in client.list_tasks() if one.task_uuid] == [task]
    ticks = Answer("schedule", "ticks", "shop/nightly", "--json").json
    assert [(one["outcome"], one["task_uuid"]) for one in ticks] == [("triggered", task)]
    assert Answer("schedule", "resume", *because).out == "shop/nightly runs\n"
    assert Answer("schedule", "drop", *because).out == "shop/nightly is dropped\n"
    assert Answer("schedule", "list").out.startswith("no schedules")
    assert Answer("schedule", "ticks", "shop/nightly").code == 1
    assert Answer("schedule", "ticks", "nightly").code == 2


def test_is_filled_back_after_a_look(client: Client, file: Path) -> None:
    Answer("schedule", "apply", str(file))
    time = ("--since", "2026-03-28T00:00Z", "--until", "2026-03-31T00:00Z")
    backfill = ("schedule", "backfill", "shop/nightly", *time, "-r", "we were closed")
    refused = Answer(*backfill, stdin="n\n")
    assert (refused.code, "3 ticks have no task, 0 have one" in refused.out) == (1, True)
    planned = Answer(*backfill, "--json").json
    assert (planned["planned"]["ticks"], planned["done"]) == (3, None)
    assert "3 tasks made" in Answer(*backfill, "--yes").out
    again = Answer(*backfill, "--yes")
    assert (again.code, again.out) == (0, "0 ticks have no task, 3 have one\n")
    walls = [one.wall.isoformat() for one in client.list_ticks("shop", "nightly")]
    assert len(walls) == 3
