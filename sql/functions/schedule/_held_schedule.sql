create or replace function tasker._held_schedule (p_namespace text, p_name text)
  returns tasker.schedules
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- A schedule by its name, locked. By a write, so that a caller with an older snapshot is refused
-- and does not miss the ticks that come of this.
--
-- Raises   TK002 when there is none
-- Locks    the schedule
-- Calls    _namespace_id, _schedule
declare
  v_namespace_id constant integer := tasker._namespace_id(p_namespace);
  v_schedule     tasker.schedules%rowtype;
begin
  loop
    update tasker.schedules as schedule
       set last_tick = schedule.last_tick
     where schedule.namespace_id = v_namespace_id and schedule.name = p_name
    returning schedule.* into v_schedule;
    exit when found;
    perform tasker._schedule(p_namespace, p_name);  -- or was it made again just now?
  end loop;
  return v_schedule;
end;
$$;

comment on function tasker._held_schedule is 'A schedule by its name, locked. Raises TK002.';
