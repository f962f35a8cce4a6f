create or replace function tasker._pass_deadline (p_task_id bigint, p_now timestamptz)
  returns integer
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- The deadline of a task has passed: its open steps end in error, and cleanup has its turn, without
-- a deadline; or the task is cancelled, if its template says so. A result that commits before wins;
-- after it, the token is stale.
--
-- Returns  1, or 0 when the deadline was moved, or the task has ended
-- Locks    the open and failed steps in id order, the task, its alarm; then as finishing steps
-- Calls    _close_task, _fail_open, _record
declare
  v_task tasker.tasks%rowtype;
  v_log  record;
begin
  perform from tasker.steps as step
    where step.step_id > tasker._id_of_task(p_task_id)
      and step.step_id < tasker._id_of_task(p_task_id + 1)
      and step.state in ('pending', 'enqueued', 'in_progress', 'waiting_for_retry', 'waiting',
                         'error')
    order by step.step_id
      for no key update;
  select task.* into v_task
    from tasker.tasks as task where task.task_id = p_task_id for no key update;
  delete from tasker.alarms as alarm
   where alarm.step_id = tasker._id_of_task(p_task_id)
     and alarm.kind = 'deadline'
     and alarm.due_at <= p_now;
  if not found then
    return 0;
  elsif exists (select from tasker.task_templates as template
                 where template.template_id = v_task.template_id
                   and template.on_deadline = 'cancel') then
    perform tasker._close_task(p_task_id, 'cancelled', 'deadline', p_now);
  else
    v_log := tasker._fail_open(
      p_task_id,
      jsonb_build_object(
        'type', 'DeadlineExceeded', 'code', 'deadline',
        'message', format('its task was to be done by %s', v_task.deadline)),
      p_now);
    perform tasker._record(v_log.ids, v_log.changes, 'engine', 'deadline', p_now);
  end if;
  return 1;
end;
$$;

comment on function tasker._pass_deadline is 'The deadline of a task has passed. Returns 0 when it was moved, or the task has ended.';
