create or replace function tasker._next_tick (
  p_key         text,
  p_plan        jsonb,
  p_after       timestamptz,
  out next_tick timestamptz,
  out delay     interval
)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- The first tick of a plan after a moment, and how long its task waits then: up to the jitter, and
-- to the middle between it and the one behind. The delay is the same whenever it is asked for.
--
-- Returns  null and 0 when there is none
-- Calls    _ticks
declare
  v_jitter constant numeric := extract(epoch from (p_plan ->> 'jitter')::interval);
  v_ticks  timestamptz[] := array(
    select tasker._ticks(p_plan, p_after, 'infinity',
                         case when v_jitter is null then 1 else 2 end));
begin
  next_tick := v_ticks[1];
  delay     := make_interval(secs => coalesce(
    least(v_jitter, extract(epoch from v_ticks[2] - v_ticks[1]) / 2)::double precision
      * (hashtextextended(p_key || next_tick, 0) & 1048575) / 1048576, 0));
end;
$$;

comment on function tasker._next_tick is 'The first tick of a plan after a moment, and by how much its jitter delays it.';
