begin;
\ir ../fixtures.psql
select plan(4);
select pg_temp.a_task() as task \gset
select from tasker.cancel_task(:'task', 'not wanted');
select pg_temp.later('1 second');
select results_eq(format('select task_state, cancelled_steps from tasker.cancel_task(%L, ''really '
  'not'')', :'task'),
  $$ values ('cancelled', 0) $$, 'the second call changes nothing');
select is((select count(*) from tasker.operator_actions), 1::bigint, 'and is not an action');
select is((select count(*) from tasker.task_transitions where task_uuid = :'task'), 2::bigint,
  'nor in history');
select is((select finished_at from tasker.tasks), tasker._now() - interval '1 second',
  'the task ended when it did');

select * from finish();
rollback;
