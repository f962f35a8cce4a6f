create or replace function tasker._ticks_within (
  p_plan  jsonb,
  p_crons tasker.cron[],
  p_after timestamptz,
  p_until timestamptz
)
  returns setof timestamptz
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- The ticks of a plan after a moment, up to and at another: of its cron lines, which p_crons has as
-- they were read; every so often from its beginning; or at given times.
--
-- Returns  in no order; those of several lines at one moment several times
-- Calls    _cron_ticks
#variable_conflict use_column
declare
  v_begin   constant timestamptz := coalesce((p_plan ->> 'starts_at')::timestamptz, 'epoch');
  v_seconds constant bigint := extract(epoch from (p_plan ->> 'every')::interval);
begin
  if p_plan ? 'cron' then
    for line in 1 .. cardinality(p_crons) loop
      return query
      select tick from tasker._cron_ticks(p_crons[line], p_plan ->> 'time_zone', p_after, p_until)
                         as tick;
    end loop;
  elsif p_plan ? 'every' then
    return query
    select v_begin + make_interval(secs => number * v_seconds)
      from generate_series(
             floor(extract(epoch from p_after - v_begin) / v_seconds)::bigint + 1,
             floor(extract(epoch from p_until - v_begin) / v_seconds)::bigint) as number;
  else
    return query
    select tick.at
      from jsonb_array_elements_text(p_plan -> 'at') as given (at)
     cross join lateral (select given.at::timestamptz as at) as tick
     where tick.at > p_after and tick.at <= p_until;
  end if;
end;
$$;

comment on function tasker._ticks_within is 'The ticks of a plan between two moments.';
