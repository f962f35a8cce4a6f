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
-- {"step_id", "skip", "reason", "seconds"} for a step that its handler skipped, or {"step_id",
-- "again_after_seconds", "seconds"} for one that is to sleep; p_results and p_seconds are by
-- step_id, no results stand in their rows already (two hops).
--
-- Returns  the changes to record
-- Raises   TK001 when the token does not hold one of the steps
-- Locks    the steps, their timers, children and tasks, each in id order
-- Calls    _finish_others, _complete_steps, _end_alarmed, _times, _advance_rarely
declare
  v_all       constant bigint[] := p_done_ids;
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
    v_log    := tasker._finish_others(p_token, p_worker, p_failures, p_now);
    ids      := v_log.ids;
    changes  := v_log.changes;
    v_gated  := v_log.gated;
    v_failed := array(select distinct tasker._task_of(change.id)
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
    if v_done.alarmed is not null then
      v_log      := tasker._end_alarmed(v_done.alarmed, v_done.checks, p_token, p_worker, p_now);
      p_done_ids := v_log.plain || array(
        select id from unnest(p_done_ids) as id where id <> all (v_done.alarmed));
      ids        := ids || v_log.ids;
      changes    := changes || v_log.changes;
      v_failed   := array(
        select distinct id from unnest(v_failed || v_log.failed) as id order by 1);
      v_gated    := v_gated || v_log.gated;
    end if;
    v_children := v_done.children;
    v_sinks    := v_done.sinks;
    v_wide     := v_done.wide;
    v_gated    := v_gated || tasker._times(v_done.gated, v_done.amounts);
    v_amounts  := v_done.amounts;
  end if;

  v_log   := tasker._advance_rarely(v_all, v_children, null, v_sinks, v_wide, v_amounts,
                                    v_failed, p_now, v_gated);
  ids     := ids || p_done_ids || v_log.ids;
  changes := changes
          || array_fill('step in_progress -> complete'::tasker.transition,
                        array[cardinality(p_done_ids)])
          || v_log.changes;
end;
$$;

comment on function tasker._finish is 'Applies outcomes of steps that were taken out of their claim, and all that follows. Returns the changes to record. Raises TK001.';
