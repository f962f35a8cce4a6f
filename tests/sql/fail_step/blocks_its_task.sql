begin;
\ir ../fixtures.psql
select plan(18);
select pg_temp.a_template('fork',
  '{"bad": [], "good": [], "after": ["good"], "never": ["bad", "after"]}', '{"max_attempts": 1}');
select pg_temp.a_task('fork') as task \gset
create function pg_temp.fail (p_name text, p_token uuid) returns setof text language sql as $$
select step_state || ', ' || task_state
from tasker.fail_step(pg_temp.step((select task_uuid from tasker.tasks order by task_id desc
  limit 1), p_name), p_token, '"boom"')
$$;
select pg_temp.a_claim(2) as token \gset

-- While another branch runs the task is blocked; when it ends, so does the task.
select is(pg_temp.fail('bad', :'token'), 'error, blocked_by_failures',
  'it is blocked, because another step runs');
select is((select finished_at from tasker.tasks), null, 'and not over');
select is((select count(*) from tasker.open_tasks), 1::bigint, 'but open');
select results_eq(format('select step_state, task_state from tasker.complete_step(%L, %L)',
  pg_temp.step(:'task', 'good'), :'token'),
  $$ values ('complete', 'blocked_by_failures') $$, 'the other branch goes on');
select pg_temp.a_claim() as token \gset
select isnt(:'token'::text, null, 'as far as it can');
select pg_temp.later('1 second');
select results_eq(format('select step_state, task_state from tasker.complete_step(%L, %L)',
  pg_temp.step(:'task', 'after'), :'token'),
  $$ values ('complete', 'error') $$, 'its last step ends the task, in error');
select is((select finished_at from tasker.tasks), tasker._now(), 'now');
select is_empty('select task_id from tasker.open_tasks union all select task_id from '
  'tasker.unfinalized_tasks', 'it is not open any more');
select results_eq(format('select name, state from pg_temp.step_states(%L)', :'task'),
  $$ values ('bad', 'error'), ('good', 'complete'), ('after', 'complete'), ('never', 'pending') $$,
  'what needed the failed step never ran');
select results_eq(format('select pg_temp.history(%L)', :'task'),
  array['task created', 'task pending -> in_progress', 'task in_progress -> blocked_by_failures',
    'task blocked_by_failures -> error'], 'history says so');

-- A second failure ends it, too; it is blocked once. A step that waits for its retry can still run.
select pg_temp.a_template('two', '{"bad": [], "worse": []}',
  '{"max_attempts": 2, "backoff_base_ms": 5000}');
select pg_temp.a_task('two') as task \gset
select pg_temp.a_claim(2) as token \gset
select is(pg_temp.fail('worse', :'token'), 'waiting_for_retry, in_progress',
  'one waits for its retry');
select results_eq(format('select step_state, task_state from tasker.fail_step(%L, %L, ''1'', '
  'false)', pg_temp.step(:'task', 'bad'), :'token'),
  $$ values ('error', 'blocked_by_failures') $$, 'so the task is blocked, not over');
select is((select affected from tasker.sweep() where action = 'tasks_finalized'), 0,
  'nor does the sweep end it');
select pg_temp.later('5 seconds');
select from tasker.sweep();
select pg_temp.a_claim() as token \gset
select is(pg_temp.fail('worse', :'token'), 'error, error', 'its last attempt ends it');
select is((select count(*) from pg_temp.history(:'task')), 4::bigint,
  'created, begun, blocked, in error');
select is((select state::text from tasker.tasks where task_uuid = :'task'), 'error',
  'in error it stays');
select from tasker.sweep();
select is((select count(*) from tasker.tasks where state = 'error'), 2::bigint, 'by any sweep');
select is_empty('select from tasker.timers', 'and nothing waits');

select * from finish();
rollback;
