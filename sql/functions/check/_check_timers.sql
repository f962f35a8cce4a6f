create or replace function tasker._check_timers (p_task_id bigint)
  returns table (invariant text, severity text, id bigint, detail text)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_custom_plan
as $$
-- Timers against the steps: exactly those have one that wait for a moment to be enqueued: retries,
-- sleeping steps, and first steps of tasks with run_at.
--
-- Returns  the violations; id is a step_id
-- Calls    _recovery_grace
#variable_conflict use_column
declare
  v_first constant bigint := tasker._id_of_task(coalesce(p_task_id, 0));
  v_last  constant bigint := tasker._id_of_task(coalesce(p_task_id, 4398046511103) + 1);
  v_now   constant timestamptz := tasker._now();
  v_grace constant interval := tasker._recovery_grace();
begin
  return query
  select 'only a waiting step has a timer', 'safety', timer.step_id,
         format('due %s, the step is %s', timer.due_at, coalesce(step.state::text, 'missing'))
    from tasker.timers as timer
    left join tasker.steps as step on step.step_id = timer.step_id
   where timer.step_id > v_first
     and timer.step_id < v_last
     and (step.state = 'waiting_for_retry'
          or step.state = 'waiting' and exists (
               select from tasker.waits as wait
                where wait.step_id = step.step_id and wait.kind = 'sleep')
          or step.state = 'pending' and step.waiting_parents = 0) is not true
  union all
  select 'a step that waits for nobody has a timer', 'safety', step.step_id, step.state::text
    from tasker.steps as step
   where step.step_id > v_first
     and step.step_id < v_last
     and (step.state = 'waiting_for_retry'
          or step.state = 'waiting' and exists (
               select from tasker.waits as wait
                where wait.step_id = step.step_id and wait.kind = 'sleep')
          or step.state = 'pending' and step.waiting_parents = 0)
     and not exists (select from tasker.timers as timer where timer.step_id = step.step_id)
     and not exists (select from tasker.undecided as undecided
                      where undecided.step_id = step.step_id)
  union all
  select 'a timer fires', 'convergence', timer.step_id, format('due %s', timer.due_at)
    from tasker.timers as timer
   where timer.step_id > v_first
     and timer.step_id < v_last
     and (not isfinite(timer.due_at) or timer.due_at < v_now - v_grace);
end;
$$;

comment on function tasker._check_timers is 'check_invariants: timers against the steps.';
