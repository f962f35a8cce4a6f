create or replace function tasker._repair_subjects (p_verb text, p_ids bigint[])
  returns table (id bigint, subject_uuid uuid, subject text, state text, error text)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- What some of the ids of a plan stand for, as operators know it.
--
-- Returns  one row per id
-- Calls    _error_text, _step_uuid
#variable_conflict use_column
begin
  if p_verb like '%\_namespace' or p_verb like '%\_template' then
    return query
    select wanted.id, null::uuid, concat_ws('/', namespace.name, template.name),
           case when p_verb like 'pause%' then 'running' else 'paused' end, null::text
      from unnest(p_ids) as wanted (id)
      left join tasker.task_templates as template on template.template_id = wanted.id
                                                 and p_verb like '%\_template'
      join tasker.namespaces as namespace
        on namespace.namespace_id = coalesce(template.namespace_id, wanted.id);
    return;
  end if;
  return query
  select wanted.id,
         case when link.name is null then task.task_uuid
              else tasker._step_uuid(task.task_uuid, wanted.id) end,
         concat_ws('/', namespace.name, template.name, link.name),
         coalesce(step.state::text, task.state::text),
         nullif(tasker._error_text(failure.error), '')
    from unnest(p_ids) as wanted (id)
    join tasker.tasks as task on task.task_id = tasker._task_of(wanted.id)
    join tasker.task_templates as template on template.template_id = task.template_id
    join tasker.namespaces as namespace on namespace.namespace_id = template.namespace_id
    left join tasker.steps as step on step.step_id = wanted.id
    left join tasker.template_steps as link on link.template_id = task.template_id
                                           and link.step_no = tasker._step_no(wanted.id)
    left join lateral (select failure.error from tasker.step_failures as failure
                        where failure.step_id = wanted.id
                        order by failure.failure_id desc limit 1) as failure on true;
end;
$$;

comment on function tasker._repair_subjects is 'What some of the ids of a plan stand for: steps, tasks, templates or namespaces.';
