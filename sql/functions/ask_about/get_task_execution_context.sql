create or replace function tasker.get_task_execution_context (p_task_uuid uuid)
  returns table (
    task_uuid uuid, status text, total_steps integer, pending_steps integer,
    in_progress_steps integer, completed_steps integer, failed_steps integer, ready_steps integer,
    enqueued_steps integer, execution_status text, recommended_action text,
    completion_percentage numeric, health_status text, waiting_for_retry_steps integer,
    cancelled_steps integer, paused boolean
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- How a task stands, in counts and in words.
--
-- Returns  one row
-- Raises   TK002 unknown task, 22023 null
-- Calls    _task_id, _execution_contexts
#variable_conflict use_column
begin
  return query
  select task.task_uuid,
         task.status,
         task.total_steps,
         task.pending_steps,
         task.in_progress_steps,
         task.completed_steps,
         task.failed_steps,
         task.ready_steps,
         task.enqueued_steps,
         task.execution_status,
         task.recommended_action,
         task.completion_percentage,
         task.health_status,
         task.waiting_for_retry_steps,
         task.cancelled_steps,
         task.paused
    from tasker._execution_contexts(array[tasker._task_id(p_task_uuid)]) as task;
end;
$$;

comment on function tasker.get_task_execution_context is
'How a task stands. completed_steps are complete, resolved_manually or skipped; ready_steps may be handed to a worker now. execution_status: blocked_by_failures (a step failed for good, whatever else may run), all_complete, has_ready_steps, processing, waiting_for_dependencies (or for a timer, or paused). recommended_action: handle_failures, finalize_task, execute_ready_steps, wait_for_completion, wait_for_dependencies; null when the task is complete, cancelled or resolved. health_status: blocked, recovering (something runs again after a failure), healthy. Raises TK002 (unknown task), 22023 (null).';
