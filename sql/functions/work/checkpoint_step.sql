create or replace function tasker.checkpoint_step (
  p_step_uuid  uuid,
  p_token      uuid,
  p_checkpoint jsonb,
  p_after      bigint   default null,
  p_lease      interval default null,
  p_repeat     boolean  default false
)
  returns table (saved_at timestamptz, lease_until timestamptz, number bigint, repeated boolean)
  language plpgsql
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set enable_bitmapscan = off
  set jit = off
as $$
-- Saves how far a claimed step has got, in the caller's transaction: what the step starts from the
-- next time. Call it in the transaction of the writes that it stands for: if the claim is stale, or
-- if it has saved this before, it raises, and they roll back.
--
-- Returns  one row; with p_repeat the same again when the call is repeated with the same token,
--          with repeated true
-- Raises   TK001 stale claim, TK002 no such step, TK003 another checkpoint than p_after is the
--          last, TK006 checkpoint over result_bytes, TK009 saved by this claim before (without
--          p_repeat), 22023 null step or token, a bad lease, or a handler in SQL
-- Locks    the claim, the step: a session that wants it waits; others work on with the claim
-- Calls    _check_json, _check_lease, _lease_until, _step_id, _stale, _save_checkpoint, _commit_by
#variable_conflict use_column
declare
  v_step_id constant bigint := tasker._step_id(p_step_uuid);
  v_now     constant timestamptz := tasker._now();
  v_until   timestamptz;
  v_saved   record;
begin
  if pg_column_size(p_checkpoint #> '{}') > 1024 then
    perform tasker._check_json(p_checkpoint, 'the checkpoint', 'result_bytes');
  end if;
  if p_lease is null then
    select claim.lease_until into v_until
      from tasker.claims as claim
     where claim.token = p_token and v_step_id = any (claim.step_ids)
       for key share;
  else
    perform tasker._check_lease(p_lease);
    update tasker.claims as claim
       set lease_until = tasker._lease_until(claim.token, claim.step_ids, v_now + p_lease)
     where claim.token = p_token and v_step_id = any (claim.step_ids)
    returning claim.lease_until into v_until;
  end if;
  if v_until is null then
    perform tasker._stale(p_token, array[v_step_id]);
  end if;
  v_saved := tasker._save_checkpoint(v_step_id, p_token, p_checkpoint, p_after,
                                     coalesce(p_repeat, false), v_now);
  perform tasker._commit_by(v_until, v_now);
  return query select v_saved.saved_at, v_until, v_saved.number, v_saved.is_repeat;
end;
$$;

comment on function tasker.checkpoint_step is
'Saves how far a claimed step has got (any JSON up to result_bytes, in the place of the last) in the caller''s transaction: the next start, after a crash, a failure or a retry_step, has it as checkpoint. Put it last in the transaction of the writes that it stands for, without a savepoint around it. Checkpoints are numbered from 1; p_after says which one this follows (0: none): repeating the call then raises TK009, so that the writes roll back, or with p_repeat gives the first answer; without p_after each call saves. p_lease extends the claim''s lease as heartbeat does. An attempt that is lost after a checkpoint of its own does not count, up to attempts_with_progress times. Deleted when the step ends, kept while it is in error. Raises TK001 (the token does not hold the step: roll back), TK002 (no such step), TK003 (the last checkpoint is not p_after), TK006 (too large), TK009, 22023 (null argument, bad lease, or a handler in SQL, which is one transaction).';
