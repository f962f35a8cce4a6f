begin;
\ir ../fixtures.psql
select plan(8);
create function pg_temp.fail (p_template text, p_retryable boolean,
  p_retry_after interval default null) returns text language plpgsql as $$
declare
  v_step record;
begin
  perform pg_temp.a_task(p_template);
  select step_uuid, token, attempt, max_attempts into v_step
  from tasker.claim_steps('test', 'w1', 1);
  return (select format('%s of %s: %s', v_step.attempt, v_step.max_attempts, step_state)
            from tasker.fail_step(v_step.step_uuid, v_step.token, '"boom"', p_retryable,
              p_retry_after));
end $$;

select pg_temp.a_template('never', '{"a": []}', '{"retryable": false, "max_attempts": 5}');
select is(pg_temp.fail('never', true), '1 of 1: error', 'a step that is not retryable runs once');
select is(pg_temp.fail('never', true, '1 second'), '1 of 1: error', 'even with a retry_after');
select pg_temp.a_template('t', '{"a": []}');
select is(pg_temp.fail('t', false), '1 of 3: error', 'a failure that is permanent');
select is(pg_temp.fail('t', false, '1 second'), '1 of 3: error', 'even with a retry_after');
select is(pg_temp.fail('t', true), '1 of 3: waiting_for_retry', 'one that is not');
select is(pg_temp.fail('t', null), '1 of 3: waiting_for_retry', 'nor one that does not say');
select results_eq('select retryable from tasker.step_failures order by failure_id',
  array[true, true, false, false, true, true], 'what was said is kept');
select is((select count(*) from tasker.timers), 2::bigint, 'only the retries have a timer');

select * from finish();
rollback;
