begin;
\ir ../fixtures.psql
select plan(5);

select pg_temp.a_template('two', '{"a": [], "b": []}', '{"max_attempts": 2, "backoff": "none"}');
select pg_temp.a_task('two') as task \gset
select pg_temp.a_claim(1, 'w1') as token \gset
select from tasker.fail_step(pg_temp.step(:'task', 'a'), :'token', '"first"');
select is_empty('select * from tasker.failed_steps', 'it will be retried');
select from tasker.sweep();
select pg_temp.later('1 second');
select pg_temp.a_claim(2, 'w2') as token \gset
select from tasker.fail_step(pg_temp.step(:'task', 'a'), :'token', '"last"');
select results_eq('select step_uuid, task_uuid, namespace, task_name, version, name, task_state, '
  'attempt, max_attempts, retryable, failed_at, worker, error from tasker.failed_steps',
  format($$ values (%L::uuid, %L::uuid, 'test', 'two', '1.0.0', 'a', 'blocked_by_failures', 2, 2,
    true, '2030-01-01 00:00:01Z'::timestamptz, 'w2', '{"message": "last"}'::jsonb) $$,
         pg_temp.step(:'task', 'a'), :'task'), 'its last attempt failed');
select from tasker.fail_step(pg_temp.step(:'task', 'b'), :'token', '"never"', false);
select set_eq('select name, task_state, retryable from tasker.failed_steps',
  $$ values ('a', 'error', true), ('b', 'error', false) $$, 'both, and the task');
select from tasker.retry_step(pg_temp.step(:'task', 'a'), 'again');
select results_eq('select name, task_state from tasker.failed_steps',
  $$ values ('b', 'blocked_by_failures') $$, 'one runs again');
select pg_temp.later('1 second');
select pg_temp.a_claim() as token \gset
select from tasker.fail_step(pg_temp.step(:'task', 'a'), :'token', '"again"', false);
select results_eq(format('select error ->> ''message'' from tasker.failed_steps where task_uuid = '
  '%L and name = ''a''', :'task'), array['again'], 'once, with its last error');

select * from finish();
rollback;
