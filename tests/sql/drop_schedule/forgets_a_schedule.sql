begin;
\ir ../fixtures.psql
select plan(6);
select pg_temp.a_schedule('0 * * * *');
select pg_temp.at('2030-01-01 01:00Z'), pg_temp.fired();
select results_eq('select * from tasker.drop_schedule(''test'', ''plan'', ''over'')',
  $$ values ('test', 'plan', timestamptz '2030-01-01 02:00Z') $$, 'the tick that will not come');
select is_empty('select * from tasker.schedule_ticks', 'its ticks are gone');
select is(pg_temp.run_all(), 1, 'its tasks are not');
select throws_ok('select from tasker.drop_schedule(''test'', ''plan'', ''over'')', 'TK002', null,
  'it is not there twice');
select is((select subject || ': ' || reason from tasker.operator_history), 'test/plan: over',
  'somebody said why');
select is_empty('select * from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
