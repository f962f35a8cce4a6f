"""The queries of the screens, each bounded.

Nothing that is asked again and again reads contexts, results or messages, and nothing is counted
whose size grows with history or with the number of open tasks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from tasker_sql import rows as public
from tasker_sql.top import rows

MOST: Final = 200  # rows of a list
MOST_STEPS: Final = 1000  # of a task, and up to which it is told where its time went
MOST_FORESEEN: Final = 500  # steps of a task whose end is foreseen: of more it takes over 50 ms
MOST_HISTORY: Final = 100  # attempts at a step, and acts of operators


@dataclass(frozen=True, slots=True)
class Query:
    """One statement: the columns of `row`, from a source that is bounded by itself. It is not asked
    of a task with more than `most_steps`."""

    name: str
    row: type[Any]
    source: str
    columns: Mapping[str, str]  # those that are not just a name
    most_steps: int | None = None
    least: float = 0.0  # seconds that it gets, however few are given

    @property
    def sql(self) -> str:
        names = self.row.__match_args__
        chosen = [f"{self.columns[n]} as {n}" if n in self.columns else n for n in names]
        return f"select {', '.join(chosen)} {self.source}"


def _ask(name: str, row: type[Any], source: str, /, **columns: str) -> Query:
    return Query(name, row, source, columns)


# Without the right to write its history, no verb of an operator can be applied.
STATUS: Final = _ask(
    "status",
    rows.Identity,
    "",
    database="current_database()",
    role="current_user",
    at="tasker._now()",
    may_write="""
    not pg_is_in_recovery()
    and not current_setting('default_transaction_read_only')::boolean
    and exists (select from pg_proc as verb
                 where verb.oid = 'tasker.retry_step(uuid,text,jsonb)'::regprocedure
                   and has_function_privilege(verb.oid, 'execute')
                   and (verb.prosecdef
                        or has_table_privilege('tasker.operator_actions', 'insert')))""",
)
PROBLEMS: Final = replace(
    _ask(
        "problems",
        public.Problem,
        f"from tasker.problems limit {MOST}",
    ),
    least=3.0,  # while a table is locked, it waits a moment for each kind of problem
)
QUEUES: Final = _ask(
    "queues",
    rows.QueueLine,
    """from tasker.queue_depths as queue
  left join tasker.list_namespaces() as space on space.name = queue.namespace
  left join tasker.served_namespaces as served on served.namespace = queue.namespace
 order by queue.namespace nulls last, queue.queue_name limit 1000""",
    queue_name="queue.queue_name",
    namespace="queue.namespace",
)
TASKS: Final = _ask(
    "tasks",
    rows.TaskLine,
    f"""from tasker.list_tasks(p_limit => {MOST}) as listed
  join tasker.get_task_execution_contexts(p_task_uuids => array(
       select task_uuid from tasker.list_tasks(p_limit => {MOST}))) as counted using (task_uuid)
  join tasker.list_templates() as template using (namespace, name, version)
  join tasker.list_namespaces() as space on space.name = listed.namespace
 order by task_uuid desc""",
    paused="listed.paused",
    name="listed.name",
    created_at="listed.created_at",
    template_paused="template.paused_at is not null",
    namespace_paused="space.paused_at is not null",
)
TASK: Final = _ask("task", rows.TaskHead, "from tasker.get_task(p_task_uuid => %(task)s)")
STEPS: Final = _ask(
    "steps",
    rows.StepLine,
    f"from tasker.get_task_steps(p_task_uuid => %(task)s) limit {MOST_STEPS}",
    error="left(coalesce(last_error ->> 'message', last_error::text), 500)",
)
WHY_TASK: Final = _ask(
    "reasons", public.TaskReason, "from tasker.explain_task(p_task_uuid => %(task)s) limit 50"
)
TASK_TIMINGS: Final = replace(
    _ask("timings", public.StepTimings, "from tasker.task_timings(p_task_uuid => %(task)s)"),
    most_steps=MOST_STEPS,
)
STEP_TIMINGS: Final = replace(
    TASK_TIMINGS, source=f"{TASK_TIMINGS.source} where step_uuid = %(step)s"
)
PATH: Final = replace(
    _ask("path", public.PathStep, "from tasker.critical_path(p_task_uuid => %(task)s)"),
    most_steps=MOST_FORESEEN,
)
STEP: Final = _ask(
    "step",
    rows.StepLine,
    "from tasker.get_task_steps(p_task_uuid => %(task)s) where step_uuid = %(step)s",
    **STEPS.columns,
)
WHY_STEP: Final = _ask(
    "reasons", public.StepReason, "from tasker.explain_step(p_step_uuid => %(step)s) limit 50"
)
ATTEMPTS: Final = _ask(
    "attempts",
    public.StepAttempt,
    f"""from tasker.step_attempts(p_step_uuid => %(step)s) with ordinality
 order by ordinality desc limit {MOST_HISTORY}""",
    error="""left(coalesce(nullif(concat_ws(': ', error ->> 'class', error ->> 'message'), ''),
                     error::text), 500)""",
)
ACTIONS: Final = _ask(
    "acts",
    rows.OperatorAction,
    f"""from tasker.operator_history
 where subject = any (array[%(step)s::text, %(task)s::text])
 order by at desc limit {MOST_HISTORY}""",
)
ALL_ACTIONS: Final = _ask(
    "acts",
    rows.OperatorAction,
    f"from tasker.operator_history order by action_id desc limit {MOST}",
)
CLAIMS: Final = _ask(
    "claims", rows.ClaimLine, f"from tasker.live_claims order by lease_until limit {MOST}"
)
FOREIGN: Final = _ask(
    "foreign_workers",
    public.KnownWorker,
    f"from tasker.known_workers where kind = 'foreign' order by name limit {MOST}",
)
RUNNERS: Final = _ask(
    "runners",
    public.KnownRunner,
    f"from tasker.known_runners order by is_live desc, name limit {MOST}",
)
POOLS: Final = _ask(
    "pools", public.ExecutorPool, "from tasker.executor_pools order by runner, pool limit 1000"
)
BREAKERS: Final = _ask(
    "breakers",
    public.KnownBreaker,
    "from tasker.circuit_breakers order by runner, breaker limit 1000",
)
DEAD: Final = _ask(
    "dead_letters",
    public.DeadLetters,
    f"from tasker.dead_letters order by last_at desc limit {MOST}",
)
RETRIES: Final = _ask(
    "retries",
    rows.WaitingRetry,
    f"from tasker.waiting_retries order by next_retry_at limit {MOST}",
    error="left(coalesce(error ->> 'message', error::text), 500)",
)
LATE: Final = _ask(
    "late_writes", rows.LateOutcome, "from tasker.late_writes order by refused_at desc limit 50"
)
REJECTED: Final = _ask(
    "rejected_requests",
    rows.RejectedRequest,
    "from tasker.rejected_requests order by rejection_id desc limit 50",
    error="left(error, 500)",
)
SERVER: Final = _ask(
    "server",
    rows.ServerHealth,
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
    rows.OpenTransaction,
    """from pg_stat_activity
 where datname = current_database() and xact_start is not null and pid <> pg_backend_pid()
 order by xact_start limit 10""",
    application="application_name",
    role="usename",
    began_at="xact_start",
    waits_for="wait_event_type || ': ' || wait_event",
    blocked_by="pg_blocking_pids(pid)",
    address="host(client_addr)",
    query="left(query, 200)",
)
RELATIONS: Final = _ask(
    "tables",
    rows.TableSize,
    """from pg_stat_user_tables where schemaname in ('tasker', 'pgmq')
 order by pg_total_relation_size(relid) desc, 1 limit 20""",
    table="schemaname || '.' || relname",
    size="pg_total_relation_size(relid)",
    live_rows="n_live_tup",
    dead_rows="n_dead_tup",
    vacuumed_at="greatest(last_vacuum, last_autovacuum)",
)


# What each screen asks. Every one begins with where it is; those that are not about one task also
# ask what is wrong.
ALWAYS: Final = (STATUS, PROBLEMS)
QUERIES: Final[Mapping[str, tuple[Query, ...]]] = {
    "problems": ALWAYS,
    "queues": (*ALWAYS, QUEUES),
    "tasks": (*ALWAYS, TASKS),
    "task": (STATUS, TASK, STEPS, WHY_TASK, TASK_TIMINGS, PATH),
    "step": (STATUS, TASK, STEP, WHY_STEP, STEP_TIMINGS, ATTEMPTS, ACTIONS),
    "claims": (*ALWAYS, CLAIMS),
    "workers": (*ALWAYS, RUNNERS, FOREIGN, POOLS, BREAKERS),
    "failures": (*ALWAYS, DEAD, RETRIES, LATE, REJECTED),
    "database": (*ALWAYS, SERVER, TRANSACTIONS, RELATIONS),
    "acts": (*ALWAYS, ALL_ACTIONS),
}
