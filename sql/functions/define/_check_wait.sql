create or replace function tasker._check_wait (p_step jsonb, p_what text)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Checks what a step waits for, if it does: a length of time, a moment, a condition or a signal. No
-- key is taken that would not be read.
--
-- Raises   22023 naming the step and what is wrong
-- Calls    _check_keys, _check_duration, _check_until, _check_signals, _check_text
declare
  v_wait   constant jsonb := p_step -> 'wait';
  v_is_sql constant boolean := coalesce(jsonb_typeof(v_wait -> 'until') = 'object', false);
  v_fault  text;
begin
  if not p_step ? 'wait' then
    return;
  end if;
  perform tasker._check_keys(v_wait, p_what || ' wait',
    '{for,until,every,signal,count,timeout,on_timeout,default,schema,fail_if,prompt}', '{}');
  v_fault := case
    when p_step ? 'handler' then 'a step has a wait or a handler, not both'
    when (v_wait ? 'for')::integer + (v_wait ? 'until')::integer + (v_wait ? 'signal')::integer <> 1
      then 'a wait needs exactly one of for, until and signal'
    when v_wait ?| '{count,schema,fail_if,prompt}' and not v_wait ? 'signal'
      then 'count, schema, fail_if and prompt belong to a signal'
    when v_wait ? 'every' and not v_is_sql then 'every belongs to until: {sql: ...}'
    when v_wait ? 'timeout' and v_wait ? 'for' then 'for ends by itself and has no timeout'
    when v_wait ? 'on_timeout' and not v_wait ? 'timeout' then 'on_timeout needs a timeout'
    when v_wait ? 'default' and v_wait -> 'on_timeout' is distinct from '"continue"'
      then 'default is the value of on_timeout: continue'
    when p_step ?| '{retry,timeout_seconds}' and not v_is_sql
      then 'retry and timeout_seconds belong to a handler, or to until: {sql: ...}'
  end;
  if v_fault is not null then
    raise exception 'bad wait' using errcode = '22023', detail = p_what || ': ' || v_fault;
  end if;
  perform tasker._check_duration(v_wait -> 'for', p_what || ' wait for');
  perform tasker._check_duration(v_wait -> 'timeout', p_what || ' wait timeout');
  perform tasker._check_duration(v_wait -> 'every', p_what || ' wait every', 1);
  perform tasker._check_text(v_wait -> 'on_timeout', p_what || ' wait on_timeout',
                             '^(fail|skip|continue)$');
  perform tasker._check_until(p_step, v_wait -> 'until', p_what || ' wait until');
  perform tasker._check_signals(p_step, v_wait, p_what || ' wait');
end;
$$;

comment on function tasker._check_wait is 'Checks what a step waits for, if it does. Raises 22023.';
