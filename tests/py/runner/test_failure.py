"""A failed step shows where its handler raised, and what it was given."""

from __future__ import annotations

import runpy
import textwrap
from pathlib import Path
from uuid import UUID

import pytest
from running import ended, running, step_named, template
from typer.testing import CliRunner

from tasker_sql.cli import app
from tasker_sql.client import Client
from tasker_sql.failure import error_lines
from tasker_sql.worker.handlers import Registry

SHOP = """
import json
import typing


def pay(step):
    return charge(step.context["order"])


def charge(order):
    try:
        return json.loads(order["amount"])
    except ValueError as error:
        raise typing.cast(type, RuntimeError)(f"order {order['id']} has no amount") from error
"""


@pytest.fixture
def failed(database: str, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> UUID:
    """A task whose step `pay` failed for good at its second attempt."""
    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.setenv("NO_COLOR", "1")
    file = tmp_path / "shop.py"
    file.write_text(SHOP)
    names = runpy.run_path(str(file))
    registry = Registry()
    registry.handler("pay")(names["pay"])
    retry = {"max_attempts": 2, "backoff_base_ms": 1}
    client.register_template(template({"pay": []}, retry=retry))
    order = {"id": 4711, "amount": "twelve"}
    task = client.create_task("test", "flow", {"order": order}).task_uuid
    with running(database, registry, ["test"]):
        assert ended(client, task) == "error"
    return task


def shown(*arguments: str) -> str:
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.stderr
    return done.stdout


@pytest.mark.newest
def test_task_show_answers_with_which_order_and_on_which_line(failed: UUID) -> None:
    text = shown("task", "show", str(failed))
    assert '"id": 4711' in text and '"amount": "twelve"' in text
    block = text[text.index("pay failed, attempt 2") :]
    assert "RuntimeError: order 4711 has no amount" in block
    assert 'shop.py", line 7, in pay' in block and "in charge" in block
    assert "... 3 frames of libraries" in block, "json's own"
    assert "decoder.py" not in block and "tasker_sql/" not in block


@pytest.mark.newest
def test_step_attempts_has_a_block_for_each_with_the_whole_error(failed: UUID) -> None:
    text = shown("step", "attempts", f"{failed}/pay")
    blocks = text.split("\n\n")
    assert [block.split("\n")[0] for block in blocks] == ["attempt 1  failed", "attempt 2  failed"]
    for block in blocks:
        assert "RuntimeError: order 4711 has no amount" in block
        assert "decoder.py" in block and "json.decoder.JSONDecodeError" in block
        assert "by test" in block and "took " in block


@pytest.mark.newest
def test_a_long_input_is_cut(
    database: str, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database)
    client.register_template(template({"a": []}))
    task = client.create_task("test", "flow", {"items": list(range(1000))}).task_uuid
    text = shown("task", "show", str(task))
    assert "... 904 more lines: task show --json has all" in text
    assert step_named(client, task, "a").state == "enqueued"


def test_errors_of_any_shape_are_shown() -> None:
    assert error_lines("a text") == ['"a text"']
    assert error_lines(None) == ["null"]
    assert error_lines({"message": "no"}) == ["no"]
    assert error_lines({"class": "E", "message": "no", "sqlstate": "22012", "n": [1]}) == [
        "E: no",
        'sqlstate: "22012"',
        "n: [1]",
    ]
    traceback = textwrap.dedent(
        """\
        Traceback (most recent call last):
          File "/app/shop.py", line 3, in pay
            charge(order)
          File "/venv/lib/python3.12/site-packages/stripe/api.py", line 9, in post
            raise CardError(
                "no")
          File "/app/card.py", line 4, in back
            x()
        CardError: no"""
    )
    assert error_lines({"traceback": traceback}) == [
        "Traceback (most recent call last):",
        '  File "/app/shop.py", line 3, in pay',
        "    charge(order)",
        "  ... 1 frame of libraries",
        '  File "/app/card.py", line 4, in back',
        "    x()",
        "CardError: no",
    ]
    assert error_lines({"traceback": traceback}, whole=True) == traceback.split("\n")
