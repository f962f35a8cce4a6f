create or replace function tasker._let_go (p_token uuid, p_step_ids bigint[])
  returns text
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Takes finished steps (p_step_ids, in order, as in the claim) out of their claim; the last ones
-- take the claim with them.
--
-- Returns  the worker that held them; null when the claim does not hold all of them (any more)
-- Locks    the claim
-- Calls    _commit_soon
declare
  v_worker text;
  v_until  timestamptz;
begin
  delete from tasker.claims as claim
   where claim.token = p_token
     and claim.step_ids = p_step_ids
  returning claim.worker, claim.lease_until into v_worker, v_until;
  if found then
    perform tasker._commit_soon(v_until);
    return v_worker;
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
  returning claim.worker, claim.lease_until into v_worker, v_until;
  delete from tasker.claims as claim where claim.token = p_token and claim.step_ids = '{}';
  perform tasker._commit_soon(v_until);
  return v_worker;
end;
$$;

comment on function tasker._let_go is 'Takes finished steps out of their claim and deletes it with the last. Null: the claim does not hold them.';
