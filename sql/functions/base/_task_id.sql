create or replace function tasker._task_id (p_task_uuid uuid)
  returns bigint
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- The id of a task that exists.
--
-- Raises   22023 for null, TK002 when there is no such task
declare
  v_task_id constant bigint := tasker._task_of(tasker._step_id(p_task_uuid));
begin
  perform from tasker.tasks as task where task.task_id = v_task_id and task.task_uuid = p_task_uuid;
  if found then
    return v_task_id;
  end if;
  if p_task_uuid is null then
    raise exception 'a task is needed' using errcode = '22023', detail = 'p_task_uuid is null';
  end if;
  raise exception 'task not found' using errcode = 'TK002', detail = format('task %s', p_task_uuid);
end;
$$;

comment on function tasker._task_id is 'The id of an existing task by its uuid. Raises 22023 (null), TK002 (unknown).';
