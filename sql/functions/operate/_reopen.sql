create or replace function tasker._reopen (
  p_task_id   bigint,
  p_now       timestamptz,
  out ids     bigint[],
  out changes tasker.transition[]
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Looks at a task again after an operator dealt with one of its failed steps: it goes on, stays
-- blocked by the others, or is complete.
--
-- Returns  the changes to record
-- Raises   TK003 when the task was cancelled or resolved
-- Locks    the task, then the tick of a schedule that made it, and its alarm
-- Calls    _finalize; with a deadline _move_deadline
declare
  v_task    tasker.tasks%rowtype;
  v_failing boolean;
  v_log     record;
begin
  changes := '{}';
  -- A write where a lock would do: operators with older snapshots do not see each other's steps.
  update tasker.tasks as task
     set state = task.state
   where task.task_id = p_task_id
  returning task.* into v_task;
  if v_task.state in ('cancelled', 'resolved_manually') then
    raise exception 'illegal transition'
      using errcode = 'TK003',
            detail  = format('the task is %s', v_task.state);
  end if;
  v_failing := exists (select from tasker.steps as step
                        where step.step_id > tasker._id_of_task(p_task_id)
                          and step.step_id < tasker._id_of_task(p_task_id + 1)
                          and step.state = 'error');
  if v_task.state = 'error' then
    changes := '{task error -> in_progress}';
  elsif v_task.state = 'blocked_by_failures' and not v_failing then
    changes := '{task blocked_by_failures -> in_progress}';
  end if;
  if v_task.state = 'error' and v_failing then
    changes := changes || 'task in_progress -> blocked_by_failures'::tasker.transition;
  end if;

  if cardinality(changes) > 0 then
    update tasker.tasks as task
       set state       = case when v_failing then 'blocked_by_failures'::tasker.task_state
                              else 'in_progress' end,
           finished_at = null
     where task.task_id = p_task_id;
    insert into tasker.open_tasks (task_id) values (p_task_id) on conflict (task_id) do nothing;
    update tasker.schedule_ticks as tick set is_open = true where tick.task_id = p_task_id;
    if v_task.deadline > p_now then
      perform tasker._move_deadline(p_task_id, v_task.deadline);
    end if;
    if v_failing or v_task.open_sinks = 0 then
      insert into tasker.unfinalized_tasks (task_id, since)
      values (p_task_id, p_now)
      on conflict (task_id) do nothing;
    else
      delete from tasker.unfinalized_tasks as unfinalized where unfinalized.task_id = p_task_id;
    end if;
  end if;
  ids     := array_fill(tasker._id_of_task(p_task_id), array[cardinality(changes)]);
  v_log   := tasker._finalize(p_task_id, false, p_now);
  ids     := ids || v_log.ids;
  changes := changes || v_log.changes;
end;
$$;

comment on function tasker._reopen is 'Looks at a task again after an operator dealt with a failed step. Returns the changes to record.';
