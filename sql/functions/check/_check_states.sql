create or replace function tasker._check_states (p_task_id bigint)
  returns table (invariant text, severity text, id bigint, detail text)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_custom_plan
as $$
-- What must hold within a task's row and within a step's row. The order of its times need not:
-- the server's clock may be set back.
--
-- Returns  the violations; id is a step_id (step_no 0: the task)
#variable_conflict use_column
declare
  v_first constant bigint := coalesce(p_task_id, 0);
  v_last  constant bigint := coalesce(p_task_id, 4398046511103);
begin
  return query
  with task as (
    select task.*,
           array_remove(array[
             case when not (isfinite(task.created_at)
                            and isfinite(task.started_at)
                            and isfinite(task.finished_at))
                  then 'the times of a task are finite' end,
             case when task.state = 'pending' and task.started_at is not null
                       or task.state in ('in_progress', 'blocked_by_failures', 'complete', 'error')
                          and task.started_at is null
                  then 'a task that has begun has a start' end,
             case when task.finished_at is null <> (open.task_id is not null)
                  then 'a task is listed as open while it is' end], null) as broken
      from tasker.tasks as task
      left join tasker.open_tasks as open on open.task_id = task.task_id
     where task.task_id between v_first and v_last
  ),
  step as (
    select step.*, link.max_attempts,
           array_remove(array[
             case when link.step_no is null then 'a step belongs to a step of its template' end,
             case when step.attempt not between 0 and link.max_attempts
                  then 'attempts stay within their limit' end,
             case when step.state = 'in_progress'
                       and (step.attempt = 0 or step.claim_token is null or step.started_at is null)
                  then 'a running step has an attempt, a token and a start' end,
             case when step.state = 'pending' and step.claim_token is not null
                  then 'a step that never ran has no token' end,
             case when step.state = 'enqueued' and step.enqueued_at is null
                  then 'an enqueued step knows since when' end,
             case when step.finished_at is null
                       = step.state in ('complete', 'error', 'cancelled',
                                        'resolved_manually', 'skipped', 'upstream_failed')
                  then 'a step has an end when it has ended' end,
             case when not (isfinite(step.enqueued_at)
                            and isfinite(step.started_at)
                            and isfinite(step.finished_at))
                  then 'the times of a step are finite' end], null) as broken
      from tasker.steps as step
      left join tasker.template_steps as link
        on link.template_id = step.template_id
       and link.step_no = tasker._step_no(step.step_id)
     where step.step_id > tasker._id_of_task(v_first)
       and step.step_id < tasker._id_of_task(v_last + 1)
  )
  select unnest(task.broken), 'safety', tasker._id_of_task(task.task_id),
         format('%s, created %s, started %s, finished %s',
                task.state, task.created_at, task.started_at, task.finished_at)
    from task
   where task.broken <> '{}'
  union all
  select unnest(step.broken), 'safety', step.step_id,
         format('%s, attempt %s of %s, token %s, enqueued %s, started %s, finished %s',
                step.state, step.attempt, step.max_attempts, step.claim_token,
                step.enqueued_at, step.started_at, step.finished_at)
    from step
   where step.broken <> '{}';
end;
$$;

comment on function tasker._check_states is 'check_invariants: what must hold within a task''s row and within a step''s row.';
