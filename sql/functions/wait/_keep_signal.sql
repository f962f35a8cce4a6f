create or replace function tasker._keep_signal (
  p_task_id bigint,
  p_step_id bigint,
  p_name    text,
  p_value   jsonb,
  p_options jsonb
)
  returns tasker.signals
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Keeps a signal, and ends the wait of the step that takes it (p_step_id, null: it is stored), if
-- it wants no more.
--
-- Returns  the signal
-- Locks    what follows from the end of the step, which the caller holds
-- Calls    _end_waits, _record
declare
  v_now    constant timestamptz := tasker._now();
  v_by     constant text := coalesce(p_options ->> 'initiator', session_user);
  v_signal tasker.signals%rowtype;
  v_log    record;
begin
  insert into tasker.signals as signal (
    task_id, name, signal_key, value, sent_by, sent_at, reason, delivered_to, taken_by
  )
  values (p_task_id, p_name, p_options ->> 'key', p_value, v_by, v_now, p_options ->> 'reason',
          p_step_id, p_step_id)
  returning signal.* into v_signal;
  if p_step_id is not null then
    v_log := tasker._end_waits(array[p_step_id], v_now);
    perform tasker._record(v_log.ids, v_log.changes, v_by, p_options ->> 'reason', v_now);
  end if;
  return v_signal;
end;
$$;

comment on function tasker._keep_signal is 'Keeps a signal, and ends the wait that takes it. Returns the signal.';
