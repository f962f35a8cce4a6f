"""The examples of the pages survive kill -9 of everything, at any moment, again and again: they end
as their pages say, with the same results, and each effect is there once.

A worker here is a thread. When its connection is cut it forgets all it knew, as a killed one does.
"""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

import psycopg
import pytest
import yaml
from chaos.faults_server import SAFE, is_lost, revive
from psycopg.rows import namedtuple_row
from running import client_of, wait_for
from servers import NEWEST, Server, rows
from workflows import step_states, violations

from tasker_sql.templates import files as templates

PAGES: Final = Path(__file__).parents[3] / "docs"
KILLS: Final = 10
RETRY: Final = {"max_attempts": 20}  # a kill costs one
WORKERS: Final = 2
EXPECTED: Final = {"cut", "refused", "57P01", "57P02", "57P03", "TK001"}

CLAIM: Final = "select * from tasker.claim_steps(%s, 'w', 3, '1 second')"
EFFECT: Final = "insert into public.effects values (%s, %s)"
EFFECTS: Final = """
select task::text, what from public.effects
union all
select task.task_uuid::text, signal.sent_by
  from tasker.signals as signal join tasker.tasks as task on task.task_id = signal.task_id
 where signal.taken_by is not null
 order by 1, 2
"""
COMPLETE: Final = "select from tasker.complete_step(%s, %s, %s)"
FAIL: Final = "select from tasker.fail_step(%s, %s, '\"no\"', false)"
SAVE: Final = "select number from tasker.checkpoint_step(%s, %s, %s, p_after => %s)"
SEND: Final = "select from tasker.send_signal(%s, 'approved', %s, %s)"
OPEN: Final = """
select task_uuid, (context ->> 'row')::integer as row
  from tasker.tasks where finished_at is null order by random() limit 3
"""
LATE: Final = """
update tasker.{0} set {1} = '2000-01-01'
 where step_id in (select step.step_id
                     from tasker.tasks as task
                     join tasker.steps as step on step.step_id >> 20 = task.task_id
                    where task.context ->> 'row' = '2' and step.state = 'waiting')
   and {1} > '2000-01-01'
"""
RESULTS: Final = """
select task.task_uuid::text, link.name, step.result
  from tasker.tasks as task
  join tasker.steps as step on step.step_id >> 20 = task.task_id
  join tasker.template_steps as link on link.template_id = step.template_id
                                    and link.step_no = step.step_id & 1048575
 where step.result is not null
"""
ENDED: Final = """
select task_uuid::text, state::text, context from tasker.tasks where finished_at is not null
"""
LOST: Final = "select count(*) from tasker.step_failures where lost"
# It is the night before, and goes on to the next when the task of this one has ended.
NIGHTS: Final = """
create table public.clock as
select 0 as nights, timestamptz '2026-03-27 02:00Z' - clock_timestamp() as ahead;
create or replace function tasker._now () returns timestamptz language sql volatile
 as $$ select clock_timestamp() + ahead from public.clock $$
"""
NEXT_NIGHT: Final = """
update public.clock set nights = nights + 1, ahead = ahead + interval '1 day'
 where (select count(*) from tasker.tasks where state = 'complete') = nights
   and nights < %s
"""

Step = Any
States = dict[str, str]


