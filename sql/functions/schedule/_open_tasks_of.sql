create or replace function tasker._open_tasks_of (p_schedule_id integer)
  returns bigint[]
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- The open tasks of a schedule, the first 1000. Ticks whose task has ended are forgotten, a hundred
-- a call, so that nobody has to look through all there ever were; a call that opens a task again
-- says so at its tick.
--
-- Locks    those ticks (skipping locked ones), before it looks at their tasks
declare
  v_held timestamptz[];
begin
  v_held := array(
    select tick.tick_at
      from tasker.schedule_ticks as tick
     where tick.schedule_id = p_schedule_id and tick.is_open
     order by tick.tick_at
     limit 100
       for no key update skip locked);
  update tasker.schedule_ticks as tick
     set is_open = false
   where tick.schedule_id = p_schedule_id
     and tick.tick_at = any (v_held)
     and not exists (select from tasker.open_tasks as open where open.task_id = tick.task_id);
  return array(
    select tick.task_id
      from tasker.schedule_ticks as tick
     where tick.schedule_id = p_schedule_id
       and tick.is_open
       and exists (select from tasker.open_tasks as open where open.task_id = tick.task_id)
     order by tick.tick_at
     limit 1000);
end;
$$;

comment on function tasker._open_tasks_of is 'The open tasks of a schedule, the first 1000.';
