create or replace function tasker._check_duration (
  p_value jsonb,
  p_what  text,
  p_least numeric default 0
)
  returns numeric
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Reads a length of time from a definition or an option: ISO 8601, or whatever interval reads. A
-- month has 30 days, a day 24 hours: time zones do not matter.
--
-- Returns  seconds, greater than 0 and at least p_least; null for null
-- Raises   22023 when it is none, too short, or longer than 3,660 days
declare
  v_seconds numeric;
begin
  if p_value is null then
    return null;
  end if;
  if jsonb_typeof(p_value) = 'string' and length(p_value #>> '{}') <= 100 then
    begin
      v_seconds := extract(epoch from (p_value #>> '{}')::interval);
    exception when data_exception then
      v_seconds := null;
    end;
    if v_seconds > 0 and v_seconds between p_least and 316224000 then
      return v_seconds;
    end if;
  end if;
  raise exception 'bad duration in the definition or options'
    using errcode = '22023',
          detail  = format('%s is %s, need a duration%s up to 3660 days, such as PT30S or P3D',
                           p_what, left(p_value::text, 120),
                           case when p_least > 0 then format(' of at least %s s', p_least)
                                else '' end);
end;
$$;

comment on function tasker._check_duration is 'Reads a length of time, as seconds. Raises 22023.';
