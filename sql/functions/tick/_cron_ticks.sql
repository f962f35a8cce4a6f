create or replace function tasker._cron_ticks (
  p_cron  tasker.cron,
  p_zone  text,
  p_after timestamptz,
  p_until timestamptz
)
  returns setof timestamptz
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- The ticks of a cron line after a moment, up to and at another: days that match, times that match,
-- the moments at which a clock on the wall shows them. Where the offset is the same from the day
-- before to the day after, these are the times less the offset.
--
-- Returns  each once, in no order
-- Calls    _wall, _moments
#variable_conflict use_column
declare
  v_low  timestamp;
  v_high timestamp;
begin
  -- What a clock can show meanwhile; a clock that is changed near the ends shows more.
  select min(tasker._wall(p_after + shift.by, p_zone) - shift.by) at time zone 'UTC' into v_low
    from unnest('{-26 h,-3 h,0 h,26 h}'::interval[]) as shift (by);
  select max(tasker._wall(p_until + shift.by, p_zone) - shift.by) at time zone 'UTC' into v_high
    from unnest('{-26 h,0 h,3 h,26 h}'::interval[]) as shift (by);

  return query
  select distinct tick.at
    from generate_series(date_trunc('day', v_low), v_high, interval '1 day') as day (at)
   cross join lateral (
         select utc.at, first.by, first.by = middle.by and middle.by = last.by as is_plain
           from (select day.at at time zone 'UTC' as at) as utc
          cross join lateral (
                select tasker._wall(utc.at - interval '26 h', p_zone)
                         - (utc.at - interval '26 h') as by) as first
          cross join lateral (
                select tasker._wall(utc.at + interval '12 h', p_zone)
                         - (utc.at + interval '12 h') as by) as middle
          cross join lateral (
                select tasker._wall(utc.at + interval '50 h', p_zone)
                         - (utc.at + interval '50 h') as by) as last
         offset 0) as local
   cross join lateral (
         select day.at + make_interval(hours => hour) as at
           from unnest(p_cron.hours) as hour
          where day.at + make_interval(hours => hour) between v_low - interval '1 hour' and v_high
         offset 0) as slot
   cross join lateral (
         select (slot.at + make_interval(mins => minute)) at time zone 'UTC' as at
           from unnest(p_cron.minutes) as minute
          where slot.at + make_interval(mins => minute) between v_low and v_high
         offset 0) as wall
   cross join lateral (
         select wall.at - local.by as at where local.is_plain
         union all
         select moment from tasker._moments(wall.at, p_zone, p_cron.hourly) as moment
          where not local.is_plain) as tick
   where extract(month from day.at)::integer = any (p_cron.months)
     and case when p_cron.either
              then extract(day from day.at)::integer = any (p_cron.days)
                   or extract(dow from day.at)::integer = any (p_cron.weekdays)
              else extract(day from day.at)::integer = any (p_cron.days)
                   and extract(dow from day.at)::integer = any (p_cron.weekdays) end
     and tick.at > p_after
     and tick.at <= p_until;
end;
$$;

comment on function tasker._cron_ticks is 'The ticks of a cron line between two moments.';
