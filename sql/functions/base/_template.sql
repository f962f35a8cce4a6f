create or replace function tasker._template (p_namespace text, p_name text, p_version text)
  returns tasker.task_templates
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- A registered template: the version named, or the highest.
--
-- Raises   TK002 when there is none
-- Calls    _namespace_id, _nearest
declare
  v_template tasker.task_templates%rowtype;
  v_near     text;
begin
  if p_version is not null then
    select template.* into v_template from tasker.task_templates as template
     where template.namespace_id = (select namespace.namespace_id
                                      from tasker.namespaces as namespace
                                     where namespace.name = p_namespace)
       and template.name = p_name
       and template.version = p_version;
  else
    select template.* into v_template from tasker.task_templates as template
     where template.namespace_id = (select namespace.namespace_id
                                      from tasker.namespaces as namespace
                                     where namespace.name = p_namespace)
       and template.name = p_name
     order by template.version_order desc
     limit 1;
  end if;
  if v_template.template_id is null then
    perform tasker._namespace_id(p_namespace);
    v_near := tasker._nearest(p_name, array(
      select distinct template.name
        from tasker.task_templates as template
        join tasker.namespaces as namespace on namespace.namespace_id = template.namespace_id
       where namespace.name = p_namespace));
    raise exception 'template not found'
      using errcode = 'TK002',
            detail  = format('%s/%s%s', p_namespace, coalesce(left(p_name, 100), 'null'),
                             '@' || left(p_version, 40)),
            hint    = coalesce('Did you mean ' || nullif(v_near, p_name) || '? ', '')
                      || 'register_template makes one; list_templates() shows those there are.';
  end if;
  return v_template;
end;
$$;

comment on function tasker._template is 'A registered template by name, of the version given or else the highest. Raises TK002.';