@dataclass
class Example:
    """The example of a page: how its steps are done, and how it ends."""

    page: str
    namespace: str
    tasks: int
    work: int  # that many effects, at least
    text: str = field(init=False)
    table: list[list[str]] = field(init=False)

    def __post_init__(self) -> None:
        page = (PAGES / f"{self.page}.md").read_text()
        self.text = re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)[0]
        self.table = [
            [cell.strip() for cell in line.strip("|").split("|")]
            for line in page.splitlines()
            if line.startswith("| ")
        ]

    def begin(self, dsn: str, folder: Path) -> None:
        (file := folder / "example.yaml").write_text(self.text)
        definition = templates.load(file).definition
        for step in definition["steps"]:
            if "handler" in step:
                step["retry"] = RETRY
        contexts = [self.context(number) for number in range(self.tasks)]
        with client_of(dsn) as client:
            client.register_template(definition)
            client.create_tasks(self.namespace, definition["name"], contexts)

    def context(self, number: int) -> dict[str, Any]:
        return {"row": number % (len(self.table) - 1), "amount": 12}

    def fails(self, step: str, row: int) -> bool:
        return self.table[row + 1][0].endswith(f"{step} fails")

    def result(self, step: str, row: int) -> Any:  # noqa: ARG002
        return {"did": step}

    def run(self, connection: psycopg.Connection[Any], step: Step) -> None:
        """The effect, and that it was done, are one transaction."""
        connection.execute(EFFECT, [step.task_uuid, step.name])
        row = step.context.get("row")
        if row is not None and self.fails(step.name, row):
            connection.execute(FAIL, [step.step_uuid, step.token])
        else:
            result = json.dumps(self.result(step.name, row))
            connection.execute(COMPLETE, [step.step_uuid, step.token, result])
        connection.commit()

    def outside(self, connection: psycopg.Connection[Any]) -> None:
        """What others do."""

    def ends(self, context: dict[str, Any]) -> States:
        names, row = self.table[0][1:], self.table[context["row"] + 1]
        return dict(zip(names, row[1:], strict=True))

    def effects(self, context: dict[str, Any], states: States) -> set[str]:
        """What was done for a task that has ended so: what completed, and what failed."""
        return {
            name
            for name, state in states.items()
            if name not in ("task", "approve")
            and (state == "complete" or self.fails(name, context["row"]))
        }


class Branch(Example):
    def result(self, step: str, row: int) -> Any:
        risk = re.search(r"risk is (\d)", self.table[row + 1][0])
        if step != "check":
            return {"did": step}
        return {"risk": int(risk[1])} if risk else {"rsk": 1}


class Approval(Example):
    """Two people answer the first two of three tasks; nobody answers the third."""

    def outside(self, connection: psycopg.Connection[Any]) -> None:
        for task, row in connection.execute(OPEN).fetchall():
            for who in ("ann", "bob") if row < 2 else ():
                answer = {"ok": row == 0 or who == "ann"}
                key = {"key": who, "initiator": who}
                connection.execute(SEND, [task, json.dumps(answer), json.dumps(key)])
                connection.commit()
        connection.execute(LATE.format("alarms", "due_at").encode())
        connection.execute(LATE.format("waits", "until").encode())

    def effects(self, context: dict[str, Any], states: States) -> set[str]:
        answers = {"ann", "bob"} if context["row"] < 2 else set()
        return super().effects(context, states) | answers


class Checkpoints(Example):
    """Rows in portions of 10, each with its checkpoint."""

    def context(self, number: int) -> dict[str, Any]:
        return {"rows": 100 + 10 * number}

    def run(self, connection: psycopg.Connection[Any], step: Step) -> None:
        last = (step.checkpoint or {"last": 0})["last"]
        number = step.checkpoint_number or 0
        while last < step.context["rows"]:
            for row in range(last + 1, last + 11):
                connection.execute(EFFECT, [step.task_uuid, f"row {row}"])
            last += 10
            state = json.dumps({"last": last})
            given = [step.step_uuid, step.token, state, number]
            ((number,),) = connection.execute(SAVE, given).fetchall()
            connection.commit()
        super().run(connection, step)

    def ends(self, context: dict[str, Any]) -> States:  # noqa: ARG002
        return {"load": "complete", "task": "complete"}

    def effects(self, context: dict[str, Any], states: States) -> set[str]:  # noqa: ARG002
        return {"load", *(f"row {number + 1}" for number in range(context["rows"]))}


class Nights(Example):
    """A task a night."""

    def begin(self, dsn: str, folder: Path) -> None:  # noqa: ARG002
        rows(dsn, NIGHTS)
        (schedule,) = yaml.safe_load(self.text)["schedules"]
        namespace, name = schedule.pop("namespace_name"), schedule.pop("name")
        step = {"name": "only", "handler": {"callable": "h"}, "retry": RETRY}
        head = {"name": schedule["template"], "namespace_name": namespace, "version": "1.0.0"}
        with client_of(dsn) as client:
            client.register_template(head | {"steps": [step]})
            client.put_schedule(namespace, name, schedule)

    def outside(self, connection: psycopg.Connection[Any]) -> None:
        connection.execute(NEXT_NIGHT, [self.tasks])

    def ends(self, context: dict[str, Any]) -> States:  # noqa: ARG002
        return {"only": "complete", "task": "complete"}

    def effects(self, context: dict[str, Any], states: States) -> set[str]:  # noqa: ARG002
        return {"only"}


