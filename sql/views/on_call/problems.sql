create or replace view tasker.problems as
select found.severity,
       found.code,
       found.subject,
       found.since,
       found.problem,
       found.cure
  from tasker._problems() as found
 order by found.severity, found.since desc nulls last, found.code, found.subject;

comment on view tasker.problems is
'What is wrong now, the worst first, among equals the newest, each with its cure; empty when all is well. Reads open work, never history, and answers while tables are locked. Codes: blocked_by, queue_missing, no_worker, slots_full, queue_behind, messages_unprocessed, stale_claim, timers_overdue, outcomes_unprocessed, task_unfinalized, dead_letters, step_runs_long, task_stuck (of the oldest 300 open tasks), requests_refused, paused (for more than an hour), runner_lost, breaker_open, late_writes, vacuum_held_back, bloat. All invariants: check_invariants().';
comment on column tasker.problems.severity is 'critical: work stands still. warning: it needs somebody, or soon will.';
comment on column tasker.problems.code is 'What kind of problem.';
comment on column tasker.problems.subject is 'Where: a namespace, queue, worker, task, step, runner, session or table.';
comment on column tasker.problems.since is 'Since when, where that is known.';
comment on column tasker.problems.problem is 'What is wrong, in a sentence.';
comment on column tasker.problems.cure is 'The statement, or command, that mends it.';
