create or replace function tasker.await_work (
  p_namespaces text[],
  p_worker     text,
  p_for        interval default '5 seconds'
)
  returns table (namespace text, channel text)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Registers a worker as idle for a while: a call that enqueues work in one of the namespaces
-- notifies the worker that registered last, once, on a channel of its own. LISTEN first, register,
-- claim once more (work may have come in between), then wait; and poll every second or so all the
-- same, for a notification is only a hint.
--
-- Returns  the worker's channel, for each namespace
-- Raises   22023 bad worker, names or duration; TK002 unknown namespace
-- Calls    _check_worker, _check_lease, _check_count, _namespace_id, _register, _channel
#variable_conflict use_column
declare
  v_for constant interval := coalesce(p_for, '5 seconds');
begin
  perform tasker._check_worker(p_worker);
  perform tasker._check_lease(v_for);
  perform tasker._check_count(cardinality(p_namespaces), 1, 'rows_per_call');
  perform tasker._register(tasker._namespace_id(name), p_worker, v_for, tasker._now())
     from unnest(p_namespaces) as name;
  return query select name, tasker._channel(p_worker) from unnest(p_namespaces) as name;
end;
$$;

comment on function tasker.await_work is
'Registers an idle worker for p_for (up to lease_seconds; null: 5 seconds): a call that enqueues work in one of the namespaces notifies the worker that registered last, once, on a channel of its own: tasker_ and the first 12 digits of the md5 of its name. LISTEN first, then register, then claim once more, then wait; keep polling every second, for a notification is only a hint. Raises 22023 (bad argument), TK002 (unknown namespace).';
