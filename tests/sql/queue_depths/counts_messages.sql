begin;
\ir ../fixtures.psql
select plan(5);

select pg_temp.a_template('two', '{"a": [], "b": []}');
select pg_temp.a_task('two', p_options => '{"priority": "high"}');
select pg_temp.later('5 seconds');
select pg_temp.a_task('two', p_options => '{"priority": "high"}');
select pgmq.drop_queue('test_queue_low');

select results_eq('select queue_name, namespace, priority, depth, depth_is_exact, oldest_at, '
  'oldest_age, missing from tasker.queue_depths',
  $$ values ('orchestration_step_results', null, null, 0::bigint, true, null::timestamptz,
    null::interval, false),
            ('orchestration_task_requests', null, null, 0, true, null, null, false),
            ('test_queue', 'test', 'normal', 0, true, null, null, false),
            ('test_queue_high', 'test', 'high', 4, true, '2030-01-01Z', '5 seconds', false),
            ('test_queue_low', 'test', 'low', null, null, null, null, true) $$, 'each queue');

-- A long queue is not counted, it is measured.
insert into pgmq.q_test_queue (vt, message) select tasker._now(),
  '{"step_id": 7}' from generate_series(1, 12000);
select results_eq('select depth, depth_is_exact from tasker.queue_depths where queue_name = '
  '''test_queue''', 'values (12000::bigint, false)', 'from the oldest to the newest');
delete from pgmq.q_test_queue where msg_id <= 1000;
select results_eq('select depth, depth_is_exact from tasker.queue_depths where queue_name = '
  '''test_queue''', 'values (11000::bigint, false)', 'what was taken is gone');
delete from pgmq.q_test_queue where msg_id <= 2000;
select results_eq('select depth, depth_is_exact from tasker.queue_depths where queue_name = '
  '''test_queue''', 'values (10000::bigint, true)', '10000 are counted');
select is((select enqueued_steps from tasker.get_system_health_counts()), 10004::bigint, 'the sum');

select * from finish();
rollback;
