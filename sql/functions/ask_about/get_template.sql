create or replace function tasker.get_template (
  p_namespace text,
  p_name      text,
  p_version   text default null
)
  returns table (
    namespace text, name text, version text, definition jsonb, steps jsonb, sha256 text,
    paused_at timestamptz, paused_by text, pause_reason text, registered_at timestamptz,
    registered_by text
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- One template: its definition in normal form, with every default written out, so that to register
-- it again changes nothing; and its steps as they were compiled. What decides whether a step runs
-- stands there in gated templates.
--
-- Returns  one row
-- Raises   TK002 unknown namespace, template or version; 22023 null namespace
-- Calls    _template, _normal_form
#variable_conflict use_column
declare
  v_template constant tasker.task_templates := tasker._template(p_namespace, p_name, p_version);
begin
  return query
  select p_namespace,
         v_template.name,
         v_template.version,
         tasker._normal_form(v_template.definition, v_template.gated),
         (select jsonb_agg(jsonb_build_object(
                   'step_no', link.step_no,
                   'name', link.name,
                   'description', link.description,
                   'handler', link.handler,
                   'config', link.config,
                   'namespace', namespace.name,
                   'parents', to_jsonb(link.parent_names),
                   'children', (select coalesce(jsonb_agg(child.name order by child.step_no), '[]')
                                  from tasker.template_steps as child
                                 where child.template_id = link.template_id
                                   and child.step_no = any (link.children)),
                   'max_attempts', link.max_attempts,
                   'backoff', link.backoff,
                   'backoff_base_ms', link.backoff_base_ms,
                   'max_backoff_ms', link.max_backoff_ms,
                   'jitter', link.jitter,
                   'timeout_seconds', link.timeout_seconds)
                   || coalesce(link.features - '{path,reads,needs}'::text[], '{}')
                   order by link.step_no)
            from tasker.template_steps as link
            join tasker.namespaces as namespace on namespace.namespace_id = link.namespace_id
           where link.template_id = v_template.template_id),
         encode(v_template.sha256, 'hex'),
         v_template.paused_at,
         v_template.paused_by,
         v_template.pause_reason,
         v_template.registered_at,
         v_template.registered_by;
end;
$$;

comment on function tasker.get_template is
'One template, of the version given or else the highest: its definition in normal form (with every default written out; to register it again changes nothing), its steps as compiled (jsonb array in step order, with parents and children by name, every default, and in a template with run_on, if or on_error these), and the sha256 of the definition as it was registered. Raises TK002 (unknown namespace, template or version), 22023 (null namespace).';
