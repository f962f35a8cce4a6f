create or replace function tasker.resume_namespace (p_namespace text, p_reason text)
  returns table (paused boolean, changed boolean)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Hands out steps of a namespace again.
--
-- Returns  one row; changed is false when it was running already
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
     set paused_at    = null,
         paused_by    = null,
         pause_reason = null
   where namespace_id = v_namespace_id
     and paused_at is not null;
  v_changed := found;
  if v_changed then
    perform tasker._operator('resume_namespace', p_namespace, p_reason, v_now);
  else
    perform tasker._namespace_id(p_namespace);  -- or was it dropped just now?
  end if;
  return query select false, v_changed;
end;
$$;

comment on function tasker.resume_namespace is
'Hands out steps of a paused namespace again. The reason is recorded. Safe to repeat. Raises TK002, 22023 (no reason).';
