create or replace function tasker._check_deadlines (p_task_id bigint)
  returns table (invariant text, severity text, id bigint, detail text)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_custom_plan
as $$
-- The deadlines of tasks against their alarms: an open task whose deadline is to come has one, and
-- no other task.
--
-- Returns  the violations; id is a step_id (step_no 0: the task)
#variable_conflict use_column
declare
  v_first constant bigint := coalesce(p_task_id, 0);
  v_last  constant bigint := coalesce(p_task_id, 4398046511103);
  v_now   constant timestamptz := tasker._now();
begin
  return query
  select 'an open task that has a deadline has its alarm', 'safety',
         tasker._id_of_task(task.task_id),
         format('%s, deadline %s, no alarm', task.state, task.deadline)
    from tasker.tasks as task
   where task.task_id between v_first and v_last
     and task.finished_at is null
     and task.deadline > v_now
     and not exists (select from tasker.alarms as alarm
                      where alarm.step_id = tasker._id_of_task(task.task_id)
                        and alarm.kind = 'deadline')
   union all
  select 'an open task that has a deadline has its alarm', 'safety', alarm.step_id,
         format('%s, deadline %s, alarm %s', task.state, task.deadline, alarm.due_at)
    from tasker.alarms as alarm
    left join tasker.tasks as task on task.task_id = tasker._task_of(alarm.step_id)
   where alarm.step_id between tasker._id_of_task(v_first) and tasker._id_of_task(v_last)
     and alarm.kind = 'deadline'
     and (task.finished_at is null and task.deadline = alarm.due_at) is not true;
end;
$$;

comment on function tasker._check_deadlines is 'check_invariants: the deadlines of tasks against their alarms.';
