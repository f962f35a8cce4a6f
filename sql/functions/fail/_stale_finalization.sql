create or replace function tasker._stale_finalization (p_attempt_uuid uuid, p_detail text)
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Refuses a call of a processor whose finalization claim is not there any more, or never was; the
-- field `constraint` says why.
--
-- Raises   TK001
declare
  v_outcome constant text := (
    select attempt.outcome from tasker.finalization_attempts as attempt
     where attempt.attempt_uuid = p_attempt_uuid);
begin
  raise exception 'stale finalization claim'
    using errcode = 'TK001',
          constraint = case when v_outcome = 'expired' then 'lease_expired'
                            when v_outcome in ('released', 'finalized') then 'finished'
                            else 'unknown' end,
          detail = format('attempt %s: %s', coalesce(p_attempt_uuid::text, 'null'), p_detail),
          hint = 'Stop finalizing. tasker.past_finalization_attempts shows how each claim ended.';
end;
$$;

comment on function tasker._stale_finalization is 'Refuses a call whose finalization claim is gone (TK001), saying in the field constraint why.';
