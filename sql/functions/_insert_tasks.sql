create or replace function tasker._insert_tasks (
  p_template     tasker.task_templates,
  p_contexts     jsonb[],
  p_hashes       uuid[],
  p_options      jsonb,
  p_now          timestamptz,
  out task_ids   bigint[],
  out task_uuids uuid[]
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Inserts task rows, leaving out those whose idempotency key is taken.
--
-- Returns  the tasks made, in the order of their contexts
-- Locks    waits for a transaction that is just using one of the keys
begin
  with wanted as materialized (
    select nextval('tasker.task_ids') as task_id, wanted.*
      from unnest(p_contexts, p_hashes) with ordinality as wanted (context, hash, position)
  ),
  made as (
    insert into tasker.tasks (
      task_id, task_uuid, created_at, template_id, priority, finalize_externally, open_sinks, run_at, context,
      idempotency_hash, idempotency_key, tags, initiator, source_system, reason
    )
    select wanted.task_id, tasker._new_task_uuid(wanted.task_id, p_now), p_now, p_template.template_id,
           case p_options ->> 'priority' when 'high' then 1 when 'low' then -1 else 0 end,
           p_template.finalize_externally, p_template.sink_count,
           (p_options ->> 'run_at')::timestamptz, wanted.context, wanted.hash,
           p_options -> 'idempotency_keys' ->> (wanted.position - 1)::integer,
           (select array_agg(tag) from jsonb_array_elements_text(p_options -> 'tags') as tag),
           p_options ->> 'initiator', p_options ->> 'source_system', p_options ->> 'reason'
      from wanted
     order by wanted.position
    on conflict (idempotency_hash) where idempotency_hash is not null do nothing
    returning task_id, task_uuid
  )
  select coalesce(array_agg(made.task_id order by made.task_id), '{}'),
         coalesce(array_agg(made.task_uuid order by made.task_id), '{}')
    into task_ids, task_uuids
    from made;
end;
$$;

comment on function tasker._insert_tasks is 'Inserts task rows, leaving out those whose idempotency key is taken. Returns the tasks made.';
