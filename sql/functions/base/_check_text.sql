create or replace function tasker._check_text (
  p_value   jsonb,
  p_what    text,
  p_pattern text,
  p_wanted  text = null
)
  returns text
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- Reads a text from a definition or an option; absent is null. p_wanted says what the pattern
-- allows; it can be left out where the pattern is a list of words, or a length.
--
-- Raises   22023 when it is not a string that matches the pattern
declare
  v_length constant text[] := regexp_match(p_pattern, '^\^\.\{(\d+),(\d+)\}[$]$');
begin
  if p_value is null then
    return null;
  end if;
  if jsonb_typeof(p_value) <> 'string' or (p_value #>> '{}') !~ p_pattern then
    raise exception 'bad text in the definition or options'
      using errcode = '22023',
            detail  = format('%s is %s, need %s', p_what, left(p_value::text, 120),
                             case when p_wanted is not null then p_wanted
                                  when v_length is not null
                                    then format('a string of %s to %s characters', v_length[1],
                                                v_length[2])
                                  else 'one of '
                                       || replace(btrim(p_pattern, '^()$'), '|', ', ') end);
  end if;
  return p_value #>> '{}';
end;
$$;

comment on function tasker._check_text is 'Reads a text that must match a pattern; p_wanted says in words which texts do. Raises 22023.';
