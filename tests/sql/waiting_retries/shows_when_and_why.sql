begin;
\ir ../fixtures.psql
select plan(3);

select pg_temp.a_task() as task \gset
select pg_temp.a_task(p_options => '{"run_at": "2031-01-01T00:00Z"}');
select is_empty('select * from tasker.waiting_retries', 'to wait for run_at is not a retry');
select pg_temp.a_claim() as token \gset
select from tasker.fail_step(pg_temp.step(:'task', 'only'), :'token', '{"message": "no"}',
  p_retry_after => '1 minute');
select pg_temp.later('15 seconds');
select results_eq('select step_uuid, task_uuid, namespace, task_name, name, attempt, max_attempts, '
  'next_retry_at, due_in, failed_at, error from tasker.waiting_retries',
  format($$ values (%L::uuid, %L::uuid, 'test', 'single', 'only', 1, 3,
    '2030-01-01 00:01Z'::timestamptz, interval '45 s', '2030-01-01Z'::timestamptz,
    '{"message": "no"}'::jsonb) $$,
         pg_temp.step(:'task', 'only'), :'task'), 'one waits');
select pg_temp.later('1 minute');
select from tasker.sweep();
select is_empty('select * from tasker.waiting_retries', 'it is enqueued');

select * from finish();
rollback;
