create or replace function tasker._features (p_step jsonb, p_gated boolean, p_enters integer[])
  returns jsonb
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- What a step has beyond a plain handler, compiled from its checked definition. p_enters are those
-- of its children that enter by the gate.
--
-- Returns  in a gated template {"run_on", "on_error"} and its condition; {"wait", "check",
--          "alarms"} of one that waits, {"start_within", "finish_within", "alarms"} (seconds) of
--          one that must start or end in time; {"enters"} in plain ones; null for nothing
-- Calls    _compile_path, _compile_wait, _check_duration
declare
  v_wait constant jsonb := tasker._compile_wait(p_step);
begin
  return nullif(
    case when p_gated then jsonb_build_object(
           'run_on', coalesce(p_step ->> 'run_on', 'success'),
           'on_error', coalesce(p_step ->> 'on_error', 'fail'))
         else '{}' end
    || coalesce(tasker._compile_path(p_step ->> 'if', p_step), '{}')
    || case when v_wait is not null then jsonb_build_object('wait', v_wait) else '{}' end
    || case when p_step ?| '{wait,start_within,finish_within}' then jsonb_strip_nulls(
              jsonb_build_object(
                'alarms', true,
                'start_within', tasker._check_duration(p_step -> 'start_within', 'start_within'),
                'finish_within', tasker._check_duration(p_step -> 'finish_within',
                                                        'finish_within')))
            else '{}' end
    || case when v_wait ->> 'kind' = 'condition' then '{"check": true}'::jsonb else '{}' end
    || case when not p_gated and p_enters is not null
            then jsonb_build_object('enters', p_enters) else '{}' end,
    '{}');
end;
$$;

comment on function tasker._features is 'What a step has beyond a plain handler, compiled; null for nothing.';
