create or replace function tasker._schedule (p_namespace text, p_name text)
  returns tasker.schedules
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- A schedule by its name.
--
-- Raises   TK002 when there is none
-- Calls    _namespace_id
declare
  v_namespace_id constant integer := tasker._namespace_id(p_namespace);
  v_schedule     tasker.schedules%rowtype;
begin
  select schedule.* into v_schedule from tasker.schedules as schedule
   where schedule.namespace_id = v_namespace_id and schedule.name = p_name;
  if not found then
    raise exception 'schedule not found'
      using errcode = 'TK002',
            detail  = format('%s/%s', p_namespace, coalesce(left(p_name, 100), 'null')),
            hint    = 'select * from tasker.list_schedules() shows them, put_schedule makes one.';
  end if;
  return v_schedule;
end;
$$;

comment on function tasker._schedule is 'A schedule by its name. Raises TK002.';
