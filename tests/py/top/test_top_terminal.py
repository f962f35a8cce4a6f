"""`top` in a real terminal, over a real database: by the bytes that it writes and its keys."""

from __future__ import annotations

import re
from uuid import UUID

import psycopg
import pytest
from running import client_of, step_named, template
from servers import MAJORS, Server
from terminal import Terminal, terminal

from tasker_sql.client import Client

pytestmark = pytest.mark.newest

STYLE = re.compile(rb"\x1b\[([\d;]*)m")
PLAIN = {0, 1, 2, 3, 4, 7, 9, 22, 23, 24, 27, 29}  # of SGR: all that is not a colour


@pytest.fixture
def task(client: Client) -> UUID:
    """A task whose step `a` has failed for good, beside `b`, which waits."""
    client.register_template(template({"a": [], "b": []}))
    task = client.create_task("test", "flow").task_uuid
    (a,) = client.claim_steps("test", "w1")
    client.fail_step(a.step_uuid, a.token, {"message": "the bank is closed"}, retryable=False)
    return task


def styles(top: Terminal) -> set[int]:
    """The numbers of all styles that were written."""
    return {int(n or 0) for found in STYLE.findall(top.written) for n in found.split(b";")}


def test_without_colour_no_colour_is_written(database: str, task: UUID) -> None:
    env = {"DATABASE_URL": database, "NO_COLOR": "1"}
    with terminal("top", "-i", "0.2", env=env) as top:
        top.sees("1 warning")
        for key in "12345678":
            top.type(key)
        top.type("3")
        top.sees("blocked_by_failures")
        top.type("\r")
        top.sees(str(task), "the bank is closed", "error", "enqueued")
        top.type("d")
        top.sees("✗ error")
        top.type("dC")
        top.sees("tasker.cancel_task(", "Esc: do not")
        top.type("\r")
        top.sees("not run without a reason")
        top.type("\x1b")
        top.waits(lambda: "Esc: do not" not in top.text, "the end of the question")
        top.type("?")
        top.sees("another screen")
        assert styles(top) <= PLAIN
        assert {1, 7} <= styles(top)  # the chosen tab and row are still to be seen


def test_with_colour_there_are_colours(database: str, task: UUID) -> None:
    with terminal("top", str(task), env={"DATABASE_URL": database}) as top:
        top.sees("the bank is closed")
        assert {38, 48} <= styles(top)


def test_a_write_through_the_question(database: str, client: Client, task: UUID) -> None:
    step = step_named(client, task, "a").step_uuid
    with terminal("top", str(step), "-i", "0.2", env={"DATABASE_URL": database}) as top:
        top.sees("R retry step")
        top.type("R")
        top.sees("Enter: run this")
        top.type("it's open again")
        top.sees("'it''s open again')")
        assert step_named(client, task, "a").state == "error"
        top.type("\r")
        top.sees("test/flow/a", "by postgres: it's open again")
    assert step_named(client, task, "a").state == "enqueued"


def test_a_role_that_may_not_write_is_told(database: str, client: Client, task: UUID) -> None:
    with psycopg.connect(database) as connection:
        connection.execute(
            """
            do $$ begin create role looks_on; exception when duplicate_object then end $$;
            grant pg_read_all_data to looks_on
            """
        )
    step = step_named(client, task, "a").step_uuid
    env = {"DATABASE_URL": f"{database}&options=-crole%3Dlooks_on"}
    with terminal("top", str(step), env=env) as top:
        top.sees("as looks_on", "read-only", "the bank is closed")
        assert "R retry step" not in top.text
        top.type("R")
        top.sees("retry step: this role may not write here")
    assert step_named(client, task, "a").state == "error"


def test_mouse_and_a_small_terminal(database: str, task: UUID) -> None:
    with terminal("top", "-i", "0.2", env={"DATABASE_URL": database}) as top:
        top.sees("1 warning", "test")
        top.click("3 tasks")
        top.sees("blocked_by_failures", "1 failed")
        top.click("test/flow", times=2)
        top.sees(str(task), "the bank is closed")
        top.resize(80, 24)
        top.waits(lambda: top.lines[-1].startswith("⏎ open"), "the hints in the last line")
        top.sees("the bank is closed", "blocked_by_failures, 0 of 2")
        top.sees("? help")
        top.click("? help")
        top.sees("another screen")
        top.type("\x1b[B\x1b[B\x1b[6~")  # a key that is held, and a page
        top.sees("force a breaker open")
        top.type("\x1b[6~")
        top.sees("force a breaker open", "names those that work here")
        top.type("xxx")
        top.waits(lambda: "another screen" not in top.text, "the end of the help")
        top.sees("the bank is closed")
        top.type("\x1bq")


def test_many_are_mended_in_a_small_terminal(database: str, client: Client, task: UUID) -> None:
    client.create_task("test", "flow")
    for step in client.claim_steps("test", "w", 2):
        if step.name == "a":
            error = {"message": "the bank is closed"}
            client.fail_step(step.step_uuid, step.token, error, retryable=False)
    env = {"DATABASE_URL": database}
    with terminal("top", "failures", env=env, width=80, height=24) as top:
        top.sees("R retry all 2")
        top.type("R")
        top.sees("tasker.plan_repair('retry_step'", "2 match, such as", "'<why>',")
        top.sees("the bank is closed", "Enter: run this, at most 100 a second")
        top.type("it is open\r")
        top.sees("2 done.", "Esc: back")
        top.type("\x1b")
        top.sees("Nothing has failed.")
    assert step_named(client, task, "a").state == "enqueued"


def test_the_database_stops_and_comes_back() -> None:
    server = Server(MAJORS[0])
    try:
        with server.database(server.migrated) as dsn:
            with client_of(dsn) as client:
                client.create_namespace("billing")
            with terminal("top", "queues", "-i", "0.2", env={"DATABASE_URL": dsn}) as top:
                top.sees("billing_queue_high", "every 0.2 s")
                server.admin.close()
                server.embedded.stop("immediate")
                top.sees("STALE", "billing_queue_high")
                server.embedded.start()
                server.admin = psycopg.connect(server.embedded.url("postgres"), autocommit=True)
                top.sees("every 0.2 s", "billing_queue_high")
                assert "STALE" not in top.text
    finally:
        server.close()
