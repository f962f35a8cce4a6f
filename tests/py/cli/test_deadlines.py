"""`tasker-sql task set-deadline`."""

from __future__ import annotations

from uuid import UUID

import pytest
from running import client_of, template
from test_cli import Answer

pytestmark = pytest.mark.newest


def test_is_moved_and_removed(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database)
    with client_of(database) as client:
        client.register_template(template({"a": []}))
        task = str(client.create_task("test", "flow").task_uuid)
        move = ("task", "set-deadline", task, "--reason", "a test")
        assert "to be done" not in Answer("task", "show", task).out
        moved = Answer(*move, "2030-01-31T17:00")
        assert moved.out == "the task is to be done by 2030-01-31 17:00:00 UTC\n"
        assert "\nto be done by 2030-01-31 17:00:00 UTC\n" in Answer("task", "show", task).out
        gone = Answer(*move, "--none")
        assert gone.out == "the task has no deadline; it was 2030-01-31 17:00:00 UTC\n"
        assert client.get_task(UUID(task)).deadline is None
        for wrong in ([], ["2030-01-31T17:00", "--none"], ["2h"]):
            answer = Answer(*move, *wrong)
            assert (answer.code, answer.out) == (2, ""), wrong
