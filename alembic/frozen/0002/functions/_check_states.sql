create or replace function tasker._check_states (p_task_id bigint)
  returns table (invariant text, severity text, id bigint, detail text)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_custom_plan
as $$
-- What must hold within a task's row and within a step's row. Times are compared with a minute's grace: each
-- call reads the clock once, before it waits for locks.
--
-- Returns  the violations; id is a step_id (step_no 0: the task)
-- Calls    _recovery_grace
#variable_conflict use_column
declare
  v_first constant bigint := coalesce(p_task_id, 0);
  v_last  constant bigint := coalesce(p_task_id, 4398046511103);
  v_grace constant interval := tasker._recovery_grace();
begin
  return query
  select broken.invariant, 'safety', task.task_id << 20,
         format('%s, created %s, started %s, finished %s', task.state, task.created_at, task.started_at, task.finished_at)
    from tasker.tasks as task
   cross join lateral (
         values ('the times of a task are finite and in order',
                 not (isfinite(task.created_at) and isfinite(task.started_at) and isfinite(task.finished_at))
                 or task.started_at < task.created_at - v_grace
                 or task.finished_at < task.started_at - v_grace),
                ('a task that runs has a start',
                 case when task.state = 'pending' then task.started_at is not null
                      when task.state in ('in_progress', 'blocked_by_failures', 'complete', 'error') then task.started_at is null end),
                ('a task is listed as open while it is',
                 task.finished_at is null <> exists (select from tasker.open_tasks as open where open.task_id = task.task_id))
         ) as broken (invariant, is_broken)
   where task.task_id between v_first and v_last
     and broken.is_broken
  union all
  select broken.invariant, 'safety', step.step_id,
         format('%s, attempt %s of %s, token %s, enqueued %s, started %s, finished %s', step.state, step.attempt, link.max_attempts,
                step.claim_token, step.enqueued_at, step.started_at, step.finished_at)
    from tasker.steps as step
    left join tasker.template_steps as link on link.template_id = step.template_id and link.step_no = step.step_id & 1048575
   cross join lateral (
         values ('a step belongs to a step of its template', link.step_no is null),
                ('attempts stay within their limit', step.attempt not between 0 and link.max_attempts),
                ('a running step has an attempt, a token and a start',
                 step.state = 'in_progress' and (step.attempt = 0 or step.claim_token is null or step.started_at is null)),
                ('a step that never ran has no token', step.state = 'pending' and step.claim_token is not null),
                ('an enqueued step knows since when', step.state = 'enqueued' and step.enqueued_at is null),
                ('a step has an end when it has ended',
                 step.finished_at is null = step.state in ('complete', 'error', 'cancelled', 'resolved_manually', 'skipped')),
                ('the times of a step are finite and in order',
                 not (isfinite(step.enqueued_at) and isfinite(step.started_at) and isfinite(step.finished_at))
                 or step.state in ('in_progress', 'complete', 'error') and step.claim_token is not null
                    and step.started_at < step.enqueued_at - v_grace
                 or step.finished_at < step.started_at - v_grace)
         ) as broken (invariant, is_broken)
   where step.step_id > v_first << 20
     and step.step_id < (v_last + 1) << 20
     and broken.is_broken;
end;
$$;

comment on function tasker._check_states is 'check_invariants: what must hold within a task''s row and within a step''s row.';
