begin;
\ir ../fixtures.psql
select plan(13);
select pg_temp.a_template('chain', '{"a": [], "b": ["a"], "c": ["b"]}');
select pg_temp.a_task('chain') as task \gset
select pg_temp.step(:'task', 'a') as a, pg_temp.step(:'task', 'b') as b \gset
select pg_temp.a_claim() as token \gset
select pg_temp.later('5 seconds');

select results_eq(format('select task_uuid, step_state, task_state from tasker.complete_step(%L, '
  '%L, %L)', :'a', :'token', '{"n": 1}'),
  format($$ values (%L::uuid, 'complete', 'in_progress') $$, :'task'), 'it answers the states');
select results_eq(format('select name, state, attempt from pg_temp.step_states(%L)', :'task'),
  $$ values ('a', 'complete', 1), ('b', 'enqueued', 0), ('c', 'pending', 0) $$,
  'the child is enqueued, the grandchild is not');
select results_eq(format('select result, finished_at, started_at, claim_token from tasker.steps '
  'where step_id = tasker._step_id(%L)', :'a'),
  format($$ values ('{"n": 1}'::jsonb, tasker._now(), tasker._now() - interval '5 seconds',
    %L::uuid) $$, :'token'), 'the step keeps its result, times and token');
select is((select enqueued_at from tasker.steps where step_id = tasker._step_id(:'b')),
  tasker._now(), 'the child knows when it was enqueued');
select results_eq($$ select pg_temp.queued('test_queue') $$, array[tasker._step_id(:'b')],
  'and has a message');
select is_empty('select from tasker.claims', 'the claim is gone');
select results_eq(format('select pg_temp.history(%L)', :'a'),
  array['step pending -> enqueued', 'step enqueued -> in_progress', 'step in_progress -> complete'],
  'history has it all');
select results_eq(format('select pg_temp.history(%L)', :'b'), array['step pending -> enqueued'],
  'the child''s too');
select is((select actor from tasker._changes where change = 'step in_progress -> complete'), 'w1',
  'and who did it');

select is(pg_temp.run_all(), 2, 'the others follow');
select results_eq('select state::text, open_sinks, finished_at from tasker.tasks',
  $$ select 'complete', 0, tasker._now() $$, 'and the task is complete');
select is_empty('select from tasker.open_tasks', 'and not open any more');
select results_eq(format('select pg_temp.history(%L)', :'task'),
  array['task created', 'task pending -> in_progress', 'task in_progress -> complete'],
  'each task''s change once');

select * from finish();
rollback;
