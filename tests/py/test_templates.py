"""Templates from YAML: the merge of environments, and errors that name file and line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from running import client_of

from tasker_sql import templates
from tasker_sql.errors import TaskerError

Write = Callable[[str], Path]

BASE = """\
name: flow
namespace_name: test
version: 1.0.0
steps:
  - name: a
    handler: {callable: a, initialization: {url: x, sizes: [1, 2]}}
    retry: {max_attempts: 3, backoff: linear}
  - name: b
    handler: {callable: b}
    dependencies: [a]
environments:
  test:
    description: quick
    steps:
      - name: a
        handler: {initialization: {sizes: [9]}}
        retry: {max_attempts: 1}
  production:
    steps:
      - name: b
        handler: {callable: null, sql: shop.b}
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        file = tmp_path / "flow.yaml"
        file.write_text(text)
        return file

    return write


def test_without_an_override_is_as_written(write: Write) -> None:
    definition = templates.load(write(BASE), "development").definition
    assert "environments" not in definition
    assert definition["steps"][0]["retry"] == {"max_attempts": 3, "backoff": "linear"}


def test_merges_objects_and_replaces_lists(write: Write) -> None:
    definition = templates.load(write(BASE), "test").definition
    assert definition["description"] == "quick"
    first, second = definition["steps"]
    assert first["handler"] == {"callable": "a", "initialization": {"url": "x", "sizes": [9]}}
    assert first["retry"] == {"max_attempts": 1, "backoff": "linear"}
    assert second == {"name": "b", "handler": {"callable": "b"}, "dependencies": ["a"]}


def test_a_null_takes_a_key_away(write: Write) -> None:
    definition = templates.load(write(BASE), "production").definition
    assert definition["steps"][1]["handler"] == {"sql": "shop.b"}


def test_the_environment_comes_from_tasker_env(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TASKER_ENV", "test")
    assert templates.load(write(BASE)).definition["description"] == "quick"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps: [", r"flow.yaml:\d: "),
        ("name: a\nname: b\n", "flow.yaml:2: the key 'name' is there twice"),
        ("- a\n", "flow.yaml: a template is an object"),
        ("", "flow.yaml: a template is an object"),
        ("name: x\nwhen: 2026-01-01\n", "flow.yaml:2: a date is not JSON: put it in quotes"),
        ("a: &a [*a]\n", "flow.yaml:1: "),
        ("a: !!python/name:os.system\n", "flow.yaml:1: could not determine a constructor"),
        (
            BASE.replace("- name: b\n        handler", "- name: c\n        handler"),
            "flow.yaml:20: environment production changes a step 'c', which does not exist",
        ),
        (BASE.replace("    description: quick", "    steps: 7"), "flow.yaml:14: the key 'steps'"),
    ],
    ids=["syntax", "double", "list", "empty", "date", "endless", "object", "step", "twice"],
)
def test_says_what_is_wrong_and_where(write: Write, text: str, message: str) -> None:
    with pytest.raises(templates.TemplateError, match=message):
        templates.load(write(text), "production")


@pytest.mark.newest
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("max_attempts: 3", "max_attempts: 0", r"flow.yaml:5: .*max_attempts"),
        ("dependencies: [a]", "dependencies: [z]", r"flow.yaml:8: .*depends on 'z'"),
        ("namespace_name: test", "namespace_name: Bad", r"flow.yaml: .*namespace_name"),
    ],
)
def test_the_databases_refusal_gets_a_line(
    database: str, write: Write, old: str, new: str, message: str
) -> None:
    template = templates.load(write(BASE.replace(old, new)), "development")
    with client_of(database) as client, pytest.raises(TaskerError) as caught:
        client.register_template(template.definition)
    with pytest.raises(templates.TemplateError, match=message):
        raise template.explain(caught.value)


def test_finds_files_in_folders(tmp_path: Path) -> None:
    for name in ("b.yaml", "sub/a.yml", "c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found: list[Any] = list(templates.find([tmp_path]))
    assert [file.name for file in found] == ["b.yaml", "a.yml"]
