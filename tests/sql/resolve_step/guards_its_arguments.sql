begin;
\ir ../fixtures.psql
select plan(8);
select pg_temp.a_task() as task \gset
select throws_ok('select from tasker.resolve_step(null, ''why'')', '22023', 'a step is needed',
  'null step');
select throws_ok('select from tasker.resolve_step(gen_random_uuid(), ''why'')', 'TK002',
  'step not found', 'unknown step');
select throws_ok(format('select from tasker.resolve_step(%L, ''why'')', :'task'), 'TK002',
  'step not found', 'a task');
select throws_ok(format('select from tasker.resolve_step(%L, ''why'')',
  left(:'task', 31) || '00009'), 'TK002', 'step not found', 'a step that the template has not');
select throws_ok(format('select from tasker.resolve_step(%L, %L)', pg_temp.step(:'task', 'only'),
  reason), '22023',
  'a reason of 1 to 1000 characters is needed', coalesce(left(reason, 10), 'no reason'))
  from unnest(array[null, ' ', repeat('x', 1001)]) as reason;
select is(pg_temp.step_state(pg_temp.step(:'task', 'only')), 'enqueued', 'nothing has changed');

select * from finish();
rollback;
