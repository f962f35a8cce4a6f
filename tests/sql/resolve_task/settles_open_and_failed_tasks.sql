begin;
\ir ../fixtures.psql
select plan(8);
select pg_temp.a_template('pair', '{"a": [], "b": []}');
select pg_temp.a_task('pair') as failed, pg_temp.a_task('pair') as blocked,
  pg_temp.a_task('pair') as running, pg_temp.a_task('pair') as waiting \gset
create temp table claimed as select * from tasker.claim_steps('test', 'w1', 6);
select from claimed, lateral tasker.fail_step(step_uuid, token, '"no"', false)
  where claimed.task_uuid = :'failed' or claimed.task_uuid = :'blocked' and name = 'a';
select is((select string_agg(state::text, ', ' order by task_id) from tasker.tasks),
  'error, blocked_by_failures, in_progress, pending', 'in error, and all open states');
select pg_temp.later('1 second');

select results_eq(
  'select cancelled_steps from tasker.tasks as task, lateral tasker.resolve_task(task.task_uuid, '
  '''done elsewhere'') order by task_id',
  array[0, 1, 2, 2], 'open steps are cancelled');
select is((select count(*) from tasker.tasks where state = 'resolved_manually'
  and finished_at = tasker._now()), 4::bigint, 'all are resolved');
select results_eq('select state::text, count(*) from tasker.steps group by 1 order by 1',
  $$ values ('cancelled', 5::bigint), ('error', 3) $$,
  'steps in error stay so');
select is((select count(*) from tasker.task_transitions where to_state = 'resolved_manually'
  and reason = 'done elsewhere'), 4::bigint,
  'history knows why');
select is((select count(*) from tasker.operator_actions where verb = 'resolve_task'
  and reason = 'done elsewhere'), 4::bigint, 'and who');
select is_empty('select from tasker.open_tasks', 'none is open');
select is_empty('select * from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
