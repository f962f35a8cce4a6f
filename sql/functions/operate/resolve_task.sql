create or replace function tasker.resolve_task (p_task_uuid uuid, p_reason text)
  returns table (task_uuid uuid, task_state text, cancelled_steps integer)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Resolves a task that an operator has dealt with outside the engine: open steps are cancelled, and
-- it counts as done.
--
-- Returns  one row; cancelled_steps is 0 when the call is repeated
-- Raises   TK002 unknown task, TK003 when it has ended otherwise, 22023 without a reason
-- Locks    its open steps in id order, their timers, the task
-- Calls    _close_task, _operator
#variable_conflict use_column
declare
  v_task_id constant bigint := tasker._task_id(p_task_uuid);
  v_now     constant timestamptz := tasker._now();
  v_count   integer;
begin
  perform tasker._check_reason(p_reason);
  v_count := tasker._close_task(v_task_id, 'resolved_manually', p_reason, v_now);
  if v_count is not null then
    perform tasker._operator('resolve_task', p_task_uuid::text, p_reason, v_now);
  end if;
  return query select p_task_uuid, 'resolved_manually', coalesce(v_count, 0);
end;
$$;

comment on function tasker.resolve_task is
'Resolves a task by hand (state resolved_manually), for a reason that is recorded; open steps are cancelled. Also for tasks in error. Safe to repeat. Raises TK002 (unknown task), TK003 (it ended otherwise), 22023 (no reason).';
