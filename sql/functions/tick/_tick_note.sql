create or replace function tasker._tick_note (p_tick timestamptz, p_zone text)
  returns text
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- What is unusual about the time on the wall at a tick: the clock was just put forward, or shows
-- this time twice.
--
-- Returns  null when nothing is
-- Calls    _wall, _moments
declare
  v_wall   constant timestamptz := tasker._wall(p_tick, p_zone);
  v_before constant timestamptz :=
    tasker._wall(p_tick - interval '1 second', p_zone) + interval '1 second';
  v_twice  constant timestamptz[] := array(select tasker._moments(v_wall, p_zone, true));
begin
  return case
    when v_before < v_wall
      then format('%s to %s does not exist on this day',
                  to_char(v_before at time zone 'UTC', 'HH24:MI'),
                  to_char(v_wall at time zone 'UTC', 'HH24:MI'))
    when cardinality(v_twice) > 1
      then format('%s of two', case when v_twice[1] = p_tick then 'first' else 'second' end)
  end;
end;
$$;

comment on function tasker._tick_note is 'What is unusual about the time on the wall at a tick; null when nothing is.';
