begin;
\ir ../fixtures.psql
select plan(7);
select pg_temp.a_template('three', '{"a": [], "b": [], "c": []}');
select pg_temp.a_task('three') as task \gset
create temp table claimed as select * from tasker.claim_steps('test', 'w1', 3);
select from claimed, lateral tasker.fail_step(step_uuid, token, '"no"', false) where name <> 'c';
select is(pg_temp.task_state(:'task'), 'blocked_by_failures', 'two steps failed, one runs');
select results_eq(format('select step_state, task_state from tasker.retry_step(%L, ''why'')',
  pg_temp.step(:'task', 'a')),
  $$ values ('enqueued', 'blocked_by_failures') $$, 'the other failure still blocks it');
select results_eq(format('select step_state, task_state from tasker.retry_step(%L, ''why'')',
  pg_temp.step(:'task', 'b')),
  $$ values ('enqueued', 'in_progress') $$, 'now none does');
select is_empty('select from tasker.unfinalized_tasks', 'its last step decides its end again');
select from claimed, lateral tasker.complete_step(step_uuid, token) where name = 'c';
select is(pg_temp.run_all(), 2, 'all runs');
select is(pg_temp.task_state(:'task'), 'complete', 'to a good end');
select is_empty('select * from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
