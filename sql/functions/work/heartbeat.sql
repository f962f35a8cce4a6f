create or replace function tasker.heartbeat (
  p_token      uuid,
  p_lease      interval default '30 seconds',
  p_step_uuids uuid[]   default null
)
  returns table (
    lease_until          timestamptz,
    cancelled_step_uuids uuid[],
    finished_step_uuids  uuid[],
    lost_step_uuids      uuid[],
    lease_seconds        double precision
  )
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Extends a claim's lease from now on, and says which of its steps to stop working on. With
-- p_step_uuids it says so of each of these, and is not refused when the claim is gone.
--
-- Returns  one row; no lease when the claim is gone
-- Raises   TK001 when the claim is gone and no steps are named, 22023 for a bad lease or too many
--          steps
-- Locks    the claim
-- Calls    _lease_until, _commit_by, _fates
#variable_conflict use_column
declare
  v_lease constant interval := coalesce(p_lease, '30 seconds');
  v_now   constant timestamptz := tasker._now();
  v_claim tasker.claims%rowtype;
begin
  perform tasker._check_lease(v_lease);
  perform tasker._check_count(coalesce(cardinality(p_step_uuids), 0), 0, 'steps_per_call');
  update tasker.claims as claim
     set lease_until = tasker._lease_until(claim.token, claim.step_ids, v_now + v_lease)
   where claim.token = p_token
  returning claim.* into v_claim;
  if found then
    perform tasker._commit_by(v_claim.lease_until, v_now);
  elsif p_step_uuids is null then
    raise exception 'stale claim: the token holds nothing'
      using errcode = 'TK001',
            constraint = coalesce(
              (select case failure.error ->> 'type' when 'LeaseExpired' then 'lease_expired'
                                                    else 'settled' end
                 from tasker.step_failures as failure
                where failure.token = p_token and failure.lost
                limit 1), 'unknown'),
            detail = format('token %s', coalesce(p_token::text, 'null')),
            hint = 'Its lease ran out and its steps were taken back, or all are finished. Stop '
                   'working on them. Name them in p_step_uuids to learn what happened to each.';
  end if;
  return query
  with step as (  -- what was named; else what the claim names and does not hold any more
    select fate.step_id, named.step_uuid, fate.fate
      from unnest(p_step_uuids) as named (step_uuid)
      join tasker._fates(p_token, array(select tasker._step_id(uuid)
                                          from unnest(p_step_uuids) as uuid)) as fate
        on fate.step_id = tasker._step_id(named.step_uuid)
     union
    select fate.step_id, tasker._step_uuid(task.task_uuid, fate.step_id), 'cancelled'
      from tasker._fates(p_token, v_claim.step_ids) as fate
      join tasker.tasks as task on task.task_id = tasker._task_of(fate.step_id)
     where p_step_uuids is null
       and fate.fate <> 'held'
  )
  select v_claim.lease_until,
         array(select step.step_uuid from step
                where step.fate in ('cancelled', 'settled') order by step.step_id),
         array(select step.step_uuid from step
                where step.fate = 'finished' order by step.step_id),
         array(select step.step_uuid from step
                where step.fate in ('lease_expired', 'unknown') order by step.step_id),
         case when v_claim.lease_until > v_now
              then extract(epoch from v_claim.lease_until - v_now)::double precision
              when v_claim.lease_until is not null then 0 end;
end;
$$;

comment on function tasker.heartbeat is
'Extends a claim''s lease to p_lease from now (30 seconds when null, up to lease_seconds), at most to 5 seconds after the first time-out of its running steps. lease_until and lease_seconds say what it got. cancelled_step_uuids are steps to stop working on: cancelled, or settled or taken back by an operator. With p_step_uuids (up to steps_per_call), each of these that the claim does not hold is in one list: also finished_step_uuids (this token reported them) and lost_step_uuids (the lease ended, they were given back, or it never held them); nothing is raised when the claim is gone, and lease_until is null then. Raises TK001 (the claim is gone, and no steps are named), 22023 (bad lease, too many steps).';
