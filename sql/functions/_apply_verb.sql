create or replace function tasker._apply_verb (p_verb text, p_id bigint, p_reason text)
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Applies an operator's verb to a step, or to a task (step_no 0).
--
-- Raises   as the verb
-- Calls    retry_step, resolve_step, cancel_task, resolve_task, pause_task, resume_task, _step_uuid
declare
  v_task constant uuid := (select task.task_uuid from tasker.tasks as task
                            where task.task_id = p_id >> 20);
  v_step constant uuid := tasker._step_uuid(v_task, p_id);
begin
  case p_verb
    when 'retry_step'   then perform tasker.retry_step(v_step, p_reason);
    when 'resolve_step' then perform tasker.resolve_step(v_step, p_reason);
    when 'cancel_task'  then perform tasker.cancel_task(v_task, p_reason);
    when 'resolve_task' then perform tasker.resolve_task(v_task, p_reason);
    when 'pause_task'   then perform tasker.pause_task(v_task, p_reason);
    when 'resume_task'  then perform tasker.resume_task(v_task, p_reason);
  end case;
end;
$$;

comment on function tasker._apply_verb is 'Applies an operator''s verb to a step or a task. Raises as the verb.';
