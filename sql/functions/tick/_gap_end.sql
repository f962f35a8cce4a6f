create or replace function tasker._gap_end (p_wall timestamptz, p_zone text)
  returns timestamptz
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- When the gap ends that swallows a wall time (one of _wall that no moment shows).
--
-- Returns  the first moment behind the gap; null when the gap swallows the whole day
-- Calls    _wall
declare
  v_day    constant timestamptz := date_trunc('day', p_wall, 'UTC');
  v_after  bigint := extract(epoch from (p_wall at time zone 'UTC') at time zone p_zone);
  v_before bigint := v_after - 26 * 3600;  -- no gap is longer than a day
  v_middle bigint;
begin
  while v_after - v_before > 1 loop
    v_middle := (v_before + v_after) / 2;
    if tasker._wall(to_timestamp(v_middle), p_zone) > p_wall then
      v_after := v_middle;
    else
      v_before := v_middle;
    end if;
  end loop;
  if tasker._wall(to_timestamp(v_before), p_zone) < v_day
     and tasker._wall(to_timestamp(v_after), p_zone) >= v_day + interval '24 hours' then
    return null;
  end if;
  return to_timestamp(v_after);
end;
$$;

comment on function tasker._gap_end is 'When the gap ends that swallows a wall time; null when it swallows the whole day.';
