begin;
\ir ../fixtures.psql
select plan(6);
select pg_temp.a_template('t', '{"a": [], "b": ["a"], "c": ["a"]}', '{"max_attempts": 1}');
select pg_temp.a_task('t') as task \gset
select results_eq(format('select name, state, result, error, is_last from tasker.task_results(%L)',
  :'task'),
  $$ values ('a', 'enqueued', null::jsonb, null::jsonb, false), ('b', 'pending', null, null, true),
    ('c', 'pending', null, null, true) $$, 'nothing yet');
select from tasker.complete_step(pg_temp.step(:'task', 'a'), pg_temp.a_claim(), '{"n": 1}');
select pg_temp.a_claim(2) as token \gset
select from tasker.fail_step(pg_temp.step(:'task', 'b'), :'token',
  '{"message": "no", "type": "E"}');
select from tasker.complete_step(pg_temp.step(:'task', 'c'), :'token', '7');
select results_eq(format('select name, state, result, error from tasker.task_results(%L)', :'task'),
  $$ values ('a', 'complete', '{"n": 1}'::jsonb, null::jsonb),
    ('b', 'error', null, '{"message": "no", "type": "E"}'), ('c', 'complete', '7', null) $$,
    'results and errors');
select from tasker.retry_step(pg_temp.step(:'task', 'b'), 'again');
select from tasker.complete_step(pg_temp.step(:'task', 'b'), pg_temp.a_claim(), '8');
select results_eq(format('select name, state, result, error from tasker.task_results(%L) where '
  'name = ''b''', :'task'), $$ values ('b', 'complete', '8'::jsonb, null::jsonb) $$,
  'an error that was repaired is none');
select is(pg_temp.refusal('select from tasker.task_results(null)'), '22023: p_task_uuid is null',
  'null');
select alike(pg_temp.refusal('select from tasker.task_results(gen_random_uuid())'), 'TK002: task %',
  'an unknown task');
select alike(pg_temp.refusal(format('select from tasker.task_results(%L)',
  pg_temp.step(:'task', 'a'))), 'TK002: task %', 'a step');

select * from finish();
rollback;
