create or replace function tasker._is_deep (p_value jsonb, p_levels integer)
  returns boolean
  language sql
  immutable
begin atomic
-- Whether arrays and objects stand in one another more than so many deep. Looks no deeper than
-- that, so a value that would exhaust the stack does not.
select jsonb_path_exists(
  p_value,
  format('strict $.**{%s} ? (@.type() == "array" || @.type() == "object")', p_levels)::jsonpath);
end;

comment on function tasker._is_deep is 'Whether arrays and objects stand in one another more than p_levels deep.';
