create or replace function tasker._schema_array_problem (p_schema jsonb, p_value jsonb, p_path text)
  returns text
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- What a schema does not allow about an array or one of its items (numbered from 0).
--
-- Returns  words; null when the array is right
-- Calls    _schema_problem
declare
  v_length  constant integer := jsonb_array_length(p_value);
  v_problem text;
begin
  if v_length < (p_schema ->> 'minItems')::numeric then
    return format('%s has %s items, need at least %s', p_path, v_length, p_schema ->> 'minItems');
  elsif v_length > (p_schema ->> 'maxItems')::numeric then
    return format('%s has %s items, need at most %s', p_path, v_length, p_schema ->> 'maxItems');
  elsif p_schema -> 'uniqueItems' = 'true'
        and v_length > (select count(distinct item) from jsonb_array_elements(p_value) as item) then
    return format('%s has an item twice', p_path);
  elsif p_schema ? 'items' then
    select problem into v_problem
      from jsonb_array_elements(p_value) with ordinality as entry (item, position)
     cross join lateral tasker._schema_problem(
             p_schema -> 'items', item, format('%s[%s]', p_path, position - 1)) as problem
     where problem is not null
     limit 1;
  end if;
  return v_problem;
end;
$$;

comment on function tasker._schema_array_problem is 'What a JSON schema does not allow about an array or its items; null when it is right.';
