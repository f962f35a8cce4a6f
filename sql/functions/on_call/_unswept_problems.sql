create or replace function tasker._unswept_problems ()
  returns table (
    severity text, code text, subject text, since timestamptz, problem text, cure text,
    amount bigint
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
-- What a sweep should have dealt with long ago: nobody calls it, or it fails.
--
-- Returns  problems
-- Calls    _is_active, _recovery_grace, _counted, _ago
#variable_conflict use_column
declare
  v_now  constant timestamptz := tasker._now();
  v_late constant timestamptz := v_now - tasker._recovery_grace();
begin
  return query
  with unfinalized as materialized (
    select task.task_uuid, task.finalize_externally, unfinalized.since
      from (select * from tasker.unfinalized_tasks order by task_id limit 100) as unfinalized
      join tasker.tasks as task on task.task_id = unfinalized.task_id
     where unfinalized.since < v_late
       and not tasker._is_active(task.task_id)
  )
  select 'critical', 'stale_claim', format('worker %s', claim.worker), min(claim.lease_until),
         format('its lease of %s ended %s ago, and nobody took it back',
                tasker._counted(sum(cardinality(claim.step_ids)), 'step'),
                tasker._ago(v_now - min(claim.lease_until))),
         'select * from tasker.sweep()', sum(cardinality(claim.step_ids))
    from tasker.claims as claim
   where claim.lease_until < v_late
   group by claim.worker
  union all
  select 'critical', 'timers_overdue', 'timers', min(late.due_at),
         format('%s%s due for up to %s and not enqueued',
                case when count(*) = 1000 then 'at least ' else '' end,
                tasker._counted(count(*), 'step'),
                tasker._ago(v_now - min(late.due_at))),
         'select * from tasker.sweep()', count(*)
    from (select timer.due_at
            from tasker.timers as timer
           where timer.due_at < v_late
           order by timer.due_at
           limit 1000) as late
  having count(*) > 0
  union all
  select 'critical', 'outcomes_unprocessed', 'submissions', min(submission.submitted_at),
         format('%s, up to %s old, not processed',
                tasker._counted(count(*), 'submission'),
                tasker._ago(v_now - min(submission.submitted_at))),
         'select * from tasker.sweep()', count(*)
    from tasker.submissions as submission
   where submission.submitted_at < v_late
  having count(*) > 0
  union all
  select 'critical', 'steps_undecided', format('task %s', task.task_uuid), late.since,
         format('%s of it %s for a decision for up to %s: all before %s has ended',
                tasker._counted(late.amount, 'step'),
                case late.amount when 1 then 'waits' else 'wait' end,
                tasker._ago(v_now - late.since),
                case late.amount when 1 then 'it' else 'them' end),
         'select * from tasker.sweep()', late.amount
    from (select tasker._task_of(undecided.step_id) as task_id, min(undecided.since) as since,
                 count(*) as amount
            from (select * from tasker.undecided order by step_id limit 1000) as undecided
           where undecided.since < v_late
           group by tasker._task_of(undecided.step_id)) as late
    join tasker.tasks as task on task.task_id = late.task_id
  union all
  select 'critical', 'task_unfinalized', format('task %s', task.task_uuid), task.since,
         'nothing is left to run in it, and nobody ended it',
         'select * from tasker.sweep()', null
    from unfinalized as task
   where not task.finalize_externally
  union all
  select 'warning', 'task_unfinalized', format('task %s', task.task_uuid), task.since,
         format('nothing is left to run in it; for %s no processor has finalized it',
                tasker._ago(v_now - task.since)),
         format('select * from tasker.finalize_task(%L)', task.task_uuid), null
    from unfinalized as task
   where task.finalize_externally
     and task.since < v_now - interval '10 minutes';
end;
$$;

comment on function tasker._unswept_problems is 'problems: what a sweep should have dealt with long ago. Looks at 100 unfinalized tasks and 1,000 undecided steps.';
