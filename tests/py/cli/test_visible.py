"""Text of strangers reaches no terminal, log or spreadsheet as more than text."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import logging
import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
import seen
from running import client_of, step_named, template
from typer.testing import CliRunner

from tasker_sql import cli as app_module
from tasker_sql.cli import app
from tasker_sql.client import Client
from tasker_sql.ops.telemetry import TEXT, JsonFormatter, TextFormatter
from tasker_sql.top import screens, table
from tasker_sql.top.screens import ALONE
from tasker_sql.top.snapshot import Location, Snapshot
from tasker_sql.visible import csv_cell, visible, visible_json

SEQUENCES = "\x1b]0;pwned\x07\x1b[2J\r\b\x9b2J\x7f\u202e\u2028\u200f"
HOSTILE = f"=x{SEQUENCES}\nINJECTED"
STYLE = re.compile(r"\x1b\[[\d;]*m")  # what we write ourselves


def assert_harmless(text: str) -> None:
    """Nothing but printable characters and our own breaks of lines, none of which is another's."""
    plain = STYLE.sub("", text)
    assert {char for char in plain if not char.isprintable()} <= {"\n"}, ascii(plain)
    assert not [line for line in plain.splitlines() if line.startswith("INJECTED")], plain


@pytest.fixture
def hostile(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """A database with hostile text wherever text may be, and what commands name there."""
    monkeypatch.setenv("DATABASE_URL", database)
    with psycopg.connect(database) as connection:  # as workers were named once
        connection.execute(
            "create or replace function tasker._check_worker(p_worker text) returns void"
            " language sql immutable set search_path = pg_catalog, pg_temp as 'select'"
        )
    with client_of(database) as client:
        yield plant(client)


def plant(client: Client) -> dict[str, str]:
    definition = template({"a": [], "b": ["a"], "c": [], "d": []})
    definition["description"] = HOSTILE
    definition["steps"][0]["description"] = HOSTILE
    client.register_template(definition)
    options = {"tags": [HOSTILE], "initiator": HOSTILE, "reason": HOSTILE}
    options |= {"source_system": HOSTILE, "idempotency_key": HOSTILE}
    task = client.create_task("test", "flow", {HOSTILE: HOSTILE}, options).task_uuid
    failed, slow, retried = client.claim_steps("test", HOSTILE, 3)
    error = {"class": HOSTILE, "message": HOSTILE, "traceback": f"{HOSTILE}\n  line"}
    assert failed.name == "a"
    client.fail_step(failed.step_uuid, failed.token, error, retryable=False)
    client.fail_step(retried.step_uuid, retried.token, error, retryable=True)
    client.report_late_writes(failed.token, [slow.step_uuid], HOSTILE)
    client.await_work(["test"], HOSTILE)
    client.create_namespace("shut")
    client.register_template(template({"only": []}, namespace="shut"))
    client.create_task("shut", "flow")
    client.pause_namespace("shut", HOSTILE)
    client.pause_template("test", "flow", HOSTILE)
    client.pause_task(task, HOSTILE)
    report: dict[str, Any] = {"host": socket.gethostname(), "pid": 7, "version": HOSTILE}
    report |= {"uptime": 60, "state": "normal", "status": "healthy", "namespaces": ["test"]}
    report |= {"connections": {"size": 20, "used": HOSTILE}}
    pool = {"pool": "task_claimer", "namespace": "test", "executors": 10, "queue_age": 1.5}
    report["pools"] = [pool]
    breaker = {"breaker": "queue", "state": "open", "changed_ago": 5, "last_error": HOSTILE}
    report["breakers"] = [breaker]
    client.report_runner(HOSTILE, report)
    client.force_breaker("queue", "open", HOSTILE, HOSTILE)
    with client.transaction() as connection:
        connection.execute(
            "select pgmq.send('orchestration_task_requests', jsonb_build_object('name', %s::text))",
            ["=x\x1b[2J\nINJECTED"],
        )
    client.process_task_requests()
    return {"TASK": str(task), "STEP": str(failed.step_uuid)}


SHOWING = [
    *("status", "problems", "check", "dlq list", "worker list", "worker claims", "namespace list"),
    *("queue list", "queue show test", "queue show shut", "runner list", "runner pools"),
    *("runner breakers", "runner health", "template list", "template list --all"),
    *("template show test/flow", "task list", "task show TASK", "task explain TASK"),
    *("task draw TASK", "task timings TASK", "task critical-path TASK", "step explain STEP"),
    *("step attempts STEP", "step explain TASK/b", "db health", "db limits", "sweep"),
    *("dlq retry -r x --yes", "repair retry_step -r x --state waiting_for_retry --yes"),
    *("repair resume_task -r x --yes", "step retry TASK/d -r x", "task resume TASK -r x"),
    *("namespace resume shut -r x", "template resume test/flow -r x", "runner release queue -r x"),
]
TOP = [*(f"top {screen} --once" for screen in ALONE), "top TASK --once", "top STEP --once"]
BOTH = [*SHOWING, *TOP]
JSON = [*(line for line in BOTH if line != "task draw TASK")]


@pytest.mark.newest
@pytest.mark.slow
def test_no_command_lets_it_through(
    hostile: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """For people, on a terminal and elsewhere; for scripts, as JSON and as CSV."""
    said = ""
    for line, options, on_terminal in [
        *((line, [], True) for line in BOTH),
        *((line, ["--json"], False) for line in JSON if "-r x" not in line),
        *((line, ["--csv"], False) for line in TOP),
        *((line, [], False) for line in [*TOP, *SHOWING]),
    ]:
        monkeypatch.setenv("COLUMNS", "5000")
        if on_terminal:
            monkeypatch.setenv("FORCE_COLOR", "1")
        else:
            monkeypatch.delenv("FORCE_COLOR", raising=False)
        words = line.replace("TASK", hostile["TASK"]).replace("STEP", hostile["STEP"]).split()
        done = CliRunner().invoke(app, [*words, *options])
        assert done.exception is None or isinstance(done.exception, SystemExit), line
        assert done.exit_code in (0, 1), (line, done.stderr)
        assert_harmless(done.stdout + done.stderr)
        said += done.stdout + done.stderr
        if options == ["--csv"]:
            cells = [cell for row in csv.reader(io.StringIO(done.stdout)) for cell in row]
            assert not [cell for cell in cells if cell.startswith(("=", "@", "\t"))], line
    assert visible(HOSTILE) in said


@pytest.mark.newest
def test_json_still_says_the_same(hostile: dict[str, str], database: str) -> None:
    done = CliRunner().invoke(app, ["task", "show", hostile["TASK"], "--json"])
    shown = json.loads(done.stdout)
    with client_of(database) as client:
        assert shown["task"]["context"] == {HOSTILE: HOSTILE}
        step = step_named(client, UUID(hostile["TASK"]), "a")
    (failed,) = (one for one in shown["steps"] if one["name"] == "a")
    assert failed["last_error"] == step.last_error
    assert step.last_error["message"] == HOSTILE


def spoiled(value: Any) -> Any:
    """A row with hostile text in all that is free text."""
    if isinstance(value, str) and re.search(r"\W", value) and not re.match(r"[\w/.-]+$", value):
        return f"{value}{HOSTILE}"
    if hasattr(value, "_replace"):
        return value._replace(**{name: spoiled(old) for name, old in value._asdict().items()})
    if isinstance(value, list | tuple):
        return [spoiled(one) for one in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return dataclasses.replace(value, **{name: spoiled(old) for name, old in fields.items()})
    return value


@pytest.mark.parametrize("place", seen.SNAPSHOTS, ids=lambda place: place.screen)
def test_no_screen_lets_it_through(place: Location) -> None:
    stored = seen.SNAPSHOTS[place]
    answers = {row: [spoiled(one) for one in found] for row, found in stored.answers.items()}
    shown = screens.view(Snapshot(place, answers, 0.1))
    found = [shown.title]
    for row in shown.rows:
        found += [said for _, said in table.about(row, shown.at)]
        found += [table.cell(row, fit, shown.at).plain for fit in table.fitted(shown, 5000)]
    assert_harmless("\n".join(found))


@pytest.mark.parametrize("formatter", [JsonFormatter(), TextFormatter(TEXT)])
def test_no_log_lets_it_through(formatter: logging.Formatter) -> None:
    try:
        raise ValueError(HOSTILE.replace("\nINJECTED", ""))
    except ValueError:
        defect: Any = sys.exc_info()
    record = logging.LogRecord("x", logging.ERROR, "f.py", 1, "step of %s", (HOSTILE,), defect)
    assert_harmless(formatter.format(record))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("=cmd|'/c calc'!A1", "'=cmd|'/c calc'!A1"),
        ("+1+cmd", "'+1+cmd"),
        ("-1+cmd", "'-1+cmd"),
        ("@sum(a)", "'@sum(a)"),
        ("\t=1", "'\\t=1"),
        ("\r=1", "'\\r=1"),
        (" =1", "' =1"),
        ("\uff1d1", "'\uff1d1"),
        ("-5", "-5"),
        ("+1,000.5", "+1,000.5"),
        ("-3e-4", "-3e-4"),
        ("a=b", "a=b"),
        ("", ""),
        (-5, -5),
        (None, None),
    ],
)
def test_a_spreadsheet_gets_no_formula(value: Any, expected: Any) -> None:
    assert csv_cell(value) == expected


def test_every_character_that_is_not_printable_is_shown() -> None:
    every = "".join(map(chr, range(0x110000)))
    hidden = " ".join(char for char in every if not char.isprintable() and not char.isspace())
    assert len(hidden) > 900_000
    assert visible(hidden).isprintable()
    assert json.loads(visible_json(json.dumps(hidden, ensure_ascii=False))) == hidden
    assert visible("a\\b ä\u00a0 日本 🦉") == "a\\b ä\u00a0 日本 🦉"


def test_commands_print_in_one_place_only() -> None:
    """What a command prints by itself would go past `visible`."""
    folder = Path(app_module.__file__).parent
    prints = re.compile(r"\b(?:typer\.echo|print|Text|Console|sys\.std\w+\.write)\(")
    found = {
        file.name: prints.findall(file.read_text())
        for file in folder.glob("*.py")
        if file.name != "output.py"
    }
    assert {name: calls for name, calls in found.items() if calls} == {
        "__init__.py": ["print("],  # the version
        "commands.py": ["typer.echo("],  # the version
        "templates.py": ["typer.echo("],  # YAML for a file, which escapes by itself
    }
