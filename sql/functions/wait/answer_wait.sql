create or replace function tasker.answer_wait (
  p_step_uuid uuid,
  p_value     jsonb default null,
  p_options   jsonb default '{}'
)
  returns table (task_uuid uuid, step_state text, task_state text, repeated boolean)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Sends a step the signal that it waits for, in the caller's transaction; of several names the
-- first, or the one in the option name.
--
-- Returns  one row; when the step has ended with this very answer, or the key was used before, as
--          the first time, with repeated true
-- Raises   22023 bad option or value; TK002 unknown step; TK003 when it waits for no signal; TK006
--          over result_bytes; TK008 same key, other value
-- Locks    the step, then what follows from its end
-- Calls    _existing_step_id, _check_signal, _answered_name, _repeated_signal, _keep_signal,
--          _check_signal_value, _refuse_signal, _answer
#variable_conflict use_column
declare
  v_step_id constant bigint := tasker._existing_step_id(p_step_uuid);
  v_task_id constant bigint := tasker._task_of(v_step_id);
  v_value   constant jsonb := coalesce(p_value, 'null');
  v_name    text;
  v_signal  tasker.signals%rowtype;
begin
  p_options := coalesce(p_options, '{}');
  perform tasker._check_signal(p_options, '{name,key,initiator,reason}', v_value);
  perform from tasker.steps as step where step.step_id = v_step_id for no key update;
  update tasker.steps as step set state = step.state where step.step_id = v_step_id;
  v_name := tasker._answered_name(v_step_id, p_options ->> 'name');
  if v_name is not null then
    v_signal := tasker._repeated_signal(v_task_id, v_name, v_value, p_options);
    if v_signal.signal_id is null and exists (
         select from tasker.waits as wait
          where wait.step_id = v_step_id and wait.kind = 'signal') then
      perform tasker._check_signal_value(v_step_id, v_value);
      perform tasker._keep_signal(v_task_id, v_step_id, v_name, v_value, p_options);
      return query
      select answer.*, false from tasker._answer(v_step_id) as answer;
      return;
    end if;
  end if;
  if v_signal.signal_id is null and not exists (
       select from tasker.steps as step
         join tasker.signals as signal on signal.task_id = v_task_id
                                      and signal.taken_by = v_step_id
                                      and signal.spent is null
        where step.step_id = v_step_id
          and step.finished_at is not null
          and signal.name = v_name
          and signal.value = v_value) then
    perform tasker._refuse_signal(array[v_step_id], 'the step waits for no signal');
  end if;
  return query
  select answer.*, true from tasker._answer(v_step_id) as answer;
end;
$$;

comment on function tasker.answer_wait is
'Answers a step that waits for a signal (open_waits lists them) with a value (any JSON up to result_bytes), in the caller''s transaction. Options: name (which of several signals; default the first), key, initiator (who answers), reason. The same answer to a step that has ended with it gives the first answer again, with repeated true; where a step waits for several, give each a key. Raises 22023 (bad argument, or a value that the schema of the wait refuses), TK002 (unknown step), TK003 (it waits for no signal), TK006 (value over result_bytes), TK008 (same key, other value).';
