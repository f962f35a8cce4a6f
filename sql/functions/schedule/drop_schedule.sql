create or replace function tasker.drop_schedule (
  p_namespace text,
  p_name      text,
  p_reason    text
)
  returns table (namespace text, name text, next_tick timestamptz)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Drops a schedule with what it remembers of its ticks; the tasks it has made stay.
--
-- Returns  one row, with the tick that will not come
-- Raises   TK002, 22023 without a reason
-- Locks    the schedule
-- Calls    _held_schedule, _operator
#variable_conflict use_column
declare
  v_schedule tasker.schedules%rowtype;
begin
  v_schedule := tasker._held_schedule(p_namespace, p_name);
  delete from tasker.schedule_ticks as tick where tick.schedule_id = v_schedule.schedule_id;
  delete from tasker.schedules as schedule where schedule.schedule_id = v_schedule.schedule_id;
  perform tasker._operator('drop_schedule', p_namespace || '/' || p_name, p_reason, tasker._now());
  return query select p_namespace, p_name, v_schedule.next_tick;
end;
$$;

comment on function tasker.drop_schedule is
'Drops a schedule and what it remembers of its ticks; the tasks it has made stay. A schedule of the same name never makes the task of a tick a second time. The reason is recorded. Raises TK002, 22023 (no reason).';
