begin;
\ir ../fixtures.psql
select plan(8);
create function pg_temp.swept (p_action text) returns integer language sql as $$
select affected from tasker.sweep() where action = p_action
$$;
select pg_temp.a_template('pair', '{"a": [], "b": ["a"]}');
select pg_temp.a_task('pair') as task, pg_temp.a_task('pair') as other \gset
select pg_temp.step(:'task', 'a') as a, pg_temp.step(:'other', 'a') as b \gset
select pg_temp.a_claim(2) as token \gset
select from tasker.submit_step_results(:'token', jsonb_build_array(
  pg_temp.outcome(:'a', '1'),
  jsonb_build_object('step_uuid', :'b', 'error', 'no', 'retryable', false)));
select pgmq.purge_queue('orchestration_step_results');

select pg_temp.later('5 seconds');
select is(pg_temp.swept('submissions_processed'), 0,
  'left to process_step_results for five seconds');
select pg_temp.later('1 millisecond');
select is(pg_temp.swept('submissions_processed'), 1, 'then the sweep applies it');
select is(pg_temp.step_state(:'a'), 'complete', 'the result');
select is((select result from tasker.steps where step_id = tasker._step_id(:'a')), '1',
  'which was kept');
select is(pg_temp.step_state(:'b'), 'error', 'and the failure');
select is(pg_temp.swept('submissions_processed'), 0, 'once');
select is_empty('select * from tasker.check_invariants()', 'all is well');
select is(pg_temp.run_all(), 1, 'the child of the first can run');

select * from finish();
rollback;
