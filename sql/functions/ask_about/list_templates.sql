create or replace function tasker.list_templates (p_namespace text default null)
  returns table (
    namespace text, name text, version text, is_latest boolean, description text,
    step_count integer, finalization text, paused_at timestamptz, paused_by text, pause_reason text,
    registered_at timestamptz, registered_by text
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- The registered templates, of one namespace or all.
--
-- Returns  one row per version, the newest of each template first
-- Raises   TK002 unknown namespace
-- Calls    _namespace_id
#variable_conflict use_column
declare
  v_namespace_id constant integer := case
                                       when p_namespace is not null
                                         then tasker._namespace_id(p_namespace)
                                     end;
begin
  return query
  select namespace.name,
         template.name,
         template.version,
         row_number() over (partition by template.namespace_id, template.name
                                order by template.version_order desc) = 1,
         template.description,
         template.step_count,
         case when template.finalize_externally then 'external' else 'inline' end,
         template.paused_at,
         template.paused_by,
         template.pause_reason,
         template.registered_at,
         template.registered_by
    from tasker.task_templates as template
    join tasker.namespaces as namespace on namespace.namespace_id = template.namespace_id
   where v_namespace_id is null
      or template.namespace_id = v_namespace_id
   order by namespace.name, template.name, template.version_order desc;
end;
$$;

comment on function tasker.list_templates is
'The registered templates of a namespace, or of all (null), one row per version; is_latest marks the one that create_task takes when it names none. Raises TK002 (unknown namespace).';
