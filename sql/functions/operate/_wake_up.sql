create or replace function tasker._wake_up (p_step_id bigint, p_reason text, p_now timestamptz)
  returns boolean
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Enqueues a step before its time that sleeps, or that is to be asked for its condition.
--
-- Returns  whether it is such a step
-- Locks    nothing: the caller holds the step
-- Calls    _enqueue_due
begin
  if not exists (select from tasker.steps as step
                   join tasker.waits as wait on wait.step_id = step.step_id
                  where step.step_id = p_step_id
                    and step.state = 'waiting'
                    and wait.kind in ('sleep', 'condition')) then
    return false;
  end if;
  delete from tasker.alarms as alarm where alarm.step_id = p_step_id and alarm.kind = 'check';
  perform tasker._enqueue_due(array[p_step_id], session_user::text, p_reason, p_now);
  return true;
end;
$$;

comment on function tasker._wake_up is 'Enqueues a step before its time that sleeps, or is to be asked for its condition. Returns whether it is such a step.';
