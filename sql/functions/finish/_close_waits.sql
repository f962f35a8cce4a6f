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
-- Calls    _wait_end, _fail_undone, _forget, _waiting_for
declare
  v_from    tasker.step_state[];
  v_states  tasker.step_state[];
  v_results jsonb[];
  v_errors  jsonb[];
  v_gated   boolean[];
begin
  select array_agg(own.step_id order by own.step_id), array_agg(own.was order by own.step_id),
         array_agg(own.state order by own.step_id), array_agg(own.result order by own.step_id),
         array_agg(own.error order by own.step_id), array_agg(own.gated order by own.step_id)
    into ids, v_from, v_states, v_results, v_errors, v_gated
    from (select step.step_id, step.state as was, over.state, over.result, over.error,
                 over.state <> 'error' or link.features ? 'run_on' as gated
            from unnest(p_step_ids) as wanted (step_id)
           cross join lateral (
                 select wait as own from tasker.waits as wait
                  where wait.step_id = wanted.step_id limit 1) as wait
           cross join lateral (
                 select step.step_id, step.state, step.template_id from tasker.steps as step
                  where step.step_id = wanted.step_id limit 1) as step
           cross join lateral (
                 select link.features from tasker.template_steps as link
                  where link.template_id = step.template_id
                    and link.step_no = (step.step_id & 1048575)::integer limit 1) as link
           cross join lateral tasker._wait_end(wait.own, link.features, p_now) as over
           where over.state is not null) as own;
  if ids is null then
    ids     := '{}';
    changes := '{}';
    failed  := '{}';
    gated   := '{}';
    return;
  end if;
  failed := tasker._fail_undone(ids, v_errors, p_now, v_states);
  update tasker.steps as step
     set state       = v_states[width_bucket(step.step_id, ids)],
         result      = v_results[width_bucket(step.step_id, ids)],
         claim_token = null,
         finished_at = p_now
   where step.step_id = any (ids);
  delete from tasker.timers as timer where timer.step_id = any (ids);
  delete from tasker.parked_steps as parked where parked.step_id = any (ids);
  perform tasker._forget(ids);
  changes := array(select format('step %s -> %s', own.was, own.state)::tasker.transition
                     from unnest(v_from, v_states) with ordinality as own (was, state, place)
                    order by own.place);
  gated   := tasker._waiting_for(array(
    select own.step_id from unnest(ids, v_gated) as own (step_id, gated) where own.gated));
end;
$$;

comment on function tasker._close_waits is 'Ends those of some waiting steps whose wait is over.';
