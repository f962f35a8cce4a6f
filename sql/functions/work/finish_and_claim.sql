create or replace function tasker.finish_and_claim (
  p_namespace text,
  p_worker    text,
  p_token     uuid,
  p_outcomes  jsonb,
  p_limit     bigint   default 1,
  p_lease     interval default '30 seconds',
  p_handlers  text[]   default null,
  p_request   uuid     default null,
  p_release   uuid[]   default null,
  p_refused   boolean  default false,
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
    refused            jsonb,
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
-- The whole worker protocol in one round trip: reports outcomes of one claim, and claims the next
-- steps. Successes go down one street; all else turns off it at _finish_rarely.
--
-- Returns  with p_refused a row for each outcome that was refused; then the newly claimed steps; a
--          repeated call gets the claim that the first one made
-- Raises   TK001 when the claim does not hold one of the steps (nothing is applied),
--          TK002, TK006, 22023
-- Locks    the claim, own steps, children, tasks; then as claim_steps
-- Calls    _is_usual, _enter_namespace, _read_results, _take_out, _may_keep, _finish_steps,
--          _take_steps, _claim_rows; beside the street _check_wanted, _finish_rarely,
--          _refusals; for several steps _rows_within, _give_back_rest
#variable_conflict use_column
declare
  v_wanted constant tasker.wanted := row(p_worker, coalesce(p_limit, 1),
                                         coalesce(p_lease, '30 seconds'), p_handlers, p_request,
                                         p_wait);
  v_now    timestamptz;
  v_place  tasker.place;
  v_read   record;
  v_held   record;
  v_worker text;
  v_log    record;
  v_got    record;
  v_rows   integer;
begin
  if not tasker._is_usual(v_wanted, 0) then
    perform tasker._check_wanted(v_wanted, 0);
  end if;
  v_place := tasker._enter_namespace(p_namespace);
  v_now   := tasker._now();
  v_read  := tasker._read_results(p_outcomes);
  if v_read.step_ids <> '{}' and v_read.is_plain and p_release is null then
    v_held   := tasker._take_out(p_token, v_read.step_ids);
    v_worker := v_held.worker;
  end if;

  if v_worker is not null then
    v_log := tasker._finish_steps(p_token, v_read.step_ids, v_read.results, v_read.seconds, v_now,
                                  tasker._may_keep(v_place, v_wanted.most, v_now),
                                  v_place.name || '_queue');
    v_got := tasker._take_steps(v_place, v_wanted, p_token, v_read.step_ids[1], v_held.lease_until,
                                row(v_log.ids, v_log.changes, v_log.counts)::tasker.happened,
                                v_log.kept, v_now);
  elsif v_read.step_ids = '{}' and p_release is null then
    v_got := tasker._take_steps(v_place, v_wanted, null, null, null, null, null, v_now);
  else
    v_got := tasker._finish_rarely(v_place, v_wanted, p_token, p_outcomes, p_release,
                                   coalesce(p_refused, false), v_now);
    return query select refusal.* from tasker._refusals(v_got.refused) as refusal;
  end if;
  if cardinality(v_got.step_ids) = 1 then
    return query
    select claimed.step_uuid, claimed.task_uuid, claimed.name, claimed.handler, claimed.attempt,
           claimed.max_attempts, claimed.token, claimed.lease_until, claimed.timeout,
           claimed.config, claimed.context, claimed.dependency_results, claimed.timeout_seconds,
           claimed.deadline, claimed.lease_seconds, null::jsonb, claimed.dependency_states,
           claimed.checkpoint, claimed.checkpoint_number
      from tasker._claim_rows(v_got.token, v_got.lease_until, v_got.step_ids, v_now) as claimed;
  elsif v_got.token is not null then
    return query
    select claimed.step_uuid, claimed.task_uuid, claimed.name, claimed.handler, claimed.attempt,
           claimed.max_attempts, claimed.token, claimed.lease_until, claimed.timeout,
           claimed.config, claimed.context, claimed.dependency_results, claimed.timeout_seconds,
           claimed.deadline, claimed.lease_seconds, null::jsonb, claimed.dependency_states,
           claimed.checkpoint, claimed.checkpoint_number
      from tasker._rows_within(v_got.token, v_got.lease_until, v_got.step_ids, v_now,
                               coalesce(p_context_once, false)) as claimed;
    get diagnostics v_rows = row_count;
    if v_rows < cardinality(v_got.step_ids) then
      perform tasker._give_back_rest(v_got.token, v_rows);
    end if;
  end if;
end;
$$;

comment on function tasker.finish_and_claim is
'The whole worker protocol in one round trip. p_outcomes reports steps of the claim p_token: [{"step_uuid", "result", "seconds"} | {"step_uuid", "error", "retryable", "retry_after_seconds", "seconds"} | {"step_uuid", "skip": true, "reason", "seconds"}], seconds being how long the handler took; steps of the claim that are not named stay claimed, those in p_release go back to their queue without counting the attempt. Then up to p_limit (0 to steps_per_call) steps are claimed as by claim_steps, with p_lease, p_handlers, p_request, p_wait and p_context_once. Null token and null outcomes only claim. All or nothing: raises TK001 (the claim does not hold one of the steps), TK002, TK006, 22023; but with p_refused every outcome that can be applied is, and for each other one there is a row before the claimed ones, with its step_uuid, no token, and refused = {"code", "message", "detail"}. Repeating a call returns the claim that the first one made.';
