create or replace function tasker._end_undone (
  p_step_ids  bigint[],
  p_states    tasker.step_state[],
  p_results   jsonb[],
  p_errors    jsonb[],
  p_now       timestamptz,
  out changes tasker.transition[],
  out failed  bigint[],
  out gated   bigint[]
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Ends steps (in order) that no worker ended, in the states given, with a result or an error each.
-- A worker that holds one is fenced off, and what it left behind goes.
--
-- Returns  the change of each; the tasks in which one failed; and who is to look at those that
--          ended (step_no 0: their task), once for each: children in gated templates, and of all
--          that did not fail
-- Locks    nothing: the caller holds the steps
-- Calls    _fail_undone, _forget, _waiting_for
declare
  v_told bigint[];
begin
  select array_agg(format('step %s -> %s', step.state, own.state)::tasker.transition
                   order by own.place),
         array_agg(step.step_id) filter (where own.state <> 'error' or link.features ? 'run_on')
    into changes, v_told
    from unnest(p_step_ids, p_states) with ordinality as own (step_id, state, place)
   cross join lateral (
         select step.step_id, step.state, step.template_id from tasker.steps as step
          where step.step_id = own.step_id limit 1) as step
   cross join lateral (
         select link.features from tasker.template_steps as link
          where link.template_id = step.template_id
            and link.step_no = tasker._step_no(step.step_id) limit 1) as link;
  failed := tasker._fail_undone(p_step_ids, p_errors, p_now, p_states);
  update tasker.steps as step
     set state       = p_states[width_bucket(step.step_id, p_step_ids)],
         result      = p_results[width_bucket(step.step_id, p_step_ids)],
         claim_token = null,
         finished_at = p_now
   where step.step_id = any (p_step_ids);
  delete from tasker.timers as timer where timer.step_id = any (p_step_ids);
  delete from tasker.parked_steps as parked where parked.step_id = any (p_step_ids);
  delete from tasker.undecided as undecided where undecided.step_id = any (p_step_ids);
  delete from tasker.checkpoints as saved
   where saved.step_id = any (array(
           select own.step_id from unnest(p_step_ids, p_states) as own (step_id, state)
            where own.state <> 'error'));
  perform tasker._forget(p_step_ids);
  gated := tasker._waiting_for(coalesce(v_told, '{}'));
end;
$$;

comment on function tasker._end_undone is 'Ends steps that no worker ended, in the states given.';
