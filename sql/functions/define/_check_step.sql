create or replace function tasker._check_step (p_step jsonb, p_position bigint)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Checks one step of a definition by itself: its keys, names, handler, retry policy and numbers.
--
-- Raises   22023 naming the step and what is wrong, TK006 for more than step_parents
-- Calls    _check_keys, _check_text, _check_prose, _check_number, _check_amount, _check_handler,
--          _check_condition, _check_wait, _check_duration
declare
  v_what    text  := format('step %s', p_position);
  v_retry   jsonb := coalesce(p_step -> 'retry', '{}');
begin
  perform tasker._check_keys(p_step, v_what,
    '{name,description,handler,wait,namespace,dependencies,run_on,if,on_error,retry,'
    'timeout_seconds,start_within,finish_within}',
    case when p_step ? 'wait' then '{name}' else '{name,handler}' end::text[]);
  v_what := 'step ' || tasker._check_text(p_step -> 'name', v_what || ' name',
    '^[A-Za-z][A-Za-z0-9_.-]{0,99}$',
    'a letter, then up to 99 letters, digits and _ . -');
  perform tasker._check_prose(p_step -> 'description', v_what || ' description', 0, 2000);
  perform tasker._check_text(p_step -> 'namespace', v_what || ' namespace',
    '^[a-z][a-z0-9_]{0,31}$',
    '1 to 32 characters a-z, 0-9 and _, a letter first');

  if p_step ? 'handler' then
    perform tasker._check_handler(p_step -> 'handler', v_what || ' handler');
  end if;

  if jsonb_typeof(coalesce(p_step -> 'dependencies', '[]')) <> 'array'
     or jsonb_path_exists(p_step, '$.dependencies[*] ? (@.type() != "string")') then
    raise exception 'dependencies must be an array of step names'
      using errcode = '22023',
            detail  = v_what;
  elsif jsonb_array_length(p_step -> 'dependencies') > 100 then
    perform tasker._check_amount(jsonb_array_length(p_step -> 'dependencies'),
                                 'the list of dependencies of ' || v_what, 'step_parents');
  end if;

  perform tasker._check_text(p_step -> 'run_on', v_what || ' run_on',
    '^(success|full_success|failure|end)$');
  perform tasker._check_text(p_step -> 'on_error', v_what || ' on_error',
    '^(fail|continue|skip)$');
  perform tasker._check_condition(p_step, p_step -> 'if', v_what || ' if');
  perform tasker._check_wait(p_step, v_what);
  perform tasker._check_duration(p_step -> 'start_within', v_what || ' start_within');
  perform tasker._check_duration(p_step -> 'finish_within', v_what || ' finish_within');
  if p_step ?& '{start_within,wait}' then
    raise exception 'start_within belongs to a handler'
      using errcode = '22023', detail = v_what || ': no worker starts a wait';
  end if;

  perform tasker._check_keys(v_retry, v_what || ' retry',
    '{retryable,max_attempts,backoff,backoff_base_ms,max_backoff_ms,jitter}', '{}');
  if jsonb_path_exists(v_retry,
       '$.* ? (@.type() != "boolean" && @.type() != "number" && @.type() != "string")')
     or coalesce(jsonb_typeof(v_retry -> 'retryable'), 'boolean') <> 'boolean'
     or coalesce(jsonb_typeof(v_retry -> 'jitter'), 'boolean') <> 'boolean' then
    raise exception 'retryable and jitter must be true or false'
      using errcode = '22023',
            detail  = v_what || ' retry';
  end if;
  perform tasker._check_text(v_retry -> 'backoff', v_what || ' retry backoff',
    '^(none|linear|exponential|fibonacci)$');
  perform tasker._check_number(v_retry -> 'max_attempts', v_what || ' retry max_attempts',
    1, 1000, 3);
  perform tasker._check_number(v_retry -> 'backoff_base_ms', v_what || ' retry backoff_base_ms',
    0, 86400000, 1000);
  perform tasker._check_number(v_retry -> 'max_backoff_ms', v_what || ' retry max_backoff_ms',
    0, 2592000000, 30000);
  perform tasker._check_number(p_step -> 'timeout_seconds', v_what || ' timeout_seconds',
    1, 86400, null);
end;
$$;

comment on function tasker._check_step is 'Checks one step of a definition by itself. Raises 22023 naming the step and what is wrong.';
