create or replace function tasker.skip_step (
  p_step_uuid uuid,
  p_token     uuid,
  p_reason    text    default null,
  p_repeat    boolean default false
)
  returns table (task_uuid uuid, step_state text, task_state text, repeated boolean)
  language plpgsql
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set enable_bitmapscan = off
  set jit = off
as $$
-- Skips a claimed step, because its handler found nothing to do, in the caller's transaction.
--
-- Returns  one row; with p_repeat the same again when the call is repeated with the same token,
--          with repeated true
-- Raises   TK001 stale claim, TK002 no such step, TK009 skipped by this claim before (without
--          p_repeat), 22023 null step or token, or a reason of more than 1000 characters
-- Locks    the claim, the step, its children, its task
-- Calls    _take_out, _finish, _record, _commit_by, _check_repeat, _answer
#variable_conflict use_column
declare
  v_step_id constant bigint := tasker._step_id(p_step_uuid);
  v_held record;
  v_log  record;
  v_now  timestamptz;
begin
  if length(p_reason) > 1000 then
    raise exception 'the reason is too long'
      using errcode = '22023',
            detail  = format('%s characters, at most 1000', length(p_reason));
  end if;
  v_held := tasker._take_out(p_token, array[v_step_id]);
  if v_held.worker is not null then
    v_now := tasker._now();
    v_log := tasker._finish(p_token, v_held.worker, '{}', '{}',
                            jsonb_build_array(jsonb_build_object(
                              'step_id', v_step_id, 'skip', true, 'reason', p_reason)), v_now);
    perform tasker._record(v_log.ids, v_log.changes, v_held.worker, p_reason, v_now);
    v_now := tasker._commit_by(v_held.lease_until, v_now);
  else
    perform tasker._check_repeat(p_token, v_step_id, coalesce(p_repeat, false), 'skipped');
  end if;
  return query
  select answer.*, v_held.worker is null
    from tasker._answer(v_step_id) as answer;
end;
$$;

comment on function tasker.skip_step is
'Skips a claimed step, for a reason that explain_step shows: its handler found nothing to do. It has no result. Those behind it are skipped, too, unless another of their parents is done (run_on: success) or their run_on says otherwise. Repeating the call raises TK009, or with p_repeat gives the first answer. Raises TK001 (the token does not hold the step: roll back), TK002 (no such step), TK009, 22023 (null argument, or a reason of more than 1000 characters).';
