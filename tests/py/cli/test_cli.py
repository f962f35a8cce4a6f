"""The command line: what it prints for people and for scripts, and its exit codes."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import IO, Any, NoReturn, cast
from uuid import UUID, uuid4

import pytest
import typer
from running import SECONDS, client_of, ended, process, running, step_named, template, wait_for
from servers import Server, rows
from terminal import terminal
from test_conversion import CHECKOUT
from typer.testing import CliRunner

from tasker_sql.cli import app, completion
from tasker_sql.client import Client
from tasker_sql.errors import TaskerError
from tasker_sql.schema.embedded import find_bin_dir
from tasker_sql.worker import handlers
from tasker_sql.worker.handlers import Registry

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "examples"

pytestmark = pytest.mark.newest


@pytest.fixture(autouse=True)
def environment(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("TASKER_ENV", raising=False)


class Answer:
    """What a command printed, and its exit code."""

    def __init__(self, *arguments: str, stdin: str | None = None) -> None:
        done = CliRunner().invoke(app, list(arguments), input=stdin)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        self.code = done.exit_code
        self.out = done.stdout
        self.err = done.stderr

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def failed(client: Client) -> UUID:
    """A task whose step `a` failed for good, and whose step `b` comes after it."""
    client.register_template(template({"a": [], "b": ["a"]}, retry={"max_attempts": 1}))
    task = client.create_task("test", "flow").task_uuid
    (a,) = client.claim_steps("test", "w")
    client.fail_step(a.step_uuid, a.token, {"message": "the bank is closed"}, retryable=False)
    return task


def test_a_task_and_a_step_are_named_by_the_ends_of_their_uuids(
    client: Client, failed: UUID
) -> None:
    """As `top` shows them; a step also by its task's end and its name."""
    other = client.create_task("test", "flow").task_uuid
    end, step = failed.hex[-12:].lstrip("0"), step_named(client, failed, "a").step_uuid
    for text in (str(failed), f"…{end}", str(failed)[-14:]):
        assert Answer("task", "show", text, "--json").json["task"]["task_uuid"] == str(failed)
    assert Answer("task", "cancel", other.hex[-7:], "-r", "why").code == 0
    assert step_named(client, other, "a").state == "cancelled"
    for text in (str(step), step.hex[-8:], f"{end}/a"):
        assert Answer("step", "attempts", text, "--json").json[0]["outcome"] == "failed"
    for text, words in (
        (end[-5:], "the last six of its digits"),
        ("abc00000", "of the newest 10,000 tasks, none ends so"),
        (step.hex[-8:], f"is a step of the task {failed}"),
    ):
        refused = Answer("task", "show", text)
        assert refused.code == 2 and words in " ".join(refused.err.split())


def test_the_history_of_a_task_has_its_errors_in_order_of_time(failed: UUID) -> None:
    Answer("task", "resolve", str(failed), "--reason", "ordered twice")
    lines = Answer("task", "history", str(failed)).out.splitlines()
    assert lines[0].split() == ["at", "step", "was", "is", "by", "why"]
    found = ["in_progress error w the bank is closed" in " ".join(one.split()) for one in lines]
    assert found.count(True) == 1 and not found[-1]
    assert any("resolved_manually" in one and "ordered twice" in one for one in lines[-3:])
    changes = Answer("task", "history", str(failed), "--json").json
    assert [one["error"] for one in changes if one["error"]] == [{"message": "the bank is closed"}]
    assert Answer("task", "history", str(uuid4())).code == 1


def test_a_list_of_tasks_says_which_step_failed_and_why(client: Client, failed: UUID) -> None:
    client.create_task("test", "flow")
    head, new, old = Answer("task", "list").out.splitlines()
    assert head.split()[-1] == "why"
    assert old.startswith(str(failed)) and old.rstrip().endswith("a: the bank is closed")
    assert new.rstrip().endswith(" -")


@pytest.mark.parametrize(
    "command",
    ["dlq retry", "dlq resolve", "repair retry_step", "repair resolve_task --state error"],
)
def test_a_dry_run_changes_nothing_and_does_not_ask(
    client: Client, failed: UUID, command: str
) -> None:
    before = client.get_task(failed)
    for more in ([], ["--yes"], ["--json", "--yes"]):
        answer = Answer(*command.split(), "-r", "why", "--dry-run", *more)
        assert answer.code == 0
        assert "Go on?" not in answer.out
        assert (
            "matched"
            if "--json" in more
            else "1 step to be "
            if "step" in command or "dlq" in command
            else "1 task to be "
        ) in answer.out
    assert client.get_task(failed) == before
    assert client.dead_letters()


def test_a_template_option_may_name_the_namespace_too(client: Client, failed: UUID) -> None:
    client.register_template(template({"a": []}, namespace="other"))
    client.create_task("other", "flow")
    listed = Answer("task", "list", "--template", "test/flow", "--json").json
    assert [one["task_uuid"] for one in listed] == [str(failed)]
    assert len(Answer("task", "list", "--template", "flow", "--json").json) == 2
    asked = ("dlq", "retry", "-r", "why", "--dry-run", "--template")
    assert "1 step to be restarted" in Answer(*asked, "test/flow").out
    assert "nothing matches" in Answer(*asked, "other/flow").out
    assert Answer("wait", "list", "--template", "other/flow").code == 0
    refused = Answer("task", "list", "-n", "test", "--template", "other/flow")
    assert (refused.code, refused.err) == (
        2,
        "error: --namespace is test, and --template is of other\n",
    )


