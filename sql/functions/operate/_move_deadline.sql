create or replace function tasker._move_deadline (p_task_id bigint, p_deadline timestamptz)
  returns void
  language sql
  set search_path = pg_catalog, pg_temp
as $$
-- Moves the deadline of a task, or removes it. Only an open task has an alarm.
--
-- Locks    the alarm; the caller holds the task
update tasker.tasks as task set deadline = p_deadline where task.task_id = p_task_id;
delete from tasker.alarms as alarm
 where alarm.step_id = tasker._id_of_task(p_task_id) and alarm.kind = 'deadline';
insert into tasker.alarms (step_id, kind, due_at)
select tasker._id_of_task(p_task_id), 'deadline', p_deadline
  from tasker.tasks as task
 where task.task_id = p_task_id and task.finished_at is null and p_deadline is not null;
$$;

comment on function tasker._move_deadline is 'Moves the deadline of a task, or removes it.';
