"""What a screen asks of the database: a fixed list of bounded statements, in one transaction.

Nothing here reads contexts, results or messages, and nothing is counted whose size grows with
history or with the number of open tasks.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, TypeVar
from uuid import UUID

from tasker_sql.client import Client
from tasker_sql.rows import (
    BlamedStep,
    CircuitBreaker,
    DeadLetters,
    ExecutorPool,
    Problem,
    StepReason,
    TaskReason,
)

R = TypeVar("R")

MOST: Final = 200  # rows of a list
MOST_STEPS: Final = 1000  # of a task
MOST_HISTORY: Final = 100  # changes of a step
WRITE_TIMEOUT: Final = 10_000  # milliseconds
STEP_BITS: Final = (1 << 20) - 1  # in which a step's uuid differs from its task's


@dataclass(frozen=True, slots=True)
class Status:
    """Where this comes from, and whether the role may write there."""

    database: str
    role: str
    at: datetime
    may_write: bool


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue, whether its namespace is paused, and who works for it."""

    queue_name: str
    namespace: str | None
    priority: str | None
    depth: int | None
    depth_is_exact: bool | None
    oldest_age: timedelta | None
    missing: bool
    paused_at: datetime | None
    paused_by: str | None
    pause_reason: str | None
    live_runners: int | None
    slots: int | None


@dataclass(frozen=True, slots=True)
class TaskLine:
    """A task of the list."""

    task_uuid: UUID
    namespace: str
    name: str
    version: str
    state: str
    paused: bool
    priority: str
    created_at: datetime
    finished_at: datetime | None
    total_steps: int
    completed_steps: int
    in_progress_steps: int
    enqueued_steps: int
    waiting_for_retry_steps: int
    failed_steps: int


@dataclass(frozen=True, slots=True)
class TaskHead:
    """A task, without its context."""

    task_uuid: UUID
    namespace: str
    name: str
    version: str
    state: str
    paused: bool
    paused_by: str | None
    pause_reason: str | None
    priority: str
    initiator: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    total_steps: int
    completed_steps: int
    completion_percentage: Decimal


@dataclass(frozen=True, slots=True)
class StepLine:
    """A step, without its result; of its last error the words."""

    step_uuid: UUID
    name: str
    namespace: str
    handler: str
    state: str
    attempt: int
    max_attempts: int
    parents: list[str]
    waiting_parents: int
    worker: str | None
    lease_until: datetime | None
    error: str | None
    last_failure_at: datetime | None
    next_retry_at: datetime | None
    enqueued_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a step's state."""

    at: datetime
    from_state: str | None
    to_state: str
    actor: str
    application: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Claim:
    """Who has what in hand, and until when."""

    worker: str
    namespace: str
    claimed_at: datetime
    lease_until: datetime
    is_expired: bool
    step_count: int
    step_uuids: list[UUID]


@dataclass(frozen=True, slots=True)
class Runner:
    """A runner of the last day."""

    name: str
    is_live: bool
    state: str
    status: str
    namespaces: list[str]
    started_at: datetime
    silent_for: timedelta
    host: str
    pid: int
    version: str
    connections: Any


@dataclass(frozen=True, slots=True)
class Retry:
    """A step that waits for its next attempt."""

    step_uuid: UUID
    namespace: str
    task_name: str
    name: str
    attempt: int
    max_attempts: int
    next_retry_at: datetime
    failed_at: datetime | None
    error: str | None


@dataclass(frozen=True, slots=True)
class LateWrite:
    """An outcome that came after its claim was lost, and changed nothing."""

    refused_at: datetime
    step_uuid: UUID
    name: str
    worker: str
    attempt: int | None
    cause: str
    late_by: timedelta | None
    step_state: str


@dataclass(frozen=True, slots=True)
class Rejection:
    """A message to an orchestration queue that could not be carried out, without the message."""

    rejected_at: datetime
    queue_name: str
    msg_id: int
    code: str
    error: str


@dataclass(frozen=True, slots=True)
class DatabaseHealth:
    """The server, as it judges itself."""

    version: str
    is_standby: bool
    started_at: datetime
    connections: int
    active_connections: int
    max_connections: int
    idle_in_transaction: int
    waiting_for_locks: int
    oldest_transaction_at: datetime | None
    commits: int
    rollbacks: int
    deadlocks: int
    cache_hits: float | None
    size: int


@dataclass(frozen=True, slots=True)
class Transaction:
    """A session with an open transaction; what it holds back, vacuum cannot clean."""

    pid: int
    application: str
    role: str | None
    state: str | None
    began_at: datetime | None
    waits_for: str | None
    blocked_by: list[int]


@dataclass(frozen=True, slots=True)
class Relation:
    """A table of ours, as the statistics know it."""

    table: str
    size: int
    live_rows: int
    dead_rows: int
    vacuumed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Question:
    """One statement: the columns of `row`, from a source that is bounded by itself."""

    name: str
    row: type[Any]
    source: str
    columns: Mapping[str, str]  # those that are not just a name

    @property
    def sql(self) -> str:
        names = [field.name for field in fields(self.row)]
        chosen = [f"{self.columns[n]} as {n}" if n in self.columns else n for n in names]
        return f"select {', '.join(chosen)} {self.source}"


