"""Messages that are lost, doubled, forged, misplaced or hidden; queues that are emptied or gone."""

from __future__ import annotations

import json
import time
from abc import abstractmethod
from collections.abc import Sequence
from functools import partial
from random import Random
from typing import Any, ClassVar
from uuid import uuid4

import psycopg

from chaos.arena import Arena, ChaosError
from chaos.kinds import Fault
from chaos.ledger import now

PATIENCE = 30.0  # seconds that one fault may take to land: queues are empty most of the time
RESULTS = "orchestration_step_results"
REQUESTS = "orchestration_task_requests"
POINTERS = [
    f"{namespace}_queue{suffix}"
    for namespace in ("alpha", "beta")
    for suffix in ("", "_high", "_low")
]
QUEUES = [*POINTERS, RESULTS, REQUESTS]

SOME = """
select msg_id from pgmq.q_{queue} order by random() limit %(most)s for update skip locked
"""
# The steps that messages point to, directly or through what was submitted.
STEPS_OF = """
select distinct tasker._step_uuid(task.task_uuid, pointed.step_id)::text
  from unnest(%(messages)s::jsonb[]) as message
 cross join lateral (
       select (message ->> 'step_id')::bigint as step_id
        where message ->> 'step_id' ~ '^[0-9]{1,18}$'
       union all
       select unnest(submission.step_ids) from tasker.submissions as submission
        where submission.submission_id::text = message ->> 'submission_id') as pointed
  join tasker.tasks as task on task.task_id = pointed.step_id >> 20
"""


class Tampering(Fault):
    """Does something to messages that are in a queue, and lands when there were any."""

    queues: ClassVar[Sequence[str]] = QUEUES
    forges: ClassVar[bool] = False
    rate = 1.5

    def run(self, arena: Arena, count: int) -> None:
        dice = arena.dice(self.name)
        arena.forged = arena.forged or self.forges
        limit = now() + PATIENCE * count
        while count:
            if now() > limit:
                raise ChaosError(f"{self.name}: nothing to tamper with")
            since = now()
            steps = self.try_on(arena, dice.choice(self.queues), dice)
            if steps is None:
                time.sleep(0.005)
                continue
            arena.landed(self.name, since, steps=steps)
            count -= 1
            time.sleep(dice.uniform(0.0, 0.1))

    def try_on(self, arena: Arena, queue: str, dice: Random) -> list[str] | None:
        """The steps that were hit; nothing when the queue held no message, or was missing."""
        try:
            with psycopg.connect(arena.dsn, application_name="chaos") as connection:
                messages = self.tamper(connection, queue, dice)
                found = connection.execute(STEPS_OF.encode(), {"messages": messages}).fetchall()
        except (psycopg.errors.UndefinedTable, psycopg.OperationalError):  # or a deadlock
            return None
        return [step for (step,) in found] if messages else None

    @abstractmethod
    def tamper(self, connection: psycopg.Connection[Any], queue: str, dice: Random) -> list[str]:
        """Do it. The messages that were hit, as text."""


class Statement(Tampering):
    """Tampers by a statement that answers the messages it has hit."""

    statement: ClassVar[str]

    def tamper(self, connection: psycopg.Connection[Any], queue: str, dice: Random) -> list[str]:
        text = self.statement.format(
            some=SOME.format(queue=queue),
            queue=queue,
            other=dice.choice([other for other in QUEUES if other != queue]),
        )
        cursor = connection.execute(text.encode(), {"most": dice.randint(1, 8)})
        return [message for (message,) in cursor.fetchall()]


class Deleted(Statement):
    name = "messages deleted"
    statement = "delete from pgmq.q_{queue} where msg_id in ({some}) returning message::text"


class Doubled(Statement):
    name = "messages duplicated"
    forges = True
    statement = """
        insert into pgmq.q_{queue} (vt, message)
        select now(), message from pgmq.q_{queue} where msg_id in ({some})
        returning message::text
    """


