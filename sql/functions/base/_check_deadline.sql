create or replace function tasker._check_deadline (
  p_value     jsonb,
  out at      timestamptz,
  out seconds double precision
)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Reads the option deadline: a moment, which begins with its year, or a length of time.
--
-- Returns  one of both; nulls for null
-- Raises   22023
-- Calls    _check_moment, _check_duration
begin
  if p_value #>> '{}' ~ '^[0-9]{4}-' then
    at := tasker._check_moment(p_value, 'deadline');
  else
    seconds := tasker._check_duration(p_value, 'deadline');
  end if;
end;
$$;

comment on function tasker._check_deadline is 'Reads the option deadline: a moment or a length of time. Raises 22023.';
