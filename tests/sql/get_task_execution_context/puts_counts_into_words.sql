begin;
\ir ../fixtures.psql
select plan(13);

select pg_temp.a_template('diamond', '{"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}',
  '{"jitter": false, "backoff": "none"}');
select pg_temp.a_task('diamond') as task \gset
create function pg_temp.words (p_task uuid) returns text[] language sql as $$
select array[status, execution_status, recommended_action, health_status,
  completion_percentage::text] from tasker.get_task_execution_context(p_task) $$;
create function pg_temp.counts (p_task uuid) returns integer[] language sql as $$
select array[total_steps, pending_steps, enqueued_steps, ready_steps, in_progress_steps,
  completed_steps, failed_steps, waiting_for_retry_steps, cancelled_steps]
  from tasker.get_task_execution_context(p_task) $$;

select is(pg_temp.words(:'task'), '{pending,has_ready_steps,execute_ready_steps,healthy,0.00}',
  'new');
select is(pg_temp.counts(:'task'), '{4,3,1,1,0,0,0,0,0}', 'in numbers');
select pg_temp.a_claim() as token \gset
select is(pg_temp.words(:'task'), '{in_progress,processing,wait_for_completion,healthy,0.00}',
  'running');
select from tasker.complete_step(pg_temp.step(:'task', 'a'), :'token');
select pg_temp.later('1 second');
select pg_temp.a_claim(2) as token \gset
select from tasker.fail_step(pg_temp.step(:'task', 'b'), :'token', '"no"',
  p_retry_after => '1 minute');
select is(pg_temp.words(:'task'), '{in_progress,processing,wait_for_completion,recovering,25.00}',
  'one waits for a retry');
select is(pg_temp.counts(:'task'), '{4,1,0,0,1,1,0,1,0}', 'in numbers');
select from tasker.complete_step(pg_temp.step(:'task', 'c'), :'token');
select is(pg_temp.words(:'task'),
  '{in_progress,waiting_for_dependencies,wait_for_dependencies,recovering,50.00}',
  'nothing else is to do');
select pg_temp.later('1 minute');
select is(pg_temp.words(:'task'),
  '{in_progress,has_ready_steps,execute_ready_steps,recovering,50.00}', 'its retry is due');
select from tasker.pause_task(:'task', 'wait');
select is(pg_temp.words(:'task'),
  '{in_progress,waiting_for_dependencies,wait_for_dependencies,recovering,50.00}',
  'but the task is paused');
select from tasker.resume_task(:'task', 'go on');
select from tasker.sweep();
select pg_temp.run_all();
select is(pg_temp.words(:'task'), array['complete', 'all_complete', null, 'healthy', '100.00'],
  'done');

-- Blocked and ready at once is blocked.
select pg_temp.a_template('two', '{"a": [], "b": []}');
select pg_temp.a_task('two') as task \gset
select pg_temp.a_claim() as token \gset
select from tasker.fail_step(pg_temp.step(:'task', 'a'), :'token', '"no"', false);
select is(pg_temp.words(:'task'),
  '{blocked_by_failures,blocked_by_failures,handle_failures,blocked,0.00}',
  'a failed and a ready step');
select is(pg_temp.counts(:'task'), '{2,0,1,1,0,0,1,0,0}', 'in numbers');
select pg_temp.run_all();
select is(pg_temp.words(:'task'), '{error,blocked_by_failures,handle_failures,blocked,50.00}',
  'ended in error');
select from tasker.resolve_task(:'task', 'done elsewhere');
select is(pg_temp.words(:'task'),
  array['resolved_manually', 'all_complete', null, 'healthy', '50.00'], 'settled');

select * from finish();
rollback;
