create or replace function tasker.finish_and_claim (
  p_namespace text,
  p_worker    text,
  p_token     uuid,
  p_outcomes  jsonb,
  p_limit     integer  default 1,
  p_lease     interval default '30 seconds'
)
  returns table (
    step_uuid          uuid,
    task_uuid          uuid,
    name               text,
    handler            text,
    attempt            integer,
    max_attempts       integer,
    token              uuid,
    lease_until        timestamptz,
    timeout            interval,
    config             jsonb,
    context            jsonb,
    dependency_results jsonb
  )
  language plpgsql
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set enable_bitmapscan = off
  set jit = off
as $$
-- The whole worker protocol in one round trip: reports outcomes of one claim, and claims the next
-- steps.
--
-- Returns  the newly claimed steps; a repeated call gets the claim that the first one made
-- Raises   TK001 when the claim does not hold one of the steps (nothing is applied),
--          TK002, TK006, 22023
-- Locks    the claim, own steps, children, tasks; then as claim_steps
-- Calls    _outcomes, _let_go, _finish, _is_repeat, _stale, _claim, _claimed
#variable_conflict use_column
declare
  v_outcome record;
  v_worker  text;
  v_now     timestamptz;
  v_log     record;
  v_token   uuid;
begin
  perform tasker._check_worker(p_worker);
  perform tasker._check_count(p_limit, 0, 'steps_per_call');
  perform tasker._check_lease(p_lease);
  perform tasker._namespace_id(p_namespace);
  v_outcome := tasker._outcomes(coalesce(p_outcomes, '[]'));

  if cardinality(v_outcome.step_ids) = 0 then
    v_token := tasker._claim(p_namespace, p_worker, p_limit, p_lease, null, null, '{}', '{}');
  else
    v_worker := tasker._let_go(p_token, v_outcome.step_ids);
    if v_worker is not null then
      v_now   := tasker._now();
      v_log   := tasker._finish(p_token, v_worker, v_outcome.done_ids, v_outcome.results,
                                v_outcome.failures, v_now);
      v_token := tasker._claim(p_namespace, p_worker, p_limit, p_lease, p_token,
                               v_outcome.step_ids[1], v_log.ids, v_log.changes);
    elsif tasker._is_repeat(
            p_token, v_outcome.step_ids,
            array(select (failure ->> 'step_id')::bigint
                    from jsonb_array_elements(v_outcome.failures) as failure)) then
      select claim.token into v_token from tasker.claims as claim
       where claim.answers_token = p_token and claim.answers_step = v_outcome.step_ids[1];
    else
      perform tasker._stale(p_token, v_outcome.step_ids);
    end if;
  end if;

  return query select claimed.* from tasker._claimed(v_token) as claimed;
end;
$$;

comment on function tasker.finish_and_claim is
'The whole worker protocol in one round trip. p_outcomes reports steps of the claim p_token: [{"step_uuid", "result"} | {"step_uuid", "error", "retryable", "retry_after_seconds"}]; steps of the claim that are not named stay claimed. Then up to p_limit (0 to steps_per_call) steps are claimed as by claim_steps. Null token and null outcomes only claim. All or nothing: raises TK001 (the claim does not hold one of the steps), TK002, TK006, 22023. Repeating a call returns the claim that the first one made.';
