create or replace function tasker._last_tick (
  p_plan  jsonb,
  p_after timestamptz,
  p_until timestamptz
)
  returns timestamptz
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- The last tick of a plan after a moment, up to and at another; null when there is none. Looks back
-- as _ticks looks ahead.
--
-- Calls    _crons, _ticks_within
declare
  v_crons constant tasker.cron[] := tasker._crons(p_plan);
  v_after constant timestamptz := greatest(p_after, (p_plan ->> 'starts_at')::timestamptz
                                                     - interval '1 microsecond');
  v_to    timestamptz := least(p_until, (p_plan ->> 'ends_at')::timestamptz);
  v_step  interval := interval '16 minutes';
  v_from  timestamptz;
  v_tick  timestamptz;
begin
  while v_to > v_after loop
    v_from := greatest(v_to - v_step, v_after);
    select max(within.tick) into v_tick
      from tasker._ticks_within(p_plan, v_crons, v_from, v_to) as within (tick);
    exit when v_tick is not null;
    v_to   := v_from;
    v_step := least(v_step * 8, interval '70128 hours');
  end loop;
  return v_tick;
end;
$$;

comment on function tasker._last_tick is 'The last tick of a plan between two moments.';
