create or replace function tasker.release_finalization_claim (p_finalization_attempt_uuid uuid)
  returns table (task_uuid uuid, task_state text, released boolean)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Gives a finalization claim back without finalizing. The task stays listed as unfinalized, so
-- a processor that was refused meanwhile finds it again: nothing is lost when the holder gives up.
--
-- Returns  one row, released = false when it was released before; no rows for an unknown attempt
-- Locks    the claim
#variable_conflict use_column
declare
  v_now constant timestamptz := tasker._now();
begin
  delete from tasker.finalization_claims as claim
   where claim.attempt_uuid = p_finalization_attempt_uuid;
  with released as (
    update tasker.finalization_attempts as attempt
       set ended_at = v_now, outcome = 'released'
     where attempt.attempt_uuid = p_finalization_attempt_uuid
       and attempt.outcome is null
    returning attempt.claimed_at
  )
  insert into tasker.finalization_events (at, event, seconds)
  select v_now, 'released', extract(epoch from v_now - released.claimed_at) from released;
  return query
  select task.task_uuid, task.state::text, attempt.ended_at = v_now and attempt.outcome = 'released'
    from tasker.finalization_attempts as attempt
    join tasker.tasks as task on task.task_id = attempt.task_id
   where attempt.attempt_uuid = p_finalization_attempt_uuid;
end;
$$;

comment on function tasker.release_finalization_claim is
'Gives a finalization claim back without finalizing; others may claim the task at once. Safe to repeat (released = false then). No rows for an unknown attempt.';
