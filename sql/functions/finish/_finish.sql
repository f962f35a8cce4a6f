create or replace function tasker._finish (
  p_token     uuid,
  p_worker    text,
  p_done_ids  bigint[],
  p_results   jsonb,
  p_failures  jsonb,
  p_now       timestamptz,
  p_seconds   jsonb default null,
  out ids     bigint[],
  out changes tasker.transition[]
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Applies outcomes of steps that were taken out of their claim, failures among them, and all that
-- follows. p_failures is [{"step_id", "error", "retryable", "retry_after_seconds", "seconds"}], or
-- {"step_id", "skip", "reason", "seconds"} for a step that its handler skipped; p_results and
-- p_seconds are by step_id, no results stand in their rows already (two hops).
--
-- Returns  the changes to record
-- Raises   TK001 when the token does not hold one of the steps
-- Locks    the steps, their timers, children and tasks, each in id order
-- Calls    _fail, _skip, _complete_steps, _times, _advance_rarely
declare
  v_failure   record;
  v_failed    bigint[] := array[]::bigint[];
  v_children  bigint[];
  v_sinks     bigint[];
  v_wide      bigint[];
  v_gated     bigint[];
  v_amounts   jsonb;
  v_done      record;
  v_log       record;
begin
  ids     := '{}';
  changes := '{}';
  if p_failures <> '[]' then
    perform from tasker.steps as step
      where step.step_id = any (p_done_ids || array(
              select (failure ->> 'step_id')::bigint
                from jsonb_array_elements(p_failures) as failure))
      order by step.step_id
        for no key update;
    for v_failure in
      select (failure ->> 'step_id')::bigint as step_id,
             failure -> 'error' as error,
             failure ? 'skip' as is_skip,
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
      else
        v_log := tasker._fail(p_token, v_failure.step_id, p_worker, v_failure.error,
                              v_failure.retryable, v_failure.retry_after, p_now, v_failure.seconds);
      end if;
      ids     := ids || v_failure.step_id;
      changes := changes || v_log.change;
      v_gated := v_gated || v_log.gated;
    end loop;
    v_failed := array(select distinct change.id >> 20
                        from unnest(ids, changes) as change (id, change)
                       where change.change = 'step in_progress -> error'
                       order by 1);
  end if;
  if cardinality(p_done_ids) > 0 then
    v_done := tasker._complete_steps(
      p_token, p_done_ids,
      case when p_results <> '{}'
           then array(select p_results -> id::text from unnest(p_done_ids) as id) end,
      case when p_seconds is not null
           then array(select (p_seconds ->> id::text)::real from unnest(p_done_ids) as id) end,
      p_now);
    v_children := v_done.children;
    v_sinks    := v_done.sinks;
    v_wide     := v_done.wide;
    v_gated    := v_gated || tasker._times(v_done.gated, v_done.amounts);
    v_amounts  := v_done.amounts;
  end if;

  v_log   := tasker._advance_rarely(p_done_ids, v_children, null, v_sinks, v_wide, v_amounts,
                                    v_failed, p_now, v_gated);
  ids     := ids || p_done_ids || v_log.ids;
  changes := changes
          || array_fill('step in_progress -> complete'::tasker.transition,
                        array[cardinality(p_done_ids)])
          || v_log.changes;
end;
$$;

comment on function tasker._finish is 'Applies outcomes of steps that were taken out of their claim, and all that follows. Returns the changes to record. Raises TK001.';
