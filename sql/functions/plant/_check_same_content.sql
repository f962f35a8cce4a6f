create or replace function tasker._check_same_content (
  p_contexts jsonb[],
  p_hashes   uuid[],
  p_version  text
)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- A key that is used again must ask for the same task: the same context, and the version if one is
-- named.
--
-- Raises   TK008 naming the key and its task
declare
  v_other record;
begin
  select key.idempotency_key, task.task_uuid into v_other
    from unnest(p_contexts, p_hashes) as wanted (context, hash)
    join tasker.idempotency_keys as key on key.idempotency_hash = wanted.hash
    join tasker.tasks as task on task.task_id = key.task_id
    join tasker.task_templates as template on template.template_id = task.template_id
   where task.context <> wanted.context
      or template.version <> p_version
   limit 1;
  if found then
    raise exception 'the idempotency key was used with other content'
      using errcode = 'TK008',
            detail  = format('key %s made task %s',
                             quote_literal(v_other.idempotency_key), v_other.task_uuid),
            hint    = 'A key stands for one context. Use another key for another task.';
  end if;
end;
$$;

comment on function tasker._check_same_content is 'Refuses an idempotency key that is used again with other content. Raises TK008.';
