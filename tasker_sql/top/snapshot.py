"""What a screen asks of the database: a fixed list of statements, in one transaction."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from uuid import UUID

from tasker_sql.client import Client, ask
from tasker_sql.durations import span
from tasker_sql.errors import TaskerError, TooSlowError, UnavailableError
from tasker_sql.top.answers import Blocker, Status, StepText, TaskHead, TaskInput
from tasker_sql.top.questions import (
    ACTS,
    ALL_ACTS,
    ATTEMPTS,
    BLOCKERS,
    BREAKERS,
    CLAIMS,
    DEAD,
    FOREIGN,
    INPUT,
    LATE,
    PATH,
    POOLS,
    PROBLEMS,
    QUEUES,
    REJECTED,
    RELATIONS,
    RETRIES,
    RUNNERS,
    SERVER,
    STATUS,
    STEP,
    STEP_TIMINGS,
    STEPS,
    TASK,
    TASK_TIMINGS,
    TASKS,
    TEXTS,
    TRANSACTIONS,
    WHY_STEP,
    WHY_TASK,
    Question,
)

R = TypeVar("R")

WITHIN: Final = 1.0  # seconds
STEP_BITS: Final = (1 << 20) - 1  # in which a step's uuid differs from its task's


# What each screen asks. Every one begins with where it is; those that are not about one task tell
# what is wrong, too.
ALWAYS: Final = (STATUS, PROBLEMS)
QUESTIONS: Final[Mapping[str, tuple[Question, ...]]] = {
    "problems": ALWAYS,
    "queues": (*ALWAYS, QUEUES),
    "tasks": (*ALWAYS, TASKS),
    "task": (STATUS, TASK, STEPS, WHY_TASK, TASK_TIMINGS, PATH),
    "step": (STATUS, TASK, STEP, WHY_STEP, STEP_TIMINGS, ATTEMPTS, ACTS),
    "claims": (*ALWAYS, CLAIMS),
    "workers": (*ALWAYS, RUNNERS, FOREIGN, POOLS, BREAKERS),
    "failures": (*ALWAYS, DEAD, RETRIES, LATE, REJECTED),
    "database": (*ALWAYS, SERVER, TRANSACTIONS, RELATIONS),
    "acts": (*ALWAYS, ALL_ACTS),
}


@dataclass(frozen=True, slots=True)
class Place:
    """A screen, and the task or step that it is about."""

    screen: str
    uuid: UUID | None = None

    @property
    def task_uuid(self) -> UUID | None:
        """The task that it is about; a step's uuid is its task's with a number in the end."""
        return self.uuid and UUID(int=self.uuid.int & ~STEP_BITS)


def place_of(uuid: UUID) -> Place:
    """The screen of the task or step with this uuid."""
    return Place("step" if uuid.int & STEP_BITS else "task", uuid)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The answers for one place, of one moment; `seconds` is how long the database took. What is
    not asked of a task of this size has no answer."""

    place: Place
    answers: Mapping[type[Any], Sequence[Any]]
    seconds: float

    def of(self, row: type[R]) -> Sequence[R]:
        """The rows of one kind."""
        return self.answers.get(row, ())

    @property
    def status(self) -> Status:
        return self.of(Status)[0]


def read(client: Client, place: Place, timeout: float) -> Snapshot:
    """Ask what the screen shows, of one snapshot of the database.

    A statement may take `timeout` seconds. Raises UnavailableError when one takes longer or there
    is no database, NotFoundError when there is no such task or step, TaskerError when the role may
    not read, or tasker-sql is not installed there.
    """
    began = time.perf_counter()
    answers = _answers(client, place, QUESTIONS[place.screen], timeout)
    return Snapshot(place, answers, time.perf_counter() - began)


def texts(client: Client, place: Place, timeout: float) -> tuple[Any, Sequence[StepText]]:
    """The input of a task, and the results and errors of its steps, or of the one step.

    Raises as `read` does.
    """
    found = _answers(client, place, (INPUT, TEXTS), timeout)
    return found[TaskInput][0].context, found[StepText]


def who_blocks(client: Client) -> str:
    """Why a question got no answer in time: who holds a lock for which it may have waited."""
    try:
        with client.limited(WITHIN), client.transaction() as connection:
            found = ask(connection, BLOCKERS.sql.encode(), row=Blocker)
    except (TaskerError, UnavailableError) as error:
        return f"and nobody can be asked who holds a lock: {error}"
    told = []
    for one in found:
        since = f" for {span(one.since)}" if one.since is not None else ""
        who = f"{one.application or 'unnamed'}, role {one.role}, {one.state}{since}"
        wait = f", {one.sessions} wait for it" if one.sessions else ""
        told.append(f"pid {one.pid} holds a lock ({who}{wait}): {one.query}")
    return "; ".join(told) or "nobody holds a lock that stands in the way: the server may be busy"


def _answers(
    client: Client, place: Place, questions: Sequence[Question], timeout: float
) -> dict[type[Any], Sequence[Any]]:
    try:
        return dict(_asked(client, place, questions, timeout))
    except TooSlowError as error:
        raise UnavailableError(str(error)) from error


def _asked(
    client: Client, place: Place, questions: Sequence[Question], timeout: float
) -> Iterator[tuple[type[Any], Sequence[Any]]]:
    """The answers of one snapshot of the database, by the types of their rows."""
    arguments = {"task": place.task_uuid, "step": place.uuid}
    steps = 0
    with client.transaction() as connection:
        connection.execute("set transaction isolation level repeatable read, read only")
        limit = 0
        for question in questions:
            if question.most_steps is not None and steps > question.most_steps:
                continue
            milliseconds = max(1, round(max(timeout, question.least) * 1000))
            if milliseconds != limit:
                connection.execute(f"set local statement_timeout = {milliseconds}".encode())
                limit = milliseconds
            rows = ask(connection, question.sql.encode(), arguments, question.row)
            steps += sum(row.total_steps for row in rows if isinstance(row, TaskHead))
            yield question.row, rows
