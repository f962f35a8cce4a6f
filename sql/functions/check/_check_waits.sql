create or replace function tasker._check_waits (p_task_id bigint)
  returns table (invariant text, severity text, id bigint, detail text)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_custom_plan
as $$
-- Waits and alarms against the steps. A condition is looked at while its wait is open.
--
-- Returns  the violations; id is a step_id (step_no 0: the task)
-- Calls    _recovery_grace
#variable_conflict use_column
declare
  v_first constant bigint := tasker._id_of_task(coalesce(p_task_id, 0));
  v_last  constant bigint := tasker._id_of_task(coalesce(p_task_id, 4398046511103) + 1);
  v_now   constant timestamptz := tasker._now();
  v_grace constant interval := tasker._recovery_grace();
begin
  return query
  select 'a waiting step has its wait', 'safety', step.step_id, 'it has none'
    from tasker.steps as step
   where step.step_id > v_first
     and step.step_id < v_last
     and step.state = 'waiting'
     and not exists (select from tasker.waits as wait where wait.step_id = step.step_id)
  union all
  select 'only a waiting step has a wait', 'safety', wait.step_id,
         format('for %s since %s, the step is %s', wait.kind, wait.opened_at,
                coalesce(step.state::text, 'missing'))
    from tasker.waits as wait
    left join tasker.steps as step on step.step_id = wait.step_id
   where wait.step_id > v_first
     and wait.step_id < v_last
     and (step.state = 'waiting'
          or wait.kind = 'condition'
             and step.state in ('enqueued', 'in_progress', 'waiting_for_retry')) is not true
  union all
  select 'a wait that ends by itself has an alarm', 'safety', wait.step_id,
         format('for %s until %s', wait.kind, wait.until)
    from tasker.waits as wait
   where wait.step_id > v_first
     and wait.step_id < v_last
     and wait.kind <> 'sleep'
     and wait.until is not null
     and not exists (select from tasker.alarms as alarm
                      where alarm.step_id = wait.step_id
                        and alarm.kind = 'wait'
                        and alarm.due_at = wait.until)
  union all
  select 'only an open step has alarms', 'safety', alarm.step_id,
         format('%s at %s, the step is %s', alarm.kind, alarm.due_at,
                coalesce(step.state::text, 'missing'))
    from tasker.alarms as alarm
    left join tasker.steps as step on step.step_id = alarm.step_id
   where alarm.step_id > v_first
     and alarm.step_id < v_last
     and tasker._step_no(alarm.step_id) <> 0
     and (step.finished_at is null and step.step_id is not null) is not true
  union all
  select 'an alarm rings', 'convergence', alarm.step_id,
         format('%s at %s', alarm.kind, alarm.due_at)
    from tasker.alarms as alarm
   where alarm.step_id >= v_first
     and alarm.step_id < v_last
     and (not isfinite(alarm.due_at) or alarm.due_at < v_now - v_grace);
end;
$$;

comment on function tasker._check_waits is 'check_invariants: waits and alarms against the steps.';
