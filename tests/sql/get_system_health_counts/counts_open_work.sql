begin;
\ir ../fixtures.psql
select plan(4);

select pg_temp.a_template('three', '{"a": [], "b": [], "c": []}');
select results_eq('select open_tasks, enqueued_steps, in_progress_steps, live_claims, '
  'missing_queues, oldest_message_at from tasker.get_system_health_counts()',
  'values (0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint, null::timestamptz)',
  'nothing to do');

select pg_temp.a_task('three') as done \gset
select pg_temp.run_all();
select pg_temp.a_task('three') as task \gset
select pg_temp.later('1 second');
select pg_temp.a_task('three') as paused \gset
select from tasker.pause_task(:'paused', 'wait');
select pg_temp.a_task('three', p_options => '{"run_at": "2030-01-01T00:01Z"}');
select pg_temp.a_claim(2) as token \gset
select from tasker.fail_step(pg_temp.step(:'task', 'a'), :'token', '"no"',
  p_retry_after => '10 seconds');
select from tasker.submit_step_results(:'token',
  pg_temp.outcomes(pg_temp.outcome(pg_temp.step(:'task', 'b'), '1')));
select pg_temp.a_claim(1, 'w2', '5 seconds');
select from tasker.await_work('{test}', 'w3', '1 hour');
select results_eq(
  'select open_tasks, pending_tasks, in_progress_tasks, blocked_tasks, paused_tasks, '
  'enqueued_steps, in_progress_steps, waiting_for_retry_steps, scheduled_steps,
          live_claims, active_workers, idle_workers, pending_submissions, oldest_message_at from '
          'tasker.get_system_health_counts()',
  'values (3::bigint, 2::bigint, 1::bigint, 0::bigint, 1::bigint, 3::bigint, 2::bigint, 1::bigint, '
  '3::bigint,
           1::bigint, 1::bigint, 1::bigint, 1::bigint, ''2030-01-01 00:00:01Z''::timestamptz)',
           'some of everything');
select pg_temp.later('11 seconds');
select pgmq.drop_queue('test_queue_low');
select results_eq('select overdue_timers, live_claims, expired_claims, active_workers, '
  'missing_queues from tasker.get_system_health_counts()',
  'values (1::bigint, 0::bigint, 1::bigint, 0::bigint, 1::bigint)', 'nobody sweeps');
select results_eq('select active_connections > 0, max_connections, measured_at from '
  'tasker.get_system_health_counts()',
  'select true, current_setting(''max_connections'')::integer, tasker._now()', 'and the server');

select * from finish();
rollback;