class TestTemplates:
    def test_all_that_is_wrong_with_all_files_is_said_at_once(
        self, client: Client, tmp_path: Path
    ) -> None:
        """What the checker finds before, and what the database refuses, each with its line."""
        whole = (
            "name: {}\nnamespace_name: test\nversion: 1.0.0\nsteps:\n  - {{name: a, handler: a}}\n"
        )
        for name in ("one", "two", "three"):
            (tmp_path / f"{name}.yaml").write_text(whole.format(name))
        assert Answer("template", "register", str(tmp_path)).code == 0
        (tmp_path / "one.yaml").write_text(whole.format("one") + "    timeout: NO\n")
        (tmp_path / "two.yaml").write_text(whole.format("t w o").replace("1.0.0", "1"))
        for command in ("lint", "register"):
            answer = Answer("template", command, str(tmp_path))
            assert (answer.code, answer.out) == (1, "")
            assert [line.removeprefix(f"{tmp_path}/") for line in answer.err.splitlines()] == [
                "one.yaml:6: did not find expected '-' indicator while parsing a block collection "
                "of line 5",
                "two.yaml:1: name is 't w o'; need a letter, then up to 99 letters, digits, '_', "
                "'.' and '-': write name: \"t_w_o\"",
                'two.yaml:3: version is 1; need three numbers: write version: "1.0.0"',
            ]
        for name, handler in (("one", "b"), ("two", "c")):
            text = whole.format(name).replace("handler: a", f"handler: {handler}")
            (tmp_path / f"{name}.yaml").write_text(text)
        assert Answer("template", "lint", str(tmp_path)).code == 0
        answer = Answer("template", "register", str(tmp_path))
        assert (answer.code, answer.out) == (1, "")
        assert [line.removeprefix(f"{tmp_path}/") for line in answer.err.splitlines()] == [
            f"{name}.yaml:3: this version is registered with other content: test/{name}@1.0.0 "
            "(A version never changes. Register a new one.)"
            for name in ("one", "two")
        ]
        assert {t.name for t in client.list_templates()} == {"one", "two", "three"}

    def test_are_checked_without_a_database(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DATABASE_URL", "host=/nowhere")
        answer = Answer("template", "lint", str(EXAMPLES / "workflows"), "--json")
        assert answer.code == 0
        assert [one["name"] for one in answer.json if one["steps"] == 8] == [
            "hierarchical_computation"
        ]

    @pytest.mark.parametrize(
        "command",
        [
            "template register FILE",
            "template diff FILE",
            "template dry-run FILE",
            "template dry-run GOOD --input {",
            "template show FILE",
            "template pause t -r why",
            "template resume shop/t@1.0.0 -r why",
            "schedule apply FILE",
            "schedule pause nightly -r why",
            "schedule ticks nightly",
            "schedule backfill nightly --since 3d --until 1h -r why",
            "task create shop",
            "task create shop/t -c {",
            "task create shop/t --contexts FILE",
            "task signal UUID ok {",
            "wait answer UUID {",
            "step explain ship",
            "step complete UUID -r why --result @FILE",
            "repair complete_step_manually -r why --result {",
        ],
    )
    def test_what_is_typed_is_read_before_the_database_is_asked(
        self, command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("DATABASE_URL", "host=/nowhere")
        (tmp_path / "bad.yaml").write_text("no: [")
        words = {
            "FILE": str(tmp_path / "bad.yaml"),
            "@FILE": f"@{tmp_path / 'bad.yaml'}",
            "GOOD": str(EXAMPLES / "workflows"),
            "UUID": str(uuid4()),
        }
        answer = Answer(*(words.get(word, word) for word in command.split()))
        assert answer.code in (1, 2)
        assert "database" not in answer.err and "/nowhere" not in answer.err
        assert re.search(r"JSON|bad\.yaml:|is written|is its uuid|write shop/t", answer.err)

    def test_are_registered_listed_and_drawn(self) -> None:
        answer = Answer("template", "register", str(EXAMPLES / "workflows"))
        assert (answer.code, answer.out.count("new")) == (0, 5)
        assert Answer("template", "register", str(EXAMPLES / "workflows")).out.count("known") == 5
        listed = Answer("template", "list", "--json").json
        assert {t["name"] for t in listed} >= {"process_order", "parallel_computation"}
        assert "fulfillment/process_order" in Answer("template", "list").out
        shown = Answer("template", "show", "diamond_workflow/parallel_computation@1.0.0")
        assert "│  diamond_start  │" in shown.out
        mermaid = Answer("template", "show", "fulfillment/process_order", "--mermaid")
        assert mermaid.out.startswith("flowchart TD\n")
        definition = Answer("template", "show", "fulfillment/process_order", "--json").json
        assert definition["version"] == "1.0.0"

    def test_a_file_can_be_drawn_without_a_database(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DATABASE_URL", "host=/nowhere")
        assert (
            "branch_b" in Answer("template", "show", str(EXAMPLES / "workflows/diamond.yaml")).out
        )

    def test_a_wrong_one_is_refused_with_file_and_line_and_none_is_kept(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / "a.yaml").write_text(json.dumps(template({"a": []}, name="good")))
        bad = template({"a": [], "b": ["nowhere"]}, name="bad")
        (tmp_path / "b.yaml").write_text(json.dumps(bad, indent=1))
        answer = Answer("template", "register", str(tmp_path))
        assert answer.code == 1
        assert "b.yaml:" in answer.err and "nowhere" in answer.err
        assert Answer("template", "list", "--json").json == []


class TestExplaining:
    def test_says_why_a_step_and_a_task_wait(self, failed: UUID, client: Client) -> None:
        answer = Answer("step", "explain", f"{failed}/b")
        first = step_named(client, failed, "a").step_uuid
        assert answer.out.startswith("waits_for_step  waits for a: attempt 1 of 1 failed")
        assert f"    select * from tasker.retry_step('{first}', '<why>')\n" in answer.out
        assert Answer("step", "explain", f"{failed}/b", "--json").json[0]["cause_uuid"] == str(
            first
        )
        explained = Answer("task", "explain", str(failed))
        assert explained.out.startswith("failed  a: attempt 1 of 1 failed")
        codes = [reason["code"] for reason in Answer("task", "explain", str(failed), "--json").json]
        assert codes == ["failed", "ended"]

    def test_counts_steps_that_wait_for_the_same(self, client: Client) -> None:
        client.register_template(template({"a": [], "b": []}))
        task = client.create_task("test", "flow").task_uuid
        answer = Answer("task", "explain", str(task))
        assert answer.out.startswith("no_worker (2 steps, such as this)  a: queued for")
        assert "    tasker-sql run --namespace test --handlers MODULE\n" in answer.out


class TestDrawing:
    def test_a_task_is_drawn_in_several_ways(self, failed: UUID) -> None:
        begins = {"text": "┌", "mermaid": "flowchart TD", "svg": "<svg xmlns"}
        for kind, first in begins.items():
            answer = Answer("task", "draw", str(failed), "--as", kind)
            assert (answer.code, answer.out.lstrip().startswith(first)) == (0, True), answer.out
            assert "error" in answer.out
        answer = Answer("task", "draw", str(failed), "--as", "ascii")
        assert (answer.code, "'text', 'mermaid', 'svg'" in answer.err) == (2, True)


class TestTasks:
    def test_are_created_shown_listed_and_cancelled(self, client: Client) -> None:
        client.register_template(template({"a": [], "b": ["a"]}))
        made = Answer("task", "create", "test/flow", "-c", '{"n": 1}', "--key", "one")
        task = made.out.strip()
        again = Answer("task", "create", "test/flow", "-c", '{"n": 1}', "--key", "one", "--json")
        assert again.json == {"task_uuid": task, "created": False}
        shown = Answer("task", "show", task).out
        assert task in shown and "○ enqueued" in shown and "· pending" in shown
        assert Answer("task", "show", task, "--json").json["task"]["context"] == {"n": 1}
        assert [t["task_uuid"] for t in Answer("task", "list", "--json").json] == [task]
        assert Answer("task", "list", "--state", "complete").out.strip() == "no such tasks"
        assert "cancelled" in Answer("task", "cancel", task, "--reason", "a test").out
        assert Answer("task", "list", "--state", "cancelled", "--json").json != []

    def test_are_cancelled_with_cleanup(self, client: Client) -> None:
        flow = template({"pay": [], "unlock": ["pay"]})
        flow["steps"][1] |= {"run_on": "end"}
        client.register_template(flow)
        task = str(client.create_task("test", "flow").task_uuid)
        cancel = ("task", "cancel", task, "--reason", "a test", "--cleanup")
        assert "the task is blocked_by_failures, 1 steps were cancelled" in Answer(*cancel).out
        assert step_named(client, UUID(task), "unlock").state == "enqueued"
        assert Answer(*cancel, "--json").json["task_state"] == "cancelled"

    def test_hear_signals_and_waits_are_answered(self, client: Client) -> None:
        """A signal is kept for a step that does not wait yet; a step that waits has it at once."""
        schema = {"type": "object", "required": ["ok"]}
        later = {"name": "b", "wait": {"signal": "go"}, "dependencies": ["a"]}
        first = {"name": "a", "wait": {"signal": ["yes", "no"], "schema": schema, "prompt": "Go?"}}
        client.register_template({**template({}), "steps": [first, later]})
        task = str(client.create_task("test", "flow").task_uuid)
        kept = Answer("task", "signal", task, "go", '"now"', "--key", "k", "-r", "early")
        assert kept.out == "go: it is kept for a step that is still to come\n"
        again = Answer("task", "signal", task, "go", '"now"', "--key", "k")
        assert again.out.endswith(", as before\n")
        refused = Answer("task", "signal", task, "og")
        assert (refused.code, "go" in refused.err) == (1, True)
        listed = Answer("wait", "list", "--signal", "yes").out
        step = str(step_named(client, UUID(task), "a").step_uuid)
        assert "yes or no" in listed and "Go?" in listed and f"wait answer {step} VALUE" in listed
        assert Answer("wait", "list", "--signal", "go").out == "nothing waits\n"
        assert Answer("wait", "answer", f"{task}/a", "7").code == 1
        answered = Answer("wait", "answer", step, '{"ok": true}')
        assert answered.out == "the step is complete, the task is complete\n"
        assert client.result(UUID(task))["value"] == "now"

    def test_are_created_from_a_file(self, client: Client, tmp_path: Path) -> None:
        client.register_template(template({"a": []}))
        file = tmp_path / "contexts"
        file.write_text("".join(f'{{"n": {n}}}\n' for n in range(1500)))
        answer = Answer("task", "create", "test/flow", "--contexts", str(file))
        assert len(answer.out.split()) == 1500
        assert len(Answer("task", "list", "--limit", "1200", "--json").json) == 1200

    def test_numbers_come_and_go_digit_by_digit(
        self, client: Client, database: str, tmp_path: Path
    ) -> None:
        client.register_template(template({"a": []}))
        text = '{"n": 0.1234567890123456789012345, "m": 0.10, "l": ' + "7" * 5000 + "}"
        (file := tmp_path / "context.json").write_text(text)
        (lines := tmp_path / "contexts").write_text(f"\n{text}\n")
        for given in (("-c", text), ("-c", f"@{file}"), ("--contexts", str(lines))):
            answer = Answer("task", "create", "test/flow", *given)
            assert answer.code == 0, answer.err
            shown = Answer("task", "show", answer.out.strip(), "--json").out
            assert '"n": 0.1234567890123456789012345' in shown and "7" * 5000 in shown
        assert rows(database, "select distinct context = %s::jsonb from tasker.tasks", text) == [
            (True,)
        ]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ('{"n": 1, "n": 2}', 'the key "n" is there twice'),
            ('{"n": NaN}', "NaN is not JSON"),
            ('{"n":', "expecting value"),
            ('{"n": "\\u0000"}', "value.n holds a NUL character"),
            ('{"n": "\\ud800"}', "value.n holds a lone surrogate"),
        ],
    )
    def test_json_that_would_change_is_refused(
        self, client: Client, tmp_path: Path, text: str, message: str
    ) -> None:
        client.register_template(template({"a": []}))
        (file := tmp_path / "c").write_text(text)
        places = (("-c", "--context"), ("-c", f"{file}:1: "), ("--contexts", f"{file}:1: "))
        for given, what in places:
            value = text if what == "--context" else f"@{file}" if given == "-c" else str(file)
            answer = Answer("task", "create", "test/flow", given, value)
            assert (answer.code, answer.out.strip()) == (2, "")
            assert what in answer.err and message in answer.err
        assert client.list_tasks() == []

    def test_all_bad_lines_of_a_file_are_named(self, client: Client, tmp_path: Path) -> None:
        """Those that are not JSON, and those that the database refuses."""
        schema = {"required": ["n"], "properties": {"n": {"type": "integer"}}}
        client.register_template({**template({"a": []}), "input_schema": schema})
        file = tmp_path / "contexts"
        file.write_text('{"n": 1}\n\nnonsense\n{"n": 1, "n": 2}\n{"n": 2}\n')
        answer = Answer("task", "create", "test/flow", "--contexts", str(file))
        assert (answer.code, answer.out) == (2, "")
        assert answer.err.splitlines() == [
            f"{file}:3: this is not JSON: expecting value (column 1)",
            f'{file}:4: this is not JSON: the key "n" is there twice (column 10)',
        ]
        file.write_text('{"n": 1}\n\n{"n": "x"}\n[]\n{}\n')
        answer = Answer("task", "create", "test/flow", "--contexts", str(file))
        assert (answer.code, answer.out) == (2, "")
        assert f"{file}:3: the context does not match" in answer.err
        assert f"{file}:4: bad context" in answer.err
        assert f"{file}:5: the context does not match" in answer.err
        assert client.list_tasks() == []
        file.write_text('{"n": 1}\n{"n": 2}\n')
        answer = Answer("task", "create", "test/flow", "--contexts", str(file), "--run-at", "soon")
        assert (answer.code, answer.err.count("run_at"), str(file) in answer.err) == (1, 1, False)
        file.write_bytes(b'{"n": 1}\n{"n": "\xff"}\n')
        answer = Answer("task", "create", "test/flow", "--contexts", str(file))
        assert (answer.code, "contexts:2: this is not text in UTF-8" in answer.err) == (2, True)

    def test_a_context_comes_from_a_file_or_from_standard_input(
        self, client: Client, tmp_path: Path
    ) -> None:
        client.register_template(template({"a": []}))
        file = tmp_path / "context.json"
        file.write_text('{"from": "file"}')
        for given, stdin, context in (
            (f"@{file}", None, {"from": "file"}),
            ("-", '{"from": "stdin"}', {"from": "stdin"}),
        ):
            task = Answer("task", "create", "test/flow", "-c", given, stdin=stdin).out.strip()
            assert client.get_task(UUID(task)).context == context

    def test_waiting_tells_by_the_exit_code_how_it_ended(self, database: str) -> None:
        handlers.load(str(EXAMPLES / "handlers.py"))
        Answer("template", "register", str(EXAMPLES / "workflows"))
        flow = "linear_workflow/mathematical_sequence"
        with running(database, handlers.default_registry):
            good = Answer("task", "create", flow, "-c", '{"number": 2}', "--wait")
            assert (good.code, '{"value": 784}' in good.out) == (0, True)
            bad = Answer("task", "create", flow, "--wait", "--timeout", "0.2", "--json")
            assert bad.code == 1
            assert bad.json["state"] in ("in_progress", "blocked_by_failures", "error")

    def test_can_be_paused(self, client: Client) -> None:
        client.register_template(template({"a": []}))
        task = Answer("task", "create", "test/flow").out.strip()
        assert Answer("task", "pause", task, "-r", "a test").code == 0
        assert "paused by" in Answer("task", "show", task).out
        assert Answer("task", "resume", task, "-r", "a test").code == 0
        assert not client.get_task(UUID(task)).paused


class TestSteps:
    def test_are_retried(self, client: Client, failed: UUID) -> None:
        answer = Answer("step", "retry", f"{failed}/a", "--reason", "a test")
        assert answer.out == "the step is enqueued, its task in_progress\n"
        assert step_named(client, failed, "a").state == "enqueued"

    def test_are_resolved(self, client: Client, failed: UUID) -> None:
        step = str(step_named(client, failed, "a").step_uuid)
        answer = Answer("step", "resolve", step, "--reason", "a test", "--json")
        assert answer.json["step_state"] == "resolved_manually"

    def test_are_completed(self, client: Client, failed: UUID) -> None:
        Answer("step", "complete", f"{failed}/a", "-r", "a test", "--result", '{"n": 1}')
        assert step_named(client, failed, "a").result == {"n": 1}

    def test_an_unknown_name_is_refused_with_the_known_ones(self, failed: UUID) -> None:
        answer = Answer("step", "retry", f"{failed}/z", "-r", "a test")
        assert (answer.code, "it has a, b" in answer.err) == (2, True)


class TestTheRest:
    def test_namespaces_are_paused_resumed_and_listed(self, client: Client) -> None:
        client.create_namespace("test")
        assert Answer("namespace", "pause", "test", "-r", "a test").out == "test is paused\n"
        assert "a test" in Answer("namespace", "list").out
        (paused,) = Answer("namespace", "list", "--json").json["namespaces"]
        assert (paused["name"], paused["pause_reason"]) == ("test", "a test")
        assert Answer("namespace", "resume", "test", "-r", "a test").out == "test runs\n"
        assert "a test" not in Answer("namespace", "list").out

    def test_sweeps_once(self) -> None:
        assert "claims_taken_back" in Answer("sweep").out

    def test_checks_the_invariants(self, client: Client) -> None:
        answer = Answer("check")
        assert (answer.code, answer.out) == (0, "all invariants hold\n")
        client.register_template(template({"a": []}))
        task = client.create_task("test", "flow").task_uuid
        with client.transaction() as connection:
            connection.execute("update tasker.steps set waiting_parents = 5")
        answer = Answer("check", "--json")
        assert answer.code == 1
        assert {violation["task_uuid"] for violation in answer.json} == {str(task)}

    def test_checks_the_schema(self) -> None:
        assert Answer("db", "check").out.startswith("well: revision")
        assert Answer("db", "check", "--json").json["well"] is True
        assert Answer("db", "upgrade").out.startswith("at revision")
        assert Answer("db", "health", "--json").json["open_tasks"] == 0

    def test_limits_are_shown_and_set(self, client: Client) -> None:
        assert "context_bytes" in Answer("db", "limits").out
        done = Answer("db", "set-limit", "json_depth", "200", "-r", "deep trees")
        assert (done.code, done.out) == (0, "json_depth is 200, was 128\n")
        again = Answer("db", "set-limit", "json_depth", "200", "-r", "once more")
        assert again.out == "json_depth is 200, as before\n"
        (depth,) = (x for x in Answer("db", "limits", "--json").json if x["name"] == "json_depth")
        assert (depth["value"], depth["initial"], depth["unit"]) == (200, 128, "levels")
        refused = Answer("db", "set-limit", "json_depth", "1", "-r", "why")
        assert (refused.code, "need 128 to 500" in refused.err) == (1, True)
        assert [x.value for x in client.list_limits() if x.name == "json_depth"] == [200]

    def test_names_the_database(self, database: str) -> None:
        assert Answer("db", "url").out.strip() == database


def commands() -> dict[str, Any]:
    """Every command there is, by its words."""

    def walk(group: Any, words: list[str]) -> Iterator[tuple[str, Any]]:
        for name in list(group.commands):
            _, found, _ = group.resolve_command(typer.Context(group), [name])
            if hasattr(found, "commands"):
                yield from walk(found, [*words, name])
            else:
                yield " ".join([*words, name]), found

    return dict(walk(typer.main.get_command(app), []))


COMMANDS = commands()
SAYS_NOTHING = {"run", "serve", "demo", "db psql"}
SAYS_NOTHING |= {"task draw", "template convert"}  # which have formats of their own
SAYS_NOTHING |= {"template new", "template schema"}


class TestEveryCommand:
    def test_answers_in_json_where_it_answers(self) -> None:
        options = {name: {o for p in c.params for o in p.opts} for name, c in COMMANDS.items()}
        assert {name for name in options if "--json" not in options[name]} == SAYS_NOTHING
        assert {name for name in options if "--watch" in options[name]} >= {
            *("problems", "task show", "task list", "task explain", "task timings", "step explain"),
            *("queue list", "queue show", "worker list", "worker claims", "runner list"),
            *("runner pools", "dlq list", "namespace list"),
        }

    @pytest.mark.parametrize(("words", "meant"), [("tsk", "task"), ("task shwo", "show")])
    def test_suggests_what_was_meant(self, words: str, meant: str) -> None:
        answer = Answer(*words.split())
        assert (answer.code, f"Did you mean '{meant}'" in answer.err) == (2, True)

    def test_has_help_that_fits_and_ends_with_an_example(self) -> None:
        for name in [*COMMANDS, *sorted({name.split()[0] for name in COMMANDS}), ""]:
            command = COMMANDS.get(name)
            assert all(param.help for param in command.params) if command else True, name
            answer = Answer(*name.split(), "--help")
            assert answer.code == 0, name
            lines = answer.out.splitlines()
            assert max(map(len, lines)) <= 80, name
            assert not [line for line in lines[1:] if line.endswith("...")], name
            if name == "demo":  # a program of its own
                assert "  Example: tasker-sql demo --orders 50 --no-flights" in lines
            elif command:
                examples = command.examples
                place = lines.index("Examples:" if len(examples) > 1 else "Example:")
                assert [line.strip() for line in lines[place + 1 :]] == examples != [], name


NIGHTLY = """\
schedules:
  - name: nightly
    namespace_name: shop
    template: report
    cron: '30 2 * * *'
    time_zone: Europe/Berlin
    starts_at: '2026-01-01T00:00Z'
    missed: skip
"""
FLOWS = """
from tasker_sql import step, workflow

@step
def greet(who: dict) -> str:
    return "hello"

@workflow(namespace="flows", version="1.0.0")
def process(who: dict):
    greet(who)
"""
BREAKERS = [{"breaker": "queue", "state": "closed", "changed_ago": 5}]


ORDER = {"order_id": 7, "items": [{"sku": "lamp", "quantity": 1, "price": 9.9}]}


def fill(dsn: str) -> None:
    """A worker, a task that failed, one that it works on, and one that waits."""
    CliRunner().invoke(
        app, ["template", "register", str(EXAMPLES / "workflows")], env={"DATABASE_URL": dsn}
    )
    with client_of(dsn) as client:
        client.create_task("fulfillment", "process_order", ORDER)
        for outcome in (
            {"result": {"total": 1}},
            {"result": None},
            {"error": "bank", "retryable": False},
        ):
            (step,) = client.claim_steps("fulfillment", "php")
            client.finish_and_claim(
                "fulfillment", "php", step.token, [{"step_uuid": str(step.step_uuid), **outcome}], 0
            )
        client.create_task("fulfillment", "process_order", ORDER)
        client.claim_steps("fulfillment", "php", lease=timedelta(hours=1))
        client.create_task("fulfillment", "process_order", ORDER)


@pytest.fixture
def database(request: pytest.FixtureRequest, server: Server) -> Iterator[str]:
    """With what is in the shop, for tests that ask for it."""
    full = "shop" in request.fixturenames
    template = server.template("shop", server.migrated, fill) if full else server.migrated
    with server.database(template) as dsn:
        yield dsn


@pytest.fixture
def shop(client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What examples name: a runner, a worker, a task that failed, one that is open, and files."""
    _, is_open, failed = (task.task_uuid for task in client.list_tasks())
    assert is_open and failed
    client.register_template(template({"a": []}, name="report", namespace="shop"))
    (tmp_path / "nightly.yaml").write_text(NIGHTLY)
    Answer("schedule", "apply", str(tmp_path / "nightly.yaml"))
    report = {"host": socket.gethostname(), "pid": 7, "version": "1", "uptime": 60}
    report |= {"state": "normal", "status": "healthy", "namespaces": ["linear_workflow"]}
    report |= {"connections": {"size": 20}, "pools": [], "breakers": BREAKERS}
    client.report_runner("box", report)
    (tmp_path / "examples").symlink_to(EXAMPLES)
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks/checkout.yaml").write_text(CHECKOUT)
    (tmp_path / "flows.py").write_text(FLOWS)
    handlers.default_registry.forget("flows/process/greet")
    (tmp_path / "order.json").write_text(json.dumps(ORDER))
    (tmp_path / "orders.jsonl").write_text(f"{json.dumps(ORDER)}\n" * 2)
    monkeypatch.chdir(tmp_path)
    return {
        "WORKER": "php",
        "FAILED": str(failed),
        "SUBJECT": "template fulfillment/process_order",
        "OPEN": str(is_open),
        "STEP_UUID": str(step_named(client, failed, "process_payment").step_uuid),
    }


LIVES_ON = {"run", "serve", "db stop"}  # of these other tests tell
OF_WAITS = {"task signal", "wait answer"}
OF_OPEN_TASKS = {"task cancel", "task pause", "task resume", "step requeue"}
RUN = [
    pytest.param(name, line, id=line, marks=[pytest.mark.slow] if number else [])
    for name in COMMANDS
    if name not in LIVES_ON | {"demo"}
    for number, line in enumerate(COMMANDS[name].examples)
]


class TestExamples:
    @pytest.mark.parametrize(("name", "line"), RUN)
    def test_does_what_it_says(
        self,
        name: str,
        line: str,
        shop: dict[str, str],
        client: Client,
        database: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        named = {**shop, "TASK_UUID": shop["OPEN" if name in OF_OPEN_TASKS else "FAILED"]}
        if name in OF_WAITS:
            wait = {"name": "approve", "wait": {"signal": "approved"}}
            client.register_template({**template({}, name="approval"), "steps": [wait]})
            task = client.create_task("test", "approval").task_uuid
            step = step_named(client, task, "approve").step_uuid
            named |= {"TASK_UUID": str(task), "STEP_UUID": str(step)}
        for key, value in named.items():
            monkeypatch.setenv(key, value)
        if re.search(r"^(?!tasker-sql)|[<>|]|psql", line):
            path = f"{Path(sys.executable).parent}:{find_bin_dir()}:{os.environ['PATH']}"
            environment = {**os.environ, "PATH": path}
            subprocess.run(["bash", "-euc", line], env=environment, check=True, timeout=SECONDS)
            return
        words = [os.path.expandvars(word) for word in shlex.split(line)[1:]]
        if "--wait" in words:
            handlers.load(str(EXAMPLES / "handlers.py"))
            with running(database, handlers.default_registry, ["fulfillment"]):
                answer = Answer(*words)
        elif "--watch" in words:
            monkeypatch.setattr(time, "sleep", interrupt)
            answer = Answer(*words)
            assert answer.code == 130
            return
        else:
            answer = Answer(*words, stdin="y\n")
        assert (answer.code, answer.err, answer.out != "") == (0, "", True), answer.out


def interrupt(_: float) -> NoReturn:
    raise KeyboardInterrupt


class TestQueuesAndWorkers:
    @pytest.mark.usefixtures("shop")
    def test_queues_say_how_full_they_are_and_why(self) -> None:
        (queue,) = (
            one
            for one in Answer("queue", "list", "--json").json
            if one["queue_name"] == "fulfillment_queue"
        )
        assert (queue["depth"], queue["live_runners"], queue["missing"]) == (1, 0, False)
        assert queue["oldest_age"] > 0
        shown = Answer("queue", "show", "fulfillment")
        assert "no_worker" not in shown.out  # php works there
        assert "\nqueued  such as validate_order: queued for" in shown.out
        Answer("namespace", "pause", "fulfillment", "-r", "stock is counted")
        (step,) = Answer("queue", "show", "fulfillment_queue", "--json").json
        assert (step["name"], step["code"], step["blocks"]) == (
            *("validate_order", "namespace_paused"),
            True,
        )
        assert ": stock is counted" in Answer("queue", "list").out
        answer = Answer("queue", "show", "orchestration_task_requests")
        assert (answer.code, "a namespace is needed" in answer.err) == (2, True)
        assert Answer("queue", "show", "nowhere").code == 1

    def test_a_dropped_queue_is_missing(self, client: Client) -> None:
        client.create_namespace("test")
        with client.transaction() as connection:
            connection.execute("select pgmq.drop_queue('test_queue')")
        assert "missing: the next sweep" in Answer("queue", "list").out
        assert Answer("queue", "show", "test").out == "nothing waits\n"

    def test_workers_are_runners_and_others(self, shop: dict[str, str], client: Client) -> None:
        php, box = sorted(Answer("worker", "list", "--json").json, key=lambda one: str(one["kind"]))
        assert (php["name"], php["kind"], php["status"]) == ("php", "foreign", "working")
        assert (php["claims"], php["steps"], php["namespaces"]) == (1, 1, ["fulfillment"])
        assert 0 < php["lease_left"] <= 3600
        assert (box["name"], box["kind"], box["status"]) == ("box", "runner", "healthy")
        assert "fulfillment/process_order/validate_order" in Answer("worker", "claims").out
        assert Answer("worker", "claims", "box").out == "no claims\n"
        listed = Answer("worker", "claims", "php").out
        assert shop["OPEN"][:-6] in listed and "fulfillment/process_order/validate" in listed
        (claim,) = Answer("worker", "claims", "php", "--json").json
        assert claim["step_uuids"] == [
            str(step_named(client, UUID(shop["OPEN"]), "validate_order").step_uuid)
        ]
        with client.transaction() as connection:
            connection.execute("update tasker.claims set lease_until = now() - interval '1 min'")
        assert re.search(r"ended \d+:\d\d min ago", Answer("worker", "claims").out)
        assert "lost" in Answer("worker", "list").out

    @pytest.mark.usefixtures("shop")
    def test_a_lost_runner_is_called_so_everywhere(self) -> None:
        rows(
            os.environ["DATABASE_URL"],
            "update tasker.runners set gone_at = now() - interval '1 s' returning name",
        )
        for command in ("runner list", "worker list", "top workers --once", "problems"):
            answer = Answer(*command.split())
            (line,) = [line for line in answer.out.splitlines() if "box" in line]
            assert "lost" in line, command
            assert not re.search("silent(?! for)|gone|healthy|normal|live", line), command


class TestStatus:
    def test_is_a_paragraph_and_an_exit_code(self, client: Client, failed: UUID) -> None:
        client.resolve_task(failed, "a test")
        client.register_template(template({"a": []}, name="other"))
        calm = Answer("status")
        assert (calm.code, calm.out.count("\n")) == (0, 1)
        assert calm.out.startswith("well: 0 open tasks, 0 blocked by failures; 0 steps queued, 0 ")
        assert calm.out.endswith("; 0 live runners; 0 critical problems, 0 warnings\n")
        client.create_task("test", "other")
        (step,) = client.claim_steps("test", "w")
        client.fail_step(step.step_uuid, step.token, {"message": "the bank is closed"}, False)
        warned = Answer("status")
        assert (warned.code, warned.out[:24]) == (0, "attention: 0 open tasks,")
        assert "1 warning; the worst: dead_letters template test/other: 1 failed" in warned.out
        with client.transaction() as connection:
            connection.execute("select pgmq.drop_queue('test_queue')")
        bad = Answer("status")
        assert (bad.code, bad.out[:9]) == (1, "critical:")
        assert "1 critical problem, 1 warning; the worst: queue_missing" in bad.out
        answer = Answer("status", "--json").json
        assert (answer["well"], answer["worst"]["code"]) == (False, "queue_missing")
        Answer("acknowledge", "queue_missing", "queue test_queue", "-r", "it is known")
        known = Answer("status")
        assert (known.code, known.out[:24]) == (0, "attention: 0 open tasks,")
        assert "0 critical problems, 1 warning, 1 acknowledged; the worst: dead" in known.out

    @pytest.mark.usefixtures("failed")
    def test_old_problems_are_left_out(self, client: Client) -> None:
        with client.transaction() as connection:
            connection.execute(
                "update tasker.dead_steps set failed_at = failed_at - interval '3 h'"
            )
        assert len(Answer("problems", "--json").json) == 1
        assert Answer("problems", "--since", "4h", "--json").json[0]["code"] == "dead_letters"
        assert Answer("problems", "--since", "2h").out == "no problems\n"
        assert Answer("problems", "--since", "yesterday").code == 2

    @pytest.mark.usefixtures("failed")
    def test_a_time_without_a_zone_is_utc(self, client: Client) -> None:
        subject = client.problems()[0].subject
        known = ("acknowledge", "dead_letters", subject, "-r", "a bug", "--until")
        assert (
            Answer(*known, "2999-01-31T17:00", "--json")
            .json["until"]
            .startswith("2999-01-31T17:00:00+00:00")
        )
        assert Answer(*known, "noon").code == 2


class TestWatching:
    def test_prints_one_document_a_line_until_ctrl_c(self, client: Client) -> None:
        client.create_namespace("test")
        with process("namespace", "list", "--watch", "0.1", "--json", stdout=subprocess.PIPE) as it:
            out = cast("IO[str]", it.stdout)
            first = json.loads(out.readline())
            assert first["namespaces"][0]["paused_at"] is None
            client.pause_namespace("test", "a test")
            wait_for(lambda: json.loads(out.readline())["namespaces"][0]["paused_at"])
            it.send_signal(signal.SIGINT)
            assert it.wait(SECONDS) == 130
            assert cast("IO[str]", it.stderr).read() == ""

    def test_ends_quietly_when_nobody_reads_on(self) -> None:
        with process("worker", "list", "--watch", "0.1", stdout=subprocess.PIPE) as it:
            out = cast("IO[str]", it.stdout)
            assert (out.readline()[-5:], out.readline()) == (" UTC\n", "nobody works\n")
            out.close()
            assert it.wait(SECONDS) == 1
            assert cast("IO[str]", it.stderr).read() == ""

    def test_keeps_the_last_picture_while_the_database_is_away(
        self, server: Server, database: str, client: Client
    ) -> None:
        client.create_namespace("test")
        name = database.partition("?")[0].rpartition("/")[2]
        master, slave = pty.openpty()
        os.set_blocking(master, False)
        draws = {**os.environ, "TERM": "xterm-256color"}
        watch = ("namespace", "list", "--watch", "0.1")
        with process(*watch, stdout=slave, stderr=slave, env=draws) as it:
            seen = b""

            def shows(head: bytes) -> bool:
                """That line, and the picture below it."""
                nonlocal seen
                with suppress(BlockingIOError):
                    seen += os.read(master, 65536)
                return b"normal" in seen.rpartition(head)[2] and head in seen

            wait_for(lambda: shows(b"every 0.1 s; Ctrl-C ends it"))
            server.admin.execute(f"alter database {name} allow_connections false".encode())
            server.admin.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name]
            )
            wait_for(lambda: shows(b"the database cannot be reached"))
            server.admin.execute(f"alter database {name} allow_connections true".encode())
            seen = b""
            wait_for(lambda: shows(b"every 0.1 s; Ctrl-C ends it"))
            it.send_signal(signal.SIGINT)
            assert it.wait(SECONDS) == 130
            assert b"normal" in os.read(master, 65536)  # what is left on the screen
        os.close(slave)
        os.close(master)

    @pytest.mark.parametrize("term", ["dumb", pytest.param("unknown", marks=pytest.mark.slow)])
    def test_a_terminal_that_cannot_be_drawn_on_gets_one_answer_after_the_other(
        self, database: str, client: Client, term: str
    ) -> None:
        client.create_namespace("test")
        watch = ("namespace", "list", "--watch", "0.1")
        env = {"DATABASE_URL": database, "TERM": term}
        with terminal(*watch, env=env, height=200) as screen:
            screen.waits(lambda: screen.text.count(" UTC\n") > 2, "a third answer")
        assert b"\x1b[?1049" not in screen.written
        with terminal("top", env=env) as screen:
            screen.sees(f"TERM is {term}", "--once prints")

    def test_tells_at_once_when_there_never_was_a_database(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DATABASE_URL", "host=/nowhere")
        assert Answer("problems", "--watch").code == 3

    @pytest.mark.parametrize(("wrong", "said"), [("0", "'--watch'"), ("soon", "(soon)")])
    def test_needs_a_time(self, wrong: str, said: str) -> None:
        answer = Answer("queue", "list", "--watch", wrong)
        assert (answer.code, said in answer.err) == (2, True)

    def test_leaves_the_options_of_psql_alone(self) -> None:
        given = ["-w", "-c", "select 1"]
        assert COMMANDS["db psql"].make_context("psql", [*given]).args == given


class TestCompletion:
    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_is_installed_by_a_script(self, shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("_TASKER_SQL_COMPLETE", f"source_{shell}")
        with process(stdout=subprocess.PIPE) as it:
            out, _ = it.communicate(timeout=SECONDS)
        assert f"complete_{shell}" in out and "tasker-sql" in out

    @pytest.mark.parametrize(
        ("line", "offered"),
        [
            ("queue l", ["list"]),
            ("namespace pause ful", ["fulfillment"]),
            ("task create ful", ["fulfillment/process_order"]),
            ("task list --state c", ["complete", "cancelled"]),
            ("task create x --priority ", ["high", "normal", "low"]),
            ("worker claims ", ["php"]),
            ("runner health --runner ", ["box"]),
            ("dlq retry --step ", ["process_payment"]),
            ("repair reso", ["resolve_step", "resolve_task"]),
            ("top q", ["queues"]),
            ("config show executor_pools.task_claimer.", None),
            ("db set-limit result", ["result_bytes"]),
        ],
    )
    @pytest.mark.usefixtures("shop")
    def test_offers_what_there_is(self, line: str, offered: list[str] | None) -> None:
        found = tab(line)
        assert found == offered if offered else len(found) > 2

    def test_offers_open_tasks_newest_first_and_the_steps_of_one(
        self, shop: dict[str, str], client: Client
    ) -> None:
        newest, older = tab("task cancel ")
        assert newest > older == shop["OPEN"]
        assert tab("task show ") == [newest, older, shop["FAILED"]]
        assert tab("step explain ") == [newest, older]
        names = ["validate_order", "reserve_inventory", "process_payment", "ship_order"]
        assert tab(f"step explain {shop['FAILED']}/") == [f"{shop['FAILED']}/{n}" for n in names]
        client.cancel_task(UUID(newest), "only one is left")
        assert tab("step retry 0") == [f"{older}/{name}" for name in names]

    def test_is_silent_without_a_database(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DATABASE_URL", "host=/nowhere")
        assert tab("queue show ") == []
        monkeypatch.setenv("DATABASE_URL", "foo://nothing")
        assert tab("queue show ") == []

    def test_starts_no_server(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.delenv("DATABASE_URL")
        monkeypatch.setenv("TASKER_HOME", str(tmp_path))
        assert completion.namespaces("") == []
        assert list(tmp_path.iterdir()) == []


def tab(line: str) -> list[str]:
    """What bash is to offer after a line."""
    words = ["tasker-sql", *line.split(" ")]
    environment = {"COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
    environment |= {"_TASKER_SQL_COMPLETE": "complete_bash"}
    done = CliRunner().invoke(app, [], env=environment, prog_name="tasker-sql")
    assert done.stderr == ""
    return done.stdout.split()


class TestExitCodes:
    PAGE = (ROOT / "docs/operate.md").read_text()
    ROWS = re.findall(r"^\| (\d+) \|.*\| (?:`(.*)` )?\|$", PAGE, re.MULTILINE)

    @pytest.mark.parametrize(
        ("code", "line"),
        [pytest.param(*row, marks=[pytest.mark.slow] if row[0] == "130" else []) for row in ROWS],
    )
    def test_are_those_of_the_page(self, code: str, line: str, client: Client) -> None:
        client.create_namespace("shop")
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        if not line:
            assert code == "4"
            line = f"{sys.executable} -c '{DEFECTIVE}'"
        done = subprocess.run(
            ["bash", "-c", line],
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == int(code)
        assert ("Traceback" in done.stderr) == (code == "4")

    def test_are_all_on_the_page(self) -> None:
        assert [code for code, _ in self.ROWS] == ["0", "1", "2", "3", "4", "130"]


DEFECTIVE = (
    "import tasker_sql.cli as cli; cli.problems = cli.app.command()(lambda: {}[1]); "
    'import sys; sys.argv = ["tasker-sql", "<lambda>"]; cli.main()'
)


class TestRunners:
    def test_health_is_that_of_the_live_ones_of_this_machine(
        self, client: Client, database: str
    ) -> None:
        answer = Answer("runner", "health")
        assert (answer.code, "no live runner of" in answer.err) == (1, True)
        client.create_namespace("test")
        with running(database, Registry(), ["test"]) as core:
            wait_for(lambda: core.state == "normal" and client.known_runners())
            answer = Answer("runner", "health")
            assert (answer.code, answer.out.split(",")[0]) == (0, "test is healthy")
            assert Answer("runner", "health", "--runner", "other").code == 1
            client.force_breaker("queue", "open", "a test")
            wait_for(lambda: client.known_runners()[0].status == "unhealthy")
            assert Answer("runner", "health").code == 1
            assert Answer("runner", "health", "--json").json[0]["name"] == "test"
        assert Answer("runner", "health").code == 1


A_TASK = "01a208e9-5bf3-7608-8000-000000100000"
A_STEP = "01a208e9-5bf3-7608-8000-000000100001"


class TestErrors:
    def test_have_a_message_a_detail_and_a_hint_and_no_traceback(self) -> None:
        answer = Answer("task", "create", "nowhere/nothing")
        assert answer.code == 1
        assert answer.err.startswith("error: ")
        assert "nowhere" in answer.err and "Traceback" not in answer.err

    def test_have_a_traceback_when_asked(self) -> None:
        assert "Traceback" in Answer("--debug", "task", "show", str(uuid4())).err

    def test_a_database_without_tasker_is_told_what_to_do(
        self, empty_database: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DATABASE_URL", empty_database)
        answer = Answer("task", "list")
        assert (answer.code, "tasker-sql db upgrade" in answer.err) == (3, True)
        for more in ([], ["--json"]):
            answer = Answer("db", "check", *more)
            assert (answer.code, answer.out, "db upgrade" in answer.err) == (3, "", True)

    @pytest.mark.parametrize("arguments", ["task list", "db check", "db upgrade", "queue list"])
    def test_a_role_without_rights_is_told_so(
        self, server: Server, database: str, monkeypatch: pytest.MonkeyPatch, arguments: str
    ) -> None:
        server.admin.execute("drop role if exists nobody")
        server.admin.execute("create role nobody login")
        monkeypatch.setenv("DATABASE_URL", database.replace("postgres@", "nobody@"))
        answer = Answer(*arguments.split())
        server.admin.execute("drop role nobody")
        assert answer.code == 3
        assert "permission denied for schema tasker" in answer.err
        assert "onnect as a role that may" in answer.err and "db upgrade" not in answer.err

    def test_a_database_that_only_reads_is_told_so(
        self, client: Client, database: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As a standby does: it was reached, so nothing is said of that."""
        client.register_template(template({"a": []}))
        read_only = f"{database}&options=-c%20default_transaction_read_only%3Don"
        monkeypatch.setenv("DATABASE_URL", read_only)
        answer = Answer("task", "create", "test/flow")
        assert answer.code == 3
        assert "error: the database is read-only" in answer.err
        assert "DATABASE_URL must name the primary" in answer.err
        assert "cannot be reached" not in answer.err
        assert Answer("task", "list").code == 0

    @pytest.mark.parametrize("arguments", ["task list", "run", "db check", "db upgrade"])
    def test_no_database_is_said(self, monkeypatch: pytest.MonkeyPatch, arguments: str) -> None:
        monkeypatch.setenv("DATABASE_URL", "host=/nowhere")
        answer = Answer(*arguments.split())
        assert (answer.code, "cannot be reached" in answer.err) == (3, True)

    @pytest.mark.parametrize("arguments", ["task list", "run", "db upgrade"])
    def test_no_url_is_said(self, monkeypatch: pytest.MonkeyPatch, arguments: str) -> None:
        monkeypatch.setenv("DATABASE_URL", "foo://somebody:secret@somewhere")
        answer = Answer(*arguments.split())
        assert (answer.code, "secret" in answer.err) == (2, False)
        assert "DATABASE_URL, or database.url: missing" in answer.err
        assert "postgresql://user@host/database is needed" in answer.err

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["task", "create", "flow"], "NAMESPACE/NAME"),
            (["task", "create", "test/flow", "-c", "{"], "'--context' / '-c': this is not JSON"),
            (["task", "show", "7"], "TASK_UUID"),
            (["task", "show", A_STEP], f"is a step of the task {A_TASK}"),
            (["step", "explain", A_TASK], f"a step of it is written {A_TASK}/NAME"),
            (["step", "explain", "charge"], "a step is its uuid, or TASK_UUID/NAME: charge"),
            (["task", "list", "--since", "yesterday"], "90s, 15m, 2h or 3d is needed"),
            (["task", "list", "--state", "open"], "'blocked_by_failures'"),
            (["template", "pause", "a/b@1.0.0", "-r", "why"], "all versions are paused together"),
            (["schedule", "pause", "nightly", "-r", "why"], "a schedule is written NAMESPACE/NAME"),
            (["task", "cancel", str(UUID(int=0))], "--reason"),
            (["run", "--slots", "0"], "task_claimer.min = 0 is less than 1"),
        ],
    )
    def test_wrong_usage_is_2(self, arguments: list[str], message: str) -> None:
        answer = Answer(*arguments)
        assert (answer.code, message in answer.err) == (2, True)


