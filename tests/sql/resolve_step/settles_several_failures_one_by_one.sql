begin;
\ir ../fixtures.psql
select plan(9);
select pg_temp.a_template('three', '{"a": [], "b": [], "c": []}');
select pg_temp.a_task('three') as task \gset
select from tasker.claim_steps('test', 'w1', 3) as step,
  lateral tasker.fail_step(step_uuid, token, '"no"', false);
select is(pg_temp.task_state(:'task'), 'error', 'all three failed');

select results_eq(format('select step_state, task_state from tasker.resolve_step(%L, ''by hand'')',
  pg_temp.step(:'task', 'a')),
  $$ values ('resolved_manually', 'error') $$, 'two are left');
select is_empty('select * from tasker.check_invariants()', 'all is well');
select results_eq(format('select step_state, task_state from tasker.resolve_step(%L, ''by hand'')',
  pg_temp.step(:'task', 'b')),
  $$ values ('resolved_manually', 'error') $$, 'one is left');
select is((select open_sinks from tasker.tasks), 1, 'they are counted off, too');
select results_eq(format('select step_state, task_state from tasker.resolve_step(%L, ''by hand'')',
  pg_temp.step(:'task', 'c')),
  $$ values ('resolved_manually', 'complete') $$, 'none is left');
select is((select array_agg(change) from pg_temp.history(:'task') as change)[3:], array[
    'task in_progress -> blocked_by_failures', 'task blocked_by_failures -> error',
    'task error -> in_progress', 'task in_progress -> blocked_by_failures',
    'task blocked_by_failures -> error',
    'task error -> in_progress', 'task in_progress -> blocked_by_failures',
    'task blocked_by_failures -> error',
    'task error -> in_progress', 'task in_progress -> complete'], 'every change was a legal one');
select is_empty('select from tasker.open_tasks', 'the task is over');
select is_empty('select * from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
