create or replace function tasker._check_dead_steps (p_task_id bigint)
  returns table (invariant text, severity text, id bigint, detail text)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_custom_plan
as $$
-- The list of dead steps against the steps: those in error, unless their task was cancelled or
-- resolved.
--
-- Returns  the violations; id is a step_id
#variable_conflict use_column
declare
  v_first constant bigint := tasker._id_of_task(coalesce(p_task_id, 0));
  v_last  constant bigint := tasker._id_of_task(coalesce(p_task_id, 4398046511103) + 1);
begin
  return query
  select 'a failed step is listed until it is dealt with', 'safety',
         coalesce(failed.step_id, dead.step_id),
         case when dead.step_id is null then 'in error, and not listed'
              else 'listed, and not in error' end
    from (select step.step_id
            from tasker.steps as step
            join tasker.tasks as task on task.task_id = tasker._task_of(step.step_id)
           where step.step_id > v_first
             and step.step_id < v_last
             and step.state = 'error'
             and task.state not in ('cancelled', 'resolved_manually')) as failed
    full join (select dead.step_id
                 from tasker.dead_steps as dead
                where dead.step_id > v_first
                  and dead.step_id < v_last) as dead on dead.step_id = failed.step_id
   where failed.step_id is null
      or dead.step_id is null;
end;
$$;

comment on function tasker._check_dead_steps is 'check_invariants: the list of dead steps against the steps.';
