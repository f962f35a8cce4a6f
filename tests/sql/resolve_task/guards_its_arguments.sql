begin;
\ir ../fixtures.psql
select plan(7);
select pg_temp.a_task() as task \gset
select throws_ok('select from tasker.resolve_task(null, ''why'')', '22023', 'a task is needed',
  'null task');
select throws_ok('select from tasker.resolve_task(gen_random_uuid(), ''why'')', 'TK002',
  'task not found', 'unknown task');
select throws_ok(format('select from tasker.resolve_task(%L, ''why'')',
  pg_temp.step(:'task', 'only')), 'TK002', 'task not found', 'a step');
select throws_ok(format('select from tasker.resolve_task(%L, %L)', :'task', reason), '22023',
  'a reason of 1 to 1000 characters is needed',
  coalesce(left(reason, 10), 'no reason'))
  from unnest(array[null, ' ', repeat('x', 1001)]) as reason;
select is(pg_temp.task_state(:'task'), 'pending', 'nothing has changed');

select * from finish();
rollback;
