create or replace function tasker._check_text (p_value jsonb, p_what text, p_pattern text)
  returns text
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- Reads a text from a definition or an option; absent is null.
--
-- Raises   22023 when it is not a string that matches the pattern
begin
  if p_value is null then
    return null;
  end if;
  if jsonb_typeof(p_value) <> 'string' or (p_value #>> '{}') !~ p_pattern then
    raise exception 'bad text in the definition or options'
      using errcode = '22023',
            detail  = format('%s is %s, need %s', p_what, left(p_value::text, 120),
                             case when p_pattern ~ '^\^\([a-z_|]+\)[$]$'
                                    then 'one of ' || replace(btrim(p_pattern, '^()$'), '|', ', ')
                                  else 'a string like ' || p_pattern end);
  end if;
  return p_value #>> '{}';
end;
$$;

comment on function tasker._check_text is 'Reads a text that must match a pattern. Raises 22023.';
