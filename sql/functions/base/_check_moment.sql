create or replace function tasker._check_moment (p_value jsonb, p_what text)
  returns timestamptz
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Reads a moment from a definition, an option or a document.
--
-- Returns  null for null
-- Raises   22023 when it is not a time with its zone, or after the year 9999
-- Calls    _check_text
declare
  v_at timestamptz;
begin
  if p_value is null then
    return null;
  end if;
  perform tasker._check_text(
    p_value, p_what,
    '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}[0-9:.]*(Z|[+-][0-9]{2}(:?[0-9]{2})?)$',
    'a time with its zone, such as 2026-01-31T09:30:00Z');
  begin
    v_at := (p_value #>> '{}')::timestamptz;
  exception when data_exception then
    raise exception 'bad %', p_what
      using errcode = '22023',
            detail  = format('%s is %s: there is no such day, time or zone', p_what, p_value);
  end;
  if v_at > '9999-12-31Z' then
    raise exception 'bad %', p_what
      using errcode = '22023',
            detail  = format('%s is %s, need a time up to 9999-12-31T00:00Z, which every '
                             'zone shows with a year of four digits', p_what, p_value);
  end if;
  return v_at;
end;
$$;

comment on function tasker._check_moment is 'Reads a moment, a time with its zone. Raises 22023.';
