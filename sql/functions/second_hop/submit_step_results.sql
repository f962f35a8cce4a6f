create or replace function tasker.submit_step_results (p_token uuid, p_outcomes jsonb)
  returns table (submission_id bigint, steps integer)
  language plpgsql
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set enable_bitmapscan = off
  set jit = off
as $$
-- First hop of the two-hop path: hands outcomes in without orchestrating. Results go into their
-- rows once; one small message per call goes to orchestration_step_results.
--
-- Returns  one row; no rows when a repeated call finds its outcomes submitted already
-- Raises   TK001 when the claim does not hold one of the steps, TK002, TK006, 22023
-- Locks    the claim, the steps
-- Calls    _outcomes, _take_out, _commit_by, _is_repeat, _stale
#variable_conflict use_column
declare
  v_outcome    record;
  v_taken      record;
  v_held       integer;
  v_submission bigint;
  v_now        timestamptz;
begin
  v_outcome := tasker._outcomes(p_outcomes);
  v_taken   := tasker._take_out(p_token, v_outcome.step_ids);
  if v_taken.worker is null then
    if tasker._is_repeat(p_token, v_outcome.step_ids,
                         array(select (failure ->> 'step_id')::bigint
                                 from jsonb_array_elements(v_outcome.failures) as failure))
       or exists (select from tasker.submissions as submission
                   where submission.token = p_token
                     and v_outcome.step_ids <@ submission.step_ids) then
      return;
    end if;
    perform tasker._stale(p_token, v_outcome.step_ids);
  end if;
  v_now := tasker._commit_by(v_taken.lease_until, tasker._now());
  update tasker.steps as step
     set result  = nullif(v_outcome.results -> step.step_id::text, 'null'),
         seconds = (v_outcome.seconds ->> step.step_id::text)::real
   where step.step_id = any (v_outcome.step_ids)
     and step.claim_token = p_token
     and step.state = 'in_progress';
  get diagnostics v_held = row_count;
  if v_held <> cardinality(v_outcome.step_ids) then
    perform tasker._stale(p_token, v_outcome.step_ids);
  end if;

  insert into tasker.submissions (token, worker, step_ids, failures, submitted_at)
  values (p_token, v_taken.worker, v_outcome.step_ids, v_outcome.failures, v_now)
  returning submission_id into v_submission;
  begin
    insert into pgmq.q_orchestration_step_results (enqueued_at, vt, message)
    values (v_now, v_now, jsonb_build_object('submission_id', v_submission));
  exception when undefined_table then  -- dropped, be it at this moment; the sweep looks after it
  end;
  return query select v_submission, v_held;
end;
$$;

comment on function tasker.submit_step_results is
'First hop of the two-hop path, for workers that must not run orchestration: submits outcomes (as finish_and_claim) of a claim. process_step_results, or within seconds the sweep, applies them; until then the steps read in_progress. Raises TK001 (the claim does not hold one of the steps), TK002, TK006, 22023. Repeating a call changes nothing.';
