create or replace function tasker.resume_task (p_task_uuid uuid, p_reason text)
  returns table (paused boolean, changed boolean)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Hands out steps of one task again.
--
-- Returns  one row; changed is false when it was running already
-- Raises   TK002, 22023 without a reason
-- Locks    the task
#variable_conflict use_column
declare
  v_task_id constant bigint := tasker._task_id(p_task_uuid);
  v_now     constant timestamptz := tasker._now();
  v_changed boolean;
begin
  perform tasker._check_reason(p_reason);
  update tasker.tasks
     set paused_at    = null,
         paused_by    = null,
         pause_reason = null
   where task_id = v_task_id
     and paused_at is not null;
  v_changed := found;
  if v_changed then
    perform tasker._operator('resume_task', p_task_uuid::text, p_reason, v_now);
    perform tasker._restore_messages(
              array_agg(step.step_id), array_agg(step.template_id), array_agg(step.priority),
              array_agg(step.enqueued_at), v_now, v_now)
       from tasker.steps as step
      where step.step_id > tasker._id_of_task(v_task_id)
        and step.step_id < tasker._id_of_task(v_task_id + 1)
        and step.state = 'enqueued'
        and step.enqueued_at < v_now;
  end if;
  return query select false, v_changed;
end;
$$;

comment on function tasker.resume_task is
'Hands out steps of a paused task again, at once. The reason is recorded. Safe to repeat. Raises TK002, 22023 (no reason).';
