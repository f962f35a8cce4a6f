create or replace function tasker.sleep_step (
  p_step_uuid  uuid,
  p_token      uuid,
  p_after      interval,
  p_checkpoint jsonb   default null,
  p_repeat     boolean default false
)
  returns table (task_uuid uuid, step_state text, due_at timestamptz, repeated boolean)
  language plpgsql
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set enable_bitmapscan = off
  set jit = off
as $$
-- Lets a claimed step sleep, in the caller's transaction: the claim is let go, the attempt does not
-- count, and after p_after the step is handed out again, with its checkpoint.
--
-- Returns  one row; with p_repeat the same again when the call is repeated with the same token,
--          with repeated true
-- Raises   TK001 stale claim, TK002 no such step, TK006 checkpoint over result_bytes, TK009 put to
--          sleep by this claim before (without p_repeat), 22023 null step or token, or a time that
--          is not from 0 to 3,660 days
-- Locks    the claim, the step, its timer; its task when it fails
-- Calls    _check_json, _take_out, _finish, _record, _commit_by, _stale, _refuse_repeat
#variable_conflict use_column
declare
  v_step_id constant bigint := tasker._step_id(p_step_uuid);
  v_after   constant numeric := extract(epoch from p_after);
  v_held    record;
  v_log     record;
  v_now     timestamptz;
begin
  if v_after <= 0 or v_after > 316224000 then
    raise exception 'bad duration'
      using errcode = '22023',
            detail  = format('p_after is %s, need more than nothing, and at most 3660 days',
                             p_after);
  end if;
  perform tasker._check_json(p_checkpoint, 'the checkpoint', 'result_bytes');
  v_held := tasker._take_out(p_token, array[v_step_id]);
  if v_held.worker is not null then
    v_now := tasker._now();
    v_log := tasker._finish(p_token, v_held.worker, '{}', '{}',
                            jsonb_build_array(jsonb_build_object(
                              'step_id', v_step_id, 'again_after_seconds', v_after,
                              'checkpoint', p_checkpoint)), v_now);
    perform tasker._record(v_log.ids, v_log.changes, v_held.worker, null, v_now);
    v_now := tasker._commit_by(v_held.lease_until, v_now);
  elsif not exists (select from tasker.given_back as back
                     where back.step_id = v_step_id and back.token = p_token) then
    perform tasker._stale(p_token, array[v_step_id]);
  elsif not coalesce(p_repeat, false) then
    perform tasker._refuse_repeat('put to sleep', p_step_uuid::text);
  end if;
  return query
  select task.task_uuid,
         case when back.token is null then step.state::text else 'waiting' end,
         back.due_at,
         v_held.worker is null
    from tasker.steps as step
    join tasker.tasks as task on task.task_id = tasker._task_of(step.step_id)
    left join tasker.given_back as back on back.step_id = step.step_id and back.token = p_token
   where step.step_id = v_step_id;
end;
$$;

comment on function tasker.sleep_step is
'Lets a claimed step sleep for p_after (up to 3660 days): the claim is let go, no worker holds it meanwhile, and then its handler is called again, with the same attempt number, for the attempt does not count, and with p_checkpoint (any JSON up to result_bytes), if given. Without p_after, a step that waits until a function says true sleeps until it is to be asked again. A step that has slept more than sleeps_per_step times fails for good instead (step_state error). Repeating the call raises TK009, or with p_repeat gives the first answer. Raises TK001 (the token does not hold the step: roll back), TK002 (no such step), TK006 (checkpoint too large), TK009, 22023 (bad argument).';
