"""docs/waiting.md is true: its example is run, row by row of its table."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest
from running import client_of
from servers import rows
from workflows import step_states, violations

from tasker_sql.templates import files as templates

TEXT: Final = (Path(__file__).parents[3] / "docs/waiting.md").read_text()
EXAMPLE: Final = re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)[0]
TABLE: Final = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in TEXT.splitlines()
    if line.startswith("| ")
]
ANSWERS: Final = {
    "both say yes": ['{"ok": true}', '{"ok": true, "by": "bob"}'],
    "one says no": ['{"ok": true}', '{"ok": false}'],
    "nobody answers": [],
}
ANSWER = "select step_state from tasker.answer_wait(%s, %s)"
LATER = """
create or replace function tasker._now () returns timestamptz language sql volatile
 as $$ select clock_timestamp() + interval '3 days' $$
"""


@pytest.mark.newest
@pytest.mark.parametrize("row", TABLE[1:], ids=lambda row: row[0])
def test_the_example_ends_as_its_table_says(database: str, tmp_path: Path, row: list[str]) -> None:
    assert len(EXAMPLE.splitlines()) <= 30
    (file := tmp_path / "payout.yaml").write_text(EXAMPLE)
    happens, *ends = row
    with client_of(database) as client:
        client.register_template(templates.load(file).definition)
        task = client.create_task("bank", "payout", {"amount": 12}).task_uuid

        def work() -> None:
            while claimed := client.claim_steps("bank", "w"):
                for step in claimed:
                    client.complete_step(step.step_uuid, step.token, {})

        work()
        assert rows(database, "select from tasker.claims") == []
        query = "select step_uuid, prompt, wanted from tasker.open_waits('bank')"
        ((step, prompt, wanted),) = rows(database, query)
        assert (prompt, wanted) == ("Pay out 12?", 2)
        for answer in ANSWERS[happens]:
            rows(database, ANSWER, step, answer)
        if not ANSWERS[happens]:
            rows(database, LATER)
            client.sweep()
        work()
        found = {**step_states(database, str(task)), "task": client.get_task(task).state}
    assert found == dict(zip(TABLE[0][1:], ends, strict=True))
    assert violations(database) == []
