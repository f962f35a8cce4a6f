create or replace function tasker._settle_request (
  p_token         uuid,
  p_lease_until   timestamptz,
  p_step_ids      bigint[],
  p_answers_token uuid,
  p_answers_step  bigint
)
  returns void
  language sql
  set search_path = pg_catalog, pg_temp
as $$
-- Fills the claim that a new request got, or takes it away: nothing was there (p_step_ids null).
update tasker.claims as claim
   set lease_until   = p_lease_until,
       step_ids      = p_step_ids,
       answers_token = p_answers_token,
       answers_step  = p_answers_step
 where claim.token = p_token
   and p_step_ids is not null;
delete from tasker.claims as claim
 where claim.token = p_token
   and p_step_ids is null;
$$;

comment on function tasker._settle_request is 'Fills the claim that a new request got, or takes it away.';
