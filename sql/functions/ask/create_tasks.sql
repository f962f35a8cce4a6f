create or replace function tasker.create_tasks (
  p_namespace text,
  p_name      text,
  p_contexts  jsonb[],
  p_options   jsonb default '{}'
)
  returns table (task_uuid uuid, created boolean)
  language plpgsql
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set enable_bitmapscan = off
  set jit = off
as $$
-- Creates a task for each context, set-wise: tasks, steps, messages for the first steps, history.
--
-- Returns  one row per context, in order; created is false where an idempotency key was known
-- Raises   TK002 unknown template, TK006 too large, TK008 same key with another context,
--          22023 bad argument
-- Locks    an idempotency key that another transaction is just using
-- Calls    _template, _check_contexts, _plant; with options _task_options, _idempotency_keys,
--          _idempotency_hashes, _take_keys, _check_same_content
#variable_conflict use_column
declare
  v_now      constant timestamptz := tasker._now();
  v_template tasker.task_templates%rowtype;
  v_keys     text[];
  v_hashes   uuid[];
  v_ids      bigint[];
  v_tasks    record;
begin
  p_options := coalesce(p_options, '{}');
  if p_options <> '{}' then
    p_options := case when jsonb_typeof(p_options) = 'object' then jsonb_strip_nulls(p_options)
                      else p_options end;
    perform tasker._task_options(p_options);
  end if;
  v_template := tasker._template(p_namespace, p_name, p_options ->> 'version');
  perform tasker._check_contexts(p_contexts, v_template.input_schema);
  v_ids := array(select nextval('tasker.task_ids') from unnest(p_contexts));
  if p_options <> '{}' then
    v_keys   := tasker._idempotency_keys(p_options, cardinality(p_contexts));
    v_hashes := tasker._idempotency_hashes(p_namespace, p_name, v_keys);
    v_ids    := tasker._take_keys(v_hashes, v_keys, v_ids);
  end if;

  v_tasks := tasker._plant(v_template, v_ids, p_contexts, p_options, v_now);
  if cardinality(v_tasks.task_ids) < cardinality(p_contexts) then
    perform tasker._check_same_content(p_contexts, v_hashes, p_options ->> 'version');
    return query
    select task.task_uuid,
           task.task_id = any (v_tasks.task_ids)
             and wanted.position = array_position(v_hashes, wanted.hash)
      from unnest(v_hashes) with ordinality as wanted (hash, position)
      join tasker.idempotency_keys as key on key.idempotency_hash = wanted.hash
      join tasker.tasks as task on task.task_id = key.task_id
     order by wanted.position;
  else
    return query select task_uuid, true from unnest(v_tasks.task_uuids) as task_uuid;
  end if;
end;
$$;

comment on function tasker.create_tasks is
'Creates a task for each context (JSON objects, up to tasks_per_call) in the caller''s transaction and answers in the same order. Options as create_task, with idempotency_keys (an array, one key for each context) instead of idempotency_key; one that is null is as if it were not there. Raises TK002, TK006, TK008, 22023; then none of the tasks is made.';
