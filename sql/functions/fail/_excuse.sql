create or replace function tasker._excuse (p_step_ids bigint[], p_mild bigint[])
  returns void
  language sql
  set search_path = pg_catalog, pg_temp
as $$
-- Steps with checkpoints have lost an attempt. That of a step in p_mild does not count, nor do
-- those before it in a row that were lost without a checkpoint. What failed counts.
--
-- Locks    nothing: the caller holds the steps
update tasker.steps as step
   set attempt = greatest(step.attempt - 1 - saved.unlucky, 0)
  from tasker.checkpoints as saved
 where step.step_id = any (p_mild)
   and saved.step_id = step.step_id;
update tasker.checkpoints as saved
   set excused = saved.excused
                 + case when saved.step_id = any (p_mild) then 1 + saved.unlucky else 0 end,
       unlucky = case when saved.step_id = any (p_mild) then 0 else saved.unlucky + 1 end
 where saved.step_id = any (p_step_ids);
$$;

comment on function tasker._excuse is 'Steps with checkpoints have lost an attempt: counts it, or not.';
