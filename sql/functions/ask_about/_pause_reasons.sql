create or replace function tasker._pause_reasons (p_step_ids bigint[], p_now timestamptz)
  returns table (
    step_id bigint, rank integer, code text, blocks boolean, reason text,
    since timestamptz, until timestamptz, who text, cure text
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- What keeps these steps from being handed out because somebody paused it. Steps that run or have
-- ended are not concerned.
--
-- Returns  a row for each pause of each step
-- Calls    _ago
#variable_conflict use_column
begin
  return query
  select step.step_id, 15, pause.code, true,
         format('%s was paused by %s %s ago: %s', pause.subject, pause.by,
                tasker._ago(p_now - pause.at), pause.reason),
         pause.at, null::timestamptz, pause.by, pause.cure
    from tasker.steps as step
    join tasker.tasks as task on task.task_id = tasker._task_of(step.step_id)
    join tasker.task_templates as template on template.template_id = task.template_id
    join tasker.namespaces as home on home.namespace_id = template.namespace_id
    join tasker.template_steps as link on link.template_id = step.template_id
                                      and link.step_no = tasker._step_no(step.step_id)
    join tasker.namespaces as namespace on namespace.namespace_id = link.namespace_id
   cross join lateral (values
         ('namespace_paused', format('namespace %s', namespace.name),
          namespace.paused_at, namespace.paused_by, namespace.pause_reason,
          format('select * from tasker.resume_namespace(%L, ''<why>'')', namespace.name)),
         ('template_paused', format('template %s/%s', home.name, template.name),
          template.paused_at, template.paused_by, template.pause_reason,
          format('select * from tasker.resume_template(%L, %L, ''<why>'')',
                 home.name, template.name)),
         ('task_paused', 'its task',
          task.paused_at, task.paused_by, task.pause_reason,
          format('select * from tasker.resume_task(%L, ''<why>'')', task.task_uuid))
         ) as pause (code, subject, at, by, reason, cure)
   where step.step_id = any (p_step_ids)
     and step.state in ('pending', 'enqueued', 'waiting_for_retry')
     and coalesce(namespace.paused_at, template.paused_at, task.paused_at) is not null
     and pause.at is not null;
end;
$$;

comment on function tasker._pause_reasons is 'Which pauses keep each of these steps from being handed out.';
