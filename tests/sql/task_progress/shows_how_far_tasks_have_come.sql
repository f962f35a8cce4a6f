begin;
\ir ../fixtures.psql
select plan(4);

select pg_temp.a_template('four', '{"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}');
select pg_temp.a_task('four') as task \gset
select pg_temp.later('1 second');
select pg_temp.a_claim() as token \gset
select from tasker.complete_step(pg_temp.step(:'task', 'a'), :'token');
select pg_temp.later('1 second');
select pg_temp.a_claim() as token \gset
select results_eq('select task_uuid, namespace, name, version, state, priority, paused, '
  'created_at, started_at, completion_percentage, last_moved_at from tasker.task_progress',
  format($$ values (%L::uuid, 'test', 'four', '1.0.0', 'in_progress', 'normal', false,
    '2030-01-01Z'::timestamptz, '2030-01-01 00:00:01Z'::timestamptz, 25.00,
                    '2030-01-01 00:00:02Z'::timestamptz) $$, :'task'), 'what and when');
select results_eq('select total_steps, completed_steps, in_progress_steps, enqueued_steps, '
  'waiting_for_retry_steps, pending_steps, failed_steps from tasker.task_progress',
  'values (4, 1, 1, 1, 0, 1, 0)', 'how many');
select from tasker.fail_step(pg_temp.step(:'task', 'b'), :'token', '"no"', false);
select results_eq('select state, failed_steps from tasker.task_progress',
  $$ values ('blocked_by_failures', 1) $$, 'one failed');
select pg_temp.run_all();
select is_empty('select * from tasker.task_progress', 'the task has ended');

select * from finish();
rollback;
