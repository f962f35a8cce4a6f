begin;
\ir ../fixtures.psql
select plan(3);
select pg_temp.a_task() as task \gset
select from tasker.resolve_task(:'task', 'by hand');
select results_eq(format('select task_state, cancelled_steps from tasker.resolve_task(%L, '
  '''again'')', :'task'),
  $$ values ('resolved_manually', 0) $$, 'the second call changes nothing');
select is((select count(*) from tasker.operator_actions), 1::bigint, 'and is not an action');
select is((select count(*) from tasker.task_transitions where task_uuid = :'task'), 2::bigint,
  'nor in history');

select * from finish();
rollback;
