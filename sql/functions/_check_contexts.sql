create or replace function tasker._check_contexts (p_contexts jsonb[], p_schema jsonb)
  returns void
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- Checks the contexts of new tasks: objects, not too large, and what the template's input_schema
-- asks for.
--
-- Raises   22023 naming the context and what is wrong, TK006
-- Calls    _check_json_size, _schema_problem
declare
  v_wrong text;
begin
  if (cardinality(p_contexts) between 1 and 10000) is not true then
    raise exception 'contexts must be an array of 1 to 10000 objects'
      using errcode = '22023',
            detail  = format('got %s', coalesce(cardinality(p_contexts)::text, 'null'));
  end if;
  select format('context %s is %s, need an object',
                position, coalesce(jsonb_typeof(context), 'null'))
    into v_wrong
    from unnest(p_contexts) with ordinality as wanted (context, position)
   where jsonb_typeof(context) is distinct from 'object'
   limit 1;
  if found then
    raise exception 'bad context' using errcode = '22023', detail = v_wrong;
  end if;
  perform tasker._check_json_size(context, 'the context') from unnest(p_contexts) as context;
  if p_schema is not null then
    select problem into v_wrong
      from unnest(p_contexts) as context
     cross join lateral tasker._schema_problem(p_schema, context, 'context') as problem
     where problem is not null
     limit 1;
    if found then
      raise exception 'the context does not match the template''s input_schema'
        using errcode = '22023',
              detail  = v_wrong;
    end if;
  end if;
end;
$$;

comment on function tasker._check_contexts is 'Checks the contexts of new tasks against size and input_schema. Raises 22023, TK006.';
