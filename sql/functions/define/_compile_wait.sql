create or replace function tasker._compile_wait (p_step jsonb)
  returns jsonb
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Compiles what a step waits for from its checked definition.
--
-- Returns  {"kind": "time", "seconds" | "at" | "moment" (a compiled path)}, {"kind": "condition",
--          "every"} or {"kind": "signal", "names", "count", "schema", "fail_if" (a compiled path),
--          "prompt"}, with "timeout" (seconds), "on_timeout" and "default"; null for none
-- Calls    _check_duration, _compile_path
declare
  v_wait  constant jsonb := p_step -> 'wait';
  v_until constant text := v_wait ->> 'until';
  v_kind  text;
begin
  if v_wait is null then
    return null;
  end if;
  v_kind := case when v_wait ? 'signal' then 'signal'
                 when jsonb_typeof(v_wait -> 'until') = 'object' then 'condition'
                 else 'time' end;
  return jsonb_strip_nulls(jsonb_build_object(
           'kind', v_kind,
           'seconds', tasker._check_duration(v_wait -> 'for', 'for'),
           'at', case when v_kind = 'time' and v_until !~ '^\s*(lax\s|strict\s|\$)'
                      then v_until end,
           'moment', case when v_kind = 'time' and v_until ~ '^\s*(lax\s|strict\s|\$)'
                          then tasker._compile_path(v_until, p_step) end,
           'every', case when v_kind = 'condition'
                         then coalesce(tasker._check_duration(v_wait -> 'every', 'every'), 60) end,
           'names', case jsonb_typeof(v_wait -> 'signal')
                      when 'array' then v_wait -> 'signal'
                      when 'string' then jsonb_build_array(v_wait -> 'signal') end,
           'count', case when v_kind = 'signal' then coalesce(v_wait -> 'count', '1') end,
           'fail_if', tasker._compile_path(v_wait ->> 'fail_if', p_step),
           'prompt', v_wait -> 'prompt',
           'timeout', tasker._check_duration(v_wait -> 'timeout', 'timeout'),
           'on_timeout', case when v_wait ? 'timeout'
                              then coalesce(v_wait ->> 'on_timeout', 'fail') end))
      || case when v_wait ? 'schema' then jsonb_build_object('schema', v_wait -> 'schema')
              else '{}' end
      || case when v_wait ? 'default' then jsonb_build_object('default', v_wait -> 'default')
              else '{}' end;
end;
$$;

comment on function tasker._compile_wait is 'Compiles what a step waits for from its checked definition; null for none.';
