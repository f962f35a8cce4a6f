create or replace function tasker._schema_fault (p_schema jsonb, p_path text, p_depth integer)
  returns text
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- The first thing in a schema, or in one inside it, that would not be enforced as it is written.
--
-- Returns  words like 'input_schema.items: "oneOf" is not supported'; null when all is well
-- Calls    _keyword_fault, itself
declare
  v_known constant text[] := string_to_array(
    'type properties required additionalProperties items enum const minimum maximum '
    'exclusiveMinimum exclusiveMaximum '
    'multipleOf minLength maxLength pattern minItems maxItems uniqueItems', ' ');
  v_noted constant text[] := string_to_array(
    'title description default examples format $schema $id', ' ');
  v_fault text;
begin
  if jsonb_typeof(p_schema) <> 'object' then
    return format('%s is %s, need an object', p_path, jsonb_typeof(p_schema));
  elsif p_depth > 32 then
    return format('%s: nested deeper than 32', left(p_path, 200));
  end if;
  select format('%s: "%s" %s', p_path, left(entry.key, 100), fault) into v_fault
    from jsonb_each(p_schema - v_noted) as entry
   cross join lateral (
         select case when entry.key <> all (v_known) then 'is not supported'
                     else tasker._keyword_fault(entry.key, entry.value) end as fault
         ) as checked
   where fault is not null
   order by entry.key
   limit 1;
  if v_fault is null then
    select fault into v_fault
      from (select 'items' as key, p_schema -> 'items' as schema
            union all
            select 'additionalProperties',
                   nullif(nullif(p_schema -> 'additionalProperties', 'true'), 'false')
            union all
            select 'properties.' || left(property.key, 100), property.value
              from jsonb_each(coalesce(p_schema -> 'properties', '{}')) as property) as child
     cross join lateral tasker._schema_fault(
             child.schema, p_path || '.' || child.key, p_depth + 1) as fault
     where child.schema is not null
       and fault is not null
     limit 1;
  end if;
  return v_fault;
end;
$$;

comment on function tasker._schema_fault is 'The first thing in an input_schema that would not be enforced as written; null when all is well.';
