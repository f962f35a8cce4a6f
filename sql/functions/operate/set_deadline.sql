create or replace function tasker.set_deadline (
  p_task_uuid uuid,
  p_deadline  timestamptz,
  p_reason    text
)
  returns table (task_uuid uuid, deadline timestamptz, previous timestamptz)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Moves the deadline of a task that has not ended well, or (null) removes it.
--
-- Returns  one row, with what it was before
-- Raises   TK002 unknown task, TK003 when the task is over, 22023 without a reason, or for a time
--          that is none
-- Locks    the task, its alarm
-- Calls    _task_id, _check_reason, _move_deadline, _operator
#variable_conflict use_column
declare
  v_task_id constant bigint := tasker._task_id(p_task_uuid);
  v_now     constant timestamptz := tasker._now();
  v_task    tasker.tasks%rowtype;
begin
  perform tasker._check_reason(p_reason);
  if p_deadline is not null
     and (p_deadline between '1970-01-01Z' and '9999-12-31Z') is not true then
    raise exception 'bad deadline'
      using errcode = '22023',
            detail  = format('got %s, need a time of the years 1970 to 9999', p_deadline);
  end if;
  select task.* into v_task
    from tasker.tasks as task where task.task_id = v_task_id for no key update;
  if v_task.state not in ('pending', 'in_progress', 'blocked_by_failures', 'error') then
    raise exception 'illegal transition'
      using errcode = 'TK003',
            detail  = format('the task is %s', v_task.state),
            hint    = 'Only a task that is open, or in error, has a deadline to move.';
  end if;
  if v_task.deadline is distinct from p_deadline then
    perform tasker._move_deadline(v_task_id, p_deadline);
    perform tasker._operator('set_deadline', p_task_uuid::text, p_reason, v_now);
  end if;
  return query select p_task_uuid, p_deadline, v_task.deadline;
end;
$$;

comment on function tasker.set_deadline is
'Moves the deadline of a task, or with null removes it, for a reason that is recorded. A moment that has passed takes effect with the next sweep. Of a task in error it holds from when a step of it is retried. Safe to repeat. Raises TK002 (unknown task), TK003 (the task is over), 22023 (no reason, or no such time).';
