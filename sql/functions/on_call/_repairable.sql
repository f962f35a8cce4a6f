create or replace function tasker._repairable (p_verb text, p_filter jsonb)
  returns bigint[]
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
-- What a verb would be applied to: steps; tasks, those of dead letters where the filter names a
-- step, fingerprint or error, else open ones; templates or namespaces that are not paused, or are;
-- ticks that have made no task.
--
-- Returns  step_ids in order, of tasks with step_no 0; of a template the id of its first version
-- Raises   TK002 unknown namespace
-- Calls    _template_ids, _namespace_id, _repairable_steps, _backfill_ticks
#variable_conflict use_column
declare
  v_state     constant text := p_filter ->> 'state';
  v_pausing   constant boolean := p_verb like 'pause%';
  v_namespace constant integer := case when p_filter ? 'namespace'
    then tasker._namespace_id(p_filter ->> 'namespace') end;
  v_templates constant integer[] := case when p_filter ?| '{namespace,template}'
    then tasker._template_ids(p_filter ->> 'namespace', p_filter ->> 'template', null) end;
  v_steps     bigint[];
begin
  if p_verb = 'backfill_schedule' then
    return tasker._backfill_ticks(p_filter);
  elsif p_verb like '%\_namespace' then
    return array(
      select namespace.namespace_id
        from tasker.namespaces as namespace
       where namespace.namespace_id = coalesce(v_namespace, namespace.namespace_id)
         and (namespace.paused_at is null) = v_pausing
       order by namespace.namespace_id);
  elsif p_verb like '%\_template' then
    return array(
      select min(template.template_id)
        from tasker.task_templates as template
       where v_templates is null or template.template_id = any (v_templates)
       group by template.namespace_id, template.name
      having bool_or((template.paused_at is null) = v_pausing)
       order by 1);
  elsif p_verb like '%\_step%' or p_filter ?| '{step,fingerprint}' or v_state = 'error' then
    v_steps := tasker._repairable_steps(p_verb, p_filter, v_templates);
  end if;
  if p_verb like '%\_step%' then
    return v_steps;
  end if;
  return array(
    select tasker._id_of_task(task.task_id)
      from (select distinct tasker._task_of(id) as task_id from unnest(v_steps) as id
             union all
            select open.task_id from tasker.open_tasks as open where v_steps is null) as found
      join tasker.tasks as task on task.task_id = found.task_id
     where (v_templates is null or task.template_id = any (v_templates))
       and (task.state::text = coalesce(v_state, task.state::text) or v_state = 'error')
       and case p_verb
             when 'cancel_task' then task.finished_at is null
             when 'pause_task' then task.paused_at is null and task.finished_at is null
             when 'resume_task' then task.paused_at is not null and task.finished_at is null
             else true
           end
     order by task.task_id);
end;
$$;

comment on function tasker._repairable is 'What an operator''s verb would be applied to: the steps, tasks, templates or namespaces that match a filter.';
