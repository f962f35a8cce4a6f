create or replace function tasker._failed_tasks (p_below bigint)
  returns table (task_id bigint)
  language sql
  stable
begin atomic
-- The tasks that have dead steps, newest first, of which each is found by one look at an index.
--
-- Returns  those of the steps with ids below p_below
with recursive dead as (
  select max(step_id) as step_id
    from tasker.dead_steps
   where step_id < p_below
  union all
  select (select max(older.step_id)
            from tasker.dead_steps as older
           where older.step_id < tasker._id_of_task(tasker._task_of(dead.step_id)))
    from dead
   where dead.step_id is not null
)
select tasker._task_of(dead.step_id)
  from dead
 where dead.step_id is not null;
end;

comment on function tasker._failed_tasks is 'The tasks that have dead steps, newest first, from before an id. Read as far as the caller asks.';