class Moved(Statement):
    name = "messages moved to another queue"
    forges = True
    statement = """
        with moved as (delete from pgmq.q_{queue} where msg_id in ({some}) returning message)
        insert into pgmq.q_{other} (vt, message) select now(), message from moved
        returning message::text
    """


class Hidden(Statement):
    name = "messages hidden for an hour"
    statement = """
        update pgmq.q_{queue} set vt = now() + interval '1 hour', read_ct = read_ct + 1
         where msg_id in ({some})
        returning message::text
    """


class Purged(Tampering):
    name = "queue purged"

    def tamper(self, connection: psycopg.Connection[Any], queue: str, dice: Random) -> list[str]:  # noqa: ARG002
        connection.execute(f"lock table pgmq.q_{queue} in access exclusive mode".encode())
        found = connection.execute(f"select message::text from pgmq.q_{queue}".encode()).fetchall()
        if found:
            connection.execute("select pgmq.purge_queue(%s)", [queue])
        return [message for (message,) in found]


class Dropped(Tampering):
    """The sweep has to make it again. Calls that use it at that very moment may fail."""

    name = "queue dropped"

    def tamper(self, connection: psycopg.Connection[Any], queue: str, dice: Random) -> list[str]:  # noqa: ARG002
        connection.execute(f"lock table pgmq.q_{queue} in access exclusive mode".encode())
        found = connection.execute(f"select message::text from pgmq.q_{queue}".encode()).fetchall()
        if found:
            connection.execute("select pgmq.drop_queue(%s)", [queue])
        return [message for (message,) in found]


A_STEP = "select step_id from tasker.steps where state = %s order by random() limit 1"


class Forged(Fault):
    """Messages that the engine did not write. Each lands when somebody has taken it."""

    name = "messages forged"
    rate = 2.0

    def run(self, arena: Arena, count: int) -> None:
        dice = arena.dice(self.name)
        arena.forged = True
        while count:
            queue = dice.choice(QUEUES)
            message = self.forge(arena, queue, dice)
            since = now()
            try:
                (number,) = arena.rows("select pgmq.send(%s, %s::jsonb)", queue, message)[0]
            except psycopg.errors.UndefinedTable:
                arena.missed(self.name, f"{queue} was missing")
                continue
            taken = partial(self.is_taken, arena, queue, number)
            arena.wait(taken, f"somebody takes {message}", PATIENCE)
            arena.landed(self.name, since)
            count -= 1

    def is_taken(self, arena: Arena, queue: str, number: int) -> bool:
        query = f"select not exists (select from pgmq.q_{queue} where msg_id = %s)"
        try:
            return bool(arena.one(query, number))
        except psycopg.errors.UndefinedTable:
            return True

    def forge(self, arena: Arena, queue: str, dice: Random) -> str:
        garbage: list[Any] = [None, 7, "x", [], {}, {"step_id": None}, {"step_id": "x"}]
        garbage += [{"step_id": 10**30}, {"step_id": -1}, {"step_id": [1]}, {"a": {"b": "c" * 999}}]
        if dice.random() < 0.4:
            return json.dumps(dice.choice(garbage))
        if queue == RESULTS:
            token = arena.one("select token::text from tasker.claims limit 1")
            forged: list[Any] = [
                {"submission_id": 10**12},
                {"submission_id": "x"},
                {"token": str(uuid4()), "outcomes": [{"step_uuid": str(uuid4())}]},
                {"token": token, "outcomes": [{"step_uuid": str(uuid4())}]},
                {"token": token, "outcomes": []},
            ]
        elif queue == REQUESTS:
            forged = [
                {"namespace": "alpha", "name": "nothing"},
                {"namespace": "alpha", "name": "wide", "context": [1]},
                {"namespace": "alpha", "name": "wide", "more": 1},
            ]
        else:
            states = ["pending", "enqueued", "in_progress", "waiting", "complete", "error"]
            forged = [{"step_id": arena.one(A_STEP, dice.choice(states))}, {"step_id": 1}]
        return json.dumps(dice.choice(forged))
