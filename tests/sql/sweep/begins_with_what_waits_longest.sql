begin;
\ir ../fixtures.psql
select plan(5);
create function pg_temp.swept (p_action text, p_limit integer) returns integer language sql as $$
select affected from tasker.sweep(p_limit) where action = p_action
$$;
select pg_temp.a_template('t', '{"a": []}');
-- The first to fail is the last to be tried again.
create temp table mine as select i, pg_temp.step(pg_temp.a_task('t'), 'a') as step_uuid
 from generate_series(1, 3) as i;
select pg_temp.a_claim(3) as token \gset
select from mine,
  lateral tasker.fail_step(step_uuid, :'token', '"no"',
    p_retry_after => (10 - i) * interval '1 second');
select pg_temp.later('1 minute');
select is(pg_temp.swept('timers_fired', 1), 1, 'one timer');
select results_eq($$ select i from mine where pg_temp.step_state(step_uuid) = 'enqueued' $$,
  array[3], 'that which was due first');
select is(pg_temp.swept('timers_fired', 9), 2, 'then the others');

select pg_temp.a_template('s', '{"a": []}', p_namespace => 'submitted');
select pg_temp.a_task('s', p_namespace => 'submitted') from generate_series(1, 2);
create temp table submitted as select step_uuid,
  token from tasker.claim_steps('submitted', 'w1', 2);
select from submitted,
  lateral tasker.submit_step_results(token, pg_temp.outcomes(pg_temp.outcome(step_uuid)));
select pg_temp.later('6 seconds');
select is(pg_temp.swept('submissions_processed', 1), 1, 'one submission');
select results_eq('select pg_temp.step_state(step_uuid) from submitted order by '
  'tasker._step_id(step_uuid)', $$ values ('complete'), ('in_progress') $$, 'the first');

select * from finish();
rollback;
