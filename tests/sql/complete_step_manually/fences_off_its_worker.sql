begin;
\ir ../fixtures.psql
select plan(7);
select pg_temp.a_template('chain', '{"a": [], "b": ["a"]}');
select pg_temp.a_task('chain') as task \gset
select pg_temp.step(:'task', 'a') as a \gset
select pg_temp.a_claim() as token \gset
select format('select * from tasker.complete_step_manually(%L, ''7'', ''by hand'')', :'a') as settle
  \gset
:settle;

select results_eq(format('select cancelled_step_uuids from tasker.heartbeat(%L)', :'token'),
  format('values (array[%L]::uuid[])', :'a'),
  'a heartbeat says so to its worker');
select throws_ok(format('select from tasker.complete_step(%L, %L, ''1'')', :'a', :'token'), 'TK001',
  null, 'a late result is refused');
select throws_ok(format('select from tasker.fail_step(%L, %L, ''1'')', :'a', :'token'), 'TK001',
  null, 'and a late failure');
select pg_temp.later('1 hour');
select is((select affected from tasker.sweep() where action = 'claims_taken_back'), 1,
  'its claim ends by time');
select is(pg_temp.step_state(:'a'), 'complete', 'and takes nothing back');
select is(pg_temp.run_all(), 1, 'the child runs once');
select is_empty('select * from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
