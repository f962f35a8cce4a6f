begin;
\ir ../fixtures.psql
select plan(2);
select pg_temp.a_template('fork', '{"left": [], "right": []}');
create temp table task as select i, pg_temp.a_task('fork') as task from generate_series(1, 4) as i;
create temp table claimed as select * from tasker.claim_steps('test', 'w1', 8);
select tasker.fail_step(step_uuid, token, '"no"', false), pg_temp.later('1 second') from claimed
 where name = 'left' order by tasker._step_id(step_uuid);
select is((select count(*) from tasker.unfinalized_tasks), 4::bigint,
  'four tasks are blocked while a step of each runs');

-- The last one as two failures leave it that do not see each other.
update tasker.steps set state = 'error', finished_at = tasker._now()
 where step_id = (select tasker._step_id(pg_temp.step(task, 'right')) from task where i = 4);
select from tasker.sweep(1);
select results_eq($$ select i from task where pg_temp.task_state(task) = 'error' $$, array[4],
  'a sweep of one ends the one that can end');

select * from finish();
rollback;
