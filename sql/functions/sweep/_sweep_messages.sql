create or replace function tasker._sweep_messages (p_limit integer, p_now timestamptz)
  returns integer
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Looks through open tasks in turns for steps that should be in a queue and are not: at ten tasks
-- for each of p_limit, at most 2000, and at 8000 steps, so that a call costs the same behind any
-- backlog. One sweeper at a time; what is paused is left alone until it is resumed.
--
-- Returns  how many messages were sent again
-- Locks    the cursor (skipped when another sweeper has it), steps
-- Calls    _restore_messages
declare
  v_most   constant integer := least(p_limit, 200) * 10;
  v_cursor bigint;
  v_tasks  bigint[];
  v_seen   record;
begin
  select sweep.position into v_cursor
    from tasker.sweep_cursors as sweep
   where sweep.action = 'lost_messages'
     for update skip locked;
  if not found then
    return 0;
  end if;
  v_tasks := array(
    select open.task_id from tasker.open_tasks as open
     where open.task_id >= tasker._task_of(v_cursor)
     order by open.task_id limit v_most);
  select array_agg(step.step_id) filter (where step.is_old) as step_ids,
         array_agg(step.template_id) filter (where step.is_old) as template_ids,
         array_agg(step.priority) filter (where step.is_old) as priorities,
         array_agg(step.enqueued_at) filter (where step.is_old) as enqueued,
         case when count(*) = 8000 then max(step.step_id)
              when cardinality(v_tasks) = v_most then tasker._id_of_task(v_tasks[v_most] + 1)
              else 0 end as upto
    into v_seen
    from (select step.*,
                 step.state = 'enqueued'
                   and step.enqueued_at < p_now - interval '5 seconds' as is_old
            from unnest(v_tasks) as task (task_id)
           cross join lateral (
                 select step.step_id, step.template_id, step.priority, step.state,
                        step.enqueued_at
                   from tasker.steps as step
                  where step.step_id > greatest(tasker._id_of_task(task.task_id), v_cursor)
                    and step.step_id < tasker._id_of_task(task.task_id + 1)
                  order by step.step_id
                 offset 0) as step
           limit 8000) as step;
  if v_seen.upto <> v_cursor then
    update tasker.sweep_cursors as sweep
       set position = v_seen.upto
     where sweep.action = 'lost_messages';
  end if;
  return tasker._restore_messages(v_seen.step_ids, v_seen.template_ids, v_seen.priorities,
                                  v_seen.enqueued, p_now - interval '5 seconds', p_now);
end;
$$;

comment on function tasker._sweep_messages is 'Looks through open tasks in turns for enqueued steps without a message. Returns how many were sent again.';
