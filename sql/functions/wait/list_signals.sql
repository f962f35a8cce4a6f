create or replace function tasker.list_signals (p_task_uuid uuid)
  returns table (
    signal_id bigint, name text, key text, value jsonb, sent_by text, sent_at timestamptz,
    state text, step_uuid uuid, reason text
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- The signals that were sent to a task, and what happened to each.
--
-- Returns  one row per signal, in the order in which they were sent: taken by step_uuid, stored for
--          a step to come, or left when no open step can take it any more
-- Raises   TK002 unknown task, 22023 null
-- Calls    _task_id, _is_left
#variable_conflict use_column
declare
  v_task_id constant bigint := tasker._task_id(p_task_uuid);
begin
  return query
  select signal.signal_id, signal.name, signal.signal_key, signal.value, signal.sent_by,
         signal.sent_at,
         case when signal.taken_by is not null then 'taken'
              when tasker._is_left(v_task_id, signal.name) then 'left'
              else 'stored' end,
         tasker._step_uuid(p_task_uuid, signal.taken_by),
         signal.reason
    from tasker.signals as signal
   where signal.task_id = v_task_id
   order by signal.signal_id;
end;
$$;

comment on function tasker.list_signals is
'The signals that were sent to a task, in order: name, key, value, who sent it, when and why; state taken (by step_uuid), stored (for a step that is to come), or left (no open step can take it any more). Raises TK002 (unknown task), 22023 (null).';
