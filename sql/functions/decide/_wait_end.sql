create or replace function tasker._wait_end (
  p_wait     tasker.waits,
  p_features jsonb,
  p_now      timestamptz,
  out state  tasker.step_state,
  out result jsonb,
  out error  jsonb
)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Whether a wait is over, and how: what it wants has come, or its time, or its time is up.
--
-- Returns  the state in which its step ends (null: it goes on), with its result or its error
-- Calls    _moment, _condition, _shown
declare
  v_wait  constant jsonb := p_features -> 'wait';
  v_value jsonb := v_wait -> 'default';
  v_taken jsonb := '[]'::jsonb;
  v_found record;
  v_end   text;
begin
  if p_wait.kind = 'time' then
    select own.at, own.problem into v_found
      from tasker._moment(p_wait.step_id, v_wait -> 'moment') as own
     where v_wait ? 'moment';
    if v_found.problem is not null then
      error := jsonb_build_object(
        'type', 'ConditionError', 'code', 'condition',
        'message', format('%s is not a time to wait for: %s', v_wait #>> '{moment,if}',
                          v_found.problem));
    elsif coalesce(v_found.at, (v_wait ->> 'at')::timestamptz, p_wait.until) <= p_now then
      v_end := 'time';
    end if;
  elsif p_wait.kind = 'signal' then
    v_taken := (
      select coalesce(jsonb_agg(jsonb_build_object('name', signal.name, 'value', signal.value,
                                                   'by', signal.sent_by, 'at', signal.sent_at)
                                order by signal.signal_id), '[]')
        from tasker.signals as signal
       where signal.task_id = tasker._task_of(p_wait.step_id)
         and signal.taken_by = p_wait.step_id
         and signal.spent is null);
    if jsonb_array_length(v_taken) >= p_wait.wanted then
      v_end   := 'signal';
      v_value := case when p_wait.wanted = 1 then v_taken #> '{0,value}'
                      else jsonb_path_query_array(v_taken, '$[*].value') end;
    end if;
  end if;
  if v_end is null and error is null and p_wait.until <= p_now then
    v_end := 'timeout';
  end if;
  if v_end = 'signal' and v_wait ? 'fail_if' then
    v_found := tasker._condition(p_wait.step_id, v_wait -> 'fail_if', v_value);
    error   := case
      when v_found.is_met then jsonb_build_object(
        'type', 'WaitRefused', 'code', 'refused',
        'message', format('%s: it got %s', v_wait #>> '{fail_if,if}', tasker._shown(v_value)),
        'value', case when pg_column_size(v_value) <= 8192 then v_value end)
      when v_found.is_met is null then jsonb_build_object(
        'type', 'ConditionError', 'code', 'condition',
        'message', format('the condition %s is neither true nor false: %s',
                          v_wait #>> '{fail_if,if}', v_found.problem)) end;
  elsif v_end = 'timeout' and v_wait ->> 'on_timeout' = 'fail' then
    error := jsonb_build_object(
      'type', 'WaitTimeout', 'code', 'timeout',
      'message', format('its wait timed out after %s', p_wait.until - p_wait.opened_at));
  end if;
  if error is not null then
    state := (case p_features ->> 'on_error' when 'skip' then 'skipped' else 'error' end
             )::tasker.step_state;
  elsif v_end = 'timeout' and v_wait ->> 'on_timeout' = 'skip' then
    state := 'skipped';
  elsif v_end is not null then
    state  := 'complete';
    result := jsonb_build_object('outcome', v_end, 'value', v_value, 'signals', v_taken);
  end if;
end;
$$;

comment on function tasker._wait_end is 'Whether a wait is over, and how; no state: it goes on.';
