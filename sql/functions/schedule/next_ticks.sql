create or replace function tasker.next_ticks (
  p_cron      text,
  p_time_zone text        default 'UTC',
  p_after     timestamptz default null,
  p_count     bigint      default 10
)
  returns table (tick_at timestamptz, wall timestamp, note text)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- When a cron line has its next ticks. Nothing is stored.
--
-- Returns  up to p_count, in order; fewer when no more come within 28 years of the last
-- Raises   22023 for a bad line, zone, moment or count
-- Calls    _check_count, _cron, _check_zone, _ticks, _tick_note, _now
#variable_conflict use_column
declare
  v_zone  constant text := coalesce(p_time_zone, 'UTC');
  v_after constant timestamptz := coalesce(p_after, tasker._now());
begin
  p_count := coalesce(p_count, 10);
  perform tasker._check_count(p_count, 1, 'rows_per_call');
  perform tasker._cron(p_cron);
  perform tasker._check_zone(v_zone);
  if v_after not between '0001-01-01Z' and '9999-12-31Z' then
    raise exception 'a moment from year 1 to year 9999 is needed'
      using errcode = '22023', detail = format('got %s', v_after);
  end if;
  return query
  select tick.at, tick.at at time zone v_zone, tasker._tick_note(tick.at, v_zone)
    from tasker._ticks(jsonb_build_object('cron', p_cron, 'time_zone', v_zone),
                       v_after, 'infinity', p_count::integer) as tick (at);
end;
$$;

comment on function tasker.next_ticks is
'When a cron line (five fields, or @daily and such) has its next ticks after p_after (default: now) in a time zone: the moment, what a clock on the wall shows then, and a note where the clock is changed. With an hour field that begins with *, ticks follow the clock that runs, otherwise the one on the wall, once for each time it shows. No rows: it has none within 28 years. Raises 22023.';
