create or replace function tasker.await_work (
  p_namespaces text[],
  p_worker     text,
  p_for        interval default '5 seconds'
)
  returns table (namespace text, channel text)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Registers a worker as idle for a while: the next call that enqueues work in one of the namespaces
-- notifies its channel, once. LISTEN first, register, claim once more (work may have come in
-- between), then wait; and poll every second or so all the same, for a notification is only a hint.
--
-- Returns  the channel of each namespace
-- Raises   22023 bad worker, names or duration; TK002 unknown namespace
#variable_conflict use_column
begin
  perform tasker._check_worker(p_worker);
  p_for := coalesce(p_for, '5 seconds');
  perform tasker._check_lease(p_for);
  perform tasker._check_count(cardinality(p_namespaces), 1, 'rows_per_call');
  insert into tasker.waiters (namespace_id, worker, until)
  select tasker._namespace_id(name), p_worker, tasker._now() + p_for
    from unnest(p_namespaces) as name;
  return query select name, 'tasker_' || name from unnest(p_namespaces) as name;
end;
$$;

comment on function tasker.await_work is
'Registers an idle worker for p_for (up to lease_seconds): the next call that enqueues work in one of the namespaces notifies its channel (tasker_<namespace>) once. LISTEN first, then register, then claim once more, then wait; keep polling every second, for a notification is only a hint. Raises 22023 (bad argument), TK002 (unknown namespace).';
