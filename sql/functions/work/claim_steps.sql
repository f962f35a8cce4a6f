create or replace function tasker.claim_steps (
  p_namespace text,
  p_worker    text,
  p_limit     bigint   default 1,
  p_lease     interval default '30 seconds',
  p_handlers  text[]   default null,
  p_request   uuid     default null,
  p_wait      interval default null,
  p_context_once boolean default false
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
    dependency_results jsonb,
    timeout_seconds    double precision,
    deadline           timestamptz,
    lease_seconds      double precision,
    dependency_states  jsonb,
    checkpoint         jsonb,
    checkpoint_number  bigint
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
-- Raises   22023 for a bad worker, limit (1 to steps_per_call), lease or wait (up to
--          lease_seconds) or list of handlers; TK002 for an unknown namespace
-- Locks    messages, steps, tasks, each in id order; skips what others hold
-- Calls    _is_usual, _enter_namespace, _take_steps, _claim_rows; beside the street _check_wanted;
--          for several steps _rows_within, _give_back_rest
#variable_conflict use_column
declare
  v_wanted constant tasker.wanted := row(p_worker, coalesce(p_limit, 1),
                                         coalesce(p_lease, '30 seconds'), p_handlers, p_request,
                                         p_wait);
  v_now   timestamptz;
  v_place tasker.place;
  v_got   record;
  v_rows  integer;
begin
  if not tasker._is_usual(v_wanted, 1) then
    perform tasker._check_wanted(v_wanted, 1);
  end if;
  v_place := tasker._enter_namespace(p_namespace);
  v_now   := tasker._now();
  v_got   := tasker._take_steps(v_place, v_wanted, null, null, null, null, null, v_now);
  if cardinality(v_got.step_ids) = 1 then
    return query
    select claimed.step_uuid, claimed.task_uuid, claimed.name, claimed.handler, claimed.attempt,
           claimed.max_attempts, claimed.token, claimed.lease_until, claimed.timeout,
           claimed.config, claimed.context, claimed.dependency_results, claimed.timeout_seconds,
           claimed.deadline, claimed.lease_seconds, claimed.dependency_states,
           claimed.checkpoint, claimed.checkpoint_number
      from tasker._claim_rows(v_got.token, v_got.lease_until, v_got.step_ids, v_now) as claimed;
  elsif v_got.token is not null then
    return query
    select claimed.*
      from tasker._rows_within(v_got.token, v_got.lease_until, v_got.step_ids, v_now,
                               coalesce(p_context_once, false)) as claimed;
    get diagnostics v_rows = row_count;
    if v_rows < cardinality(v_got.step_ids) then
      perform tasker._give_back_rest(v_got.token, v_rows);
    end if;
  end if;
end;
$$;

comment on function tasker.claim_steps is
'Hands up to p_limit (1 to steps_per_call) enqueued steps of a namespace to one worker under a fresh random token, for p_lease (up to lease_seconds, and to 5 seconds after the first deadline of the steps; extend it with heartbeat). Commit the call before a handler starts. Returns one row per step: attempt counts from 1, timeout, timeout_seconds and deadline are null when the step has none, context is the task''s, dependency_results maps each parent''s name to its result; in a template with run_on, if or on_error, dependency_states maps it to {"state", "outcome" (done, skipped, failed), "error", "attempts"}. p_handlers: only steps with these handlers (sql:* stands for all that are written in SQL); others wait for a worker that has theirs. p_request: repeating the call with the same uuid answers the claim that the first one made, while it lives. p_wait: a call that finds nothing registers the worker, as await_work does. p_context_once: of several steps of one task only the first has its context, the others null. Where the inputs of the steps are large, there are fewer than p_limit (claim_bytes). No rows: nothing to do, or the namespace is paused; fewer than p_limit are no sign of an empty queue. Null arguments mean their defaults. Raises 22023 (bad argument), TK002 (unknown namespace: wait, if its templates are yet to be registered).';
