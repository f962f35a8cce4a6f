"""`top` over a real database: what it prints for scripts, and the whole program by its keys."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from running import SECONDS, step_named, template, wait_for
from servers import rows
from test_top import lines_of
from textual.pilot import Pilot
from typer.testing import CliRunner

from tasker_sql.cli import app as command
from tasker_sql.client import Client
from tasker_sql.errors import NotFoundError, UnavailableError
from tasker_sql.schema.migrations import upgrade
from tasker_sql.top.app import Top
from tasker_sql.top.backend import Backend
from tasker_sql.top.dialogs import Repair
from tasker_sql.top.queries import QUERIES
from tasker_sql.top.snapshot import Location

pytestmark = pytest.mark.newest

needs_task = pytest.mark.usefixtures("task")

SECRET = "a payload that no list may read"
REASON = "it's back"
RUNNER = {
    "host": "h",
    "pid": 7,
    "version": "1",
    "uptime": 60,
    "state": "normal",
    "status": "healthy",
    "namespaces": ["test"],
    "pools": [{"pool": "task_claimer", "namespace": "test", "executors": 10, "queue_age": 1.5}],
    "breakers": [{"breaker": "queue", "state": "closed", "changed_ago": 5}],
    "connections": {"size": 20, "used": 1},
}


@pytest.fixture
def task(client: Client) -> UUID:
    """A task: `a` is complete, `b` has failed for good, somebody has `c`. Beside it one that waits
    in a namespace that is paused, and a runner that has reported once."""
    client.register_template(template({"a": [], "b": ["a"], "c": ["a"]}))
    task = client.create_task("test", "flow", {"secret": SECRET}).task_uuid
    (a,) = client.claim_steps("test", "w1")
    client.complete_step(a.step_uuid, a.token, SECRET)
    b, _ = client.claim_steps("test", "w1", limit=2)
    error = {"class": "BankError", "message": "the bank is closed", "secret": SECRET}
    client.fail_step(b.step_uuid, b.token, error, retryable=False)
    client.register_template(template({"only": []}, namespace="paused"))
    client.create_task("paused", "flow", {"secret": SECRET})
    client.pause_namespace("paused", "the warehouse moves")
    client.report_runner("r1", RUNNER)
    client.put_schedule("test", "nightly", {"template": "flow", "cron": "30 2 * * *"})
    return task


SUBJECTS = {"queue": "test", "ticks": "test/nightly"}


def place(screen: str, client: Client, task: UUID) -> Location:
    """A place with that screen: about the task, or its step `b`."""
    about = {"task": task, "step": step_named(client, task, "b").step_uuid}
    return Location(screen, about.get(screen), SUBJECTS.get(screen, ""))


class Answer:
    """What `top` prints, and its exit code."""

    def __init__(self, dsn: str, *arguments: str) -> None:
        done = CliRunner().invoke(command, ["top", *arguments], env={"DATABASE_URL": dsn})
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        self.code, self.out, self.err = done.exit_code, done.stdout, done.stderr


class TestOnce:
    @pytest.mark.parametrize(
        "screen", [name for name in QUERIES if name not in {*SUBJECTS, "waits"}]
    )
    def test_every_screen_in_three_formats(
        self, database: str, client: Client, task: UUID, screen: str
    ) -> None:
        uuid = place(screen, client, task).uuid
        asked = str(uuid) if uuid else screen
        found = json.loads(Answer(database, asked, "--once", "--json").out)
        assert list(found) == ["screen", "seconds", *QUERIES[screen]]
        assert found["status"][0]["may_write"] is True
        lines = list(csv.DictReader(io.StringIO(Answer(database, asked, "--once", "--csv").out)))
        table = Answer(database, asked, "--once").out
        assert lines
        first = next(filter(None, lines[0].values()))
        assert first in table or UUID(first).hex[-12:].lstrip("0") in table, "the same, shortened"
        assert SECRET not in json.dumps(found) + table + str(lines)

    def test_says_what_the_views_say(self, database: str, client: Client, task: UUID) -> None:
        def asked(screen: str, name: str) -> Any:
            return json.loads(Answer(database, screen, "--once", "--json").out)[name]

        assert [
            [one["severity"], one["code"], one["subject"], one["cure"]]
            for one in asked("problems", "problems")
        ] == [list(row) for row in rows(database, PROBLEMS)]
        states = {one["task_uuid"]: one["state"] for one in asked("tasks", "tasks")}
        assert states == {str(one.task_uuid): one.state for one in client.list_tasks()}
        (claim,) = asked("claims", "claims")
        assert claim["step_uuids"] == [str(step_named(client, task, "c").step_uuid)]
        assert [one["error"] for one in asked(str(task), "steps")] == [
            None,
            "the bank is closed",
            None,
        ]
        depths = {one["queue_name"]: one["depth"] for one in asked("queues", "queues")}
        assert depths == {one.queue_name: one.depth for one in client.queue_depths()}
        assert asked("workers", "pools")[0]["executors"] == 10

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["nowhere", "--once"], "no such screen: nowhere; there are overview, problems, tasks"),
            (["--json"], "--json and --csv print one screen: add --once"),
            (["--once", "--json", "--csv"], "--json or --csv, not both"),
            ([], "top needs a terminal; --once prints one screen"),
        ],
    )
    def test_wrong_use_is_refused(self, database: str, arguments: list[str], said: str) -> None:
        answer = Answer(database, *arguments)
        assert (answer.code, said in answer.err) == (2, True), answer.err

    def test_what_is_not_there_is_said(self, database: str) -> None:
        answer = Answer(database, "01c0ffee-0000-7abc-8000-000000100000", "--once")
        assert (answer.code, answer.out) == (1, "")
        assert "task not found" in answer.err

    @needs_task
    def test_a_slow_database_is_no_answer(self, database: str) -> None:
        with psycopg.connect(database) as other:
            other.execute("lock table tasker.namespaces in access exclusive mode")
            answer = Answer(database, "queues", "--once", "--timeout", "0.05")
        assert (answer.code, answer.out) == (3, "")
        assert "statement timeout" in answer.err


PROBLEMS = """
select severity, code, subject, cure from tasker.problems
 order by severity, since desc nulls last, code, subject
