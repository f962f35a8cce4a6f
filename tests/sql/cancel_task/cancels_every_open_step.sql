begin;
\ir ../fixtures.psql
select plan(8);
\ir ../every_state.psql
select is(pg_temp.states(),
  'a complete, b in_progress, c waiting_for_retry, d enqueued, e pending, f error', 'all states');

select results_eq(format('select * from tasker.cancel_task(%L, ''not wanted'')', :'task'),
  format('values (%L::uuid, ''cancelled'', 4)', :'task'), 'four steps are cancelled');
select is(pg_temp.states(),
  'a complete, b cancelled, c cancelled, d cancelled, e cancelled, f error',
  'what has ended stays as it is');
select is((select finished_at from tasker.tasks), tasker._now(), 'the task has ended');
select is_empty('select from tasker.timers', 'no retry waits any more');
select is((select count(*) from tasker.step_transitions where task_uuid = :'task'
  and to_state = 'cancelled' and reason = 'not wanted'),
  4::bigint, 'history knows why');
select results_eq('select verb, subject, reason from tasker.operator_actions',
  format('values (''cancel_task'', %L, ''not wanted'')', :'task'), 'and so do the operators');
select is_empty('select * from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
