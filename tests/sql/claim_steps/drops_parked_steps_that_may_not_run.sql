begin;
\ir ../fixtures.psql
select plan(4);
select pg_temp.a_template('t', '{"a": []}');
select pg_temp.a_task('t') as cancelled, pg_temp.a_task('t') as paused, pg_temp.a_task('t') as well
  \gset
select from tasker.claim_steps('test', 'w', 10, p_handlers => '{x}');
select from tasker.cancel_task(:'cancelled', 'not wanted');
select from tasker.pause_task(:'paused', 'wait');
select results_eq($$ select task_uuid
  from tasker.claim_steps('test', 'w', 1, p_handlers => '{a}') $$,
  array[:'well'::uuid], 'the first call finds what may run');
select is_empty('table tasker.parked_steps', 'the others are not in its way again');
select from tasker.resume_task(:'paused', 'go on');
select pg_temp.later('6 seconds');
select from tasker.sweep();
select results_eq($$ select task_uuid
  from tasker.claim_steps('test', 'w', 1, p_handlers => '{a}') $$,
  array[:'paused'::uuid], 'what was paused comes back');
select is_empty('select from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
