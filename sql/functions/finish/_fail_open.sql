create or replace function tasker._fail_open (
  p_task_id   bigint,
  p_error     jsonb,
  p_now       timestamptz,
  out ids     bigint[],
  out changes tasker.transition[],
  out ended   integer
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Ends the open steps of a task that a failure would stop, in error, and all that follows. Those
-- behind them that run on failure, or in the end, have their turn, and those that do so already go
-- on; in a plain template the task ends in error.
--
-- Returns  the changes to record, and how many steps it ended
-- Locks    the open steps in id order, then as finishing steps
-- Calls    _end_undone, _advance_rarely
declare
  v_own   bigint[];
  v_log   record;
  v_after record;
begin
  with held as materialized (
    select step.step_id, step.template_id, step.state, step.waiting_parents
      from tasker.steps as step
     where step.step_id > tasker._id_of_task(p_task_id)
       and step.step_id < tasker._id_of_task(p_task_id + 1)
       and step.state in ('pending', 'enqueued', 'in_progress', 'waiting_for_retry', 'waiting')
     order by step.step_id
       for no key update
  )
  select coalesce(array_agg(held.step_id order by held.step_id), '{}')
    into v_own
    from held
    join tasker.template_steps as link on link.template_id = held.template_id
                                      and link.step_no = tasker._step_no(held.step_id)
   where coalesce(link.features ->> 'run_on', 'success') in ('success', 'full_success')
     and (held.state <> 'pending' or held.waiting_parents = 0);
  ended   := cardinality(v_own);
  ids     := '{}';
  changes := '{}';
  if ended = 0 then
    return;
  end if;
  v_log := tasker._end_undone(v_own, array_fill('error'::tasker.step_state, array[ended]),
                              array_fill(null::jsonb, array[ended]),
                              array_fill(p_error, array[ended]), p_now);
  update tasker.tasks as task
     set state = 'in_progress', started_at = p_now
   where task.task_id = p_task_id
     and task.state = 'pending';
  if found then
    ids     := array[tasker._id_of_task(p_task_id)];
    changes := '{task pending -> in_progress}';
  end if;
  v_after := tasker._advance_rarely(
    '{}', null, null, null, null, null, array[p_task_id], p_now, nullif(v_log.gated, '{}'));
  ids     := ids || v_own || v_after.ids;
  changes := changes || v_log.changes || v_after.changes;
end;
$$;

comment on function tasker._fail_open is 'Ends the open steps of a task that a failure would stop, in error, and all that follows.';
