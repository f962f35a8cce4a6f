create or replace function tasker.send_signal (
  p_task_uuid uuid,
  p_name      text,
  p_value     jsonb default null,
  p_options   jsonb default '{}'
)
  returns table (task_uuid uuid, name text, state text, step_uuid uuid, repeated boolean)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Sends a signal to a task, in the caller's transaction: it ends a wait for it, or is kept for a
-- step that is still to come. The rows of the steps decide: they are locked and written here, and
-- written by each call that opens, ends or cancels a wait, so that of all these one comes first.
--
-- Returns  one row: delivered to step_uuid, or stored; with a key that was used before, the first
--          answer again, with repeated true
-- Raises   22023 bad name, option or value, or a signal that no step waits for; TK002 unknown task;
--          TK003 when nobody will ever take it; TK006 over result_bytes or signals_per_task; TK008
--          same key, other value
-- Locks    the steps of the task that take the name, in id order, then what follows from their end
-- Calls    _task_id, _check_signal, _takers, _repeated_signal, _check_wanted_signal, _keep_signal
#variable_conflict use_column
declare
  v_task_id constant bigint := tasker._task_id(p_task_uuid);
  v_value   constant jsonb := coalesce(p_value, 'null');
  v_steps   bigint[];
  v_signal  tasker.signals%rowtype;
begin
  p_options := coalesce(p_options, '{}');
  perform tasker._check_signal(p_options, '{key,initiator,reason}', v_value);
  v_steps := tasker._takers(v_task_id, p_name);
  perform from tasker.steps as step
    where step.step_id = any (v_steps) order by step.step_id for no key update;
  update tasker.steps as step set state = step.state where step.step_id = any (v_steps);
  v_signal := tasker._repeated_signal(v_task_id, p_name, v_value, p_options);
  repeated := v_signal.signal_id is not null;
  if not repeated then
    v_signal := tasker._keep_signal(
      v_task_id, tasker._check_wanted_signal(v_task_id, v_value, v_steps), p_name, v_value,
      p_options);
  end if;
  task_uuid := p_task_uuid;
  name      := p_name;
  state     := case when v_signal.delivered_to is null then 'stored' else 'delivered' end;
  step_uuid := tasker._step_uuid(p_task_uuid, v_signal.delivered_to);
  return next;
end;
$$;

comment on function tasker.send_signal is
'Sends a signal with a value (any JSON up to result_bytes) to a task, in the caller''s transaction: if a step waits for it, the step ends there and then (state delivered), else it is kept for a step that is still to come (stored). It is never lost, and refused when nobody will ever take it. Options: key (a repeated call with the key and value gives the first answer), initiator (who sends it), reason. Raises 22023 (bad argument; no step of the template waits for that name; a value that the schema of the wait refuses), TK002 (unknown task), TK003 (the task or every step that waits for it has ended, or has what it wants), TK006 (value over result_bytes, more than signals_per_task stored), TK008 (same key, other value).';
