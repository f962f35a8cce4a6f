create or replace function tasker._schema_object_problem (
  p_schema jsonb,
  p_value  jsonb,
  p_path   text
)
  returns text
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- What a schema does not allow about an object or one of its properties.
--
-- Returns  words; null when the object is right
-- Calls    _schema_problem
declare
  v_properties constant jsonb := coalesce(p_schema -> 'properties', '{}');
  v_others     constant jsonb := coalesce(p_schema -> 'additionalProperties', 'true');
  v_problem    text;
begin
  select format('%s.%s is missing', p_path, left(key, 100)) into v_problem
    from jsonb_array_elements_text(coalesce(p_schema -> 'required', '[]')) as key
   where not p_value ? key
   limit 1;
  if v_problem is null and v_others <> 'true' then
    select format('%s.%s is not allowed', p_path, left(key, 100)) into v_problem
      from jsonb_object_keys(p_value) as key
     where v_others = 'false'
       and not v_properties ? key
     order by key
     limit 1;
  end if;
  if v_problem is null then
    select problem into v_problem
      from jsonb_each(p_value) as property
     cross join lateral tasker._schema_problem(
             case when v_properties ? property.key then v_properties -> property.key
                  when jsonb_typeof(v_others) = 'object' then v_others
                  else '{}' end,
             property.value, format('%s.%s', p_path, left(property.key, 100))) as problem
     where problem is not null
     limit 1;
  end if;
  return v_problem;
end;
$$;

comment on function tasker._schema_object_problem is 'What a JSON schema does not allow about an object or its properties; null when it is right.';