"""


class TestBackend:
    def test_a_lost_connection_is_opened_again(self, database: str) -> None:
        backend = Backend(lambda: database, SECONDS)
        backend.read(Location("problems"))
        rows(
            database,
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where application_name like '%%/%% top'",
        )
        with pytest.raises(UnavailableError):
            backend.read(Location("problems"))
        assert backend.read(Location("problems")).status.may_write
        backend.close()

    def test_runs_one_statement_and_no_second_one(self, database: str, task: UUID) -> None:
        backend = Backend(lambda: database, SECONDS)
        (answer,) = backend.run(f"select * from tasker.pause_task('{task}', 'x')")
        assert answer == (True, True)
        with pytest.raises(Exception, match="cannot insert multiple commands"):
            backend.run("select 1; select 2")
        with pytest.raises(NotFoundError):
            backend.run("select * from tasker.resume_namespace('nowhere', 'x')")
        backend.close()

    def test_a_refresh_writes_nothing(self, database: str, client: Client, task: UUID) -> None:
        """In a transaction that may only read, every question is still answered."""
        backend = Backend(lambda: database, SECONDS)
        for screen in QUERIES:
            seen = backend.read(place(screen, client, task))
            assert seen.answers.keys() == QUERIES[screen].keys()
        backend.close()


class Driver:
    """The program in a terminal without a screen: keys go in, lines come out."""

    def __init__(self, app: Top, pilot: Pilot[None]) -> None:
        self.app = app
        self._pilot = pilot

    @property
    def lines(self) -> list[str]:
        return lines_of(self.app)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    async def press(self, *keys: str) -> None:
        await self._pilot.press(*keys)
        await self._pilot.pause()

    async def type(self, text: str) -> None:
        await self.press(*("space" if letter == " " else letter for letter in text))

    async def sees(self, *texts: str) -> None:
        """Wait until the screen shows all of them."""
        await self.waits(lambda: all(text in self.text for text in texts), f"{texts}")

    async def waits(self, happened: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + SECONDS
        while not happened():
            assert time.monotonic() < deadline, f"{what} did not happen:\n{self.text}"
            await self._pilot.pause(0.02)

    async def click(self, text: str, times: int = 1) -> None:
        """Click on a text."""
        row = next(n for n, line in enumerate(self.lines) if text in line)
        await self._pilot.click(offset=(self.lines[row].index(text) + 1, row), times=times)
        await self._pilot.pause()

    async def resize(self, width: int, height: int) -> None:
        await self._pilot.resize_terminal(width, height)
        await self._pilot.pause()


def driven(
    dsn: str,
    play: Callable[[Driver], Awaitable[None]],
    place: Location = Location("problems"),  # noqa: B008
    timeout: float = SECONDS,
    **options: Any,
) -> None:
    """Run the program over that database, and play with it."""

    async def run() -> None:
        backend = Backend(lambda: dsn, timeout)
        app = Top(backend, place, **{"interval": 0.3, **options})
        try:
            async with app.run_test(size=(100, 30), notifications=True) as pilot:
                await play(Driver(app, pilot))
        finally:
            backend.close()

    asyncio.run(run())


class TestKeys:
    def test_go_from_a_problem_to_its_step_and_back(self, database: str, task: UUID) -> None:
        async def play(top: Driver) -> None:
            await top.press("3")
            await top.sees("paused/flow", "blocked_by_failures")
            await top.press("G", "enter")
            await top.sees(str(task), "the bank is closed", "w1 has it")
            await top.press("d")
            await top.sees("✗ error", "┌")
            await top.press("d", "G", "k")
            await top.press("enter")
            await top.sees("test/flow/b", "cure: select * from tasker.retry_step(")
            await top.press("escape")
            await top.sees("w1 has it")
            await top.press("escape", "5")
            await top.sees("first step", "held")
            await top.press("q")
            await top.waits(lambda: not top.app.is_running, "the end")

        driven(database, play)

    @needs_task
    def test_enter_on_a_problem_leads_to_its_row(self, database: str, client: Client) -> None:
        async def play(top: Driver) -> None:
            await top.sees("2 warnings")
            for error, verb in (("closed", "S resolve step"), ("route", "S resolve all 2")):
                await top.press("slash")
                await top.type(error)
                await top.press("enter", "enter")
                await top.sees("dlq retry", "the bank is closed", "no route to bank", verb)
                await top.press("escape")
                await top.sees("since")

        dead(client, 2)
        driven(database, play)

    @needs_task
    def test_a_picture_loads_nothing(
        self, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def play(top: Driver) -> None:
            await top.sees("dead_letters")
            await top.press("p")
            await top.waits(lambda: any(tmp_path.iterdir()), "the picture")

        monkeypatch.chdir(tmp_path)
        driven(database, play)
        (file,) = tmp_path.iterdir()
        assert "<svg" in file.read_text() and "dead_letters" in file.read_text()
        assert not re.search(r"@import|@font-face|src=|href=|url\(http", file.read_text())

    def test_filter_find_and_sort(self, database: str, task: UUID) -> None:
        async def play(top: Driver) -> None:
            await top.press("4")
            await top.sees("paused_queue", "test_queue", "orchestration_task_requests")
            await top.press("slash")
            await top.type("test_q")
            await top.waits(lambda: "paused_queue" not in top.text, "the filter")
            await top.sees("test_queue_high")
            await top.press("enter", "escape")
            await top.sees("paused_queue")
            await top.press("s", "s")
            await top.waits(lambda: first(top) == "test_queue_low", "the order")
            await top.click("depth")
            await top.sees("depth▲")
            await top.click("depth")
            await top.sees("depth▼")
            await top.press("slash")
            await top.type("only")
            await top.press("shift+tab")
            await top.sees("3 tasks", "paused/flow")
            await top.press("4", "slash")
            await top.type(str(task))
            await top.press("enter")
            await top.sees("test/flow@1.0.0")

        def first(top: Driver) -> str:
            lines = top.lines
            return lines[next(n for n, line in enumerate(lines) if "runners" in line) + 1].split()[
                0
            ]

        driven(database, play)

    @needs_task
    def test_the_overview_leads_to_the_tasks_of_a_namespace(self, database: str) -> None:
        async def play(top: Driver) -> None:
            await top.sees("started ▁", "done ▁", "failed ▁", "tasks created 2, done 0", "r1")
            await top.sees("0 critical  1 warning")
            await top.press("slash")
            await top.type("paused")
            await top.press("enter")
            await top.sees("P resume paused")
            await top.press("enter")
            await top.sees("tasks with namespace=paused: all", "paused/flow")
            assert "test/flow" not in top.text
            await top.press("slash", *["backspace"] * 20)
            await top.type("state=blocked_by_failures since=1h")
            await top.press("enter")
            await top.sees("task list --state blocked_by_failures --since 1h", "test/flow")
            assert "paused/flow" not in top.text
            await top.press("slash")
            await top.type(" colour=red")
            await top.press("enter")
            await top.sees("colour: tasks are filtered")

        driven(database, play, Location("overview"))

    @needs_task
    def test_enter_goes_deeper_until_there_is_a_text(self, database: str) -> None:
        async def play(top: Driver) -> None:
            await top.press("4", "slash")
            await top.type("paused_queue_high")
            await top.press("enter", "enter")
            await top.sees("what waits longest in paused, and why", "flow/only", "namespace_paused")
            await top.press("8")
            await top.sees("PostgreSQL", "cache hits")
            await top.press("enter")
            await top.sees("what: PostgreSQL")
            await top.press("x")
            await top.waits(lambda: "what: PostgreSQL" not in top.text, "the end of the text")

        driven(database, play)

    @needs_task
    def test_freeze(self, database: str, client: Client) -> None:
        async def play(top: Driver) -> None:
            await top.sees("every 0.3 s")
            await top.press("4")
            await top.sees("paused_queue_low")
            await top.press("space")
            await top.sees("FROZEN")
            client.create_namespace("new")
            await top.press("tab", "shift+tab")
            await top.sees("new_queue_low")
            client.create_namespace("newer")
            await asyncio.sleep(0.5)
            assert "newer" not in top.text
            await top.press("r")
            await top.sees("newer_queue")
            await top.press("space")
            client.create_namespace("newest")
            await top.sees("newest_queue")

        driven(database, play)

    def test_mouse_and_resize(self, database: str, task: UUID) -> None:
        async def play(top: Driver) -> None:
            await top.sees("1 warning")
            await top.click("3 tasks")
            await top.sees("blocked_by_failures")
            await top.click("test/flow")
            await top.sees(f"task uuid: {task}")
            await top.click("test/flow", times=2)
            await top.sees("w1 has it")
            await top.resize(60, 16)
            await top.sees("the bank is closed")
            assert all(len(line) <= 60 for line in top.lines)
            await top.resize(100, 30)
            await top.sees("? help")
            await top.click("? help")
            await top.sees("another screen")
            await top.press("x")
            await top.sees("the bank is closed")

        driven(database, play)


class TestEnds:
    def test_marks_what_decides_and_foresees_the_end(self, database: str, client: Client) -> None:
        async def play(top: Driver) -> None:
            await top.sees("held up: no_worker; else it would end in about", "◆  slow")
            assert not any("◆" in line and "quick" in line for line in top.lines)
            await top.press("d")
            await top.sees("◆ slow", "quick")
            (start,) = client.claim_steps("test", "w")
            await top.sees("ends in about", "as the last 3 did")
            client.complete_step(start.step_uuid, start.token)
            slow, _ = client.claim_steps("test", "w", 2)
            client.fail_step(slow.step_uuid, slow.token, "no", retryable=False)
            await top.sees("cannot end before slow is dealt with")

        dag = {"start": [], "slow": ["start"], "quick": ["start"]}
        client.register_template(template(dag, name="forked"))
        tasks = [client.create_task("test", "forked").task_uuid for _ in range(4)]
        task = tasks.pop()
        rows(database, COMPLETED, tasks)
        driven(database, play, Location("task", task))

    @pytest.mark.parametrize("steps", [pytest.param(500, marks=pytest.mark.slow), 501])
    def test_asks_no_more_than_fits(self, database: str, client: Client, steps: int) -> None:
        client.register_template(template({f"s{n}": [] for n in range(steps)}, name="wide"))
        task = client.create_task("test", "wide").task_uuid
        found = json.loads(Answer(database, str(task), "--once", "--json").out)
        assert (found["path"] is None, len(found["timings"])) == (steps > 500, steps)
        said = "foreseen up to 500 steps only" if steps > 500 else "its end is unknown"
        assert said in " ".join(Answer(database, str(task), "--once").out.split())


COMPLETED = """
with task as (
  update tasker.tasks
     set state = 'complete', open_sinks = 0, finished_at = created_at + interval '80 s'
   where task_uuid = any (%s)
  returning task_id, created_at
)
update tasker.steps as step
   set state = 'complete', result = '{}', waiting_parents = 0, attempt = 1,
       enqueued_at = task.created_at, started_at = task.created_at,
       finished_at = task.created_at + case step.step_id & 1048575
         when 1 then interval '1 s' when 2 then interval '61 s' else interval '2 s' end
  from task
 where step.step_id >> 20 = task.task_id
