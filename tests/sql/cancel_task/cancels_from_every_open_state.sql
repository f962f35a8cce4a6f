begin;
\ir ../fixtures.psql
select plan(7);
select pg_temp.a_template('pair', '{"a": [], "b": []}');
select pg_temp.a_task('pair', p_options => '{"run_at": "2031-01-01T00:00Z"}') as scheduled,
  pg_temp.a_task('pair') as running,
       pg_temp.a_task('pair') as blocked, pg_temp.a_task('pair') as waiting \gset
select from tasker.claim_steps('test', 'w1', 4) as step,
  lateral tasker.fail_step(step_uuid, token, '"no"', false)
  where step.task_uuid = :'blocked' and name = 'a';
select is((select string_agg(state::text, ', ' order by task_id) from tasker.tasks),
  'pending, in_progress, blocked_by_failures, pending', 'all open states');

select from tasker.tasks as task, lateral tasker.cancel_task(task.task_uuid, 'all of them');
select is((select count(*) from tasker.tasks where state = 'cancelled'), 4::bigint,
  'all are cancelled');
select is((select count(*) from tasker.steps where state = 'cancelled'), 7::bigint,
  'with their open steps');
select is_empty('select from tasker.open_tasks', 'none is open');
select is_empty('select from tasker.unfinalized_tasks', 'nor waits for its end');
select is_empty('select from tasker.timers', 'nor for its time');
select is_empty('select * from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
