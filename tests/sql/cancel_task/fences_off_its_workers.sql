begin;
\ir ../fixtures.psql
select plan(9);
select pg_temp.a_template('pair', '{"a": [], "b": []}');
select pg_temp.a_task('pair') as task \gset
select pg_temp.step(:'task', 'a') as a, pg_temp.step(:'task', 'b') as b \gset
select pg_temp.a_claim(2) as token \gset
select pg_temp.outcomes(pg_temp.outcome(:'b')) as outcomes \gset
select from tasker.submit_step_results(:'token', :'outcomes');
select from tasker.cancel_task(:'task', 'not wanted');

select results_eq(format('select cancelled_step_uuids from tasker.heartbeat(%L)', :'token'),
  format('values (array[%L]::uuid[])', :'a'), 'a heartbeat names them');
select throws_ok(format('select from tasker.complete_step(%L, %L)', :'a', :'token'), 'TK001', null,
  'a late result is refused');
select throws_ok(format('select from tasker.fail_step(%L, %L, ''1'')', :'a', :'token'), 'TK001',
  null, 'a late failure, too');
select throws_ok(format('select from tasker.finish_and_claim(''test'', ''w1'', %L, %L)', :'token',
  pg_temp.outcomes(pg_temp.outcome(:'a'))), 'TK001', null, 'in a batch, too');
select is((select count(*) from tasker.release_claim(:'token')), 0::bigint,
  'there is nothing to give back');
select is((select completed from tasker.process_step_results()), 0,
  'a result that was submitted before is dropped');
select is(pg_temp.step_state(:'b'), 'cancelled', 'and its step stays cancelled');
select is(pg_temp.a_claim(9), null, 'nothing is handed out');
select is_empty('select * from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
