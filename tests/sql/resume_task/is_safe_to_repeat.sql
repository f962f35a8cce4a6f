begin;
\ir ../fixtures.psql
select plan(4);
select pg_temp.a_template('chain', '{"a": [], "b": ["a"]}');
select pg_temp.a_task('chain') as task \gset
select from tasker.pause_task(:'task', 'maintenance');
select results_eq(format('select * from tasker.resume_task(%L, ''go on'')', :'task'),
  'values (false, true)', 'it is resumed');
select results_eq(format('select * from tasker.resume_task(%L, ''go on'')', :'task'),
  'values (false, false)', 'once');
select is((select count(*) from tasker.operator_actions where verb = 'resume_task'
  and reason = 'go on'), 1::bigint, 'the reason is recorded');
select is((select count(*) from pg_temp.queued('test_queue')), 1::bigint, 'no message is doubled');

select * from finish();
rollback;
