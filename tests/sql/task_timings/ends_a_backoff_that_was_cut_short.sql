begin;
\ir ../fixtures.psql
select plan(2);

select pg_temp.a_template('two', '{"a": [], "b": []}',
  '{"max_attempts": 2, "backoff_base_ms": 60000, "jitter": false}');
select pg_temp.a_task('two') as task \gset
create temp table held as select * from tasker.claim_steps('test', 'w', 2);
select pg_temp.later('1 second');
select from held, tasker.fail_step(held.step_uuid, held.token, '"once"');
select pg_temp.later('3 seconds');
select from tasker.retry_step(pg_temp.step(:'task', 'a'), 'now');
select from tasker.resolve_step(pg_temp.step(:'task', 'b'), 'by hand');
select pg_temp.later('4 seconds');
select pg_temp.a_claim();
select pg_temp.later('5 seconds');
prepare timings as select running, backing_off, queued, afterwards,
  wall_time from tasker.task_timings(:'task');
select results_eq('timings', $$ values
  (interval '6 seconds', interval '3 seconds', interval '4 seconds', interval '0',
    interval '13 seconds'),
  ('1 second', '3 seconds', '0', '9 seconds', '13 seconds') $$, 'one was hurried, one was settled');
select pg_temp.later('2 minutes');
select results_eq('timings', $$ values
  (interval '126 seconds', interval '3 seconds', interval '4 seconds', interval '0',
    interval '133 seconds'),
  ('1 second', '3 seconds', '0', '129 seconds', '133 seconds') $$,
  'past the time for which they would have waited');

select * from finish();
rollback;
