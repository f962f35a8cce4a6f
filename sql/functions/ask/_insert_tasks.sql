create or replace function tasker._insert_tasks (
  p_template     tasker.task_templates,
  p_contexts     jsonb[],
  p_keys         text[],
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
declare
  v_ids bigint[] := array(select nextval('tasker.task_ids') from unnest(p_contexts));
begin
  if p_hashes is not null then
    with taken as (
      insert into tasker.idempotency_keys (idempotency_hash, idempotency_key, task_id)
      select wanted.hash, wanted.key, wanted.task_id
        from unnest(p_hashes, p_keys, v_ids) as wanted (hash, key, task_id)
       order by wanted.hash
      on conflict (idempotency_hash) do nothing
      returning task_id
    )
    select array(select case when wanted.task_id in (select taken.task_id from taken)
                             then wanted.task_id end
                   from unnest(v_ids) with ordinality as wanted (task_id, position)
                  order by wanted.position)
      into v_ids;
  end if;

  with made as (
    insert into tasker.tasks (
      task_id, task_uuid, created_at, template_id, priority, finalize_externally, open_sinks,
      run_at, context, tags, initiator, source_system, reason
    )
    select wanted.task_id,
           tasker._new_task_uuid(wanted.task_id, p_now),
           p_now,
           p_template.template_id,
           case p_options ->> 'priority' when 'high' then 1 when 'low' then -1 else 0 end,
           p_template.finalize_externally,
           p_template.sink_count,
           (p_options ->> 'run_at')::timestamptz,
           wanted.context,
           (select array_agg(tag) from jsonb_array_elements_text(p_options -> 'tags') as tag),
           p_options ->> 'initiator',
           p_options ->> 'source_system',
           p_options ->> 'reason'
      from unnest(v_ids, p_contexts) as wanted (task_id, context)
     where wanted.task_id is not null
    returning task_id, task_uuid
  )
  select coalesce(array_agg(made.task_id order by made.task_id), '{}'),
         coalesce(array_agg(made.task_uuid order by made.task_id), '{}')
    into task_ids, task_uuids
    from made;
end;
$$;

comment on function tasker._insert_tasks is 'Inserts task rows, leaving out those whose idempotency key is taken. Returns the tasks made.';
