create or replace function tasker._check_contexts (p_contexts jsonb[], p_schema jsonb)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Checks the contexts of new tasks: objects, not too large, and what the template's input_schema
-- asks for.
--
-- Raises   22023 naming the context and what is wrong, TK006
-- Calls    _check_amount, _check_json, _schema_problem
declare
  v_wrong text;
begin
  if (array_ndims(p_contexts) = 1) is not true then
    raise exception 'contexts must be a list of at least one object'
      using errcode = '22023',
            detail  = format('got %s', coalesce(array_dims(p_contexts),
                                                cardinality(p_contexts)::text, 'null'));
  elsif cardinality(p_contexts) > 100 then
    perform tasker._check_amount(cardinality(p_contexts), 'the list of contexts', 'tasks_per_call');
  end if;
  if p_schema is null
     and (select bool_and(coalesce(jsonb_typeof(context) = 'object'
                                   and pg_column_size(context #> '{}') <= 1024, false))
            from unnest(p_contexts) as context) then
    return;  -- nothing of these could be wrong
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
  perform tasker._check_json(context, 'the context', 'context_bytes')
     from unnest(p_contexts) as context;
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
