create or replace function tasker.pause_task (p_task_uuid uuid, p_reason text)
  returns table (paused boolean, changed boolean)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Stops handing out steps of one task. What runs goes on.
--
-- Returns  one row; changed is false when it was paused already
-- Raises   TK002, 22023 without a reason
-- Locks    the task
#variable_conflict use_column
declare
  v_task_id constant bigint := tasker._task_id(p_task_uuid);
  v_now     constant timestamptz := tasker._now();
  v_changed boolean;
begin
  perform tasker._check_reason(p_reason);
  update tasker.tasks
     set paused_at    = v_now,
         paused_by    = session_user,
         pause_reason = p_reason
   where task_id = v_task_id
     and paused_at is null;
  v_changed := found;
  if v_changed then
    perform tasker._operator('pause_task', p_task_uuid::text, p_reason, v_now);
  end if;
  return query select true, v_changed;
end;
$$;

comment on function tasker.pause_task is
'Stops handing out steps of one task; running ones go on. The reason is recorded. Safe to repeat. Raises TK002, 22023 (no reason).';