@pytest.fixture
def slow(tmp_path: Path) -> Callable[[], bool]:
    """Writes handlers of which `slow` says that it began, and ends when the file `end` appears."""
    (tmp_path / "slow_handlers.py").write_text(f"""
import time
from pathlib import Path
from tasker_sql.worker.handlers import handler

@handler("slow")
def slow(step):
    Path({str(tmp_path)!r}, "began").touch()
    while not Path({str(tmp_path)!r}, "end").exists():
        time.sleep(0.01)
    return "ended"
""")
    return (tmp_path / "began").exists


class TestProcess:
    @pytest.mark.slow
    def test_sigterm_lets_handlers_finish(
        self, client: Client, tmp_path: Path, slow: Callable[[], bool]
    ) -> None:
        client.register_template(template({"slow": []}))
        task = client.create_task("test", "flow").task_uuid
        with process("run", "-m", str(tmp_path / "slow_handlers.py")) as runner:
            wait_for(slow)
            runner.send_signal(signal.SIGTERM)
            said = cast("IO[str]", runner.stderr)
            wait_for(lambda: "stops" in said.readline())
            (tmp_path / "end").touch()
            assert runner.wait(SECONDS) == 0
        assert client.get_task(task).state == "complete"
        assert client.check_invariants() == []

    @pytest.mark.slow
    def test_a_second_signal_ends_it_at_once(
        self, client: Client, tmp_path: Path, slow: Callable[[], bool]
    ) -> None:
        client.register_template(template({"slow": []}))
        client.create_task("test", "flow")
        with process("run", "-m", str(tmp_path / "slow_handlers.py")) as runner:
            wait_for(slow)
            runner.send_signal(signal.SIGINT)
            said = cast("IO[str]", runner.stderr)
            wait_for(lambda: "stops" in said.readline())
            runner.send_signal(signal.SIGINT)
            assert runner.wait(SECONDS) == 1

    @pytest.mark.slow
    def test_more_connections_than_the_server_allows_are_refused(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (tmp_path / "database.toml").write_text("pool_size = 200")
        monkeypatch.setenv("TASKER_CONFIG", str(tmp_path))
        with process("run") as runner:
            _, said = runner.communicate(timeout=SECONDS)
        assert (runner.returncode, said) == (
            2,
            "error: this runner may open 203 connections, and the server allows 97: a "
            "database.pool_size of 94 or less is needed, or a higher max_connections\n",
        )

    def test_a_missing_module_is_said(self) -> None:
        with process("run", "--handlers", "no_such_module") as runner:
            _, said = runner.communicate(timeout=SECONDS)
        assert (runner.returncode, said) == (1, "error: No module named 'no_such_module'\n")


class TestProblems:
    def test_are_told_with_their_cure(self, failed: UUID, client: Client) -> None:
        assert Answer("problems", "--json").json[0]["code"] == "dead_letters"
        answer = Answer("problems")
        assert answer.code == 0
        assert answer.out.startswith(
            "warning  dead_letters  template test/flow\n    1 failed for good, 1 in the last 5 min"
        )
        client.cancel_task(client.create_task("test", "flow").task_uuid, "not this one")
        client.resolve_task(failed, "by hand")
        assert (Answer("problems").out, Answer("problems").code) == ("no problems\n", 0)

    def test_that_let_work_stand_still_are_an_exit_code(self, client: Client) -> None:
        client.create_namespace("test")
        with client.transaction() as connection:
            connection.execute("select pgmq.drop_queue('test_queue')")
        answer = Answer("problems")
        assert answer.code == 1
        assert answer.out.startswith("critical  queue_missing  queue test_queue\n")
        client.sweep()
        assert Answer("problems").code == 0


class TestAcknowledging:
    def test_a_problem_that_is_known_is_marked_and_no_alarm(self, client: Client) -> None:
        client.create_namespace("test")
        with client.transaction() as connection:
            connection.execute("select pgmq.drop_queue('test_queue')")
        known = ("acknowledge", "queue_missing", "queue test_queue", "-r", "it moves")
        assert Answer(*known).out == "acknowledged: queue_missing queue test_queue\n"
        problems = Answer("problems")
        assert problems.code == 0
        assert problems.out.endswith("acknowledged by postgres until it changes: it moves\n")
        assert (Answer("status").code, Answer("status", "--json").json["acknowledged"]) == (0, 1)
        until = Answer(*known, "--until", "2100-01-01", "--json")
        assert until.json["until"].startswith(("2100-01-01", "2099-12-31"))
        unknown = Answer("acknowledge", "queue_missing", "queue other", "-r", "it moves")
        assert (unknown.code, "there is no such problem now" in unknown.err) == (1, True)


class TestDeadLetters:
    def test_are_listed_by_step_and_error(self, failed: UUID) -> None:
        (letter,) = Answer("dlq", "list", "--json").json
        assert (letter["name"], letter["count"]) == ("a", 1)
        assert letter["sample_step_uuid"].startswith(str(failed)[:-7])
        assert "test/flow/a" in Answer("dlq", "list").out


class TestTime:
    def test_is_timed_and_foreseen(self, failed: UUID, database: str, client: Client) -> None:
        (a, b) = Answer("task", "timings", str(failed), "--json").json
        assert a["wall_time"] == b["wall_time"] == b["waiting"]
        parts = ("waiting", "queued", "running", "failed", "finalizing")
        assert sum(a[part] for part in parts) == pytest.approx(a["wall_time"])
        assert "backing off" in Answer("task", "timings", str(failed)).out
        assert Answer("task", "critical-path", str(failed)).out.count("yes") == 1
        retried = step_named(client, failed, "a").step_uuid
        client.retry_step(retried, "again")
        unknown = "nobody can tell when it ends: see tasker-sql task explain\n"
        assert Answer("task", "critical-path", str(failed)).out.endswith(unknown)
        done = client.create_task("test", "flow").task_uuid
        work = Registry()
        for name in ("a", "b"):
            work.handler(name)(lambda _step: None)
        with running(database, work, ["test"]):
            assert {ended(client, done), ended(client, failed)} == {"complete"}
        coming = client.create_task("test", "flow").task_uuid
        shown = Answer("task", "critical-path", str(coming)).out
        assert shown.endswith("UTC, if it goes as the last 2 tasks of its template\n")


class TestRequeue:
    def test_takes_a_step_back(self, client: Client) -> None:
        client.register_template(template({"a": []}))
        task = client.create_task("test", "flow").task_uuid
        client.claim_steps("test", "hung")
        why = ("--reason", "it hangs")
        done = Answer("step", "requeue", f"{task}/a", *why)
        assert done.out == "the step is enqueued, its task in_progress\n"
        assert [step.attempt for step in client.claim_steps("test", "w")] == [1]
        client.resolve_step(step_named(client, task, "a").step_uuid, "by hand")
        late = Answer("step", "requeue", f"{task}/a", *why)
        assert (late.code, "the step is resolved_manually" in late.err) == (1, True)


class TestRepair:
    def test_shows_what_it_would_do_and_asks(self, failed: UUID, client: Client) -> None:
        why = ("--reason", "the bank is back")
        asked = Answer("dlq", "retry", *why, stdin="n\n")
        assert asked.code == 1
        assert "test/flow/a" in asked.out and "1 step to be restarted\nGo on?" in asked.out
        assert step_named(client, failed, "a").state == "error"
        planned = Answer("dlq", "retry", *why, "--json").json
        assert (planned["planned"][0]["matched"], planned["done"]) == (1, None)
        assert Answer("dlq", "retry", "--step", "b", *why, "--yes").out == "nothing matches\n"
        done = Answer("dlq", "retry", "--step", "a", *why, "--rate", "10", stdin="y\n")
        assert done.out.endswith("1 step restarted: test/flow/a\n")
        assert step_named(client, failed, "a").state == "enqueued"

    def test_does_a_verb_for_all_that_match(self, client: Client) -> None:
        client.register_template(template({"a": []}))
        tasks = [client.create_task("test", "flow").task_uuid for _ in range(3)]
        answer = Answer("repair", "cancel_task", "--template", "flow", "-r", "wrong", "--yes")
        assert answer.code == 0
        assert answer.out.endswith("\n3 tasks cancelled: test/flow\n")
        assert {client.get_task(task).state for task in tasks} == {"cancelled"}

    def test_knows_the_verbs_that_the_database_knows(self, client: Client) -> None:
        answer = Answer("repair", "drop_task", "-r", "wrong")
        assert (answer.code, "'drop_task' is not one of 'retry_step'" in answer.err) == (2, True)
        with pytest.raises(TaskerError) as refused:
            client.plan_repair("drop_task")
        offered = re.findall(r"'(\w+)'", answer.err.partition("one of")[2])
        assert refused.value.detail == f"'drop_task'; known are {', '.join(offered)}"

    def test_takes_back_what_a_worker_holds(self, client: Client) -> None:
        client.register_template(template({"a": []}))
        tasks = [client.create_task("test", "flow").task_uuid for _ in range(2)]
        for worker in ("hung", "well"):
            client.claim_steps("test", worker)
        command = ("repair", "requeue_step", "-r", "it hangs", "--yes")
        done = Answer(*command, "--worker", "hung")
        assert done.out.endswith("\n1 step requeued: test/flow/a\n")
        states = [step_named(client, task, "a").state for task in tasks]
        assert states == ["enqueued", "in_progress"]
        refused = Answer(*command, "--fingerprint", "x")
        assert (refused.code, "known are namespace, template, step, worker" in refused.err) == (
            1,
            True,
        )

    def test_gives_all_the_same_result(self, failed: UUID, client: Client) -> None:
        command = ("repair", "complete_step_manually", "-r", "by phone", "--yes")
        assert Answer(*command, "--result", "{").code == 2
        assert Answer(*command, "--result", '{"ok": true}').code == 0
        step = step_named(client, failed, "a")
        assert (step.state, step.result) == ("complete", {"ok": True})

    def test_pauses_and_resumes_by_name(self, client: Client) -> None:
        client.register_template(template({"a": []}))
        asked = Answer("repair", "pause_template", "-r", "a release", stdin="n\n")
        assert "test/flow" in asked.out and "1 template to be paused\nGo on?" in asked.out
        for verb, what in (("pause", "template"), ("pause", "namespace"), ("resume", "namespace")):
            assert Answer("repair", f"{verb}_{what}", "-r", "a release", "--yes").code == 0
        left = Answer("repair", "resume_template", "-r", "released", "--json").json["planned"]
        assert [(one["subject"], one["state"]) for one in left] == [("test/flow", "paused")]
        assert (
            Answer("repair", "resume_namespace", "-r", "again", "--yes").out == "nothing matches\n"
        )
