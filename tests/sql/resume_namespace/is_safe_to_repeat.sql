begin;
\ir ../fixtures.psql
select plan(4);
select pg_temp.a_template('chain', '{"a": [], "b": ["a"]}');
select pg_temp.a_task('chain') as task \gset
select from tasker.pause_namespace('test', 'maintenance');
select results_eq('select * from tasker.resume_namespace(''test'', ''go on'')',
  'values (false, true)', 'it is resumed');
select results_eq('select * from tasker.resume_namespace(''test'', ''go on'')',
  'values (false, false)', 'once');
select is((select count(*) from tasker.operator_actions where verb = 'resume_namespace'
  and reason = 'go on'), 1::bigint, 'the reason is recorded');
select is((select count(*) from pg_temp.queued('test_queue')), 1::bigint, 'no message is doubled');

select * from finish();
rollback;
