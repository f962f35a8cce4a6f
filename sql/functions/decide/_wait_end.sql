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
-- Whether a wait is over, and how: its time has come, or its time is up.
--
-- Returns  the state in which its step ends (null: it goes on), with its result or its error
-- Calls    _moment
declare
  v_wait  constant jsonb := p_features -> 'wait';
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
  end if;
  if v_end is null and error is null and p_wait.until <= p_now then
    v_end := case v_wait ->> 'on_timeout' when 'fail' then null else 'timeout' end;
    if v_end is null then
      error := jsonb_build_object(
        'type', 'WaitTimeout', 'code', 'timeout',
        'message', format('its wait timed out after %s', p_wait.until - p_wait.opened_at));
    end if;
  end if;
  if v_end = 'timeout' and v_wait ->> 'on_timeout' = 'skip' then
    state := 'skipped';
  elsif v_end is not null then
    state  := 'complete';
    result := jsonb_build_object('outcome', v_end, 'value', v_wait -> 'default',
                                 'signals', '[]'::jsonb);
  elsif error is not null then
    state := case p_features ->> 'on_error' when 'skip' then 'skipped' else 'error' end;
  end if;
end;
$$;

comment on function tasker._wait_end is 'Whether a wait is over, and how; no state: it goes on.';
