create or replace function tasker._sweep_claims (p_limit integer, p_now timestamptz)
  returns integer
  language plpgsql
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5ms'
as $$
-- Takes back claims whose lease ran out: their steps go back into the queue, or into error when
-- that was their last attempt. One guarded statement a claim: a poisoned one stops nothing.
--
-- Returns  how many claims were taken back
-- Locks    each claim (skipping locked ones), its steps, their tasks; waits for none longer
--          than 5 ms
-- Calls    _take_back
declare
  v_token uuid;
  v_count integer := 0;
begin
  for v_token in
    select claim.token
      from tasker.claims as claim
     where claim.lease_until < p_now
     order by claim.lease_until
  loop
    exit when v_count >= p_limit;  -- those that somebody holds do not count
    begin
      v_count := v_count + tasker._take_back(v_token, p_now);
    exception
      when lock_not_available or serialization_failure then
        null;  -- somebody is at it; the next sweep looks again
      when others then
        raise warning 'tasker.sweep: claim % was not taken back: % (%)', v_token, sqlerrm, sqlstate;
    end;
  end loop;
  return v_count;
end;
$$;

comment on function tasker._sweep_claims is 'Takes back claims whose lease ran out. Returns how many.';
