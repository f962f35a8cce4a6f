begin;
\ir ../fixtures.psql
select plan(9);
select pg_temp.a_template('t',
  '{"done": [], "retried": [], "late": [], "hopeless": [], "void": []}',
  '{"backoff": "linear", "backoff_base_ms": 4000, "jitter": false}');
select pg_temp.a_task('t') as task \gset
create function pg_temp.outcome (p_name text, p_more text) returns jsonb language sql as $$
select pg_temp.outcome(pg_temp.step((select task_uuid from tasker.tasks), p_name)) || p_more::jsonb
$$;
select pg_temp.a_claim(10) as token \gset

select is_empty(format('select from tasker.finish_and_claim(''test'', ''w1'', %L, %L)', :'token',
  jsonb_build_array(
  pg_temp.outcome('done', '{"result": {"x": 1}}'),
  pg_temp.outcome('retried', '{"error": {"message": "boom"}}'),
  pg_temp.outcome('late', '{"error": null, "retryable": true, "retry_after_seconds": 0.5}'),
  pg_temp.outcome('hopeless', '{"error": "no", "retryable": false}'),
  pg_temp.outcome('void', '{}'))), 'all five at once');
select results_eq(format('select name, state from pg_temp.step_states(%L) order by name', :'task'),
  $$ values ('done', 'complete'), ('hopeless', 'error'), ('late', 'waiting_for_retry'),
    ('retried', 'waiting_for_retry'), ('void', 'complete') $$, 'each as it says');
select results_eq('select result from tasker.steps where state = ''complete'' order by result',
  $$ values ('{"x": 1}'::jsonb), (null) $$, 'results, or none');
select results_eq('select error ->> ''message'' from tasker.step_failures order by 1',
  array['boom', 'no', 'no error was given'], 'errors');
select results_eq('select due_at - tasker._now() from tasker.timers order by 1',
  '{500 ms,4 s}'::interval[],
  'retry_after_seconds wins over the backoff, which the other waits for');
select is(pg_temp.task_state(:'task'), 'blocked_by_failures', 'the task is blocked');
select is_empty('select from tasker.claims', 'the claim is gone');

-- Clamped as fail_step does it.
select pg_temp.later('4 seconds');
select from tasker.sweep();
select pg_temp.a_claim(10) as token \gset
select lives_ok(format('select from tasker.finish_and_claim(''test'', ''w1'', %L, %L, 0)', :'token',
  jsonb_build_array(
  pg_temp.outcome('retried', '{"error": 1, "retry_after_seconds": 1e300}'),
  pg_temp.outcome('late', '{"error": 1, "retry_after_seconds": -1e300}'))),
  'any number of seconds');
select results_eq('select due_at - tasker._now() from tasker.timers order by 1',
  '{0,30 days}'::interval[], 'is clamped to 0 to 30 days');

select * from finish();
rollback;
