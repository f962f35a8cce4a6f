create or replace function tasker._check_keys (
  p_value  jsonb,
  p_what   text,
  p_known  text[],
  p_needed text[]
)
  returns void
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- Guards the shape of an object from outside: no unknown key, none of the needed ones missing.
--
-- Raises   22023 naming the key, the known ones, and the nearest
-- Calls    _nearest
declare
  v_wrong text;
begin
  if jsonb_typeof(p_value) is distinct from 'object' then
    raise exception '% must be an object', p_what
      using errcode = '22023',
            detail  = format('got %s', coalesce(jsonb_typeof(p_value), 'nothing'));
  end if;
  select key into v_wrong
    from jsonb_object_keys(p_value) as key
   where key <> all (p_known)
   order by key
   limit 1;
  if found then
    raise exception 'unknown key in %', p_what
      using errcode = '22023',
            detail  = format('%s; known are %s',
                             quote_literal(left(v_wrong, 100)), array_to_string(p_known, ', ')),
            hint    = coalesce('Did you mean ' || tasker._nearest(v_wrong, p_known) || '?', '');
  end if;
  select key into v_wrong from unnest(p_needed) as key where not p_value ? key limit 1;
  if found then
    raise exception 'missing key in %', p_what
      using errcode = '22023',
            detail  = format('%s is needed', v_wrong);
  end if;
end;
$$;

comment on function tasker._check_keys is 'Guards the keys of an object from outside. Raises 22023 naming the unknown or missing one.';
