create or replace function tasker._end_waits (
  p_step_ids  bigint[],
  p_now       timestamptz,
  out ids     bigint[],
  out changes tasker.transition[]
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Ends those of some waiting steps whose wait is over, and all that follows.
--
-- Returns  the changes to record
-- Locks    children, then tasks, each in id order; the caller holds the steps
-- Calls    _close_waits, _advance_rarely
declare
  v_over record;
  v_log  record;
begin
  v_over  := tasker._close_waits(p_step_ids, p_now);
  ids     := v_over.ids;
  changes := v_over.changes;
  if ids <> '{}' then
    v_log   := tasker._advance_rarely(ids, null, null, null, null, null, v_over.failed, p_now,
                                      v_over.gated);
    ids     := ids || v_log.ids;
    changes := changes || v_log.changes;
  end if;
end;
$$;

comment on function tasker._end_waits is 'Ends those of some waiting steps whose wait is over, and all that follows. Returns the changes to record.';
