create or replace function tasker._execution_contexts (p_task_ids bigint[])
  returns table (
    task_id                 bigint,
    task_uuid               uuid,
    status                  text,
    total_steps             integer,
    pending_steps           integer,
    in_progress_steps       integer,
    completed_steps         integer,
    failed_steps            integer,
    ready_steps             integer,
    enqueued_steps          integer,
    execution_status        text,
    recommended_action      text,
    completion_percentage   numeric,
    health_status           text,
    waiting_for_retry_steps integer,
    cancelled_steps         integer,
    paused                  boolean
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- How these tasks stand, in counts and in words. Failures come first: blocked and ready at once is
-- blocked.
--
-- Returns  one row per task that exists
-- Calls    _readiness, _satisfies
#variable_conflict use_column
begin
  return query
  with counted as (
    select tasker._task_of(step.step_id) as task_id,
           count(*)::integer as total,
           (count(*) filter (where step.current_state = 'pending'))::integer as pending,
           (count(*) filter (where step.current_state = 'in_progress'))::integer as running,
           (count(*) filter (where tasker._satisfies(step.current_state)))::integer as done,
           (count(*) filter (where step.current_state = 'error'))::integer as failed,
           (count(*) filter (where step.ready_for_execution))::integer as ready,
           (count(*) filter (where step.current_state = 'enqueued'))::integer as enqueued,
           (count(*) filter (where step.current_state = 'waiting_for_retry'))::integer as waiting,
           (count(*) filter (where step.current_state = 'cancelled'))::integer as cancelled,
           bool_or(step.last_failure_at is not null
                   and step.current_state in ('enqueued', 'in_progress', 'waiting_for_retry')
           ) as recovers
      from tasker._readiness(p_task_ids) as step
     group by 1
  ),
  judged as (
    select counted.*,
           task.task_uuid,
           task.state,
           task.paused_at is not null
           or template.paused_at is not null
           or namespace.paused_at is not null as paused,
           case when task.state in ('complete', 'cancelled', 'resolved_manually')
                then 'all_complete'
                when counted.failed > 0 then 'blocked_by_failures'
                when counted.done = counted.total then 'all_complete'
                when counted.ready > 0 then 'has_ready_steps'
                when counted.running > 0 then 'processing'
                else 'waiting_for_dependencies' end as standing
      from counted
      join tasker.tasks as task on task.task_id = counted.task_id
      join tasker.task_templates as template on template.template_id = task.template_id
      join tasker.namespaces as namespace on namespace.namespace_id = template.namespace_id
  )
  select judged.task_id,
         judged.task_uuid,
         judged.state::text,
         judged.total,
         judged.pending,
         judged.running,
         judged.done,
         judged.failed,
         judged.ready,
         judged.enqueued,
         judged.standing,
         case when judged.state in ('complete', 'cancelled', 'resolved_manually') then null
              when judged.standing = 'blocked_by_failures' then 'handle_failures'
              when judged.standing = 'all_complete' then 'finalize_task'
              when judged.standing = 'has_ready_steps' then 'execute_ready_steps'
              when judged.standing = 'processing' then 'wait_for_completion'
              else 'wait_for_dependencies' end,
         round(100.0 * judged.done / judged.total, 2),
         case when judged.standing = 'blocked_by_failures' then 'blocked'
              when judged.recovers then 'recovering'
              else 'healthy' end,
         judged.waiting,
         judged.cancelled,
         judged.paused
    from judged;
end;
$$;

comment on function tasker._execution_contexts is 'How these tasks stand, in counts and in words; the single and the set form of the question are made of it.';
