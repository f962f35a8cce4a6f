begin;
\ir ../fixtures.psql
select plan(8);
select pg_temp.a_template('chain', '{"a": [], "b": ["a"], "c": ["b"]}');
select pg_temp.a_task('chain') as task \gset
select from tasker.claim_steps('test', 'w1') as step,
  lateral tasker.fail_step(step_uuid, token, '"no"', false);
select is(pg_temp.task_state(:'task'), 'error', 'the task has ended');
select results_eq(format('select step_state, task_state from tasker.complete_step_manually(%L, '
  '''7'', ''by hand'')', pg_temp.step(:'task', 'a')),
  $$ values ('complete', 'in_progress') $$, 'it goes on');
select is((select finished_at from tasker.tasks), null, 'without an end');
select is((select array_agg(change) from pg_temp.history(:'task') as change)[5],
  'task error -> in_progress', 'history says so');
select is_empty('select * from tasker.check_invariants()', 'all is well');
select is(pg_temp.run_all(), 2, 'the rest runs');
select is(pg_temp.task_state(:'task'), 'complete', 'to a good end');
select results_eq('select dependency_results from (select 1) as _, lateral (select '
  'jsonb_build_object(''a'', result) as dependency_results from tasker.steps where step_id & '
  '1048575 = 1) as _2',
  $$ values ('{"a": 7}'::jsonb) $$, 'its result is what was given');

select * from finish();
rollback;
