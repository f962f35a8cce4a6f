create or replace function tasker.fail_step (
  p_step_uuid   uuid,
  p_token       uuid,
  p_error       jsonb,
  p_retryable   boolean          default true,
  p_retry_after interval         default null,
  p_seconds     double precision default null
)
  returns table (task_uuid uuid, step_state text, next_retry_at timestamptz, task_state text)
  language plpgsql
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set enable_bitmapscan = off
  set jit = off
as $$
-- Ends a claimed step's attempt as failed.
--
-- Returns  one row; the same row again when the call is repeated with the same token
-- Raises   TK001 stale claim, TK002 no such step, 22023 null step or token
-- Locks    the claim, the step, its timer, its task
-- Calls    _take_out, _error, _seconds, _finish, _record, _commit_by, _stale
#variable_conflict use_column
declare
  v_step_id constant bigint := tasker._step_id(p_step_uuid);
  v_held    constant record := tasker._take_out(p_token, array[v_step_id]);
  v_now     timestamptz := tasker._now();
  v_retry_after constant interval :=
    case when p_retry_after is not null
         then greatest(least(p_retry_after, interval '30 days'), interval '0') end;
  v_log     record;
begin
  if v_held.worker is not null then
    v_log := tasker._finish(p_token, v_held.worker, '{}', '{}',
                            jsonb_build_array(jsonb_build_object(
      'step_id', v_step_id,
      'error', tasker._error(p_error),
      'retryable', coalesce(p_retryable, true),
      'retry_after_seconds', extract(epoch from v_retry_after),
      'seconds', tasker._seconds(p_seconds))), v_now);
    perform tasker._record(v_log.ids, v_log.changes, v_held.worker, null, v_now);
    v_now := tasker._commit_by(v_held.lease_until, v_now);
  elsif not exists (select from tasker.step_failures as failure
                     where failure.step_id = v_step_id
                       and failure.token = p_token
                       and not failure.lost) then
    perform tasker._stale(p_token, array[v_step_id]);
  end if;
  return query
  select task.task_uuid,
         failure.to_state::text,
         failure.next_retry_at,
         case when failure.to_state = 'waiting_for_retry' and task.finished_at is not null
              then 'in_progress' else task.state::text end
    from tasker.step_failures as failure
    join tasker.tasks as task on task.task_id = tasker._task_of(failure.step_id)
   where failure.step_id = v_step_id
     and failure.token = p_token;
end;
$$;

comment on function tasker.fail_step is
'Ends a claimed step''s attempt as failed. p_error is any JSON (an object with "message", "type", "code" reads best; cut to error_bytes). The step is retried after p_retry_after (0 to 30 days), else after its backoff, unless p_retryable is false or its attempts are used up: then it is in error and its task blocked. p_seconds is how long the handler took. Repeating the call gives the first answer. Raises TK001 (stale claim), TK002 (no such step), 22023 (null argument).';
