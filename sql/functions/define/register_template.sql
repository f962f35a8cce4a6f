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
-- Calls    _check_json, _check_definition, _check_amount, create_namespace, _is_gated, _is_entered,
--          _check_duration, _compile_template, _normal_form
#variable_conflict use_column
declare
  v_steps        jsonb := p_definition -> 'steps';
  v_namespace    text := p_definition ->> 'namespace_name';
  v_namespace_id integer;
  v_name         text := p_definition ->> 'name';
  v_version      text := p_definition ->> 'version';
  v_wanted       text[];
  v_template     tasker.task_templates%rowtype;
begin
  perform tasker._check_json(p_definition, 'the definition', 'definition_bytes');
  perform tasker._check_definition(p_definition);
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
    input_schema, step_count, sink_count, finalize_externally, gated, enters, deadline_seconds,
    on_deadline
  )
  values (
    v_namespace_id, v_name, v_version, string_to_array(v_version, '.')::integer[],
    p_definition ->> 'description', p_definition,
    sha256(convert_to(p_definition::text, 'UTF8')), nullif(p_definition -> 'input_schema', 'null'),
    jsonb_array_length(v_steps), 0, coalesce(p_definition ->> 'finalization' = 'external', false),
    tasker._is_gated(v_steps), tasker._is_entered(v_steps),
    tasker._check_duration(p_definition -> 'deadline', 'deadline'),
    coalesce(p_definition ->> 'on_deadline', 'fail')
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
'Registers a version of a template from its definition: {"name", "namespace_name", "version" (n.n.n), "description", "metadata", "input_schema" (JSON Schema, see _check_schema), "finalization" ("inline" or "external"), "deadline" (a duration), "on_deadline" (fail, cancel), "steps": [{"name", "description", "handler": {"callable" or "sql", "initialization"}, "namespace", "dependencies", "run_on" (success, full_success, failure, end), "if" (an SQL/JSON path), "on_error" (fail, continue, skip), "wait" (instead of a handler: {"for"}, {"until", "every"} or {"signal", "count", "schema", "fail_if", "prompt"}, with "timeout", "on_timeout" (fail, skip, continue), "default"), "retry": {"retryable", "max_attempts", "backoff", "backoff_base_ms", "max_backoff_ms", "jitter"}, "timeout_seconds", "start_within", "finish_within" (durations)}]}. A version never changes; a definition that says the same, with or without its defaults, answers created = false. Nothing is stored unless everything is right. Raises 22023, TK006 (over one of list_limits), TK007 (cycle), TK008 (same version, other content).';
