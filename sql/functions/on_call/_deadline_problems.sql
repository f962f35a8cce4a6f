create or replace function tasker._deadline_problems ()
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
-- Tasks that are to be done by a moment: those that went on past it, and those of which more is
-- left to do than there is time for, as far as can be foreseen.
--
-- Returns  problems
-- Calls    _time_left, _recovery_grace, _ago
#variable_conflict use_column
declare
  v_now constant timestamptz := tasker._now();
begin
  return query
  select 'warning', 'deadline_missed', format('task %s', task.task_uuid), task.deadline,
         format('it was to be done %s ago, and still has steps that are open',
                tasker._ago(v_now - task.deadline)),
         format('select * from tasker.explain_task(%L)', task.task_uuid), null::bigint
    from (select open.task_id from tasker.open_tasks as open
           order by open.task_id limit 100) as open
   cross join lateral (
         select own.task_uuid, own.deadline from tasker.tasks as own
          where own.task_id = open.task_id limit 1) as task
   where task.deadline < v_now - tasker._recovery_grace()
  union all
  select 'warning', 'deadline_near', format('task %s', task.task_uuid), task.created_at,
         ahead.said,
         format('select * from tasker.set_deadline(%L, %L, ''<why>'')', task.task_uuid,
                v_now + ahead.rest),
         null
    from (select alarm.step_id
            from tasker.alarms as alarm
           where alarm.kind = 'deadline' and alarm.due_at > v_now
           order by alarm.due_at
           limit 10) as alarm
   cross join lateral (
         select own.task_id, own.task_uuid, own.created_at, own.deadline from tasker.tasks as own
          where own.task_id = tasker._task_of(alarm.step_id) limit 1) as task
   cross join lateral tasker._time_left(task.task_id, task.deadline, v_now) as ahead
   where ahead.rest > task.deadline - v_now;
end;
$$;

comment on function tasker._deadline_problems is 'problems: tasks that went on past their deadline, or will. Looks at the oldest 100 open tasks, and at the next 10 deadlines.';
