create or replace function tasker._claim_again (
  p_place         tasker.place,
  p_wanted        tasker.wanted,
  p_now           timestamptz,
  out token       uuid,
  out lease_until timestamptz,
  out step_ids    bigint[]
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- A claim that may be repeated: a call with the same request answers the claim that the first one
-- made. A new request gets an empty claim, before anything is taken for it, so that of two calls at
-- once the second waits here for the first; _settle_request fills it or takes it away.
--
-- Returns  the claim that there is; of a new one only the token, step_ids null
-- Locks    the request
begin
  if p_wanted.most > 0 then
    insert into tasker.claims (
      token, namespace_id, worker, claimed_at, lease_until, step_ids, request
    )
    values (
      gen_random_uuid(), p_place.namespace_id, p_wanted.worker, p_now, p_now, '{}', p_wanted.request
    )
    on conflict (request) where request is not null do nothing
    returning claims.token into token;
    if found then
      return;
    end if;
  end if;
  select claim.token, claim.lease_until, claim.step_ids into token, lease_until, step_ids
    from tasker.claims as claim
   where claim.request = p_wanted.request;
end;
$$;

comment on function tasker._claim_again is 'The claim that a request has made; for a new request an empty one.';
