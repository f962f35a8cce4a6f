create or replace function tasker._expire_finalization_claims (p_now timestamptz)
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Removes finalization claims whose time is over, and says so in their attempts.
--
-- Locks    the claims (skipping locked ones)
begin
  with expired as (
    delete from tasker.finalization_claims as claim
     where claim.task_id = any (array(
             select old.task_id from tasker.finalization_claims as old
              where old.claimed_until < p_now for update skip locked))
    returning claim.attempt_uuid
  ), ended as (
    update tasker.finalization_attempts as attempt
       set ended_at = p_now, outcome = 'expired'
     where attempt.attempt_uuid in (select expired.attempt_uuid from expired)
    returning attempt.claimed_at
  )
  insert into tasker.finalization_events (at, event, seconds)
  select p_now, 'expired', extract(epoch from p_now - ended.claimed_at) from ended;
end;
$$;

comment on function tasker._expire_finalization_claims is 'Removes finalization claims whose time is over.';
