begin;
\ir ../fixtures.psql
select plan(11);
select pg_temp.a_template('two', '{"a": [], "b": ["a"]}', '{"max_attempts": 2, "backoff": "none"}');
select pg_temp.a_task('two') as task \gset
select pg_temp.step(:'task', 'a') as a \gset

select results_eq(format('select step_state, task_state from tasker.fail_step(%L, %L, ''"one"'')',
  :'a', pg_temp.a_claim()), $$ values ('waiting_for_retry', 'in_progress') $$, 'the first of two');
select from tasker.sweep();
select pg_temp.later('1 second');
select results_eq(format('select task_uuid, step_state, next_retry_at, task_state from '
  'tasker.fail_step(%L, %L, ''"two"'')', :'a', pg_temp.a_claim()),
  format($$ values (%L::uuid, 'error', null::timestamptz, 'error') $$, :'task'),
  'the second is the last; nothing else can run, so the task ends');
select results_eq('select state::text, finished_at from tasker.tasks',
  $$ select 'error', tasker._now() $$, 'now');
select results_eq(format('select name, state, attempt from pg_temp.step_states(%L)', :'task'),
  $$ values ('a', 'error', 2), ('b', 'pending', 0) $$, 'its child never runs');
select is((select finished_at from tasker.steps where step_id = tasker._step_id(:'a')),
  tasker._now(), 'the step has an end');
select is_empty('select step_id from tasker.timers union all select task_id from tasker.open_tasks '
  'union all select task_id from tasker.unfinalized_tasks', 'nothing is left open');
select is_empty('select from tasker.claims', 'nor claimed');
select results_eq('select attempt::integer, worker, error, retryable, to_state::text, '
  'next_retry_at is null from tasker.step_failures order by failure_id',
  $$ values (1, 'w1', '{"message": "one"}'::jsonb, true, 'waiting_for_retry', false),
    (2, 'w1', '{"message": "two"}', true, 'error', true) $$, 'both failures are kept');
select results_eq(format('select pg_temp.history(%L)', :'task'),
  array['task created', 'task pending -> in_progress', 'task in_progress -> blocked_by_failures',
    'task blocked_by_failures -> error'], 'history of the task');
select is((select array_agg(change) from pg_temp.history(:'a') as change),
  array['step pending -> enqueued', 'step enqueued -> in_progress',
    'step in_progress -> waiting_for_retry', 'step waiting_for_retry -> enqueued',
        'step enqueued -> in_progress', 'step in_progress -> error'], 'and of the step');
select is(pg_temp.run_all(), 0, 'there is nothing to do');

select * from finish();
rollback;
