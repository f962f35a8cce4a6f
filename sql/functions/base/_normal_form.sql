create or replace function tasker._normal_form (p_definition jsonb, p_gated boolean)
  returns jsonb
  language sql
  immutable
begin atomic
-- A checked definition with its defaults written out. Two definitions that say the same have the
-- same normal form. run_on and on_error are written out only in a gated template: a plain one
-- stays plain.
select case when p_definition -> 'input_schema' = 'null' then p_definition - 'input_schema'
            else p_definition end
       || case when p_definition ? 'deadline' and not p_definition ? 'on_deadline'
               then '{"on_deadline": "fail"}' else '{}' end::jsonb
       || jsonb_build_object(
            'finalization', coalesce(p_definition ->> 'finalization', 'inline'),
            'steps', (
              select jsonb_agg('{"dependencies": []}'
                               || case when p_gated
                                       then '{"run_on": "success", "on_error": "fail"}'
                                       else '{}' end::jsonb
                               || step
                               || case when step ? 'handler' then jsonb_build_object(
                                    'handler', '{"initialization": {}}' || (step -> 'handler'),
                                    'retry', '{"retryable": true, "max_attempts": 3, '
                                             '"backoff": "exponential", "backoff_base_ms": 1000, '
                                             '"max_backoff_ms": 30000, "jitter": true}'
                                             || coalesce(step -> 'retry', '{}')
                                             || case when step #>> '{retry,retryable}' = 'false'
                                                     then '{"max_attempts": 1}'
                                                     else '{}' end::jsonb)
                                  else '{}' end
                               || case when step ? 'wait' then jsonb_build_object(
                                    'wait',
                                    case when step -> 'wait' ? 'signal' then '{"count": 1}'
                                         else '{}' end::jsonb
                                    || case when step -> 'wait' ? 'timeout'
                                            then '{"on_timeout": "fail"}' else '{}' end::jsonb
                                    || case jsonb_typeof(step #> '{wait,until}')
                                         when 'object' then '{"every": "PT1M"}'
                                         else '{}' end::jsonb
                                    || (step -> 'wait'))
                                  else '{}' end
                               order by position)
                from jsonb_array_elements(p_definition -> 'steps')
                       with ordinality as s (step, position)));
end;

comment on function tasker._normal_form is 'A definition with its defaults written out.';
