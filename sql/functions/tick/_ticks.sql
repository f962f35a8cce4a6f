create or replace function tasker._ticks (
  p_plan  jsonb,
  p_after timestamptz,
  p_until timestamptz,
  p_count integer
)
  returns setof timestamptz
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- The next ticks of a plan after a moment, up to and at another. Looks a quarter of an hour ahead
-- first, and then further and further: what is rare has few days that match, what is not is found
-- soon.
--
-- Returns  up to p_count, in order; fewer when no more come within 28 years of the last
-- Calls    _crons, _ticks_within
declare
  v_crons   constant tasker.cron[] := tasker._crons(p_plan);
  v_until   constant timestamptz :=
    least(p_until, (p_plan ->> 'ends_at')::timestamptz,
          (select max(given.at::timestamptz)
             from jsonb_array_elements_text(p_plan -> 'at') as given (at)));
  v_from    timestamptz := greatest(p_after, (p_plan ->> 'starts_at')::timestamptz
                                              - interval '1 microsecond');
  v_horizon timestamptz := v_from + interval '10227 days';
  v_step    interval := interval '16 minutes';
  v_to      timestamptz;
  v_tick    timestamptz;
  v_found   integer;
begin
  while p_count > 0 and v_from < v_until loop
    v_to    := least(v_from + v_step, v_until);
    v_found := 0;
    for v_tick in
      select distinct within.tick
        from tasker._ticks_within(p_plan, v_crons, v_from, v_to) as within (tick)
       order by within.tick
       limit p_count
    loop
      return next v_tick;
      v_found   := v_found + 1;
      v_horizon := v_tick + interval '10227 days';
    end loop;
    p_count := p_count - v_found;
    exit when v_to > v_horizon and p_plan ? 'cron';
    v_from := v_to;
    v_step := least(v_step * case when v_found = 0 then 8
                                  else least(greatest(p_count / v_found, 1), 8) end,
                    interval '70128 hours');
  end loop;
end;
$$;

comment on function tasker._ticks is 'The next ticks of a plan after a moment, in order.';
