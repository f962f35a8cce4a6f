begin;
\ir ../fixtures.psql
select plan(6);
create function pg_temp.swept (p_action text) returns integer language sql as $$
select affected from tasker.sweep() where action = p_action
$$;
select pg_temp.a_template('pair', '{"a": [], "b": [], "c": ["a", "b"]}');
select pg_temp.a_task('pair') as task, pg_temp.a_task('pair') as other \gset
select pg_temp.a_claim(4) as token \gset
select from tasker.fail_step(pg_temp.step(:'task', 'a'), :'token', '"no"', false);
select from tasker.fail_step(pg_temp.step(:'other', 'a'), :'token', '"no"', false);
select is(pg_temp.swept('tasks_finalized'), 0, 'blocked tasks go on while something in them runs');

-- Its other step was completed by somebody who could not see the failure yet: nobody looks at the
-- task again.
select from tasker.complete_step(pg_temp.step(:'task', 'b'), :'token');
update tasker.tasks set state = 'blocked_by_failures', finished_at = null where task_uuid = :'task';
insert into tasker.open_tasks select task_id from tasker.tasks where task_uuid = :'task';
insert into tasker.unfinalized_tasks select task_id, tasker._now() from tasker.tasks
 where task_uuid = :'task';
select is(pg_temp.swept('tasks_finalized'), 1, 'the sweep ends it');
select is(pg_temp.task_state(:'task'), 'error', 'in error');
select is((select actor || ': ' || reason from tasker.task_transitions where task_uuid = :'task'
  order by transition_id desc limit 1),
  'sweep: nothing is left to run', 'and says so');
select is(pg_temp.task_state(:'other'), 'blocked_by_failures', 'and leaves the other');
select is(pg_temp.swept('tasks_finalized'), 0, 'once');

select * from finish();
rollback;
