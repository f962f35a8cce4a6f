create or replace function tasker._finalize (
  p_task_id   bigint,
  p_external  boolean,
  p_now       timestamptz,
  out state   tasker.task_state,
  out ids     bigint[],
  out changes tasker.transition[]
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Decides how a task ended that its last sink did not end: complete when every sink is closed (and
-- its processor finalizes it: p_external), error when it is blocked by failures and nothing
-- can still run. In a gated template the sinks of a task with a failed step close, too.
--
-- Returns  the state it is in now, and the changes to record (none: not ready, or ended before)
-- Locks    nothing: the caller holds the task
-- Calls    _is_active; with a deadline _forget
declare
  v_task tasker.tasks%rowtype;
begin
  ids     := '{}';
  changes := '{}';
  select task.* into v_task
    from tasker.tasks as task
   where task.task_id = p_task_id;
  if v_task.finished_at is null then
    if v_task.open_sinks = 0 and v_task.state = 'blocked_by_failures'
       and exists (select from tasker.steps as step
                    where step.step_id > tasker._id_of_task(p_task_id)
                      and step.step_id < tasker._id_of_task(p_task_id + 1)
                      and step.state = 'error') then
      state   := 'error';
      changes := '{task blocked_by_failures -> error}'::tasker.transition[];
    elsif v_task.open_sinks = 0 and (p_external or not v_task.finalize_externally) then
      state   := 'complete';
      changes := (case when v_task.state = 'blocked_by_failures'
                       then '{task blocked_by_failures -> in_progress,task in_progress -> complete}'
                       else '{task in_progress -> complete}' end)::tasker.transition[];
    elsif v_task.state = 'blocked_by_failures'
          and v_task.open_sinks > 0
          and not tasker._is_active(p_task_id) then
      state   := 'error';
      changes := '{task blocked_by_failures -> error}'::tasker.transition[];
    end if;
  end if;
  if state is null then
    state := v_task.state;
  else
    ids := array_fill(tasker._id_of_task(p_task_id), array[cardinality(changes)]);
    update tasker.tasks as task
       set state       = _finalize.state,
           finished_at = p_now
     where task.task_id = p_task_id;
    delete from tasker.open_tasks as open where open.task_id = p_task_id;
    if v_task.deadline is not null then
      perform tasker._forget(array[tasker._id_of_task(p_task_id)]);
    end if;
  end if;
  if v_task.finished_at is not null or cardinality(ids) > 0 then
    delete from tasker.unfinalized_tasks as unfinalized where unfinalized.task_id = p_task_id;
  end if;
end;
$$;

comment on function tasker._finalize is 'Decides how a task ended whose end is not its last sink''s: complete, error, or not yet.';
