"""`template new`, `schema`, `diff`, `dry-run`: what helps to write a template, and workflows."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from running import client_of
from servers import rows
from test_cli import EXAMPLES, Answer
from typer.testing import CliRunner

from tasker_sql.cli import app
from tasker_sql.client import Client
from tasker_sql.templates import authoring, definition, yamltext
from tasker_sql.templates import files as templates
from tasker_sql.worker.handlers import default_registry

pytestmark = pytest.mark.newest

SCHEMA = authoring.json_schema()
RULES = {
    "template": definition.TEMPLATE,
    "step": definition.STEP,
    "handler": definition.HANDLER,
    "retry": definition.RETRY,
    "wait": definition.WAIT,
}
WHOLE = {
    "name": "flow",
    "namespace_name": "test",
    "version": "1.0.0",
    "steps": [{"name": "a", "handler": "a"}],
}
STEP: dict[str, Any] = {"name": "a", "handler": {"callable": "a"}}


@pytest.fixture
def client(database: str) -> Iterator[Client]:
    with client_of(database) as client:
        yield client


@pytest.fixture(autouse=True)
def environment(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("TASKER_ENV", raising=False)
    monkeypatch.chdir(tmp_path)


# The schema for editors -------------------------------------------------------------------------


def test_the_schema_is_one_and_describes_every_key() -> None:
    jsonschema_rs.meta.validate(SCHEMA)
    described = {
        "template": SCHEMA,
        **{kind: SCHEMA["$defs"][kind] for kind in RULES if kind != "template"},
    }
    described["handler"] = described["handler"]["anyOf"][1]
    for kind, keys in RULES.items():
        properties = described[kind]["properties"]
        assert properties.keys() - keys.keys() == (
            {"environments"} if kind == "template" else set()
        )
        for key, rule in keys.items():
            assert rule.about.endswith("."), f"{kind}: {key} says nothing about itself"
            assert properties[key]["description"] == rule.about


def test_defaults_are_those_of_the_database(client: Client) -> None:
    client.register_template({**WHOLE, "steps": [STEP]})
    (compiled,) = client.get_template("test", "flow").steps
    retry = {key: rule.default for key, rule in definition.RETRY.items() if key != "retryable"}
    assert {key: compiled[key] for key in retry} == retry
    assert compiled["parents"] == list(definition.STEP["dependencies"].default)


def faults(given: Any) -> list[yamltext.Fault]:
    read, found = yamltext.read(yaml.safe_dump(given).encode())
    return found or templates.check(read)[1]


@pytest.mark.parametrize(
    "file", sorted((EXAMPLES / "workflows").glob("*.yaml")), ids=lambda f: f.stem
)
def test_templates_that_are_right_fit_the_schema(file: Path) -> None:
    jsonschema_rs.validate(SCHEMA, yaml.safe_load(file.read_text()))


@pytest.mark.parametrize(
    "step",
    [
        {"handler": "a", "dependencies": "a"},
        {"handler": {"sql": "shop.a", "initialization": {"b": 1}}, "dependencies": []},
        {"retry": {"max_attempts": 1000, "backoff": "fibonacci", "jitter": False}},
        {"handler": None, "wait": {"for": "PT1H"}},
        {"timeout_seconds": 86400, "run_on": "end", "on_error": "skip", "if": "$.context.a > 1"},
    ],
    ids=str,
)
def test_what_the_checker_takes_fits(step: dict[str, Any]) -> None:
    second = {key: value for key, value in {**STEP, "name": "b", **step}.items() if value}
    steps = [{"name": "a", "handler": "a"}, second]
    given: dict[str, Any] = {**WHOLE, "steps": steps}
    assert (faults(given), jsonschema_rs.is_valid(SCHEMA, given)) == ([], True)
    given["environments"] = {"test": {"steps": [{**second, "description": None}]}}
    assert (faults(given), jsonschema_rs.is_valid(SCHEMA, given)) == ([], True)


@pytest.mark.parametrize(
    "wrong",
    [
        *({key: None} for key, rule in definition.STEP.items() if not rule.nullable),
        {"depends_on": ["a"]},
        {"handler": {}},
        {"handler": {"callable": "a", "sql": "shop.a"}},
        {"handler": {"sql": "no_schema"}},
        {"handler": "sql:shop.a"},
        {"dependencies": [1]},
        {"retry": {"max_attempts": 0}},
        {"wait": {"for": "soon"}},
        {"wait": {"signal": "a"}},
        {"retry": {"backoff": "quadratic"}},
        {"retry": {"retries": 3}},
        {"timeout_seconds": "60"},
        {"timeout_seconds": 86401},
        {"run_on": "failed"},
        {"if": ""},
        {"name": "1"},
        {"namespace": "Shop"},
        {"description": "x" * 2001},
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_the_checker_refuses_does_not_fit(wrong: dict[str, Any]) -> None:
    given = {**WHOLE, "steps": [{**STEP, **wrong}]}
    assert faults(given)
    assert not jsonschema_rs.is_valid(SCHEMA, given)


@pytest.mark.parametrize(
    "wrong",
    [
        *({"name": "1"}, {"version": "1.0"}, {"version": 1.0}, {"x": 1}),
        *({"steps": []}, {"steps": {}}, {"input_schema": []}, {"finalization": "none"}),
        *({"environments": []}, {"environments": {"test": {"steps": [{"handler": "b"}]}}}),
    ],
    ids=str,
)
def test_a_template_that_the_checker_refuses_does_not_fit(wrong: dict[str, Any]) -> None:
    given = {**WHOLE, **wrong}
    assert faults(given)
    assert not jsonschema_rs.is_valid(SCHEMA, given)


def test_the_command_prints_it() -> None:
    assert Answer("template", "schema").json == json.loads(json.dumps(SCHEMA))


# A file to begin with ---------------------------------------------------------------------------


def test_a_new_file_is_right_with_and_without_its_comments(tmp_path: Path) -> None:
    answer = Answer("template", "new", "signup", "-n", "crm")
    assert (answer.code, answer.err) == (0, "")
    file = tmp_path / "signup.yaml"
    text = file.read_text()
    first = text.splitlines()[0].removeprefix("# yaml-language-server: $schema=")
    assert json.loads((tmp_path / first).read_text()) == json.loads(json.dumps(SCHEMA))
    assert Answer("template", "lint", str(file)).code == 0
    uncommented = re.sub(r"^( *)# ?(?=( *)(\w+:|- \{|  ))", r"\1", text, flags=re.MULTILINE)
    uncommented = re.sub(r"^ *#.*\n", "", uncommented, flags=re.MULTILINE)
    assert uncommented.count("\n") > 20
    file.write_text(uncommented)
    answer = Answer("template", "lint", str(file))
    assert (answer.code, answer.err) == (0, "")
    second = templates.load(file).definition["steps"][1]
    assert second["retry"] == {key: rule.default for key, rule in definition.RETRY.items()}


def test_a_file_that_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / "signup.yaml").write_text("mine")
    answer = Answer("template", "new", "signup", "-n", "crm")
    assert (answer.code, "signup.yaml" in answer.err) == (1, True)
    assert (tmp_path / "signup.yaml").read_text() == "mine"


def test_a_name_that_is_none_is_refused() -> None:
    answer = Answer("template", "new", "1 2", "-n", "Crm")
    assert (answer.code, answer.err.count("need a")) == (2, 2)


# What registering would do -----------------------------------------------------------------------


def write(folder: Path, **more: Any) -> str:
    (folder / "flow.yaml").write_text(yaml.safe_dump({**WHOLE, **more}))
    return str(folder / "flow.yaml")


def test_differences_from_what_is_registered(tmp_path: Path) -> None:
    file = write(tmp_path)
    answer = Answer("template", "diff", file)
    assert (answer.code, answer.out) == (1, "test/flow@1.0.0  new\n")
    Answer("template", "register", file)
    answer = Answer("template", "diff", file)
    assert (answer.code, answer.out) == (0, "test/flow@1.0.0  same\n")
    write(tmp_path, steps=[{"name": "a", "handler": "b"}])
    answer = Answer("template", "diff", file)
    assert answer.code == 1
    assert "differs: a version never changes, give it another" in answer.out
    changed = re.findall(r"^[-+] .*", answer.out, re.MULTILINE)
    assert [line.rstrip(",").split() for line in changed] == [
        *(["-", '"callable":', '"a"'], ["+", '"callable":', '"b"'])
    ]
    write(tmp_path, steps=[{"name": "a", "handler": "b"}], version="1.1.0")
    (found,) = Answer("template", "diff", file, "--json").json
    assert (found["state"], found["against"]) == ("differs", "1.0.0")


def test_a_dry_run_shows_the_steps_and_keeps_nothing(tmp_path: Path, database: str) -> None:
    (tmp_path / "order.json").write_text('{"order_id": 7, "items": [1]}')
    order = str(EXAMPLES / "workflows/order.yaml")
    answer = Answer("template", "dry-run", order, "--input", "@order.json")
    assert (answer.code, answer.err) == (0, "")
    assert "fulfillment/process_order@1.0.0  new" in answer.out
    (found,) = Answer("template", "dry-run", order, "--json").json
    assert [(one["level"], one["name"]) for one in found["steps"]] == [
        *((1, "validate_order"), (2, "reserve_inventory"), (3, "process_payment")),
        (4, "ship_order"),
    ]
    assert rows(database, "select count(*) from tasker.tasks") == [(0,)]
    assert rows(database, "select from tasker.list_templates()") == []
    answer = Answer("template", "dry-run", order, "--input", "{}")
    assert (answer.code, "order_id" in answer.err) == (1, True)


# Workflows in Python -----------------------------------------------------------------------------

FLOWS = """
from tasker_sql import step, workflow

