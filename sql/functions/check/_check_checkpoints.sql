create or replace function tasker._check_checkpoints (p_task_id bigint)
  returns table (invariant text, severity text, id bigint, detail text)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_custom_plan
as $$
-- Checkpoints against the steps: only those have one that may go on from it, and they know that.
--
-- Returns  the violations; id is a step_id
#variable_conflict use_column
declare
  v_first constant bigint := tasker._id_of_task(coalesce(p_task_id, 0));
  v_last  constant bigint := tasker._id_of_task(coalesce(p_task_id, 4398046511103) + 1);
begin
  return query
  select 'a checkpoint is of a step that may go on from it', 'safety', saved.step_id,
         format('checkpoint %s, the step is %s', saved.number,
                coalesce(step.state::text, 'missing'))
    from tasker.checkpoints as saved
    left join tasker.steps as step on step.step_id = saved.step_id
   where saved.step_id > v_first
     and saved.step_id < v_last
     and (step.has_checkpoint
          and (step.finished_at is null or step.state = 'error')) is not true;
end;
$$;

comment on function tasker._check_checkpoints is 'check_invariants: checkpoints against the steps.';
