create or replace function tasker._flag (p_value jsonb, p_what text)
  returns boolean
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- An option that is true or false; what is not there is false.
--
-- Raises   22023 for anything else
begin
  if coalesce(jsonb_typeof(p_value), 'null') not in ('boolean', 'null') then
    raise exception '% must be true or false', p_what
      using errcode = '22023', detail = 'got ' || left(p_value::text, 100);
  end if;
  return coalesce(p_value = 'true', false);
end;
$$;

comment on function tasker._flag is 'An option that is true or false; what is not there is false. Raises 22023.';
