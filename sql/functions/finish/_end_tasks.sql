create or replace function tasker._end_tasks (p_sinks bigint[], p_amounts jsonb, p_now timestamptz)
  returns bigint[]
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Counts finished sinks off their tasks (p_sinks are step_no 0 ids), and completes those that wait
-- for none any more. Nobody is waited for; nothing is done here while another transaction is at
-- one of these rows, or one is not plainly running.
--
-- Returns  the tasks completed, as step_no 0 ids; null when nothing was done
-- Locks    the tasks in id order
-- Calls    for those with deadlines _forget
declare
  v_is_free boolean;
  v_alarmed bigint[];
  v_ended   bigint[];
begin
  with wanted as materialized (
    select array(select tasker._task_of(id) from unnest(p_sinks) as id order by id) as ids
  ),
  busy as materialized (
    select from tasker.tasks as task
     where task.task_id = any ((select wanted.ids from wanted)::bigint[])
       and (task.xmax <> 0 or task.state <> 'in_progress' or task.finalize_externally)
     limit 1
  ),
  counted as (
    update tasker.tasks as task
       set open_sinks  = task.open_sinks
                         - coalesce((p_amounts ->> tasker._id_of_task(task.task_id)::text)::integer,
                                    1),
           state       = case when task.open_sinks
                                   = coalesce((p_amounts ->> tasker._id_of_task(task.task_id)::text)
                                                ::integer, 1)
                              then 'complete' else task.state end,
           finished_at = case when task.open_sinks
                                   = coalesce((p_amounts ->> tasker._id_of_task(task.task_id)::text)
                                                ::integer, 1)
                              then p_now end
     where task.task_id = any ((select wanted.ids from wanted)::bigint[])
       and task.state = 'in_progress'
       and not exists (select from busy)
    returning task.task_id, task.state, task.deadline
  ),
  closed as (
    delete from tasker.open_tasks as open
     where open.task_id = any (array(select counted.task_id from counted
                                      where counted.state = 'complete'))
  )
  select not exists (select from busy),
         array_agg(tasker._id_of_task(counted.task_id))
           filter (where counted.state = 'complete' and counted.deadline is not null),
         coalesce(array_agg(tasker._id_of_task(counted.task_id) order by counted.task_id)
                    filter (where counted.state = 'complete'), '{}')
    into v_is_free, v_alarmed, v_ended
    from counted;
  if v_alarmed is not null then
    perform tasker._forget(v_alarmed);
  end if;
  return case when v_is_free then v_ended end;
end;
$$;

comment on function tasker._end_tasks is 'Counts finished sinks off their tasks and completes those that wait for none any more. Null: somebody is at one of them, nothing was done.';
