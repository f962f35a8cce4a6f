"""docs/branching.md is true: its example is run, row by row of its table; rules have tests."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

import pytest
from running import client_of
from servers import rows
from workflows import step_states, violations

from tasker_sql.templates import files as templates

ROOT: Final = Path(__file__).parents[3]
TEXT: Final = (ROOT / "docs/branching.md").read_text()
EXAMPLE: Final = re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)[0]
TABLE: Final = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in TEXT.splitlines()
    if line.startswith("| ")
]


@pytest.mark.newest
@pytest.mark.parametrize("row", TABLE[1:], ids=lambda row: row[0])
def test_the_example_ends_as_its_table_says(database: str, tmp_path: Path, row: list[str]) -> None:
    assert len(EXAMPLE.splitlines()) <= 30
    (file := tmp_path / "order.yaml").write_text(EXAMPLE)
    happens, *ends = row
    risk = re.search(r"risk is (\d)", happens)
    failing = re.search(r"(\w+) fails", happens)
    with client_of(database) as client:
        client.register_template(templates.load(file).definition)
        task = client.create_task("shop", "order").task_uuid
        while claimed := client.claim_steps("shop", "w"):
            for step in claimed:
                if failing and step.name == failing[1]:
                    client.fail_step(step.step_uuid, step.token, "no", retryable=False)
                else:
                    result = {"risk": int(risk[1])} if risk else {"rsk": 1}
                    client.complete_step(step.step_uuid, step.token, result)
        found = {**step_states(database, str(task)), "task": client.get_task(task).state}
    assert found == dict(zip(TABLE[0][1:], ends, strict=True))
    assert violations(database) == []


@pytest.mark.newest
def test_parents_are_told_apart(database: str) -> None:
    """C7, C8"""
    with client_of(database) as client:
        steps = [
            {"name": "a", "handler": {"callable": "a"}, "retry": {"max_attempts": 1}},
            {"name": "b", "handler": {"callable": "b"}, "dependencies": ["a"], "run_on": "end"},
        ]
        head = {"name": "t", "namespace_name": "test", "version": "1.0.0"}
        client.register_template(head | {"steps": steps})
        client.create_task("test", "t")
        (a,) = client.claim_steps("test", "w")
        assert a.dependency_states == {}
        client.fail_step(a.step_uuid, a.token, {"message": "no", "code": "declined"})
        (b,) = client.claim_steps("test", "w")
        assert b.dependency_results == {"a": None}
        error = {"message": "no", "code": "declined"}
        failed = {"state": "error", "outcome": "failed", "error": error, "attempts": 1}
        assert b.dependency_states == {"a": failed}
        assert client.fail_step(b.step_uuid, b.token, "no").step_state == "waiting_for_retry"


def test_every_rule_is_cited_by_a_test() -> None:
    rules = re.findall(r"^- \*\*(\w+)\*\*", (ROOT / "docs/semantics.md").read_text(), re.MULTILINE)
    assert len(rules) > 10
    files = [*(ROOT / "tests").rglob("*.py"), *(ROOT / "tests").rglob("*.sql")]
    failed = " ".join(file.read_text() for file in files)
    assert [rule for rule in rules if not re.search(rf"\b{rule}\b", failed)] == []


@pytest.mark.newest
def test_what_is_registered_in_sql_yaml_and_json_is_the_same(database: str, tmp_path: Path) -> None:
    (file := tmp_path / "order.yaml").write_text(EXAMPLE)
    given = templates.load(file).definition
    (other := tmp_path / "order.json").write_text(json.dumps(given))
    assert templates.load(other).definition == given
    with client_of(database) as client:
        assert client.register_template(given).created
        assert not client.register_template(templates.load(other).definition).created
    features = rows(database, "select features ->> 'run_on' from tasker.template_steps")
    assert sorted(features) == [("end",), ("failure",), *[("success",)] * 4]
