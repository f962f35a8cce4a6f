create or replace function tasker._count_down_tasks (
  p_task_ids  bigint[],
  p_amounts   jsonb,
  p_now       timestamptz,
  out ids     bigint[],
  out changes tasker.transition[]
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Counts finished sinks off their tasks, and ends the tasks that wait for none any more. p_task_ids
-- are the tasks' step_no 0 ids, p_amounts those with other than one finished sink. A task in error
-- or blocked by failures is counted too, but ends elsewhere: an operator settles its failed steps
-- one by one.
--
-- Returns  the changes to record
-- Locks    the tasks in id order
-- Calls    for those with deadlines _forget
declare
  v_external bigint[];
  v_alarmed  bigint[];
begin
  ids     := '{}';
  changes := '{}';
  if cardinality(p_task_ids) = 0 then
    return;
  end if;
  with counted as (
    update tasker.tasks as task
       set open_sinks  = task.open_sinks
                         - coalesce((p_amounts ->> tasker._id_of_task(task.task_id)::text)::integer,
                                    1),
           state       = case when task.state = 'in_progress'
                                   and not task.finalize_externally
                                   and task.open_sinks = coalesce(
                                         (p_amounts ->> tasker._id_of_task(task.task_id)::text)
                                           ::integer, 1)
                              then 'complete'
                              else task.state end,
           finished_at = case when task.state = 'in_progress'
                                   and not task.finalize_externally
                                   and task.open_sinks = coalesce(
                                         (p_amounts ->> tasker._id_of_task(task.task_id)::text)
                                           ::integer, 1)
                              then p_now
                              else task.finished_at end
     where task.task_id = any (array(select tasker._task_of(id) from unnest(p_task_ids) as id))
       and task.state in ('in_progress', 'blocked_by_failures', 'error')
    returning task.task_id, task.open_sinks, task.state, task.deadline
  )
  select array_agg(task_id) filter (where state = 'in_progress' and open_sinks = 0),
         array_agg(tasker._id_of_task(task_id))
           filter (where state = 'complete' and deadline is not null),
         coalesce(array_agg(tasker._id_of_task(task_id) order by task_id)
                    filter (where state = 'complete'), '{}')
    into v_external, v_alarmed, ids
    from counted;

  changes := array_fill('task in_progress -> complete'::tasker.transition, array[cardinality(ids)]);
  delete from tasker.open_tasks as open
   where open.task_id = any (array(select tasker._task_of(id) from unnest(ids) as id));
  if v_alarmed is not null then
    perform tasker._forget(v_alarmed);
  end if;
  if v_external is not null then
    insert into tasker.unfinalized_tasks (task_id, since)
    select task_id, p_now from unnest(v_external) as task_id
    on conflict (task_id) do nothing;
  end if;
end;
$$;

comment on function tasker._count_down_tasks is 'Counts finished sinks off their tasks and completes those that wait for none any more.';