def _ask(name: str, row: type[Any], source: str, /, **columns: str) -> Question:
    return Question(name, row, source, columns)


# Without the right to write its history, no verb of an operator can be carried out.
STATUS: Final = _ask(
    "status",
    Status,
    "",
    database="current_database()",
    role="current_user",
    at="clock_timestamp()",
    may_write="""
    not pg_is_in_recovery()
    and not current_setting('default_transaction_read_only')::boolean
    and exists (select from pg_proc as verb
                 where verb.oid = 'tasker.retry_step(uuid,text)'::regprocedure
                   and has_function_privilege(verb.oid, 'execute')
                   and (verb.prosecdef
                        or has_table_privilege('tasker.operator_actions', 'insert')))""",
)
PROBLEMS: Final = _ask(
    "problems", Problem, f"from tasker.problems order by severity, since nulls last limit {MOST}"
)
QUEUES: Final = _ask(
    "queues",
    Queue,
    """from tasker.queue_depths as queue
  left join tasker.list_namespaces() as space on space.name = queue.namespace
  left join tasker.served_namespaces as served on served.namespace = queue.namespace
 order by queue.namespace nulls last, queue.queue_name limit 1000""",
    queue_name="queue.queue_name",
    namespace="queue.namespace",
)
TASKS: Final = _ask(
    "tasks",
    TaskLine,
    f"""from tasker.list_tasks(p_limit => {MOST}) as listed
  join tasker.get_task_execution_contexts(p_task_uuids => array(
       select task_uuid from tasker.list_tasks(p_limit => {MOST}))) as counted using (task_uuid)
 order by task_uuid desc""",
    paused="listed.paused",
)
TASK: Final = _ask("task", TaskHead, "from tasker.get_task(p_task_uuid => %(task)s)")
STEPS: Final = _ask(
    "steps",
    StepLine,
    f"from tasker.get_task_steps(p_task_uuid => %(task)s) limit {MOST_STEPS}",
    error="left(coalesce(last_error ->> 'message', last_error::text), 500)",
)
WHY_TASK: Final = _ask(
    "reasons", TaskReason, "from tasker.explain_task(p_task_uuid => %(task)s) limit 50"
)
BLAME_TASK: Final = _ask(
    "blame", BlamedStep, f"from tasker.blame_task(p_task_uuid => %(task)s) limit {MOST_STEPS}"
)
BLAME_STEP: Final = _ask(
    "blame",
    BlamedStep,
    "from tasker.blame_task(p_task_uuid => %(task)s) where step_uuid = %(step)s",
)
STEP: Final = _ask(
    "step",
    StepLine,
    "from tasker.get_task_steps(p_task_uuid => %(task)s) where step_uuid = %(step)s",
    **STEPS.columns,
)
WHY_STEP: Final = _ask(
    "reasons", StepReason, "from tasker.explain_step(p_step_uuid => %(step)s) limit 50"
)
CHANGES: Final = _ask(
    "history",
    Change,
    f"""from tasker.step_transitions
 where task_uuid = %(task)s and step_uuid = %(step)s
 order by transition_id desc, position desc limit {MOST_HISTORY}""",
)
CLAIMS: Final = _ask("claims", Claim, f"from tasker.live_claims order by lease_until limit {MOST}")
RUNNERS: Final = _ask(
    "runners", Runner, f"from tasker.known_runners order by is_live desc, name limit {MOST}"
)
POOLS: Final = _ask(
    "pools", ExecutorPool, "from tasker.executor_pools order by runner, pool limit 1000"
)
BREAKERS: Final = _ask(
    "breakers", CircuitBreaker, "from tasker.circuit_breakers order by runner, breaker limit 1000"
)
DEAD: Final = _ask(
    "dead_letters", DeadLetters, f"from tasker.dead_letters order by last_at desc limit {MOST}"
)
RETRIES: Final = _ask(
    "retries",
    Retry,
    f"from tasker.waiting_retries order by next_retry_at limit {MOST}",
    error="left(coalesce(error ->> 'message', error::text), 500)",
)
LATE: Final = _ask(
    "late_writes", LateWrite, "from tasker.late_writes order by refused_at desc limit 50"
)
REJECTED: Final = _ask(
    "rejected_requests",
    Rejection,
    "from tasker.rejected_requests order by rejection_id desc limit 50",
    error="left(error, 500)",
)
SERVER: Final = _ask(
    "server",
    DatabaseHealth,
    """from pg_stat_database as base,
       (select count(*) as sessions,
               count(*) filter (where state = 'active') as active,
               count(*) filter (where state like 'idle in transaction%%') as idle,
               count(*) filter (where wait_event_type = 'Lock') as waiting,
               min(xact_start) filter (where pid <> pg_backend_pid()) as oldest
          from pg_stat_activity where datname = current_database()) as session
 where base.datname = current_database()""",
    version="current_setting('server_version')",
    is_standby="pg_is_in_recovery()",
    started_at="pg_postmaster_start_time()",
    connections="session.sessions",
    active_connections="session.active",
    max_connections="current_setting('max_connections')::integer",
    idle_in_transaction="session.idle",
    waiting_for_locks="session.waiting",
    oldest_transaction_at="session.oldest",
    commits="base.xact_commit",
    rollbacks="base.xact_rollback",
    cache_hits="100.0 * base.blks_hit / nullif(base.blks_hit + base.blks_read, 0)",
    size="pg_database_size(base.datid)",
)
TRANSACTIONS: Final = _ask(
    "transactions",
    Transaction,
    """from pg_stat_activity
 where datname = current_database() and xact_start is not null and pid <> pg_backend_pid()
 order by xact_start limit 10""",
    application="application_name",
    role="usename",
    began_at="xact_start",
    waits_for="wait_event_type || ': ' || wait_event",
    blocked_by="pg_blocking_pids(pid)",
)
RELATIONS: Final = _ask(
    "tables",
    Relation,
    """from pg_stat_user_tables where schemaname in ('tasker', 'pgmq')
 order by pg_total_relation_size(relid) desc, 1 limit 20""",
    table="schemaname || '.' || relname",
    size="pg_total_relation_size(relid)",
    live_rows="n_live_tup",
    dead_rows="n_dead_tup",
    vacuumed_at="greatest(last_vacuum, last_autovacuum)",
)

