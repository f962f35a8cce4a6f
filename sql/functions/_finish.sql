create or replace function tasker._finish (
  p_token     uuid,
  p_worker    text,
  p_done_ids  bigint[],
  p_results   jsonb,
  p_failures  jsonb,
  p_now       timestamptz,
  out ids     bigint[],
  out changes tasker.transition[]
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Applies a batch of outcomes of steps that were let go of: the done ones set-wise, then each failure.
--
-- Returns  the changes to record
-- Raises   TK001 when the token does not hold one of the steps
-- Calls    _complete, _fail
declare
  v_failure record;
  v_log     record;
begin
  ids     := '{}';
  changes := '{}';
  if cardinality(p_done_ids) > 0 then
    v_log   := tasker._complete(p_token, p_done_ids, p_results, p_now);
    ids     := v_log.ids;
    changes := v_log.changes;
  end if;
  for v_failure in
    select (failure ->> 'step_id')::bigint as step_id,
           failure -> 'error' as error,
           coalesce((failure ->> 'retryable')::boolean, true) as retryable,
           case when jsonb_typeof(failure -> 'retry_after_seconds') = 'number'
                then least(greatest((failure -> 'retry_after_seconds')::numeric, 0), 2592000) * interval '1 second' end as retry_after
      from jsonb_array_elements(p_failures) as failure
     order by 1
  loop
    v_log   := tasker._fail(p_token, v_failure.step_id, p_worker, v_failure.error, v_failure.retryable, v_failure.retry_after, p_now);
    ids     := ids || v_log.ids;
    changes := changes || v_log.changes;
  end loop;
end;
$$;

comment on function tasker._finish is 'Applies a batch of outcomes: completions set-wise, then each failure. Returns the changes to record. Raises TK001.';
