create or replace function tasker._close_task (
  p_task_id  bigint,
  p_to_state tasker.task_state,
  p_reason   text,
  p_now      timestamptz
)
  returns integer
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Ends a task by decision: its open steps are cancelled, their workers are fenced off. Steps
-- in error stay so, but are locked too, so that nobody retries one meanwhile.
--
-- Returns  how many steps were cancelled; null when the task has ended so before
-- Raises   TK003 when the task has ended otherwise meanwhile
-- Locks    its open and failed steps in id order, their timers, the task
-- Calls    _forget, _record
declare
  v_from  text;
  v_ids   bigint[];
  v_moves tasker.transition[];
begin
  with held as materialized (
    select step.step_id, step.state
      from tasker.steps as step
     where step.step_id > tasker._id_of_task(p_task_id)
       and step.step_id < tasker._id_of_task(p_task_id + 1)
       and step.state in ('pending', 'enqueued', 'in_progress', 'waiting_for_retry', 'waiting',
                          'error')
     order by step.step_id
       for no key update
  )
  select coalesce(array_agg(held.step_id order by held.step_id), '{}'),
         coalesce(array_agg(format('step %s -> cancelled', held.state)::tasker.transition
                            order by held.step_id),
                  '{}')
    into v_ids, v_moves
    from held
   where held.state <> 'error';
  update tasker.steps as step
     set state = 'cancelled', finished_at = p_now
   where step.step_id = any (v_ids);
  delete from tasker.timers as timer where timer.step_id = any (v_ids);
  delete from tasker.parked_steps as parked where parked.step_id = any (v_ids);
  delete from tasker.checkpoints as saved
   where saved.step_id > tasker._id_of_task(p_task_id)
     and saved.step_id < tasker._id_of_task(p_task_id + 1);
  perform tasker._forget(v_ids);
  delete from tasker.dead_steps as dead
   where dead.step_id > tasker._id_of_task(p_task_id)
     and dead.step_id < tasker._id_of_task(p_task_id + 1);

  select task.state::text into v_from
    from tasker.tasks as task
   where task.task_id = p_task_id
     for no key update;
  if v_from = p_to_state::text then
    return null;
  end if;
  if v_from not in ('pending', 'in_progress', 'blocked_by_failures')
     and not (v_from = 'error' and p_to_state = 'resolved_manually') then
    raise exception 'illegal transition'
      using errcode = 'TK003',
            detail  = format('the task is %s; it cannot become %s', v_from, p_to_state);
  end if;
  update tasker.tasks as task
     set state = p_to_state, finished_at = p_now
   where task.task_id = p_task_id;
  perform tasker._forget(array[tasker._id_of_task(p_task_id)]);
  delete from tasker.open_tasks as open where open.task_id = p_task_id;
  delete from tasker.unfinalized_tasks as unfinalized where unfinalized.task_id = p_task_id;
  perform tasker._record(
    v_ids || tasker._id_of_task(p_task_id),
    v_moves || format('task %s -> %s', v_from, p_to_state)::tasker.transition,
    session_user, p_reason, p_now);
  return cardinality(v_ids);
end;
$$;

comment on function tasker._close_task is 'Ends a task by decision (cancelled, resolved_manually), cancelling its open steps. Returns how many; null when it has ended so before. Raises TK003.';
