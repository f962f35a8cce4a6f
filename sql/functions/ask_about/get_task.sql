create or replace function tasker.get_task (p_task_uuid uuid)
  returns table (
    task_uuid uuid, namespace text, name text, version text, state text, paused boolean,
    paused_at timestamptz, paused_by text, pause_reason text, priority text, context jsonb,
    tags text[], initiator text, source_system text, reason text, finalize_externally boolean,
    created_at timestamptz, run_at timestamptz, started_at timestamptz, finished_at timestamptz,
    total_steps integer, pending_steps integer, in_progress_steps integer, completed_steps integer,
    failed_steps integer, ready_steps integer, enqueued_steps integer,
    waiting_for_retry_steps integer, cancelled_steps integer, execution_status text,
    recommended_action text, completion_percentage numeric, health_status text,
    deadline timestamptz
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Everything about one task.
--
-- Returns  one row
-- Raises   TK002 unknown task, 22023 null
-- Calls    _task_id, _execution_contexts, _priority_name
#variable_conflict use_column
declare
  v_task_id constant bigint := tasker._task_id(p_task_uuid);
begin
  return query
  select task.task_uuid,
         namespace.name,
         template.name,
         template.version,
         task.state::text,
         counts.paused,
         coalesce(task.paused_at, template.paused_at, namespace.paused_at),
         coalesce(task.paused_by, template.paused_by, namespace.paused_by),
         coalesce(task.pause_reason, template.pause_reason, namespace.pause_reason),
         tasker._priority_name(task.priority),
         task.context,
         coalesce(task.tags, '{}'),
         task.initiator,
         task.source_system,
         task.reason,
         task.finalize_externally,
         task.created_at,
         task.run_at,
         task.started_at,
         task.finished_at,
         counts.total_steps,
         counts.pending_steps,
         counts.in_progress_steps,
         counts.completed_steps,
         counts.failed_steps,
         counts.ready_steps,
         counts.enqueued_steps,
         counts.waiting_for_retry_steps,
         counts.cancelled_steps,
         counts.execution_status,
         counts.recommended_action,
         counts.completion_percentage,
         counts.health_status,
         task.deadline
    from tasker.tasks as task
    join tasker.task_templates as template on template.template_id = task.template_id
    join tasker.namespaces as namespace on namespace.namespace_id = template.namespace_id
    join tasker._execution_contexts(array[v_task_id]) as counts on counts.task_id = task.task_id
   where task.task_id = v_task_id;
end;
$$;

comment on function tasker.get_task is
'Everything about one task: what it is, what it was given, how it stands. paused is true when the task, its template or its namespace is paused; paused_at, paused_by and pause_reason then say when, by whom and why. The counts and words are those of get_task_execution_context. deadline is by when it is to be done, if ever. Raises TK002 (unknown task), 22023 (null).';
