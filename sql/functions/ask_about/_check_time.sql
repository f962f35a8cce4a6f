create or replace function tasker._check_time (p_value jsonb, p_what text)
  returns timestamptz
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Reads a moment from an option: ISO 8601 with a zone; absent is null.
--
-- Raises   22023 when it is none
-- Calls    _check_text
declare
  v_text constant text := tasker._check_text(p_value, p_what,
    '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)$',
    'a time with its zone, such as 2026-01-31T09:30:00Z');
begin
  return v_text::timestamptz;
exception when datetime_field_overflow
            or invalid_time_zone_displacement_value then
  raise exception 'bad time'
    using errcode = '22023',
          detail  = format('%s is %s: %s', p_what, quote_literal(v_text), sqlerrm);
end;
$$;

comment on function tasker._check_time is 'Reads a moment (ISO 8601 with a zone) from an option. Raises 22023.';
