create or replace function tasker._check_schema (p_schema jsonb, p_what text)
  returns void
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- Checks a template's input_schema: JSON Schema, of which nothing may be ignored silently. title,
-- description, default, examples, format, $schema and $id are annotations, as JSON Schema has them;
-- any other keyword that is not enforced is refused.
--
-- Raises   22023 naming the keyword and where it stands
-- Calls    _schema_fault
declare
  v_fault text;
begin
  if p_schema is not null and p_schema <> 'null' then
    v_fault := tasker._schema_fault(p_schema, p_what, 1);
    if v_fault is not null then
      raise exception 'bad schema'
        using errcode = '22023',
              detail  = v_fault,
              hint    = 'Supported are type, properties, required, additionalProperties, items, '
                        'enum, const, minimum, maximum, exclusiveMinimum, exclusiveMaximum, '
                        'multipleOf, minLength, maxLength, pattern, minItems, maxItems '
                        'and uniqueItems.';
    end if;
  end if;
end;
$$;

comment on function tasker._check_schema is
'Checks an input_schema at registration (null passes). Supported are type, properties, required, additionalProperties, items, enum, const, minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, minLength, maxLength, pattern, minItems, maxItems, uniqueItems; title, description, default, examples, format, $schema and $id are annotations. Anything else raises 22023 naming the keyword and where it stands.';
