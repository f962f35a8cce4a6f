"""What a runner says: every line about a step names it, no line shows payloads or passwords."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from running import SECONDS, client_of, ended, template

from tasker_sql.ops.telemetry import TEXT, JsonFormatter, TextFormatter

HANDLERS = """
from tasker_sql.worker.handlers import handler

@handler("a")
def a(step):
    if step.attempt == 1:
        try:
            raise OSError("password=s3cret was refused")
        except OSError as error:
            raise ValueError("not today") from error
    return {"card": step.context["card"]}
"""


def said(database: str, folder: Path, *options: str) -> list[str]:
    """The lines of a `tasker-sql run` that ran a task: its step failed once, and completed."""
    (folder / "shop.py").write_text(HANDLERS)
    program = Path(sys.executable).with_name("tasker-sql")
    environ = {**os.environ, "DATABASE_URL": database, "TASKER_ENV": "test"}
    (folder / "telemetry.toml").write_text("".join(f"{option}\n" for option in options))
    runner = subprocess.Popen(
        [program, "run", "-n", "test", "-m", str(folder / "shop.py")],
        env={**environ, "TASKER_CONFIG": str(folder)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        with client_of(database) as client:
            task = client.create_task("test", "flow", {"card": "4111-1111"}).task_uuid
            assert ended(client, task) == "complete"
        runner.send_signal(signal.SIGTERM)
        _, text = runner.communicate(timeout=SECONDS)
    finally:
        runner.kill()
        runner.wait()
    assert runner.returncode == 0
    assert "4111" not in text
    assert "s3cret" not in text
    return text.splitlines()


@pytest.mark.newest
def test_machines_get_an_object_a_line(database: str, tmp_path: Path) -> None:
    with client_of(database) as client:
        client.register_template(template({"a": []}))
    logged = [json.loads(line) for line in said(database, tmp_path, "format = 'json'")]
    assert all({"at", "level", "logger", "message"} <= line.keys() for line in logged)
    (failed,) = [line for line in logged if "failed: ValueError: not today" in line["message"]]
    assert (failed["level"], failed["name"], failed["attempt"]) == ("warning", "a", 1)
    assert {"task", "step", "worker"} <= failed.keys()
    assert failed["traceback"].startswith("Traceback (most recent call last):")
    assert 'raise OSError("password=***' in failed["traceback"]
    assert failed["traceback"].endswith("\nValueError: not today")
    assert [line for line in logged if "traceback" in line] == [failed]
    (serves,) = [line for line in logged if "serves it" in line["message"]]
    assert (serves["namespace"], serves["worker"]) == ("test", failed["worker"])


@pytest.mark.newest
def test_people_get_text(database: str, tmp_path: Path) -> None:
    with client_of(database) as client:
        client.register_template(template({"a": []}))
    lines = said(database, tmp_path)
    (line,) = [line for line in lines if "failed: ValueError: not today" in line]
    for part in ("WARNING", "step a ", " of task ", "attempt 1 of 3 by "):
        assert part in line
    below = lines[lines.index(line) + 1 :]
    assert below[0] == "Traceback (most recent call last):"
    assert below[1].strip().startswith(f'File "{tmp_path}/shop.py", line ')
    end = below.index("ValueError: not today")
    assert "OSError: password=*** was refused" in below[:end]
    assert below[end + 1][:4].isdigit(), "the next line of the log"


@pytest.mark.parametrize("formatter", [JsonFormatter(), TextFormatter(TEXT)])
def test_passwords_are_masked(formatter: logging.Formatter) -> None:
    try:
        raise OSError("no route to postgresql://me:s3cret@host/db")
    except OSError:
        defect: Any = sys.exc_info()
    message = "cannot parse %s, password=s3cret"
    arguments = ("postgresql://me:s3cret@host",)
    record = logging.LogRecord("x", logging.ERROR, "f.py", 1, message, arguments, defect)
    text = formatter.format(record)
    assert "s3cret" not in text
    assert "no route to" in text and "Traceback" in text
