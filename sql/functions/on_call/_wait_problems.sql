create or replace function tasker._wait_problems ()
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
-- Waits that may last for ever, or should be over, and signals of open tasks that nobody will take.
--
-- Returns  problems
-- Calls    _is_left, _recovery_grace, _ago, _counted
#variable_conflict use_column
declare
  v_now constant timestamptz := tasker._now();
begin
  return query
  select 'warning', 'wait_without_end', format('template %s/%s', namespace.name, template.name),
         min(wait.opened_at),
         format('%s waiting for up to %s without a timeout: are they still wanted?',
                tasker._counted(count(*), 'step'),
                tasker._ago(v_now - min(wait.opened_at))),
         format('select * from tasker.open_waits(%L, %L)', namespace.name,
                jsonb_build_object('template', template.name)),
         count(*)
    from (select * from tasker.waits as wait order by wait.step_id limit 1000) as wait
    join tasker.steps as step on step.step_id = wait.step_id
    join tasker.task_templates as template on template.template_id = step.template_id
    join tasker.namespaces as namespace on namespace.namespace_id = template.namespace_id
   where wait.until is null
     and wait.opened_at < v_now - interval '30 days'
   group by namespace.name, template.name
  union all
  select 'warning', 'signals_left', format('task %s', task.task_uuid), min(signal.sent_at),
         format('%s (%s) stored that no open step can take',
                tasker._counted(count(*), 'signal'),
                string_agg(distinct signal.name, ', ')),
         format('select * from tasker.list_signals(%L)', task.task_uuid), count(*)
    from (select open.task_id from tasker.open_tasks as open
           order by open.task_id limit 300) as open
    join tasker.signals as signal on signal.task_id = open.task_id
    join tasker.tasks as task on task.task_id = open.task_id
   where signal.taken_by is null
     and tasker._is_left(signal.task_id, signal.name)
   group by task.task_uuid
  union all
  select 'critical', 'waits_overdue', 'waits', min(late.due_at),
         format('%s%s due for up to %s, and nothing came of it',
                case when count(*) = 1000 then 'at least ' else '' end,
                tasker._counted(count(*), 'alarm'),
                tasker._ago(v_now - min(late.due_at))),
         'select * from tasker.sweep()', count(*)
    from (select alarm.due_at
            from tasker.alarms as alarm
           where alarm.due_at < v_now - tasker._recovery_grace()
           order by alarm.due_at
           limit 1000) as late
  having count(*) > 0;
end;
$$;

comment on function tasker._wait_problems is 'problems: waits that may last for ever, and signals that nobody will take. Looks at the oldest 1000 waits and 300 open tasks.';
