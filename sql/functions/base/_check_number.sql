create or replace function tasker._check_number (
  p_value   jsonb,
  p_what    text,
  p_least   bigint,
  p_most    bigint,
  p_default bigint
)
  returns bigint
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- Reads a whole number from a definition.
--
-- Returns  the number, p_default when there is none
-- Raises   22023 naming what was wrong and the bounds
begin
  if p_value is null then
    return p_default;
  end if;
  if jsonb_typeof(p_value) = 'number' then
    if p_value::numeric between p_least and p_most
       and p_value::numeric = trunc(p_value::numeric) then
      return p_value::bigint;
    end if;
  end if;
  raise exception 'bad number in the definition'
    using errcode = '22023',
          detail  = format('%s is %s, need a whole number from %s to %s',
                           p_what, left(p_value::text, 60), p_least, p_most);
end;
$$;

comment on function tasker._check_number is 'Reads a whole number from a definition, with bounds and a default. Raises 22023.';
