create or replace function tasker.complete_step (
  p_step_uuid uuid,
  p_token     uuid,
  p_result    jsonb default null
)
  returns table (task_uuid uuid, step_state text, task_state text, repeated boolean)
  language plpgsql
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set enable_bitmapscan = off
  set jit = off
as $$
-- Completes one claimed step: result, children, messages, task and history, in the caller's
-- transaction. Call it in the transaction of your business writes: if the claim is stale, it
-- raises, and they roll back.
--
-- Returns  one row; the same again when the call is repeated with the same token, with repeated
--          true: a transaction that is run again after a lost reply must roll back then, for its
--          writes are in the database already
-- Raises   TK001 stale claim, TK002 no such step, TK006 result over result_bytes,
--          22023 null step or token
-- Locks    the claim, the step, its children, its task
-- Calls    _let_go, _finish, _record, _stale, _answer
#variable_conflict use_column
declare
  v_step_id constant bigint := tasker._step_id(p_step_uuid);
  v_worker  text;
  v_now     timestamptz;
  v_log     record;
begin
  perform tasker._check_json(p_result, 'the result', 'result_bytes');
  v_worker := tasker._let_go(p_token, array[v_step_id]);
  if v_worker is not null then
    v_now := tasker._now();
    v_log := tasker._finish(p_token, v_worker, array[v_step_id],
                            jsonb_build_object(v_step_id, p_result), '[]', v_now);
    perform tasker._record(v_log.ids, v_log.changes, v_worker, null, v_now);
  elsif not exists (select from tasker.steps as step
                     where step.step_id = v_step_id
                       and step.claim_token = p_token
                       and step.state = 'complete') then
    perform tasker._stale(p_token, array[v_step_id]);
  end if;
  return query
  select answer.*, v_worker is null
    from tasker._answer(v_step_id) as answer;
end;
$$;

comment on function tasker.complete_step is
'Completes a claimed step with its result (any JSON up to result_bytes; null is none) in the caller''s transaction: children are counted and enqueued, the task ends with its last step. Repeating the call gives the first answer, and says that it is repeated: business writes of the same transaction are in the database already, so roll back. Raises TK001 (the token does not hold the step: roll back and drop the result), TK002 (no such step), TK006 (result too large), 22023 (null argument).';
