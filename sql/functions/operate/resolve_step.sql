create or replace function tasker.resolve_step (p_step_uuid uuid, p_reason text)
  returns table (task_uuid uuid, step_state text, task_state text)
  language plpgsql
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set enable_bitmapscan = off
  set jit = off
as $$
-- Declares a step settled without a result (resolved_manually); its children go on.
--
-- Returns  one row; the same when the call is repeated
-- Raises   TK002, TK003, 22023 as _settle_step
-- Calls    _settle_step, _answer
#variable_conflict use_column
begin
  perform tasker._settle_step(p_step_uuid, 'resolved_manually', null, p_reason);
  return query select answer.* from tasker._answer(tasker._step_id(p_step_uuid)) as answer;
end;
$$;

comment on function tasker.resolve_step is
'Declares an open or failed step as resolved_manually, without a result, for a reason that is recorded; its children go on, a worker on it is fenced off. Safe to repeat. Raises TK002 (unknown step), TK003 (it has ended, or its parents have not), 22023 (no reason).';
