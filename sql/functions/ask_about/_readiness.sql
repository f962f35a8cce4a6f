create or replace function tasker._readiness (p_task_ids bigint[])
  returns table (
    step_id                 bigint,
    name                    text,
    current_state           tasker.step_state,
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
  set enable_seqscan = off
  set jit = off
as $$
-- What stands between each step of these tasks and its next attempt. Parents are counted by their
-- own states, not by the engine's counters, so that the answer can be compared with them.
--
-- Returns  one row per step
-- Calls    _satisfies
#variable_conflict use_column
begin
  return query
  with step as materialized (
    select step.step_id, tasker._step_no(step.step_id) as step_no, step.template_id,
           step.state, step.attempt, step.started_at,
           tasker._satisfies(step.state)
             or template.gated and step.finished_at is not null as is_behind,
           task.finished_at is null as is_open,
           task.paused_at is not null or template.paused_at is not null as paused
      from tasker.tasks as task
      join tasker.task_templates as template on template.template_id = task.template_id
      join tasker.steps as step
        on step.step_id > tasker._id_of_task(task.task_id)
       and step.step_id < tasker._id_of_task(task.task_id + 1)
     where task.task_id = any (p_task_ids)
  ),
  up as materialized (
    select step.step_id, count(*)::integer as completed
      from step
      join tasker.template_steps as link
        on link.template_id = step.template_id
       and link.step_no = step.step_no
     cross join unnest(link.parents) as parent_no
      join step as parent on parent.step_id = step.step_id - step.step_no + parent_no
     where parent.is_behind
     group by step.step_id
  ),
  known as (
    select step.step_id,
           link.name,
           step.state,
           cardinality(link.parents) as parents,
           coalesce(up.completed, 0) as completed,
           step.state in ('pending', 'enqueued', 'waiting_for_retry') and step.is_open as waits,
           step.attempt < link.max_attempts as may_try,
           step.attempt::integer as attempt,
           link.max_attempts::integer as max_attempts,
           step.paused or namespace.paused_at is not null as paused,
           timer.due_at, step.started_at, failure.failed_at, failure.next_at
      from step
      join tasker.template_steps as link
        on link.template_id = step.template_id
       and link.step_no = step.step_no
      join tasker.namespaces as namespace on namespace.namespace_id = link.namespace_id
      left join up on up.step_id = step.step_id
      left join tasker.timers as timer on timer.step_id = step.step_id
      left join lateral (
           select failure.failed_at, failure.next_retry_at as next_at
             from tasker.step_failures as failure
            where failure.step_id = step.step_id
            order by failure.failed_at desc, failure.failure_id desc
            limit 1
           ) as failure on true
  )
  select known.step_id,
         known.name,
         known.state,
         known.completed = known.parents,
         (known.waits or known.state = 'in_progress') and known.may_try,
         known.waits and known.may_try and known.completed = known.parents and not known.paused
           and coalesce(known.due_at <= tasker._now(), true),
         known.failed_at,
         case when known.state = 'waiting_for_retry' then known.due_at end,
         known.parents,
         known.completed,
         known.attempt,
         known.max_attempts,
         round(extract(epoch from known.next_at - known.failed_at), 3),
         coalesce(known.started_at, known.failed_at),
         known.paused
    from known
   order by known.step_id;
end;
$$;

comment on function tasker._readiness is 'What stands between each step of these tasks and its next attempt; get_step_readiness_status and get_task_execution_context(s) are made of it.';
