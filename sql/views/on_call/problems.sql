create or replace view tasker.problems as
select found.severity,
       found.code,
       found.subject,
       found.since,
       found.problem,
       found.cure,
       found.amount,
       known.acknowledged_by,
       known.reason as acknowledged_reason,
       known.until as acknowledged_until
  from tasker._problems() as found
  left join tasker._acknowledged() as known
    on known.code = found.code
   and known.subject = found.subject
   and (found.severity = 'warning' or known.severity = 'critical')
   and (found.amount > 2 * known.amount) is not true
   and (found.since > known.acknowledged_at
        and (known.until is null or found.amount is null
             or found.code in ('dead_letters', 'requests_refused'))) is not true
 order by known.code is not null, found.severity, found.since desc nulls last, found.code,
          found.subject;

comment on view tasker.problems is
'What is wrong now, the worst first, among equals the newest, each with its cure; empty when all is well. What somebody has acknowledged comes last, with acknowledged_by; alerts leave it out. Reads open work, never history, and answers while tables are locked. Codes: blocked_by, read_only, too_many_connections, schema_changed, queue_missing, no_worker, slots_full, queue_behind, messages_unprocessed, handler_missing, stale_claim, timers_overdue, outcomes_unprocessed, steps_undecided, waits_overdue, wait_without_end, signals_left, deadline_missed, deadline_near, task_unfinalized, dead_letters, step_runs_long, task_stuck (of the oldest 300 open tasks), requests_refused, schedule_failing, schedules_overdue, paused (for more than an hour), runner_lost, breaker_open, late_writes, pool_unhealthy, reports_refused, disk_full, permission_missing, vacuum_held_back, bloat, answer_incomplete (a lock hides some). docs/on-call.md has a section for each. All invariants: check_invariants().';
comment on column tasker.problems.severity is 'critical: work has stopped, or fails more and more. warning: needs attention.';
comment on column tasker.problems.code is 'What kind of problem.';
comment on column tasker.problems.subject is 'Where: a namespace, queue, worker, task, step, runner, session or table.';
comment on column tasker.problems.since is 'Since when, where that is known; of failures, when the last one was.';
comment on column tasker.problems.problem is 'What is wrong, in a sentence.';
comment on column tasker.problems.cure is 'The statement, or command, that cures it.';
comment on column tasker.problems.amount is 'How much is wrong: steps, messages, sessions; null where it cannot be counted.';
comment on column tasker.problems.acknowledged_by is 'Who knows of it (see acknowledge_problem); null when nobody said so, or it got worse.';
comment on column tasker.problems.acknowledged_reason is 'And what they said.';
comment on column tasker.problems.acknowledged_until is 'Until when; null with acknowledged_by means until it changes.';
