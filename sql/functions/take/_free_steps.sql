create or replace function tasker._free_steps (p_step_ids bigint[])
  returns bigint[]
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Which of these steps can be started without waiting: neither they nor their tasks are locked by
-- others.
--
-- Returns  their ids
-- Locks    them and their tasks; never waits
declare
  v_steps constant bigint[] := array(
    select step.step_id from tasker.steps as step
     where step.step_id = any (p_step_ids) order by step.step_id for update skip locked);
  v_tasks constant bigint[] := array(
    select task.task_id from tasker.tasks as task
     where task.task_id = any (array(select distinct id >> 20 from unnest(v_steps) as id))
     order by task.task_id for no key update skip locked);
begin
  return array(select id from unnest(v_steps) as id where id >> 20 = any (v_tasks));
end;
$$;

comment on function tasker._free_steps is 'Which of these steps can be started without waiting for anybody. Locks them and their tasks.';
