begin;
\ir ../fixtures.psql
select plan(7);
select pg_temp.a_template('external', '{"a": [], "b": []}',
  p_more => '{"finalization": "external"}');
select pg_temp.a_task('external') as task, pg_temp.a_task('external') as open \gset
select format('select task_state, finalized, message from tasker.finalize_task(%L)', :'task')
 as finalize \gset
select results_eq(:'finalize', $$ values ('pending', false, 'not_ready') $$,
  'not while it is pending');
create temp table claimed as select * from tasker.claim_steps('test', 'w1', 4);
select results_eq(:'finalize', $$ values ('in_progress', false, 'not_ready') $$,
  'nor while steps run');
select from claimed, lateral tasker.complete_step(step_uuid, token)
 where claimed.task_uuid = :'task';
select results_eq(:'finalize', $$ values ('complete', true, 'finalized') $$,
  'it ends when all are done');
select results_eq(:'finalize', $$ values ('complete', false, 'already_complete') $$, 'once');
select from tasker.cancel_task(:'open', 'not wanted');
select results_eq(format('select task_state, message from tasker.finalize_task(%L)', :'open'),
  $$ values ('cancelled', 'already_complete') $$,
  'a cancelled task has ended');
select is((select count(*) from tasker.task_transitions where to_state = 'complete'), 1::bigint,
  'history has one end');
select is_empty('select * from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