EXAMPLES: Final = {
    "approval": Approval("waiting", "bank", tasks=24, work=80),
    "nightly": Nights("scheduling", "shop", tasks=20, work=20),
    "branch": Branch("branching", "shop", tasks=20, work=60),
    "checkpoints": Checkpoints("checkpoints", "shop", tasks=6, work=750),
}


class Workers:
    """Threads that claim, do and complete steps, and sweep, until all is over."""

    def __init__(self, example: Example, dsn: str) -> None:
        self.example, self.dsn = example, dsn
        self.heard: Counter[str] = Counter()
        self.over = threading.Event()
        self._threads = [threading.Thread(target=self.work, args=[n]) for n in range(WORKERS)]

    def __enter__(self) -> Workers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        for thread in self._threads:
            thread.join()

    def work(self, number: int) -> None:
        while not self.over.is_set():
            connected = False
            try:
                with psycopg.connect(self.dsn, row_factory=namedtuple_row) as connection:
                    connected = True
                    while not self.over.is_set():
                        self.turn(connection, number)
            except psycopg.Error as error:
                self.heard[error.sqlstate or ("cut" if connected else "refused")] += 1
                self.over.wait(0.02)

    def turn(self, connection: psycopg.Connection[Any], number: int) -> None:
        if number == 0:
            self.example.outside(connection)
            connection.commit()
        connection.execute("select from tasker.sweep()")
        connection.commit()
        claimed = connection.execute(CLAIM, [self.example.namespace]).fetchall()
        connection.commit()
        for step in claimed:
            self.example.run(connection, step)


def stop_at_once(server: Server) -> None:
    server.embedded.stop("immediate")


def kill_a_backend(server: Server) -> None:
    """The postmaster then ends all others, and recovers."""
    os.kill(pids(server)[0], signal.SIGKILL)


def kill_everything(server: Server) -> None:
    postmaster = int((server.embedded.data_dir / "postmaster.pid").read_text().split()[0])
    for pid in [postmaster, *pids(server)]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def pids(server: Server) -> list[int]:
    """The processes of a server; those that serve clients come first."""
    query = "select pid from pg_stat_activity order by datname <> 'postgres' desc nulls last"
    return [pid for (pid,) in rows(server.embedded.url("postgres"), query)]


WAYS: Final[list[Callable[[Server], None]]] = [kill_everything, kill_a_backend, stop_at_once]


@pytest.fixture(scope="module")
def killed() -> Iterator[Server]:
    """A server with a database for each example. It is safe, and not only fast."""
    server = Server(NEWEST, SAFE)
    for name in EXAMPLES:
        server.create(name, server.migrated)
    yield server
    server.close()


@pytest.mark.newest
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_survives_kills_at_any_moment(
    killed: Server,
    server: Server,  # noqa: ARG001
    tmp_path: Path,
    name: str,
) -> None:
    example, dsn, random = EXAMPLES[name], killed.embedded.url(name), Random(name)
    rows(dsn, "create table public.effects (task uuid, what text)")
    example.begin(dsn, tmp_path)

    def count(query: str, least: int) -> bool:
        return len(rows(dsn, query)) >= least

    with Workers(example, dsn) as workers:
        for moment in sorted(random.sample(range(1, example.work * 3 // 4), KILLS)):
            wait_for(partial(count, EFFECTS, moment), "more work")
            with psycopg.connect(dsn, autocommit=True) as witness:
                random.choice(WAYS)(killed)
                wait_for(partial(is_lost, witness), "the crash")
            revive(killed)
        wait_for(partial(count, ENDED, example.tasks), "the end")
    ended = {task: (state, context) for task, state, context in rows(dsn, ENDED)}
    print(name, workers.heard, rows(dsn, LOST))
    assert len(ended) == example.tasks
    done = set()
    for task, (state, context) in ended.items():
        states = {**step_states(dsn, task), "task": state}
        assert states == example.ends(context)
        done |= {(task, what) for what in example.effects(context, states)}
    assert rows(dsn, EFFECTS) == sorted(done), "each effect is there, once"
    for task, step, result in rows(dsn, RESULTS):
        if step != "approve":
            assert result == example.result(step, ended[task][1].get("row"))
    assert set(workers.heard) <= EXPECTED
    assert workers.heard.total() - workers.heard["refused"] >= KILLS, "the workers felt it"
    assert violations(dsn) == []
