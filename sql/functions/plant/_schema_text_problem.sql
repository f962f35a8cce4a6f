create or replace function tasker._schema_text_problem (p_schema jsonb, p_value text, p_path text)
  returns text
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- What a schema does not allow about a string: minLength, maxLength (in characters), pattern
-- (matches anywhere in the string; a string of more than 10000 characters matches none, so that a
-- check always ends).
--
-- Returns  words; null when the string is right
begin
  if length(p_value) < (p_schema ->> 'minLength')::numeric then
    return format('%s has %s characters, need at least %s', p_path, length(p_value),
                  p_schema ->> 'minLength');
  elsif length(p_value) > (p_schema ->> 'maxLength')::numeric then
    return format('%s has %s characters, need at most %s', p_path, length(p_value),
                  p_schema ->> 'maxLength');
  elsif p_schema ? 'pattern' then
    if length(p_value) > 10000 then
      return format('%s has %s characters, at most 10000 are matched against a pattern',
                    p_path, length(p_value));
    elsif p_value !~ (p_schema ->> 'pattern') then
      return format('%s is %s, need a match of %s',
                    p_path, to_json(left(p_value, 60)), left(p_schema ->> 'pattern', 200));
    end if;
  end if;
  return null;
end;
$$;

comment on function tasker._schema_text_problem is 'What a JSON schema does not allow about a string; null when it is right.';
