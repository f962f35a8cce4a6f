create or replace function tasker._pause_problems ()
  returns table (
    severity text, code text, subject text, since timestamptz, problem text, cure text,
    amount bigint
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
-- What was paused more than an hour ago, and perhaps forgotten.
--
-- Returns  problems; of paused tasks the 100 that are so for longest
-- Calls    _ago
#variable_conflict use_column
declare
  v_now  constant timestamptz := tasker._now();
  v_long constant timestamptz := v_now - interval '1 hour';
begin
  return query
  select 'warning', 'paused', pause.subject, pause.at,
         format('%s paused it %s ago: %s', pause.by, tasker._ago(v_now - pause.at), pause.reason),
         pause.cure, null::bigint
    from (select format('namespace %s', namespace.name) as subject, namespace.paused_at as at,
                 namespace.paused_by as by, namespace.pause_reason as reason,
                 format('select * from tasker.resume_namespace(%L, ''<why>'')',
                        namespace.name) as cure
            from tasker.namespaces as namespace
           union all
          -- all versions of a template are paused at once
          select format('template %s/%s', namespace.name, template.name),
                 min(template.paused_at), min(template.paused_by), min(template.pause_reason),
                 format('select * from tasker.resume_template(%L, %L, ''<why>'')',
                        namespace.name, template.name)
            from tasker.task_templates as template
            join tasker.namespaces as namespace
              on namespace.namespace_id = template.namespace_id
           group by namespace.name, template.name
           union all
          select format('schedule %s/%s', namespace.name, schedule.name), schedule.paused_at,
                 schedule.paused_by, schedule.pause_reason,
                 format('select * from tasker.resume_schedule(%L, %L, ''<why>'')',
                        namespace.name, schedule.name)
            from tasker.schedules as schedule
            join tasker.namespaces as namespace
              on namespace.namespace_id = schedule.namespace_id
           union all
          (select format('task %s', task.task_uuid), task.paused_at, task.paused_by,
                  task.pause_reason,
                  format('select * from tasker.resume_task(%L, ''<why>'')', task.task_uuid)
             from tasker.tasks as task
            where task.paused_at is not null
              and task.paused_at < v_long
              and task.finished_at is null
            order by task.paused_at
            limit 100)) as pause
   where pause.at < v_long;
end;
$$;

comment on function tasker._pause_problems is 'problems: what was paused more than an hour ago.';
