begin;
\ir ../fixtures.psql
select plan(5);
-- Two handlers of 1 and 3 seconds, claimed together, run one after the other, reported together.
select pg_temp.a_template('pair', '{"a": [], "b": []}');
select pg_temp.a_task('pair') as task \gset
select pg_temp.later('10 seconds');
select pg_temp.a_claim(2) as token \gset
select pg_temp.later('4 seconds');
select from tasker.complete_step(pg_temp.step(:'task', 'a'), :'token', p_seconds => 1);
select from tasker.report_steps(:'token',
  jsonb_build_array(jsonb_build_object('step_uuid', pg_temp.step(:'task', 'b'), 'seconds', 3)));

select results_eq('select name, duration, waited from tasker.get_slowest_steps()',
  $$ values ('b', interval '3 s', interval '11 s'), ('a', interval '1 s', interval '13 s') $$,
  'the rest is waiting');
select results_eq('select slowest_step, slowest_step_duration from tasker.get_slowest_tasks()',
  $$ values ('b', interval '3 s') $$, 'so the slowest step of a task');
select results_eq('select average_step_wait, average_step_duration, p95_step_duration from '
  'tasker.get_analytics_metrics(tasker._now() - interval ''1 hour'')',
  $$ values (interval '12 s', interval '2 s', interval '3 s') $$, 'so the metrics');
select results_eq(format('select name, queued, running, wall_time from tasker.task_timings(%L)',
  :'task'),
  $$ values ('a', interval '13 s', interval '1 s', interval '14 s'),
    ('b', interval '11 s', interval '3 s', interval '14 s') $$, 'so where its time went');

-- A worker cannot have measured more than there was.
select pg_temp.later('2 hours');
select pg_temp.a_task('pair') as task \gset
select pg_temp.a_claim(2) as token \gset
select pg_temp.later('4 seconds');
select from tasker.complete_step(pg_temp.step(:'task', 'a'), :'token', p_seconds => 1e30);
select from tasker.fail_step(pg_temp.step(:'task', 'b'), :'token', '"no"', false,
  p_seconds => 1e30);
select results_eq('select duration, waited from tasker.get_slowest_steps()',
  $$ select interval '4 s', interval '0' from generate_series(1, 2) $$, 'at most since its claim');

select * from finish();
rollback;
