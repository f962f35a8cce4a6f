create or replace function tasker.heartbeat (p_token uuid, p_lease interval default '30 seconds')
  returns table (lease_until timestamptz, cancelled_step_uuids uuid[])
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Extends a claim's lease from now on, and tells which of its steps were taken away meanwhile
-- (cancelled, or settled or taken back by an operator): stop working on these.
--
-- Returns  one row
-- Raises   TK001 when the claim does not exist any more, 22023 for a bad lease
-- Locks    the claim
-- Calls    _commit_soon
#variable_conflict use_column
declare
  v_claim tasker.claims%rowtype;
begin
  perform tasker._check_lease(p_lease);
  update tasker.claims as claim
     set lease_until = tasker._now() + p_lease
   where claim.token = p_token
  returning claim.* into v_claim;
  if not found then
    raise exception 'stale claim: the token holds nothing'
      using errcode = 'TK001',
            constraint = coalesce(
              (select case failure.error ->> 'type' when 'LeaseExpired' then 'lease_expired'
                                                    else 'settled' end
                 from tasker.step_failures as failure
                where failure.token = p_token and failure.lost
                limit 1), 'unknown'),
            detail  = format('token %s', coalesce(p_token::text, 'null')),
            hint    = 'Its lease ran out and its steps were taken back, '
                      'or all its steps are finished. Stop working on them.';
  end if;
  perform tasker._commit_soon(v_claim.lease_until);
  return query
  select v_claim.lease_until,
         array(select tasker._step_uuid(task.task_uuid, step.step_id)
                 from tasker.steps as step
                 join tasker.tasks as task on task.task_id = step.step_id >> 20
                where step.step_id = any (v_claim.step_ids)
                  and (step.claim_token is distinct from p_token or step.state <> 'in_progress')
                order by step.step_id);
end;
$$;

comment on function tasker.heartbeat is
'Extends a claim''s lease to p_lease from now (up to lease_seconds) and lists the steps of the claim that were cancelled, or settled or taken back by an operator, meanwhile. Raises TK001 when the claim is gone: its steps were taken back, stop working on them.';
