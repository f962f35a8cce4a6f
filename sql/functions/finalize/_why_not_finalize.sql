create or replace function tasker._why_not_finalize (
  p_task  tasker.tasks,
  p_claim tasker.finalization_claims,
  p_now   timestamptz
)
  returns text
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Why a processor cannot claim a task to finalize it.
--
-- Returns  not_found, already_complete, not_ready or already_claimed; null when it can
-- Calls    _is_active
begin
  return case
    when p_task.task_id is null then 'not_found'
    when p_task.finished_at is not null then 'already_complete'
    when p_task.open_sinks > 0
         and (p_task.state <> 'blocked_by_failures' or tasker._is_active(p_task.task_id))
      then 'not_ready'
    when p_claim.claimed_until >= p_now then 'already_claimed'
  end;
end;
$$;

comment on function tasker._why_not_finalize is 'Why a processor cannot claim a task to finalize it; null when it can.';
