"""The queries of the screens, each bounded.

Nothing that is asked again and again reads contexts, results or messages, and nothing is counted
whose size grows with history or with the number of open tasks. The columns of a query are what a
screen shows of a row, in this order: some in its table, the others below it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tasker_sql import costs

MOST: Final = 200  # rows of a list
MOST_STEPS: Final = 1000  # of a task, and up to which it says where its time went
MOST_FORESEEN: Final = 500  # steps of a task whose end is foreseen: of more it takes over 50 ms
MOST_HISTORY: Final = 100  # attempts at a step, and acts of operators
SLOTS: Final = """sum(running)::bigint as running, sum(executors)::bigint as slots,
                    sum(throughput) as per_s, sum(error_rate * throughput)
                      / nullif(sum(throughput), 0) as failing
               from tasker.executor_pools
              where pool = 'task_claimer'"""

# Without the right to write its history, no verb of an operator can be applied.
STATUS: Final = """
select current_database() as database,
       current_user as role,
       tasker._now() as at,
       not pg_is_in_recovery()
         and not current_setting('default_transaction_read_only')::boolean
         and exists (select from pg_proc as verb
                      where verb.oid = 'tasker.retry_step(uuid,text,jsonb)'::regprocedure
                        and has_function_privilege(verb.oid, 'execute')
                        and (verb.prosecdef
                             or has_table_privilege('tasker.operator_actions', 'insert')))
         as may_write"""
PROBLEMS: Final = f"""
select case severity when 'critical' then '‼' else '!' end as mark,
       concat_ws(' ', '(acknowledged by ' || acknowledged_by || ')', problem) as problem,
       cure, severity, code, subject, since,
       acknowledged_by, acknowledged_reason, acknowledged_until
  from tasker.problems limit {MOST}"""
NAMESPACES: Final = f"""
select space.name as what,
       case when space.paused_at is not null then 'paused'
            when queue.missing then 'missing'
            when queue.depth > 0 and served.live_runners = 0 then 'unserved'
            when queue.depth > 0 and pool.running >= pool.slots then 'full'
            when pool.failing >= 0.1 then 'failing'
            else 'ok' end as state,
       queue.depth, queue.oldest_age as oldest, pool.running, pool.slots, pool.per_s,
       round(100 * pool.failing::numeric) || ' %%' as failing,
       'by ' || space.paused_by || ': ' || space.pause_reason as note,
       served.live_runners, space.paused_at
  from tasker.list_namespaces() as space
  join tasker.served_namespaces as served on served.namespace = space.name
  join (select namespace, sum(depth)::bigint as depth, max(oldest_age) as oldest_age,
               bool_or(missing) as missing
          from tasker.queue_depths group by namespace) as queue on queue.namespace = space.name
  left join (select namespace, {SLOTS} group by namespace) as pool
    on pool.namespace = space.name
 order by queue.depth desc nulls last, space.name limit 1000"""
LIVE: Final = f"""
select runner.name as what,
       case when runner.state = 'normal' then runner.status else runner.state end as state,
       pool.running, pool.slots, pool.per_s,
       round(100 * pool.failing::numeric) || ' %%' as failing,
       concat_ws(', ', runner.connections ->> 'used' || ' of ' || (runner.connections ->> 'size')
                         || ' connections',
                 'tasker-sql ' || runner.version) as note,
       runner.seen_at as last_heartbeat, runner.namespaces
  from tasker.known_runners as runner
  left join (select runner, {SLOTS} group by runner) as pool on pool.runner = runner.name
 where runner.is_live
 order by runner.name limit {MOST}"""
QUEUES: Final = """
select queue.queue_name, state.state, state.note, queue.depth, queue.oldest_age,
       served.live_runners, served.slots, queue.namespace, queue.priority,
       case when not queue.depth_is_exact then 'an estimate' end as depth_is, space.paused_at
  from tasker.queue_depths as queue
  left join tasker.list_namespaces() as space on space.name = queue.namespace
  left join tasker.served_namespaces as served on served.namespace = queue.namespace
 cross join lateral (
       select 'missing', 'the table of this queue is gone; the next sweep makes it again'
        where queue.missing
        union all
       select 'paused', 'by ' || space.paused_by || ': ' || space.pause_reason
        where space.paused_at is not null
        union all
       select 'unserved', 'no live runner of tasker-sql serves it (other workers are seen in '
                          'claims alone)'
        where served.live_runners = 0 and queue.depth > 0
        union all
       select 'ok', null
        limit 1) as state (state, note)
 order by queue.namespace nulls last, queue.queue_name limit 1000"""
QUEUED: Final = """
select coalesce(code, state) as code, task_name || '/' || name as step, waited,
       attempt || '/' || max_attempts as attempt,
       coalesce(reason, 'a claim drops its message') as reason, cure, step_uuid
  from tasker.list_queued_steps(p_namespace => %(subject)s, p_limit => 100)"""
TASKS: Final = f"""
select listed.task_uuid, listed.namespace || '/' || listed.name as template, listed.state,
       case when listed.paused and listed.finished_at is null then 'paused'
            else listed.state end as stands,
       counted.completed_steps || '/' || counted.total_steps as done, listed.created_at,
       coalesce(listed.finished_at, tasker._now()) - listed.created_at as took,
       concat_ws(', ', nullif(counted.in_progress_steps, 0) || ' running',
                 nullif(counted.enqueued_steps, 0) || ' enqueued',
                 nullif(counted.waiting_for_retry_steps, 0) || ' retrying',
                 nullif(counted.failed_steps, 0) || ' failed') as steps,
       case when not listed.paused then null
            when space.paused_at is not null then 'its namespace is paused: see queues'
            when template.paused_at is not null then 'its template is paused'
            else 'it is paused' end as paused,
       listed.namespace, listed.name, listed.version, listed.priority, listed.tags,
       listed.initiator, listed.finished_at, template.paused_at as template_paused_at
  from tasker.list_tasks(p_filter => %(filter)s::jsonb, p_limit => {MOST}) as listed
  join tasker.list_templates() as template using (namespace, name, version)
  join tasker.list_namespaces() as space on space.name = listed.namespace
  join tasker.get_task_execution_contexts(p_task_uuids => array(
       select task_uuid from tasker.list_tasks(p_filter => %(filter)s::jsonb, p_limit => {MOST})))
    as counted using (task_uuid)
 order by task_uuid desc"""
TASK: Final = """
select task_uuid, namespace, name, version, state, paused, paused_by, pause_reason, priority,
       initiator, created_at, finished_at, total_steps, completed_steps
  from tasker.get_task(p_task_uuid => %(task)s)"""
STEPS: Final = """
select step_uuid, name, state, attempt, max_attempts,
       left(coalesce(last_error ->> 'message', last_error::text), 500) as error,
       handler, namespace, parents as after, waiting_parents, worker, lease_until,
       last_failure_at, next_retry_at, enqueued_at, started_at, finished_at
  from tasker.get_task_steps(p_task_uuid => %(task)s)"""
WHY_TASK: Final = """
select case when steps > 1 then steps || ' steps, such as ' else '' end || reason as why, cure,
       code, since, until, who, cause_uuid
  from tasker.explain_task(p_task_uuid => %(task)s) limit 50"""
WHY_STEP: Final = """
select reason as why, cure, code, since, until, who, cause_uuid
  from tasker.explain_step(p_step_uuid => %(step)s) limit 50"""
TIMINGS: Final = """
select step_uuid, waiting, queued, backing_off, running, lost, failed, afterwards, finalizing
  from tasker.task_timings(p_task_uuid => %(task)s)"""
PATH: Final = """
select step_uuid, name, state, is_critical, ends_at, is_estimated, slack, task_ends_at, based_on
  from tasker.critical_path(p_task_uuid => %(task)s)"""
ATTEMPTS: Final = f"""
select outcome, attempt, coalesce(ended_at, started_at, enqueued_at) as at,
       run.error, case when retryable then null else 'for good' end as failed, worker,
       started_at - enqueued_at as queued_for, ended_at - started_at as ran_for, enqueued_at,
       started_at, ended_at, next_retry_at
  from tasker.step_attempts(p_step_uuid => %(step)s) with ordinality
 cross join lateral (
       select left(coalesce(nullif(concat_ws(': ', error ->> 'class', error ->> 'message'), ''),
                            error::text), 500) as error) as run
 order by ordinality desc limit {MOST_HISTORY}"""
ACTIONS: Final = f"""
select verb, session_role, at, reason, subject, application
  from tasker.operator_history
 where subject = any (array[%(step)s::text, %(task)s::text])
 order by at desc limit {MOST_HISTORY}"""
ALL_ACTIONS: Final = f"""
select session_role, verb, subject, at, reason, application
  from tasker.operator_history order by action_id desc limit {MOST}"""
CLAIMS: Final = f"""
select worker, namespace, case when is_expired then 'expired' else 'held' end as lease,
       lease_until, claimed_at, step_count, step_uuids[1] as first_step, step_uuids,
       case when is_expired then 'the next sweep takes its steps back' end as expired
  from tasker.live_claims order by lease_until limit {MOST}"""
SCHEDULES: Final = f"""
select schedule.namespace || '/' || schedule.name as schedule, schedule.template,
       coalesce(array_to_string(schedule.cron, ' | '), schedule.every, 'at') as planned,
       schedule.next_tick, schedule.last_tick, schedule.last_outcome, schedule.open_tasks,
       coalesce('paused by ' || schedule.paused_by || ': ' || schedule.pause_reason,
                schedule.description) as note,
       schedule.time_zone, schedule.missed, schedule.overlap, schedule.version,
       schedule.namespace, schedule.name, schedule.paused_at
  from tasker.list_schedules(p_limit => {MOST}) as schedule"""
TICKS: Final = f"""
select tick_at, to_char(wall, 'YYYY-MM-DD HH24:MI') as wall, outcome, task_state,
       detail::text as detail, decided_at, task_uuid
  from tasker.list_ticks(p_namespace => split_part(%(subject)s, '/', 1),
                         p_name => split_part(%(subject)s, '/', 2), p_limit => {MOST})"""
WAITS: Final = f"""
select concat_ws('/', namespace, template, name) as step,
       coalesce(array_to_string(signals, ' or '), kind) as waits_for, prompt, opened_at, until,
       case when wanted > 1 then received || ' of ' || wanted end as received,
       case when until is not null then on_timeout end as then, kind, schema, step_uuid
  from tasker.open_waits(p_limit => {MOST})"""
RUNNERS: Final = f"""
select name as who, case when is_live then status else state end as state,
       case when is_live then connections ->> 'used' || ' of ' || (connections ->> 'size')
                                || ' connections in use'
            else 'its heartbeats ended' end as note,
       case when not is_live then silent_for end as silent_for,
       state as operational_state, host, pid::text as pid, version,
       (connections ->> 'waiting')::float8 as callers_that_wait_on_average, namespaces, handlers,
       role, started_at, seen_at as last_heartbeat
  from tasker.known_runners order by is_live desc, name limit {MOST}"""
POOLS: Final = """
select runner, '  ' || concat_ws(' ', pool, namespace) as who, status as state, executors,
       min_executors || '-' || max_executors as bounds,
       round(100 * utilization::numeric) || ' %%' as busy, throughput as per_s,
       queue_depth as depth,
       concat_ws(', ', nullif(hung, 0) || ' hang', nullif(waiting, 0) || ' wait for a connection',
                 round(100 * nullif(error_rate, 0)::numeric) || ' %% of its calls fail',
                 'was ' || scaled_from || ': ' || scaled_why) as note,
       healthy, unhealthy, running, waiting, hung, done, queue_age, poll, batch, scaled_at,
       decided_at, decision, scaled_up, scaled_down, status_changes
  from tasker.executor_pools order by runner, pool limit 1000"""
BREAKERS: Final = """
select runner, '  breaker ' || breaker as who, breaker, effective_state as state,
       reason as note, forced, wanted,
       failed_in_a_row || ' in a row, ' || failed_calls || ' since it began' as failures,
       opened, changed_at as since, last_error
  from tasker.circuit_breakers order by runner, breaker limit 1000"""
FOREIGN: Final = f"""
select name as who, status as state,
       case when claims > 0 then 'holds ' || steps || case steps when 1 then ' step' else ' steps'
            end else 'waits for work' end as note,
       claims, 'no runner of ours: it is seen by its claims' as kind, namespaces, lease_until
  from tasker.known_workers where kind = 'foreign' order by name limit {MOST}"""
DEAD: Final = f"""
select 'dead' as kind, step.path as what, null as tried, last_at as at,
       step.times || ': ' || sample_error as why,
       step.times || ' of ' || step.path || ' failed for good like this' as steps,
       format('tasker-sql dlq retry --namespace %%s --template %%s --step %%s --fingerprint %%s '
              '--reason ''<why>''', namespace, task_name, name, fingerprint) as cure,
       count, namespace, task_name, name, fingerprint, retryable, first_at, sample_step_uuid
  from tasker.dead_letters
 cross join lateral (
       select concat_ws('/', namespace, task_name, name) as path,
              count || case count when 1 then ' step' else ' steps' end as times) as step
 order by last_at desc limit {MOST}"""
RETRIES: Final = f"""
select 'retry' as kind, concat_ws('/', namespace, task_name, name) as what,
       attempt || '/' || max_attempts as tried, next_retry_at as at,
       concat_ws('; ', case when next_retry_at < tasker._now() - interval '5 s'
                            then 'due, and nobody calls sweep()' end,
                 left(coalesce(error ->> 'message', error::text), 500)) as why,
       step_uuid, failed_at
  from tasker.waiting_retries order by next_retry_at limit {MOST}"""
LATE: Final = """
select 'late' as kind, name as what, attempt::text as tried, refused_at as at,
       concat_ws(', ', worker || ': ' || cause,
                 case when late_by is null then 'it never held the claim' end) as why,
       'it changed nothing' as outcome, late_by, worker, step_uuid, step_state
  from tasker.late_writes order by refused_at desc limit 50"""
REJECTED: Final = """
select 'rejected' as kind, queue_name as what, null as tried, rejected_at as at,
       code || ': ' || left(error, 500) as why,
       msg_id || ' of ' || queue_name || '; read it in tasker.rejected_requests' as message
  from tasker.rejected_requests order by rejection_id desc limit 50"""

# What each screen asks, by the names of the answers. Every one begins with where it is; those that
# are not about one task also ask what is wrong.
WHERE: Final = {"status": STATUS}
ALWAYS: Final = {**WHERE, "problems": PROBLEMS}
QUERIES: Final[Mapping[str, Mapping[str, str]]] = {
    "overview": dict(ALWAYS, activity=costs.ACTIVITY, namespaces=NAMESPACES, live_runners=LIVE),
    "problems": ALWAYS,
    "queues": dict(ALWAYS, queues=QUEUES),
    "tasks": dict(ALWAYS, tasks=TASKS),
    "claims": dict(ALWAYS, claims=CLAIMS),
    "workers": dict(
        ALWAYS, runners=RUNNERS, foreign_workers=FOREIGN, pools=POOLS, breakers=BREAKERS
    ),
    "waits": dict(ALWAYS, waits=WAITS),
    "failures": dict(
        ALWAYS, dead_letters=DEAD, retries=RETRIES, late_writes=LATE, rejected_requests=REJECTED
    ),
    "database": dict(
        ALWAYS, server=costs.SERVER, transactions=costs.TRANSACTIONS, tables=costs.RELATIONS
    ),
    "acts": dict(ALWAYS, acts=ALL_ACTIONS),
    "schedules": dict(ALWAYS, schedules=SCHEDULES),
    "ticks": dict(ALWAYS, ticks=TICKS),
    "queue": dict(ALWAYS, queued=QUEUED),
    "task": dict(
        WHERE,
        task=TASK,
        steps=f"{STEPS} limit {MOST_STEPS}",
        reasons=WHY_TASK,
        timings=TIMINGS,
        path=PATH,
    ),
    "step": dict(
        WHERE,
        task=TASK,
        step=f"{STEPS} where step_uuid = %(step)s",
        reasons=WHY_STEP,
        timings=f"{TIMINGS} where step_uuid = %(step)s",
        attempts=ATTEMPTS,
        acts=ACTIONS,
    ),
}
LEAST: Final = {"problems": 3.0}  # seconds: it waits a moment for each kind while a table is locked
MOST_OF: Final = {
    "timings": MOST_STEPS,
    "path": MOST_FORESEEN,
}  # steps of a task that are asked for
