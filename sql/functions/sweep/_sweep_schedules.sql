create or replace function tasker._sweep_schedules (p_limit integer, p_now timestamptz)
  returns integer
  language plpgsql
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5ms'
as $$
-- Makes the tasks of schedules that are due, and of ticks that waited for others to end. Each
-- schedule has one turn, those that have caught up to do have another one after all had theirs. One
-- guarded statement a turn: a poisoned one stops nothing.
--
-- Returns  how many turns decided something
-- Locks    each schedule (skipping locked ones); waits for none longer than 5 ms
-- Calls    _fire_schedule, _start_queued
declare
  v_schedule integer;
  v_before   integer;
  v_count    integer := 0;
begin
  loop
    v_before := v_count;
    for v_schedule in
      select schedule.schedule_id
        from tasker.schedules as schedule
       where schedule.due_at <= p_now
         and schedule.paused_at is null
       order by schedule.due_at
    loop
      exit when v_count >= p_limit;
      begin
        v_count := v_count + tasker._fire_schedule(v_schedule, p_now)::integer;
      exception
        when lock_not_available or serialization_failure or sqlstate 'TK003' then
          null;  -- somebody is at it; the next sweep looks again
        when others then
          raise warning 'tasker.sweep: schedule % was not fired: % (%)',
                        v_schedule, sqlerrm, sqlstate;
      end;
    end loop;
    exit when v_count = v_before or v_count >= p_limit;
  end loop;

  for v_schedule in
    select queued.schedule_id
      from tasker.schedule_ticks as queued
     where queued.outcome = 'queued'
       and not exists (
             select from tasker.schedule_ticks as tick
               join tasker.open_tasks as open on open.task_id = tick.task_id
              where tick.schedule_id = queued.schedule_id and tick.is_open)
  loop
    exit when v_count >= p_limit;
    begin
      v_count := v_count + tasker._start_queued(v_schedule, p_now)::integer;
    exception
      when lock_not_available or serialization_failure or sqlstate 'TK003' then
        null;  -- somebody is at it; the next sweep looks again
      when others then
        raise warning 'tasker.sweep: the queued tick of schedule % was not made: % (%)',
                      v_schedule, sqlerrm, sqlstate;
    end;
  end loop;
  return v_count;
end;
$$;

comment on function tasker._sweep_schedules is 'Makes the tasks of schedules that are due. Returns how many turns decided something.';
