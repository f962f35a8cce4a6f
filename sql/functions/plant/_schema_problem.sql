create or replace function tasker._schema_problem (p_schema jsonb, p_value jsonb, p_path text)
  returns text
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- The first thing in a value that a schema (checked by _check_schema) does not allow.
--
-- Returns  words like 'context.qty is "x", need integer'; null when the value is right
-- Calls    _schema_text_problem, _schema_number_problem, _schema_array_problem,
--          _schema_object_problem
declare
  v_type  constant text := jsonb_typeof(p_value);
  v_types constant jsonb := p_schema -> 'type';
begin
  if v_types ? v_type
     or v_type = 'number' and v_types ? 'integer' and p_value::numeric = trunc(p_value::numeric)
     or v_types is null then
    null;
  else
    return format('%s is %s, need %s', p_path, left(p_value::text, 60),
                  translate(replace(v_types::text, ', ', ' or '), '[]"', ''));
  end if;
  if p_schema ? 'const' and p_schema -> 'const' <> p_value then
    return format('%s is %s, need %s', p_path, left(p_value::text, 60),
                  left(p_schema ->> 'const', 200));
  elsif p_schema ? 'enum'
        and not exists (select from jsonb_array_elements(p_schema -> 'enum') as allowed
                         where allowed = p_value) then
    return format('%s is %s, need one of %s', p_path, left(p_value::text, 60),
                  left(p_schema ->> 'enum', 200));
  end if;
  return case v_type
    when 'string' then tasker._schema_text_problem(p_schema, p_value #>> '{}', p_path)
    when 'number' then tasker._schema_number_problem(p_schema, p_value::numeric, p_path)
    when 'array' then tasker._schema_array_problem(p_schema, p_value, p_path)
    when 'object' then tasker._schema_object_problem(p_schema, p_value, p_path)
  end;
end;
$$;

comment on function tasker._schema_problem is 'The first thing in a value that a JSON schema does not allow, in words that begin with p_path; null when it is right.';
