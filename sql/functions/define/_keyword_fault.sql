create or replace function tasker._keyword_fault (p_key text, p_value jsonb)
  returns text
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- What is wrong with the value of a keyword of a schema.
--
-- Returns  like 'must be a number'; null when it is right
-- Calls    _pattern_fault
declare
  v_types constant jsonb :=
    jsonb '["string", "number", "integer", "boolean", "array", "object", "null"]';
  v_type  constant text := jsonb_typeof(p_value);
begin
  case
    when p_key = 'type' then
      if not v_types @> p_value or p_value = '[]' then
        return
          'must be string, number, integer, boolean, array, object or null, or an array of these';
      end if;
    when p_key = 'properties' then
      return case when v_type <> 'object' then 'must be an object of schemas' end;
    when p_key = 'items' then
      return case when v_type <> 'object' then 'must be a schema' end;
    when p_key = 'additionalProperties' then
      return case when v_type not in ('boolean', 'object')
                  then 'must be true, false or a schema' end;
    when p_key = 'required' then
      return case when v_type <> 'array'
                       or jsonb_path_exists(p_value, 'strict $[*] ? (@.type() != "string")')
                  then 'must be an array of property names' end;
    when p_key = 'enum' then
      return case when v_type <> 'array' or p_value = '[]'
                  then 'must be an array with at least one value' end;
    when p_key in ('minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum') then
      return case when v_type <> 'number' then 'must be a number' end;
    when p_key = 'multipleOf' then
      return case when v_type <> 'number' or p_value <= '0'
                  then 'must be a number greater than 0' end;
    when p_key in ('minLength', 'maxLength', 'minItems', 'maxItems') then
      return case when v_type <> 'number'
                       or p_value < '0'
                       or jsonb_path_exists(p_value, '$ ? (@ != @.floor())')
                  then 'must be a whole number, at least 0' end;
    when p_key = 'uniqueItems' then
      return case when v_type <> 'boolean' then 'must be true or false' end;
    when p_key = 'pattern' then
      return case when v_type <> 'string' then 'must be a string'
                  else tasker._pattern_fault(p_value #>> '{}') end;
    else
      return null;
  end case;
  return null;
end;
$$;

comment on function tasker._keyword_fault is 'What is wrong with the value of a schema''s keyword; null when it is right.';
