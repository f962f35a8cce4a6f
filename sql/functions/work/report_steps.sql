create or replace function tasker.report_steps (p_token uuid, p_outcomes jsonb)
  returns table (
    step_uuid     uuid,
    outcome       text,
    code          text,
    message       text,
    step_state    text,
    task_state    text,
    next_retry_at timestamptz
  )
  language plpgsql
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set enable_bitmapscan = off
  set jit = off
as $$
-- Reports outcomes of one claim, and says what happened to each: an outcome that is refused refuses
-- only itself. Claims nothing. What came too late is counted here.
--
-- Returns  one row per outcome, in their order; the same again when the call is repeated, with
--          outcome repeated instead of applied
-- Raises   22023 for a null token, and for what is not a list of outcomes; TK006 for too many
-- Locks    the claim, own steps, children, tasks
-- Calls    _sift_outcomes, _take_out, _finish, _record, _commit_by, _note_late_writes, _answer
#variable_conflict use_column
declare
  v_now    constant timestamptz := tasker._now();
  v_sifted record;
  v_held   record;
  v_worker text;
  v_log    record;
begin
  v_sifted := tasker._sift_outcomes(p_token, p_outcomes);
  if cardinality(v_sifted.step_ids) > 0 then
    v_held   := tasker._take_out(p_token, v_sifted.step_ids);
    v_worker := v_held.worker;
    v_log    := tasker._finish(p_token, v_worker, v_sifted.done_ids, v_sifted.results,
                               v_sifted.failures, v_now, v_sifted.seconds);
    perform tasker._record(v_log.ids, v_log.changes, v_worker, null, v_now);
    perform tasker._commit_by(v_held.lease_until, v_now);
  end if;
  if v_sifted.fates <> '{}' then
    perform tasker._note_late_writes(
      p_token,
      array(select fate.key::bigint from jsonb_each(v_sifted.fates) as fate
             where fate.value ->> 'code' = 'TK001'),
      coalesce(v_worker, nullif(left(current_setting('application_name'), 200), ''), session_user),
      v_now);
  end if;
  return query
  select (entry.outcome ->> 'step_uuid')::uuid,
         coalesce(step.fate ->> 'outcome', 'applied'),
         step.fate ->> 'code',
         nullif(concat_ws(': ', step.fate ->> 'message', step.fate ->> 'detail'), ''),
         coalesce(failure.to_state::text, answer.step_state),
         answer.task_state,
         failure.next_retry_at
    from jsonb_array_elements(p_outcomes) with ordinality as entry (outcome, position)
   cross join lateral (select tasker._step_id((entry.outcome ->> 'step_uuid')::uuid)) as id (id)
   cross join lateral (select v_sifted.fates -> id.id::text) as step (fate)
    left join lateral tasker._answer(id.id) as answer on true
    left join tasker.step_failures as failure on failure.step_id = id.id
                                             and failure.token = p_token
                                             and not failure.lost
                                             and entry.outcome ? 'error'
   order by entry.position;
end;
$$;

comment on function tasker.report_steps is
'Reports outcomes (as finish_and_claim) of steps of one claim, and claims nothing. Returns one row per outcome: applied, repeated (this token reported it before; nothing is done twice) or refused, with its code (TK001 stale: the message ends with why, as the field constraint would; TK002 no such step; TK006 result too large) and the states of step and task. A refused outcome refuses only itself, and late writes are counted; do not call this in a transaction of business writes, which it would let through. Raises 22023 (null token, not a list of outcomes: nothing is applied), TK006 (too many outcomes).';
