create or replace function tasker.claim_steps (
  p_namespace text,
  p_worker    text,
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
-- Hands up to p_limit enqueued steps of a namespace to one worker, as one claim with one token.
-- The attempt counts from here. Nothing is handed out while the namespace is paused.
--
-- Returns  the steps with their inputs; no rows when there is nothing to do
-- Raises   22023 for a bad worker, limit (1 to steps_per_call) or lease (up to lease_seconds);
--          TK002 for an unknown namespace
-- Locks    messages, steps, tasks, each in id order; skips what others hold
-- Calls    _claim, _claimed
#variable_conflict use_column
declare
  v_token uuid;
begin
  perform tasker._check_worker(p_worker);
  perform tasker._check_count(p_limit, 1, 'steps_per_call');
  perform tasker._check_lease(p_lease);
  perform tasker._namespace_id(p_namespace);
  v_token := tasker._claim(p_namespace, p_worker, p_limit, p_lease, null, null, '{}', '{}');
  return query select claimed.* from tasker._claimed(v_token) as claimed;
end;
$$;

comment on function tasker.claim_steps is
'Hands up to p_limit (1 to steps_per_call) enqueued steps of a namespace to one worker under a fresh random token, for p_lease (up to lease_seconds; extend it with heartbeat). Returns one row per step: attempt counts from 1, timeout is null when the step has none, context is the task''s, dependency_results maps each parent''s name to its result. No rows: nothing to do, or the namespace is paused. Raises 22023 (bad argument), TK002 (unknown namespace).';
