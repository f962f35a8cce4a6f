create or replace function tasker.register_template (p_definition jsonb)
  returns table (template_id integer, namespace text, name text, version text, created boolean)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Registers a version of a template: checks it whole, compiles its DAG, makes its namespaces.
--
-- Returns  one row; created is false when a definition that says the same was registered before
-- Raises   22023 what is wrong and where, TK006 over a limit, TK007 cycle,
--          TK008 version exists with other content
-- Calls    _check_json, _check_keys, _check_text, _check_prose, _check_amount, _check_step,
--          _check_schema, create_namespace, _is_gated, _is_entered, _compile_template, _normal_form
#variable_conflict use_column
declare
  v_steps        jsonb := p_definition -> 'steps';
  v_namespace    text;
  v_namespace_id integer;
  v_name         text;
  v_version      text;
  v_wanted       text[];
  v_template     tasker.task_templates%rowtype;
begin
  perform tasker._check_json(p_definition, 'the definition', 'definition_bytes');
  perform tasker._check_keys(p_definition, 'the definition',
    '{name,namespace_name,version,description,metadata,input_schema,finalization,steps}',
    '{name,namespace_name,version,steps}');
  v_namespace := tasker._check_text(p_definition -> 'namespace_name', 'namespace_name',
    '^[a-z][a-z0-9_]{0,31}$', '1 to 32 characters a-z, 0-9 and _, a letter first');
  v_name      := tasker._check_text(p_definition -> 'name', 'name',
    '^[A-Za-z][A-Za-z0-9_.-]{0,99}$', 'a letter, then up to 99 letters, digits and _ . -');
  v_version   := tasker._check_text(p_definition -> 'version', 'version',
    '^(0|[1-9][0-9]{0,8})(\.(0|[1-9][0-9]{0,8})){2}$', 'three numbers, such as 1.0.0');
  perform tasker._check_prose(p_definition -> 'description', 'description', 0, 2000);
  perform tasker._check_text(p_definition -> 'finalization', 'finalization', '^(inline|external)$');
  if jsonb_typeof(v_steps) <> 'array' or jsonb_array_length(v_steps) = 0 then
    raise exception 'steps must be an array with at least one step'
      using errcode = '22023', detail = 'got ' || jsonb_typeof(v_steps);
  end if;
  perform tasker._check_amount(jsonb_array_length(v_steps), 'the list of steps', 'template_steps');
  perform tasker._check_step(step, position)
     from jsonb_array_elements(v_steps) with ordinality as s (step, position);
  perform tasker._check_schema(p_definition -> 'input_schema', 'input_schema');

  v_wanted := array(select v_namespace
                    union
                    select step ->> 'namespace' from jsonb_array_elements(v_steps) as step
                     where step ? 'namespace' order by 1);
  perform tasker._check_amount(cardinality(v_wanted), 'the list of namespaces',
                               'template_namespaces');
  perform tasker.create_namespace(wanted) from unnest(v_wanted) as wanted;
  v_namespace_id := tasker._namespace_id(v_namespace);
  insert into tasker.task_templates (
    namespace_id, name, version, version_order, description, definition, sha256,
    input_schema, step_count, sink_count, finalize_externally, gated, enters
  )
  values (
    v_namespace_id, v_name, v_version, string_to_array(v_version, '.')::integer[],
    p_definition ->> 'description', p_definition,
    sha256(convert_to(p_definition::text, 'UTF8')), nullif(p_definition -> 'input_schema', 'null'),
    jsonb_array_length(v_steps), 0, coalesce(p_definition ->> 'finalization' = 'external', false),
    tasker._is_gated(v_steps), tasker._is_entered(v_steps)
  )
  on conflict (namespace_id, name, version) do nothing
  returning * into v_template;
  if found then
    perform tasker._compile_template(v_template.template_id, v_namespace, v_steps);
    update tasker.task_templates as template
       set sink_count = (select count(*) from tasker.template_steps as link
                          where link.template_id = template.template_id and link.children = '{0}')
     where template.template_id = v_template.template_id;
    return query select v_template.template_id, v_namespace, v_name, v_version, true;
    return;
  end if;

  select template.* into v_template from tasker.task_templates as template
   where (template.namespace_id, template.name, template.version)
         = (v_namespace_id, v_name, v_version);
  if tasker._normal_form(v_template.definition, v_template.gated)
     <> tasker._normal_form(p_definition, tasker._is_gated(v_steps)) then
    raise exception 'this version is registered with other content'
      using errcode = 'TK008', detail = format('%s/%s@%s', v_namespace, v_name, v_version),
            hint = 'A version never changes. Register a new one.';
  end if;
  return query select v_template.template_id, v_namespace, v_name, v_version, false;
end;
$$;

comment on function tasker.register_template is
'Registers a version of a template from its definition: {"name", "namespace_name", "version" (n.n.n), "description", "metadata", "input_schema" (JSON Schema, see _check_schema), "finalization" ("inline" or "external"), "steps": [{"name", "description", "handler": {"callable" or "sql", "initialization"}, "namespace", "dependencies", "run_on" (success, full_success, failure, end), "if" (an SQL/JSON path), "on_error" (fail, continue, skip), "wait" (instead of a handler: {"for"}, {"until", "every"} or {"signal", "count", "schema", "fail_if", "prompt"}, with "timeout", "on_timeout" (fail, skip, continue), "default"), "retry": {"retryable", "max_attempts", "backoff", "backoff_base_ms", "max_backoff_ms", "jitter"}, "timeout_seconds"}]}. A version never changes; a definition that says the same, with or without its defaults, answers created = false. Nothing is stored unless everything is right. Raises 22023, TK006 (over one of list_limits), TK007 (cycle), TK008 (same version, other content).';
