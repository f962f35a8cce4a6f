create or replace function tasker._finish_others (
  p_token     uuid,
  p_worker    text,
  p_failures  jsonb,
  p_now       timestamptz,
  out ids     bigint[],
  out changes tasker.transition[],
  out gated   bigint[]
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Applies the outcomes of steps that did not complete (_finish): they failed, are skipped, or
-- sleep.
--
-- Returns  the changes to record, and who waits for those that ended (_advance_rarely)
-- Raises   TK001 when the token does not hold one of the steps
-- Locks    their timers; the caller holds the steps
-- Calls    _fail, _skip, _sleep
declare
  v_failure record;
  v_log     record;
begin
  ids     := '{}';
  changes := '{}';
  for v_failure in
    select (failure ->> 'step_id')::bigint as step_id,
           failure -> 'error' as error,
           failure ? 'skip' as is_skip,
           failure ? 'again_after_seconds' as is_sleep,
           (failure ->> 'again_after_seconds')::numeric as again_after,
           nullif(failure -> 'checkpoint', 'null') as checkpoint,
           failure ->> 'reason' as reason,
           coalesce((failure ->> 'retryable')::boolean, true) as retryable,
           case when jsonb_typeof(failure -> 'retry_after_seconds') = 'number'
                then least(greatest((failure -> 'retry_after_seconds')::numeric, 0), 2592000)
                     * interval '1 second' end as retry_after,
           (failure ->> 'seconds')::real as seconds
      from jsonb_array_elements(p_failures) as failure
  loop
    if v_failure.is_skip then
      v_log := tasker._skip(p_token, v_failure.step_id, v_failure.reason, p_now,
                            v_failure.seconds);
    elsif v_failure.is_sleep then
      v_log := tasker._sleep(p_token, v_failure.step_id, p_worker, v_failure.again_after, p_now,
                             v_failure.seconds, v_failure.checkpoint);
    else
      v_log := tasker._fail(p_token, v_failure.step_id, p_worker, v_failure.error,
                            v_failure.retryable, v_failure.retry_after, p_now, v_failure.seconds);
    end if;
    ids     := ids || v_failure.step_id;
    changes := changes || v_log.change;
    gated   := gated || v_log.gated;
  end loop;
end;
$$;

comment on function tasker._finish_others is 'Applies the outcomes of steps that failed, are skipped, or sleep. Raises TK001.';
