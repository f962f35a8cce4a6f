create or replace function tasker.extend_finalization_claim (
  p_finalization_attempt_uuid uuid,
  p_timeout_seconds           bigint default 30
)
  returns table (task_uuid uuid, claimed_until timestamptz, message text)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Prolongs a finalization claim from now on.
--
-- Returns  one row; message is extended
-- Raises   TK001 when the claim is not there any more,
--          22023 for a timeout outside 1 to lease_seconds
-- Locks    the claim
-- Calls    _stale_finalization
#variable_conflict use_column
declare
  v_claim tasker.finalization_claims%rowtype;
begin
  p_timeout_seconds := coalesce(p_timeout_seconds, 30);
  perform tasker._check_count(p_timeout_seconds, 1, 'lease_seconds');
  update tasker.finalization_claims as claim
     set claimed_until = tasker._now() + make_interval(secs => p_timeout_seconds)
   where claim.attempt_uuid = p_finalization_attempt_uuid
  returning claim.* into v_claim;
  if not found then
    perform tasker._stale_finalization(p_finalization_attempt_uuid, 'the claim is gone');
  end if;
  insert into tasker.finalization_events (at, event) values (tasker._now(), 'extended');
  return query
  select task.task_uuid, v_claim.claimed_until, 'extended'
    from tasker.tasks as task
   where task.task_id = v_claim.task_id;
end;
$$;

comment on function tasker.extend_finalization_claim is
'Prolongs a finalization claim to p_timeout_seconds (1 to lease_seconds) from now. Raises TK001 (the claim is gone), 22023.';
