begin;
\ir ../fixtures.psql
select plan(11);
select pg_temp.a_template('two', '{"a": [], "b": ["a"]}');
-- Completes a new task's first step with a result; what is stored, and what its child sees.
create function pg_temp.stored (p_result jsonb) returns table (result jsonb, seen jsonb)
 language plpgsql as $$
declare
  v_step record;
begin
  perform pg_temp.a_task('two');
  select step_uuid, token into v_step from tasker.claim_steps('test', 'w1', 1);
  perform tasker.complete_step(v_step.step_uuid, v_step.token, p_result);
  return query select step.result, claimed.dependency_results -> 'a'
    from tasker.claim_steps('test', 'w1', 1) as claimed,
    tasker.steps as step where step.step_id = tasker._step_id(v_step.step_uuid);
end $$;

select results_eq(format('select result, seen from pg_temp.stored(%L)', result),
  format('values (%L::jsonb, %L::jsonb)', result, result), left(result::text, 20))
  from unnest(array['{"a": {"b": [1, 2.50, "x"]}}', '[]', '{}', '"text"', '0', 'false',
    '1e300']::jsonb[]) as result;
select results_eq($$ select result, seen from pg_temp.stored(null) $$,
  $$ values (null::jsonb, 'null'::jsonb) $$, 'null is none');
select results_eq($$ select result, seen from pg_temp.stored('null') $$,
  $$ values (null::jsonb, 'null'::jsonb) $$, 'so is a JSON null');

select results_eq(format('select length(result ->> 0) from pg_temp.stored(%L)',
  jsonb_build_array(repeat('x', 1048500))), array[1048500], 'up to 1 MiB');
select alike(pg_temp.refusal(format('select pg_temp.stored(%L)',
  jsonb_build_array(repeat('x', 1048576)))), 'TK006: % bytes, at most 1048576', 'and no more');

select * from finish();
rollback;
