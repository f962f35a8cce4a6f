begin;
\ir ../fixtures.psql
select plan(8);

select pg_temp.a_template('pair', '{"a": [], "b": ["a"]}',
  '{"max_attempts": 2, "backoff": "none"}');
select pg_temp.a_task('pair');
select pg_temp.run_all();
select pg_temp.later('1 hour');

select pg_temp.a_task('pair') as good \gset
select pg_temp.a_task('pair') as bad \gset
select pg_temp.a_task('pair') as unwanted \gset
select from tasker.cancel_task(:'unwanted', 'enough');
select pg_temp.later('2 seconds');
select pg_temp.a_claim(3) as token \gset
select pg_temp.later('4 seconds');
select from tasker.complete_step(pg_temp.step(:'good', 'a'), :'token');
select from tasker.fail_step(pg_temp.step(:'bad', 'a'), :'token', '"no"');
select from tasker.sweep();
select pg_temp.a_claim(3) as token \gset
select pg_temp.later('4 seconds');
select from tasker.complete_step(pg_temp.step(:'good', 'b'), :'token');
select from tasker.fail_step(pg_temp.step(:'bad', 'a'), :'token', '"no"');

select results_eq($$ select tasks_created, tasks_completed, tasks_failed, tasks_cancelled,
  tasks_resolved from tasker.get_analytics_metrics('2030-01-01 01:00Z') $$,
  'values (3::bigint, 1::bigint, 1::bigint, 1::bigint, 0::bigint)', 'tasks');
select results_eq($$ select steps_completed, steps_failed, attempts_started, attempts_failed,
  attempts_lost, retries from tasker.get_analytics_metrics('2030-01-01 01:00Z') $$,
  'values (2::bigint, 1::bigint, 4::bigint, 2::bigint, 0::bigint, 1::bigint)', 'steps');
select results_eq($$ select completion_rate, error_rate, tasks_per_second,
  steps_per_second from tasker.get_analytics_metrics('2030-01-01 01:00Z') $$,
  'values (33.33, 50.00, 0.100, 0.200)', 'rates');
select results_eq($$ select average_task_duration, p95_task_duration, average_step_wait,
  average_step_duration,
  p95_step_duration from tasker.get_analytics_metrics('2030-01-01 01:00Z') $$,
  $$ values (interval '10 s', interval '10 s', interval '1 s', interval '4 s', interval '4 s') $$,
  'times');
select results_eq($$ select tasks_created,
  tasks_completed from tasker.get_analytics_metrics('2030-01-01Z') $$,
  'values (4::bigint, 2::bigint)', 'from the beginning');
select throws_ok($$ select *
  from tasker.get_analytics_metrics(tasker._now() + interval '1 second') $$, '22023', null,
  'the future');
select throws_ok('select * from tasker.get_analytics_metrics(null)', '22023');
select throws_ok('select * from tasker.get_analytics_metrics(''-infinity'')', '22023');

select * from finish();
rollback;
