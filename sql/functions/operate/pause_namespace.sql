create or replace function tasker.pause_namespace (p_namespace text, p_reason text)
  returns table (paused boolean, changed boolean)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Stops handing out steps of a namespace. What runs goes on; what becomes ready waits in
-- its queues.
--
-- Returns  one row; changed is false when it was paused already
-- Raises   TK002, 22023 without a reason
-- Locks    the namespace
#variable_conflict use_column
declare
  v_namespace_id constant integer := tasker._namespace_id(p_namespace);
  v_now     constant timestamptz := tasker._now();
  v_changed boolean;
begin
  perform tasker._check_reason(p_reason);
  update tasker.namespaces
     set paused_at    = v_now,
         paused_by    = session_user,
         pause_reason = p_reason
   where namespace_id = v_namespace_id
     and paused_at is null;
  v_changed := found;
  if v_changed then
    perform tasker._operator('pause_namespace', p_namespace, p_reason, v_now);
  else
    perform tasker._namespace_id(p_namespace);  -- or was it dropped just now?
  end if;
  return query select true, v_changed;
end;
$$;

comment on function tasker.pause_namespace is
'Stops handing out steps of a namespace; running ones go on, ready ones wait in its queues. The reason is recorded. Safe to repeat. Raises TK002, 22023 (no reason).';
