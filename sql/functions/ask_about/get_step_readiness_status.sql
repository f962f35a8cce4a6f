create or replace function tasker.get_step_readiness_status (
  p_task_uuid  uuid,
  p_step_uuids uuid[] default null
)
  returns table (
    step_uuid               uuid,
    name                    text,
    current_state           text,
    dependencies_satisfied  boolean,
    retry_eligible          boolean,
    ready_for_execution     boolean,
    last_failure_at         timestamptz,
    next_retry_at           timestamptz,
    total_parents           integer,
    completed_parents       integer,
    attempts                integer,
    max_attempts            integer,
    backoff_request_seconds numeric,
    last_attempted_at       timestamptz,
    paused                  boolean
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- What stands between each step of a task and its next attempt. p_step_uuids only chooses rows.
--
-- Returns  one row per step (asked for), in step order
-- Raises   TK002 when the task, or one of the steps in it, does not exist; 22023 null task
-- Calls    _task_id, _readiness
#variable_conflict use_column
declare
  v_task_id constant bigint := tasker._task_id(p_task_uuid);
  v_unknown uuid;
begin
  select wanted into v_unknown
    from unnest(p_step_uuids) as wanted
   where tasker._task_uuid(wanted) is distinct from p_task_uuid
      or not exists (select from tasker.steps as step where step.step_id = tasker._step_id(wanted))
   limit 1;
  if found then
    raise exception 'step not found'
      using errcode = 'TK002',
            detail  = format('task %s has no step %s', p_task_uuid,
                             coalesce(v_unknown::text, 'null'));
  end if;
  return query
  select tasker._step_uuid(p_task_uuid, step.step_id),
         step.name,
         step.current_state::text,
         step.dependencies_satisfied,
         step.retry_eligible,
         step.ready_for_execution,
         step.last_failure_at,
         step.next_retry_at,
         step.total_parents,
         step.completed_parents,
         step.attempts,
         step.max_attempts,
         step.backoff_request_seconds,
         step.last_attempted_at,
         step.paused
    from tasker._readiness(array[v_task_id]) as step
   where p_step_uuids is null
      or tasker._step_uuid(p_task_uuid, step.step_id) = any (p_step_uuids)
   order by step.step_id;
end;
$$;

comment on function tasker.get_step_readiness_status is
'What stands between each step of a task (or those of p_step_uuids, which only choose rows) and its next attempt. dependencies_satisfied: every parent is complete, resolved_manually or skipped; in a template with run_on, if or on_error, it has ended. retry_eligible: it has not ended and has attempts left. ready_for_execution: a worker may have it now (parents done, attempts left, its time has come, nothing paused, nobody runs it). next_retry_at: when its backoff ends. backoff_request_seconds: the wait that its last failure led to. last_attempted_at: start of the last attempt, or when it was found lost. Raises TK002 (unknown task or step), 22023 (null task).';
