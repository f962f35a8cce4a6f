create or replace function tasker._close_waits (
  p_step_ids  bigint[],
  p_now       timestamptz,
  out ids     bigint[],
  out changes tasker.transition[],
  out failed  bigint[],
  out gated   bigint[]
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Ends those of some waiting steps whose wait is over. Who looks at a condition meanwhile is fenced
-- off.
--
-- Returns  the changes to record; the tasks in which one failed; and who waits for those that ended
--          (step_no 0: their task), once for each
-- Locks    nothing: the caller has written the rows
-- Calls    _wait_end, _end_undone
declare
  v_states  tasker.step_state[];
  v_results jsonb[];
  v_errors  jsonb[];
  v_log     record;
begin
  select array_agg(own.step_id order by own.step_id), array_agg(own.state order by own.step_id),
         array_agg(own.result order by own.step_id), array_agg(own.error order by own.step_id)
    into ids, v_states, v_results, v_errors
    from (select step.step_id, over.state, over.result, over.error
            from unnest(p_step_ids) as wanted (step_id)
           cross join lateral (
                 select wait as own from tasker.waits as wait
                  where wait.step_id = wanted.step_id limit 1) as wait
           cross join lateral (
                 select step.step_id, step.template_id from tasker.steps as step
                  where step.step_id = wanted.step_id limit 1) as step
           cross join lateral (
                 select link.features from tasker.template_steps as link
                  where link.template_id = step.template_id
                    and link.step_no = tasker._step_no(step.step_id) limit 1) as link
           cross join lateral tasker._wait_end(wait.own, link.features, p_now) as over
           where over.state is not null) as own;
  if ids is null then
    ids     := '{}';
    changes := '{}';
    failed  := '{}';
    gated   := '{}';
    return;
  end if;
  v_log   := tasker._end_undone(ids, v_states, v_results, v_errors, p_now);
  changes := v_log.changes;
  failed  := v_log.failed;
  gated   := v_log.gated;
end;
$$;

comment on function tasker._close_waits is 'Ends those of some waiting steps whose wait is over.';
