create or replace function tasker._pattern_fault (p_pattern text)
  returns text
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- What is wrong with a schema's pattern: it must be a regular expression of PostgreSQL's that takes
-- time in proportion to the text. Only references back to a group can take for ever, so these are
-- refused.
--
-- Returns  like 'is not a regular expression: ...'; null when it is right
begin
  if length(p_pattern) > 500 then
    return 'must have at most 500 characters';
  elsif replace(p_pattern, '\\', '') ~ '\\[1-9]' then
    return 'must not refer back to a group (\1)';
  end if;
  perform '' ~ p_pattern;
  return null;
exception when invalid_regular_expression then
  return 'is not a regular expression: ' || sqlerrm;
end;
$$;

comment on function tasker._pattern_fault is 'What is wrong with a schema''s pattern (invalid, too long, refers back to a group); null when it is right.';
