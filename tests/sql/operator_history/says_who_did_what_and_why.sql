begin;
\ir ../fixtures.psql
select plan(1);

select pg_temp.a_task() as task \gset
select * from tasker.pause_namespace('test', 'the bank is down') \g /dev/null
select * from tasker.cancel_task(:'task', 'ordered twice') \g /dev/null
select * from tasker.cancel_task(:'task', 'once more') \g /dev/null
select results_eq(
  $$ select verb, subject, reason, at, session_role collate "default" from tasker.operator_history
    order by action_id $$,
  format($$ values ('pause_namespace', 'test', 'the bank is down', tasker._now(),
    session_user::text collate "default"),
                   ('cancel_task', %L, 'ordered twice', tasker._now(),
                     session_user::text collate "default") $$, :'task'),
  'in order; a repeated call that changes nothing is not written down');

select * from finish();
rollback;