@step
def hello(data: dict) -> str:
    return "hello"

@workflow(namespace="authoring", version="1.0.0")
def one(data: dict):
    hello(data)

@workflow(namespace="authoring", version="1.0.0")
def two(data: dict):
    hello(data, after=hello.named("before")(data))
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / "authored").mkdir()
    (tmp_path / "authored/flows.py").write_text(FLOWS)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "authored.flows"
    for name in ("authored", "authored.flows"):
        sys.modules.pop(name, None)
    for flow in ("one", "two"):
        default_registry.forget(f"authoring/{flow}/hello")


def test_workflows_are_checked_and_registered_as_files_are(module: str) -> None:
    listed = Answer("template", "lint", module, "--json").json
    assert [(one["file"], one["steps"]) for one in listed] == [
        *((f"{module}:one", 1), (f"{module}:two", 2))
    ]
    answer = Answer(
        "template", "register", f"{module}:two", str(EXAMPLES / "workflows/linear.yaml")
    )
    assert (answer.code, answer.out.count("new")) == (0, 2)
    assert "same" in Answer("template", "diff", f"{module}:two").out


@pytest.mark.parametrize(
    ("place", "code", "message"),
    [
        ("authored.flows:three", 1, "has no workflow 'three'; its workflows are one, two"),
        ("authored.nowhere", 1, "authored.nowhere"),
        ("json", 1, "json has no workflow"),
        ("nowhere.yaml", 2, "is not a file, a folder or a module"),
        ("no/where", 2, "is not a file, a folder or a module"),
    ],
)
@pytest.mark.usefixtures("module")
def test_what_is_not_there_is_named(place: str, code: int, message: str) -> None:
    done = CliRunner().invoke(app, ["template", "lint", place])
    assert (done.exit_code, message in done.stderr) == (code, True), done.stderr
