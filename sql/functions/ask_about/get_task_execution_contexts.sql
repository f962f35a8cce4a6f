create or replace function tasker.get_task_execution_contexts (p_task_uuids uuid[])
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
-- How several tasks stand; the same words as get_task_execution_context, from the same code.
--
-- Returns  one row per element of p_task_uuids, in its order
-- Raises   TK002 when one of them does not exist, 22023 for a null or more than rows_per_call
-- Calls    _check_count, _task_id, _execution_contexts
#variable_conflict use_column
declare
  v_task_ids bigint[];
begin
  perform tasker._check_count(cardinality(p_task_uuids), 0, 'rows_per_call');
  v_task_ids := array(select tasker._task_id(wanted) from unnest(p_task_uuids) as wanted);
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
    from unnest(v_task_ids) with ordinality as wanted (task_id, position)
    join tasker._execution_contexts(v_task_ids) as task on task.task_id = wanted.task_id
   order by wanted.position;
end;
$$;

comment on function tasker.get_task_execution_contexts is
'How several tasks (up to rows_per_call) stand, in the order asked for; columns and words as get_task_execution_context. Raises TK002 (one of them is unknown), 22023 (null, or too many).';
