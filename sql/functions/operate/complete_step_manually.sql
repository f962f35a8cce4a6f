create or replace function tasker.complete_step_manually (
  p_step_uuid uuid,
  p_result    jsonb,
  p_reason    text
)
  returns table (task_uuid uuid, step_state text, task_state text)
  language plpgsql
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set enable_bitmapscan = off
  set jit = off
as $$
-- Completes a step with a result that an operator gives; its children go on.
--
-- Returns  one row; the same when the call is repeated
-- Raises   TK002, TK003, TK006, 22023 as _settle_step
-- Calls    _settle_step, _answer
#variable_conflict use_column
begin
  perform tasker._settle_step(p_step_uuid, 'complete', p_result, p_reason);
  return query select answer.* from tasker._answer(tasker._step_id(p_step_uuid)) as answer;
end;
$$;

comment on function tasker.complete_step_manually is
'Completes an open or failed step with the result given, for a reason that is recorded; its children go on, a worker on it is fenced off. Safe to repeat. Raises TK002 (unknown step), TK003 (it has ended, or its parents have not), TK006 (result over result_bytes), 22023 (no reason).';
