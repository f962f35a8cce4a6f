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
-- Counts finished sinks off their tasks, and ends the tasks that wait for none any more. p_task_ids are the
-- tasks' step_no 0 ids, p_amounts those with other than one finished sink. A task in error or blocked by
-- failures is counted too, but ends elsewhere: an operator settles its failed steps one by one.
--
-- Returns  the changes to record
-- Locks    the tasks in id order
declare
  v_external bigint[];
begin
  ids     := '{}';
  changes := '{}';
  if cardinality(p_task_ids) = 0 then
    return;
  end if;
  with counted as (
    update tasker.tasks as task
       set open_sinks  = task.open_sinks - coalesce((p_amounts ->> (task.task_id << 20)::text)::integer, 1),
           state       = case when task.state not in ('pending', 'in_progress') then task.state
                              when task.open_sinks = coalesce((p_amounts ->> (task.task_id << 20)::text)::integer, 1)
                                   and not task.finalize_externally then 'complete'
                              else 'in_progress' end,
           finished_at = case when task.state not in ('pending', 'in_progress') then task.finished_at
                              when task.open_sinks = coalesce((p_amounts ->> (task.task_id << 20)::text)::integer, 1)
                                   and not task.finalize_externally then p_now end,
           started_at  = coalesce(task.started_at, p_now)
     where task.task_id = any (array(select id >> 20 from unnest(p_task_ids) as id))
       and task.state in ('pending', 'in_progress', 'blocked_by_failures', 'error')
    returning task.task_id, task.open_sinks, task.state, task.started_at = p_now as begun
  ),
  change as (
    select task_id << 20 as id, 'task pending -> in_progress'::tasker.transition as change from counted where begun
    union all
    select task_id << 20, 'task in_progress -> complete' from counted where state = 'complete'
  )
  select (select array_agg(task_id) from counted where state = 'in_progress' and open_sinks = 0),
         coalesce((select array_agg(change.id order by change.change) from change), '{}'),
         coalesce((select array_agg(change.change order by change.change) from change), '{}')
    into v_external, ids, changes;

  delete from tasker.open_tasks as open
   where open.task_id = any (array(select id >> 20 from unnest(ids, changes) as change (id, change)
                                    where change.change = 'task in_progress -> complete'));
  if v_external is not null then
    insert into tasker.unfinalized_tasks (task_id, since)
    select task_id, p_now from unnest(v_external) as task_id
    on conflict (task_id) do nothing;
  end if;
end;
$$;

comment on function tasker._count_down_tasks is 'Counts finished sinks off their tasks and completes those that wait for none any more.';
