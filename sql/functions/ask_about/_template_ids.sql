create or replace function tasker._template_ids (p_namespace text, p_name text, p_version text)
  returns integer[]
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- The templates that a question is about; null arguments leave open.
--
-- Returns  their ids, maybe none
-- Raises   TK002 unknown namespace
-- Calls    _namespace_id
declare
  v_namespace_id constant integer := case when p_namespace is not null
                                          then tasker._namespace_id(p_namespace) end;
begin
  return array(
    select template.template_id
      from tasker.task_templates as template
     where template.namespace_id = coalesce(v_namespace_id, template.namespace_id)
       and template.name = coalesce(p_name, template.name)
       and template.version = coalesce(p_version, template.version));
end;
$$;

comment on function tasker._template_ids is 'The ids of the templates that a question is about; null arguments leave open. Raises TK002 (unknown namespace).';
