create or replace function tasker._take_keys (p_hashes uuid[], p_keys text[], p_task_ids bigint[])
  returns bigint[]
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Takes idempotency keys for new tasks.
--
-- Returns  the tasks' ids, null where the key is taken already; all when there are no keys
-- Locks    waits for a transaction that is just using one of the keys
begin
  if p_hashes is null then
    return p_task_ids;
  end if;
  with taken as (
    insert into tasker.idempotency_keys (idempotency_hash, idempotency_key, task_id)
    select wanted.hash, wanted.key, wanted.task_id
      from unnest(p_hashes, p_keys, p_task_ids) as wanted (hash, key, task_id)
     order by wanted.hash
    on conflict (idempotency_hash) do nothing
    returning task_id
  )
  select array(select case when wanted.task_id in (select taken.task_id from taken)
                           then wanted.task_id end
                 from unnest(p_task_ids) with ordinality as wanted (task_id, position)
                order by wanted.position)
    into p_task_ids;
  return p_task_ids;
end;
$$;

comment on function tasker._take_keys is 'Takes idempotency keys for new tasks. Returns their ids, null where the key is taken already.';
