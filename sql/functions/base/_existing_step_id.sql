create or replace function tasker._existing_step_id (p_step_uuid uuid)
  returns bigint
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- The id of a step that exists.
--
-- Raises   22023 for null, TK002 when there is no such step
declare
  v_step_id constant bigint := tasker._step_id(p_step_uuid);
begin
  perform from tasker.tasks as task
   where task.task_id = tasker._task_of(v_step_id)
     and task.task_uuid = tasker._task_uuid(p_step_uuid)
     and exists (select from tasker.steps as step where step.step_id = v_step_id);
  if found then
    return v_step_id;
  end if;
  if p_step_uuid is null then
    raise exception 'a step is needed' using errcode = '22023', detail = 'p_step_uuid is null';
  end if;
  raise exception 'step not found' using errcode = 'TK002', detail = format('step %s', p_step_uuid);
end;
$$;

comment on function tasker._existing_step_id is 'The id of an existing step by its uuid. Raises 22023 (null), TK002 (unknown).';
