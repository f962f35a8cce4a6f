create or replace function tasker.cancel_task (
  p_task_uuid uuid,
  p_reason    text,
  p_options   jsonb default '{}'
)
  returns table (task_uuid uuid, task_state text, cancelled_steps integer)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Cancels a task: every open step is cancelled in one transaction, and a running worker learns of
-- it from its next heartbeat; what it reports later is refused. With {"cleanup": true}, in a gated
-- template, these end in error instead, and what runs on failure has its turn; a second call stops
-- that as well.
--
-- Returns  one row; cancelled_steps is 0 when the call is repeated
-- Raises   TK002 unknown task, TK003 when it has ended otherwise, 22023 without a reason, or for an
--          unknown option
-- Locks    its open steps in id order, their timers, the task; with cleanup, what comes of them
-- Calls    _check_keys, _flag, _clean_up, _close_task, _operator
#variable_conflict use_column
declare
  v_task_id constant bigint := tasker._task_id(p_task_uuid);
  v_now     constant timestamptz := tasker._now();
  v_count   integer;
begin
  perform tasker._check_reason(p_reason);
  p_options := coalesce(p_options, '{}');
  perform tasker._check_keys(p_options, 'the options', '{cleanup}', '{}');
  if tasker._flag(p_options -> 'cleanup', 'cleanup') then
    v_count := tasker._clean_up(v_task_id, p_reason, v_now);
  end if;
  if v_count is null then
    v_count := tasker._close_task(v_task_id, 'cancelled', p_reason, v_now);
  end if;
  if v_count is not null then
    perform tasker._operator('cancel_task', p_task_uuid::text, p_reason, v_now);
  end if;
  return query
  select p_task_uuid, task.state::text, coalesce(v_count, 0)
    from tasker.tasks as task
   where task.task_id = v_task_id;
end;
$$;

comment on function tasker.cancel_task is
'Cancels a task with all its open steps, for a reason that is recorded. A worker that runs one of them learns of it from its heartbeat; its late result is refused (TK001). With p_options {"cleanup": true}, in a template with run_on, open steps end in error instead, and those with run_on failure or end have their turn; a second call cancels these as well. Safe to repeat. Raises TK002 (unknown task), TK003 (it ended otherwise), 22023 (no reason, unknown option).';
