create or replace function tasker._take_out (
  p_token         uuid,
  p_step_ids      bigint[],
  out worker      text,
  out lease_until timestamptz
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Takes finished steps (p_step_ids, in order, as in the claim) out of their claim; the last ones
-- take the claim with them.
--
-- Returns  the worker that held them, and until when; null when the claim does not hold all of
--          them (any more)
-- Locks    the claim
begin
  delete from tasker.claims as claim
   where claim.token = p_token
     and claim.step_ids = p_step_ids
  returning claim.worker, claim.lease_until into worker, lease_until;
  if found then
    return;
  end if;

  -- Some stay: those that nobody named and that are still in this claim's hands (a cancelled step
  -- is not).
  update tasker.claims as claim
     set step_ids = array(select step.step_id
                            from tasker.steps as step
                           where step.step_id = any (claim.step_ids)
                             and step.step_id <> all (p_step_ids)
                             and step.claim_token = p_token
                             and step.state = 'in_progress'
                           order by step.step_id)
   where claim.token = p_token
     and p_step_ids <@ claim.step_ids
  returning claim.worker, claim.lease_until into worker, lease_until;
  if found then
    delete from tasker.claims as claim where claim.token = p_token and claim.step_ids = '{}';
  end if;
end;
$$;

comment on function tasker._take_out is 'Takes finished steps out of their claim and deletes it with the last. Null: the claim does not hold them.';
