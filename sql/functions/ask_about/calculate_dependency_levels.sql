create or replace function tasker.calculate_dependency_levels (p_task_uuid uuid)
  returns table (step_uuid uuid, name text, dependency_level integer)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- How deep each step of a task lies in its DAG: 0 for steps without parents, else one more than its
-- deepest parent. Steps of one level can run side by side. A parent's number is smaller, so that
-- one pass suffices.
--
-- Returns  one row per step, in step order
-- Raises   TK002 unknown task, 22023 null
-- Calls    _task_id
#variable_conflict use_column
declare
  v_task_id constant bigint := tasker._task_id(p_task_uuid);
  v_levels  integer[] := array[]::integer[];
  v_link    record;
  v_level   integer;
  v_parent  integer;
begin
  for v_link in
    select link.step_no, link.parents
      from tasker.tasks as task
      join tasker.template_steps as link on link.template_id = task.template_id
     where task.task_id = v_task_id
     order by link.step_no
  loop
    v_level := 0;
    foreach v_parent in array v_link.parents loop
      v_level := greatest(v_level, v_levels[v_parent] + 1);
    end loop;
    v_levels[v_link.step_no] := v_level;
  end loop;
  return query
  select tasker._step_uuid(p_task_uuid, link.step_no), link.name, v_levels[link.step_no]
    from tasker.tasks as task
    join tasker.template_steps as link on link.template_id = task.template_id
   where task.task_id = v_task_id
   order by link.step_no;
end;
$$;

comment on function tasker.calculate_dependency_levels is
'How deep each step of a task lies in its DAG: 0 without parents, else one more than the deepest parent; steps of one level can run side by side. Raises TK002 (unknown task), 22023 (null).';
