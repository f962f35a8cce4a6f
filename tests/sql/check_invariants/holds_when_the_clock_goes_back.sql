begin;
\ir ../fixtures.psql
select plan(6);

select pg_temp.a_template('pair', '{"a": [], "b": ["a"]}');
select pg_temp.a_task('pair') from generate_series(1, 4);
create temp table held as
select row_number() over () as number, step_uuid, token from tasker.claim_steps('test', 'w', 4);
select from held cross join lateral tasker.complete_step(step_uuid, token) where number = 1;

-- A wrong zone is put right: three hours.
select pg_temp.later('-3 hours');
select from held cross join lateral tasker.complete_step(step_uuid, token) where number = 2;
select from held cross join lateral tasker.heartbeat(token) where number = 3;
select is_empty('select * from tasker.check_invariants()', 'after two of four steps');
select from held cross join lateral tasker.fail_step(step_uuid, token, '"no"') where number = 3;
select pg_temp.a_task('pair');
select pg_temp.later('5 seconds');
select from tasker.sweep();
select from held cross join lateral tasker.fail_step(step_uuid, token, '"no"', false)
 where number = 4;
select is(pg_temp.run_all(), 6, 'all else runs');
select is_empty('select * from tasker.check_invariants()', 'after all of them');

select is_empty($$
  select from tasker.get_slowest_steps(tasker._now() - interval '6 hours')
   where duration < '0' or waited < '0' $$, 'no step took less than nothing');
select is_empty($$
  select from tasker.get_slowest_tasks(tasker._now() - interval '6 hours')
   where duration < '0' or waited < '0' $$, 'no task did');
select is_empty($$
  select from tasker.tasks as task
   cross join lateral tasker.task_timings(task.task_uuid) as part
   where least(part.waiting, part.queued, part.running, part.wall_time) < '0' $$,
  'nor a part of one');

select * from finish();
rollback;