returning step.step_id
"""


class TestWrites:
    def test_shows_the_statement_asks_for_a_reason_and_runs_it(
        self, database: str, client: Client, task: UUID
    ) -> None:
        async def play(top: Driver) -> None:
            await top.sees("test/flow/b", "x run cure", "BankError: the bank is closed")
            await top.press("R")
            await top.sees("retry step", f"tasker.retry_step('{b}', '<why>')")
            await top.press("enter")
            await top.sees("not run without a reason")
            await top.type(REASON)
            await top.sees(f"tasker.retry_step('{b}', 'it''s back')")
            assert step_named(client, task, "b").state == "error"
            await top.press("enter")
            await top.sees("step_state: enqueued")
            await top.sees("retry_step", f"by postgres: {REASON}")

        b = step_named(client, task, "b").step_uuid
        driven(database, play, Location("step", b))
        assert step_named(client, task, "b").state == "enqueued"
        assert rows(
            database,
            "select verb, reason from tasker.operator_history order by action_id desc limit 1",
        ) == [("retry_step", REASON)]

    def test_an_answer_of_many_rows_stays_until_it_was_read(
        self, database: str, client: Client, task: UUID
    ) -> None:
        async def play(top: Driver) -> None:
            await top.sees("queue_missing")
            await top.press("x", "enter")
            await top.sees("tasker.sweep()", "action: queues_recreated, affected: 1", "messages_")
            await top.press("enter", "a")
            await top.sees("what operators did", "pause_namespace", "the warehouse moves")
            await top.press("escape")
            await top.sees("subject")

        with client.transaction() as connection:
            connection.execute("select pgmq.drop_queue('test_queue')")
        driven(database, play)
        assert {one.missing for one in client.queue_depths()} == {False}
        assert step_named(client, task, "c").state == "in_progress"

    def test_a_wait_is_answered_in_a_form(self, database: str, client: Client) -> None:
        async def play(top: Driver) -> None:
            await top.sees("overview")
            await top.press("w")
            await top.sees("test/asks/approve", "approved", "Pay?", "W answer")
            await top.press("W")
            await top.sees("yes or no", "ok: need yes or no")
            await top.type("yes")
            await top.sees(f"tasker.answer_wait('{step}', ")
            await top.press("enter")
            await top.sees("Nothing waits for people")

        schema = {"type": "object", "required": ["ok"], "properties": {"ok": {"type": "boolean"}}}
        wait = {"signal": "approved", "schema": schema, "prompt": "Pay?"}
        client.register_template(
            {**template({}, name="asks"), "steps": [{"name": "approve", "wait": wait}]}
        )
        task = client.create_task("test", "asks").task_uuid
        step = step_named(client, task, "approve").step_uuid
        driven(database, play, Location("overview"))
        assert client.get_task(task).state == "complete"

    def test_a_schedule_makes_a_task_and_is_paused(
        self, database: str, client: Client, task: UUID
    ) -> None:
        async def play(top: Driver) -> None:
            await top.sees("paused")
            await top.press("c")
            await top.sees("test/nightly", "30 2 * * *", "P pause it  T make a task")
            await top.press("T")
            await top.sees("tasker.trigger_schedule('test', 'nightly', '<why>')")
            await top.type(REASON)
            await top.press("enter")
            await top.waits(lambda: client.list_ticks("test", "nightly") != [], "the tick")
            await top.press("P")
            await top.type(REASON)
            await top.press("enter")
            await top.sees(f"paused by postgres: {REASON}")
            await top.press("enter")
            await top.sees("what happened to the ticks of test/nightly", "triggered")

        driven(database, play, Location("overview"))
        (tick,) = client.list_ticks("test", "nightly")
        assert tick.task_uuid != task
        assert client.list_schedules()[0].paused_at is not None

    @needs_task
    def test_a_problem_is_acknowledged(self, database: str, client: Client) -> None:
        async def play(top: Driver) -> None:
            await top.sees("1 warning", "x run cure  A acknowledge")
            await top.press("A")
            await top.sees("tasker.acknowledge_problem('dead_letters', ", "'<why>')")
            await top.type(REASON)
            await top.press("enter")
            await top.sees("(acknowledged by postgres) 1 failed for good", f"reason: {REASON}")
            await top.sees("1 known")
            assert "A acknowledge" not in top.text

        driven(database, play)
        (known,) = client.problems()
        assert (known.acknowledged_by, known.acknowledged_reason) == ("postgres", REASON)

    @needs_task
    def test_the_palette_finds_what_a_key_does(self, database: str) -> None:
        async def play(top: Driver) -> None:
            await top.sees("dead_letters")
            await top.press("ctrl+p")
            await top.type("screen workers")
            await top.sees("key 6")
            await top.click("key 6")
            await top.sees("worker", "task_claimer test", "r1")

        driven(database, play)

    @needs_task
    def test_escape_runs_nothing(self, database: str, client: Client) -> None:
        async def play(top: Driver) -> None:
            await top.sees("paused", "resume paused")
            await top.press("P")
            await top.sees("tasker.resume_namespace('paused', '<why>')")
            await top.type("because")
            await top.press("escape")
            await top.waits(lambda: "<why>" not in top.text, "the end of the question")

        driven(database, play, Location("queues"))
        assert {one.name for one in client.list_namespaces() if one.paused_at} == {"paused"}

    def test_what_the_engine_refuses_is_told(
        self, database: str, client: Client, task: UUID
    ) -> None:
        async def play(top: Driver) -> None:
            await top.sees("R retry step")
            await top.press("R")
            await top.sees("<why>")
            client.resolve_step(b, "somebody was quicker")
            await top.type("because")
            await top.press("enter")
            await top.sees("illegal transition")

        b = step_named(client, task, "b").step_uuid
        driven(database, play, Location("step", b), interval=3600)

    @pytest.mark.parametrize("how", ["role", "option"])
    def test_read_only(self, database: str, client: Client, task: UUID, how: str) -> None:
        async def play(top: Driver) -> None:
            await top.sees("read-only", "test/flow/b")
            assert "retry step" not in top.text
            await top.press("R")
            await top.sees("retry step: ")

        with psycopg.connect(database) as connection:
            connection.execute(
                """
                do $$ begin create role looks_on; exception when duplicate_object then end $$;
                grant pg_read_all_data to looks_on
                """
            )
        dsn = f"{database}&options=-crole%3Dlooks_on" if how == "role" else database
        b = step_named(client, task, "b").step_uuid
        driven(dsn, play, Location("step", b), read_only=how == "option")
        assert step_named(client, task, "b").state == "error"


def dead(client: Client, count: int) -> None:
    """So many steps that failed for good in the same way, as is said on the problems screen."""
    client.register_template(template({"pay": []}, name="payment"))
    client.create_tasks("test", "payment", [{}] * count)
    for step in client.claim_steps("test", "w", count):
        client.fail_step(step.step_uuid, step.token, "no route to bank", retryable=False)


def states(database: str) -> set[tuple[str, int]]:
    query = "select state::text, count(*) from tasker.steps group by 1"
    return {(state, count) for state, count in rows(database, query)}


class TestMany:
    @pytest.mark.parametrize(
        ("screen", "key"),
        [("problems", "x"), pytest.param("failures", "R", marks=pytest.mark.slow)],
    )
    def test_plans_shows_asks_and_carries_out_slowly(
        self,
        database: str,
        client: Client,
        screen: str,
        key: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        seen = threading.Event()
        monkeypatch.setattr(Repair, "_pause", lambda *_: not seen.wait(SECONDS))

        async def play(top: Driver) -> None:
            await top.sees("run cure" if key == "x" else "R retry all 150  S resolve all 150")
            await top.press(key)
            await top.sees("tasker.plan_repair('retry_step', '{", '"fingerprint": ')
            await top.sees("150 match, such as", "no route to bank")
            await top.sees("tasker.apply_repair(", "'<why>',", "at most 100 a second")
            await top.press("enter")
            await top.sees("not run without a reason")
            await top.type(REASON)
            await top.sees("'it''s")
            assert states(database) == {("error", 150)}
            await top.press("enter")
            await top.sees("100 done, 50 to go", "Esc: stop")
            seen.set()
            await top.sees("150 done.", "Esc: back")
            await top.press("escape")
            await top.sees("No problems" if key == "x" else "Nothing has failed")

        dead(client, 150)
        driven(database, play, Location(screen))
        assert states(database) == {("enqueued", 150)}
        query = "select reason, count(*) from tasker.operator_history where verb = 'retry_step' "
        assert rows(database, f"{query} group by 1") == [(REASON, 150)]

    @pytest.mark.slow
    def test_escape_stops_it(
        self, database: str, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Repair, "_pause", lambda it, _: it._stopping.wait(SECONDS))

        async def play(top: Driver) -> None:
            await top.sees("S resolve all 250")
            await top.press("S")
            await top.sees("250 match")
            await top.type("enough")
            await top.press("enter")
            await top.sees("100 done, 150 to go")
            await top.press("escape")
            await top.sees("done. Stopped.")
            await top.press("escape")
            await top.sees("retry all")

        dead(client, 250)
        driven(database, play, Location("failures"))
        assert states(database) == {("error", 150), ("resolved_manually", 100)}

    @pytest.mark.slow
    def test_what_nobody_planned_is_not_touched(self, database: str, client: Client) -> None:
        async def play(top: Driver) -> None:
            await top.sees("R retry all 2")
            await top.press("R")
            await top.sees("2 match")
            dead(client, 1)
            await top.type("because")
            await top.press("enter")
            await top.sees("1 that were not planned match now", "0 done", "Esc: back")
            assert states(database) == {("error", 3)}
            await top.press("escape", "R")
            await top.sees("3 match")
            await top.type("because")
            await top.press("enter")
            await top.sees("3 done.")

        dead(client, 2)
        driven(database, play, Location("failures"))
        assert states(database) == {("enqueued", 3)}

    def test_a_repair_that_matches_nothing_says_so(self, database: str, client: Client) -> None:
        async def play(top: Driver) -> None:
            await top.sees("R retry all 2")
            for (step,) in rows(database, "select step_uuid from tasker.failed_steps"):
                client.retry_step(step, REASON)
            await top.press("R")
            await top.sees("Nothing matches")

        dead(client, 2)
        driven(database, play, Location("failures"), interval=3600)

    @pytest.mark.slow
    def test_what_is_refused_is_told(self, database: str, client: Client) -> None:
        """By a guard that a site has put over the steps."""

        async def play(top: Driver) -> None:
            await top.sees("R retry all 2")
            await top.press("R")
            await top.sees("2 match")
            with psycopg.connect(database) as connection:
                connection.execute(GUARD)
            await top.type("because")
            await top.press("enter")
            await top.sees("0 done, 2 refused.", "Refused: nobody retries on Fridays")

        dead(client, 2)
        driven(database, play, Location("failures"))

    @pytest.mark.parametrize("count", [1, pytest.param(3, marks=pytest.mark.slow)])
    def test_take_steps_back_from_a_worker(self, database: str, client: Client, count: int) -> None:
        async def play(top: Driver) -> None:
            await top.sees("Q requeue step" if count == 1 else "Q requeue all of hung")
            await top.press("Q")
            await top.sees("tasker.requeue_step('" if count == 1 else "3 match, such as")
            await top.type("it hangs")
            await top.press("enter")
            await top.sees("step_state: enqueued" if count == 1 else "3 done.")

        client.register_template(template({"only": []}))
        client.create_tasks("test", "flow", [{}] * count)
        assert len(client.claim_steps("test", "hung", count)) == count
        driven(database, play, Location("claims"))
        assert states(database) == {("enqueued", count)}

    @pytest.mark.slow
    def test_pause_and_resume_a_template(self, database: str, client: Client) -> None:
        async def play(top: Driver) -> None:
            await top.sees("T pause payment")
            for verb in ("pause", "resume"):
                await top.sees(f"T {verb} payment")
                await top.press("T")
                await top.sees(f"tasker.{verb}_template('test', 'payment', '<why>')")
                await top.type("because")
                await top.press("enter")
            await top.sees("T pause payment")

        dead(client, 1)
        driven(database, play, Location("tasks"))
        query = "select verb from tasker.operator_history order by action_id"
        assert rows(database, query) == [("pause_template",), ("resume_template",)]


GUARD = """
create function public.refuse() returns trigger language plpgsql
as 'begin raise exception ''nobody retries on Fridays'' using errcode = ''TK003''; end';
create trigger guard before update on tasker.steps
for each row execute function public.refuse()
"""


class TestReading:
    """One key each shows what a task was given, what its steps made, and how they failed."""

    def test_input_result_and_traceback(
        self, database: str, client: Client, task: UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        copied = list[str]()
        monkeypatch.setattr(Top, "copy_to_clipboard", lambda _, text: copied.append(text))

        async def play(top: Driver) -> None:
            await top.sees("i input", "o result", "t traceback")
            await top.press("i")
            await top.sees('"secret": "a payload that no list may read"')
            await top.press("y")
            assert copied == [f"input\n\n{json.dumps({'secret': SECRET}, indent=2)}"]
            await top.press("escape", "G", "k", "k", "o")
            await top.sees("result of a", f'"{SECRET}"')
            assert "result of b" not in top.text
            await top.press("escape", "j", "o")
            await top.sees("There is no result yet.")
            await top.press("escape", "t")
            await top.sees("b failed", "BankError: the bank is closed", "shop.py", "... 99 more")
            await top.press("end")
            await top.sees("the last line")
            await top.press("escape", "escape")
            await top.press("2", "i")
            await top.sees("Nothing here that has one")

        with client.transaction() as connection:
            lines = ["Traceback", '  File "/app/shop.py", line 3, in b', "    go()", "... 99 more"]
            text = "\n".join([*lines, *["    and so on"] * 50, "the last line"])
            connection.execute(
                "update tasker.step_failures set error = error || jsonb_build_object('traceback',"
                " %s::text)",
                [text],
            )
        driven(database, play, Location("task", task))


class TestTrouble:
    @needs_task
    def test_keeps_the_last_good_frame_while_the_database_is_slow(self, database: str) -> None:
        async def play(top: Driver) -> None:
            await top.sees("paused_queue", "every 0.3 s")
            with psycopg.connect(database) as other:
                other.execute("lock table tasker.namespaces in access exclusive mode")
                await top.sees("STALE", "statement timeout", "paused_queue")
            await top.waits(lambda: "STALE" not in top.text, "the recovery")

        driven(database, play, Location("queues"), timeout=0.2)

    def test_says_why_there_is_nothing_to_show(self, database: str) -> None:
        async def play(top: Driver) -> None:
            await top.sees("task not found")

        driven(database, play, Location("task", UUID("01c0ffee-0000-7abc-8000-000000100000")))

    def test_says_what_is_wrong_with_the_schema_until_it_is_there(
        self, empty_database: str
    ) -> None:
        async def play(top: Driver) -> None:
            await top.sees("tasker-sql is not installed in this database", "db upgrade")
            await asyncio.to_thread(upgrade, empty_database)
            await top.sees("No problems now.")

        driven(empty_database, play)

    def test_without_a_database_it_says_so_and_goes_on_trying(self) -> None:
        async def play(top: Driver) -> None:
            await top.sees("the database cannot be reached: no server listens there")

        driven("host=/nowhere", play)


class TestLocks:
    """A lock on a table of ours is named, and not waited for."""

    @needs_task
    @pytest.mark.parametrize("table", ["steps", pytest.param("runners", marks=pytest.mark.slow)])
    def test_problems_name_who_holds_it(self, database: str, table: str) -> None:
        with psycopg.connect(database, application_name="an upgrade") as other:
            other.execute(f"lock table tasker.{table} in access exclusive mode".encode())
            said = f"locked by pid {other.info.backend_pid} (an upgrade, role postgres"

            def asked() -> str:
                done = CliRunner().invoke(command, ["problems"], env={"DATABASE_URL": database})
                return f"{done.exit_code} {done.stdout}"

            wait_for(lambda: said in asked(), "the problem")
            assert asked().startswith("1 critical  blocked_by")
            shown = Answer(database, "problems", "--once", "--csv")
        assert said in shown.out

    @needs_task
    @pytest.mark.parametrize(
        "line", ["problems", pytest.param("top tasks --once --timeout 0.1", marks=pytest.mark.slow)]
    )
    def test_what_cannot_be_answered_names_who_holds_it(self, database: str, line: str) -> None:
        words = line.split() if "top" in line else ["--timeout", "0.05", line]
        with psycopg.connect(database, application_name="an upgrade") as other:
            other.execute("lock table tasker.steps in access exclusive mode")
            pid = other.info.backend_pid

            def asked() -> Any:
                return CliRunner().invoke(command, words, env={"DATABASE_URL": database})

            holder = f"locked by pid {pid} (an upgrade, role postgres, idle"
            wait_for(lambda: holder in asked().stderr, "the name of the holder")
            done = asked()
        assert (done.exit_code, done.stdout) == (1 if line == "problems" else 3, "")
        assert "lock table tasker.steps" in done.stderr
