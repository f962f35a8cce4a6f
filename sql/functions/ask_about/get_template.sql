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
-- One template: its definition as it was registered, and its steps as they were compiled, with
-- every default filled in.
--
-- Returns  one row
-- Raises   TK002 unknown namespace, template or version; 22023 null namespace
-- Calls    _template
#variable_conflict use_column
declare
  v_template constant tasker.task_templates := tasker._template(p_namespace, p_name, p_version);
begin
  return query
  select p_namespace,
         v_template.name,
         v_template.version,
         v_template.definition,
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
                   'timeout_seconds', link.timeout_seconds) order by link.step_no)
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
'One template, of the version given or else the highest: its definition as registered, and its steps as compiled (jsonb array in step order, with parents and children by name and every default filled in). Raises TK002 (unknown namespace, template or version), 22023 (null namespace).';
