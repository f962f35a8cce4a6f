create or replace function tasker.complete_step (
  p_step_uuid uuid,
  p_token     uuid,
  p_result    jsonb            default null,
  p_repeat    boolean          default false,
  p_seconds   double precision default null
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
-- transaction. Call it in the transaction of your business writes: if the claim is stale, or if it
-- has completed the step before, it raises, and they roll back.
--
-- Returns  one row; with p_repeat the same again when the call is repeated with the same token,
--          with repeated true
-- Raises   TK001 stale claim, TK002 no such step, TK006 result over result_bytes, TK009 completed
--          by this claim before (without p_repeat), 22023 null step or token
-- Locks    the claim, the step, its children, its task
-- Calls    _check_json, _take_out, _finish_steps, _seconds, _write_history, _commit_by, _answer;
--          beside the street _check_repeat
#variable_conflict use_column
declare
  v_step_id constant bigint := tasker._step_id(p_step_uuid);
  v_held record;
  v_log  record;
  v_now  timestamptz;
begin
  if pg_column_size(p_result #> '{}') > 1024 then
    perform tasker._check_json(p_result, 'the result', 'result_bytes');
  end if;
  v_held := tasker._take_out(p_token, array[v_step_id]);
  if v_held.worker is not null then
    v_now := tasker._now();
    v_log := tasker._finish_steps(p_token, array[v_step_id], array[p_result],
                                  array[tasker._seconds(p_seconds)], v_now, 0, null);
    v_now := tasker._write_history(row(v_log.ids, v_log.changes, v_log.counts)::tasker.happened,
                                   v_held.worker, v_now);
    v_now := tasker._commit_by(v_held.lease_until, v_now);
  else
    perform tasker._check_repeat(p_token, v_step_id, coalesce(p_repeat, false));
  end if;
  return query
  select answer.*, v_held.worker is null
    from tasker._answer(v_step_id) as answer;
end;
$$;

comment on function tasker.complete_step is
'Completes a claimed step with its result (any JSON up to result_bytes; null is none) in the caller''s transaction: children are counted and enqueued, the task ends with its last step. Put it last in the transaction of your business writes, without a savepoint around it. Repeating the call raises TK009: this claim has completed the step, and the business writes of its transaction are in the database, so roll back; nothing is lost. With p_repeat, for calls without business writes, it gives the first answer instead, with repeated true. p_seconds is how long the handler took. Raises TK001 (the token does not hold the step: roll back and drop the result), TK002 (no such step), TK006 (result too large), TK009, 22023 (null argument).';
