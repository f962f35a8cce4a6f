create or replace function tasker._moments (p_wall timestamptz, p_zone text, p_all boolean)
  returns setof timestamptz
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- The moments at which a clock on the wall shows a time: all of them; or the first, and the end of
-- the gap for a time that is never shown. PostgreSQL alone answers one moment for each, and of two
-- the second. So each offset is tried that the zone has near, and kept if it leads back.
--
-- Returns  in order; nothing for a time in a gap, or of a day, that does not exist
-- Calls    _wall, _gap_end
#variable_conflict use_column
declare
  v_guess constant timestamptz := (p_wall at time zone 'UTC') at time zone p_zone;
begin
  return query
  select distinct moment.at
    from unnest('{0 h,-26 h,-3 h,3 h,26 h}'::interval[]) as shift (by)
   cross join lateral (
         select p_wall - (tasker._wall(v_guess + shift.by, p_zone) - (v_guess + shift.by)) as at
         ) as moment
   where tasker._wall(moment.at, p_zone) = p_wall
   order by moment.at
   limit case when p_all then 5 else 1 end;
  if not found and not p_all then
    return query
    select gap.ends_at from tasker._gap_end(p_wall, p_zone) as gap (ends_at)
     where gap.ends_at is not null;
  end if;
end;
$$;

comment on function tasker._moments is 'The moments at which a clock in a time zone shows a time: all, or the first, or the end of the gap.';
