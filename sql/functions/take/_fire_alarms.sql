create or replace function tasker._fire_alarms (p_limit integer, p_now timestamptz)
  returns integer
  language plpgsql
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5ms'
as $$
-- Does what is due of the alarms, the oldest first. One that cannot be done now, or not at all,
-- keeps the others from nothing.
--
-- Returns  how many rang
-- Locks    as _ring
-- Calls    _ring
declare
  v_due   record;
  v_id    bigint;
  v_seen  integer;
  v_done  integer := 0;
  v_first bigint  := 0;
begin
  loop
    v_seen := 0;
    for v_due in
      select due.kind, array_agg(due.step_id order by due.step_id) as step_ids
        from (select alarm.step_id, alarm.kind
                from tasker.alarms as alarm
               where alarm.due_at <= p_now
               order by alarm.due_at, alarm.step_id, alarm.kind
              offset v_first
               limit p_limit) as due
       group by due.kind  -- of several that are due for a step, the first of these decides
       order by array_position('{deadline,finish_within,start_within,wait,check}', due.kind)
    loop
      v_seen := v_seen + cardinality(v_due.step_ids);
      begin
        v_done := v_done + tasker._ring(v_due.kind, v_due.step_ids, p_now);
        continue;
      exception when others then
        null;
      end;
      foreach v_id in array v_due.step_ids loop
        begin
          v_done := v_done + tasker._ring(v_due.kind, array[v_id], p_now);
        exception
          when lock_not_available or serialization_failure then
            null;  -- somebody is at it; the next sweep looks again
          when others then
            raise warning 'tasker.sweep: the alarm % of step id % did not ring: % (%)',
                          v_due.kind, v_id, sqlerrm, sqlstate;
        end;
      end loop;
    end loop;
    exit when v_done > 0 or v_seen < p_limit;
    v_first := v_first + p_limit;  -- somebody holds all of these: look behind them
  end loop;
  return v_done;
end;
$$;

comment on function tasker._fire_alarms is 'Does what is due of the alarms, the oldest first. Returns how many rang.';