# What each screen asks. Every one begins with where it is; those that are not about one task tell
# what is wrong, too.
ALWAYS: Final = (STATUS, PROBLEMS)
QUESTIONS: Final[Mapping[str, tuple[Question, ...]]] = {
    "problems": ALWAYS,
    "queues": (*ALWAYS, QUEUES),
    "tasks": (*ALWAYS, TASKS),
    "task": (STATUS, TASK, STEPS, WHY_TASK, BLAME_TASK),
    "step": (STATUS, TASK, STEP, WHY_STEP, BLAME_STEP, CHANGES),
    "claims": (*ALWAYS, CLAIMS),
    "workers": (*ALWAYS, RUNNERS, POOLS, BREAKERS),
    "failures": (*ALWAYS, DEAD, RETRIES, LATE, REJECTED),
    "database": (*ALWAYS, SERVER, TRANSACTIONS, RELATIONS),
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
    """The answers for one place, of one moment; `seconds` is how long the database took."""

    place: Place
    answers: Mapping[type[Any], Sequence[Any]]
    seconds: float

    def of(self, row: type[R]) -> Sequence[R]:
        """The rows of one kind."""
        return self.answers.get(row, ())

    @property
    def status(self) -> Status:
        return self.of(Status)[0]


class Source:
    """Reads and writes over one connection, opened again when it was lost."""

    def __init__(self, connect: Callable[[], Client], timeout: float) -> None:
        self._connect = connect
        self._timeout = timeout
        self._client: Client | None = None
        self._lock = threading.Lock()

    def read(self, place: Place) -> Snapshot:
        """As the function `read`."""
        with self._lock, self._connected() as client:
            return read(client, place, self._timeout)

    def run(self, statement: str) -> str:
        """Run one statement that an operator has seen, and tell its answer in a line.

        Raises as `read` does; after UnavailableError nobody knows whether it was carried out.
        """
        with self._lock, self._connected() as client, client.transaction() as connection:
            connection.execute(f"set local statement_timeout = {WRITE_TIMEOUT}".encode())
            cursor = connection.execute(statement.encode(), binary=True)  # refuses a second one
            row = cursor.fetchone()
            names = [column.name for column in cursor.description or ()]
            return ", ".join(f"{n} {v}" for n, v in zip(names, row or (), strict=False))

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    @contextmanager
    def _connected(self) -> Iterator[Client]:
        if self._client is None:
            self._client = self._connect()
        try:
            yield self._client
        finally:
            if not self._client.usable:
                self.close()


def read(client: Client, place: Place, timeout: float) -> Snapshot:
    """Ask what the screen shows, of one snapshot of the database.

    A statement may take `timeout` seconds. Raises UnavailableError when one takes longer or there
    is no database, NotFoundError when there is no such task or step, TaskerError when the role may
    not read, or tasker-sql is not installed there.
    """
    arguments = {"task": place.task_uuid, "step": place.uuid}
    answers: dict[type[Any], Sequence[Any]] = {}
    began = time.perf_counter()
    with client.transaction() as connection:
        connection.execute("set transaction isolation level repeatable read, read only")
        milliseconds = max(1, round(timeout * 1000))
        connection.execute(f"set local statement_timeout = {milliseconds}".encode())
        for question in QUESTIONS[place.screen]:
            rows = connection.execute(question.sql.encode(), arguments).fetchall()
            answers[question.row] = [question.row(*row) for row in rows]
    return Snapshot(place, answers, time.perf_counter() - began)
