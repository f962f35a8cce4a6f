create or replace function tasker._clean_up (
  p_task_id bigint,
  p_reason  text,
  p_now     timestamptz
)
  returns integer
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Cancels a task of a gated template and lets it clean up: open steps that a failure would stop end
-- in error, their workers are fenced off, and those behind them that run on failure, or in
-- the end, have their turn.
--
-- Returns  how many steps were ended; null when there was nothing to end, or this was done before
-- Locks    the open steps in id order, their timers, then as finishing steps
-- Calls    _last_error, _fail_undone, _forget, _advance_rarely, _waiting_for, _record
declare
  v_ids   bigint[];
  v_from  tasker.step_state[];
  v_begun tasker.transition[] := array[]::tasker.transition[];
  v_log   record;
begin
  with held as materialized (
    select step.step_id, step.template_id, step.state, step.waiting_parents
      from tasker.steps as step
     where step.step_id > p_task_id << 20
       and step.step_id < (p_task_id + 1) << 20
       and step.state in ('pending', 'enqueued', 'in_progress', 'waiting_for_retry', 'waiting')
     order by step.step_id
       for no key update
  )
  select array_agg(held.step_id order by held.step_id), array_agg(held.state order by held.step_id)
    into v_ids, v_from
    from held
    join tasker.template_steps as link on link.template_id = held.template_id
                                      and link.step_no = held.step_id & 1048575
   where link.features ->> 'run_on' in ('success', 'full_success')
     and (held.state <> 'pending' or held.waiting_parents = 0);
  if v_ids is null or exists (
       select from tasker.dead_steps as dead
         join tasker.steps as step on step.step_id = dead.step_id and step.claim_token is null
        where dead.step_id > p_task_id << 20
          and dead.step_id < (p_task_id + 1) << 20
          and tasker._last_error(dead.step_id) ->> 'code' = 'cancelled') then
    return null;
  end if;
  perform tasker._fail_undone(v_ids, array_fill(
    jsonb_build_object('type', 'Cancelled', 'code', 'cancelled',
                       'message', 'its task was cancelled: ' || p_reason),
    array[cardinality(v_ids)]), p_now);
  update tasker.steps as step
     set state = 'error', claim_token = null, finished_at = p_now
   where step.step_id = any (v_ids);
  delete from tasker.timers as timer where timer.step_id = any (v_ids);
  delete from tasker.parked_steps as parked where parked.step_id = any (v_ids);
  delete from tasker.undecided as undecided where undecided.step_id = any (v_ids);
  perform tasker._forget(v_ids);
  update tasker.tasks as task
     set state = 'in_progress', started_at = p_now
   where task.task_id = p_task_id
     and task.state = 'pending';
  if found then
    v_begun := '{task pending -> in_progress}';
  end if;
  v_log := tasker._advance_rarely(
    '{}', null, null, null, null, null, array[p_task_id], p_now, tasker._waiting_for(v_ids));
  perform tasker._record(
    array_fill(p_task_id << 20, array[cardinality(v_begun)]) || v_ids || v_log.ids,
    v_begun || array(select format('step %s -> error', state)::tasker.transition
                       from unnest(v_from) with ordinality as own (state, place) order by place)
      || v_log.changes,
    session_user, p_reason, p_now);
  return cardinality(v_ids);
end;
$$;

comment on function tasker._clean_up is 'Cancels a task and lets it clean up. Returns how many steps it ended; null when there was nothing to end.';
