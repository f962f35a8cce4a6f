begin;
\ir ../fixtures.psql
select plan(3);

select pg_temp.a_task() as task \gset
select throws_ok(format('select * from tasker.get_task_execution_context(%L)', gen_random_uuid()),
  'TK002');
select throws_ok(format('select * from tasker.get_task_execution_context(%L)',
  pg_temp.step(:'task', 'only')), 'TK002', null, 'a step is not a task');
select throws_ok('select * from tasker.get_task_execution_context(null)', '22023');

select * from finish();
rollback;
