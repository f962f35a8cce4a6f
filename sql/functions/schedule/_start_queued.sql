create or replace function tasker._start_queued (p_schedule_id integer, p_now timestamptz)
  returns boolean
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Makes the task of a tick that waited for others of its schedule to end.
--
-- Returns  whether it did
-- Locks    the schedule (skipping it when it is locked), then as _decide_tick
-- Calls    _open_tasks_of, _decide_tick
declare
  v_schedule tasker.schedules%rowtype;
  v_tick     timestamptz;
  v_outcome  text;
begin
  select schedule.* into v_schedule
    from tasker.schedules as schedule
   where schedule.schedule_id = p_schedule_id
     and schedule.paused_at is null
     for no key update skip locked;
  if not found or tasker._open_tasks_of(p_schedule_id) <> '{}' then
    return false;
  end if;
  delete from tasker.schedule_ticks as tick
   where tick.schedule_id = p_schedule_id
     and tick.outcome = 'queued'
  returning tick.tick_at into v_tick;
  if not found then
    return false;
  end if;
  v_outcome := tasker._decide_tick(v_schedule, v_tick, p_now);
  update tasker.schedules as schedule
     set last_outcome = case schedule.last_tick when v_tick then v_outcome
                                                else schedule.last_outcome end
   where schedule.schedule_id = p_schedule_id;
  return true;
end;
$$;

comment on function tasker._start_queued is 'Makes the task of a tick that waited for others of its schedule to end. Returns whether it did.';
