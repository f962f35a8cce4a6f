create or replace function tasker.create_task (
  p_namespace text,
  p_name      text,
  p_context   jsonb default '{}',
  p_options   jsonb default '{}'
)
  returns table (task_uuid uuid, created boolean)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Creates one task in the caller's transaction.
--
-- Returns  one row; created is false when the idempotency key has made this task before
-- Raises   as create_tasks
-- Calls    _check_depth, create_tasks
#variable_conflict use_column
begin
  if p_options <> '{}' then
    perform tasker._check_depth(p_options, 'the object of options');
  end if;
  return query
  select task.task_uuid, task.created
    from tasker.create_tasks(
           p_namespace => p_namespace,
           p_name      => p_name,
           p_contexts  => array[coalesce(p_context, '{}')],
           p_options   => case when jsonb_typeof(p_options -> 'idempotency_key') <> 'null'
                               then (p_options - 'idempotency_key')
                                    || jsonb_build_object(
                                         'idempotency_keys',
                                         array[p_options -> 'idempotency_key'])
                               else p_options end
         ) as task;
end;
$$;

comment on function tasker.create_task is
'Creates a task of a template with a JSON object as context, in the caller''s transaction: it exists when you commit. Options: version (default: highest), idempotency_key (a repeated call with the key and context returns the same task with created = false), priority (high, normal, low), run_at (ISO 8601 with zone), deadline (such a time, or a duration from when it begins; in place of its template''s), tags, initiator, source_system, reason; null is as if it were not there. Raises TK002 (unknown namespace, template or version), TK006 (over one of list_limits), TK008 (same key, other context), 22023 (bad option, or a context that the input_schema refuses).';
