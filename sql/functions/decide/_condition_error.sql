create or replace function tasker._condition_error (p_features jsonb, p_problem text)
  returns jsonb
  language sql
  immutable
begin atomic
-- The error of a step whose condition is neither true nor false.
select jsonb_build_object(
         'type', 'ConditionError',
         'code', 'condition',
         'message', format('the condition %s is neither true nor false: %s',
                           p_features ->> 'if', p_problem));
end;

comment on function tasker._condition_error is 'The error of a step whose condition is neither true nor false.';
