create or replace function tasker._apply_verb (
  p_verb   text,
  p_id     bigint,
  p_result jsonb,
  p_reason text
)
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Applies an operator's verb to a step, a task (step_no 0), a template (its first version), a
-- namespace or, of the schedule that p_result names, a tick.
--
-- Raises   as the verb
-- Calls    retry_step, requeue_step, resolve_step, complete_step_manually, cancel_task,
--          resolve_task, pause_task, resume_task, pause_template, resume_template,
--          pause_namespace, resume_namespace, _repair_subjects, _backfill_tick
declare
  v_of record;
begin
  if p_verb = 'backfill_schedule' then
    perform tasker._backfill_tick(p_result ->> 'namespace', p_result ->> 'schedule', p_id);
    return;
  end if;
  select subject.subject_uuid as uuid, split_part(subject.subject, '/', 1) as namespace,
         split_part(subject.subject, '/', 2) as name
    into v_of
    from tasker._repair_subjects(p_verb, array[p_id]) as subject;
  case p_verb
    when 'retry_step' then
      perform tasker.retry_step(v_of.uuid, p_reason);
    when 'requeue_step' then
      perform tasker.requeue_step(v_of.uuid, p_reason);
    when 'resolve_step' then
      perform tasker.resolve_step(v_of.uuid, p_reason);
    when 'complete_step_manually' then
      perform tasker.complete_step_manually(v_of.uuid, p_result, p_reason);
    when 'cancel_task' then
      perform tasker.cancel_task(v_of.uuid, p_reason);
    when 'resolve_task' then
      perform tasker.resolve_task(v_of.uuid, p_reason);
    when 'pause_task' then
      perform tasker.pause_task(v_of.uuid, p_reason);
    when 'resume_task' then
      perform tasker.resume_task(v_of.uuid, p_reason);
    when 'pause_template' then
      perform tasker.pause_template(v_of.namespace, v_of.name, p_reason);
    when 'resume_template' then
      perform tasker.resume_template(v_of.namespace, v_of.name, p_reason);
    when 'pause_namespace' then
      perform tasker.pause_namespace(v_of.namespace, p_reason);
    when 'resume_namespace' then
      perform tasker.resume_namespace(v_of.namespace, p_reason);
  end case;
end;
$$;

comment on function tasker._apply_verb is 'Applies an operator''s verb to what an id of a plan stands for. Raises as the verb.';
