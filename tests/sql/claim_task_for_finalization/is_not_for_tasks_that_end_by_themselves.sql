begin;
\ir ../fixtures.psql
select plan(4);
select pg_temp.a_template('pair', '{"a": [], "b": []}');
select pg_temp.a_task('pair') as task, pg_temp.a_task('pair') as failed \gset
select is((select message from tasker.claim_task_for_finalization(:'task', 'p1')), 'not_ready',
  'steps are open');
select from tasker.claim_steps('test', 'w1', 4) as step,
  lateral tasker.complete_step(step_uuid, token) where step.task_uuid = :'task';
select is((select message from tasker.claim_task_for_finalization(:'task', 'p1')),
  'already_complete', 'the last step has ended it');
select from tasker.steps as step,
  lateral tasker.fail_step(tasker._step_uuid(:'failed', step_id), claim_token, '"no"', false)
   where step.state = 'in_progress';
select is((select task_state from tasker.claim_task_for_finalization(:'failed', 'p1')), 'error',
  'or the last failure');
select is_empty('select from tasker.finalizable_tasks', 'none waits for a processor');

select * from finish();
rollback;
